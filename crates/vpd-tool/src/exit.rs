//! How the tool ends.

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
    /// A file cannot be made.
    CannotCreate,
    /// The result cannot be written.
    Output,
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
            Self::CannotCreate => 73,
            Self::Output => 74,
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
    pub(crate) fn say(exit: Exit, sentence: String) -> Self {
        Self { exit, cause: anyhow::Error::msg(sentence) }
    }
}
