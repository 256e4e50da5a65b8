//! What other services are asked, each in a task of its own: none of them may keep the service from listening.

use crate::job::Comparison;
use crate::known::Known;
use crate::reading::{Values, differences};
use crate::refusal::{Cause, Refusal};
use crate::request::Collect;
use dbus_api::call::CallError;
use dbus_api::inventory::{manager, records};
use dbus_api::vpd::collection::{self, Outcome};
use dbus_api::vpd::writer::{Copy, CopyState};
use fru_publication::{Fragment, PublishedRecords};
use std::collections::BTreeMap;
use std::time::Duration;
use zbus::Connection;

/// Longest wait of a caller for another service.
const LIMIT: Duration = Duration::from_secs(10);

/// The answer of a peer, if it comes in time.
pub async fn in_time<T>(
    destination: &'static str,
    answer: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    tokio::time::timeout(LIMIT, answer).await.unwrap_or(Err(CallError::TimedOut { destination }))
}

/// What a peer's answer means for our own caller: its own refusals are handed on, its silence means that it is tried later.
fn refusal(error: CallError) -> Refusal {
    let cause = match &error {
        CallError::Refused { name, .. } => {
            let known = Cause::ALL.into_iter().find(|cause| cause.bus_name() == name);
            known.unwrap_or(Cause::Internal)
        }
        _ => Cause::Unavailable,
    };
    match error {
        CallError::Refused { text, .. } if !text.is_empty() => cause.because(text),
        error => cause.because(error.to_string()),
    }
}

/// Has EEPROMs collected anew, or parts taken out.
///
/// Errors: as [`Known::find`]; those of the collection service; [`Cause::Unavailable`] when nothing would follow.
pub async fn collect(connection: &Connection, known: &Known, wish: Collect) -> Result<(), Refusal> {
    match wish {
        Collect::One(path) => {
            let key = known.find(&path)?.key;
            in_time(collection::BUS_NAME, collection::recollect(connection, &[key.to_string()]))
                .await
                .map(drop)
                .map_err(refusal)
        }
        Collect::Remove(path) => {
            let key = known.find(&path)?.key;
            in_time(collection::BUS_NAME, collection::remove(connection, &[key.to_string()]))
                .await
                .map(drop)
                .map_err(refusal)
        }
        Collect::All => in_time(collection::BUS_NAME, collection::recollect(connection, &[]))
            .await
            .map(drop)
            .map_err(refusal),
        Collect::Replaceable => {
            let mut refusals = Refusals::default();
            for key in known.replaceable() {
                refusals.heed(
                    in_time(collection::BUS_NAME, collection::recollect(connection, &[key.to_string()]))
                        .await
                        .map(drop),
                );
            }
            refusals.conclude()
        }
        Collect::RemoveAll => {
            let mut refusals = Refusals::default();
            for key in known.removable() {
                refusals.heed(
                    in_time(collection::BUS_NAME, collection::remove(connection, &[key.to_string()]))
                        .await
                        .map(drop),
                );
            }
            refusals.conclude()
        }
    }
}

/// What came of asking for one after another.
#[derive(Default)]
struct Refusals {
    was_done: bool,
    /// The one that says most: an EEPROM that is absent is what many are.
    worst: Option<Refusal>,
}

impl Refusals {
    fn heed(&mut self, answer: Result<(), CallError>) {
        match answer.map_err(refusal) {
            Ok(()) => self.was_done = true,
            Err(refusal) => {
                log::info!("passed over: {refusal}");
                let says_more = |worst: &Refusal| worst.cause == Cause::Unavailable;
                if self.worst.as_ref().is_none_or(says_more) {
                    self.worst = Some(refusal);
                }
            }
        }
    }

    /// Success if anything was begun; else the reason.
    fn conclude(self) -> Result<(), Refusal> {
        match self.worst {
            Some(refusal) if !self.was_done => Err(refusal),
            _ => Ok(()),
        }
    }
}

