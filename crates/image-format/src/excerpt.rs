use plain_text::is_hidden;
use std::fmt::{self, Write as _};

/// Longest excerpt, bytes as shown.
const LONGEST: usize = 255;

/// A text of an image as an error repeats it: on one line, without hidden characters, and cut where it is long.
///
/// Hidden characters ([`plain_text::is_hidden`]) are written as escapes, as are bytes that are no UTF-8; backslashes and
/// double quotes have a backslash before them, so that these can be told from what the image says itself.
///
/// Whoever may upload chooses such texts, and reasons go to logs, to events and onto the bus.
#[derive(Debug, Clone, Copy)]
pub struct Excerpt<'a>(&'a [u8]);

impl<'a> Excerpt<'a> {
    /// Of a text, which need not be UTF-8.
    pub fn of<T: AsRef<[u8]> + ?Sized>(text: &'a T) -> Self {
        Self(text.as_ref())
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = LONGEST;
        for chunk in self.0.utf8_chunks() {
            let valid = chunk.valid().chars().map(shown);
            let invalid = chunk.invalid().iter().map(|byte| byte.escape_ascii().to_string());
            for piece in valid.chain(invalid) {
                let Some(left) = room.checked_sub(piece.len()) else { return formatter.write_char('…') };
                room = left;
                formatter.write_str(&piece)?;
            }
        }
        Ok(())
    }
}

fn shown(character: char) -> String {
    match character {
        '\\' | '"' => character.escape_default().to_string(),
        _ if is_hidden(character) => character.escape_default().to_string(),
        _ => character.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_one_line_without_commands() {
        for (text, shown) in [
            (b"".as_slice(), ""),
            (b"../payload", "../payload"),
            ("größe".as_bytes(), "größe"),
            (b"a\nb\x1b[2J", "a\\nb\\u{1b}[2J"),
            (b"a\\b\"", "a\\\\b\\\""),
            (b"a\xffb\xc0\xaf", "a\\xffb\\xc0\\xaf"),
            ("\u{202e}\u{85}".as_bytes(), "\\u{202e}\\u{85}"),
            ("a\u{200b}\u{feff}\t".as_bytes(), "a\\u{200b}\\u{feff}\\t"),
            ("it's e\u{301}".as_bytes(), "it's e\u{301}"),
        ] {
            assert_eq!(Excerpt::of(text).to_string(), shown);
        }
    }

    #[test]
    fn every_character_is_shown_that_is_not_hidden_and_no_other() {
        for character in ('\0'..=char::MAX).filter(|character| !matches!(character, '\\' | '"')) {
            let text = character.to_string();
            assert_eq!(Excerpt::of(&text).to_string() == text, !is_hidden(character), "{character:?}");
        }
    }

    #[test]
    fn what_is_repeated_has_an_end() {
        let longest = "n".repeat(LONGEST);
        assert_eq!(Excerpt::of(&longest).to_string(), longest);
        for character in ["n", "\x07", "ö", "\u{10ffff}", "\"", "€"] {
            let shown = Excerpt::of(&character.repeat(65_000)).to_string();
            assert!((250..=LONGEST + 3).contains(&shown.len()) && shown.ends_with('…'), "{shown}");
        }
        assert!(Excerpt::of(&[0xff; 65_000]).to_string().len() < 260);
        let mixed = b"\xffn".repeat(30_000);
        assert!(Excerpt::of(&mixed).to_string().len() < 260);
    }
}
