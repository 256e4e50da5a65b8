use crate::fragment::{Fragment, Interfaces, ObjectFragment, Presence, PublishedRecords, Source};
use crate::leftovers::{Shown, merge};
use crate::progress;
use crate::publish::Times;
use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::{progress_status, property};
use std::borrow::Cow;

/// Whether the chassis has power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chassis {
    /// It has none.
    Off,
    /// It has, or nobody knows.
    On,
}

/// Which EEPROM is primed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It says what system this is; it is there, or there would be no machine.
    System,
    /// Any other.
    Part,
}

/// What an EEPROM's objects are to show before it is read: that they exist, and nothing of their data.
///
/// Only interfaces that the inventory lacks, as `shows` says of a relative path and an interface; what it has, it has
/// from an earlier boot or from other software. Objects for one variant of the part, and those that the fragment
/// excepts, are not created before it is known that they are there.
///
/// Source: the priming of openpower-vpd-parser.
pub fn prime<'a>(
    fragment: &'a Fragment,
    role: Role,
    chassis: Chassis,
    shows: &dyn Fn(&str, &str) -> bool,
) -> Notification<'a> {
    let mut notification = Notification::default();
    for (index, object) in fragment.object.iter().enumerate() {
        if !object.prime || !object.ccin.is_empty() {
            continue;
        }
        let mut target = Object { path: Cow::Borrowed(&object.path), interfaces: Vec::new() };
        if object.common.unwrap_or(object.records == PublishedRecords::All) {
            add_given(&fragment.common, &mut target);
        }
        add_given(&object.interfaces, &mut target);
        add_states(object, role, chassis, &mut target);
        if index == 0 && role == Role::Part {
            let are_carried = progress::are_carried(fragment.own_inventory, usize::BITS);
            progress::set(&mut target, progress_status::NOT_STARTED, are_carried.then(Times::default));
        }
        target.interfaces.retain(|interface| !shows(&object.path, &interface.name));
        if !target.interfaces.is_empty() {
            target.sort_interfaces();
            notification.objects.push(target);
        }
    }
    notification.sort_objects();
    notification
}

/// Adds the states that objects lack which were not primed, once the inventory has them: of one variant of the part, or
/// excepted from priming. As [`prime`], it adds nothing to what the inventory has.
pub fn add_missing_states<'a>(
    notification: &mut Notification<'a>,
    fragment: &'a Fragment,
    role: Role,
    chassis: Chassis,
    shown: &Shown,
) {
    for object in fragment.object.iter().filter(|object| !object.prime || !object.ccin.is_empty()) {
        let Some(interfaces) = shown.get(&object.path) else { continue };
        let mut states = Object { path: Cow::Borrowed(&object.path), interfaces: Vec::new() };
        if chassis == Chassis::Off {
            states.set(&property::FUNCTIONAL, true);
            states.set(&property::ENABLED, true);
        }
        if role == Role::System {
            states.set(&property::AVAILABLE, false);
        }
        states.interfaces.retain(|interface| !interfaces.contains_key(&*interface.name));
        merge(notification, states);
    }
}

/// What the fragment itself gives; an interface of which it gives nothing comes with the reading.
fn add_given<'a>(interfaces: &'a Interfaces, target: &mut Object<'a>) {
    for (name, properties) in interfaces {
        let mut given = properties
            .iter()
            .filter_map(|(property, source)| Some((property, given(name, property, source)?)))
            .peekable();
        if given.peek().is_none() && !properties.is_empty() {
            continue;
        }
        let interface = target.interface(name.as_str());
        given.for_each(|(property, value)| interface.set(property.as_str(), value));
    }
}

fn given<'a>(interface: &str, property: &str, source: &'a Source) -> Option<Value<'a>> {
    Some(match source {
        Source::Bool(value) => Value::Bool(*value),
        Source::Number(value) => property::number(interface, property, *value),
        Source::Text(value) => Value::Text(Cow::Borrowed(value)),
        Source::Bytes(value) => Value::Bytes(Cow::Borrowed(value)),
        Source::Keyword(_) => return None,
    })
}

