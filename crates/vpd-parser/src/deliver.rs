//! Handing a publication to the inventory, and a report to whoever collects.

use crate::collect::Locks;
use anyhow::Context as _;
use dbus_api::call::CallError;
use dbus_api::inventory::manager::{self, Cause, Manner, Refusal};
use dbus_api::inventory::notification::Notification;
use dbus_api::vpd::collection::{self, InventoryAnswer, Report};
use fru_publication::Publication;
use service_runtime::{Exit, bus};
use std::time::Duration;
use zbus::Connection;

/// Longest wait for the inventory, all calls together: it writes to flash inside them, and callers queue.
const PUBLISH_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for the collection service.
const REPORT_LIMIT: Duration = Duration::from_secs(10);

/// What the inventory made of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It took all of it.
    Published,
    /// It refused at least one object.
    Refused,
}

/// Publishes with one call, or object by object where that is refused, and reports; `image` gives what is to be kept
/// of a damaged image, once it is published. The EEPROMs stay locked until the inventory has answered, or is waited for no
/// longer: what is written after that is read and published by a later run.
///
/// Errors: marked [`Exit::PeerUnavailable`] when there is no bus or no inventory; the report is
/// delivered all the same.
pub(crate) async fn deliver(
    publication: &Publication<'_>,
    report: &mut Report,
    locks: Locks,
    image: impl FnOnce() -> Vec<u8>,
    now: fn() -> i64,
) -> anyhow::Result<Delivery> {
    let connection = match bus::connect(PUBLISH_LIMIT, &bus::Accepts::SHORT).await {
        Ok(connection) => connection,
        Err(error) => {
            report.inventory = InventoryAnswer::Unreachable;
            print(report);
            return Err(error);
        }
    };
    // What is known when the time is over stays known.
    let mut refused = Refused::default();
    let publishing = publish(&connection, &report.key, &publication.notification, &mut refused);
    // The connection's own limit counts from when a call is sent; a bus that reads nothing never gets there.
    let outcome = tokio::time::timeout(PUBLISH_LIMIT, publishing).await;
    let outcome = outcome.unwrap_or(Err(CallError::TimedOut { destination: manager::BUS_NAME }));
    drop(locks);
    report.inventory = refused.answer(&outcome, publication.notification.objects.len());
    if let Some(reason) = refused.reason(outcome.is_ok()) {
        add_reason(report, &reason);
    }
    report.finished = now();
    hand_in(&connection, report, &image()).await;
    outcome.context("cannot publish").context(Exit::PeerUnavailable)?;
    Ok(if refused.objects.is_empty() { Delivery::Published } else { Delivery::Refused })
}

/// Reports, where there is nothing to publish.
///
/// Errors: marked [`Exit::PeerUnavailable`] when there is no bus.
pub(crate) async fn report(report: &Report) -> anyhow::Result<()> {
    match bus::connect(REPORT_LIMIT, &bus::Accepts::SHORT).await {
        Ok(connection) => {
            hand_in(&connection, report, &[]).await;
            Ok(())
        }
        Err(error) => {
            print(report);
            Err(error)
        }
    }
}

fn add_reason(report: &mut Report, reason: &str) {
    if !report.reason.is_empty() {
        report.reason.push_str("; ");
    }
    report.reason.push_str(reason);
}

/// What the inventory did not take, as far as it is known.
#[derive(Debug, Default)]
struct Refused {
    /// Why it did not take the whole, if it did not.
    whole: Option<Cause>,
    objects: Vec<(String, Cause)>,
}

impl Refused {
    fn add(&mut self, Refusal { object, cause }: Refusal, key: &str) {
        match object {
            None => {
                log::warn!(
                    "the inventory did not take the whole, so it is sent object by object fru={key}: {cause}"
                );
                self.whole = Some(cause);
            }
            Some(object) => {
                log::error!("the inventory did not take an object fru={key} object={object}: {cause}");
                self.objects.push((object, cause));
            }
        }
    }

