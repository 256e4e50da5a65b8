//! What the object looks like on the bus: which methods and properties it has, described and served by hand, so that calls are
//! taken in the order in which they come.

use crate::collection::Shown;
use crate::refusal::{Cause, Refusal};
use dbus_api::inventory::PROGRESS;
use dbus_api::inventory::property::{COMPLETED_TIME, PROGRESS_STATUS, START_TIME};
use dbus_api::standard::introspection::{DOCTYPE, STANDARD};
use dbus_api::standard::{INTROSPECTABLE, PEER, PROPERTIES};
use dbus_api::vpd::manager::{self, PATH};
use dbus_api::vpd::writer;
use service_runtime::daemon::raw;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use zbus::message::Header;
use zbus::{Message, Variant};

/// An argument: its name and its type.
type Argument = (&'static str, &'static str);

/// A method: its interface, its name, what it takes and what it gives.
struct Method(&'static str, &'static str, &'static [Argument], &'static [Argument]);

const CODE: Argument = ("location_code", "s");
const NODE: Argument = ("node_number", "q");
const OBJECTS: Argument = ("inventory_list", "ao");
const OBJECT: Argument = ("inventory_path", "o");
const ANY_PATH: Argument = ("path", "s");
const VALUE: Argument = ("keyword_and_value", "v");
const BYTES: Argument = ("bytes_updated", "i");
const ANSWER: Argument = ("answer", "a{sv}");
const MANAGER: &str = manager::INTERFACE;

/// Every method of our interfaces.
const METHODS: [Method; 25] = [
    Method(
        MANAGER,
        manager::WRITE_KEYWORD,
        &[OBJECT, ("record", "s"), ("keyword", "s"), ("value", "ay")],
        &[BYTES],
    ),
    Method(MANAGER, manager::UPDATE_KEYWORD, &[ANY_PATH, VALUE], &[BYTES]),
    Method(MANAGER, manager::WRITE_KEYWORD_ON_HARDWARE, &[ANY_PATH, VALUE], &[BYTES]),
    Method(MANAGER, manager::READ_KEYWORD, &[ANY_PATH, ("keyword", "v")], &[("value", "v")]),
    Method(MANAGER, manager::GET_PARSED_VPD, &[ANY_PATH], &[("vpd", "v")]),
    Method(MANAGER, manager::VALIDATE_REDUNDANT, &[ANY_PATH], &[("agree", "b")]),
    Method(MANAGER, manager::GET_HARDWARE_PATH, &[OBJECT], &[("paths", "as")]),
    Method(MANAGER, manager::COLLECT_FRU_VPD, &[OBJECT], &[]),
    Method(MANAGER, manager::DELETE_FRU_VPD, &[OBJECT], &[]),
    Method(MANAGER, manager::DELETE_FRU_VPD_OLDER, &[OBJECT], &[]),
    Method(MANAGER, manager::PERFORM_VPD_RECOLLECTION, &[], &[]),
    Method(MANAGER, manager::COLLECT_ALL_FRU_VPD, &[], &[("begun", "b")]),
    Method(MANAGER, manager::DELETE_ALL_FRU_VPD, &[], &[]),
    Method(MANAGER, manager::GET_EXPANDED_LOCATION_CODE, &[CODE, NODE], &[("expanded", "s")]),
    Method(MANAGER, manager::GET_FRUS_BY_UNEXPANDED, &[CODE, NODE], &[OBJECTS]),
    Method(MANAGER, manager::GET_FRUS_BY_EXPANDED, &[CODE], &[OBJECTS]),
    Method(
        writer::INTERFACE,
        writer::VERIFY,
        &[ANY_PATH],
        &[("copies", "a(sss)"), ("differences", "a(sssayay)")],
    ),
    Method(
        writer::INTERFACE,
        writer::WRITE,
        &[ANY_PATH, ("changes", "a(ssayayay)"), ("options", "a{sv}")],
        &[ANSWER],
    ),
    Method(writer::INTERFACE, writer::REPAIR, &[ANY_PATH, ("records", "as"), ("source", "s")], &[ANSWER]),
    Method(
        writer::INTERFACE,
        writer::REPAIR_FROM,
        &[ANY_PATH, ("records", "as"), ("image", "ay")],
        &[ANSWER],
    ),
    Method(writer::INTERFACE, writer::SCRUB, &[ANY_PATH], &[ANSWER]),
    Method(writer::INTERFACE, writer::BACKUP, &[ANY_PATH], &[ANSWER]),
    Method(writer::INTERFACE, writer::RESTORE, &[ANY_PATH], &[ANSWER]),
    Method(writer::INTERFACE, writer::PENDING, &[], &[("eeproms", "a(ss)")]),
    Method(writer::INTERFACE, writer::HISTORY, &[], &[("writes", "a(xsssa(sts)ts)")]),
];

