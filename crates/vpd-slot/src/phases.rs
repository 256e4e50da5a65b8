//! Which steps a phase has, and what follows when one of them cannot be done.

use crate::machine::{Done, Machine, StepError};
use anyhow::Context as _;
use device_io::lines::{LineError, Lines};
use service_runtime::Exit;
use system_index::{Action, Phase, Slot, Step};

/// How a phase ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All is done.
    Done,
    /// No part is there; what was begun for it is undone.
    Absent(String),
}

/// Does one phase of a slot.
///
/// Errors: of the first step that could not be done; what had been done before is undone, or dealt with as the slot's
/// own list for failures says.
pub(crate) fn run<L: Lines>(
    machine: &Machine<'_, L>,
    slot: &Slot,
    phase: Phase,
    ccin: &str,
) -> anyhow::Result<Outcome> {
    match phase {
        Phase::Prepare => prepare(machine, slot),
        Phase::After => {
            let is_for_it =
                |step: &&Step| step.ccin.is_empty() || step.ccin.iter().any(|wanted| wanted.is(ccin));
            let steps: Vec<&Action> =
                slot.after_collection.iter().filter(is_for_it).map(|step| &step.action).collect();
            after(machine, &steps)
        }
        Phase::Failed => {
            clean_up(machine, &failure_list(slot, &all(&slot.before_collection)));
            Ok(Outcome::Done)
        }
        Phase::Remove => remove(machine, slot),
    }
}

fn prepare<L: Lines>(machine: &Machine<'_, L>, slot: &Slot) -> anyhow::Result<Outcome> {
    let steps = all(&slot.before_collection);
    let mut done: Vec<&Action> = Vec::new();
    let result = in_order(machine, &steps, &mut done);
    if !matches!(result, Ok(Outcome::Done)) {
        clean_up(machine, &failure_list(slot, &done));
    }
    result
}

/// Does what comes before all slots. Its steps are of different places, so each is tried whatever became of the others.
///
/// Errors: of the first step that could not be done.
pub(crate) fn start<L: Lines>(machine: &Machine<'_, L>, slot: &Slot) -> anyhow::Result<Outcome> {
    let mut result = Ok(Outcome::Done);
    for step in all(&slot.before_collection) {
        let tried = in_order(machine, &[step], &mut Vec::new());
        match (&result, tried) {
            (Ok(Outcome::Done), tried) => result = tried,
            (_, Ok(Outcome::Done)) => {}
            (_, Ok(Outcome::Absent(reason))) => log::error!("nothing is there either: {reason}"),
            (_, Err(error)) => log::error!("this could not be done either: {error:#}"),
        }
    }
    result
}

/// A part whose steps after reading fail stays as it is: its data are known.
fn after<L: Lines>(machine: &Machine<'_, L>, steps: &[&Action]) -> anyhow::Result<Outcome> {
    let mut done = Vec::new();
    let result = in_order(machine, steps, &mut done);
    if !matches!(result, Ok(Outcome::Done)) {
        clean_up(machine, &undoing(&done));
    }
    result
}

/// What was done before the reading is taken back last to first, unless the slot says how its part is left.
///
/// A part that was pulled cannot be asked any more, and must not leave its place with power: unless the slot has a list
/// for that, what comes after a step that cannot be done is tried all the same.
fn remove<L: Lines>(machine: &Machine<'_, L>, slot: &Slot) -> anyhow::Result<Outcome> {
    let mut steps: Vec<Action> = owned(&slot.before_removal);
    if slot.before_removal.is_empty() && slot.after_removal.is_empty() {
        steps.extend(undoing(&all(&slot.after_collection)));
    }
    if slot.after_removal.is_empty() {
        steps.extend(undoing(&all(&slot.before_collection)));
    } else {
        steps.extend(owned(&slot.after_removal));
    }
    let mut done = Vec::new();
    let result = in_order(machine, &steps.iter().collect::<Vec<_>>(), &mut done);
    if !matches!(result, Ok(Outcome::Done)) {
        let rest = steps.get(done.len() + 1..).unwrap_or_default().to_vec();
        let own = owned(&slot.on_removal_failure);
        clean_up(machine, if own.is_empty() { &rest } else { &own });
    }
    result
}

