use crate::{Event, Ledger, Limits, Pair};
use dbus_api::logging::Severity;
use durable_state::Document;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a restart must know of a [`Ledger`]: what was delivered, and what has happened and was not. Faults that are pending
/// are not in it: they are still wrong after the restart, or they are not.
///
/// Shape: `dropped = COUNT`; in `delivered` for each subject its causes, `{ 10-0050 = ["blank"] }`; in `happening` a table
/// for each.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// How often an event found no room.
    dropped: u64,
    /// Causes by subject.
    #[serde(default)]
    delivered: BTreeMap<String, BTreeSet<String>>,
    /// In their order.
    #[serde(default, rename = "happening", skip_serializing_if = "Vec::is_empty")]
    happenings: Vec<Happening>,
}

/// An [`Event`] that has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Happening {
    subject: String,
    cause: String,
    id: String,
    severity: String,
    #[serde(default)]
    data: BTreeMap<String, String>,
}

impl Happening {
    fn of(event: &Event) -> Self {
        Self {
            subject: event.pair.subject.clone(),
            cause: event.pair.cause.clone(),
            id: event.id.to_string(),
            severity: event.severity.as_str().to_owned(),
            data: event.data.clone(),
        }
    }

    fn event(self) -> Event {
        let severity = Severity::ALL.into_iter().find(|severity| severity.as_str() == self.severity);
        let event = Event::new(self.subject, self.cause, self.id, severity.unwrap_or(Severity::Error));
        Event { data: self.data, ..event }
    }
}

impl Document for Kept {
    const FORMAT: u32 = 1;
    /// Every text at its longest, and four bytes for each character: 8 MiB of pairs, 17 MiB of happenings.
    const LONGEST: u64 = 32 << 20;
}

impl Ledger {
    /// What a restart must know.
    pub fn kept(&self) -> Kept {
        let mut delivered = BTreeMap::<String, BTreeSet<String>>::new();
        for Pair { subject, cause } in &self.delivered {
            delivered.entry(subject.clone()).or_default().insert(cause.clone());
        }
        let lasting = self.happenings().filter(|event| event.told_within.is_none());
        Kept { dropped: self.dropped, delivered, happenings: lasting.map(Happening::of).collect() }
    }

    /// The ledger of which something was kept. Of more than the limits allow, the rest is told once more.
    pub fn of(kept: Kept, limits: Limits) -> Self {
        let pairs = kept.delivered.into_iter().flat_map(|(subject, causes)| {
            causes.into_iter().map(move |cause| Pair { subject: subject.clone(), cause })
        });
        let mut ledger = Self::new(limits);
        ledger.delivered.extend(pairs.take(limits.raised));
        ledger.dropped = kept.dropped;
        ledger.happenings =
            // One more than the limit: what was refused while as many others waited.
            kept.happenings.into_iter().take(limits.happenings + 1).map(|kept| kept.event().into()).collect();
        ledger
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

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
        ledger.happened(
            Event::new("a", "done", "a.Id", Severity::Notice).with("K", "two\nlines"),
            Duration::ZERO,
        );
        let text = durable_state::encode(&ledger.kept()).unwrap();
        assert!(text.contains(" 10-0050 = [\"blank\", \"x\"],"), "{text}");
        let kept = durable_state::decode(text.as_bytes()).unwrap();
        assert_eq!(Ledger::of(kept, Limits::default()), ledger);
    }

    #[test]
    fn a_file_cannot_fill_the_memory() {
        let ledger = delivered((0..1_000).map(|number| (number.to_string(), "x".to_owned())));
        let mut ledger = ledger;
        for _ in 0..64 {
            assert!(ledger.happened(Event::new("a", "done", "a.Id", Severity::Notice), Duration::ZERO));
        }
        let limits = Limits { raised: 10, pending: 10, happenings: 10 };
        let limited = Ledger::of(ledger.kept(), limits);
        assert_eq!((limited.delivered.len(), limited.happenings().count()), (10, 11));
    }
}