/// Methods that change an EEPROM.
pub const WRITES: [&str; 9] = [
    manager::WRITE_KEYWORD,
    manager::UPDATE_KEYWORD,
    manager::WRITE_KEYWORD_ON_HARDWARE,
    writer::WRITE,
    writer::REPAIR,
    writer::REPAIR_FROM,
    writer::SCRUB,
    writer::BACKUP,
    writer::RESTORE,
];

/// Every property: its interface, its name and its type.
const VALUES: [(&str, &str, &str); 4] = [
    (MANAGER, manager::COLLECTION_STATUS, "s"),
    (PROGRESS, PROGRESS_STATUS.name, "s"),
    (PROGRESS, START_TIME.name, "t"),
    (PROGRESS, COMPLETED_TIME.name, "t"),
];

/// What a call of the object is.
#[derive(Debug)]
pub enum Kind<'a> {
    /// One of the methods that every object has; this is its reply.
    Standard(zbus::Result<Message>),
    /// A method of ours, by its name.
    Ours(&'a str),
}

/// Tells what a call is, and answers what every object answers.
///
/// Errors: there is no such object, interface, method or property; properties are not written.
pub fn take<'a>(call: &Message, header: &'a Header<'_>, shown: &Shown) -> Result<Kind<'a>, Refusal> {
    let path = header.path().map_or("", |path| path.as_str());
    let interface = header.interface().map_or("", |name| name.as_str());
    let method = header.member().map_or("", |name| name.as_str());
    let is_of = |name: &str| interface.is_empty() || interface == name;
    let reply = Message::method_return(header);
    let standard = match method {
        "Ping" if is_of(PEER) => reply.build(&()),
        "GetMachineId" if is_of(PEER) => reply.build(&raw::machine_id()),
        "Introspect" if is_of(INTROSPECTABLE) => reply.build(&described(path)?),
        _ => {
            on_object(path)?;
            let is_it = |row: &Method| row.1 == method && is_of(row.0);
            if let Some(row) = METHODS.iter().find(|row| is_it(row)) {
                return Ok(Kind::Ours(row.1));
            }
            match method {
                "Get" if is_of(PROPERTIES) => {
                    let (interface, property): (String, String) = arguments(call)?;
                    reply.build(&value(&interface, &property, shown)?)
                }
                "GetAll" if is_of(PROPERTIES) => {
                    let (interface,): (String,) = arguments(call)?;
                    reply.build(&values(&interface, shown)?)
                }
                "Set" if is_of(PROPERTIES) => return Err(set(call, shown)),
                _ => {
                    let text = format!("{interface:?} has no method {method:?}");
                    return Err(Cause::UnknownMethod.because(text));
                }
            }
        }
    };
    Ok(Kind::Standard(standard))
}

/// `PropertiesChanged` of each interface with a property that is another now.
///
/// Errors: the signal cannot be built.
pub fn changes(before: &Shown, now: &Shown) -> zbus::Result<Vec<Message>> {
    let mut signals = Vec::new();
    for interface in [MANAGER, PROGRESS] {
        let (old, mut new) = (all(interface, before), all(interface, now));
        new.retain(|name, value| old.get(name) != Some(value));
        if !new.is_empty() {
            let signal = Message::signal(PATH, PROPERTIES, "PropertiesChanged");
            signals.push(signal.build(&(interface, new, Vec::<&str>::new()))?);
        }
    }
    Ok(signals)
}

