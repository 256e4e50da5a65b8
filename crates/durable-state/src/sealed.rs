use crate::checksum::{BEGINNING, add};
use crate::opening::open_regular;
use std::fs::OpenOptions;
use std::io::{self, BufReader, Read as _, Write};
use std::path::Path;

/// Bytes before the text: the sum's 16 digits and a blank.
const SUM: usize = 17;
/// Bytes that are written at once.
const PIECE: usize = 64 * 1024;

/// A text with its checksum before it: 16 hexadecimal digits, a blank, the text, which has no line breaks, a line break.
///
/// It is never in memory as a whole, but written each time that it is needed: it may be most of what is kept.
pub struct Sealed<W> {
    write: W,
    length: u64,
    sum: u64,
}

impl<W> std::fmt::Debug for Sealed<W> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sealed").field("length", &self.length).field("sum", &self.sum).finish()
    }
}

impl<W: Fn(&mut dyn Write) -> io::Result<()>> Sealed<W> {
    /// The text that `write` writes, the same each time. Errors: those of `write`.
    pub fn new(write: W) -> io::Result<Self> {
        let mut counted = Counted { bytes: 0, sum: BEGINNING };
        write(&mut counted)?;
        Ok(Self { write, length: sealed_length(counted.bytes), sum: counted.sum })
    }

    /// Its bytes, with all that is around the text.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Writes it. Errors: those of `out`.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{:016x} ", self.sum)?;
        (self.write)(out)?;
        out.write_all(b"\n")
    }

    /// Whether a regular file says just this. What cannot be read does not.
    pub fn is_in(&self, path: &Path) -> bool {
        let Ok(Some(file)) = open_regular(path, OpenOptions::new().read(true)) else { return false };
        let has_length = file.metadata().is_ok_and(|found| found.len() == self.length);
        has_length && self.write_to(&mut Comparing(BufReader::new(file))).is_ok()
    }

    /// Hands it out in pieces of which none is large: each with whether it is the last.
    pub(crate) fn in_pieces(
        &self,
        beginning: &[u8],
        take: &mut dyn FnMut(Vec<u8>, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut pieces = Pieces { piece: beginning.to_vec(), take };
        self.write_to(&mut pieces)?;
        (pieces.take)(pieces.piece, true)
    }
}

/// Bytes of a text of so many bytes with all that is around it.
pub const fn sealed_length(text: u64) -> u64 {
    text.saturating_add(SUM as u64 + 1)
}

/// The text that was sealed; `None` when a byte has changed since.
pub fn unseal(bytes: &[u8]) -> Option<&str> {
    whole(bytes.strip_suffix(b"\n")?)
}

/// The same without its line break.
pub(crate) fn whole(line: &[u8]) -> Option<&str> {
    let (sum, text) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    (sum == crate::checksum::in_words(text.as_bytes())).then_some(text)
}

/// Takes a text's length and sum, and nothing else.
struct Counted {
    bytes: u64,
    sum: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        self.sum = add(self.sum, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes what a file says; anything else is an error.
struct Comparing<R>(BufReader<R>);

impl<R: io::Read> Write for Comparing<R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut found = [0; 1024];
        let taken = bytes.len().min(found.len());
        let found = found.get_mut(..taken).unwrap_or_default();
        self.0.read_exact(found)?;
        if bytes.starts_with(found) { Ok(taken) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gathers what is written into pieces.
struct Pieces<'t> {
    piece: Vec<u8>,
    take: &'t mut dyn FnMut(Vec<u8>, bool) -> io::Result<()>,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() >= PIECE {
            (self.take)(std::mem::take(&mut self.piece), false)?;
        }
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(text: &[u8]) -> Vec<u8> {
        let sealed = Sealed::new(|out: &mut dyn Write| out.write_all(text)).unwrap();
        let mut bytes = Vec::new();
        sealed.write_to(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, sealed.length());
        let mut pieces = Vec::new();
        sealed
            .in_pieces(b"", &mut |piece, is_last| {
                assert!(piece.len() == PIECE || is_last);
                pieces.extend(piece);
                Ok(())
            })
            .unwrap();
        assert_eq!(pieces, bytes);
        bytes
    }

    #[test]
    fn a_sealed_text_with_any_one_bit_flipped_is_none() {
        let bytes = sealed(b"{\"some\": 1}");
        assert_eq!(unseal(&bytes), Some("{\"some\": 1}"));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unseal(&damaged), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(unseal(&bytes[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn a_text_of_any_length_is_written_in_pieces_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for length in [0, 1, PIECE - SUM - 1, PIECE - SUM, PIECE, 3 * PIECE] {
            let text = vec![b'x'; length];
            std::fs::write(&path, sealed(&text)).unwrap();
            let same =
                |text: &[u8]| Sealed::new(|out: &mut dyn Write| out.write_all(text)).unwrap().is_in(&path);
            assert!(same(&text), "{length}");
            assert!(!same(&vec![b'y'; length]) || length == 0, "{length}");
            assert!(!same(&vec![b'x'; length + 1]), "{length}");
        }
    }
}