/// Does steps until one cannot be done; `done` gets those that were.
fn in_order<'a, L: Lines>(
    machine: &Machine<'_, L>,
    steps: &[&'a Action],
    done: &mut Vec<&'a Action>,
) -> anyhow::Result<Outcome> {
    for step in steps {
        match machine.perform(step) {
            Ok(Done::Yes) => done.push(step),
            Ok(Done::Absent(reason)) => return Ok(Outcome::Absent(reason)),
            Err(error) => {
                let exit = exit_of(&error);
                return Err(error).with_context(|| format!("step \"{step}\"")).context(exit);
            }
        }
    }
    Ok(Outcome::Done)
}

fn exit_of(error: &StepError) -> Exit {
    match error {
        StepError::Line(LineError::Unknown { .. }) => Exit::Configuration,
        StepError::Line(_) => Exit::LineRefused,
        StepError::Refused { .. } => Exit::Refused,
    }
}

/// Nothing is left to fall back on here, so each step is tried whatever became of the others.
fn clean_up<L: Lines>(machine: &Machine<'_, L>, steps: &[Action]) {
    for step in steps {
        if let Err(error) = machine.perform(step) {
            log::error!(
                "this could not be done after a failure: \"{step}\": {:#}",
                anyhow::Error::new(error)
            );
        }
    }
}

fn failure_list(slot: &Slot, done: &[&Action]) -> Vec<Action> {
    if slot.on_failure.is_empty() { undoing(done) } else { owned(&slot.on_failure) }
}

fn undoing(done: &[&Action]) -> Vec<Action> {
    done.iter().rev().filter_map(|action| action.undone()).collect()
}

fn all(steps: &[Step]) -> Vec<&Action> {
    steps.iter().map(|step| &step.action).collect()
}