fn on_object(path: &str) -> Result<(), Refusal> {
    if path == PATH {
        return Ok(());
    }
    Err(Cause::UnknownObject.because(format!("there is no object {path}")))
}

fn arguments<T>(call: &Message) -> Result<T, Refusal>
where
    T: for<'de> serde::Deserialize<'de> + zbus::Type,
{
    call.body().deserialize().map_err(|error| Cause::Arguments.because(error.to_string()))
}

fn set(call: &Message, shown: &Shown) -> Refusal {
    let body = call.body();
    let arguments: zbus::Result<(&str, &str, Variant<'_>)> = body.deserialize();
    match arguments {
        Err(error) => Cause::Arguments.because(error.to_string()),
        Ok((interface, property, _)) => match value(interface, property, shown) {
            Err(refusal) => refusal,
            Ok(_) => Cause::ReadOnly.because(format!("{property} cannot be set")),
        },
    }
}

fn value(interface: &str, property: &str, shown: &Shown) -> Result<Variant<'static>, Refusal> {
    let found = values(interface, shown)?.remove(property);
    found.ok_or_else(|| Cause::UnknownProperty.because(format!("{interface:?} has no property {property:?}")))
}

/// All properties of an interface, or of all when it is empty.
fn values(interface: &str, shown: &Shown) -> Result<BTreeMap<&'static str, Variant<'static>>, Refusal> {
    let without = [PEER, INTROSPECTABLE, PROPERTIES, writer::INTERFACE];
    let is_known = without.contains(&interface) || VALUES.iter().any(|row| row.0 == interface);
    if is_known || interface.is_empty() {
        return Ok(all(interface, shown));
    }
    Err(Cause::UnknownInterface.because(format!("{PATH} has no interface {interface:?}")))
}

fn all(interface: &str, shown: &Shown) -> BTreeMap<&'static str, Variant<'static>> {
    let of_interface = VALUES.iter().filter(|row| interface.is_empty() || row.0 == interface);
    of_interface
        .map(|(_, name, _)| {
            let value = match *name {
                manager::COLLECTION_STATUS => Variant::from(shown.progress.collection_status()),
                name if name == START_TIME.name => Variant::from(shown.started),
                name if name == COMPLETED_TIME.name => Variant::from(shown.completed),
                _ => Variant::from(shown.progress.status()),
            };
            (*name, value)
        })
        .collect()
}

/// The XML of the object, or of a step on the way to it.
fn described(path: &str) -> Result<String, Refusal> {
    let mut xml = format!("{DOCTYPE}<node>\n{STANDARD}");
    if path == PATH {
        describe_object(&mut xml);
    } else {
        let above = if path == "/" { "/".to_owned() } else { format!("{path}/") };
        let rest = PATH.strip_prefix(&above).and_then(|rest| rest.split('/').next());
        let child = rest.ok_or_else(|| Cause::UnknownObject.because(format!("there is no object {path}")))?;
        // Writing to a String cannot fail.
        let _ = writeln!(xml, "  <node name=\"{child}\"/>");
    }
    Ok(xml + "</node>\n")
}

