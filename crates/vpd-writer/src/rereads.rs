//! Runs of parsers that are asked for: jobs that wrote to one EEPROM share one.

use fru_publication::EepromKey;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// What becomes of a run: whether the inventory shows what was written; `None` until that is known.
pub type Told = watch::Receiver<Option<bool>>;
/// For the one who has the run made.
pub type Tell = watch::Sender<Option<bool>>;

/// The last run of each EEPROM's parser, with the last write that it reads.
#[derive(Debug, Default)]
pub struct Rereads(Mutex<BTreeMap<EepromKey, (u64, Told)>>);

impl Rereads {
    /// Joins the run that reads this write, or begins one: then the caller has it made.
    pub fn join(&self, key: &EepromKey, write: u64) -> (Told, Option<Tell>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Without its sender, a run has ended.
        all.retain(|_, (_, told)| told.has_changed().is_ok());
        if let Some((read, told)) = all.get(key)
            && *read == write
        {
            return (told.clone(), None);
        }
        let (tell, told) = watch::channel(None);
        all.insert(key.clone(), (write, told.clone()));
        (told, Some(tell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wrote_before_a_run_shares_it_and_who_wrote_since_has_the_next() {
        let rereads = Rereads::default();
        let key = EepromKey::parse("8-0050").unwrap();
        let (first, tell) = rereads.join(&key, 1);
        let tell = tell.unwrap();
        let (second, none) = rereads.join(&key, 1);
        assert!(none.is_none());
        let (third, next) = rereads.join(&key, 2);
        assert!(next.is_some(), "it was written since");
        tell.send(Some(true)).unwrap();
        assert_eq!((*first.borrow(), *second.borrow(), *third.borrow()), (Some(true), Some(true), None));
        drop(next);
        assert!(rereads.join(&key, 2).1.is_some(), "one that has ended is not joined");
    }
}
