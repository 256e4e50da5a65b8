//! What is done about the place of one EEPROM: which phase is under way, which are wanted, and what is known of the
//! part since.

use super::Plan;
use fru_publication::EepromKey;
use service_runtime::Exit;
use std::collections::VecDeque;
use system_index::{Phase, units};
use unit_jobs::{ActiveState, Job, JobResult, RunResult, UnitState};

/// What the last preparation said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Knowledge {
    /// Nothing has been tried since the start, or since the part was taken out.
    Unknown,
    /// All is done for its EEPROM to be read.
    Ready,
    /// No part is there, or none answers.
    Empty,
    /// Something could not be done.
    Broken {
        /// What, in words.
        reason: String,
        /// A line could not be used.
        is_line: bool,
    },
}

/// Runs of its unit that find its EEPROM being read or written; each waits twelve seconds. An inventory that does not answer
/// keeps a parser, which holds it, for a minute.
const HELD_TRIES: u32 = 6;

/// How far the unit of the current phase is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Work {
    Idle,
    /// PID 1 was asked to start it.
    Started(Job),
    /// The job has ended with this result, and PID 1 was asked what became of the unit.
    Inspecting(JobResult),
}

/// What is done.
#[derive(Debug)]
struct Current {
    phase: Phase,
    unit: String,
    /// Of the part whose reading it follows.
    ccin: String,
}

/// One slot.
#[derive(Debug)]
pub struct Slot {
    key: EepromKey,
    work: Work,
    current: Option<Current>,
    /// Preparations and removals that are wanted, in their order.
    changes: VecDeque<Phase>,
    /// What is to follow the reading of which the slot was told, with the CCIN of its part.
    follow_up: Option<(Phase, String)>,
    /// What is known of the part.
    pub knows: Knowledge,
    /// The number of the only answer that is waited for.
    pub ticket: u64,
    /// Once it is ready, the EEPROM is to be read again, even if nothing seems new.
    pub rereads: bool,
    /// The number of the reading of which the slot was told.
    told: u64,
    /// How often its EEPROM was being read or written when its unit ran last.
    held: u32,
    /// What was read was of no use, so its device may have been taken away here: that it goes says nothing of the part.
    is_shut: bool,
}

impl Slot {
    /// The slot of a plan, if it has one.
    pub fn of(plan: &Plan) -> Option<Self> {
        let key = plan.slot.clone()?;
        Some(Self {
            key,
            work: Work::Idle,
            current: None,
            changes: VecDeque::new(),
            follow_up: None,
            knows: Knowledge::Unknown,
            ticket: 0,
            rereads: false,
            told: 0,
            held: 0,
            is_shut: false,
        })
    }

    /// Has it prepared when what waits before that is done; one that waits already is enough.
    pub fn want_prepared(&mut self) {
        if self.changes.back() != Some(&Phase::Prepare) {
            self.changes.push_back(Phase::Prepare);
        }
    }

    /// Has its EEPROM read anew, once it is prepared.
    pub fn want_reread(&mut self) {
        self.rereads = true;
        self.want_prepared();
    }

    /// Has its part taken out. What waits to be done for that part is not done at all.
    pub fn want_removed(&mut self) {
        self.rereads = false;
        self.follow_up = None;
        self.changes = VecDeque::from([Phase::Remove]);
    }

    /// Has taken out what is there though no part is, before anything else is done.
    pub fn want_emptied(&mut self) {
        self.follow_up = None;
        if !self.changes.contains(&Phase::Remove) {
            self.changes.push_front(Phase::Remove);
        }
    }

    /// It cannot be prepared now; when it can, that is wanted anew. Nor is a part taken out that was to come in again.
    pub fn hold(&mut self) {
        if self.changes.back() == Some(&Phase::Prepare) {
            self.changes.clear();
        }
        self.rereads &= self.is_undecided();
    }

    /// The last wish of those that change what is there is that its part be taken out.
    pub fn is_leaving(&self) -> bool {
        self.changes.back().copied().or_else(|| self.phase()) == Some(Phase::Remove)
    }

