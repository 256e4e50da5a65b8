//! Words of a value: quotes and escapes, and what `$` stands for in a command line.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

/// Splits at blanks; quotes keep blanks, and go; a backslash escapes as in C.
pub fn split(text: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote: Option<char> = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (c, quote) {
            ('\\', _) => word.get_or_insert_default().extend(unescape(&mut rest)?),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_ascii_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().extend(c.to_string().bytes()),
        }
    }
    ensure!(quote.is_none(), "a quote is not closed");
    words.extend(word);
    words.into_iter().map(|word| String::from_utf8(word).context("an escape makes no text")).collect()
}

/// The byte or character after a backslash.
fn unescape(rest: &mut std::str::Chars<'_>) -> Result<Vec<u8>> {
    let kind = rest.next().context("a backslash ends the value")?;
    let mut digits = |count: usize, radix: u32, first: &str| -> Result<u32> {
        let text: String = first.chars().chain(rest.by_ref().take(count)).collect();
        ensure!(text.len() == count + first.len(), "an escape is cut off");
        u32::from_str_radix(&text, radix).with_context(|| format!("{text} is no number of an escape"))
    };
    let code = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        's' => 32,
        '\\' | '"' | '\'' => u32::from(kind),
        'x' => digits(2, 16, "")?,
        '0'..='7' => digits(2, 8, &kind.to_string())?,
        'u' | 'U' => {
            let code = digits(if kind == 'u' { 4 } else { 8 }, 16, "")?;
            let c = char::from_u32(code).filter(|c| *c != '\0').context("an escape names no character")?;
            return Ok(c.to_string().into_bytes());
        }
        _ => bail!("\\{kind} is no escape"),
    };
    ensure!(code != 0, "a value holds no NUL");
    Ok(vec![u8::try_from(code).context("an escape names no byte")?])
}

/// Expands `$` in the words of a command: `${NAME}` within a word, `$NAME` as a word that becomes any number of them,
/// `$$`. What is not set is empty.
pub fn expand(words: &[String], variables: &BTreeMap<String, String>) -> Result<Vec<String>> {
    let mut expanded = Vec::new();
    for word in words {
        match word.strip_prefix('$').filter(|name| !name.is_empty() && !name.starts_with(['{', '$'])) {
            Some(name) => {
                let value = variables.get(name).map(String::as_str).unwrap_or_default();
                expanded.extend(split(value).with_context(|| format!("the value of ${name}"))?);
            }
            None => expanded.push(expand_within(word, variables)),
        }
    }
    Ok(expanded)
}

fn expand_within(word: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if let Some((name, tail)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            expanded.push_str(variables.get(name).map(String::as_str).unwrap_or_default());
            rest = tail;
        } else {
            expanded.push('$');
            rest = after.strip_prefix('$').unwrap_or(after);
        }
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_escapes_make_words() {
        for (text, words) in [
            ("a  b\tc", &["a", "b", "c"][..]),
            ("'a b' \"c d\"", &["a b", "c d"]),
            ("a'b c'd", &["ab cd"]),
            ("'' \"\"", &["", ""]),
            ("'\"' \"'\"", &["\"", "'"]),
            ("a\\x20b \\u00e9 \\101 \\s", &["a b", "é", "A", " "]),
            ("\"a\\\"b\" a\\\\b", &["a\"b", "a\\b"]),
            ("", &[]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
        for wrong in ["'a", "a\\", "\\q", "\\x2", "\\x00", "\\ud800", "\\400", "\\xff"] {
            assert!(split(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn variables_become_words_or_parts_of_words() {
        let variables = BTreeMap::from([
            ("ONE".to_owned(), "1 'and a half'".to_owned()),
            ("TWO".to_owned(), "2".to_owned()),
        ]);
        for (word, expanded) in [
            ("$ONE", &["1", "and a half"][..]),
            ("${ONE}", &["1 'and a half'"]),
            ("a${TWO}b${TWO}", &["a2b2"]),
            ("a$TWO", &["a$TWO"]),
            ("$NONE", &[]),
            ("${NONE}", &[""]),
            ("$$TWO", &["$TWO"]),
            ("a$${TWO}", &["a${TWO}"]),
            ("${TWO", &["${TWO"]),
            ("$", &["$"]),
        ] {
            assert_eq!(expand(&[word.to_owned()], &variables).unwrap(), expanded, "{word}");
        }
    }
}
