use std::fmt;

/// How a service ends; the table in `CONTRIBUTING.md` says what systemd makes of each.
///
/// Attached to an error with `anyhow::Context::context`, it also decides the status of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done,
    /// The command line is wrong.
    Usage,
    /// What was read is wrong: blank, damaged, of another format. A success for systemd.
    BadData,
    /// The device is absent or does not answer. A success for systemd.
    DeviceAbsent,
    /// A fault of the service itself.
    Internal,
    /// A driver or an attribute of the kernel refused.
    Refused,
    /// A GPIO line cannot be used.
    LineRefused,
    /// A peer is missing or silent; worth a retry.
    PeerUnavailable,
    /// The configuration is wrong; a retry is pointless.
    Configuration,
}

impl Exit {
    /// The process's exit status.
    pub fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 64,
            Self::BadData => 65,
            Self::DeviceAbsent => 69,
            Self::Internal => 70,
            Self::Refused => 71,
            Self::LineRefused => 74,
            Self::PeerUnavailable => 75,
            Self::Configuration => 78,
        }
    }
}

impl Exit {
    const ALL: [Self; 9] = [
        Self::Done,
        Self::Usage,
        Self::BadData,
        Self::DeviceAbsent,
        Self::Internal,
        Self::Refused,
        Self::LineRefused,
        Self::PeerUnavailable,
        Self::Configuration,
    ];

    /// What a status means that another of our programs ended with, as systemd tells it.
    pub fn of_status(status: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| i32::from(exit.status()) == status)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Done => "done",
            Self::Usage => "usage",
            Self::BadData => "bad data",
            Self::DeviceAbsent => "device absent",
            Self::Internal => "internal error",
            Self::Refused => "refused by the kernel",
            Self::LineRefused => "refused by a line",
            Self::PeerUnavailable => "peer unavailable",
            Self::Configuration => "configuration error",
        })
    }
}

/// The status that an error asks for; the outermost mark in its chain wins.
pub(crate) fn of_error(error: &anyhow::Error) -> Exit {
    error.downcast_ref::<Exit>().copied().unwrap_or(Exit::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn statuses_are_frozen() {
        let all = [
            (Exit::Done, 0),
            (Exit::Usage, 64),
            (Exit::BadData, 65),
            (Exit::DeviceAbsent, 69),
            (Exit::Internal, 70),
            (Exit::Refused, 71),
            (Exit::LineRefused, 74),
            (Exit::PeerUnavailable, 75),
            (Exit::Configuration, 78),
        ];
        for (exit, status) in all {
            assert_eq!(exit.status(), status, "{exit}");
            assert_eq!(Exit::of_status(i32::from(status)), Some(exit));
        }
    }

    #[test]
    fn an_error_carries_its_status_through_further_context() {
        let error = Err::<(), _>(anyhow::anyhow!("no such key"))
            .context(Exit::Configuration)
            .context("while starting")
            .unwrap_err();
        assert_eq!(of_error(&error), Exit::Configuration);
        assert_eq!(of_error(&anyhow::anyhow!("other")), Exit::Internal);
        assert_eq!(format!("{error:#}"), "while starting: configuration error: no such key");
    }
}
