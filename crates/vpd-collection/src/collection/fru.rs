//! One EEPROM's way from its device's appearance to its collection, and back.

mod awaited;
mod ends;

use super::{Limits, Now, Plan, Presence, Sight};
pub use awaited::{Awaited, Reread};
use dbus_api::vpd::collection::{FruState, FruStatus, InventoryAnswer, Outcome, Report};
use std::time::Duration;
use unit_jobs::{Job, JobResult, Verb};

/// Where on its way an EEPROM is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Nobody has looked yet, or udev is not done with it.
    Unsettled,
    /// Its device went while a run of its unit may be under way: process 1 is to be asked at that moment whether that
    /// has ended, or is being asked (none).
    Leaving(Option<Duration>),
    /// Its absence is to be published at that moment, or is being published (none).
    Vanishing(Option<Duration>),
    /// Its absence is published.
    Absent,
    /// It is to be started at that moment.
    Waiting(Duration, Verb),
    /// PID 1 was asked to do this.
    Queueing(Verb, Job),
    /// PID 1 has the job.
    Queued(Job),
    /// Process 1 was asked what became of it.
    Inspecting,
    /// What an earlier part left is to be emptied at that moment, or is being emptied (none).
    Clearing(Option<Duration>),
    /// It has been dealt with.
    Collected,
    /// It could not be dealt with, for a reason that is not the part's.
    Failed,
    /// It cannot be read while the chassis has power; what the inventory shows of it stays.
    Kept,
}

/// What to do next for one EEPROM.
#[derive(Debug)]
pub enum Step {
    /// Start the unit.
    Start(Verb),
    /// Ask process 1 about the unit.
    Inspect,
    /// Tell the inventory: of an absence, or what the part of this report does not fill.
    Tidy(Option<Box<Report>>),
}

/// The EEPROM gave no answer, so that it is not known what part it is, or whether there is one.
fn is_silent(report: &Report) -> bool {
    matches!(report.outcome, Outcome::Unreadable | Outcome::Absent)
}

/// One EEPROM.
#[derive(Debug)]
pub struct Fru {
    /// The unit that reads it.
    pub unit: String,
    /// Where it is.
    pub phase: Phase,
    /// The number of the only answer that is waited for.
    pub ticket: u64,
    /// Nobody waits for it any longer; it may still be dealt with.
    pub is_overdue: bool,
    /// How the last job ended.
    pub job: Option<JobResult>,
    attempts: u32,
    /// Those of these runs that found a writer at work.
    busy: u32,
    /// A writer held it when its last run wanted to read it.
    is_busy: bool,
    reason: String,
    seen: i64,
    settled: i64,
    report: Option<Report>,
    /// Whether the report is of the run that is waited for.
    is_fresh: bool,
    /// The device came back while its absence was being published.
    is_back: bool,
    /// Runs that began before this have published before an absence, or at the same time; microseconds since 1970.
    absent_until: i64,
    /// Failed tries to tell the inventory, or to see the unit's run end.
    tries: u32,
    /// It was to be read again when the run that was under way could not count for that any more.
    is_wanted_again: bool,
    /// Since its device came, its silence was published whole: the inventory shows nothing of what it was.
    is_emptied: bool,
    /// The number of the current report, so that one that is said again is not taken for another.
    reading: u64,
    /// What its last run lacked was the bus or the inventory.
    lacks_peer: bool,
    /// Its unit ends with its device, so that a new device begins a new run.
    is_bound: bool,
    /// It is being read for `Reread` alone: its slot hears nothing of that.
    is_reread: bool,
    /// The last report is of such a run.
    is_of_reread: bool,
    /// What calls of `Reread` wait for.
    pub awaited: Awaited,
}