    /// Its device is there, so it was not taken away.
    pub fn is_seen(&mut self) {
        self.is_shut &= self.is_working();
    }

    /// That its device goes, or is not there, is our own doing.
    pub fn is_shut(&self) -> bool {
        self.is_shut
    }

    /// Nothing is under way or waits.
    pub fn is_idle(&self) -> bool {
        self.work == Work::Idle && self.changes.is_empty() && self.follow_up.is_none()
    }

    /// Its unit is under way.
    pub fn is_working(&self) -> bool {
        self.work != Work::Idle
    }

    /// What there is to see says nothing yet: the slot is about to change it.
    pub fn is_undecided(&self) -> bool {
        !self.changes.is_empty() || matches!(self.phase(), Some(Phase::Prepare | Phase::Remove))
    }

    fn phase(&self) -> Option<Phase> {
        self.current.as_ref().map(|current| current.phase)
    }

    /// The unit of the current phase.
    pub fn unit(&self) -> Option<&str> {
        self.current.as_ref().map(|current| current.unit.as_str())
    }

    /// Begins the next phase; its unit is to be started. What follows a reading waits while the EEPROM is dealt with.
    pub fn begin(&mut self, is_dealt_with: bool) -> Option<String> {
        if self.work != Work::Idle {
            return None;
        }
        let change = self.changes.pop_front().map(|phase| (phase, String::new()));
        let (phase, ccin) = change.or_else(|| self.follow_up.take_if(|_| is_dealt_with))?;
        // What was taken away comes back, and may be another part.
        self.rereads |= self.is_shut && phase == Phase::Prepare;
        self.is_shut = phase == Phase::Failed || (self.is_shut && phase == Phase::After);
        let unit = units::slot_unit(phase, &self.key, &ccin);
        self.current = Some(Current { phase, unit: unit.clone(), ccin });
        self.work = Work::Started(Job::default());
        Some(unit)
    }

    /// The job's path is known; whether it has ended already, so that PID 1 is to be asked.
    pub fn queued(&mut self, path: &str) -> bool {
        let Work::Started(job) = &mut self.work else { return false };
        let result = job.queued(path);
        self.inspects(result)
    }

    /// A job of its unit has ended; whether it is the one that is waited for, so that PID 1 is to be asked.
    pub fn job_ended(&mut self, path: &str, result: JobResult) -> bool {
        let Work::Started(job) = &mut self.work else { return false };
        let result = job.ended(path, result);
        self.inspects(result)
    }

    fn inspects(&mut self, result: Option<JobResult>) -> bool {
        let Some(result) = result else { return false };
        self.work = Work::Inspecting(result);
        true
    }

    /// What process 1 says of the unit; gives the phase that has ended.
    pub fn inspected(&mut self, state: Result<UnitState, String>) -> Option<Phase> {
        let Work::Inspecting(job) = self.work else { return None };
        if self.is_held(&state) {
            return None;
        }
        let has_ended = |state: &UnitState| matches!(state.result, RunResult::Success | RunResult::ExitCode);
        let is_cut_short = state.as_ref().is_ok_and(|state| !has_ended(state));
        let broken = |reason: String, is_line: bool| Knowledge::Broken { reason, is_line };
        let knows = match state {
            // It did not run to its end, so what PID 1 says is of an earlier run, or of none.
            Ok(state) if state.result == RunResult::Success && job != JobResult::Done => {
                broken(format!("the job of its slot's unit ended: {job}"), false)
            }
            Ok(state) if state.active == ActiveState::NotLoaded => {
                broken("PID 1 does not know any more how its slot's unit ended".to_owned(), false)
            }
            Ok(state) if state.result == RunResult::Success => {
                let is_empty = Exit::of_status(state.status) == Some(Exit::DeviceAbsent);
                if is_empty { Knowledge::Empty } else { Knowledge::Ready }
            }
            Ok(state) if state.result == RunResult::ExitCode => {
                let unit = self.unit().unwrap_or_default();
                let reason = format!("{}; the journal of {unit} says which", words(state.status));
                broken(reason, Exit::of_status(state.status) == Some(Exit::LineRefused))
            }
            Ok(state) => broken(format!("its slot's unit: {}", state.result), false),
            Err(reason) => broken(format!("process 1 does not answer: {reason}"), false),
        };
        let phase = self.conclude(knows);
        // A preparation that failed undoes what it did; one that was killed could not.
        if is_cut_short && phase == Some(Phase::Prepare) {
            self.changes.push_front(Phase::Failed);
        }
        phase
    }

