use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a configuration could not be compiled or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The command line does not say what it has to.
    #[error("{0}")]
    Usage(String),
    /// A file or folder of the source cannot be read.
    #[error("cannot read {}", .path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file is not TOML, or has an unknown key or a value of the wrong type; says file, line and key.
    #[error(transparent)]
    Layer(#[from] service_config::ConfigError),
    /// The configuration contradicts itself or what the fragments may say.
    #[error("{place}: {message}")]
    Wrong {
        /// The file and, where one can be named, the line.
        place: String,
        /// The key and what is wrong with it.
        message: String,
    },
    /// More than one of these.
    #[error("{}", lines(.0))]
    Several(Vec<Problem>),
    /// What is wrong, and what is only to be said beside.
    #[error("{}", .problem.chain())]
    Warned {
        /// What is wrong.
        problem: Box<Problem>,
        /// What else was found.
        warnings: Vec<Warning>,
    },
    /// A file of the result cannot be written or removed.
    #[error("cannot write {}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file of the result's name is there and is not ours.
    #[error("{} was not made by vpd-config and is left alone", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

/// What will not be shown as the configuration has it, or is shown at another's expense; it is compiled all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// The file and, where one can be named, the line.
    pub place: String,
    /// The key that it is about.
    pub subject: String,
    /// What the inventory has no place for: an interface, or a property with its interface. Empty for other things.
    pub unshown: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}: {}", self.place, self.subject, self.message)
    }
}

/// What was found in a configuration, each thing once: what systems have in common is seen with each of them.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    problems: Vec<Problem>,
    pub(crate) warnings: Vec<Warning>,
}

impl Findings {
    /// Adds what is wrong.
    pub(crate) fn wrong(&mut self, problem: Problem) {
        let text = problem.chain();
        if !self.problems.iter().any(|known| known.chain() == text) {
            self.problems.push(problem);
        }
    }

    /// Adds what is only to be said.
    pub(crate) fn warn(&mut self, warning: Warning) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// How many things are wrong.
    pub(crate) fn count(&self) -> usize {
        self.problems.len()
    }

    /// All that is wrong, if anything is.
    pub(crate) fn conclude(&mut self) -> Result<(), Problem> {
        Problem::of(std::mem::take(&mut self.problems)).map_or(Ok(()), Err)
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::chain).collect::<Vec<_>>().join("\n")
}

impl Problem {
    /// One problem of many, or the one that there is; `None` if there is none.
    pub(crate) fn of(mut problems: Vec<Self>) -> Option<Self> {
        match problems.len() {
            0 | 1 => problems.pop(),
            _ => Some(Self::Several(problems)),
        }
    }

    /// All of it, one by one.
    pub(crate) fn each(&self) -> &[Self] {
        match self {
            Self::Several(problems) => problems,
            Self::Warned { problem, .. } => problem.each(),
            one => std::slice::from_ref(one),
        }
    }

    /// What is only to be said.
    pub(crate) fn warnings(&self) -> &[Warning] {
        match self {
            Self::Warned { warnings, .. } => warnings,
            _ => &[],
        }
    }

    /// The tool's exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Several(problems) => problems.first().map_or(65, Self::status),
            Self::Warned { problem, .. } => problem.status(),
            Self::Usage(_) => 64,
            Self::Wrong { .. } | Self::Layer(service_config::ConfigError::Invalid { .. }) => 65,
            Self::Unreadable { .. } | Self::Layer(_) => 66,
            Self::Unwritable { .. } | Self::Foreign { .. } => 73,
        }
    }

    /// The problem and what caused it, on one line.
    pub(crate) fn chain(&self) -> String {
        match self.source() {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }
}
