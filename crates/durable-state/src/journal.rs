use crate::opening::open_regular;
use crate::sealed::{Sealed, whole};
use crate::{Disk, Step, at};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read as _, Take};
use std::path::{Path, PathBuf};

/// A file that grows at its end and is emptied as a whole.
///
/// What was appended is there after a loss of power, or, if that was refused, is not; a start finds at most the piece of one
/// write more, which [`next_line`] passes over.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// Bytes that count.
    length: u64,
    /// A refused write may still stand behind the end, where a start would find it.
    tail_in_doubt: bool,
}

impl Journal {
    /// The journal at this path, which counts as empty until [`Self::read`].
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), length: 0, tail_in_doubt: false }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes in it.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether there is nothing in it, nor perhaps behind its end.
    pub fn is_settled(&self) -> bool {
        self.length == 0 && !self.tail_in_doubt
    }

    /// Reads it from its beginning; none where there is no file, or something else has its name.
    ///
    /// The first time, all that the file has counts; afterwards what was appended, and not what a refused write left.
    pub fn read(&mut self) -> io::Result<Option<BufReader<Take<File>>>> {
        let file = match open_regular(&self.path, OpenOptions::new().read(true)) {
            Ok(Some(file)) => file,
            Ok(None) => {
                // Nothing of ours is in it. A tenant starts with what else it has, and appends are refused.
                log::error!("{} is no regular file, nothing can be kept in it", self.path.display());
                return Ok(None);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(&self.path)(error)),
        };
        if self.length == 0 {
            self.length = file.metadata()?.len();
        }
        Ok(Some(BufReader::new(file.take(self.length))))
    }

    /// Appends a line, durably: a line break, and the text. It starts with a line break of its own, so that a piece of the
    /// line before cannot spoil it.
    ///
    /// Errors: nothing of it counts, nor will the next append be affected.
    pub fn append<W: Fn(&mut dyn io::Write) -> io::Result<()>>(
        &mut self,
        disk: &impl Disk,
        line: &Sealed<W>,
    ) -> io::Result<()> {
        self.settle(disk)?;
        let mut offset = self.length;
        let written = line.in_pieces(b"\n", &mut |bytes, is_last| {
            let (path, added) = (self.path.clone(), bytes.len() as u64);
            let step = match is_last {
                true => Step::Append { path, offset, bytes },
                false => Step::Extend { path, offset, bytes },
            };
            offset += added;
            disk.perform(&step)
        });
        if let Err(error) = written {
            self.tail_in_doubt = true;
            if let Err(error) = self.settle(disk) {
                log::error!(
                    "a refused change cannot be taken back from {} yet: {error}",
                    self.path.display()
                );
            }
            return Err(error);
        }
        self.length = offset;
        Ok(())
    }

    /// Takes what a refused write may have left away, if there was one.
    ///
    /// Errors: it may be there yet.
    pub fn settle(&mut self, disk: &impl Disk) -> io::Result<()> {
        if self.tail_in_doubt {
            disk.perform(&Step::Truncate { path: self.path.clone(), length: self.length })?;
            self.tail_in_doubt = false;
        }
        Ok(())
    }

    /// Empties it, durably.
    pub fn clear(&mut self, disk: &impl Disk) -> io::Result<()> {
        disk.perform(&Step::Truncate { path: self.path.clone(), length: 0 })?;
        (self.length, self.tail_in_doubt) = (0, false);
        Ok(())
    }
}

/// The text of the next line that arrived whole; `None` at the end.
///
/// Holds one line at a time; of a line longer than `longest` bytes, pieces of that length are passed over.
pub fn next_line(reader: &mut impl BufRead, longest: u64) -> io::Result<Option<String>> {
    loop {
        let mut line = Vec::new();
        if read_line(reader, longest, &mut line)? == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.is_empty() {
            continue;
        }
        match whole(&line).map(str::len) {
            // A line may be most of what is kept: it is not copied.
            Some(text) => {
                line.drain(..line.len() - text);
                return Ok(String::from_utf8(line).ok());
            }
            None => log::warn!("passing over {} bytes of a journal that did not arrive whole", line.len()),
        }
    }
}

