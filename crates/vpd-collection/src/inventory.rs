//! Telling the inventory what no parser can: that a FRU is absent, and what an earlier part left.

use crate::collection::{Extent, Power};
use anyhow::{Context as _, bail};
use dbus_api::inventory::manager::{self, Cause, Manner, Refusal};
use dbus_api::inventory::notification::Notification;
use dbus_api::inventory::shown;
use dbus_api::inventory::{AVAILABILITY, ENABLE, OPERATIONAL_STATUS};
use dbus_api::vpd::collection::{Outcome, Report};
use fru_publication::{
    Chassis, Fragment, Reading, Role, Shown, Situation, Times, add_leftovers, add_missing_states, departed,
    publish,
};
use std::collections::BTreeSet;
use std::path::Path;
use zbus::Connection;

/// The inventory on the bus.
#[derive(Debug)]
pub struct Inventory {
    /// The bus.
    pub connection: Connection,
    /// Whether it is our own, as the system's index says.
    pub is_own: bool,
    /// How it takes calls, as far as that is known.
    pub manner: Manner,
}

/// Publishes the absence of a FRU, or empties what the part of a report does not fill and adds the states that its
/// objects lack.
pub async fn tidy(
    inventory: &Inventory,
    fragment: &Path,
    report: Option<&Report>,
    role: Role,
    power: Power,
) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(fragment).with_context(|| format!("cannot read {}", fragment.display()))?;
    let fragment = Fragment::parse(&text).with_context(|| fragment.display().to_string())?;
    let paths: Vec<&String> = fragment.object.iter().map(|object| &object.path).collect();
    let shown = all_shown(&inventory.connection, &paths).await?;
    let usable: BTreeSet<String> = report.map(usable_records).unwrap_or_default();
    let (mut notification, situation) = match report {
        None => (publish(&fragment, Reading::Absent, Times::default()).notification, Situation::Absent),
        Some(report) => {
            let situation =
                Situation::Collected { format: &report.format, usable: &usable, excluded: &report.excluded };
            (Notification::default(), situation)
        }
    };
    add_leftovers(&mut notification, &fragment, situation, &shown);
    if report.is_some() {
        add_missing_states(&mut notification, &fragment, role, chassis(power), &shown);
    }
    tell(inventory, &notification).await
}

/// Tells the inventory, with one call, of the objects of these EEPROMs that it lacks, and of nothing that it has.
pub async fn prime(
    inventory: &Inventory,
    fragments: &Path,
    wanted: &[(String, Extent)],
    systems: &BTreeSet<String>,
    power: Power,
) -> anyhow::Result<()> {
    let chassis = chassis(power);
    let mut read = Vec::new();
    for (key, extent) in wanted {
        let path = fragments.join(format!("{key}.toml"));
        match std::fs::read_to_string(&path).map(|text| Fragment::parse(&text)) {
            Ok(Ok(fragment)) => read.push((key, *extent, fragment)),
            Ok(Err(error)) => {
                log::error!("its objects are not primed: {}: {error} fru={key}", path.display())
            }
            Err(error) => log::error!("its objects are not primed: {}: {error} fru={key}", path.display()),
        }
    }
    let objects = read.iter().flat_map(|(_, _, fragment)| &fragment.object);
    let objects: BTreeSet<&str> = objects.map(|object| &*object.path).collect();
    let names = shown::names(&inventory.connection, &objects).await?;
    let shows = |path: &str, name: &str| names.get(path).is_some_and(|names| names.contains(name));
    let mut notification = Notification::default();
    for (key, extent, fragment) in &read {
        let role = if systems.contains(*key) { Role::System } else { Role::Part };
        let mut objects = fru_publication::prime(fragment, role, chassis, &shows).objects;
        if *extent == Extent::States {
            let is_state = |name: &str| matches!(name, OPERATIONAL_STATUS | ENABLE | AVAILABILITY);
            objects
                .iter_mut()
                .for_each(|object| object.interfaces.retain(|interface| is_state(&interface.name)));
            objects.retain(|object| !object.interfaces.is_empty());
            // Objects that are not primed had their states when their EEPROM was read, if the power was known by then.
            let mut late = Notification { objects };
            add_missing_states(&mut late, fragment, role, chassis, &shown_by(&names, fragment));
            objects = late.objects;
        }
        notification.objects.append(&mut objects);
    }
    notification.sort_objects();
    log::info!("objects that the inventory lacked: {}", notification.objects.len());
    tell(inventory, &notification).await
}

