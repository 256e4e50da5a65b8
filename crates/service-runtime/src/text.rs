//! Texts as they reach people: logs, the status that systemd shows, terminals.
//!
//! Reasons quote what EEPROMs, images and other services say. What is not seen, or has the rest of a line seen in another
//! order, is written as an escape; all other characters stay as they are.
//!
//! Source: Unicode 16, `DerivedCoreProperties.txt` (Default_Ignorable_Code_Point) and `UnicodeData.txt` (general categories
//! Cf, Zl, Zp).

use std::borrow::Cow;
use std::fmt::Write as _;

/// First and last of each range, in order: what shows nothing of its own, or only changes how others are shown.
const HIDDEN: [(u32, u32); 25] = [
    (0x00ad, 0x00ad), // soft hyphen
    (0x034f, 0x034f), // grapheme joiner
    (0x0600, 0x0605), // signs of numbers, before what they belong to
    (0x061c, 0x061c), // mark of direction
    (0x06dd, 0x06dd),
    (0x070f, 0x070f),
    (0x0890, 0x0891),
    (0x08e2, 0x08e2),
    (0x115f, 0x1160), // fillers
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),   // selectors of variants, and a separator
    (0x200b, 0x200f),   // without width, and marks of direction
    (0x2028, 0x202e),   // separators of lines and paragraphs, changes of direction
    (0x2060, 0x206f),   // joiners, invisible operators, isolates
    (0x3164, 0x3164),   // filler
    (0xfe00, 0xfe0f),   // selectors of variants
    (0xfeff, 0xfeff),   // byte order mark
    (0xffa0, 0xffa0),   // filler
    (0xfff0, 0xfffb),   // annotations
    (0x110bd, 0x110bd), // signs of numbers
    (0x110cd, 0x110cd),
    (0x13430, 0x1343f), // controls of hieroglyphs
    (0x1bca0, 0x1bca3), // controls of shorthand
    (0x1d173, 0x1d17a), // controls of musical notation
    (0xe0000, 0xe0fff), // tags, selectors of variants
];

/// Whether a character is a control character, or is not seen, or has others seen in another order.
pub fn is_hidden(character: char) -> bool {
    let code = u32::from(character);
    let is_within = || HIDDEN.iter().any(|(first, last)| (*first..=*last).contains(&code));
    // Nearly all texts are of such characters only.
    !matches!(character, ' '..='~') && (character.is_control() || is_within())
}

/// A text as a part of a line: each hidden character as `\n`, `\r`, `\t` or `\u{202e}`.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, &is_hidden, &|character, shown| shown.extend(character.escape_default()))
}

/// A text that has lines, which stay: each other hidden character as `\r`, `\t` or `\u202e`, in two halves where it needs more
/// than four digits, as JSON has it; so JSON means the same as before.
pub fn lines(text: &str) -> Cow<'_, str> {
    let is_escaped = |character| character != '\n' && is_hidden(character);
    escaped(text, &is_escaped, &|character, shown| match character {
        '\t' | '\r' => shown.extend(character.escape_default()),
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        }
    })
}

fn escaped<'a>(
    text: &'a str,
    is_escaped: &dyn Fn(char) -> bool,
    escape: &dyn Fn(char, &mut String),
) -> Cow<'a, str> {
    if !text.chars().any(is_escaped) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_escaped(character) {
            escape(character, &mut shown);
        } else {
            shown.push(character);
        }
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written out once more, as ranges that a person can check against the standard.
    const EXPECTED: &str = "0-1F 7F-9F AD 34F 600-605 61C 6DD 70F 890-891 8E2 115F-1160 17B4-17B5 180B-180F 200B-200F \
                            2028-202E 2060-206F 3164 FE00-FE0F FEFF FFA0 FFF0-FFFB 110BD 110CD 13430-1343F 1BCA0-1BCA3 \
                            1D173-1D17A E0000-E0FFF";

    #[test]
    fn no_hidden_character_is_shown_raw_and_every_other_one_is() {
        let number = |digits: &str| u32::from_str_radix(digits, 16).unwrap();
        let expected: Vec<(u32, u32)> = EXPECTED
            .split_whitespace()
            .map(|range| range.split_once('-').unwrap_or((range, range)))
            .map(|(first, last)| (number(first), number(last)))
            .collect();
        for character in '\0'..=char::MAX {
            let code = u32::from(character);
            let is_expected = expected.iter().any(|(first, last)| (*first..=*last).contains(&code));
            assert_eq!(is_hidden(character), is_expected, "U+{code:04X}");
            // As texts, those that are hidden and some others.
            if !is_expected && code > 0x7ff {
                continue;
            }
            let raw = character.to_string();
            assert_eq!(one_line(&raw) == raw, !is_expected, "U+{code:04X}");
            assert_eq!(lines(&raw) == raw, !is_expected || character == '\n', "U+{code:04X}");
            if is_expected {
                assert!(one_line(&raw).is_ascii() && lines(&raw).is_ascii(), "U+{code:04X}");
            }
        }
    }

    #[test]
    fn what_is_hidden_can_be_read() {
        assert_eq!(
            one_line("SN=\n<0>\u{202e}\u{1b}größer\u{e0041}"),
            "SN=\\n<0>\\u{202e}\\u{1b}größer\\u{e0041}"
        );
        assert_eq!(
            lines("a\nb\u{1b}[2Jé\r\u{9b}m\u{200b}\u{e0041}"),
            "a\nb\\u001b[2Jé\\r\\u009bm\\u200b\\udb40\\udc41"
        );
        assert_eq!(one_line("größer"), "größer");
    }
}