fn add_states(object: &ObjectFragment, role: Role, chassis: Chassis, target: &mut Object<'_>) {
    let is_ours = object.presence != Presence::LeftAlone && !object.foreign;
    if is_ours && role == Role::Part {
        target.set(&property::PRESENT, false);
    }
    // While the chassis has power, those who watch over the parts know better than we do.
    if chassis == Chassis::Off {
        target.set(&property::FUNCTIONAL, true);
        target.set(&property::ENABLED, true);
    }
    target.set(&property::AVAILABLE, false);
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbus_api::inventory::{AVAILABILITY, ENABLE, ITEM, OPERATIONAL_STATUS};

    const FRAGMENT: &str = r#"
[common."xyz.openbmc_project.Inventory.Decorator.Asset"]
SerialNumber = { record = "VINI", keyword = "SN" }
[[object]]
path = "/system/card"
records = "all"
[object.interfaces."xyz.openbmc_project.Inventory.Item"]
PrettyName = "Card"
[object.interfaces."a.Marker"]
[[object]]
path = "/system/card/drive"
presence = "cleared"
[[object]]
path = "/system/card/fan"
foreign = true
[[object]]
path = "/system/card/plain"
presence = "left-alone"
[[object]]
path = "/system/card/late"
prime = false
[[object]]
path = "/system/card/variant"
ccin = ["2CE2"]
"#;

    fn primed(role: Role, chassis: Chassis, shown: &[(&str, &str)]) -> Vec<String> {
        let fragment = Fragment::parse(FRAGMENT).unwrap();
        let notification = prime(&fragment, role, chassis, &|path, name| shown.contains(&(path, name)));
        let mut lines = Vec::new();
        for object in &notification.objects {
            for interface in &object.interfaces {
                let name = interface.name.rsplit('.').next().unwrap();
                let values = interface.properties.iter().map(|(name, value)| format!("{name}={value:?}"));
                lines.push(format!("{} {name} {}", object.path, values.collect::<Vec<_>>().join(" ")));
            }
        }
        lines
    }

    #[test]
    fn objects_exist_before_they_are_read_and_say_nothing_of_their_data() {
        let progress = format!(
            "/system/card Progress Status=Text({:?}) StartTime=Unsigned(0) CompletedTime=Unsigned(0)",
            progress_status::NOT_STARTED
        );
        let states = |path: &str| {
            [
                "OperationalStatus Functional=Bool(true)",
                "Enable Enabled=Bool(true)",
                "Availability Available=Bool(false)",
            ]
            .map(|state| format!("/system/card{path} {state}"))
        };
        let mut expected = vec![
            "/system/card Marker ".to_owned(),
            progress,
            "/system/card Item PrettyName=Text(\"Card\") Present=Bool(false)".to_owned(),
            "/system/card/drive Item Present=Bool(false)".to_owned(),
        ];
        expected.extend(["", "/drive", "/fan", "/plain"].iter().flat_map(|path| states(path)));
        let mut found = primed(Role::Part, Chassis::Off, &[]);
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_the_inventory_has_is_not_touched() {
        let item = ("/system/card", ITEM);
        let found = primed(Role::Part, Chassis::Off, &[item]);
        assert!(!found.iter().any(|line| line.starts_with("/system/card Item")), "{found:?}");
        assert!(found.iter().any(|line| line.starts_with("/system/card Progress")), "{found:?}");
    }

    #[test]
    fn what_was_not_primed_gets_its_states_once_it_is_there_and_only_what_it_lacks() {
        let fragment = Fragment::parse(FRAGMENT).unwrap();
        let with = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        let shown = Shown::from([
            ("/system/card".to_owned(), with(&[])),
            ("/system/card/late".to_owned(), with(&[ENABLE])),
        ]);
        let states = |role, chassis| {
            let mut notification = Notification::default();
            add_missing_states(&mut notification, &fragment, role, chassis, &shown);
            let names = |object: &Object<'_>| {
                object
                    .interfaces
                    .iter()
                    .map(|interface| format!("{} {}", object.path, interface.name))
                    .collect::<Vec<_>>()
            };
            notification.objects.iter().flat_map(names).collect::<Vec<_>>()
        };
        assert_eq!(states(Role::Part, Chassis::Off), [format!("/system/card/late {OPERATIONAL_STATUS}")]);
        assert_eq!(states(Role::System, Chassis::On), [format!("/system/card/late {AVAILABILITY}")]);
        assert_eq!(states(Role::Part, Chassis::On), [""; 0]);
    }

    #[test]
    fn with_power_on_nothing_is_said_to_be_functional() {
        let found = primed(Role::Part, Chassis::On, &[]);
        assert!(
            !found.iter().any(|line| line.contains("Functional") || line.contains("Enabled")),
            "{found:?}"
        );
        assert!(found.iter().any(|line| line.contains("Available=Bool(false)")), "{found:?}");
    }

    #[test]
    fn the_system_is_never_said_to_be_absent() {
        let found = primed(Role::System, Chassis::Off, &[]);
        assert!(
            !found.iter().any(|line| line.contains("Present=") || line.contains("Progress")),
            "{found:?}"
        );
        assert!(found.iter().any(|line| line.starts_with("/system/card Item PrettyName")), "{found:?}");
    }
}