    /// Its EEPROM was being read or written, so that nothing was done: it is to be done again, or, when that was so too often, is
    /// left undone. A part of which that is so is not taken out.
    fn is_held(&mut self, state: &Result<UnitState, String>) -> bool {
        let is_held = state.as_ref().is_ok_and(|state| {
            state.result == RunResult::ExitCode
                && Exit::of_status(state.status) == Some(Exit::PeerUnavailable)
        });
        self.held = if is_held { self.held + 1 } else { 0 };
        if !is_held {
            return false;
        }
        let is_over = self.held >= HELD_TRIES;
        if is_over && self.phase() != Some(Phase::Remove) {
            self.held = 0;
            return false;
        }
        self.work = Work::Idle;
        let Some(Current { phase, ccin, .. }) = self.current.take() else { return true };
        match phase {
            Phase::Remove if is_over => {
                self.held = 0;
                let reason = format!(
                    "{}, so its part is not taken out",
                    words(i32::from(Exit::PeerUnavailable.status()))
                );
                self.knows = Knowledge::Broken { reason, is_line: false };
            }
            // What is wanted since is wanted in its place.
            Phase::Prepare if !self.changes.is_empty() => {}
            Phase::Prepare | Phase::Remove => self.changes.push_front(phase),
            Phase::After | Phase::Failed => {
                self.follow_up.get_or_insert((phase, ccin));
            }
        }
        true
    }

    /// Process 1 has not started the unit, or is not heard of any more; gives the phase that has ended.
    pub fn give_up(&mut self, reason: &str) -> Option<Phase> {
        if self.work == Work::Idle {
            return None;
        }
        self.ticket = 0;
        self.conclude(Knowledge::Broken { reason: reason.to_owned(), is_line: false })
    }

    fn conclude(&mut self, knows: Knowledge) -> Option<Phase> {
        self.work = Work::Idle;
        let Current { phase, .. } = self.current.take()?;
        match phase {
            Phase::Prepare => self.knows = knows,
            // Taken out as far as that was possible; who pulls the part should know.
            Phase::Remove => {
                self.knows = Knowledge::Unknown;
                if let Knowledge::Broken { .. } = knows {
                    self.knows = knows;
                }
            }
            Phase::After => {
                if let Knowledge::Broken { .. } = knows {
                    self.knows = knows;
                }
            }
            Phase::Failed => {}
        }
        Some(phase)
    }

    /// Hears of a reading: what is to follow it is done once, in place of what waits to follow an earlier one.
    pub fn hear(&mut self, reading: u64, is_usable: bool, ccin: &str) {
        if std::mem::replace(&mut self.told, reading) != reading {
            let phase = if is_usable { Phase::After } else { Phase::Failed };
            self.follow_up = Some((phase, ccin.to_owned()));
        }
    }

    /// What waits to follow a reading is not done once its part is gone, or another.
    pub fn forget_others(&mut self, reading: Option<u64>) {
        if reading != Some(self.told) {
            self.follow_up = None;
        }
    }

    /// What is wrong with it, in words; and whether that is a line.
    pub fn problem(&self) -> Option<(&str, bool)> {
        match &self.knows {
            Knowledge::Broken { reason, is_line } => Some((reason, *is_line)),
            _ => None,
        }
    }
}

