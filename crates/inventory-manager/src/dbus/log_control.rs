//! `org.freedesktop.LogControl1`, which every service has beside its own objects.

use super::{Call, Request};
use crate::error::CallFailure;
use crate::inventory::SetError;
use crate::requests::{Reply, machine_id};
use dbus_api::inventory::received::Given;
pub use dbus_api::log_control::PATH;
use dbus_api::log_control::{INTERFACE, LogLevel as _, PROPERTIES, TARGET};
use service_runtime::RuntimeLevel;
use std::collections::BTreeMap;
use zbus::message::Header;
use zbus::{Message, Variant};

/// Performs a call to the object.
pub fn perform(request: &Request<'_>, call: &Call<'_>, header: &Header<'_>) -> Reply {
    let reply = Message::method_return(header);
    Ok(match request {
        Request::Ping => reply.build(&()),
        Request::MachineId => reply.build(&machine_id()),
        Request::Introspect => reply.build(&super::introspection::describe_log_control()),
        Request::Get { interface, property } if is_ours(interface) => {
            reply.build(&Variant::from(value(property).ok_or_else(|| unknown(property))?))
        }
        Request::GetAll { interface } if is_ours(interface) => {
            let all: BTreeMap<&str, Variant<'_>> =
                PROPERTIES.iter().filter_map(|(name, _)| Some((*name, value(name)?.into()))).collect();
            reply.build(&all)
        }
        Request::Set { interface, property, value } if is_ours(interface) => {
            set(property, value).map_err(|reason| CallFailure::Set {
                path: call.path.to_owned(),
                interface: INTERFACE.to_owned(),
                property: (*property).to_owned(),
                reason,
            })?;
            reply.build(&())
        }
        _ => return Err(CallFailure::UnknownObject { path: call.path.to_owned() }),
    })
}

fn is_ours(interface: &str) -> bool {
    interface.is_empty() || interface == INTERFACE
}

fn unknown(property: &str) -> CallFailure {
    CallFailure::UnknownProperty { interface: INTERFACE.to_owned(), property: property.to_owned() }
}

fn value(property: &str) -> Option<&'static str> {
    match property {
        "LogLevel" => Some(RuntimeLevel.level()),
        "LogTarget" => Some(TARGET),
        "SyslogIdentifier" => Some(env!("CARGO_PKG_NAME")),
        _ => None,
    }
}

fn set(property: &str, given: &Given<'_>) -> Result<(), SetError> {
    match (property, given) {
        ("LogLevel", Given::Text(name)) if RuntimeLevel.set_level(name) => Ok(()),
        ("LogTarget", Given::Text(TARGET | "auto")) => Ok(()),
        ("LogLevel" | "LogTarget", _) => Err(SetError::InvalidValue),
        ("SyslogIdentifier", _) => Err(SetError::ReadOnly),
        _ => Err(SetError::UnknownProperty),
    }
}
