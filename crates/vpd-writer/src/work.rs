//! Changes EEPROMs so that a loss of power leaves them whole, and recovers what it has interrupted. All here waits for chips
//! and for the disk, so it runs on a thread of its own.
//!
//! | module | what it does |
//! |---|---|
//! | [`journals`] | the journals on disk |
//! | [`chips`] | the chips of a journal, locked |
//! | [`mod@write`] | keywords get other values |
//! | [`mend`] | puts records and backups right |
//! | [`backup`] | what is kept a second time |
//! | [`recovery`] | finishes or takes back what was interrupted |

pub mod backup;
pub mod chips;
pub mod journals;
pub mod mend;
pub mod recovery;
pub mod write;

use crate::refusal::{Cause, Refusal};
use backup::Backups;
use durable_state::RealDisk;
use fru_publication::EepromKey;
use journals::Journals;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
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
    /// Records that were scrubbed since the service began, each once: what has to be corrected again wears the chip out.
    scrubbed: Mutex<BTreeMap<EepromKey, BTreeSet<vpd_format::RecordName>>>,
}

impl<D: durable_state::Disk + Clone> Stores<D> {
    /// What is kept in the service's state folder.
    pub fn at(state: &Path, disk: D) -> Self {
        Self {
            state: state.to_owned(),
            journals: Journals::at(state, disk.clone()),
            backups: Backups::at(state, disk),
            scrubbed: Mutex::default(),
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