/// What a unit's exit status says of its slot; see the README of `vpd-slot`.
fn words(status: i32) -> String {
    match Exit::of_status(status) {
        Some(Exit::Refused) => "a driver or attribute of its slot refused".to_owned(),
        Some(Exit::LineRefused) => "a line of its slot cannot be used".to_owned(),
        Some(Exit::PeerUnavailable) => "its EEPROM is being read or written all the time".to_owned(),
        Some(Exit::Configuration) => "its slot names a line that there is not, or cannot be read".to_owned(),
        _ => format!("its slot's unit ended with exit status {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        let plan =
            Plan { slot: Some(EepromKey::parse("20-0050").unwrap()), ..Plan::new("20-0050", "x.service") };
        Slot::of(&plan).unwrap()
    }

    fn state(result: &str, status: i32) -> Result<UnitState, String> {
        Ok(UnitState {
            active: ActiveState::Inactive,
            result: RunResult::parse(result),
            status,
            ..UnitState::default()
        })
    }

    fn done(slot: &mut Slot, state: Result<UnitState, String>) -> Option<Phase> {
        slot.begin(true).unwrap();
        assert!(!slot.queued("/job/1"));
        assert!(slot.job_ended("/job/1", JobResult::Done));
        slot.inspected(state)
    }

    #[test]
    fn phases_are_done_one_after_another_and_a_wish_is_not_done_twice() {
        let mut slot = slot();
        slot.want_removed();
        slot.want_prepared();
        slot.want_prepared();
        assert_eq!(done(&mut slot, state("success", 0)), Some(Phase::Remove));
        assert_eq!(slot.knows, Knowledge::Unknown);
        assert!(slot.is_undecided());
        assert_eq!(done(&mut slot, state("success", 0)), Some(Phase::Prepare));
        assert_eq!(slot.knows, Knowledge::Ready);
        assert!(slot.is_idle() && !slot.is_undecided());
    }

    #[test]
    fn the_units_status_says_what_became_of_the_part() {
        for (result, status, problem) in [
            ("success", 69, None),
            (
                "exit-code",
                71,
                Some((
                    "a driver or attribute of its slot refused; the journal of vpd-slot@prepare:20\\x2d0050.service says which",
                    false,
                )),
            ),
            (
                "exit-code",
                74,
                Some((
                    "a line of its slot cannot be used; the journal of vpd-slot@prepare:20\\x2d0050.service says which",
                    true,
                )),
            ),
            ("timeout", 15, Some(("its slot's unit: timeout", false))),
        ] {
            let mut slot = slot();
            slot.want_prepared();
            done(&mut slot, state(result, status));
            assert_eq!(slot.problem(), problem);
        }
    }

    #[test]
    fn what_is_being_written_is_seen_to_later_and_a_part_of_which_that_is_so_is_not_taken_out() {
        let mut slot = slot();
        slot.want_prepared();
        for _ in 1..HELD_TRIES {
            assert_eq!(done(&mut slot, state("exit-code", 75)), None);
            assert!(slot.problem().is_none() && slot.is_undecided());
        }
        assert_eq!(done(&mut slot, state("exit-code", 75)), Some(Phase::Prepare));
        assert!(slot.problem().unwrap().0.starts_with("its EEPROM is being read or written all the time"));
        slot.want_removed();
        (1..=HELD_TRIES).for_each(|_| assert_eq!(done(&mut slot, state("exit-code", 75)), None));
        assert!(slot.problem().unwrap().0.ends_with("so its part is not taken out") && slot.is_idle());
        slot.hear(1, true, "2CE2");
        assert_eq!(done(&mut slot, state("exit-code", 75)), None);
        assert!(slot.begin(true).unwrap().ends_with(":2CE2.service"), "what follows is for the same part");
    }

    #[test]
    fn what_a_killed_preparation_left_is_undone() {
        for (result, follows) in [("timeout", true), ("signal", true), ("exit-code", false)] {
            let mut slot = slot();
            slot.want_prepared();
            done(&mut slot, state(result, 9));
            assert_eq!(slot.is_idle(), !follows, "{result}");
            if follows {
                assert_eq!(done(&mut slot, state("success", 0)), Some(Phase::Failed));
                assert!(slot.is_idle() && slot.problem().is_some());
            }
        }
    }

    #[test]
    fn a_job_that_ends_before_its_path_is_known_is_not_missed() {
        let mut slot = slot();
        slot.want_prepared();
        slot.begin(true).unwrap();
        assert!(!slot.job_ended("/job/2", JobResult::Done));
        assert!(slot.queued("/job/2"));
    }
}
