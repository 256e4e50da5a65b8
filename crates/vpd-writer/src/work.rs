//! Changes EEPROMs so that a loss of power leaves them whole, and recovers what it has interrupted. All here waits for chips
//! and for the disk, so it runs on a thread of its own.
//!
//! | module | what it does |
//! |---|---|
//! | [`journals`] | the journals on disk |
//! | [`chips`] | the chips of a journal, locked |
//! | [`write`] | keywords get other values |
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
use std::io;
use vpd_format::VpdError;
use vpd_transaction::{Failure, PlanError};

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