    /// What the report says that the inventory made of so many objects.
    fn answer(&self, outcome: &Result<(), CallError>, count: usize) -> InventoryAnswer {
        match outcome {
            Err(_) => InventoryAnswer::Unreachable,
            Ok(()) if self.objects.is_empty() => InventoryAnswer::Published,
            Ok(()) if self.objects.len() < count => InventoryAnswer::Partly,
            Ok(()) => InventoryAnswer::Refused,
        }
    }

    /// Which objects are not in the inventory, and why the first of them is not. Where the delivery did not end, that is what is
    /// known so far, be it of the whole only.
    fn reason(&self, is_ended: bool) -> Option<String> {
        const SHOWN: usize = 8;
        let so_far = if is_ended { "" } else { " when the time was over, or the inventory gone" };
        let Some((_, cause)) = self.objects.first() else {
            let cause = self.whole.as_ref().filter(|_| !is_ended)?;
            return Some(format!("not in the inventory as a whole{so_far}: {cause}"));
        };
        let mut paths: Vec<&str> = self.objects.iter().take(SHOWN).map(|(path, _)| path.as_str()).collect();
        if self.objects.len() > SHOWN {
            paths.push("…");
        }
        Some(format!("not in the inventory{so_far}: {}: {cause}", paths.join(" ")))
    }
}

/// Publishes; what the inventory does not take is told and added as it becomes known. Errors: it could not be reached, or fell
/// silent.
async fn publish(
    connection: &Connection,
    key: &str,
    notification: &Notification<'_>,
    refused: &mut Refused,
) -> Result<(), CallError> {
    let manner = Manner::default();
    let mut add = |refusal| refused.add(refusal, key);
    manager::notify_or_each(connection, notification, &manner, tokio::time::sleep, &mut add).await
}

/// When nobody collects, the report goes to standard output.
async fn hand_in(connection: &Connection, report: &Report, image: &[u8]) {
    let reporting = tokio::time::timeout(REPORT_LIMIT, collection::report(connection, report, image));
    let reported = reporting.await.unwrap_or(Err(CallError::TimedOut { destination: collection::BUS_NAME }));
    if let Err(error) = reported {
        if !matches!(error, CallError::Absent { .. }) {
            log::warn!("the collection service did not take the report: {error} fru={}", report.key);
        }
        print(report);
    }
}

/// The work is done by now; a report that cannot be printed does not undo it.
fn print(report: &Report) {
    let printed = crate::show::report(report).and_then(|line| service_runtime::print(&line));
    if let Err(error) = printed {
        log::warn!("the report cannot be printed: {error:#} fru={}", report.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_taken_is_named_also_when_the_time_is_over() {
        let (mut refused, error) = (Refused::default(), || Err(CallError::TimedOut { destination: "a.B" }));
        assert_eq!((refused.reason(true), refused.reason(false)), (None, None));
        assert_eq!(refused.answer(&Ok(()), 2), InventoryAnswer::Published);
        refused.add(Refusal { object: None, cause: Cause::Dropped }, "key");
        assert_eq!((refused.reason(true), refused.answer(&Ok(()), 2)), (None, InventoryAnswer::Published));
        let reason = refused.reason(false).unwrap();
        assert!(
            reason.starts_with("not in the inventory as a whole when") && reason.contains("dropped the call")
        );
        refused.add(Refusal { object: Some("/system/a".to_owned()), cause: Cause::Dropped }, "key");
        for is_ended in [true, false] {
            let reason = refused.reason(is_ended).unwrap();
            assert!(reason.contains(": /system/a: the manager dropped"), "{reason}");
        }
        assert_eq!(refused.answer(&error(), 2), InventoryAnswer::Unreachable);
        assert_eq!(refused.answer(&Ok(()), 2), InventoryAnswer::Partly);
        assert_eq!(refused.answer(&Ok(()), 1), InventoryAnswer::Refused);
    }
}
