//! `xyz.openbmc_project.Inventory.Manager`: the one call that writes the inventory.
//!
//! Source: openbmc/phosphor-dbus-interfaces
//! `yaml/xyz/openbmc_project/Inventory/Manager.interface.yaml`.

use super::delivery::{Delivery, watched};
use super::notification::Notification;
use crate::call::{self, CallError, Target};
use crate::outstanding::Outstanding;
use std::time::Duration;
use zbus::{Connection, Message};

pub use super::delivery::{Cause, Manner, Refusal};

/// Well-known bus name of whatever hosts the inventory.
pub const BUS_NAME: &str = "xyz.openbmc_project.Inventory.Manager";
/// Interface of [`NOTIFY`], on [`super::ROOT`].
pub const INTERFACE: &str = "xyz.openbmc_project.Inventory.Manager";
/// Upsert of objects, interfaces and properties; in-signature [`super::notification::SIGNATURE`], no result.
pub const NOTIFY: &str = "Notify";

const TARGET: Target = Target { destination: BUS_NAME, path: super::ROOT, interface: INTERFACE };

/// Sends one `Notify` and waits for the answer.
///
/// Errors: [`CallError::Absent`] when nobody owns the name, [`CallError::TimedOut`] after the
/// connection's method time limit, [`CallError::Refused`] with the manager's error name.
pub async fn notify(connection: &Connection, notification: &Notification<'_>) -> Result<(), CallError> {
    call::call(connection, &TARGET, NOTIFY, notification).await.map(drop)
}

/// Sends one `Notify`; where that is refused or dropped, one per object, so that a bad one does not sink the rest. `pause`
/// passes when so much time has.
///
/// What was not taken goes to `refused` as it becomes known, so that it is not lost when the caller's time is over: nothing, or
/// the whole followed by the objects that are at fault.
/// Errors: as [`notify`], but for refusals; what was sent before stays. A manager that is slow is waited for as in [`notify`].
pub async fn notify_or_each<S: Future<Output = ()>>(
    connection: &Connection,
    notification: &Notification<'_>,
    manner: &Manner,
    pause: impl Fn(Duration) -> S,
    refused: &mut (dyn FnMut(Refusal) + Send),
) -> Result<(), CallError> {
    let mut delivery = Delivery::new(notification);
    while let Some((path, part)) = delivery.next() {
        let behind = async { is_answer(&ask(connection).await) };
        let answer = watched(notify(connection, &part), pause(manner.patience()), behind).await;
        if let Some(refusal) = delivery.take(path, answer, manner)? {
            refused(refusal);
        }
    }
    Ok(())
}

/// Asks for an answer and nothing else, by the one call that a parser may make. Of the bus's own errors and the manager's,
/// which can have the same names, only the message itself says whose it is.
async fn ask(connection: &Connection) -> Result<Message, CallError> {
    let empty = Notification::default();
    // To the name, as the call before it: a manager that is only being started by that one has no owner yet.
    let mut sent = Outstanding::send(connection, &TARGET, BUS_NAME, NOTIFY, &empty).await?;
    sent.answer().await
}

/// Whether the manager itself has answered. That the bus does not let the call through says nothing of the calls before it.
fn is_answer(answer: &Result<Message, CallError>) -> bool {
    matches!(answer, Ok(_) | Err(CallError::Refused { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::answered_with_error;

    #[test]
    fn only_what_the_manager_itself_says_is_an_answer_to_the_empty_call() {
        let call = Message::method_call(super::super::ROOT, NOTIFY).build(&()).unwrap();
        let errors = ["LimitsExceeded", "AccessDenied", "NoReply", "ServiceUnknown", "Failed"];
        for (sender, expected) in [(":1.7", true), ("org.freedesktop.DBus", false)] {
            for error in errors.map(|name| format!("org.freedesktop.DBus.Error.{name}")) {
                let message = Message::error(&call.header(), error.as_str()).sender(sender).build(&"text");
                let answer = Err(answered_with_error(BUS_NAME, &message.unwrap()));
                assert_eq!(is_answer(&answer), expected, "{error} of {sender}");
            }
        }
        assert!(is_answer(&Ok(Message::method_return(&call.header()).build(&()).unwrap())));
        assert!(!is_answer(&Err(CallError::TimedOut { destination: BUS_NAME })));
    }
}
