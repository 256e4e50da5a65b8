//! For services that take their messages off the bus by themselves, in order, without zbus's object server: what every
//! service has beside its own objects.

use crate::RuntimeLevel;
use dbus_api::log_control::{INTERFACE, LogLevel as _, PATH, PROPERTIES as NAMES, TARGET};
use dbus_api::standard::introspection::{DOCTYPE, STANDARD};
use dbus_api::standard::{INTROSPECTABLE, PEER, PROPERTIES, error};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use zbus::{Message, Variant};

/// The reply to a call of the object by which the log's level is read and changed; nothing for calls of other objects.
///
/// `service` is what the log calls it, [`super::Start::identity`].
///
/// Errors: the reply cannot be built.
pub fn log_control(call: &Message, service: &str) -> Option<zbus::Result<Message>> {
    let header = call.header();
    if header.path()?.as_str() != PATH {
        return None;
    }
    Some(match answer(call, service) {
        Ok(reply) => reply,
        Err((name, text)) => Message::error(&header, name).build(&text),
    })
}

/// The machine's id, empty when it has none: the answer to `GetMachineId`.
pub fn machine_id() -> String {
    std::fs::read_to_string("/etc/machine-id").unwrap_or_default().trim().to_owned()
}

/// Name and text of an error reply.
type Refusal = (&'static str, String);

fn answer(call: &Message, service: &str) -> Result<zbus::Result<Message>, Refusal> {
    let header = call.header();
    let interface = header.interface().map_or("", |name| name.as_str());
    let method = header.member().map_or("", |name| name.as_str());
    let is_of = |name: &str| interface.is_empty() || interface == name;
    let reply = Message::method_return(&header);
    Ok(match method {
        "Ping" if is_of(PEER) => reply.build(&()),
        "GetMachineId" if is_of(PEER) => reply.build(&machine_id()),
        "Introspect" if is_of(INTROSPECTABLE) => reply.build(&description()),
        "Get" if is_of(PROPERTIES) => {
            let (interface, property): (String, String) = arguments(call)?;
            is_ours(&interface)?;
            reply.build(&Variant::from(value(&property, service)?))
        }
        "GetAll" if is_of(PROPERTIES) => {
            let (interface,): (String,) = arguments(call)?;
            is_ours(&interface)?;
            let mut all = BTreeMap::new();
            for (name, _) in NAMES {
                all.insert(name, Variant::from(value(name, service)?));
            }
            reply.build(&all)
        }
        "Set" if is_of(PROPERTIES) => {
            set(call)?;
            reply.build(&())
        }
        _ => return Err((error::UNKNOWN_METHOD, format!("{interface} has no method {method}"))),
    })
}

fn arguments<T>(call: &Message) -> Result<T, Refusal>
where
    T: for<'de> serde::Deserialize<'de> + zbus::Type,
{
    call.body().deserialize().map_err(|error| (error::INVALID_ARGS, error.to_string()))
}

fn is_ours(interface: &str) -> Result<(), Refusal> {
    if interface.is_empty() || interface == INTERFACE {
        return Ok(());
    }
    Err((error::UNKNOWN_INTERFACE, format!("{PATH} has no interface {interface}")))
}

fn value<'a>(property: &str, service: &'a str) -> Result<&'a str, Refusal> {
    match property {
        "LogLevel" => Ok(RuntimeLevel.level()),
        "LogTarget" => Ok(TARGET),
        "SyslogIdentifier" => Ok(service),
        _ => Err(unknown(property)),
    }
}

fn unknown(property: &str) -> Refusal {
    (error::UNKNOWN_PROPERTY, format!("{INTERFACE} has no property {property}"))
}

fn set(call: &Message) -> Result<(), Refusal> {
    let body = call.body();
    let arguments: zbus::Result<(&str, &str, Variant<'_>)> = body.deserialize();
    let (interface, property, value) = arguments.map_err(|error| (error::INVALID_ARGS, error.to_string()))?;
    is_ours(interface)?;
    let text = value.downcast_ref::<&str>().unwrap_or_default();
    match property {
        "LogLevel" if RuntimeLevel.set_level(text) => Ok(()),
        "LogLevel" => Err((error::INVALID_ARGS, format!("{text:?} is no log level"))),
        "LogTarget" if matches!(text, TARGET | "auto") => Ok(()),
        "LogTarget" => Err((error::NOT_SUPPORTED, format!("this service logs to its {TARGET} only"))),
        "SyslogIdentifier" => Err((error::PROPERTY_READ_ONLY, format!("{property} cannot be set"))),
        _ => Err(unknown(property)),
    }
}

fn description() -> String {
    let mut xml = format!("{DOCTYPE}<node>\n{STANDARD}  <interface name=\"{INTERFACE}\">\n");
    for (name, writable) in NAMES {
        let access = if writable { "readwrite" } else { "read" };
        // Writing to a String cannot fail.
        let _ = writeln!(xml, "    <property name=\"{name}\" type=\"s\" access=\"{access}\"/>");
    }
    xml + "  </interface>\n</node>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use zbus::DynamicType;

    fn call<B: Serialize + DynamicType>(path: &str, method: &str, body: &B) -> Option<Message> {
        let interface = if method == "Introspect" { INTROSPECTABLE } else { PROPERTIES };
        let call = Message::method_call(path, method).interface(interface).build(body).unwrap();
        log_control(&call, "example").map(Result::unwrap)
    }

    fn error_of(reply: &Message) -> String {
        reply.header().error_name().map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn the_log_level_is_read_and_changed_and_the_rest_refused_by_name() {
        assert!(call("/", "Get", &(INTERFACE, "LogLevel")).is_none());
        let get = |property: &str| {
            let reply = call(PATH, "Get", &(INTERFACE, property)).unwrap();
            reply.body().deserialize::<Variant<'_>>().unwrap().downcast_ref::<&str>().unwrap().to_owned()
        };
        assert_eq!(get("SyslogIdentifier"), "example");
        assert_eq!(get("LogTarget"), TARGET);
        let set = |property: &str, text: &str| {
            error_of(&call(PATH, "Set", &(INTERFACE, property, Variant::from(text))).unwrap())
        };
        assert_eq!(set("LogLevel", "info"), "");
        assert_eq!(get("LogLevel"), "info");
        assert_eq!(set("LogLevel", "loud"), error::INVALID_ARGS);
        assert_eq!(set("LogTarget", "auto"), "");
        assert_eq!(set("LogTarget", "kmsg"), error::NOT_SUPPORTED);
        assert_eq!(set("SyslogIdentifier", "x"), error::PROPERTY_READ_ONLY);
        assert_eq!(set("Other", "x"), error::UNKNOWN_PROPERTY);
        for (method, wanted) in [("Get", error::INVALID_ARGS), ("Notify", error::UNKNOWN_METHOD)] {
            assert_eq!(error_of(&call(PATH, method, &7_u32).unwrap()), wanted, "{method}");
        }
        let other = call(PATH, "Get", &("a.B", "LogLevel")).unwrap();
        assert_eq!(error_of(&other), error::UNKNOWN_INTERFACE);
        let all = call(PATH, "GetAll", &(INTERFACE,)).unwrap();
        assert_eq!(all.body().deserialize::<BTreeMap<String, Variant<'_>>>().unwrap().len(), NAMES.len());
        let described: String = call(PATH, "Introspect", &()).unwrap().body().deserialize().unwrap();
        assert!(described.contains(INTERFACE), "{described}");
    }
}
