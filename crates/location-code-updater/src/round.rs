//! One look at the inventory, and what it takes to put it right.

use crate::codes::{Codes, Plan};
use dbus_api::call::CallError;
use dbus_api::inventory::manager::{self, Manner, Refusal};
use dbus_api::inventory::notification::{Notification, Object};
use dbus_api::inventory::{located, property};
use std::time::Duration;
use zbus::Connection;

/// Longest wait for an answer of the inventory, which writes files while it is called; queueing included.
pub const CALL_LIMIT: Duration = Duration::from_secs(60);

/// What came of a round.
#[derive(Debug)]
pub struct Done {
    /// What the inventory should show.
    pub codes: Codes,
    /// How many objects the inventory refused.
    pub refused: usize,
}

/// Reads the inventory and publishes what it shows otherwise, in one call unless that is refused or dropped.
///
/// Errors: as [`manager::notify`], but for refusals of single objects.
pub async fn perform(connection: &Connection, plan: &Plan, manner: &Manner) -> Result<Done, CallError> {
    let codes = plan.work_out(&located::located(connection, &plan.objects()).await?);
    if codes.is_shown() {
        return Ok(Done { codes, refused: 0 });
    }
    let mut refused = 0;
    // Told as it comes: the round may end before the last object has its answer.
    let mut tell = |Refusal { object, cause }: Refusal| {
        // The whole counts for nothing when its objects were taken one by one.
        let Some(object) = object else { return };
        refused += 1;
        log::warn!("the inventory did not take a location code: {cause} object={object}");
    };
    let (notification, pause) = (notification(&codes), tokio::time::sleep);
    manager::notify_or_each(connection, &notification, manner, pause, &mut tell).await?;
    log::info!("location codes are published count={}", codes.different.len().saturating_sub(refused));
    if let Some((object, tag)) = codes.asset_tag.as_ref().filter(|_| refused == 0) {
        log::info!("the system had no asset tag, it was given one tag={tag} object={object}");
    }
    Ok(Done { codes, refused })
}

fn notification(codes: &Codes) -> Notification<'_> {
    let object = |(path, code): &'_ (String, String)| {
        let mut object = Object { path: path.clone().into(), interfaces: Vec::new() };
        object.set(&property::LOCATION_CODE, code.clone().into());
        object
    };
    let mut objects: Vec<Object<'_>> = codes.different.iter().map(object).collect();
    if let Some((path, tag)) = &codes.asset_tag {
        let known = objects.iter().position(|object| object.path == *path);
        let index = known.unwrap_or_else(|| {
            objects.push(Object { path: path.clone().into(), interfaces: Vec::new() });
            objects.len() - 1
        });
        if let Some(object) = objects.get_mut(index) {
            object.set(&property::ASSET_TAG, tag.clone().into());
        }
    }
    Notification { objects }
}
