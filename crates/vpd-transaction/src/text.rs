//! The journal as text: one line for each fact, bytes as hexadecimal digits.

use crate::{Check, ChipChange, DEFAULT_PAGE, Direction, Journal, PAGE_SIZES, PageChange, Rest, VpdWindow};
use core::fmt::Write as _;
use core::ops::Range;
use core::str::FromStr;
use vpd_format::ipz::TocEntry;

/// What a journal may have at most; none that is written has more.
const CHIPS: usize = 4;
const PAGES: usize = 8_192;
const PAGE_BYTES: usize = 1 << 20;
const RECORDS: usize = 1_024;
const RANGES: usize = 4_096;
/// Longest path and key, bytes.
const LONGEST: usize = 4_096;

/// What is wrong with a journal's text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct JournalError {
    /// Which line, from 1.
    pub line: usize,
    /// What.
    pub what: &'static str,
}

impl Journal {
    /// Writes the text, lines without their ends.
    ///
    /// Shape: `key`, `power-off-only`, `backup`, `direction`; for each chip `chip KEY`, `fru KEY`, `path PATH`, `window OFFSET SIZE|rest`, `page-size`,
    /// then `record` with the 14 bytes of each entry or `keyword LENGTH`, `beside DIGEST RANGE…`, `page OFFSET OLD NEW` in the
    /// order of writing, and `failed PLACE`.
    pub fn to_text(&self) -> Vec<String> {
        let mut lines = vec![
            format!("key {}", self.key),
            format!("power-off-only {}", if self.power_off_only { "yes" } else { "no" }),
            format!("backup {}", if self.backup_follows { "follows" } else { "stays" }),
            format!("direction {}", if self.direction == Direction::Forward { "forward" } else { "back" }),
        ];
        for chip in &self.chips {
            lines.push(format!("chip {}", chip.key));
            lines.push(format!("fru {}", chip.fru));
            lines.push(format!("path {}", chip.path));
            let size = chip.window.size.map_or("rest".to_owned(), |size| size.to_string());
            lines.push(format!("window {} {size}", chip.window.offset));
            lines.push(format!("page-size {}", chip.page_size));
            match &chip.check {
                Check::Ipz(records) => {
                    lines.extend(records.iter().map(|record| format!("record {}", hex(&record.encode()))));
                }
                Check::Keyword(length) => lines.push(format!("keyword {length}")),
            }
            let mut beside = format!("beside {}", hex(&chip.rest.digest));
            for range in &chip.rest.ranges {
                let _ = write!(beside, " {}-{}", range.start, range.end);
            }
            lines.push(beside);
            let page =
                |page: &PageChange| format!("page {} {} {}", page.offset, hex(&page.old), hex(&page.new));
            lines.extend(chip.pages.iter().map(page));
            lines.extend(chip.failed.iter().map(|place| format!("failed {place}")));
        }
        lines
    }

    /// Reads the text. What it gives can be judged whatever the text says: pages are whole and of the size that is said.
    ///
    /// Errors: [`JournalError`].
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, JournalError> {
        let mut reader = Reader { lines: lines.into_iter(), line: 0, next: None };
        reader.advance();
        let journal =
            Self {
                key: reader.take("key", "key is missing", short)?,
                power_off_only: reader.take("power-off-only", "power-off-only is yes or no", |text| {
                    match text {
                        "yes" => Some(true),
                        "no" => Some(false),
                        _ => None,
                    }
                })?,
                // Journals of before said nothing of it.
                backup_follows: reader
                    .optional("backup", "backup is follows or stays", |text| match text {
                        "follows" => Some(true),
                        "stays" => Some(false),
                        _ => None,
                    })?
                    .unwrap_or(true),
                direction: reader.take("direction", "direction is forward or back", |text| match text {
                    "forward" => Some(Direction::Forward),
                    "back" => Some(Direction::Back),
                    _ => None,
                })?,
                chips: reader.chips()?,
            };
        match reader.next {
            None => Ok(journal),
            Some(_) => Err(reader.error("a line that is none of a journal")),
        }
    }
}

struct Reader<'a, I> {
    lines: I,
    /// Number of the line in `next`.
    line: usize,
    next: Option<(&'a str, &'a str)>,
}

