//! How the tool ends.

use dbus_api::software::error;
use dbus_api::standard::error::{
    INVALID_ARGS, OPENBMC_INVALID_ARGUMENT, UNKNOWN_INTERFACE, UNKNOWN_METHOD, UNKNOWN_OBJECT,
};
use std::io;
use zbus::DBusError as _;

/// How the tool ends; the table in `README.md` says what it means for each command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// The command line is wrong.
    Usage,
    /// The image is refused, or its installation failed.
    BadImage,
    /// A file cannot be read.
    NoInput,
    /// No service, no such object, no bus.
    Absent,
    /// A service, or the tool itself, failed.
    Internal,
    /// A file cannot be made.
    CannotCreate,
    /// The result cannot be written.
    Output,
    /// Not now, or not in time.
    TryAgain,
    /// It is not allowed.
    NotAllowed,
}

impl Exit {
    /// The process's exit status.
    pub(crate) const fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 64,
            Self::BadImage => 65,
            Self::NoInput => 66,
            Self::Absent => 69,
            Self::Internal => 70,
            Self::CannotCreate => 73,
            Self::Output => 74,
            Self::TryAgain => 75,
            Self::NotAllowed => 77,
        }
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
    pub(crate) fn call(service: &str, error: &zbus::Error) -> Self {
        let refused = |name: &str, text: &str| {
            let (exit, advice) = judge(name);
            let text = if text.is_empty() { "no reason is given" } else { text };
            Self::say(exit, format!("{service} refuses: {text} ({name}){advice}"))
        };
        match error {
            zbus::Error::MethodError(name, text, _) => {
                refused(name.as_str(), text.as_deref().unwrap_or_default())
            }
            zbus::Error::FDO(error) => {
                refused(error.name().as_str(), error.description().unwrap_or_default())
            }
            zbus::Error::InputOutput(error) if error.kind() == io::ErrorKind::TimedOut => Self::say(
                Exit::TryAgain,
                format!("{service} does not answer: look into its journal, then try again"),
            ),
            error => Self::say(Exit::Absent, format!("the bus gave no answer of {service}: {error}")),
        }
    }
}

const NO_SUCH: (Exit, &str) = (Exit::Absent, "; `software-tool list` shows what there is");

/// What a refusal by this name leads to, and what to do about it.
fn judge(name: &str) -> (Exit, &'static str) {
    match name {
        error::INVALID_IMAGE => (Exit::BadImage, ""),
        error::UNAVAILABLE => {
            (Exit::TryAgain, "; wait, or remove images that nobody needs with `software-tool delete`")
        }
        error::NOT_ALLOWED => (Exit::NotAllowed, ""),
        OPENBMC_INVALID_ARGUMENT | INVALID_ARGS => (Exit::Usage, "; another --apply may do"),
        UNKNOWN_OBJECT | UNKNOWN_INTERFACE | UNKNOWN_METHOD => NO_SUCH,
        _ if name.ends_with(".AccessDenied") => {
            (Exit::NotAllowed, "; firmware is root's affair: try as root")
        }
        _ if [".ServiceUnknown", ".NameHasNoOwner", ".NoReply"].iter().any(|end| name.ends_with(end)) => {
            (Exit::Absent, "; is the service running?")
        }
        _ if [".Timeout", ".TimedOut"].iter().any(|end| name.ends_with(end)) => {
            (Exit::TryAgain, "; try again")
        }
        _ => (Exit::Internal, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_frozen() {
        for (exit, status) in [
            (Exit::Done, 0),
            (Exit::Usage, 64),
            (Exit::BadImage, 65),
            (Exit::NoInput, 66),
            (Exit::Absent, 69),
            (Exit::Internal, 70),
            (Exit::CannotCreate, 73),
            (Exit::Output, 74),
            (Exit::TryAgain, 75),
            (Exit::NotAllowed, 77),
        ] {
            assert_eq!(exit.status(), status, "{exit:?}");
        }
    }

    #[test]
    fn a_refusal_leads_to_the_status_of_its_name() {
        for (name, exit) in [
            ("xyz.openbmc_project.Software.Update.Error.InvalidImage", Exit::BadImage),
            ("xyz.openbmc_project.Common.Error.Unavailable", Exit::TryAgain),
            ("xyz.openbmc_project.Common.Error.InvalidArgument", Exit::Usage),
            ("xyz.openbmc_project.Common.Error.NotAllowed", Exit::NotAllowed),
            ("org.freedesktop.DBus.Error.AccessDenied", Exit::NotAllowed),
            ("org.freedesktop.DBus.Error.UnknownObject", Exit::Absent),
            ("org.freedesktop.DBus.Error.NoReply", Exit::Absent),
            ("xyz.openbmc_project.Common.Error.InternalFailure", Exit::Internal),
        ] {
            assert_eq!(judge(name).0, exit, "{name}");
        }
        let error = zbus::Error::FDO(Box::new(zbus::fdo::Error::AccessDenied("not you".to_owned())));
        let text = Failure::call("a.B", &error).cause.to_string();
        assert!(text.starts_with("a.B refuses: not you (org.freedesktop.DBus.Error.AccessDenied)"), "{text}");
    }
}
