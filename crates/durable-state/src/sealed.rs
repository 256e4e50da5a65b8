use crate::checksum::{BEGINNING, add};
use std::io::{self, Write};

/// Bytes before the text: the sum's 16 digits and a blank.
const SUM: usize = 17;
/// Bytes around the text of a line: as before, and the line breaks at both ends.
const AROUND: usize = SUM + 2;

/// A text with its checksum before it, as it stands in a file of its own: 16 hexadecimal digits, a blank, the text, which has
/// no line breaks, a line break.
///
/// `write` is called twice and must write the same, so that the buffer has the right size from the beginning: a text may be
/// large. Errors: those of `write`.
pub fn seal(write: impl Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<Vec<u8>> {
    sealed_after(b"", write)
}

/// A line of a journal: a line break, and what [`seal`] makes.
///
/// It starts with a line break of its own, so that a piece of the line before cannot spoil it. Errors: as of [`seal`].
pub fn encode_line(write: impl Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<Vec<u8>> {
    sealed_after(b"\n", write)
}

/// Bytes that [`encode_line`] makes of a text of so many bytes.
pub const fn line_length(text: u64) -> u64 {
    text.saturating_add(AROUND as u64)
}

fn sealed_after(beginning: &[u8], write: impl Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<Vec<u8>> {
    let mut counted = Counted { bytes: 0, sum: BEGINNING };
    write(&mut counted)?;
    let mut bytes = Vec::with_capacity(beginning.len() + SUM + counted.bytes + 1);
    bytes.extend_from_slice(beginning);
    write!(bytes, "{:016x} ", counted.sum)?;
    write(&mut bytes)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The text that [`seal`] was given; `None` when a byte has changed since.
pub fn unseal(bytes: &[u8]) -> Option<&str> {
    whole(bytes.strip_suffix(b"\n")?)
}

/// The text of a line without its line breaks.
pub(crate) fn whole(line: &[u8]) -> Option<&str> {
    let (sum, text) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    (sum == crate::checksum::in_words(text.as_bytes())).then_some(text)
}

/// Takes a text's length and sum, and nothing else.
struct Counted {
    bytes: usize,
    sum: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.sum = add(self.sum, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_with_any_one_bit_flipped_is_none() {
        let sealed = seal(|out| out.write_all(b"{\"some\": 1}")).unwrap();
        assert_eq!(sealed.capacity(), sealed.len());
        assert_eq!(unseal(&sealed), Some("{\"some\": 1}"));
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unseal(&damaged), None, "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(unseal(&sealed[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn a_line_is_as_long_as_is_said() {
        for length in [0, 1, 100] {
            let line = encode_line(|out| out.write_all(&vec![b'x'; length])).unwrap();
            assert_eq!(line.len() as u64, line_length(length as u64));
        }
    }
}