impl Fru {
    /// One that nobody has looked at.
    pub fn new(plan: &Plan) -> Self {
        Self {
            unit: plan.unit.clone(),
            is_bound: plan.is_bound,
            phase: Phase::Unsettled,
            ticket: 0,
            is_overdue: false,
            job: None,
            attempts: 0,
            busy: 0,
            is_busy: false,
            reason: String::new(),
            seen: 0,
            settled: 0,
            report: None,
            is_fresh: false,
            is_back: false,
            absent_until: 0,
            tries: 0,
            is_wanted_again: false,
            lacks_peer: false,
            is_emptied: false,
            reading: 0,
            is_reread: false,
            is_of_reread: false,
            awaited: Awaited::Nothing,
        }
    }

    /// One whose absence is all there is to say.
    pub fn departed() -> Self {
        Self { phase: Phase::Vanishing(Some(Duration::ZERO)), ..Self::new(&Plan::new("", "")) }
    }

    /// It is absent, and the inventory was told without a hitch.
    pub fn is_well_gone(&self) -> bool {
        self.phase == Phase::Absent && self.reason.is_empty()
    }

    /// What an earlier run of the service knew; whether it still holds is asked when the device is seen.
    pub fn resume(&mut self, status: FruStatus) {
        if status.state == FruState::Collected && !status.report.invocation.is_empty() {
            (self.attempts, self.seen) = (status.attempts, status.seen);
            self.report = Some(status.report);
            self.reading += 1;
        }
    }

    /// What an earlier run of the service may have said until now counts as an absence.
    pub fn succeed(&mut self, now: Now) {
        self.absent_until = now.wall;
    }

    /// How far it is.
    pub fn state(&self) -> FruState {
        match &self.phase {
            _ if self.is_overdue => FruState::Overdue,
            Phase::Unsettled => FruState::Unsettled,
            Phase::Leaving(_) | Phase::Vanishing(_) | Phase::Clearing(_) => FruState::Clearing,
            Phase::Absent => FruState::Absent,
            Phase::Waiting(..) => FruState::Waiting,
            Phase::Queueing(..) | Phase::Queued(_) | Phase::Inspecting => FruState::Queued,
            Phase::Collected => FruState::Collected,
            Phase::Failed => FruState::Failed,
            Phase::Kept => FruState::Kept,
        }
    }

    /// The outcome of the last report.
    pub fn outcome(&self) -> Outcome {
        self.report.as_ref().map(|report| report.outcome).unwrap_or_default()
    }

    /// What the world is told of it.
    pub fn status(&self, key: &str) -> FruStatus {
        FruStatus {
            key: key.to_owned(),
            unit: self.unit.clone(),
            state: self.state(),
            reason: self.reason.clone(),
            attempts: self.attempts,
            job: self.job.map_or("", JobResult::as_str).to_owned(),
            seen: self.seen,
            settled: self.settled,
            report: self.report.clone().unwrap_or_default(),
        }
    }

