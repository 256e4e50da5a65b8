//! How the tool ends.

use dbus_api::call::CallError;
use dbus_api::standard::error::{
    ACCESS_DENIED, INVALID_ARGS, UNKNOWN_INTERFACE, UNKNOWN_METHOD, UNKNOWN_OBJECT,
};
use dbus_api::vpd::manager::error;
use vpd_format::{Content, Outcome, Vpd};

/// How the tool ends; the table in `README.md` says what it means for each action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Everything is good, nothing differs.
    Good,
    /// Everything is good after correction.
    Recovered,
    /// Two images differ.
    Different,
    /// Some of the image is bad, or what was asked for is not there.
    PartlyBad,
    /// There is no telling whether images differ.
    Trouble,
    /// Nothing of the image is usable.
    Unusable,
    /// The command line is wrong.
    Usage,
    /// A description is wrong.
    BadDescription,
    /// A file cannot be read.
    NoInput,
    /// No such part, record or keyword.
    NotFound,
    /// A name means several parts.
    Ambiguous,
    /// No bus, or no service on it.
    Absent,
    /// A service, or the tool itself, failed.
    Failed,
    /// A chip does not answer, or does not keep what is written.
    Device,
    /// A file cannot be made.
    CannotCreate,
    /// The result cannot be written.
    Output,
    /// Not now, or not in time.
    TryAgain,
    /// A keyword does not hold what was expected.
    Mismatch,
    /// It is not allowed.
    NotAllowed,
}

impl Exit {
    /// The process's exit status.
    pub(crate) const fn status(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Recovered | Self::Different => 1,
            Self::PartlyBad | Self::Trouble => 2,
            Self::Unusable => 3,
            Self::Usage => 64,
            Self::BadDescription => 65,
            Self::NoInput => 66,
            Self::NotFound => 67,
            Self::Ambiguous => 68,
            Self::Absent => 69,
            Self::Failed => 70,
            Self::Device => 71,
            Self::CannotCreate => 73,
            Self::Output => 74,
            Self::TryAgain => 75,
            Self::Mismatch => 76,
            Self::NotAllowed => 77,
        }
    }

    /// What an image that could be read says about itself.
    pub(crate) fn of(vpd: &Vpd) -> Self {
        match vpd.outcome {
            Outcome::Ok | Outcome::Unchecked | Outcome::Skipped => Self::Good,
            Outcome::Recovered => Self::Recovered,
            _ if is_anything_usable(&vpd.content) => Self::PartlyBad,
            _ => Self::Unusable,
        }
    }
}

fn is_anything_usable(content: &Content) -> bool {
    match content {
        Content::Ipz(image) => image.records.iter().any(|record| record.keywords().next().is_some()),
        Content::Keyword(_) => true,
        Content::Memory(module) => module.memory_size_kb.is_some() || module.keywords().next().is_some(),
    }
}

/// An error with the status it leads to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) cause: anyhow::Error,
}

impl Failure {
    pub(crate) fn new(exit: Exit, cause: impl Into<anyhow::Error>) -> Self {
        Self { exit, cause: cause.into() }
    }

    /// A failure that a sentence explains.
    pub(crate) fn say(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { exit, cause: anyhow::Error::msg(sentence.into()) }
    }

    /// What a call came to: what the peer says, its error's name, and what may be done about it.
    pub(crate) fn call(error: CallError) -> Self {
        match error {
            CallError::Refused { name, text, .. } => {
                let (exit, advice) = judge(&name);
                let text = if text.is_empty() { "no reason is given" } else { &*text };
                Self::say(exit, format!("{text} ({name}){advice}"))
            }
            CallError::Absent { destination } => {
                Self::say(Exit::Absent, format!("{destination} is not on the bus: is its service running?"))
            }
            CallError::TimedOut { .. } => {
                Self::say(Exit::TryAgain, format!("{error}: look into its journal, then try again"))
            }
            error => Self::new(Exit::Absent, error),
        }
    }
}

