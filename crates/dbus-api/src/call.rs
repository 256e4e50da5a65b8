//! One method call, with the ways in which it can fail told apart.

use crate::standard::PEER;
use serde::Serialize;
use std::num::NonZeroU32;
use zbus::message::{Flags, Type as MessageType};
use zbus::{Connection, DynamicType, MatchRule, Message, fdo};

/// Where a call goes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Bus name of the peer.
    pub destination: &'static str,
    /// Object path.
    pub path: &'static str,
    /// Interface of the method.
    pub interface: &'static str,
}

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// Nobody owns the name, or it went away during the call.
    #[error("nobody answers for {destination}")]
    Absent {
        /// The bus name that was called.
        destination: &'static str,
    },
    /// The connection's method time limit passed.
    #[error("{destination} did not answer in time")]
    TimedOut {
        /// The bus name that was called.
        destination: &'static str,
    },
    /// The peer, or the bus on its behalf, answered with an error.
    #[error("{destination} refused the call: {name}{}{text}", if .text.is_empty() { "" } else { ": " })]
    Refused {
        /// The bus name that was called.
        destination: &'static str,
        /// The error's D-Bus name.
        name: String,
        /// The error's text, possibly empty.
        text: String,
    },
    /// The connection itself failed, or the message could not be built.
    #[error("call to {destination} failed")]
    Bus {
        /// The bus name that was called.
        destination: &'static str,
        /// The cause.
        #[source]
        source: zbus::Error,
    },
}

/// Calls a method and waits for the reply, at most the connection's method time limit.
pub async fn call<B>(
    connection: &Connection,
    target: &Target,
    method: &'static str,
    body: &B,
) -> Result<Message, CallError>
where
    B: Serialize + DynamicType,
{
    connection
        .call_method(Some(target.destination), target.path, Some(target.interface), method, body)
        .await
        .map_err(|error| classify(target.destination, error))
}

/// As [`call`], but a peer that does not run is not started for it.
pub async fn call_running<B>(
    connection: &Connection,
    target: &Target,
    method: &'static str,
    body: &B,
) -> Result<Message, CallError>
where
    B: Serialize + DynamicType,
{
    if !has_owner(connection, target.destination).await? {
        return Err(CallError::Absent { destination: target.destination });
    }
    call(connection, target, method, body).await
}

/// Whether somebody owns a bus name.
pub async fn has_owner(connection: &Connection, name: &str) -> Result<bool, CallError> {
    let reply = call(connection, &BUS, "NameHasOwner", &name).await?;
    reply.body().deserialize().map_err(|source| CallError::Bus { destination: BUS.destination, source })
}

/// Asks for a bus name that no other connection may take from us, and waits in no queue for it; whether it is ours now.
///
/// Errors: [`CallError::Refused`] when the bus does not let us have it.
pub async fn request_name(connection: &Connection, name: &str) -> Result<bool, CallError> {
    const DO_NOT_QUEUE: u32 = 4;
    const PRIMARY_OWNER: u32 = 1;
    const ALREADY_OWNER: u32 = 4;
    let reply = call(connection, &BUS, "RequestName", &(name, DO_NOT_QUEUE)).await?;
    let answer: u32 = reply
        .body()
        .deserialize()
        .map_err(|source| CallError::Bus { destination: BUS.destination, source })?;
    Ok(answer == PRIMARY_OWNER || answer == ALREADY_OWNER)
}

/// The unique name of whoever owns a bus name.
pub async fn owner(connection: &Connection, name: &str) -> Result<String, CallError> {
    let reply = call(connection, &BUS, "GetNameOwner", &name).await?;
    reply.body().deserialize().map_err(|source| CallError::Bus { destination: BUS.destination, source })
}

/// What the bus says when a bus name, or one below it, gets another owner, or none; [`change_of_owner`] tells which.
///
/// By the namespace, as all rules here: of a rule with `arg0`, zbus compares the argument by decoding the whole signal, one
/// value of some 60 bytes for each of its bytes; and where a rule names no sender but the bus, any connection's.
pub fn owner_rule(name: &str) -> zbus::Result<MatchRule<'_>> {
    MatchRule::builder()
        .msg_type(MessageType::Signal)
        .sender(BUS.destination)
        .path(BUS.path)
        .interface(BUS.interface)
        .member("NameOwnerChanged")
        .arg0ns(name)
        .build()
}

/// What the bus says when any bus name, a connection's own among them, gets another owner, or none.
pub fn any_owner_rule() -> zbus::Result<MatchRule<'static>> {
    MatchRule::builder()
        .msg_type(MessageType::Signal)
        .sender(BUS.destination)
        .path(BUS.path)
        .interface(BUS.interface)
        .member("NameOwnerChanged")
        .build()
}

/// The name that such a signal is about, its earlier owner and its new one, each empty when there is none; `None` for one
/// that is not the bus's own: any connection may send a signal that looks like it, straight to us.
pub fn change_of_owner(message: &Message) -> Option<(String, String, String)> {
    is_of_bus(message).then(|| message.body().deserialize().ok()).flatten()
}

