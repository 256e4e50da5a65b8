//! Bytes for people and programs.

use std::fmt::Write as _;

/// Bytes per line of a hexadecimal listing.
const LINE: usize = 16;

/// What a value is as text, if it is text.
pub(crate) use plain_text::printable as text;

/// Two digits per byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Text in quotes or digits, cut where a line would get too long; the whole length is said then.
pub(crate) fn for_people(bytes: &[u8]) -> String {
    const CHARACTERS: usize = 64;
    const DIGITS: usize = 32;
    if text(bytes).is_none()
        && let [first, _, ..] = bytes
        && bytes.iter().all(|byte| byte == first)
    {
        return format!("{} × 0x{first:02x}", bytes.len());
    }
    let is_text = text(bytes).is_some();
    let shown = bytes.get(..if is_text { CHARACTERS } else { DIGITS }).unwrap_or(bytes);
    let mut line =
        if is_text { format!("\"{}\"", String::from_utf8_lossy(shown)) } else { format!("0x{}", hex(shown)) };
    if shown.len() < bytes.len() {
        let _ = write!(line, "… ({} bytes)", bytes.len());
    }
    line
}

/// Offset, sixteen bytes, the same as characters; line by line.
pub(crate) fn listing(text: &mut String, offset: u32, bytes: &[u8]) {
    for (line, chunk) in (0..).zip(bytes.chunks(LINE)) {
        let mut digits = String::new();
        for (index, byte) in chunk.iter().enumerate() {
            let gap = if index == LINE / 2 { "  " } else { " " };
            let _ = write!(digits, "{gap}{byte:02x}");
        }
        let characters: String = chunk
            .iter()
            .map(|byte| if plain_text::is_printable(*byte) { char::from(*byte) } else { '.' })
            .collect();
        let at = u64::from(offset) + line * LINE as u64;
        let _ = writeln!(text, "{at:08x} {digits:<50}|{characters}|");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_text_only_where_every_character_can_be_printed() {
        let cases: [(&[u8], Option<&str>); 4] =
            [(b"", Some("")), (b"A ~", Some("A ~")), (b"A\0", None), (b"A\x7f", None)];
        for (bytes, expected) in cases {
            assert_eq!(text(bytes), expected);
        }
    }

    #[test]
    fn long_values_are_cut_and_say_how_long_they_are() {
        assert_eq!(for_people(b"YVIV 1"), "\"YVIV 1\"");
        assert_eq!(for_people(&[0x40, 0x18]), "0x4018");
        assert_eq!(for_people(&[0; 6]), "6 × 0x00");
        assert_eq!(for_people(&[0]), "0x00");
        assert_eq!(for_people(&[b'x'; 65]), format!("\"{}\"… (65 bytes)", "x".repeat(64)));
        assert_eq!(for_people(&[0xff; 33]), "33 × 0xff");
        let mixed: Vec<u8> = (0..33).collect();
        assert!(for_people(&mixed).ends_with("1d1e1f… (33 bytes)"));
    }

    #[test]
    fn a_listing_shows_where_bytes_are() {
        let mut text = String::new();
        listing(&mut text, 0xd7, b"\x84\x80\0RT\x04VINIDR\x10SYSTEM");
        let expected = "\
000000d7  84 80 00 52 54 04 56 49  4e 49 44 52 10 53 59 53 |...RT.VINIDR.SYS|
000000e7  54 45 4d                                         |TEM|
";
        assert_eq!(text, expected);
    }
}
