//! What is done about a place for a part: upstream's actions, phase by phase.

use crate::import::command;
use crate::import::fields::{Field, Fields, Losses};
use crate::import::step::{Action, Step};

/// Upstream's action and phase, and what the phase is called here.
const PHASES: [(&str, &str, &str); 6] = [
    ("preAction", "collection", BEFORE_COLLECTION),
    ("postAction", "collection", AFTER_COLLECTION),
    ("postFailAction", "collection", "on-failure"),
    ("preAction", "deletion", "before-removal"),
    ("postAction", "deletion", "after-removal"),
    ("postFailAction", "deletion", "on-removal-failure"),
];
const BEFORE_COLLECTION: &str = "before-collection";
const AFTER_COLLECTION: &str = "after-collection";
/// Where it is looked whether a part is there.
const LOOKING: [&str; 3] = [BEFORE_COLLECTION, "before-removal", "after-removal"];

/// The steps of each phase, and the line that tells of coming and going.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Slot {
    steps: [Vec<Step>; PHASES.len()],
    pub(crate) poll: Option<(String, u64)>,
}

impl Slot {
    /// Takes the keys of an entry that are about its slot.
    pub(crate) fn take(entry: &mut Fields<'_>, losses: &mut Losses) -> Self {
        let mut slot = Self::default();
        for action in ["preAction", "postAction", "postFailAction"] {
            if let Some(field) = entry.take(action) {
                slot.read(action, &field, losses);
            }
        }
        slot.poll = entry.take("pollingRequired").and_then(|field| poll(&field, losses));
        slot
    }

    fn read(&mut self, action: &str, field: &Field<'_>, losses: &mut Losses) {
        let Some(phases) = field.object(losses) else { return };
        for (name, field) in phases.rest() {
            let ours = PHASES
                .iter()
                .zip(&mut self.steps)
                .find(|((ours, phase, _), _)| *ours == action && *phase == name);
            match ours {
                Some(((_, _, ours), steps)) => *steps = phase(&field, ours, losses),
                None => losses.add(
                    &field.place,
                    "no phase is called so (older files have no phases); write the steps into the slot by hand",
                ),
            }
        }
    }

    /// The phases that have steps.
    pub(crate) fn phases(&self) -> impl Iterator<Item = (&'static str, &[Step])> {
        let named = PHASES.iter().zip(&self.steps).map(|((_, _, name), steps)| (*name, steps.as_slice()));
        named.filter(|(_, steps)| !steps.is_empty())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.poll.is_none() && self.phases().next().is_none()
    }

    /// Puts what a redundant EEPROM needs first. What both need is done once, at its first place.
    pub(crate) fn prepend(&mut self, redundant: &Self) {
        let ([ours, ..], [theirs, ..]) = (&mut self.steps, &redundant.steps);
        ours.retain(|step| !theirs.contains(step));
        ours.splice(0..0, theirs.iter().cloned());
    }

    /// Whether there is more than what comes before a collection.
    pub(crate) fn has_later_phases(&self) -> bool {
        self.phases().any(|(name, _)| name != BEFORE_COLLECTION)
    }
}

/// The steps of one phase, in the order of the JSON.
fn phase(field: &Field<'_>, ours: &str, losses: &mut Losses) -> Vec<Step> {
    let Some(mut tags) = field.object(losses) else { return Vec::new() };
    let ccin = match tags.take("ccin") {
        Some(field) if ours == AFTER_COLLECTION => {
            let Some(ccin) = ccins(&field, losses) else { return Vec::new() };
            ccin
        }
        Some(field) => {
            losses.add(&field.place, "which part there is, is only known after a collection");
            Vec::new()
        }
        None => Vec::new(),
    };
    let mut steps = Vec::new();
    for (tag, field) in tags.rest() {
        let action = match tag {
            "gpioPresence" if !LOOKING.contains(&ours) => {
                losses.add(&field.place, format!("in {ours} nobody looks for a part any more"));
                None
            }
            "gpioPresence" => line(&field, losses).map(|(line, level)| Action::Presence { line, level }),
            "setGpio" => line(&field, losses).map(|(line, level)| Action::Set { line, level }),
            "systemCmd" => command(&field, losses),
            _ => {
                losses.add(&field.place, "no action is called so");
                None
            }
        };
        steps.extend(action.map(|action| Step { action, ccin: ccin.clone() }));
    }
    steps
}

/// A list of CCINs. When none is left of it, `None`: without it, its owner would be for every part.
pub(crate) fn ccins(field: &Field<'_>, losses: &mut Losses) -> Option<Vec<String>> {
    let mut ccins = Vec::new();
    for item in field.list(losses) {
        let Some(text) = item.text(losses) else { continue };
        if text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            ccins.push(text.to_owned());
        } else {
            losses.add(&item.place, format!("{} is no CCIN (four letters or digits)", item.value));
        }
    }
    if ccins.is_empty() {
        losses.add(&field.place, "no CCIN is left, so what depends on it is left out with it");
    }
    (!ccins.is_empty()).then_some(ccins)
}

fn command(field: &Field<'_>, losses: &mut Losses) -> Option<Action> {
    let mut fields = field.object(losses)?;
    let text = fields.take_text("cmd", losses);
    if text.is_none() {
        losses.add(&field.place, "it has no cmd");
    }
    fields.list_unknown(losses);
    let text = text?;
    command::step(text).map_err(|why| losses.add(&field.place, command::explain(text, why))).ok()
}

/// A line and its level.
fn line(field: &Field<'_>, losses: &mut Losses) -> Option<(String, u64)> {
    let mut fields = field.object(losses)?;
    let line = fields.take_text("pin", losses);
    let level = fields.take_number("value", losses);
    fields.list_unknown(losses);
    let is_line =
        |line: &&str| (1..=31).contains(&line.len()) && line.bytes().all(|byte| byte.is_ascii_graphic());
    let (Some(line), Some(level @ (0 | 1))) = (line.filter(is_line), level) else {
        losses.add(
            &field.place,
            "it takes a pin (a line's name of 1 to 31 visible characters) and a value of 0 or 1",
        );
        return None;
    };
    Some((line.to_owned(), level))
}

fn poll(field: &Field<'_>, losses: &mut Losses) -> Option<(String, u64)> {
    let mut fields = field.object(losses)?;
    let hot_plugging = fields.take("hotPlugging");
    fields.list_unknown(losses);
    let mut fields = hot_plugging?.object(losses)?;
    let presence = fields.take("gpioPresence");
    fields.list_unknown(losses);
    line(&presence?, losses)
}
