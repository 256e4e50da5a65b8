//! How runs of the unit end, and what follows from that.

use super::{Fru, Limits, Now, Phase, is_silent};
use dbus_api::vpd::collection::InventoryAnswer;
use service_runtime::Exit;
use std::time::Duration;
use unit_jobs::{ActiveState, JobResult, RunResult, UnitState, Verb};

impl Fru {
    /// What process 1 says of the unit. Whether the device must be looked at again.
    pub fn inspected(&mut self, state: Result<UnitState, String>, limits: &Limits, now: Now) -> bool {
        if self.phase == Phase::Leaving(None) {
            self.left(state, limits, now);
            return false;
        }
        if self.phase != Phase::Inspecting {
            return false;
        }
        if self.is_busy {
            self.wait_for_writer("the EEPROM is being written", limits, now);
            return false;
        }
        let state = match state {
            Ok(state) => state,
            Err(reason) => {
                self.try_again(limits, &format!("process 1 does not answer: {reason}"), Verb::Start, now);
                return false;
            }
        };
        let is_of_this_run = self.report.as_ref().is_some_and(|report| report.invocation == state.invocation);
        // A report may be of a run that was ended for the one that is waited for.
        let is_heard = self.has_fresh_report() && (is_of_this_run || !self.is_awaited());
        if is_heard || (is_of_this_run && state.active == ActiveState::Active) {
            if !self.is_fresh && self.job.is_none() {
                // An earlier run of the service has dealt with it, and no run of its unit has come since.
                self.absent_until = 0;
            }
            self.is_fresh = true;
            self.heard();
            self.conclude(limits, now);
        } else if self.job == Some(JobResult::Done) && is_pending(&state) {
            self.wait_for_writer("a write of the EEPROM is not settled yet", limits, now);
        } else if self.job.is_none() {
            // What an earlier run of the service knew does not hold any more.
            self.report = None;
            self.begin(now);
            if state.active == ActiveState::Active {
                self.phase = Phase::Waiting(now.elapsed, Verb::Restart);
            }
        } else if state.active == ActiveState::Active {
            self.try_again(limits, "it ran and its report was lost", Verb::Restart, now);
        } else if let Some(job @ (JobResult::Dependency | JobResult::Canceled)) = self.job {
            // The device went, or came and went; what is there now decides.
            let reason = format!("its job ended: {job}");
            self.try_again(limits, &reason, Verb::Start, now);
            return true;
        } else if state.result == RunResult::ExitCode
            && Exit::of_status(state.status) == Some(Exit::PeerUnavailable)
        {
            self.lacks_peer = true;
            self.try_again(limits, "the bus or the inventory was not reached", Verb::Start, now);
        } else if was_killed(&state) {
            // From outside: it says nothing of the part.
            self.try_again(limits, &failure(&state, self.job), Verb::Start, now);
        } else {
            self.fail(&failure(&state, self.job), now);
        }
        false
    }

    /// Publishes the absence once no run of the unit can contradict it, or nobody can tell.
    fn left(&mut self, state: Result<UnitState, String>, limits: &Limits, now: Now) {
        let is_running = state.is_ok_and(|state| state.active.is_changing());
        self.tries += 1;
        if is_running && self.tries < limits.attempts {
            self.phase = Phase::Leaving(Some(now.elapsed + back_off(limits, self.tries)));
        } else {
            self.tries = 0;
            self.phase = Phase::Vanishing(Some(now.elapsed));
        }
    }

