use plain_text::is_programmed;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The type of a system, keyword IM of record VSBP.
///
/// Shape: four bytes; as text eight hex digits, capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SystemType([u8; 4]);

/// The hardware level of a system, keyword HW of record VINI.
///
/// Shape: two bytes, of which the first has another meaning and counts as zero; as text four hex digits, capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HardwareLevel(u8);

/// The name of a system, which is also that of its folder.
///
/// Shape: letters, digits, `_`, `-` and `.`, beginning with a letter or digit; at most 64.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SystemName(String);

/// A text is no type, level or name of a system.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Not a system type.
    #[error("{0:?} is no system type (eight hex digits)")]
    SystemType(String),
    /// Not a hardware level.
    #[error("{0:?} is no hardware level (four hex digits, of which the first two are 00)")]
    HardwareLevel(String),
    /// Not the name of a system.
    #[error("{0:?} is no name of a system (letters, digits, '_', '-', '.')")]
    SystemName(String),
    /// A match has both lists of hardware levels.
    #[error("a match has either hw or not-hw")]
    BothLists,
}

impl SystemType {
    /// Takes the bytes of the keyword; `None` when they are not four.
    pub fn of_keyword(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl HardwareLevel {
    /// Takes the bytes of the keyword; `None` when they are not two, or were never programmed.
    pub fn of_keyword(bytes: &[u8]) -> Option<Self> {
        match bytes {
            _ if !is_programmed(bytes) => None,
            [_, 0xff] => None,
            [_, level] => Some(Self(*level)),
            _ => None,
        }
    }
}

impl SystemName {
    /// The layer that all systems have in common, which stands in for a system that is not known.
    pub fn common() -> Self {
        Self("common".to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SystemType {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let digits = number(text, 8).ok_or_else(|| IdentityError::SystemType(text.to_owned()))?;
        Ok(Self(digits.to_be_bytes()))
    }
}

impl FromStr for HardwareLevel {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let level = number(text, 4).and_then(|number| u8::try_from(number).ok());
        level.map(Self).ok_or_else(|| IdentityError::HardwareLevel(text.to_owned()))
    }
}

impl FromStr for SystemName {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let is_name = text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        if is_name { Ok(Self(text.to_owned())) } else { Err(IdentityError::SystemName(text.to_owned())) }
    }
}

/// Exactly so many hex digits; `from_str_radix` alone would take a sign too.
fn number(text: &str, digits: usize) -> Option<u32> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

impl fmt::Display for SystemType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08X}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Display for HardwareLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04X}", self.0)
    }
}

impl fmt::Display for SystemName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Serde asks for these two.
macro_rules! text_form {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = IdentityError;

            fn try_from(text: String) -> Result<Self, IdentityError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

text_form!(SystemType);
text_form!(HardwareLevel);
text_form!(SystemName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_eeprom_says_is_shown_as_people_write_it() {
        let system_type = SystemType::of_keyword(&[0x50, 0x00, 0x10, 0xab]).unwrap();
        assert_eq!(system_type.to_string(), "500010AB");
        assert_eq!("500010ab".parse(), Ok(system_type));
        let level = HardwareLevel::of_keyword(&[0x42, 0x0b]).unwrap();
        assert_eq!(level.to_string(), "000B", "the first byte does not count");
        assert_eq!("000b".parse(), Ok(level));
    }

    #[test]
    fn keywords_of_another_length_are_no_identity() {
        for bytes in [&b""[..], b"123", b"12345"] {
            assert_eq!((SystemType::of_keyword(bytes), HardwareLevel::of_keyword(bytes)), (None, None));
        }
    }

    #[test]
    fn what_is_no_identity_is_refused() {
        for text in ["", "5000100", "500010011", "+5001001", "5000100g", "0x500010"] {
            assert_eq!(text.parse::<SystemType>(), Err(IdentityError::SystemType(text.to_owned())));
        }
        for text in ["", "1", "00001", "0101", "+001"] {
            assert_eq!(text.parse::<HardwareLevel>(), Err(IdentityError::HardwareLevel(text.to_owned())));
        }
        for text in ["", ".", "..", "../x", "a/b", "-a", "a b", "ä", "a\n", &"x".repeat(65)] {
            assert_eq!(text.parse::<SystemName>(), Err(IdentityError::SystemName(text.to_owned())));
        }
        assert_eq!("50001001_v2".parse::<SystemName>().unwrap().as_str(), "50001001_v2");
    }
}
