//! Texts as they reach people: logs, the status that systemd shows, terminals.
//!
//! Reasons quote what EEPROMs, images and other services say. What is not seen, or has the rest of a line seen in another
//! order, is written as an escape; all other characters stay as they are.
//! Which characters these are is said by [`plain_text`].

use plain_text::is_hidden;
use std::borrow::Cow;
use std::fmt::Write as _;

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

    #[test]
    fn no_hidden_character_is_shown_raw_and_every_other_one_is() {
        for character in '\0'..=char::MAX {
            let code = u32::from(character);
            // As texts, those that are hidden and some others.
            if !is_hidden(character) && code > 0x7ff {
                continue;
            }
            let raw = character.to_string();
            assert_eq!(one_line(&raw) == raw, !is_hidden(character), "U+{code:04X}");
            assert_eq!(lines(&raw) == raw, !is_hidden(character) || character == '\n', "U+{code:04X}");
            if is_hidden(character) {
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
