use sha2::{Digest, Sha512};
use std::fmt::{self, Write};

/// What tells one image from another on the bus and in folders.
///
/// Shape: eight lower-case hexadecimal digits, the first four bytes of a SHA-512.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionId(String);

/// Why a text is no version identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VersionIdError {
    /// It is shorter, longer, or has other characters in it.
    #[error("a version identifier is eight lower-case hexadecimal digits")]
    Shape,
}

/// How many bytes of the hash count.
const BYTES: usize = 4;

impl VersionId {
    /// The identifier of a version, as of one that runs in a power supply.
    ///
    /// Blanks and line ends behind the version are no part of it.
    pub fn of(text: &str) -> Self {
        Self::hash(trimmed(text))
    }

    /// The identifier of an upload: the version followed by a random number in decimal, so that one image can be uploaded
    /// twice.
    pub fn salted(version: &str, salt: u32) -> Self {
        Self::hash(&format!("{}{salt}", trimmed(version)))
    }

    /// The identifier of an upload whose version is not known yet.
    pub fn of_salt(salt: u32) -> Self {
        Self::hash(&salt.to_string())
    }

    /// Reads an identifier, such as the name of a folder.
    ///
    /// Errors: [`VersionIdError`].
    pub fn parse(text: &str) -> Result<Self, VersionIdError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 2 * BYTES && text.bytes().all(is_digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(VersionIdError::Shape)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn hash(text: &str) -> Self {
        let mut digits = String::with_capacity(2 * BYTES);
        for byte in Sha512::digest(text.as_bytes()).iter().take(BYTES) {
            // Writing to a string cannot fail.
            let _ = write!(digits, "{byte:02x}");
        }
        Self(digits)
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_end_matches(|end: char| end.is_ascii_whitespace())
}

impl fmt::Display for VersionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_those_that_other_programs_compute() {
        for (version, id) in [
            ("v1.99.10-19", "be0e872f"),
            ("2.7.0-dev", "7b7385fe"),
            ("psu-test.v0.4", "67363d95"),
            ("01100110", "9463c2ad"),
            ("01120114", "56252132"),
            // Not 02572429, which is the hash with the line end.
            ("01120114\n", "56252132"),
            ("01120114 \r\n", "56252132"),
        ] {
            assert_eq!(VersionId::of(version).as_str(), id, "{version:?}");
            assert_eq!(VersionId::parse(id).unwrap(), VersionId::of(version));
        }
    }

    #[test]
    fn the_salt_is_hashed_as_decimal_behind_the_version() {
        assert_eq!(VersionId::salted("0110", 110), VersionId::of("0110110"));
        assert_eq!(VersionId::salted("v1\n", u32::MAX), VersionId::of("v14294967295"));
        assert_ne!(VersionId::salted("v1", 1), VersionId::salted("v1", 2));
        assert_eq!(VersionId::of_salt(0), VersionId::of("0"));
        assert_eq!(VersionId::of_salt(1_100_110), VersionId::of("1100110"));
    }

    #[test]
    fn only_eight_lower_case_digits_are_an_identifier() {
        for text in ["", "be0e872", "be0e872f0", "BE0E872F", "be0e872g", "../../be", "be0e872\n", "bé0e872"]
        {
            assert_eq!(VersionId::parse(text), Err(VersionIdError::Shape), "{text:?}");
        }
        assert_eq!(VersionId::parse("00000000").unwrap().to_string(), "00000000");
    }
}
