//! Words of the JSON as TOML and people's eyes can take them.

use std::fmt::Write as _;

/// A text in quotes, on one line whatever it holds.
pub(crate) fn quoted(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + 2);
    result.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => result.extend(['\\', character]),
            // Line separators and marks of direction are no control characters, but read as if they were.
            _ if character.is_control() || matches!(character, '\u{2028}'..='\u{202e}') => {
                // Writing to a String cannot fail.
                let _ = write!(result, "\\u{:04X}", u32::from(character));
            }
            _ => result.push(character),
        }
    }
    result.push('"');
    result
}

/// A key: bare where that is allowed.
pub(crate) fn key(text: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !text.is_empty() && text.bytes().all(is_bare) { text.to_owned() } else { quoted(text) }
}

/// A list of texts.
pub(crate) fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

/// What somebody else wrote, cut to what a line has room for.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 160;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_quoted_is_read_back_by_toml() {
        for text in ["", "plain", "a\"b\\c", "tab\tline\nnul\0end", "\u{7f}\u{85}\u{2028}\u{202e}é…"] {
            let line = format!("{} = {}", key(text), quoted(text));
            assert_eq!(line.lines().count(), 1, "{line}");
            let table: toml::Table = line.parse().unwrap();
            assert_eq!(table.get(text).and_then(toml::Value::as_str), Some(text), "{line}");
        }
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"é".repeat(1_000)).chars().count(), 161);
    }
}
