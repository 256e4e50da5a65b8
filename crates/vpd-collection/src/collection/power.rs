//! What depends on the power of the chassis and on the host.

use super::{Collection, Effect, Now, Sight};

/// Whether the chassis has power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Nobody has said yet.
    Unknown,
    /// It has none.
    Off,
    /// It has, or nobody is there to say so.
    On,
}

/// What the host does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Nobody says.
    Unknown,
    /// It is off.
    Off,
    /// It is about to run.
    Starting,
    /// It runs.
    Running,
}

impl Collection {
    /// Whether what is to be seen of a device counts now: not before its slot has been seen to, not while the chassis
    /// has power and it cannot be read then, not when it was taken out.
    pub(super) fn is_decided(&mut self, key: &str, sight: Sight, now: Now) -> bool {
        if sight == Sight::Gone {
            self.out.remove(key);
        }
        if sight == Sight::Present && self.out.contains(key) {
            return false;
        }
        // Of what went before, and whose absence is about to be said, all is heard.
        let is_going = self.frus.get(key).is_some_and(super::Fru::is_going);
        if self.cannot_be_read(key) && !is_going {
            if self.power == Power::On
                && let Some(fru) = self.frus.get_mut(key)
            {
                fru.keep(now);
            }
            return false;
        }
        match (self.slots.get_mut(key), sight) {
            (Some(slot), Sight::Present) => {
                slot.is_seen();
                true
            }
            (Some(slot), Sight::Gone) => !slot.is_shut(),
            (Some(slot), Sight::Absent) => !slot.is_shut() && !slot.is_undecided(),
            (None, _) => true,
        }
    }

    /// Whether an EEPROM must be left alone, as the chassis has power, or may have.
    pub(super) fn cannot_be_read(&self, key: &str) -> bool {
        self.power != Power::Off && self.plans.get(key).is_some_and(|plan| plan.power_off_only)
    }

    /// Begins nothing that cannot be done with power on, whatever it was wanted for.
    pub(super) fn hold_back(&mut self, now: Now) {
        if self.power == Power::Off {
            return;
        }
        for plan in self.plans.values().filter(|plan| plan.power_off_only) {
            if let Some(slot) = self.slots.get_mut(&plan.key) {
                slot.hold();
            }
            let Some(fru) = self.frus.get_mut(&plan.key) else { continue };
            match self.power {
                Power::On if !fru.is_out_of_sight() => fru.keep(now),
                Power::Unknown => fru.hold(),
                _ => {}
            }
        }
    }

    /// What cannot be read with power on is read once it is off, and stays as it is once it is on.
    pub(super) fn power_changed(&mut self, power: Power, now: Now, effects: &mut Vec<Effect>) {
        if self.power == power {
            return;
        }
        self.power = power;
        let affected: Vec<String> =
            self.plans.values().filter(|plan| plan.power_off_only).map(|plan| plan.key.clone()).collect();
        for key in affected {
            match power {
                Power::Off => {
                    if self.is_settled {
                        self.prepare(&key);
                        effects.push(Effect::Look(key));
                    }
                }
                Power::On => {
                    if let Some(fru) = self.frus.get_mut(&key).filter(|_| self.is_settled) {
                        fru.keep(now);
                    }
                }
                Power::Unknown => {}
            }
        }
    }

    /// Nobody is there who would say so: then the chassis counts as on.
    pub(super) fn wait_no_longer_for_power(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.power == Power::Unknown && now.elapsed >= self.limits.power {
            self.power_changed(Power::On, now, effects);
        }
    }

    /// At the host's start, what may have been replaced while it was off is read again.
    pub(super) fn host_changed(&mut self, host: Host, now: Now, effects: &mut Vec<Effect>) {
        let starts = host == Host::Starting && self.host != Host::Starting;
        self.host = host;
        if !starts {
            return;
        }
        let replaceable: Vec<String> = self
            .plans
            .values()
            .filter(|plan| plan.is_replaceable_at_standby)
            .map(|plan| plan.key.clone())
            .collect();
        for key in replaceable {
            self.read_again(&key, now, effects);
        }
    }

    /// Whether the chassis has power, as far as anybody says.
    pub fn power(&self) -> Power {
        self.power
    }

    /// Whether the host has begun to run, or runs.
    pub fn is_host_on(&self) -> bool {
        matches!(self.host, Host::Starting | Host::Running)
    }
}
