//! The part of the model that is about slots, lines and the power of the chassis.

use super::super::*;
use super::Dice;
use super::machine::{Faults, KEY, Machine, Place, Wish};
use crate::collection::tests::{job_ended, limits};
use fru_publication::EepromKey;
use std::collections::VecDeque;
use unit_jobs::{ActiveState, RunResult};

const PREPARE: &str = "vpd-slot@prepare:";

/// What is so of the place.
#[derive(Debug)]
pub struct SlotModel {
    /// The part that is in.
    pub inserted: Option<u64>,
    pub is_prepared: bool,
    /// The part after whose reading all was done.
    pub followed: Option<String>,
    /// How many of its units were started.
    pub started: u64,
    /// The unit that runs, with its job.
    run: Option<(String, String)>,
    result: &'static str,
    status: i32,
    /// How often a part came or went since the collection heard its line.
    pub changes: u32,
    /// Nothing has happened that nobody could notice.
    pub is_certain: bool,

    pub power: Power,
    /// With the chassis on, its device is not to be seen.
    is_hidden: bool,
    powers: VecDeque<Power>,
    /// What the inventory showed when the power came on, if nothing was on its way then.
    pub kept: Option<(Option<u64>, bool)>,
}

impl Place {
    pub(super) fn collection(self) -> Collection {
        let plan = Plan {
            slot: self.has_slot.then(|| EepromKey::parse(KEY).unwrap()),
            power_off_only: self.is_power_off_only,
            ..Plan::new(KEY, "ipz-vpd-parser@10\\x2d0050.service")
        };
        Collection::new(limits(), [plan])
    }
}

impl SlotModel {
    pub fn new(place: Place) -> Self {
        Self {
            inserted: None,
            is_prepared: !place.has_slot,
            followed: None,
            started: 0,
            run: None,
            result: "success",
            status: 0,
            changes: 0,
            is_certain: true,
            power: Power::Unknown,
            is_hidden: false,
            powers: VecDeque::new(),
            kept: None,
        }
    }
}

impl Machine {
    pub(super) fn is_blank(&self, part: u64) -> bool {
        self.place.has_slot && part.is_multiple_of(5)
    }

    /// The device is there while the place is prepared and a part is in.
    pub(super) fn devices_follow(&mut self) {
        let is_seen = self.slot.is_prepared && !self.slot.is_hidden;
        let wanted = self.slot.inserted.filter(|_| is_seen);
        if self.part == wanted {
            return;
        }
        if self.part.take().is_some() {
            self.udev.push_back(Sight::Gone);
            self.unheard.push_back(false);
        }
        if wanted.is_some() {
            self.part = wanted;
            self.udev.push_back(Sight::Present);
            self.unheard.push_back(true);
        }
    }

    pub(super) fn slot_unit_is_started(&mut self, ticket: Ticket, unit: String, dice: &mut Dice) {
        let is_forgetful = self.faults == Faults::Process1;
        if is_forgetful && dice.one_in(6) {
            self.said.push_back(Event::JobRefused(ticket, "no".to_owned()));
            return;
        }
        self.slot.started += 1;
        // One that was given up on is at its end by then.
        self.slot_unit_ends(dice);
        self.jobs += 1;
        let job = format!("/job/{}", self.jobs);
        self.slot.run = Some((unit, job.clone()));
        let queued = Event::JobQueued(ticket, job);
        if dice.one_in(3) {
            self.slot_unit_ends(dice);
        }
        if !(is_forgetful && dice.one_in(8)) {
            self.said.push_back(queued);
        }
    }

    pub(super) fn slot_unit_is_asked_about(&mut self, ticket: Ticket, dice: &mut Dice) {
        let is_late = self.faults == Faults::Process1 && dice.one_in(6);
        let state = UnitState {
            active: ActiveState::Inactive,
            result: RunResult::parse(self.slot.result),
            status: self.slot.status,
            ..UnitState::default()
        };
        let answer = if is_late { Err("late".to_owned()) } else { Ok(state) };
        self.said.push_back(Event::Inspected(ticket, answer));
    }

    pub(super) fn slot_unit_goes_on(&mut self, dice: &mut Dice) {
        if dice.one_in(2) {
            self.slot_unit_ends(dice);
        }
    }

