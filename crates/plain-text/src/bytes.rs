/// Whether a byte is a character that a text of vital product data may have: ASCII from the blank to `~`.
#[must_use]
pub const fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// The bytes without the blanks and NULs that fill a field up to its length.
#[must_use]
pub fn without_padding(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | 0] = bytes {
        bytes = rest;
    }
    bytes
}

/// The bytes as a text, if all of them are printable ASCII.
#[must_use]
pub fn printable(bytes: &[u8]) -> Option<&str> {
    if bytes.iter().all(|byte| is_printable(*byte)) { std::str::from_utf8(bytes).ok() } else { None }
}

/// Whether a value was ever written: it is not while all its bytes are blanks and NULs, or all are 0xff.
///
/// Sources: 0xff is what an erased EEPROM holds, 0x00 what a cleared one does, blanks what is written into the fields of a
/// part whose values are not known yet. A value without bytes is not programmed either.
#[must_use]
pub fn is_programmed(bytes: &[u8]) -> bool {
    !without_padding(bytes).iter().all(|byte| *byte == 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_holds_printable_ascii_and_padding() {
        for (bytes, expected) in [
            (&b"02WG676 \0\0"[..], Some("02WG676")),
            (b" 01KU724", Some(" 01KU724")),
            (b"a b", Some("a b")),
            (b"", Some("")),
            (b" \0 ", Some("")),
            (b"~", Some("~")),
            // UTF-8, and no text for all that.
            (b"\xde\xad0", None),
            ("größe".as_bytes(), None),
            ("\u{202e}321".as_bytes(), None),
            (b"a\x7f", None),
            (b"a\nb", None),
            (b"\0a", None),
            (b"\xff", None),
        ] {
            assert_eq!(printable(without_padding(bytes)), expected, "{bytes:?}");
        }
    }

    #[test]
    fn blanks_zeros_and_ones_are_not_programmed_and_all_else_is() {
        for bytes in [&b""[..], b"        ", &[0; 8], b" \0 \0", &[0xff; 16], b"\xff", b"\xff\xff  \0"] {
            assert!(!is_programmed(bytes), "{bytes:?}");
        }
        for bytes in [&b"0"[..], b"\0\x01", b"\0\xff\0\x01", b"\xff\xfe", &[0xa5; 16], b" x", b"00000000"] {
            assert!(is_programmed(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn every_byte_alone_is_judged() {
        for byte in 0..=u8::MAX {
            let is_text = matches!(byte, 0x20..=0x7e);
            assert_eq!(is_printable(byte), is_text, "{byte:#x}");
            assert_eq!(printable(&[byte]).is_some(), is_text, "{byte:#x}");
            assert_eq!(is_programmed(&[byte]), !matches!(byte, 0 | b' ' | 0xff), "{byte:#x}");
        }
    }
}
