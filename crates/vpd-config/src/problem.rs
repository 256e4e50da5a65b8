use std::error::Error;
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

impl Problem {
    /// The tool's exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
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