    /// Its unit does its work, if one runs, and ends.
    pub(super) fn slot_unit_ends(&mut self, dice: &mut Dice) {
        let Some((unit, job)) = self.slot.run.take() else { return };
        let fails = self.faults == Faults::Slots && dice.one_in(3);
        let mut end = (0, "success", "done");
        if fails {
            end = [
                (71, "exit-code", "failed"),
                (15, "timeout", "timeout"),
                (0, "success", "canceled"),
                (75, "exit-code", "failed"),
            ][dice.below(4)];
        }
        if end.0 == 75 {
            // Its EEPROM is being written, so nothing is done.
        } else if unit.starts_with(PREPARE) {
            // What fails is undone.
            self.slot.is_prepared = self.slot.inserted.is_some() && !fails;
            if self.slot.inserted.is_none() && !fails {
                end.0 = 69;
            }
        } else if let Some(ccin) = unit.strip_prefix("vpd-slot@after:10\\x2d0050:") {
            self.slot.followed = ccin.strip_suffix(".service").map(str::to_owned).filter(|_| !fails);
        } else {
            self.slot.is_prepared = false;
            self.slot.followed = None;
        }
        self.log.push(format!("{} {unit} ends {end:?}", self.seconds));
        (self.slot.status, self.slot.result) = (end.0, end.1);
        if !(self.faults == Faults::Process1 && dice.one_in(8)) {
            self.said.push_back(job_ended(job, unit, end.2));
        }
        self.devices_follow();
    }

    pub(super) fn line_is_looked_at(&mut self) {
        if !self.place.has_slot {
            return;
        }
        let is_idle = self.collection.slots.values().all(Slot::is_idle);
        self.slot.is_certain &= self.slot.changes < 2;
        if is_idle && self.collection.is_settled {
            self.slot.changes = 0;
        }
        let told = if self.slot.inserted.is_some() { Told::There } else { Told::Gone };
        self.tell(Event::Line(KEY.to_owned(), told));
    }

    /// With the chassis on, or nobody to say, nothing is asked of such a part.
    pub(super) fn is_held(&self) -> bool {
        self.place.is_power_off_only && self.collection.power != Power::Off
    }

    pub(super) fn power_changes(&mut self) {
        if !self.place.is_power_off_only {
            return;
        }
        if self.slot.power == Power::Off {
            self.slot.power = Power::On;
            self.slot.powers.push_back(Power::On);
        } else {
            self.power_goes_off();
        }
    }

    pub(super) fn power_goes_off(&mut self) {
        if self.place.is_power_off_only && self.slot.power != Power::Off {
            self.slot.power = Power::Off;
            self.slot.is_hidden = false;
            self.devices_follow();
            self.slot.powers.push_back(Power::Off);
        }
    }

    /// It is announced some time before.
    pub(super) fn power_has_its_effect(&mut self, dice: &mut Dice) {
        if self.slot.power == Power::On && self.collection.power == Power::On && self.slot.powers.is_empty() {
            self.slot.is_hidden = dice.one_in(2);
            self.devices_follow();
        }
    }

    pub(super) fn power_is_told(&mut self) {
        if let Some(power) = self.slot.powers.pop_front() {
            self.tell_power(power);
        }
    }

    pub(super) fn power_is_told_anew(&mut self) {
        self.slot.powers.clear();
        if self.place.is_power_off_only && self.slot.power != Power::Unknown {
            self.tell_power(self.slot.power);
        }
    }

    fn tell_power(&mut self, power: Power) {
        if power == Power::Off && self.wish == Wish::Out {
            // Its slot is prepared again.
            self.wish = Wish::Either;
        }
        let is_quiet = self.run.is_none() && self.notices.is_empty() && self.slot.run.is_none();
        let is_at_rest = self.collection.frus.values().all(|fru| fru.is_at_rest() || fru.is_unsettled());
        let is_idle = self.collection.slots.values().all(|slot| !slot.is_working() && !slot.is_leaving());
        let is_calm = is_quiet && is_at_rest && is_idle;
        self.slot.kept = (power == Power::On && is_calm).then_some((self.shown, self.leftover));
        self.tell(Event::Power(power));
    }

    /// What must not be done.
    pub(super) fn check(&mut self, effect: &Effect) {
        if let Effect::Start(_, unit, _) = effect
            && self.is_held()
            && (unit.starts_with(PREPARE) || !unit.starts_with("vpd-slot@"))
        {
            self.misdeeds.push(format!("{unit} is started with power on"));
        }
        self.check_silence(effect);
    }
}