fn describe_object(xml: &mut String) {
    let methods = METHODS.iter().map(|row| row.0);
    let interfaces: BTreeSet<_> = methods.chain(VALUES.iter().map(|row| row.0)).collect();
    for interface in interfaces {
        let _ = writeln!(xml, "  <interface name=\"{interface}\">");
        for Method(_, name, takes, gives) in METHODS.iter().filter(|row| row.0 == interface) {
            let _ = writeln!(xml, "    <method name=\"{name}\">");
            for (arguments, direction) in [(takes, "in"), (gives, "out")] {
                for (name, kind) in *arguments {
                    let _ = writeln!(
                        xml,
                        "      <arg name=\"{name}\" type=\"{kind}\" direction=\"{direction}\"/>"
                    );
                }
            }
            xml.push_str("    </method>\n");
        }
        for (_, name, kind) in VALUES.iter().filter(|row| row.0 == interface) {
            let _ = writeln!(xml, "    <property name=\"{name}\" type=\"{kind}\" access=\"read\"/>");
        }
        xml.push_str("  </interface>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::Progress;
    use serde::Serialize;
    use zbus::DynamicType;

    fn shown(progress: Progress) -> Shown {
        Shown { progress, started: 5, completed: 0 }
    }

    fn answer<B: Serialize + DynamicType>(
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Result<String, Cause> {
        let builder = Message::method_call(path, method);
        let builder = match interface {
            "" => builder,
            _ => builder.interface(interface),
        };
        let call = builder.build(body).unwrap();
        match take(&call, &call.header(), &shown(Progress::InProgress)) {
            Ok(Kind::Ours(name)) => Ok(name.to_owned()),
            Ok(Kind::Standard(reply)) => Ok(reply.unwrap().body().deserialize::<Variant<'_>>().map_or_else(
                |_| "reply".to_owned(),
                |value| value.downcast_ref::<&str>().unwrap_or("number").to_owned(),
            )),
            Err(refusal) => Err(refusal.cause),
        }
    }

    #[test]
    fn calls_are_told_apart_and_what_is_not_there_is_refused_by_name() {
        let (manager, progress) = (manager::INTERFACE, "xyz.openbmc_project.Common.Progress");
        let get = |interface: &str, property: &str| answer(PATH, PROPERTIES, "Get", &(interface, property));
        assert_eq!(get(manager, "CollectionStatus").unwrap(), "com.ibm.VPD.Manager.Status.InProgress");
        let status = "xyz.openbmc_project.Common.Progress.OperationStatus.InProgress";
        assert_eq!(get(progress, "Status").unwrap(), status);
        assert_eq!(get(progress, "StartTime").unwrap(), "number");
        assert_eq!(get(progress, "Other"), Err(Cause::UnknownProperty));
        assert_eq!(get("a.B", "Status"), Err(Cause::UnknownInterface));
        assert_eq!(get(writer::INTERFACE, "Status"), Err(Cause::UnknownProperty));
        let set = |property: &str| answer(PATH, PROPERTIES, "Set", &(progress, property, Variant::from("x")));
        assert_eq!((set("Status"), set("Other")), (Err(Cause::ReadOnly), Err(Cause::UnknownProperty)));
        for interface in ["", manager] {
            assert_eq!(answer(PATH, interface, "GetParsedVPD", &"x").unwrap(), "GetParsedVPD");
        }
        assert_eq!(answer(PATH, writer::INTERFACE, "GetParsedVPD", &"x"), Err(Cause::UnknownMethod));
        assert_eq!(answer("/", manager, "GetParsedVPD", &"x"), Err(Cause::UnknownObject));
        assert_eq!(answer(PATH, PROPERTIES, "Get", &"x"), Err(Cause::Arguments));
        assert!(answer("/", PEER, "Ping", &()).is_ok());
        assert!(answer("/com/ibm", INTROSPECTABLE, "Introspect", &()).is_ok());
        assert_eq!(answer("/com/other", INTROSPECTABLE, "Introspect", &()), Err(Cause::UnknownObject));
    }

    #[test]
    fn a_change_is_told_of_the_interfaces_that_have_it_and_of_what_has_changed_only() {
        assert!(changes(&shown(Progress::Failed), &shown(Progress::Failed)).unwrap().is_empty());
        let signals = changes(&shown(Progress::InProgress), &shown(Progress::Failed)).unwrap();
        let told: Vec<_> = signals
            .iter()
            .map(|signal| {
                let body = signal.body();
                let (interface, changed, _): (&str, BTreeMap<&str, Variant<'_>>, Vec<&str>) =
                    body.deserialize().unwrap();
                format!("{interface} {:?}", changed.keys().collect::<Vec<_>>())
            })
            .collect();
        let expected = [
            "com.ibm.VPD.Manager [\"CollectionStatus\"]",
            "xyz.openbmc_project.Common.Progress [\"Status\"]",
        ];
        assert_eq!(told, expected);
    }
}
