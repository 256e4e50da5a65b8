use anyhow::Context as _;
use lexopt::Arg;
use service_runtime::{Exit, Invocation, folders};
use std::path::PathBuf;
use system_index::places;

/// What selection is told.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// What it takes for `/`, absolute.
    pub root: PathBuf,
    /// Where the last good choice is kept.
    pub state: PathBuf,
}

impl Arguments {
    /// `None` when the call was answered already (`--help`, `--version`).
    pub(crate) fn parse(invocation: &Invocation) -> anyhow::Result<Option<Self>> {
        let mut root = service_runtime::root();
        let goes_on = invocation.parse(HELP, |argument, values| {
            match argument {
                Arg::Long("root") => root = values.value()?.into(),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if !goes_on {
            return Ok(None);
        }
        // The link that is made below it has to lead there from everywhere.
        let root = std::path::absolute(root).context("--root names no folder").context(Exit::Usage)?;
        let state = folders::state().unwrap_or_else(|| root.join(places::STATE));
        Ok(Some(Self { root, state }))
    }
}

const HELP: &str = "Usage: vpd-select [-v] [--root DIR]\n\n\
    Chooses the system that this machine is, by its vital product data, and links its fragments.\n\n  \
    --root DIR         take DIR for /\n  \
    -v, --verbose      log debug lines too\n  \
    -h, --help         this text\n  \
    -V, --version      the version\n\n\
    Exit status: 0 matched, 64 usage, 65 unreadable or unknown, 69 absent or silent, 70 internal,\n\
    78 configuration. With 65 and 69 a choice was made all the same.\n";