fn owned(steps: &[Step]) -> Vec<Action> {
    steps.iter().map(|step| step.action.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::Wires;
    use std::cell::RefCell;

    /// Lines of which every change is recorded.
    #[derive(Default)]
    struct Recorded {
        wires: Wires,
        changes: RefCell<Vec<String>>,
    }

    impl Lines for Recorded {
        fn read(&self, name: &str) -> Result<bool, LineError> {
            self.wires.read(name)
        }

        fn drive(&self, name: &str, level: bool) -> Result<(), LineError> {
            self.wires.drive(name, level)?;
            self.changes.borrow_mut().push(format!("{name}={}", u8::from(level)));
            Ok(())
        }
    }

    /// Lines A, B, C and PRESENT, all low; any other is not there.
    fn played(text: &str, phase: Phase, ccin: &str, is_present: bool) -> (String, Vec<String>) {
        played_by(text, is_present, |machine, slot| run(machine, slot, phase, ccin))
    }

    fn played_by(
        text: &str,
        is_present: bool,
        play: impl Fn(&Machine<'_, Recorded>, &Slot) -> anyhow::Result<Outcome>,
    ) -> (String, Vec<String>) {
        let lines = Recorded::default();
        for name in ["A", "B", "C"] {
            lines.wires.0.borrow_mut().insert(name.to_owned(), false);
        }
        lines.wires.0.borrow_mut().insert("PRESENT".to_owned(), !is_present);
        let root = tempfile::tempdir().unwrap();
        let machine = Machine { root: root.path(), lines: &lines };
        let outcome = match play(&machine, &Slot::parse(text).unwrap()) {
            Ok(outcome) => format!("{outcome:?}"),
            Err(error) => format!("{error:#}"),
        };
        (outcome, lines.changes.into_inner())
    }

    fn set(line: &str) -> String {
        format!("{{ set = \"{line}\", level = 1 }}")
    }

    #[test]
    fn steps_are_done_in_the_order_of_their_list() {
        let text = format!("before-collection = [{}, {}, {}]", set("B"), set("A"), set("C"));
        assert_eq!(
            played(&text, Phase::Prepare, "", true),
            ("Done".to_owned(), vec!["B=1".into(), "A=1".into(), "C=1".into()])
        );
    }

    #[test]
    fn what_was_done_before_a_failure_is_undone_last_to_first() {
        let text = format!("before-collection = [{}, {}, {}, {}]", set("A"), set("B"), set("NONE"), set("C"));
        let (outcome, changes) = played(&text, Phase::Prepare, "", true);
        assert!(outcome.contains("set NONE 1") && outcome.contains("configuration error"), "{outcome}");
        assert_eq!(changes, ["A=1", "B=1", "B=0", "A=0"]);
    }

    #[test]
    fn a_slots_own_list_for_failures_is_used_instead() {
        let text = format!(
            "before-collection = [{}, {}]\non-failure = [{}, {{ set = \"NONE\", level = 0 }}, {}]",
            set("A"),
            set("NONE"),
            set("B"),
            set("C")
        );
        assert_eq!(
            played(&text, Phase::Prepare, "", true).1,
            ["A=1", "B=1", "C=1"],
            "each whatever became of the others"
        );
    }

    #[test]
    fn an_empty_slot_is_no_failure_and_nothing_is_left_on() {
        let text = format!(
            "before-collection = [{}, {{ presence = \"PRESENT\", level = 0 }}, {}]",
            set("A"),
            set("B")
        );
        let (outcome, changes) = played(&text, Phase::Prepare, "", false);
        assert!(outcome.starts_with("Absent"), "{outcome}");
        assert_eq!(changes, ["A=1", "A=0"]);
        assert_eq!(played(&text, Phase::Prepare, "", true).1, ["A=1", "B=1"]);
    }

    #[test]
    fn after_the_reading_steps_are_for_the_parts_that_they_name() {
        let text = format!(
            "after-collection = [{}, {{ set = \"B\", level = 1, ccin = [\"2CE2\", \"58FF\"] }}]",
            set("A")
        );
        assert_eq!(played(&text, Phase::After, "58ff", true).1, ["A=1", "B=1"]);
        assert_eq!(played(&text, Phase::After, "6B87", true).1, ["A=1"]);
        assert_eq!(played(&text, Phase::After, "", true).1, ["A=1"]);
    }

    #[test]
    fn removal_undoes_what_was_done_unless_the_slot_says_how() {
        let before =
            format!("before-collection = [{}, {}]\nafter-collection = [{}]\n", set("A"), set("B"), set("C"));
        assert_eq!(played(&before, Phase::Remove, "", true).1, ["C=0", "B=0", "A=0"]);
        let own = before
            + "before-removal = [{ set = \"C\", level = 0 }]\nafter-removal = [{ set = \"A\", level = 0 }]\n";
        assert_eq!(played(&own, Phase::Remove, "", true).1, ["C=0", "A=0"]);
        let failing = "before-removal = [{ set = \"NONE\", level = 0 }]\nafter-removal = [{ set = \"A\", level = 0 }]\n\
                       on-removal-failure = [{ set = \"B\", level = 1 }]\n";
        assert_eq!(played(failing, Phase::Remove, "", true).1, ["B=1"]);
    }

    #[test]
    fn what_comes_before_all_slots_is_tried_whatever_became_of_the_rest() {
        let text = format!("before-collection = [{}, {}, {}]", set("A"), set("NONE"), set("B"));
        let (outcome, changes) = played_by(&text, true, start);
        assert!(outcome.contains("set NONE 1") && outcome.contains("configuration error"), "{outcome}");
        assert_eq!(changes, ["A=1", "B=1"]);
    }

    #[test]
    fn a_part_that_was_pulled_does_not_leave_its_place_with_power() {
        let undone = format!("before-collection = [{}, {}, {}]", set("A"), set("NONE"), set("B"));
        assert_eq!(played(&undone, Phase::Remove, "", true).1, ["B=0", "A=0"]);
        let looking = "before-removal = [{ presence = \"PRESENT\", level = 0 }]\n\
                       after-removal = [{ set = \"A\", level = 0 }]\n";
        let (outcome, changes) = played(looking, Phase::Remove, "", false);
        assert!(outcome.starts_with("Absent"), "{outcome}");
        assert_eq!(changes, ["A=0"]);
    }
}