/// All bus names that are owned, those of connections among them.
pub async fn names(connection: &Connection) -> Result<Vec<String>, CallError> {
    let reply = call(connection, &BUS, "ListNames", &()).await?;
    reply.body().deserialize().map_err(|source| CallError::Bus { destination: BUS.destination, source })
}

/// The user that a connection's process has.
pub async fn unix_user(connection: &Connection, name: &str) -> Result<u32, CallError> {
    number(connection, "GetConnectionUnixUser", name).await
}

/// A `Peer.Ping` with a serial that the connection cannot guess, so that it can only answer what it has read.
pub fn ping(name: &str, serial: NonZeroU32) -> zbus::Result<Message> {
    let call = Message::method_call("/", "Ping").interface(PEER).destination(name);
    call.with_flags(Flags::NO_AUTO_START).serial(serial).build(&())
}

/// A `Peer.Ping` that wants no answer.
pub fn nudge(name: &str) -> zbus::Result<Message> {
    let call = Message::method_call("/", "Ping").interface(PEER).destination(name);
    call.with_flags(Flags::NO_AUTO_START | Flags::NO_REPLY_EXPECTED).build(&())
}

/// Whether a message comes from the bus itself.
pub fn is_of_bus(message: &Message) -> bool {
    message.header().sender().is_some_and(|sender| sender.as_str() == BUS.destination)
}

/// The number of a connection's process, as the kernel told the bus when it connected.
pub async fn unix_process(connection: &Connection, name: &str) -> Result<u32, CallError> {
    number(connection, "GetConnectionUnixProcessID", name).await
}

async fn number(connection: &Connection, method: &'static str, name: &str) -> Result<u32, CallError> {
    let reply = call(connection, &BUS, method, &name).await?;
    reply.body().deserialize().map_err(|source| CallError::Bus { destination: BUS.destination, source })
}

/// The bus itself.
const BUS: Target = Target {
    destination: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
};

/// What an error means that came as the answer to a call: one of the bus's own says that the call did not get there.
pub(crate) fn answered_with_error(destination: &'static str, message: &Message) -> CallError {
    let header = message.header();
    if is_of_bus(message) {
        let source = zbus::Error::from(message.clone());
        return match classify(destination, source) {
            CallError::Refused { name, text, .. } => {
                CallError::Bus { destination, source: zbus::Error::Failure(format!("{name}: {text}")) }
            }
            other => other,
        };
    }
    let name = header.error_name().map(ToString::to_string).unwrap_or_default();
    let text = message.body().deserialize::<&str>().unwrap_or_default().to_owned();
    CallError::Refused { destination, name, text }
}

/// Tells the ways of failing apart.
pub fn classify(destination: &'static str, error: zbus::Error) -> CallError {
    match error {
        zbus::Error::FDO(error) => classify_standard(destination, *error),
        zbus::Error::MethodError(name, text, _) => {
            CallError::Refused { destination, name: name.to_string(), text: text.unwrap_or_default() }
        }
        zbus::Error::InputOutput(source) if source.kind() == std::io::ErrorKind::TimedOut => {
            CallError::TimedOut { destination }
        }
        source => CallError::Bus { destination, source },
    }
}

fn classify_standard(destination: &'static str, error: fdo::Error) -> CallError {
    use zbus::DBusError;
    match error {
        // A bus says NoReply at once when the peer goes away during the call.
        fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) | fdo::Error::NoReply(_) => {
            CallError::Absent { destination }
        }
        fdo::Error::Timeout(_) | fdo::Error::TimedOut(_) => CallError::TimedOut { destination },
        fdo::Error::ZBus(source) => CallError::Bus { destination, source },
        error => CallError::Refused {
            destination,
            name: error.name().to_string(),
            text: error.description().unwrap_or_default().to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_hands_on_an_error_of_the_buss_is_there_and_refuses() {
        let call = Message::method_call("/a", "Call").build(&()).unwrap();
        let answer = |sender: &'static str, name: &'static str| {
            let error = Message::error(&call.header(), name).sender(sender).build(&"text").unwrap();
            answered_with_error("a.B", &error)
        };
        for name in ["ServiceUnknown", "NoReply", "Timeout", "LimitsExceeded", "Failed"] {
            let name: &'static str = format!("org.freedesktop.DBus.Error.{name}").leak();
            let refused = answer(":1.7", name);
            assert!(
                matches!(&refused, CallError::Refused { name: told, text, .. } if told == name && text == "text"),
                "{refused:?}"
            );
            assert!(!matches!(answer(BUS.destination, name), CallError::Refused { .. }), "{name}");
        }
        let gone = answer(BUS.destination, "org.freedesktop.DBus.Error.NoReply");
        assert!(matches!(gone, CallError::Absent { .. }), "{gone:?}");
    }

    #[test]
    fn only_the_bus_itself_says_who_owns_a_name() {
        let said_by = |sender: &'static str| {
            let signal = Message::signal(BUS.path, BUS.interface, "NameOwnerChanged");
            signal.sender(sender).build(&("a.B", ":1.1", ":1.2")).unwrap()
        };
        let all = ["a.B", ":1.1", ":1.2"].map(str::to_owned);
        assert_eq!(change_of_owner(&said_by(BUS.destination)).map(<[String; 3]>::from), Some(all));
        assert_eq!(change_of_owner(&said_by(":1.5")), None);
    }
}
