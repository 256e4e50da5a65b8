//! Where an image is in its life, and how far its installer was told.

use super::handed_on::HandedOn;
use super::vocabulary::Claim;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    TakingIn,
    Held {
        next: Next,
    },
    HandedOn(HandedOn),
    Offered {
        since: Duration,
    },
    Claimed {
        claim: Claim,
        /// Since when it is not ready, has failed, or says that it never will be ready.
        since: Duration,
    },
    /// Invalid.
    Over {
        since: Duration,
    },
    /// Its installer is done with it.
    Done {
        since: Duration,
    },
    Removed,
}

/// What follows once it is not held any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Next {
    Offer,
    HandOn,
    Refuse,
}

/// Whether the installer is to be told to begin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Request {
    /// No client wants it yet.
    None,
    /// As soon as an installer is ready.
    Pending,
    /// It is being told.
    Telling { since: Duration, next: Option<Duration> },
    /// It was told.
    Past,
    /// It did not accept, for as long as it was tried.
    GivenUp { since: Duration },
}

/// Which installer was told to begin, and has not come to an end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Begun {
    No,
    /// By an earlier run of ours: it is not known which.
    EarlierRun,
    /// This one, by its unique name.
    By(String),
}
