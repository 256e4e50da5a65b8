use crate::{Ledger, Limits, Pair};
use durable_state::Document;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a restart must know of a [`Ledger`]: what was delivered. What is pending is not in it: it is still wrong after the
/// restart, or it is not.
///
/// Shape: `dropped = COUNT`, and in `delivered` for each subject its causes, `{ 10-0050 = ["blank"] }`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// How often an event found no room.
    dropped: u64,
    /// Causes by subject.
    #[serde(default)]
    delivered: BTreeMap<String, BTreeSet<String>>,
}

impl Document for Kept {
    const FORMAT: u32 = 1;
    const LONGEST: u64 = 4 << 20;
}

impl Ledger {
    /// What a restart must know.
    pub fn kept(&self) -> Kept {
        let mut delivered = BTreeMap::<String, BTreeSet<String>>::new();
        for Pair { subject, cause } in &self.delivered {
            delivered.entry(subject.clone()).or_default().insert(cause.clone());
        }
        Kept { dropped: self.dropped, delivered }
    }

    /// The ledger of which something was kept. Of more than the limits allow, the rest is told once more.
    pub fn of(kept: Kept, limits: Limits) -> Self {
        let pairs = kept.delivered.into_iter().flat_map(|(subject, causes)| {
            causes.into_iter().map(move |cause| Pair { subject: subject.clone(), cause })
        });
        let mut ledger = Self::new(limits);
        ledger.delivered = pairs.take(limits.raised).collect();
        ledger.dropped = kept.dropped;
        ledger
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(pairs: impl IntoIterator<Item = (String, String)>) -> Ledger {
        let mut ledger = Ledger::new(Limits::default());
        ledger.delivered = pairs.into_iter().map(|(subject, cause)| Pair { subject, cause }).collect();
        ledger
    }

    #[test]
    fn a_ledger_goes_both_ways() {
        let pairs = [("10-0050", "blank"), ("10-0050", "x"), ("file:a b%\"", "größe\r"), ("/system", "x")];
        let mut ledger = delivered(pairs.map(|(subject, cause)| (subject.to_owned(), cause.to_owned())));
        ledger.dropped = 7;
        let text = durable_state::encode(&ledger.kept()).unwrap();
        assert!(text.contains(" 10-0050 = [\"blank\", \"x\"],"), "{text}");
        let kept = durable_state::decode(text.as_bytes()).unwrap();
        assert_eq!(Ledger::of(kept, Limits::default()), ledger);
    }

    #[test]
    fn a_file_cannot_fill_the_memory() {
        let ledger = delivered((0..1_000).map(|number| (number.to_string(), "x".to_owned())));
        let limits = Limits { raised: 10, pending: 10 };
        assert_eq!(Ledger::of(ledger.kept(), limits).delivered.len(), 10);
    }
}
