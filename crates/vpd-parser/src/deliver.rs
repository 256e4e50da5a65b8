//! Handing a publication to the inventory, and a report to whoever collects.

use anyhow::Context as _;
use dbus_api::call::CallError;
use dbus_api::inventory::manager::{self, Manner, Refusal};
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
/// of a damaged image, once it is published.
///
/// Errors: marked [`Exit::PeerUnavailable`] when there is no bus or no inventory; the report is
/// delivered all the same.
pub(crate) async fn deliver(
    publication: &Publication<'_>,
    report: &mut Report,
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
    // The connection's own limit counts from when a call is sent; a bus that reads nothing never gets there.
    let publishing =
        tokio::time::timeout(PUBLISH_LIMIT, publish(&connection, &report.key, &publication.notification));
    let outcome = publishing.await.unwrap_or(Err(CallError::TimedOut { destination: manager::BUS_NAME }));
    report.inventory = match &outcome {
        Ok(refused) if refused.is_empty() => InventoryAnswer::Published,
        Ok(refused) if refused.len() < publication.notification.objects.len() => InventoryAnswer::Partly,
        Ok(_) => InventoryAnswer::Refused,
        Err(_) => InventoryAnswer::Unreachable,
    };
    if let Ok(refused) = &outcome {
        add_reason(report, refused);
    }
    report.finished = now();
    hand_in(&connection, report, &image()).await;
    let refused = outcome.context("cannot publish").context(Exit::PeerUnavailable)?;
    Ok(if refused.is_empty() { Delivery::Published } else { Delivery::Refused })
}

/// Says in the report which objects are not in the inventory, and why the first of them is not.
fn add_reason(report: &mut Report, refused: &[Refusal]) {
    const SHOWN: usize = 8;
    let Some(first) = refused.first() else { return };
    let mut paths: Vec<&str> =
        refused.iter().take(SHOWN).filter_map(|refusal| refusal.object.as_deref()).collect();
    if refused.len() > SHOWN {
        paths.push("…");
    }
    if !report.reason.is_empty() {
        report.reason.push_str("; ");
    }
    report.reason.push_str(&format!("not in the inventory: {}: {}", paths.join(" "), first.cause));
}

/// The objects that the inventory did not take. Errors: it could not be reached, or fell silent.
async fn publish(
    connection: &Connection,
    key: &str,
    notification: &Notification<'_>,
) -> Result<Vec<Refusal>, CallError> {
    let manner = Manner::default();
    let mut refusals = manager::notify_or_each(connection, notification, &manner, tokio::time::sleep).await?;
    for Refusal { object, cause } in &refusals {
        match object {
            None => log::warn!(
                "the inventory did not take the whole, so it was sent object by object fru={key}: {cause}"
            ),
            Some(object) => {
                log::error!("the inventory did not take an object fru={key} object={object}: {cause}")
            }
        }
    }
    refusals.retain(|refusal| refusal.object.is_some());
    Ok(refusals)
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