    pub(super) fn was_unreachable(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.inventory == InventoryAnswer::Unreachable)
    }

    /// Takes the report as the last word, unless another run may give a better one.
    pub fn conclude(&mut self, limits: &Limits, now: Now) {
        if self.is_busy {
            self.wait_for_writer("the EEPROM is being written", limits, now);
            return;
        }
        if self.report.is_none() {
            return;
        }
        if self.is_wanted_again {
            self.begin_again(now);
            return;
        }
        if self.was_unreachable() {
            self.try_again(limits, "the inventory was not reached", Verb::Restart, now);
        } else if self.is_emptied && self.is_to_be_asked_again(limits) {
            self.ask_again(limits, now);
        } else if self.is_emptied && self.report.as_ref().is_some_and(is_silent) && !self.is_overridden() {
            (self.tries, self.ticket) = (0, 0);
            self.reason.clear();
            self.settle(false, now);
        } else if self.is_overridden() && !self.report.as_ref().is_some_and(is_silent) {
            // Its absence must not have the last word.
            self.phase = Phase::Waiting(now.elapsed, Verb::Restart);
        } else {
            // A part that is silent may be gone: what it was is not shown while it is asked again.
            self.tries = 0;
            // What was to be emptied for an earlier report counts no more.
            self.ticket = 0;
            self.phase = Phase::Clearing(Some(now.elapsed));
        }
    }

    /// Waits until its writer is done, however long that takes; when it has taken long, the collection no longer waits for it.
    fn wait_for_writer(&mut self, why: &str, limits: &Limits, now: Now) {
        self.busy = self.busy.saturating_add(1);
        // The run that follows is the one that `Reread` asked for meanwhile.
        (self.is_busy, self.is_wanted_again) = (false, false);
        self.is_overdue |= self.busy >= limits.attempts;
        self.reason = format!("{why}; to be tried again");
        self.phase = Phase::Waiting(now.elapsed + back_off(limits, self.busy), Verb::Restart);
    }

    /// Runs that could have given something.
    fn tries_used(&self) -> u32 {
        self.attempts.saturating_sub(self.busy)
    }

    /// Waits for another run of a part that was silent.
    fn ask_again(&mut self, limits: &Limits, now: Now) {
        let Some(report) = &self.report else { return };
        let reason = format!("{}: {}", report.outcome, report.reason);
        self.try_again(limits, &reason, Verb::Restart, now);
    }

    /// The last run got no answer, and another may.
    fn is_to_be_asked_again(&self, limits: &Limits) -> bool {
        self.tries_used() < limits.attempts && self.report.as_ref().is_some_and(is_silent)
    }

    /// Waits for another run, or fails when there were enough.
    pub fn try_again(&mut self, limits: &Limits, reason: &str, verb: Verb, now: Now) {
        if self.tries_used() >= limits.attempts {
            self.fail(reason, now);
        } else {
            self.reason = format!("{reason}; to be tried again");
            // A start could join a run that began before `Reread` was called.
            let verb = if self.is_awaited() { Verb::Restart } else { verb };
            self.phase = Phase::Waiting(now.elapsed + back_off(limits, self.tries_used()), verb);
        }
    }

    fn fail(&mut self, reason: &str, now: Now) {
        if self.is_wanted_again {
            self.begin_again(now);
            return;
        }
        self.phase = Phase::Failed;
        self.reason = reason.to_owned();
        self.settled = now.wall;
        self.is_overdue = false;
        self.conclude_awaited();
    }

    /// The inventory has what it was to be told, or not.
    pub fn tidied(&mut self, result: Result<(), String>, limits: &Limits, now: Now) {
        if !matches!(self.phase, Phase::Vanishing(None) | Phase::Clearing(None)) {
            return;
        }
        let is_absence = matches!(self.phase, Phase::Vanishing(_));
        self.reason.clear();
        match result {
            Ok(()) => self.tries = 0,
            Err(reason) => {
                self.tries += 1;
                self.reason = format!("the inventory may still show an earlier part: {reason}");
            }
        }
        if !is_absence && self.is_read_again(limits, now) {
            return;
        }
        if self.tries > 0 && self.tries < limits.attempts {
            let at = Some(now.elapsed + back_off(limits, self.tries));
            self.phase = if is_absence { Phase::Vanishing(at) } else { Phase::Clearing(at) };
            return;
        }
        self.settle(is_absence, now);
    }

    /// What follows when an earlier part was emptied, or could not be: whether that is another run.
    fn is_read_again(&mut self, limits: &Limits, now: Now) -> bool {
        if self.is_wanted_again {
            self.begin_again(now);
        } else if self.is_overridden() {
            // Values came while it was being emptied.
            self.phase = Phase::Waiting(now.elapsed, Verb::Restart);
        } else if self.is_to_be_asked_again(limits) {
            // What was not emptied is tried after the next run.
            self.is_emptied = self.tries == 0;
            self.ask_again(limits, now);
        } else {
            return false;
        }
        true
    }

    /// It has been dealt with, as far as it could be.
    fn settle(&mut self, is_absence: bool, now: Now) {
        self.is_overdue = false;
        self.settled = now.wall;
        if is_absence {
            self.absent_until = now.wall.max(self.absent_until);
            self.phase = Phase::Absent;
            if self.is_back {
                self.begin(now);
            }
        } else if let Some(reason) = self.refusal() {
            self.phase = Phase::Failed;
            self.reason = reason;
        } else {
            self.phase = Phase::Collected;
            self.is_reread = false;
        }
        self.conclude_awaited();
    }

    /// The report's reason names the objects.
    fn refusal(&self) -> Option<String> {
        let report = self.report.as_ref()?;
        let what = match report.inventory {
            InventoryAnswer::Refused => "the inventory took no object",
            InventoryAnswer::Partly => "the inventory did not take all objects",
            _ => return None,
        };
        Some(if report.reason.is_empty() { what.to_owned() } else { format!("{what}: {}", report.reason) })
    }
}

/// Doubled for each failure, up to 32 times.
fn back_off(limits: &Limits, failures: u32) -> Duration {
    limits.back_off.saturating_mul(1 << failures.saturating_sub(1).min(5))
}

/// Whether a unit was not run since its EEPROM is being written, or that was interrupted: there is a journal, until the writer
/// is done or has recovered it.
fn is_pending(state: &UnitState) -> bool {
    let is_journal = |condition: &String| {
        condition.starts_with("ConditionPathExists=!") && condition.ends_with(".journal")
    };
    state.unmet.iter().any(is_journal)
}

/// By an administrator or for want of memory, not by a fault of its own.
fn was_killed(state: &UnitState) -> bool {
    const SIGKILL: i32 = 9;
    const SIGTERM: i32 = 15;
    match &state.result {
        RunResult::Signal => [SIGKILL, SIGTERM].contains(&state.status),
        RunResult::Other(word) => word == "oom-kill",
        _ => false,
    }
}

/// Why a unit did not do its work, in words.
fn failure(state: &UnitState, job: Option<JobResult>) -> String {
    let is_done = job == Some(JobResult::Done);
    match &state.result {
        _ if state.active == ActiveState::NotLoaded && is_done => {
            "it was not run, as its conditions do not hold, or has ended without a report".to_owned()
        }
        RunResult::Success if is_done => "its conditions do not hold, so it was not run".to_owned(),
        RunResult::ExitCode => format!("the parser ended with exit status {}", state.status),
        RunResult::Signal | RunResult::CoreDump => {
            format!("the parser was ended by signal {}", state.status)
        }
        result => format!("the unit's result is {result}, its job's {}", job.map_or("", JobResult::as_str)),
    }
}