/// Reads up to a line break, which is read too, or so many bytes; tells how many were read.
///
/// The buffer grows by a quarter, not to the double: a line may be most of what is kept.
fn read_line(reader: &mut impl BufRead, longest: u64, line: &mut Vec<u8>) -> io::Result<usize> {
    let longest = usize::try_from(longest).unwrap_or(usize::MAX);
    loop {
        let found = reader.fill_buf()?;
        let room = longest.saturating_sub(line.len()).min(found.len());
        let end = found.get(..room).and_then(|found| found.iter().position(|byte| *byte == b'\n'));
        let end = end.map(|at| at + 1);
        let taken = end.unwrap_or(room);
        if line.capacity() - line.len() < taken {
            line.reserve_exact(taken.max(line.len() / 4));
        }
        line.extend_from_slice(found.get(..taken).unwrap_or_default());
        reader.consume(taken);
        if end.is_some() || taken == 0 {
            return Ok(line.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RealDisk;
    use crate::simulation::every_cut;
    use std::io::Write;

    fn append(journal: &mut Journal, disk: &impl Disk, text: &str) -> io::Result<()> {
        journal.append(disk, &Sealed::new(|out: &mut dyn Write| out.write_all(text.as_bytes()))?)
    }

    fn encoded(text: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::at(folder.path().join("journal"));
        append(&mut journal, &RealDisk, text).unwrap();
        let bytes = std::fs::read(journal.path()).unwrap();
        assert_eq!(journal.length(), bytes.len() as u64);
        bytes
    }

    fn lines(path: &Path) -> Vec<String> {
        let mut reader = Journal::at(path).read().unwrap().into_iter().next();
        let next = || reader.as_mut().and_then(|reader| next_line(reader, 1024).unwrap());
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_line_is_there_whole_or_not_at_all_and_what_was_answered_is_there() {
        let append_to = |folder: &Path, disk: &dyn Fn(&mut Journal, &str) -> io::Result<()>, text: &str| {
            let mut journal = Journal::at(folder.join("journal"));
            journal.read()?;
            disk(&mut journal, text)
        };
        let ways = every_cut(
            |folder| append_to(folder, &|journal, line| append(journal, &RealDisk, line), "first").unwrap(),
            |folder, disk| append_to(folder, &|journal, line| append(journal, disk, line), "second").is_ok(),
            |folder, cut, was_answered| {
                let found = lines(&folder.join("journal"));
                let expected: &[&str] = if found.len() == 2 { &["first", "second"] } else { &["first"] };
                assert_eq!(found, expected, "{cut:?}");
                assert!(!was_answered || found.len() == 2, "{cut:?}");
                // What a torn line left does not spoil the next.
                append_to(folder, &|journal, line| append(journal, &RealDisk, line), "third").unwrap();
                assert_eq!(lines(&folder.join("journal")).last().map(String::as_str), Some("third"));
            },
        );
        assert!(ways > 50, "{ways}");
    }

    #[test]
    fn a_long_line_is_there_whole_or_not_at_all_too() {
        let (first, second) = ("1".repeat(70_000), "2".repeat(200_000));
        let found = |folder: &Path| {
            let mut reader = Journal::at(folder.join("journal")).read().unwrap().unwrap();
            std::iter::from_fn(|| next_line(&mut reader, 1 << 20).unwrap())
                .map(|line| line.len())
                .collect::<Vec<_>>()
        };
        let append_to = |folder: &Path, disk: &dyn Fn(&mut Journal) -> io::Result<()>| {
            let mut journal = Journal::at(folder.join("journal"));
            journal.read()?;
            disk(&mut journal)
        };
        every_cut(
            |folder| append_to(folder, &|journal| append(journal, &RealDisk, &first)).unwrap(),
            |folder, disk| append_to(folder, &|journal| append(journal, disk, &second)).is_ok(),
            |folder, cut, was_answered| {
                let found = found(folder);
                assert!(
                    found == [70_000, 200_000] || found == [70_000] && !was_answered,
                    "{cut:?}: {found:?}"
                );
            },
        );
    }

    #[test]
    fn what_is_no_regular_file_is_no_journal_and_does_not_make_it_wait() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("elsewhere"), encoded("first")).unwrap();
        std::os::unix::fs::symlink("elsewhere", at("link")).unwrap();
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for name in ["link", "pipe"] {
            let mut journal = Journal::at(at(name));
            assert!(journal.read().unwrap().is_none(), "{name}");
            let refused = append(&mut journal, &RealDisk, "x").unwrap_err().to_string();
            assert!(refused.contains(name) && refused.contains("it is no regular file"), "{refused}");
        }
    }

    #[test]
    fn a_journal_with_any_one_bit_flipped_gives_no_other_line() {
        let text = encoded("{\"some\": 1}");
        for bit in 0..text.len() * 8 {
            let mut text = text.clone();
            text[bit / 8] ^= 1 << (bit % 8);
            let found = next_line(&mut &*text, 1024).unwrap();
            assert!(found.is_none_or(|line| line == "{\"some\": 1}"), "bit {bit}");
        }
    }
}
