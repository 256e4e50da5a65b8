//! Changes EEPROMs so that a loss of power leaves them whole, and recovers what it has interrupted. All here waits for chips
//! and for the disk, so it runs on a thread of its own.
//!
//! | module | what it does |
//! |---|---|
//! | [`journals`] | the journals on disk |
//! | [`chips`] | the chips of a journal, locked |
//! | [`mod@write`] | keywords get other values |
//! | [`mend`] | puts records and backups right |
//! | `repair` | replaces what is damaged by a copy |
//! | [`backup`] | what is kept a second time |
//! | [`recovery`] | finishes or takes back what was interrupted |
//! | [`this_boot`] | what is remembered until the next boot |

pub mod backup;
pub mod chips;
pub mod journals;
pub mod mend;
pub mod recovery;
mod repair;
pub mod this_boot;
pub mod write;

use crate::history::Past;
use crate::refusal::{Cause, Refusal};
use crate::rereads::Rereads;
use backup::Backups;
use durable_state::RealDisk;
use journals::Journals;
use std::io;
use std::path::{Path, PathBuf};
use this_boot::ThisBoot;
use vpd_format::VpdError;
use vpd_transaction::{Failure, PlanError};

/// All that the service keeps beside its history, for all jobs.
#[derive(Debug)]
pub struct Stores<D = RealDisk> {
    /// The service's state folder.
    pub state: PathBuf,
    /// The journals.
    pub journals: Journals<D>,
    /// The backups.
    pub backups: Backups<D>,
    /// What is remembered until the next boot.
    pub this_boot: ThisBoot<D>,
    /// The last writes.
    pub past: Past<D>,
    /// Runs of parsers that are under way.
    pub rereads: Rereads,
}

impl<D: durable_state::Disk + Clone> Stores<D> {
    /// What is kept in the service's state folder, and until the next boot in another one.
    pub fn at(state: &Path, runtime: Option<PathBuf>, disk: D) -> Self {
        Self {
            state: state.to_owned(),
            journals: Journals::at(state, disk.clone()),
            backups: Backups::at(state, disk.clone()),
            past: Past::load(disk.clone(), state),
            this_boot: ThisBoot::at(runtime, disk),
            rereads: Rereads::default(),
        }
    }

    /// Makes the folders if need be.
    ///
    /// Errors: as the kernel says.
    pub fn open(&self) -> io::Result<()> {
        self.journals.open()?;
        self.backups.open()
    }
}

/// Why a chip's content keeps it from being written.
pub(crate) fn refused(error: PlanError<io::Error>) -> Refusal {
    let cause = match &error {
        PlanError::Device(_) => Cause::ReadFailure,
        PlanError::Image(error) | PlanError::Edit(error) => cause_of(error),
        PlanError::Memory => Cause::UnsupportedRequest,
        PlanError::Addressing { .. } => Cause::InvalidArgument,
        PlanError::NoRecord(_) => Cause::RecordNotFound,
        PlanError::Mismatch { .. } => Cause::Mismatch,
        _ => Cause::Internal,
    };
    cause.because(error.to_string())
}

fn cause_of(error: &VpdError) -> Cause {
    match error {
        VpdError::ProtectedRecord { .. } | VpdError::ProtectedKeyword { .. } => Cause::NotAllowed,
        VpdError::NoSuchKeyword { .. } => Cause::KeywordNotFound,
        VpdError::ValueLength { .. } => Cause::InvalidArgument,
        VpdError::Uncorrectable { .. }
        | VpdError::NeededCorrection { .. }
        | VpdError::ChecksumMismatch { .. } => Cause::EccCheckFailed,
        VpdError::NoCode { .. } | VpdError::UnsupportedFormat { .. } => Cause::UnsupportedRequest,
        _ => Cause::InvalidVpd,
    }
}

/// Why a change was not made.
pub(crate) fn failed(failure: &Failure<io::Error>) -> Refusal {
    match failure {
        Failure::NotBegun(error) => {
            Cause::JournalUnwritable.because(format!("nothing was written: the journal cannot be: {error}"))
        }
        Failure::PutBack(fault) => {
            Cause::WriteFailure.because(format!("{fault}; the EEPROM has its earlier content again"))
        }
        Failure::Pending(fault) => Cause::WriteFailure
            .because(format!("{fault}; the write is pending and recovered when the EEPROM can be reached")),
    }
}
