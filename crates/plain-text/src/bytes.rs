/// Whether a byte is a character that a text of vital product data may have: ASCII from the blank to `~`.
#[must_use]
pub const fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// The bytes without what fills a field of characters up to its length: blanks, NULs, and what an erased EEPROM holds.
#[must_use]
pub fn without_padding(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | 0 | 0xff] = bytes {
        bytes = rest;
    }
    bytes
}

/// The bytes as a text, if all of them are printable ASCII.
#[must_use]
pub fn printable(bytes: &[u8]) -> Option<&str> {
    if bytes.iter().all(|byte| is_printable(*byte)) { std::str::from_utf8(bytes).ok() } else { None }
}

/// Whether a value was ever written: it is not while all its bytes are 0x00, all are blanks, or all are 0xff.
///
/// Sources: 0xff is what an erased EEPROM holds, 0x00 what a cleared one does, blanks what is written into the fields of a
/// part whose values are not known yet. A value without bytes is not programmed either. A field of characters in which
/// these three are mixed has nothing but padding: [`without_padding`] leaves nothing of it. A number may have them mixed.
#[must_use]
pub fn is_programmed(bytes: &[u8]) -> bool {
    ![0x00, b' ', 0xff].iter().any(|fill| bytes.iter().all(|byte| byte == fill))
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
            (b"KVR24R17S4\xff\xff\xff", Some("KVR24R17S4")),
            (b"\xff", Some("")),
            (b"\xffa", None),
        ] {
            assert_eq!(printable(without_padding(bytes)), expected, "{bytes:?}");
        }
    }

    #[test]
    fn blanks_zeros_and_ones_are_not_programmed_and_all_else_is() {
        for bytes in [&b""[..], b"        ", &[0; 8], &[0xff; 16], b"\xff"] {
            assert!(!is_programmed(bytes), "{bytes:?}");
        }
        // Serial numbers, levels and addresses that are numbers.
        for bytes in [&b"\0\0\0\x20"[..], b"\0\x20", b"\xff\0", b"\0\x20\0\0\0\x20"] {
            assert!(is_programmed(bytes), "{bytes:?}");
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