/// Adds to a comparison how the inventory shows the EEPROM.
pub async fn compare_inventory(
    connection: &Connection,
    fragment: &Fragment,
    mut comparison: Comparison,
) -> Comparison {
    let copy = Copy::Inventory;
    if comparison.says.is_empty() {
        let reason = "the EEPROM says nothing that it could be compared with".to_owned();
        comparison.copies.push(CopyState { copy, outcome: Outcome::Unreadable, reason });
        return comparison;
    }
    let shown = in_time(manager::BUS_NAME, shown(connection, fragment, &comparison.says)).await;
    let (outcome, reason, shown) = match shown {
        Ok(Some(shown)) => (Outcome::Ok, String::new(), shown),
        Ok(None) => (Outcome::Absent, "the inventory shows no record of it".to_owned(), Values::new()),
        Err(error) => (Outcome::Unreadable, error.to_string(), Values::new()),
    };
    if outcome == Outcome::Ok {
        // What the inventory has no property for is not missing there.
        let mut says = comparison.says.clone();
        says.retain(|record, _| shown.contains_key(record));
        for (record, keywords) in &mut says {
            let known: Vec<_> = records::properties_of(record).into_iter().flatten().collect();
            keywords.retain(|keyword, _| known.contains(&&*records::property_of(keyword)));
        }
        let named = by_property(&says);
        for mut difference in differences(copy, &named, &shown) {
            if let Some(keyword) = difference.keyword.strip_prefix("PD_") {
                difference.keyword = format!("#{keyword}");
            } else if let Some(keyword) = difference.keyword.strip_prefix("N_") {
                difference.keyword = keyword.to_owned();
            }
            // A property that the EEPROM has no keyword for is empty.
            if !(difference.ours.is_empty() && difference.theirs.is_empty()) {
                comparison.differences.push(difference);
            }
        }
    }
    comparison.copies.push(CopyState { copy, outcome, reason });
    comparison
}

fn by_property(says: &Values) -> Values {
    let renamed = |keywords: &BTreeMap<String, Vec<u8>>| {
        let named = keywords.iter();
        named.map(|(name, value)| (records::property_of(name).into_owned(), value.clone())).collect()
    };
    says.iter().map(|(record, keywords)| (record.clone(), renamed(keywords))).collect()
}

/// The records of an EEPROM as its first object shows them, by property; `None` when it shows none.
async fn shown(
    connection: &Connection,
    fragment: &Fragment,
    says: &Values,
) -> Result<Option<Values>, CallError> {
    let mut found = Values::new();
    for object in fragment.object.iter().filter(|object| !object.foreign) {
        for record in says.keys().filter(|record| publishes(&object.records, record)) {
            if found.contains_key(record) {
                continue;
            }
            if let Some(values) = records::shown(connection, &object.path, record).await? {
                found.insert(record.clone(), values);
            }
        }
    }
    Ok((!found.is_empty()).then_some(found))
}

fn publishes(published: &PublishedRecords, record: &str) -> bool {
    let is_in = |names: &[vpd_format::RecordName]| names.iter().any(|name| name.to_string() == record);
    match published {
        PublishedRecords::All => true,
        PublishedRecords::None => false,
        PublishedRecords::Only(names) => is_in(names),
        PublishedRecords::AllBut(names) => !is_in(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str) -> CallError {
        CallError::Refused { destination: "a.B", name: name.to_owned(), text: "why".to_owned() }
    }

    #[test]
    fn a_peers_refusal_is_handed_on_and_its_silence_is_none_of_the_callers() {
        for (error, cause) in [
            (refused("xyz.openbmc_project.Common.Error.NotAllowed"), Cause::NotAllowed),
            (refused("xyz.openbmc_project.Common.Error.Unavailable"), Cause::Unavailable),
            (refused("a.B.Other"), Cause::Internal),
            (CallError::Absent { destination: "a.B" }, Cause::Unavailable),
            (CallError::TimedOut { destination: "a.B" }, Cause::Unavailable),
        ] {
            assert_eq!(refusal(error).cause, cause);
        }
    }

    #[test]
    fn of_many_it_is_told_only_that_nothing_was_done_and_the_reason_that_says_most() {
        let conclude = |answers: Vec<Result<(), CallError>>| {
            let mut refusals = Refusals::default();
            answers.into_iter().for_each(|answer| refusals.heed(answer));
            refusals.conclude().map_err(|refusal| refusal.cause)
        };
        let absent = || Err(refused("xyz.openbmc_project.Common.Error.Unavailable"));
        let host_runs = || Err(refused("xyz.openbmc_project.Common.Error.NotAllowed"));
        assert_eq!(conclude(vec![]), Ok(()));
        assert_eq!(conclude(vec![absent(), Ok(()), host_runs()]), Ok(()));
        assert_eq!(conclude(vec![absent(), absent()]), Err(Cause::Unavailable));
        assert_eq!(conclude(vec![absent(), host_runs(), absent()]), Err(Cause::NotAllowed));
    }
}
