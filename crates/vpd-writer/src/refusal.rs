//! Why a call is answered with an error, and the one mapping of that to D-Bus error names.

use dbus_api::standard;
use dbus_api::vpd::manager::error;
use plain_text::is_hidden;

/// Why a call is not done, with what there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// The row of the table.
    pub cause: Cause,
    /// A sentence for people.
    pub text: String,
}

/// The kinds of refusals; each has its own D-Bus name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Empty path or value, wrong variant, a name of another length, a value of another length, a bad location code.
    InvalidArgument,
    /// Unknown path, another software's object.
    PathNotFound,
    /// No such record.
    RecordNotFound,
    /// No such keyword.
    KeywordNotFound,
    /// What is never written, or is locked.
    NotAllowed,
    /// Memory VPD, VPD without code.
    UnsupportedRequest,
    /// Damaged beyond correction.
    EccCheckFailed,
    /// Blank, or no VPD.
    InvalidVpd,
    /// The old value is another one than expected.
    Mismatch,
    /// Silent while it is read.
    ReadFailure,
    /// Silent while it is written, not verified, write-protected.
    WriteFailure,
    /// Locked, not collected yet, pending, or only while the chassis is off.
    Unavailable,
    /// The journal cannot be written.
    JournalUnwritable,
    /// Too many callers.
    TooManyResources,
    /// A fault of this program or of its configuration.
    Internal,
    /// The arguments do not fit the method.
    Arguments,
    /// No such method.
    UnknownMethod,
    /// No such object.
    UnknownObject,
    /// No such interface.
    UnknownInterface,
    /// No such property.
    UnknownProperty,
    /// Properties are not written.
    ReadOnly,
}

/// Longest text of a refusal, bytes: it quotes what it was given.
const LONGEST: usize = 1_000;

impl Cause {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::InvalidArgument,
        Self::PathNotFound,
        Self::RecordNotFound,
        Self::KeywordNotFound,
        Self::NotAllowed,
        Self::UnsupportedRequest,
        Self::EccCheckFailed,
        Self::InvalidVpd,
        Self::Mismatch,
        Self::ReadFailure,
        Self::WriteFailure,
        Self::Unavailable,
        Self::JournalUnwritable,
        Self::TooManyResources,
        Self::Internal,
        Self::Arguments,
        Self::UnknownMethod,
        Self::UnknownObject,
        Self::UnknownInterface,
        Self::UnknownProperty,
        Self::ReadOnly,
    ];

    /// The D-Bus name.
    pub const fn bus_name(self) -> &'static str {
        match self {
            Self::InvalidArgument => error::INVALID_ARGUMENT,
            Self::PathNotFound => error::PATH_NOT_FOUND,
            Self::RecordNotFound => error::RECORD_NOT_FOUND,
            Self::KeywordNotFound => error::KEYWORD_NOT_FOUND,
            Self::NotAllowed => error::NOT_ALLOWED,
            Self::UnsupportedRequest => error::UNSUPPORTED_REQUEST,
            Self::EccCheckFailed => error::ECC_CHECK_FAILED,
            Self::InvalidVpd => error::INVALID_VPD,
            Self::Mismatch => error::MISMATCH,
            Self::ReadFailure => error::READ_FAILURE,
            Self::WriteFailure => error::WRITE_FAILURE,
            Self::Unavailable => error::UNAVAILABLE,
            Self::JournalUnwritable => error::FILE_WRITE,
            Self::TooManyResources => error::TOO_MANY_RESOURCES,
            Self::Internal => error::INTERNAL_FAILURE,
            Self::Arguments => standard::error::INVALID_ARGS,
            Self::UnknownMethod => standard::error::UNKNOWN_METHOD,
            Self::UnknownObject => standard::error::UNKNOWN_OBJECT,
            Self::UnknownInterface => standard::error::UNKNOWN_INTERFACE,
            Self::UnknownProperty => standard::error::UNKNOWN_PROPERTY,
            Self::ReadOnly => standard::error::PROPERTY_READ_ONLY,
        }
    }

    /// The refusal with its sentence; what would turn a line of the log round is shown escaped, and the end of a long one is cut.
    pub fn because(self, text: impl AsRef<str>) -> Refusal {
        let mut shown = String::new();
        for character in text.as_ref().chars() {
            if shown.len() >= LONGEST {
                shown.push('…');
                break;
            }
            if is_hidden(character) {
                shown.extend(character.escape_unicode());
            } else {
                shown.push(character);
            }
        }
        Refusal { cause: self, text: shown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_cause_has_a_name_of_its_own_and_those_of_the_table_are_frozen() {
        let names: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.bus_name()).collect();
        assert_eq!(names.len(), Cause::ALL.len());
        for (cause, name) in [
            (Cause::InvalidArgument, "xyz.openbmc_project.Common.Error.InvalidArgument"),
            (Cause::PathNotFound, "com.ibm.VPD.Error.PathNotFound"),
            (Cause::RecordNotFound, "com.ibm.VPD.Error.RecordNotFound"),
            (Cause::KeywordNotFound, "com.ibm.VPD.Error.KeywordNotFound"),
            (Cause::NotAllowed, "xyz.openbmc_project.Common.Error.NotAllowed"),
            (Cause::UnsupportedRequest, "xyz.openbmc_project.Common.Error.UnsupportedRequest"),
            (Cause::EccCheckFailed, "com.ibm.VPD.Error.EccCheckFailed"),
            (Cause::InvalidVpd, "com.ibm.VPD.Error.InvalidVPD"),
            (Cause::Mismatch, "com.ibm.VPD.Error.Mismatch"),
            (Cause::ReadFailure, "xyz.openbmc_project.Common.Device.Error.ReadFailure"),
            (Cause::WriteFailure, "xyz.openbmc_project.Common.Device.Error.WriteFailure"),
            (Cause::Unavailable, "xyz.openbmc_project.Common.Error.Unavailable"),
            (Cause::JournalUnwritable, "xyz.openbmc_project.Common.File.Error.Write"),
            (Cause::TooManyResources, "xyz.openbmc_project.Common.Error.TooManyResources"),
        ] {
            assert_eq!(cause.bus_name(), name);
        }
    }

    #[test]
    fn what_a_caller_gave_is_shown_escaped_and_cut() {
        let refusal = Cause::PathNotFound.because("a\nb\u{202e}c");
        assert!(!refusal.text.contains(is_hidden), "{}", refusal.text);
        assert!(Cause::PathNotFound.because("ö".repeat(10_000)).text.len() < LONGEST + 10);
    }
}