    /// Nothing is left to be done, unless something happens.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.phase, Phase::Absent | Phase::Collected | Phase::Failed | Phase::Kept)
    }

    /// Nobody knows yet whether it is there.
    pub fn is_unsettled(&self) -> bool {
        self.phase == Phase::Unsettled
    }

    /// Process 1 is to say or do something.
    pub fn is_with_systemd(&self) -> bool {
        let is_asked = matches!(
            self.phase,
            Phase::Queueing(..) | Phase::Queued(_) | Phase::Inspecting | Phase::Leaving(None)
        );
        is_asked && !self.is_overdue
    }

    /// Its absence is about to be said.
    pub fn is_going(&self) -> bool {
        matches!(self.phase, Phase::Leaving(_) | Phase::Vanishing(_))
    }

    /// Its device was seen to go, and not to come back.
    pub fn is_gone(&self) -> bool {
        (self.is_going() || self.phase == Phase::Absent) && !self.is_back
    }

    /// As far as is known, there is no device.
    pub fn is_out_of_sight(&self) -> bool {
        matches!(self.phase, Phase::Unsettled | Phase::Absent | Phase::Leaving(_) | Phase::Vanishing(_))
    }

    /// As far as is known there is no device, and no run of its unit has published what it read: not in this run of the
    /// service, not in an earlier one.
    pub fn is_unpublished(&self) -> bool {
        self.is_out_of_sight() && self.report.is_none()
    }

    /// The next step needs an inventory.
    pub fn waits_for_inventory(&self) -> bool {
        matches!(self.phase, Phase::Waiting(..) | Phase::Vanishing(Some(_)) | Phase::Clearing(Some(_)))
    }

    /// There is a report of the run that was waited for.
    pub fn has_fresh_report(&self) -> bool {
        self.is_fresh && self.report.is_some()
    }

    /// When its next step is due; nothing is begun that an absent inventory would make fail.
    pub fn due(&self, inventory: Presence) -> Option<Duration> {
        match self.phase {
            Phase::Leaving(at) => at,
            _ if inventory == Presence::Away => None,
            Phase::Waiting(at, _) | Phase::Vanishing(Some(at)) | Phase::Clearing(Some(at)) => Some(at),
            _ => None,
        }
    }

    /// The step that is due.
    pub fn go(&mut self) -> Step {
        match self.phase {
            Phase::Waiting(_, verb) => {
                self.attempts = self.attempts.saturating_add(1);
                self.is_busy = false;
                // A first start may join a run that has reported already; any other must report again.
                if verb == Verb::Restart || self.attempts > 1 {
                    self.is_fresh = false;
                }
                if verb == Verb::Restart {
                    // This run begins after all that was said of an absence.
                    self.absent_until = 0;
                }
                self.phase = Phase::Queueing(verb, Job::default());
                Step::Start(verb)
            }
            Phase::Leaving(_) => {
                self.phase = Phase::Leaving(None);
                Step::Inspect
            }
            Phase::Clearing(_) => {
                self.phase = Phase::Clearing(None);
                Step::Tidy(Some(Box::new(self.report.clone().unwrap_or_default())))
            }
            _ => {
                self.phase = Phase::Vanishing(None);
                Step::Tidy(None)
            }
        }
    }

    /// The device is there. Whether process 1 must be asked first, as an earlier run of the service had collected it.
    pub fn appear(&mut self, now: Now) -> bool {
        match self.phase {
            // What an earlier run of the service knew may still hold.
            Phase::Unsettled | Phase::Kept if self.report.is_some() && !self.is_fresh => {
                self.phase = Phase::Inspecting;
                return true;
            }
            Phase::Unsettled | Phase::Absent | Phase::Kept => self.begin(now),
            Phase::Leaving(_) | Phase::Vanishing(_) => self.is_back = true,
            _ => {}
        }
        false
    }

    fn begin(&mut self, now: Now) {
        // A parser that was quicker than the news of its device has reported already.
        let is_stale = if self.is_fresh { self.is_overridden() } else { !self.is_bound };
        let verb = if is_stale { Verb::Restart } else { Verb::Start };
        if !self.is_fresh {
            self.report = None;
        }
        self.forget(now.wall);
        self.phase = Phase::Waiting(now.elapsed, verb);
    }

    /// Whether the values of the reported run and the absence of what was there before were on their way at once, so
    /// that nobody knows which of them the inventory took last.
    fn is_overridden(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.started <= self.absent_until)
    }

    /// The device is not there, or was not for a moment.
    ///
    /// A run that has read the part may be about to publish it, and the absence must come after that: unless it is
    /// known that none can be under way, process 1 is asked first. udev starts runs that nobody here has heard of.
    pub fn vanish(&mut self, sight: Sight, now: Now) {
        let is_behind = self.is_behind_absence();
        // No report outlives its part.
        (self.report, self.is_fresh) = (None, false);
        let is_news = sight == Sight::Gone || self.is_back || is_behind;
        let was_seen = match self.phase {
            Phase::Absent | Phase::Leaving(_) | Phase::Vanishing(_) if !is_news => return,
            Phase::Unsettled => is_news,
            _ => true,
        };
        self.forget(0);
        // Whatever was asked before is of no interest any more.
        self.ticket = 0;
        let at = Some(now.elapsed);
        self.phase = if was_seen { Phase::Leaving(at) } else { Phase::Vanishing(at) };
    }

    /// A run that an earlier run of the service has begun was heard of only when the absence was said: it has read a part that was
    /// there, and the inventory may have taken its values last.
    fn is_behind_absence(&self) -> bool {
        // What the inventory did not answer it may have taken.
        let is_shown = |answer| !matches!(answer, InventoryAnswer::Nothing | InventoryAnswer::Refused);
        let is_said = matches!(self.phase, Phase::Absent | Phase::Vanishing(None));
        is_said && self.is_fresh && self.report.as_ref().is_some_and(|report| is_shown(report.inventory))
    }

    fn forget(&mut self, seen: i64) {
        (self.attempts, self.tries, self.seen, self.settled) = (0, 0, seen, 0);
        (self.busy, self.is_busy) = (0, false);
        (self.is_overdue, self.is_back) = (false, false);
        (self.is_wanted_again, self.lacks_peer, self.is_emptied) = (false, false, false);
        (self.is_reread, self.awaited) = (false, Awaited::Nothing);
        self.reason.clear();
        self.job = None;
    }

    /// The inventory is back: what it did not take is tried again, and so is what failed for its lack.
    pub fn inventory_came(&mut self, now: Now) {
        if self.is_overdue && self.waits_for_inventory() {
            self.is_overdue = false;
            self.reason.clear();
        }
        match self.phase {
            Phase::Failed if self.lacks_peer || self.was_unreachable() => {
                (self.attempts, self.busy, self.is_fresh) = (0, 0, false);
                self.phase = Phase::Waiting(now.elapsed, Verb::Start);
            }
            Phase::Absent if self.tries > 0 => self.phase = Phase::Vanishing(Some(now.elapsed)),
            Phase::Collected if self.tries > 0 => self.phase = Phase::Clearing(Some(now.elapsed)),
            _ => {}
        }
    }

    /// It is to be read again. What is read by a run that has begun may have been changed since.
    pub fn recollect(&mut self, now: Now) {
        self.is_reread = false;
        match self.phase {
            // What is being emptied could take away what a run publishes that begins now.
            Phase::Clearing(None) => self.is_wanted_again = true,
            Phase::Collected | Phase::Failed | Phase::Clearing(Some(_)) | Phase::Waiting(..) => {
                self.begin_again(now)
            }
            // Process 1 is not heard of any more.
            Phase::Queueing(..) | Phase::Queued(_) | Phase::Inspecting if self.is_overdue => {
                self.begin_again(now);
            }
            // The run has yet to begin.
            Phase::Queueing(Verb::Restart, _) => {}
            Phase::Queueing(..) | Phase::Queued(_) | Phase::Inspecting => self.is_wanted_again = true,
            _ => {}
        }
    }

    fn begin_again(&mut self, now: Now) {
        (self.attempts, self.busy, self.tries, self.settled) = (0, 0, 0, 0);
        (self.is_wanted_again, self.lacks_peer, self.is_emptied) = (false, false, false);
        self.reason.clear();
        self.ticket = 0;
        self.phase = Phase::Waiting(now.elapsed, Verb::Restart);
    }

    /// The job's path is known. Gives its result, if it has ended already.
    pub fn queued(&mut self, path: &str) -> Option<JobResult> {
        let Phase::Queueing(_, job) = &mut self.phase else { return None };
        let early = job.queued(path);
        self.phase = Phase::Queued(std::mem::take(job));
        early
    }

    /// A job of the unit has ended; whether it is the one that is waited for.
    pub fn job_ended(&mut self, path: &str, result: JobResult) -> bool {
        let (Phase::Queueing(_, job) | Phase::Queued(job)) = &mut self.phase else { return false };
        let ended = job.ended(path, result);
        self.job = ended.or(self.job);
        ended.is_some()
    }

    /// Process 1 has not queued the job.
    pub fn refused(&mut self, reason: &str, limits: &Limits, now: Now) {
        if matches!(self.phase, Phase::Queueing(..)) {
            self.try_again(limits, &format!("process 1 did not start it: {reason}"), Verb::Start, now);
        }
    }

    /// A parser has reported; whether that is the last word, as no job of ours is waited for.
    pub fn reported(&mut self, report: Report) -> bool {
        self.is_busy = report.outcome == Outcome::Busy;
        if self.is_busy {
            // Nothing was read or published: what was known of it stands.
            return self.is_overdue && matches!(self.phase, Phase::Queued(_) | Phase::Queueing(..));
        }
        let is_news = self.report.as_ref() != Some(&report);
        if matches!(self.phase, Phase::Vanishing(None)) || (is_news && self.phase == Phase::Clearing(None)) {
            // Which of the two the inventory takes last is not known.
            self.absent_until = report.started.max(self.absent_until);
        }
        // What is read for `Reread` alone is no reading that its slot is told of.
        if is_news && !self.is_reread {
            self.reading += 1;
        }
        self.is_of_reread = self.is_reread;
        // Values that came in between have to be emptied again.
        self.is_emptied &= is_silent(&report);
        self.report = Some(report);
        self.is_fresh = true;
        match self.phase {
            Phase::Collected | Phase::Failed | Phase::Clearing(Some(_)) => true,
            // The job's end was waited for in vain; a run that reports is all but at its end.
            Phase::Queued(_) | Phase::Queueing(..) => self.is_overdue,
            _ => false,
        }
    }

    /// It is not to be read now; what was read when it could be, and what the inventory shows, stays.
    pub fn keep(&mut self, now: Now) {
        if matches!(self.phase, Phase::Unsettled | Phase::Absent | Phase::Waiting(..)) {
            if self.phase != Phase::Unsettled && !self.is_fresh {
                self.report = None;
            }
            self.forget(0);
            self.settled = now.wall;
            self.phase = Phase::Kept;
        }
    }

    /// Nobody knows whether it may be read now: no run is begun, and what is there is looked at when that is known.
    pub fn hold(&mut self) {
        if matches!(self.phase, Phase::Waiting(..)) {
            self.forget(0);
            self.phase = Phase::Unsettled;
        }
    }

    /// What was said of it before counts as an absence: a run that began before is not the last word, even if it has
    /// been dealt with since.
    pub fn was_primed(&mut self, now: Now) {
        self.absent_until = now.wall.max(self.absent_until);
        // What is being emptied is waited for, and is followed by another run.
        if matches!(self.phase, Phase::Collected | Phase::Clearing(Some(_))) && self.is_overridden() {
            self.begin_again(now);
        }
    }

    /// The number of the last reading, unless it will not be dealt with any more.
    pub fn reading(&self) -> Option<u64> {
        let is_over = self.is_overdue || matches!(self.phase, Phase::Failed | Phase::Kept);
        self.report.as_ref().filter(|_| !is_over).map(|_| self.reading)
    }

    /// What the last report says of the part, once it is dealt with: whether it is usable, and its CCIN.
    pub fn dealt_with(&self) -> Option<(u64, bool, &str)> {
        let report = self.report.as_ref().filter(|_| self.phase == Phase::Collected)?;
        let is_usable = !matches!(report.outcome, Outcome::Blank | Outcome::Unreadable | Outcome::Absent)
            && !report.format.is_empty();
        Some((self.reading, is_usable, &report.ccin))
    }

    /// The last report is of a run for `Reread` alone.
    pub fn is_of_reread(&self) -> bool {
        self.is_of_reread
    }

    /// Nobody waits for it any longer.
    pub fn give_up(&mut self, reason: &str) {
        if !self.is_at_rest() && !self.is_overdue {
            self.is_overdue = true;
            self.reason = reason.to_owned();
        }
    }
}
