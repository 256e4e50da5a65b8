use crate::Excerpt;
use std::fmt;

/// What an image is for.
///
/// Source: `Software.Version.VersionPurpose`, whose members are frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Not known.
    Unknown,
    /// None of the others.
    Other,
    /// Several of the others at once.
    System,
    /// The management controller.
    Bmc,
    /// The host's firmware.
    Host,
    /// Power supplies.
    Psu,
}

/// Why a text is no purpose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PurposeError {
    /// It does not begin as members of the enum do.
    #[error("the purpose \"{}\" does not begin with {PREFIX}", Excerpt::of(.0))]
    Prefix(String),
    /// The enum has no such member.
    #[error("\"{}\" is no member of {PREFIX}", Excerpt::of(.0))]
    Member(String),
}

/// How a MANIFEST writes the enum. It is text of a file here, not a name on a bus.
const PREFIX: &str = "xyz.openbmc_project.Software.Version.VersionPurpose.";

impl Purpose {
    /// Every purpose, in the order of the interface.
    pub const ALL: [Self; 6] = [Self::Unknown, Self::Other, Self::System, Self::Bmc, Self::Host, Self::Psu];

    /// Reads the full string, enum and member.
    ///
    /// Errors: [`PurposeError`].
    pub fn parse(text: &str) -> Result<Self, PurposeError> {
        let word = text.strip_prefix(PREFIX).ok_or_else(|| PurposeError::Prefix(text.to_owned()))?;
        Self::from_word(word).ok_or_else(|| PurposeError::Member(word.to_owned()))
    }

    /// The full string, as a MANIFEST has it and [`Purpose::parse`] reads it.
    pub fn full(self) -> String {
        format!("{PREFIX}{}", self.word())
    }

    /// The member's name, without the enum's.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Other => "Other",
            Self::System => "System",
            Self::Bmc => "BMC",
            Self::Host => "Host",
            Self::Psu => "PSU",
        }
    }

    /// The purpose of that name; upper and lower case count.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.word() == word)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_string_of_every_member_is_read() {
        let words = ["Unknown", "Other", "System", "BMC", "Host", "PSU"];
        assert_eq!(Purpose::ALL.map(Purpose::word), words);
        for purpose in Purpose::ALL {
            let text = format!("xyz.openbmc_project.Software.Version.VersionPurpose.{purpose}");
            assert_eq!(Purpose::parse(&text), Ok(purpose));
            assert_eq!(purpose.full(), text);
        }
    }

    #[test]
    fn another_text_is_refused_and_not_made_unknown() {
        let member = |word: &str| Err(PurposeError::Member(word.to_owned()));
        assert_eq!(Purpose::parse(&format!("{PREFIX}Bmc")), member("Bmc"));
        assert_eq!(Purpose::parse(&format!("{PREFIX}PSU ")), member("PSU "));
        assert_eq!(Purpose::parse(PREFIX), member(""));
        for text in ["", "BMC", "xyz.openbmc_project.Software.Version.BMC", " xyz.openbmc_project"] {
            assert_eq!(Purpose::parse(text), Err(PurposeError::Prefix(text.to_owned())));
        }
    }
}
