//! Names of units, and how text gets into them.

use anyhow::{Context, Result, ensure};

/// Ends of names that we install.
const KINDS: [&str; 7] = ["service", "target", "slice", "socket", "timer", "path", "device"];

/// A unit's name in its parts, `prefix@instance.kind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitName {
    /// What stands before `@` or the kind; escaped.
    pub prefix: String,
    /// What stands between `@` and the kind, escaped; empty for a template, `None` without `@`.
    pub instance: Option<String>,
    /// The last word, `service`.
    pub kind: String,
}

impl UnitName {
    /// Takes a name apart.
    pub fn parse(name: &str) -> Result<Self> {
        let (stem, kind) = name.rsplit_once('.').with_context(|| format!("{name} has no kind"))?;
        ensure!(KINDS.contains(&kind), "{name}: units of the kind {kind} are not ours");
        let usual = |c: char| c.is_ascii_alphanumeric() || ":_.\\@-".contains(c);
        ensure!(!stem.is_empty() && stem.chars().all(usual), "{name} is no unit's name");
        let (prefix, instance) = match stem.split_once('@') {
            Some((prefix, instance)) => (prefix, Some(instance.to_owned())),
            None => (stem, None),
        };
        Ok(Self { prefix: prefix.to_owned(), instance, kind: kind.to_owned() })
    }

    /// The instance of a template for any text, escaped.
    pub fn instance_of(template: &str, text: &str) -> Result<Self> {
        let name = Self::parse(template)?;
        ensure!(name.instance.as_deref() == Some(""), "{template} is no template");
        Ok(Self { instance: Some(escape(text)), ..name })
    }

    /// The name in one piece.
    pub fn full(&self) -> String {
        format!("{}.{}", self.stem(), self.kind)
    }

    /// The name without its kind, `%N` before it is unescaped.
    pub fn stem(&self) -> String {
        match &self.instance {
            Some(instance) => format!("{}@{instance}", self.prefix),
            None => self.prefix.clone(),
        }
    }

    /// The template, for the name of an instance.
    pub fn template(&self) -> Option<Self> {
        let is_instance = self.instance.as_deref().is_some_and(|instance| !instance.is_empty());
        is_instance.then(|| Self { instance: Some(String::new()), ..self.clone() })
    }
}

/// Text as it appears in a name: `/` becomes `-`, what is neither letter, digit nor one of `:_.` becomes `\xNN`.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'/' => escaped.push('-'),
            b'.' if index == 0 => escaped.push_str("\\x2e"),
            b':' | b'_' | b'.' => escaped.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("\\x{byte:02x}")),
        }
    }
    escaped
}

/// The text that was escaped.
pub fn unescape(escaped: &str) -> Result<String> {
    let mut bytes = Vec::new();
    let mut rest = escaped;
    while let Some(first) = rest.chars().next() {
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
        match first {
            '-' => bytes.push(b'/'),
            '\\' => {
                let (digits, tail) = rest
                    .strip_prefix('x')
                    .and_then(|rest| rest.split_at_checked(2))
                    .with_context(|| format!("{escaped} ends within an escape"))?;
                bytes.push(
                    u8::from_str_radix(digits, 16).with_context(|| format!("{escaped} escapes {digits}"))?,
                );
                rest = tail;
            }
            _ => bytes.extend(first.to_string().bytes()),
        }
    }
    String::from_utf8(bytes).with_context(|| format!("{escaped} hides something that is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_their_way_through_a_name() {
        for (text, escaped) in [
            ("10-0050", "10\\x2d0050"),
            ("spi12.0", "spi12.0"),
            ("file:card one", "file:card\\x20one"),
            ("a/b", "a-b"),
            (".hidden", "\\x2ehidden"),
        ] {
            assert_eq!(escape(text), escaped);
            assert_eq!(unescape(escaped).unwrap(), text);
        }
        assert!(unescape("a\\x2").is_err());
        assert!(unescape("a\\y22").is_err());
    }

    #[test]
    fn a_name_comes_apart_and_together() {
        let name = UnitName::parse("a-b@10\\x2d0050.service").unwrap();
        assert_eq!((name.prefix.as_str(), name.instance.as_deref()), ("a-b", Some("10\\x2d0050")));
        assert_eq!(name.full(), "a-b@10\\x2d0050.service");
        assert_eq!(name.template().unwrap().full(), "a-b@.service");
        assert_eq!(UnitName::instance_of("a-b@.service", "10-0050").unwrap(), name);
        assert!(UnitName::parse("a-b.service").unwrap().template().is_none());
        assert!(UnitName::parse("a-b@.service").unwrap().template().is_none());
        for wrong in ["a", "a.conf", "a b.service", ".service"] {
            assert!(UnitName::parse(wrong).is_err(), "{wrong}");
        }
    }
}
