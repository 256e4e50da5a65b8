//! What is wrong until it is put right: backups and redundant EEPROMs that say something else. Pure.

use crate::events;
use crate::work::mend::Settled;
use event_log::{Event, Pair};
use fru_publication::EepromKey;
use std::collections::BTreeMap;

/// What is known since the service began.
#[derive(Debug, Default)]
pub struct Faults {
    /// How EEPROMs and their backups stood to each other last.
    backups: BTreeMap<EepromKey, Settled>,
    /// Why redundant EEPROMs were left as they are; nothing for those that were scrubbed since.
    redundants: BTreeMap<EepromKey, Option<String>>,
}

impl Faults {
    /// An EEPROM and its backup were compared.
    pub fn compared(&mut self, key: EepromKey, settled: Settled) {
        self.backups.insert(key, settled);
    }

    /// A redundant EEPROM was left as it is, for the reason; or says the same again.
    pub fn redundant(&mut self, key: EepromKey, why: Option<String>) {
        self.redundants.insert(key, why);
    }

    /// Whether an EEPROM and its backup differ, as far as is known.
    pub fn has_backup_fault(&self, key: &EepromKey) -> bool {
        self.backups.get(key).is_some_and(Settled::is_fault)
    }

    /// All that is wrong now.
    pub fn current(&self) -> Vec<Event> {
        let backups = self.backups.iter().flat_map(|(key, settled)| events::of_backup(key, settled));
        let redundant =
            |(key, why): (&EepromKey, &Option<String>)| Some(events::of_left_out(key, why.as_ref()?));
        backups.chain(self.redundants.iter().filter_map(redundant)).collect()
    }

    /// Whether it is not known if something is still wrong that was told before: what was not looked at since the start stands.
    pub fn is_unknown(&self, pair: &Pair) -> bool {
        match EepromKey::parse(&pair.subject) {
            Ok(key) if pair.cause == events::LEFT_OUT => !self.redundants.contains_key(&key),
            Ok(key) => !self.backups.contains_key(&key),
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_looked_at_since_the_start_stands_and_what_was_put_right_clears() {
        let key = |text| EepromKey::parse(text).unwrap();
        let pair = |cause: &str| Pair { subject: "8-0050".to_owned(), cause: cause.to_owned() };
        let mut faults = Faults::default();
        assert!(
            faults.is_unknown(&pair(events::LEFT_OUT)) && faults.is_unknown(&pair("backup-differs-VSYS.SE"))
        );
        faults.redundant(key("8-0050"), Some("absent".to_owned()));
        assert_eq!(faults.current().len(), 1);
        assert!(
            !faults.is_unknown(&pair(events::LEFT_OUT)) && faults.is_unknown(&pair("backup-differs-VSYS.SE"))
        );
        faults.redundant(key("8-0050"), None);
        let conflict = ("VSYS.SE".to_owned(), b"1".to_vec(), b"2".to_vec());
        faults.compared(key("8-0050"), Settled { conflicts: vec![conflict], ..Settled::default() });
        assert!(
            faults.has_backup_fault(&key("8-0050")) && !faults.is_unknown(&pair("backup-differs-VSYS.SE"))
        );
        assert_eq!(faults.current().len(), 1);
        faults.compared(key("8-0050"), Settled::default());
        assert!(faults.current().is_empty() && !faults.has_backup_fault(&key("8-0050")));
    }
}
