//! Peers that say what collection depends on: the power of the chassis, the host, and what others say of parts in the
//! inventory. Each is followed in a task of its own, so that one that hangs delays no other.

use crate::collection::{Event, Host, Power, Told};
use dbus_api::inventory::{self, ITEM, manager};
use dbus_api::state::{self, StateProperty};
use peer::{BackOff, News, Peer, PropertyFollower, persist};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use zbus::{Connection, Message};

/// When the bus is asked again that did not answer: soon, as what is said meanwhile is not heard.
fn again() -> BackOff {
    BackOff::new(Duration::from_secs(1), Duration::from_secs(10))
}

/// Follows the power of the chassis.
pub fn watch_power(connection: &Connection, events: UnboundedSender<Event>) {
    let power = |text: Option<&str>| match text {
        Some(state::POWER_OFF) => Power::Off,
        // What is in between counts as on; without a service that says, the collection's own limit decides.
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
    event: impl Fn(Option<&str>) -> Event + Send + Sync + 'static,
) {
    let connection = connection.clone();
    let service = property.service;
    tokio::spawn(async move {
        let following = async {
            let follow = || PropertyFollower::follow(&connection, property);
            let mut follower = persist(again(), follow).await;
            loop {
                let text = follower.next().await?;
                if events.send(event(text.as_deref())).is_err() {
                    return Ok::<_, anyhow::Error>(());
                }
            }
        };
        if let Err(error) = following.await {
            log::warn!("stopped following {service}: {error:#}");
        }
    });
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
            log::warn!("stopped following the presence of parts in the inventory: {error:#}");
        }
    });
}

async fn follow_presence(
    connection: &Connection,
    objects: &BTreeMap<String, String>,
    events: &UnboundedSender<Event>,
) -> anyhow::Result<()> {
    let follow = async || {
        let rule = inventory::shown::presence_rule()?;
        Peer::follow(connection, manager::BUS_NAME, [rule]).await
    };
    let mut inventory = persist(again(), follow).await;
    loop {
        let News::Said(signal) = inventory.next().await? else { continue };
        if let Some((key, told)) = said(&signal, objects)
            && events.send(Event::Told(key, told)).is_err()
        {
            return Ok(());
        }
    }
}

/// What a signal says of an object's presence.
fn said(message: &Message, objects: &BTreeMap<String, String>) -> Option<(String, Told)> {
    let header = message.header();
    let relative = header.path()?.as_str().strip_prefix(inventory::ROOT)?.to_owned();
    let present = state::changed(message, ITEM, "Present", |value| value.truth())?;
    let told = if present { Told::There } else { Told::Gone };
    objects.get(&relative).map(|key| (key.clone(), told))
}
