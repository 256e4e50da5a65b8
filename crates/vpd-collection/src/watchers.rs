//! Peers that say what collection depends on: the power of the chassis, the host, and what others say of parts in the
//! inventory. Each is listened to in a task of its own: one that hangs holds nobody up.

use crate::collection::{Event, Host, Power, Told};
use dbus_api::call::{self, CallError};
use dbus_api::inventory::{self, ITEM, manager};
use dbus_api::state::{self, StateProperty};
use futures_core::Stream;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use zbus::{Connection, Message, MessageStream};

/// Longest wait for a peer's answer, and the pause before it is asked again.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(5);

/// Follows the power of the chassis; `None` of a text means that nobody says.
pub fn watch_power(connection: &Connection, events: UnboundedSender<Event>) {
    let power = |text: Option<&str>| match text {
        Some(state::POWER_OFF) => Power::Off,
        // What is in between counts as on; without anybody to say, the collection's own limit decides.
        Some(_) => Power::On,
        None => Power::Unknown,
    };
    follow(connection, state::CHASSIS_POWER, events, move |text| Event::Power(power(text)));
}

/// Follows the host.
pub fn watch_host(connection: &Connection, events: UnboundedSender<Event>) {
    let host = |text: Option<&str>| match text {
        None => Host::Unknown,
        Some(state::HOST_OFF) => Host::Off,
        Some(state::HOST_STARTING) => Host::Starting,
        Some(_) => Host::Running,
    };
    follow(connection, state::HOST, events, move |text| Event::Host(host(text)));
}

fn follow(
    connection: &Connection,
    property: StateProperty,
    events: UnboundedSender<Event>,
    event: impl Fn(Option<&str>) -> Event + Send + 'static,
) {
    let connection = connection.clone();
    tokio::spawn(async move {
        if let Err(error) = follow_until_end(&connection, &property, &events, event).await {
            log::warn!("nobody listens to {} any more: {error}", property.service);
        }
    });
}

async fn follow_until_end(
    connection: &Connection,
    property: &StateProperty,
    events: &UnboundedSender<Event>,
    event: impl Fn(Option<&str>) -> Event,
) -> zbus::Result<()> {
    let mut owners =
        MessageStream::for_match_rule(call::owner_rule(property.service)?, connection, None).await?;
    let mut changes = MessageStream::for_match_rule(property.changed_rule()?, connection, None).await?;
    let mut owner = call::owner(connection, property.service).await.unwrap_or_default();
    let mut is_asked_for = true;
    loop {
        if is_asked_for {
            let answer = ask(connection, property, &owner).await;
            is_asked_for = answer.is_err();
            if events.send(event(answer.ok().flatten().as_deref())).is_err() {
                return Ok(());
            }
        }
        tokio::select! {
            message = next(&mut owners) => match message {
                Some(message) => {
                    if let Some(new) = call::new_owner(&message) {
                        owner = new;
                        is_asked_for = true;
                    }
                }
                None => return Ok(()),
            },
            message = next(&mut changes) => match message {
                Some(message) => {
                    let text = property.changed(&message).filter(|_| is_from(&message, &owner));
                    // Who says that by itself need not be asked, and may not answer.
                    is_asked_for &= text.is_none();
                    if text.is_some() && events.send(event(text.as_deref())).is_err() {
                        return Ok(());
                    }
                }
                None => return Ok(()),
            },
            () = tokio::time::sleep(PAUSE), if is_asked_for => {}
        }
    }
}

/// What a peer says now: nothing when there is none.
async fn ask(
    connection: &Connection,
    property: &StateProperty,
    owner: &str,
) -> Result<Option<String>, CallError> {
    if owner.is_empty() {
        return Ok(None);
    }
    let answer = tokio::time::timeout(ANSWER_LIMIT, property.get(connection)).await;
    answer.unwrap_or(Err(CallError::TimedOut { destination: property.service })).map(Some)
}

/// Follows what others say of the presence of objects, which have the keys of their EEPROMs.
pub fn watch_presence(
    connection: &Connection,
    objects: BTreeMap<String, String>,
    events: UnboundedSender<Event>,
) {
    if objects.is_empty() {
        return;
    }
    let connection = connection.clone();
    tokio::spawn(async move {
        if let Err(error) = follow_presence(&connection, &objects, &events).await {
            log::warn!("nobody listens any more to what is said of parts: {error}");
        }
    });
}

async fn follow_presence(
    connection: &Connection,
    objects: &BTreeMap<String, String>,
    events: &UnboundedSender<Event>,
) -> zbus::Result<()> {
    let rule = inventory::shown::presence_rule()?;
    let mut owners =
        MessageStream::for_match_rule(call::owner_rule(manager::BUS_NAME)?, connection, None).await?;
    let mut changes = MessageStream::for_match_rule(rule, connection, None).await?;
    let mut owner = call::owner(connection, manager::BUS_NAME).await.unwrap_or_default();
    loop {
        tokio::select! {
            message = next(&mut owners) => match message {
                Some(message) => owner = call::new_owner(&message).unwrap_or(owner),
                None => return Ok(()),
            },
            message = next(&mut changes) => {
                let Some(message) = message else { return Ok(()) };
                let Some((key, told)) = said(&message, objects).filter(|_| is_from(&message, &owner)) else { continue };
                if events.send(Event::Told(key, told)).is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// What a signal says of an object's presence.
fn said(message: &Message, objects: &BTreeMap<String, String>) -> Option<(String, Told)> {
    let header = message.header();
    let relative = header.path()?.as_str().strip_prefix(inventory::ROOT)?.to_owned();
    let (interface, changed) = state::changed_properties(message)?;
    let present = changed.get("Present").filter(|_| interface == ITEM)?.downcast_ref::<bool>().ok()?;
    let told = if present { Told::There } else { Told::Gone };
    objects.get(&relative).map(|key| (key.clone(), told))
}

/// Anybody may send a signal that looks like a peer's, straight to us.
fn is_from(message: &Message, owner: &str) -> bool {
    message.header().sender().is_some_and(|sender| sender.as_str() == owner)
}

async fn next(messages: &mut MessageStream) -> Option<Message> {
    poll_fn(|context| Pin::new(&mut *messages).poll_next(context)).await?.ok()
}
