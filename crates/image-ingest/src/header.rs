//! What a tar header says, taken strictly: parsers that disagree about a header are how archives are smuggled.

use image_check::ArchiveError;
use image_format::Excerpt;

/// A header block, bytes.
pub(crate) const BLOCK: usize = 512;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// GNU: the next entry's name.
    LongName,
    /// GNU: where the next entry's link leads; links are refused, so it is of no use.
    LongLink,
    /// pax: the next entry's attributes.
    Extended,
    /// pax: attributes of all entries that follow.
    GlobalExtended,
}

/// A header with the fields that matter here.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// Length of what follows, bytes.
    pub(crate) size: u64,
    /// The name, without what later blocks may say of it.
    pub(crate) name: Vec<u8>,
}

impl Header {
    /// Reads a block whose checksum is right.
    pub(crate) fn parse(block: &[u8; BLOCK]) -> Result<Self, ArchiveError> {
        let field = |range: std::ops::Range<usize>| block.get(range).unwrap_or_default();
        let is_posix = match field(257..265) {
            b"ustar\x0000" => true,
            b"ustar  \0" => false,
            _ => return Err(ArchiveError::Mark),
        };
        let mut name = text(field(0..100))?.to_vec();
        let prefix = if is_posix { text(field(345..500))? } else { &[] };
        if is_posix && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let kind = kind(field(156..157), &name)?;
        let size = number(field(124..136)).ok_or(ArchiveError::Size)?;
        if kind == Kind::Folder && size != 0 {
            return Err(ArchiveError::FolderWithContent);
        }
        Ok(Self { kind, size, name })
    }
}

fn kind(flag: &[u8], name: &[u8]) -> Result<Kind, ArchiveError> {
    Ok(match flag {
        [b'0' | 0] => Kind::File,
        [b'5'] => Kind::Folder,
        [b'L'] => Kind::LongName,
        [b'K'] => Kind::LongLink,
        [b'x'] => Kind::Extended,
        [b'g'] => Kind::GlobalExtended,
        [other] => {
            let name = Excerpt::of(name).to_string();
            return Err(ArchiveError::Kind { name, what: kind_in_words(*other) });
        }
        _ => return Err(ArchiveError::Mark),
    })
}

fn kind_in_words(flag: u8) -> &'static str {
    match flag {
        b'1' => "a hard link",
        b'2' => "a symbolic link",
        b'3' => "a character device",
        b'4' => "a block device",
        b'6' => "a FIFO",
        b'7' => "a contiguous file",
        b'S' => "a sparse file",
        b'M' => "a part of another volume",
        b'V' => "a volume label",
        b's' => "a socket",
        _ => "of an unknown type",
    }
}

/// Up to the first NUL, after which nothing may follow that another parser could read.
fn text(field: &[u8]) -> Result<&[u8], ArchiveError> {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let (text, rest) = field.split_at_checked(end).unwrap_or_default();
    if rest.iter().any(|byte| *byte != 0) { Err(ArchiveError::AfterName) } else { Ok(text) }
}

/// A number: octal digits that end with a blank or NUL, or GNU's base 256 that fits and is not negative.
fn number(field: &[u8]) -> Option<u64> {
    if let [first @ 0x80..=0xff, rest @ ..] = field {
        let high = first & 0x7f;
        let (above, low) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
        let fits = high == 0 && above.iter().all(|byte| *byte == 0);
        return fits.then(|| low.try_into().ok().map(u64::from_be_bytes)).flatten();
    }
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at_checked(end)?;
    if digits.is_empty() || !rest.iter().all(|byte| matches!(byte, 0 | b' ')) {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_behind_the_end_of_a_name() {
        assert_eq!(text(b"name\0\0").unwrap(), b"name");
        assert_eq!(text(b"name").unwrap(), b"name");
        assert!(matches!(text(b"name\0evil"), Err(ArchiveError::AfterName)));
    }

    #[test]
    fn numbers_that_parsers_read_differently_are_refused() {
        for (field, expected) in [
            (b"00000000017\0", Some(15)),
            (b"       17 \0\0", Some(15)),
            (b"777777777777", Some(0o777_777_777_777)),
            (b"00000000018\0", None),
            (b"-0000000017\0", None),
            (b"0000 000017\0", None),
            (b"0000\x00000017\0", None),
            (b"            ", None),
            (b"\0\0\0\0\0\0\0\0\0\0\0\0", None),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Some(256)),
            (b"\x80\0\0\x01\0\0\0\0\0\0\x01\0", None),
            (b"\x81\0\0\0\0\0\0\0\0\0\x01\0", None),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ] {
            assert_eq!(number(field), expected, "{}", field.escape_ascii());
        }
    }
}
