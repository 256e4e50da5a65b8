//! What calls of `Reread` wait for: a run of the unit that began after them.

use super::{Fru, Now, Phase};
use dbus_api::vpd::collection::Outcome;

/// What such a run has given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reread {
    /// What became of the EEPROM.
    pub outcome: Outcome,
    /// PID 1's id of the run.
    pub run: String,
}

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Awaited {
    /// Nothing is waited for.
    #[default]
    Nothing,
    /// A run is to begin or under way; what the last one has reported, once PID 1 has said that the report is of it.
    Run(Option<Reread>),
    /// It has been dealt with; or why it could not be.
    Over(Result<Reread, String>),
}

impl Fru {
    /// It is read again, without its slot. Only what is at rest is: of what is read meanwhile, that must end first.
    pub fn reread(&mut self, now: Now) {
        // Of a part that was not read yet, as its parser failed, this is the reading that its slot is told of.
        self.is_reread = self.report.is_some() || self.phase != Phase::Failed;
        self.begin_again(now);
        self.awaited = Awaited::Run(None);
    }

    /// Whether a run that begins anew is waited for: one that is under way already does not do.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self.awaited, Awaited::Run(_))
    }

    /// A report is of the run that is waited for, as PID 1 says.
    pub(super) fn heard(&mut self) {
        if let (Awaited::Run(heard), Some(report)) = (&mut self.awaited, &self.report) {
            *heard = Some(Reread { outcome: report.outcome, run: report.invocation.clone() });
        }
    }

    /// It has been dealt with, or could not be.
    pub(super) fn conclude_awaited(&mut self) {
        let Awaited::Run(heard) = &mut self.awaited else { return };
        let heard = heard.take();
        let is_well = self.phase == Phase::Collected && self.reason.is_empty();
        self.awaited = Awaited::Over(match heard {
            Some(reread) if is_well => Ok(reread),
            _ if self.reason.is_empty() => Err("its report was lost".to_owned()),
            _ => Err(self.reason.clone()),
        });
    }

    /// What has come of it, once something has; nothing is waited for after that.
    pub fn take_reread(&mut self) -> Option<Result<Reread, String>> {
        let result = match &self.awaited {
            Awaited::Over(result) => result.clone(),
            // The collection no longer waits for it, though it may still be dealt with.
            Awaited::Run(_) if self.is_overdue => Err(self.reason.clone()),
            _ => return None,
        };
        self.awaited = Awaited::Nothing;
        Some(result)
    }
}