impl<'a, I: Iterator<Item = &'a str>> Reader<'a, I> {
    fn advance(&mut self) {
        self.line = self.line.saturating_add(1);
        self.next = self.lines.next().map(|line| line.split_once(' ').unwrap_or((line, "")));
    }

    fn error(&self, what: &'static str) -> JournalError {
        JournalError { line: self.line, what }
    }

    /// The next line, if it has this word.
    fn optional<T>(
        &mut self,
        word: &str,
        what: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, JournalError> {
        match self.next {
            Some((found, text)) if found == word => {
                let value = read(text).ok_or_else(|| self.error(what))?;
                self.advance();
                Ok(Some(value))
            }
            _ => Ok(None),
        }
    }

    fn take<T>(
        &mut self,
        word: &str,
        what: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, JournalError> {
        self.optional(word, what, read)?.ok_or_else(|| self.error(what))
    }

    fn chips(&mut self) -> Result<Vec<ChipChange>, JournalError> {
        let mut chips = Vec::new();
        while let Some(key) = self.optional("chip", "a chip is a key", short)? {
            if chips.len() == CHIPS {
                return Err(self.error("too many chips"));
            }
            chips.push(self.chip(key)?);
        }
        if chips.is_empty() {
            return Err(self.error("there is no chip"));
        }
        Ok(chips)
    }

    fn chip(&mut self, key: String) -> Result<ChipChange, JournalError> {
        let fru = self.take("fru", "the key of a FRU", short)?;
        let path = self.take("path", "a path is absolute", path)?;
        let window = self.take("window", "a window is an offset and a size", window)?;
        let page_size = self.take("page-size", "a page size is a power of two", page_size)?;
        let check = match self.optional("keyword", "a length of keyword VPD", number)? {
            Some(length) => Check::Keyword(length),
            None => Check::Ipz(self.list("record", "a record is 14 bytes", RECORDS, entry)?),
        };
        let rest = self.take("beside", "a digest and ranges", rest)?;
        let mut pages = Vec::new();
        let mut bytes = 0_usize;
        let wrong = "a page is an offset, its old and its new bytes";
        while let Some(page) = self.optional("page", wrong, |text| page(text, page_size))? {
            bytes = bytes.saturating_add(page.old.len());
            let is_twice = pages.iter().any(|other: &PageChange| other.offset == page.offset);
            if bytes > PAGE_BYTES || pages.len() >= PAGES || is_twice {
                return Err(self.error("too many pages, or one twice"));
            }
            pages.push(page);
        }
        let known = pages.len();
        let place = |text| number(text).filter(|place| *place < known);
        let failed = self.list("failed", "the place of a page", known, place)?;
        Ok(ChipChange { key, fru, path, window, page_size, check, rest, pages, failed })
    }

    fn list<T>(
        &mut self,
        word: &str,
        what: &'static str,
        most: usize,
        read: impl Fn(&'a str) -> Option<T>,
    ) -> Result<Vec<T>, JournalError> {
        let mut list = Vec::new();
        while let Some(value) = self.optional(word, what, &read)? {
            if list.len() >= most {
                return Err(self.error(what));
            }
            list.push(value);
        }
        Ok(list)
    }
}

fn short(text: &str) -> Option<String> {
    let is_short = !text.is_empty() && text.len() <= LONGEST && !text.contains(char::is_control);
    is_short.then(|| text.to_owned())
}

fn path(text: &str) -> Option<String> {
    short(text).filter(|path| path.starts_with('/'))
}

/// Decimal digits and nothing else.
fn number<T: FromStr>(text: &str) -> Option<T> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

fn window(text: &str) -> Option<VpdWindow> {
    let (offset, size) = text.split_once(' ')?;
    let size = if size == "rest" { None } else { Some(number(size)?) };
    Some(VpdWindow { offset: number(offset)?, size })
}

fn page_size(text: &str) -> Option<u32> {
    number(text).filter(|size: &u32| PAGE_SIZES.contains(size) && size.is_power_of_two())
}

fn entry(text: &str) -> Option<TocEntry> {
    Some(TocEntry::parse(bytes(text)?.as_slice().try_into().ok()?))
}

fn rest(text: &str) -> Option<Rest> {
    let mut words = text.split(' ');
    let digest = bytes(words.next()?)?.try_into().ok()?;
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for word in words {
        let (start, end) = word.split_once('-')?;
        let (start, end) = (number(start)?, number::<u64>(end)?);
        let is_next = start < end && ranges.last().is_none_or(|last| last.end <= start);
        if !is_next || ranges.len() >= RANGES || end > MOST_BYTES {
            return None;
        }
        ranges.push(start..end);
    }
    Some(Rest { ranges, digest })
}

/// No device that VPD lies in is larger, and a journal must not have more than that read.
const MOST_BYTES: u64 = 1 << 24;

fn page(text: &str, page_size: u32) -> Option<PageChange> {
    let mut words = text.split(' ');
    let offset = number::<u64>(words.next()?)?;
    let (old, new) = (bytes(words.next()?)?, bytes(words.next()?)?);
    let is_page = offset.checked_rem(u64::from(page_size)) == Some(0)
        && offset <= MOST_BYTES
        && !old.is_empty()
        && old.len() == new.len()
        && old.len() <= page_size as usize
        && words.next().is_none();
    is_page.then_some(PageChange { offset, old, new })
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let digits: Option<Vec<u32>> = text.as_bytes().iter().map(digit).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| (high.wrapping_shl(4) | low) as u8).collect())
}