/// What a refusal by this name leads to, and what to do about it.
fn judge(name: &str) -> (Exit, &'static str) {
    match name {
        error::INVALID_ARGUMENT | INVALID_ARGS => (Exit::Usage, ""),
        error::PATH_NOT_FOUND => (Exit::NotFound, "; `vpd-tool list` shows what there is"),
        error::RECORD_NOT_FOUND | error::KEYWORD_NOT_FOUND => {
            (Exit::NotFound, "; `vpd-tool show --hardware` shows what there is")
        }
        UNKNOWN_OBJECT | UNKNOWN_INTERFACE => (Exit::NotFound, ""),
        error::NOT_ALLOWED | error::UNSUPPORTED_REQUEST => (Exit::NotAllowed, ""),
        ACCESS_DENIED => (Exit::NotAllowed, "; that is for root and the group vpd-admin"),
        error::MISMATCH => (Exit::Mismatch, ""),
        error::UNAVAILABLE | error::TOO_MANY_RESOURCES => (Exit::TryAgain, "; try again later"),
        error::ECC_CHECK_FAILED => (Exit::PartlyBad, "; `vpd-tool repair` may help"),
        error::INVALID_VPD => (Exit::Unusable, ""),
        error::READ_FAILURE | error::WRITE_FAILURE => (Exit::Device, ""),
        UNKNOWN_METHOD => (Exit::Failed, "; the service on this machine does not do that"),
        _ if [".Timeout", ".TimedOut"].iter().any(|end| name.ends_with(end)) => {
            (Exit::TryAgain, "; try again")
        }
        _ => (Exit::Failed, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_of_what_talks_to_services_are_frozen() {
        for (exit, status) in [
            (Exit::NotFound, 67),
            (Exit::Ambiguous, 68),
            (Exit::Absent, 69),
            (Exit::Failed, 70),
            (Exit::Device, 71),
            (Exit::TryAgain, 75),
            (Exit::Mismatch, 76),
            (Exit::NotAllowed, 77),
        ] {
            assert_eq!(exit.status(), status, "{exit:?}");
        }
    }

    #[test]
    fn a_refusal_leads_to_the_status_of_its_name_and_is_told_in_full() {
        for (name, status) in [
            ("xyz.openbmc_project.Common.Error.InvalidArgument", 64),
            ("com.ibm.VPD.Error.PathNotFound", 67),
            ("com.ibm.VPD.Error.RecordNotFound", 67),
            ("com.ibm.VPD.Error.KeywordNotFound", 67),
            ("xyz.openbmc_project.Common.Error.NotAllowed", 77),
            ("xyz.openbmc_project.Common.Error.UnsupportedRequest", 77),
            ("org.freedesktop.DBus.Error.AccessDenied", 77),
            ("com.ibm.VPD.Error.Mismatch", 76),
            ("xyz.openbmc_project.Common.Error.Unavailable", 75),
            ("xyz.openbmc_project.Common.Error.TooManyResources", 75),
            ("xyz.openbmc_project.Common.Error.Timeout", 75),
            ("com.ibm.VPD.Error.EccCheckFailed", 2),
            ("com.ibm.VPD.Error.InvalidVPD", 3),
            ("xyz.openbmc_project.Common.Device.Error.ReadFailure", 71),
            ("xyz.openbmc_project.Common.Device.Error.WriteFailure", 71),
            ("xyz.openbmc_project.Common.File.Error.Write", 70),
            ("org.freedesktop.DBus.Error.UnknownMethod", 70),
        ] {
            assert_eq!(judge(name).0.status(), status, "{name}");
        }
        let refused = |text: &str| {
            let (name, text) = ("com.ibm.VPD.Error.Mismatch".to_owned(), text.to_owned());
            Failure::call(CallError::Refused { destination: "a.B", name, text }).cause.to_string()
        };
        assert_eq!(refused("it holds X"), "it holds X (com.ibm.VPD.Error.Mismatch)");
        assert_eq!(refused(""), "no reason is given (com.ibm.VPD.Error.Mismatch)");
        assert_eq!(Failure::call(CallError::TimedOut { destination: "a.B" }).exit, Exit::TryAgain);
        assert_eq!(Failure::call(CallError::Absent { destination: "a.B" }).exit, Exit::Absent);
    }
}
