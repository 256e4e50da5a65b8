//! Words of the JSON as TOML and people's eyes can take them.

use plain_text::is_hidden;
use std::fmt::Write as _;

/// A text in quotes, on one line whatever it holds.
pub(crate) fn quoted(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + 2);
    result.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => result.extend(['\\', character]),
            _ if is_hidden(character) => {
                // TOML has four digits, or eight. Writing to a String cannot fail.
                let _ = match u32::from(character) {
                    code @ ..=0xffff => write!(result, "\\u{code:04X}"),
                    code => write!(result, "\\U{code:08X}"),
                };
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
        let odd = "\u{7f}\u{85}\u{200b}\u{2028}\u{202e}\u{2800}\u{ffff}\u{e0041}\u{10ffff}é…";
        for text in ["", "plain", "a\"b\\c", "tab\tline\nnul\0end", odd] {
            let line = format!("{} = {}", key(text), quoted(text));
            assert_eq!(line.lines().count(), 1, "{line}");
            assert!(!line.contains(is_hidden), "{line:?}");
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