const _: () = assert!(DEFAULT_PAGE.is_power_of_two());

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        let page = |offset, old, new| PageChange { offset, old: vec![old; 8], new: vec![new; 8] };
        let chip = ChipChange {
            key: "8-0050".to_owned(),
            fru: "8-0050".to_owned(),
            path: "/sys/bus/i2c/devices/8-0050/eeprom".to_owned(),
            window: VpdWindow { offset: 16, size: Some(4096) },
            page_size: 8,
            check: Check::Ipz(vec![TocEntry::parse(b"VINI\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a")]),
            rest: Rest { ranges: vec![0..16, 20..24], digest: [0xa5; 32] },
            pages: vec![page(16, 0x00, 0xff), page(8, 0x12, 0x21)],
            failed: vec![1],
        };
        let other = ChipChange {
            key: "file:a name".to_owned(),
            path: "/var/lib/a file".to_owned(),
            window: VpdWindow::default(),
            check: Check::Keyword(178),
            failed: Vec::new(),
            ..chip.clone()
        };
        Journal {
            key: "8-0050".to_owned(),
            power_off_only: true,
            backup_follows: false,
            direction: Direction::Back,
            chips: vec![chip, other],
        }
    }

    fn parse(lines: &[String]) -> Result<Journal, JournalError> {
        Journal::parse(lines.iter().map(String::as_str))
    }

    #[test]
    fn a_journal_goes_both_ways() {
        let lines = journal().to_text();
        assert_eq!(parse(&lines), Ok(journal()));
        assert_eq!(lines[10].len(), "beside ".len() + 64 + " 0-16 20-24".len());
    }

    #[test]
    fn a_journal_that_lacks_a_line_or_has_one_twice_is_refused_or_says_less() {
        let lines = journal().to_text();
        for at in 0..lines.len() {
            let without: Vec<_> = [&lines[..at], &lines[at + 1..]].concat();
            assert_ne!(parse(&without), Ok(journal()), "{}", lines[at]);
            let twice: Vec<_> = [&lines[..=at], &lines[at..]].concat();
            assert_ne!(parse(&twice), Ok(journal()), "{}", lines[at]);
        }
    }

    #[test]
    fn what_no_journal_says_is_refused_with_its_line() {
        let lines = journal().to_text();
        for (at, line) in [
            (0, "key "),
            (1, "power-off-only maybe"),
            (2, "backup maybe"),
            (3, "direction up"),
            (4, "chip "),
            (5, "fru "),
            (6, "path eeprom"),
            (7, "window 1"),
            (7, "window -1 rest"),
            (8, "page-size 12"),
            (8, "page-size 0"),
            (8, "page-size 8192"),
            (9, "record 0011"),
            (10, "beside 00"),
            (11, "page 16 0000000000000000 ffffff"),
            (11, "page 17 0000000000000000 ffffffffffffffff"),
            (11, "page 16 000000000000000000 ffffffffffffffffff"),
            (11, "page 16 000000 FFFFFF"),
            (12, "page 16 0000000000000000 ffffffffffffffff"),
            (13, "failed 2"),
        ] {
            let mut changed = lines.clone();
            assert!(changed[at].starts_with(line.split(' ').next().unwrap()), "{line}");
            changed[at] = line.to_owned();
            let line = parse(&changed).unwrap_err().line;
            assert!(line.abs_diff(at + 1) <= 1, "{}: line {line}", changed[at]);
        }
        assert_eq!(parse(&lines[..4]), Err(JournalError { line: 5, what: "there is no chip" }));
        assert!(parse(&[]).is_err());
    }
}
