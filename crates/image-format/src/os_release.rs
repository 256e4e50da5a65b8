use plain_text::is_hidden;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a system says of itself in os-release(5).
///
/// Shape: lines `KEY=value`, the value bare, in single or in double quotes. Of several lines with one key the last counts.
/// A line that is no assignment, or whose quotes do not close, is as if it were not there: what it might have meant is
/// not known, and the caller must do without. A value with hidden characters ([`plain_text::is_hidden`]) is none, and no
/// earlier one counts: a machine that is not known takes no image that names one. No more than 1024 lines are read.
///
/// Source: os-release(5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OsRelease(BTreeMap<String, String>);

/// How many lines count; real files have some twenty.
const MOST_LINES: usize = 1024;
const TARGET_MACHINE: &str = "OPENBMC_TARGET_MACHINE";

impl OsRelease {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Self {
        let mut values = BTreeMap::new();
        for (key, value) in text.lines().take(MOST_LINES).filter_map(assignment) {
            if value.contains(is_hidden) {
                values.remove(key);
            } else {
                values.insert(key.to_owned(), value.into_owned());
            }
        }
        Self(values)
    }

    /// The value of a key, without its quotes.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The machine that the system was made for, without blanks around it, as a MANIFEST names it. An empty one is none.
    pub fn target_machine(&self) -> Option<&str> {
        self.get(TARGET_MACHINE).map(str::trim).filter(|machine| !machine.is_empty())
    }
}

fn assignment(line: &str) -> Option<(&str, Cow<'_, str>)> {
    // Comments are among the lines whose key is none.
    let (key, value) = line.trim().split_once('=')?;
    let is_key = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if key.is_empty() || !is_key || key.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    Some((key, unquoted(value)?))
}

fn unquoted(value: &str) -> Option<Cow<'_, str>> {
    if let Some(inside) = value.strip_prefix('\'') {
        let inside = inside.strip_suffix('\'')?;
        return (!inside.contains('\'')).then_some(Cow::Borrowed(inside));
    }
    if let Some(inside) = value.strip_prefix('"') {
        return double_quoted(inside).map(Cow::Owned);
    }
    // To a shell these would end the value, or mean something else than themselves.
    let is_special = |c: char| c.is_whitespace() || "\"'\\$`;&|<>()".contains(c);
    (!value.contains(is_special)).then_some(Cow::Borrowed(value))
}

/// What is between double quotes, of which the first is gone. Nothing may follow the second.
fn double_quoted(text: &str) -> Option<String> {
    let mut value = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return characters.next().is_none().then_some(value),
            '\\' => {
                let escaped = characters.next()?;
                if !"\"\\$`".contains(escaped) {
                    value.push('\\');
                }
                value.push(escaped);
            }
            // The beginning of what only a shell could expand.
            '$' | '`' => return None,
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_read_bare_and_in_either_quotes() {
        for (line, value) in [
            ("K=witherspoon", Some("witherspoon")),
            ("K=\"witherspoon\"", Some("witherspoon")),
            ("K='witherspoon'", Some("witherspoon")),
            ("  K=witherspoon \t", Some("witherspoon")),
            ("K=\"a b\"", Some("a b")),
            ("K=\"a\\\"b\\\\c\\$d\\`e\\n\"", Some("a\"b\\c$d`e\\n")),
            ("K='a\\b\"$c'", Some("a\\b\"$c")),
            ("K=\"it's\"", Some("it's")),
            ("K=", Some("")),
            ("K=\"\"", Some("")),
            ("K=a=b#c", Some("a=b#c")),
            ("K=a b", None),
            ("K=\"a", None),
            ("K=\"", None),
            ("K='a", None),
            ("K='", None),
            ("K=\"a\\\"", None),
            ("K=\"a\"b", None),
            ("K=\"a\" #b", None),
            ("K='a'b'c'", None),
            ("K=a\"b\"", None),
            ("K=$HOME", None),
            ("K=\"$HOME\"", None),
            ("#K=a", None),
            ("# K=a", None),
            ("K", None),
            ("K =a", None),
            ("export K=a", None),
            ("K=\"a\tb\"", None),
            ("K=romulus\u{200b}", None),
            ("K='\u{202e}sulumor'", None),
            ("K=größe", Some("größe")),
        ] {
            assert_eq!(OsRelease::parse(line).get("K"), value, "{line}");
        }
    }

    #[test]
    fn the_target_machine_is_found_among_the_other_lines() {
        let text = "# made by hand\nID=openbmc-phosphor\r\n\nVERSION_ID=\"v1\"\nOPENBMC_TARGET_MACHINE=\"romulus\"\nX=1";
        let release = OsRelease::parse(text);
        assert_eq!(release.target_machine(), Some("romulus"));
        assert_eq!(release.get("ID"), Some("openbmc-phosphor"));
        assert_eq!(release.get("X"), Some("1"));
        assert_eq!(release.get("openbmc_target_machine"), None);
        let padded = OsRelease::parse("OPENBMC_TARGET_MACHINE=\" romulus \"");
        assert_eq!(padded.target_machine(), Some("romulus"));
        for text in [
            "",
            "ID=x",
            "OPENBMC_TARGET_MACHINE=",
            "OPENBMC_TARGET_MACHINE=' '",
            "OPENBMC_TARGET_MACHINE=\"romulus",
            "=romulus",
        ] {
            assert_eq!(OsRelease::parse(text).target_machine(), None, "{text}");
        }
    }

    #[test]
    fn the_last_of_several_assignments_counts() {
        assert_eq!(OsRelease::parse("K=a\nK=b\n").get("K"), Some("b"));
        assert_eq!(OsRelease::parse("K=a\nK=\"b\n").get("K"), Some("a"));
    }

    #[test]
    fn of_a_machine_whose_name_has_hidden_characters_no_earlier_name_counts() {
        for hidden in ["\u{200b}", "\u{202e}", "\u{2800}"] {
            let text = format!("OPENBMC_TARGET_MACHINE=a\nOPENBMC_TARGET_MACHINE=\"b{hidden}\"\n");
            assert_eq!(OsRelease::parse(&text).target_machine(), None, "{text:?}");
            let later = OsRelease::parse(&(text + "OPENBMC_TARGET_MACHINE=c"));
            assert_eq!(later.target_machine(), Some("c"));
        }
    }

    #[test]
    fn a_file_without_end_is_read_in_part() {
        let text: String = (0..2000).map(|line| format!("K{line}=x\n")).collect();
        let release = OsRelease::parse(&text);
        assert_eq!(release.get("K1023"), Some("x"));
        assert_eq!(release.get("K1024"), None);
    }

    proptest! {
        #[test]
        fn whatever_the_text_no_value_is_longer_than_it(text in "(K=[\"'\\\\$a-c \n]{0,12}\n?|\\PC{0,9}){0,4}") {
            let release = OsRelease::parse(&text);
            prop_assert!(release.get("K").is_none_or(|value| value.len() <= text.len()));
        }

        #[test]
        fn a_quoted_value_comes_out_as_it_went_in(value in "([^\\pC']{0,20}) {0,1}".prop_filter("shown", |value| !value.contains(is_hidden))) {
            let double = value.chars().flat_map(|c| ["\\"].into_iter().filter(move |_| "\"\\$`".contains(c)).chain([""])
                .map(str::to_owned).chain([c.to_string()])).collect::<String>();
            for line in [format!("K='{value}'"), format!("K=\"{double}\"")] {
                let release = OsRelease::parse(&line);
                prop_assert_eq!(release.get("K"), Some(value.as_str()), "{}", line);
            }
        }
    }
}