/// Which interfaces a fragment's objects have, without their properties.
fn shown_by(names: &shown::Names, fragment: &Fragment) -> Shown {
    let mut shown = Shown::new();
    for object in &fragment.object {
        if let Some(names) = names.get(&object.path) {
            let interfaces = shown.entry(object.path.clone()).or_default();
            interfaces.extend(names.iter().map(|name| (name.clone(), Default::default())));
        }
    }
    shown
}

/// What is in between, or unknown, counts as on.
fn chassis(power: Power) -> Chassis {
    if power == Power::Off { Chassis::Off } else { Chassis::On }
}

/// Puts objects that no part of the machine has any more where a part that was never there is.
pub async fn retire(inventory: &Inventory, paths: &BTreeSet<String>) -> anyhow::Result<()> {
    let paths: Vec<&String> = paths.iter().collect();
    let shown = all_shown(&inventory.connection, &paths).await?;
    let objects = shown.iter().map(|(path, interfaces)| departed(path, interfaces, inventory.is_own));
    let objects = objects.collect();
    tell(inventory, &Notification { objects }).await
}

async fn tell(inventory: &Inventory, notification: &Notification<'_>) -> anyhow::Result<()> {
    if notification.objects.is_empty() {
        return Ok(());
    }
    let Inventory { connection, manner, .. } = inventory;
    let mut refused = Refused::default();
    let mut add = |refusal| refused.add(refusal, &mut |line| log::error!("{line}"));
    let told = manager::notify_or_each(connection, notification, manner, tokio::time::sleep, &mut add).await;
    match (told, refused.summary()) {
        (told, None) => Ok(told?),
        (Ok(()), Some(summary)) => bail!(summary),
        (Err(error), Some(summary)) => Err(anyhow::Error::new(error).context(summary)),
    }
}

/// Objects that the inventory did not take; each is told as it becomes known, since the last may never have its answer.
#[derive(Debug, Default)]
struct Refused {
    first: Option<(String, Cause)>,
    count: usize,
}

impl Refused {
    /// So many have a line of their own: priming tells of all objects of a machine at once.
    const TOLD: usize = 64;

    fn add(&mut self, Refusal { object, cause }: Refusal, tell: &mut dyn FnMut(String)) {
        // The whole counts for nothing when its objects were taken one by one.
        let Some(object) = object else { return };
        self.count += 1;
        match self.count {
            ..=Self::TOLD => tell(format!("the inventory did not take an object: {cause} object={object}")),
            count if count == Self::TOLD + 1 => {
                tell("the inventory did not take further objects, which are only counted".to_owned())
            }
            _ => {}
        }
        self.first.get_or_insert((object, cause));
    }

    fn summary(&self) -> Option<String> {
        let (object, cause) = self.first.as_ref()?;
        Some(match self.count {
            ..=1 => format!("the inventory did not take {object}: {cause}"),
            count => format!("the inventory did not take {object} and {} more: {cause}", count - 1),
        })
    }
}

/// The interfaces that the inventory has for these objects.
async fn all_shown(connection: &Connection, paths: &[&String]) -> anyhow::Result<Shown> {
    let mut shown = Shown::new();
    for path in paths {
        if let Some(interfaces) = shown::interfaces(connection, path).await? {
            shown.insert((*path).clone(), interfaces);
        }
    }
    Ok(shown)
}

fn usable_records(report: &Report) -> BTreeSet<String> {
    let mut usable = BTreeSet::new();
    let records = report.records.iter();
    let records = records.filter(|record| !matches!(record.outcome, Outcome::Bad | Outcome::Skipped));
    usable.extend(records.map(|record| record.name.clone()));
    usable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_that_was_not_taken_has_its_line_and_many_are_counted() {
        let (mut refused, mut lines) = (Refused::default(), Vec::new());
        let mut add = |object: Option<String>| {
            refused.add(Refusal { object, cause: Cause::Dropped }, &mut |line| lines.push(line));
        };
        add(None);
        (0..100).for_each(|number| add(Some(format!("/o{number}"))));
        assert_eq!(lines.len(), Refused::TOLD + 1);
        assert!(lines[1].contains("dropped the call") && lines[1].ends_with("object=/o1"), "{lines:?}");
        assert!(
            refused.summary().unwrap().starts_with("the inventory did not take /o0 and 99 more: the manager")
        );
        assert_eq!(Refused::default().summary(), None);
    }
}
