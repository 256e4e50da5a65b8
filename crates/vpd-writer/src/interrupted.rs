//! EEPROMs of which a write is not settled, and when that is tried to be settled. Pure.

use crate::work::recovery::Recovered;
use fru_publication::EepromKey;
use std::collections::BTreeMap;

/// What is known of each.
#[derive(Debug, Default)]
pub struct Interrupted {
    eeproms: BTreeMap<EepromKey, State>,
}

#[derive(Debug)]
struct State {
    /// Why it is not settled.
    why: String,
    /// It is being tried, or waits for its turn.
    is_tried: bool,
    /// Something has happened since that was begun.
    again: bool,
}

impl Interrupted {
    /// An EEPROM has a journal that is not under way.
    pub fn found(&mut self, key: EepromKey) {
        let why = "it has not been tried yet".to_owned();
        self.eeproms.entry(key).or_insert(State { why, is_tried: false, again: false });
    }

    /// Those that are to be tried now, of one or of all. Each is tried once at a time.
    pub fn due(&mut self, only: Option<&EepromKey>) -> Vec<EepromKey> {
        let mut due = Vec::new();
        for (key, state) in &mut self.eeproms {
            if only.is_some_and(|only| only != key) {
                continue;
            }
            if state.is_tried {
                state.again = true;
            } else {
                state.is_tried = true;
                due.push(key.clone());
            }
        }
        due
    }

    /// One has been tried; whether it is to be tried again at once, since something has happened meanwhile.
    pub fn tried(&mut self, key: &EepromKey, recovered: &Recovered) -> bool {
        let Some(state) = self.eeproms.get_mut(key) else { return false };
        match recovered {
            Recovered::Pending(why) | Recovered::CopyPending(why) => {
                state.why.clone_from(why);
                let again = std::mem::take(&mut state.again);
                state.is_tried = again;
                again
            }
            Recovered::Nothing
            | Recovered::Settled(_)
            | Recovered::Rejected { .. }
            | Recovered::Unusable(_) => {
                self.eeproms.remove(key);
                false
            }
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.eeproms.is_empty()
    }

    /// Each with the reason why it is not settled.
    pub fn reasons(&self) -> Vec<(&str, &str)> {
        self.eeproms.iter().map(|(key, state)| (key.as_str(), &*state.why)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> EepromKey {
        EepromKey::parse(text).unwrap()
    }

    #[test]
    fn each_is_tried_once_at_a_time_and_again_for_what_happened_meanwhile() {
        let mut interrupted = Interrupted::default();
        for name in ["8-0050", "8-0051", "8-0050"] {
            interrupted.found(key(name));
        }
        assert_eq!(interrupted.due(None), [key("8-0050"), key("8-0051")]);
        assert!(interrupted.due(Some(&key("8-0050"))).is_empty());
        let absent = Recovered::Pending("8-0050 is absent".to_owned());
        assert!(interrupted.tried(&key("8-0050"), &absent), "it has come meanwhile, perhaps");
        assert!(!interrupted.tried(&key("8-0050"), &absent));
        assert!(!interrupted.tried(&key("8-0051"), &Recovered::Settled(String::new())));
        assert_eq!(interrupted.reasons(), [("8-0050", "8-0050 is absent")]);
        assert_eq!(interrupted.due(Some(&key("8-0050"))), [key("8-0050")]);
        assert!(!interrupted.tried(&key("8-0050"), &Recovered::Nothing) && interrupted.is_empty());
        assert!(interrupted.due(Some(&key("8-0050"))).is_empty());
    }
}
