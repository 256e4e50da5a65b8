//! What follows a wish to have an EEPROM read again by way of its slot, or its part taken out; said before it is done, since
//! nothing may follow.

use super::fru::Phase;
use super::{Collection, Host, Power};
use dbus_api::vpd::collection::{Followed, Follows, Refusal};
use unit_jobs::Verb;

/// What is wished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To be read again.
    Recollect,
    /// To be taken out.
    Remove,
}

impl Collection {
    /// What follows a wish for these, or for all that it may be done to when none is named.
    ///
    /// Errors: nothing would follow for one that is named, or for any; then nothing is to be done.
    pub fn judge(&self, wish: Wish, keys: &[String]) -> Result<Followed, Refusal> {
        if let Some(unknown) = keys.iter().find(|key| !self.has(key)) {
            return Err(Refusal::Unknown(unknown.clone()));
        }
        if wish == Wish::Remove && keys.is_empty() {
            return Err(Refusal::NoneNamed);
        }
        let with_answer = |key: &str| (key.to_owned(), self.follows(wish, key));
        if keys.is_empty() {
            let followed: Followed = self.keys().map(with_answer).collect();
            if followed.iter().any(|(_, follows)| follows.is_something()) {
                return Ok(followed);
            }
            return Err(Refusal::Unavailable("no EEPROM of the system can be read again now".to_owned()));
        }
        let followed: Followed = keys.iter().map(|key| with_answer(key)).collect();
        match followed.iter().find(|(_, follows)| !follows.is_something()) {
            None => Ok(followed),
            Some((key, Follows::HostRunning)) => {
                Err(Refusal::NotNow(key.clone(), "the host runs, and its part cannot be replaced meanwhile"))
            }
            Some((key, Follows::ChassisOn)) => {
                Err(Refusal::NotNow(key.clone(), "it cannot be read while the chassis has power"))
            }
            Some((key, _)) => Err(Refusal::Unavailable(format!("{key}: it is absent"))),
        }
    }

    fn follows(&self, wish: Wish, key: &str) -> Follows {
        if let Some(obstacle) = self.obstacle(key) {
            return obstacle;
        }
        let has_slot = self.slots.contains_key(key);
        let Some(fru) = self.frus.get(key) else { return Follows::Absent };
        match (wish, &fru.phase) {
            (Wish::Recollect, _) if has_slot => Follows::Preparing,
            (Wish::Remove, _) if has_slot => Follows::Removing,
            (Wish::Remove, _) => {
                if fru.is_gone() {
                    Follows::Absent
                } else {
                    Follows::Leaving
                }
            }
            // It was taken out, and no event told that its device went.
            _ if self.out.contains(key) => Follows::Reading,
            (_, Phase::Unsettled | Phase::Kept) => Follows::UnderWay,
            (_, Phase::Absent | Phase::Leaving(_) | Phase::Vanishing(_)) => {
                if fru.is_gone() {
                    Follows::Absent
                } else {
                    Follows::UnderWay
                }
            }
            (_, Phase::Queueing(Verb::Restart, _)) if !fru.is_overdue => Follows::UnderWay,
            _ => Follows::Reading,
        }
    }

    /// Why an EEPROM may not be touched now, if it may not.
    pub(super) fn obstacle(&self, key: &str) -> Option<Follows> {
        let plan = self.plans.get(key)?;
        if matches!(self.host, Host::Starting | Host::Running) && !plan.is_replaceable_at_runtime {
            return Some(Follows::HostRunning);
        }
        (plan.power_off_only && self.power != Power::Off).then_some(Follows::ChassisOn)
    }
}
