//! The images that are shown, and what the bus is told of them.

pub mod record;

use crate::dbus::{Commands, Face, object_path};
use crate::hand_over::HandOver;
use crate::images::record::Record;
use crate::view::{Interface, View};
use anyhow::Context as _;
use dbus_api::software::Stage as ImageStage;
use dbus_api::software::signals::Objects;
use dbus_api::software::{faces, signals};
use image_format::VersionId;
use service_runtime::Exit;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use zbus::Connection;

/// Longest wait for the bus to take what we send; shorter than any watchdog.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// One image.
#[derive(Debug)]
pub struct Image {
    /// Its id, which is its object's and its folder's name.
    pub id: VersionId,
    /// What it shows.
    pub view: watch::Sender<View>,
    /// In which interfaces.
    pub shown: BTreeSet<Interface>,
    /// Its life, if it came by `StartUpdate`.
    pub hand_over: Option<HandOver>,
    /// What is kept of it.
    pub record: Record,
    /// Since when it is there.
    pub since: Duration,
    /// An earlier run has published it.
    pub is_adopted: bool,
    /// An installer has begun with it.
    pub was_activated: bool,
    /// It goes as soon as nobody is at work on it.
    pub removal: Option<PendingRemoval>,
    /// What the event log hears when it turns out to be invalid.
    pub failure: Option<event_log::Event>,
    /// What the event log hears of its loss, which is not announced yet.
    pub loss: Option<Box<event_log::Event>>,
    /// Since when it has told nobody that it goes on.
    pub quiet_since: Duration,
    /// Set when somebody has read its activation.
    pub was_read: Arc<AtomicBool>,
}

/// Why an image has to go.
#[derive(Debug)]
pub struct PendingRemoval {
    /// For people.
    pub reason: String,
    /// What the event log hears.
    pub event: Option<Box<event_log::Event>>,
    /// Whoever has handed it over is told.
    pub is_told: bool,
}

impl Image {
    /// Not shown yet.
    pub fn new(id: VersionId, record: Record, hand_over: Option<HandOver>, now: Duration) -> Self {
        Self {
            id,
            view: watch::Sender::new(View::default()),
            shown: BTreeSet::new(),
            hand_over,
            record,
            since: now,
            is_adopted: false,
            was_activated: false,
            removal: None,
            failure: None,
            loss: None,
            quiet_since: now,
            was_read: Arc::default(),
        }
    }

    /// Whether it was announced.
    pub fn is_published(&self) -> bool {
        self.shown.contains(&Interface::Version)
    }

    /// What two images that one installer would install at the same place have in common.
    pub fn target(&self) -> (String, String, Vec<String>) {
        let image = &self.record.image;
        (image.purpose.clone(), image.extended_version.clone(), image.compatible.clone())
    }

    /// Shows what the record knows.
    pub fn show_record(&self, path: String) {
        let image = &self.record.image;
        self.view.send_modify(|view| {
            view.purpose = Some(image.purpose());
            view.version.clone_from(&image.version);
            view.extended_version.clone_from(&image.extended_version);
            view.compatible.clone_from(&image.compatible);
            view.path = path;
            view.apply_time = self.record.apply_time();
            view.signer = self.record.signer.clone().unwrap_or_default();
        });
    }
}

/// All images.
#[derive(Debug)]
pub struct Images {
    connection: Connection,
    commands: Commands,
    /// Told when somebody has read an activation.
    reads: Arc<Notify>,
    /// By their ids.
    pub all: BTreeMap<VersionId, Image>,
}

impl Images {
    /// None yet.
    pub fn new(connection: &Connection, commands: Commands) -> Self {
        Self { connection: connection.clone(), commands, reads: Arc::default(), all: BTreeMap::new() }
    }

    /// Puts interfaces on an image's object, without telling anybody.
    pub async fn put(&mut self, id: &VersionId, interfaces: &[Interface]) -> anyhow::Result<()> {
        let Some(image) = self.all.get_mut(id) else { return Ok(()) };
        for interface in interfaces {
            if image.shown.insert(*interface) {
                let face = Face {
                    id: id.clone(),
                    view: image.view.subscribe(),
                    commands: self.commands.clone(),
                    was_read: Arc::clone(&image.was_read),
                    reads: Arc::clone(&self.reads),
                };
                sent(interface.add(&self.connection, &object_path(id), face)).await?;
            }
        }
        Ok(())
    }

    /// Tells of interfaces that were put on an image's object, in one message.
    pub async fn announce(&self, id: &VersionId, interfaces: &[Interface]) -> anyhow::Result<()> {
        let Some(image) = self.all.get(id) else { return Ok(()) };
        let told = {
            let view = image.view.borrow();
            interfaces.iter().map(|interface| (interface.name(), view.properties(*interface))).collect()
        };
        sent(signals::added(&self.connection, &object_path(id), &told)).await
    }

    /// Puts interfaces on an image's object, and tells of them.
    pub async fn show(&mut self, id: &VersionId, interfaces: &[Interface]) -> anyhow::Result<()> {
        self.put(id, interfaces).await?;
        self.announce(id, interfaces).await
    }

    /// Takes interfaces off an image's object, and tells of it.
    pub async fn hide(&mut self, id: &VersionId, interfaces: &[Interface]) -> anyhow::Result<()> {
        let Some(image) = self.all.get_mut(id) else { return Ok(()) };
        let mut hidden = Vec::new();
        for interface in interfaces {
            if image.shown.remove(interface) {
                sent(faces::remove(&self.connection, &object_path(id), interface.name())).await?;
                hidden.push(interface.name());
            }
        }
        if hidden.is_empty() {
            return Ok(());
        }
        sent(signals::removed(&self.connection, &object_path(id), &hidden)).await
    }

    /// Changes what an image shows, and tells of these properties of an interface if it is shown.
    pub async fn change(
        &self,
        id: &VersionId,
        interface: Interface,
        names: &[&str],
        change: impl FnOnce(&mut View),
    ) -> anyhow::Result<()> {
        let Some(image) = self.all.get(id) else { return Ok(()) };
        image.view.send_modify(change);
        if !image.shown.contains(&interface) {
            return Ok(());
        }
        let mut properties = image.view.borrow().properties(interface);
        properties.retain(|name, _| names.contains(name));
        sent(signals::changed(&self.connection, &object_path(id), interface.name(), &properties)).await
    }

    /// Says what is going on with an image.
    pub async fn stage(&self, id: &VersionId, stage: ImageStage) -> anyhow::Result<()> {
        self.change(id, Interface::Image, &["Stage"], |view| view.stage = stage).await
    }

    /// Takes an image's object away.
    pub async fn remove(&mut self, id: &VersionId) -> anyhow::Result<Option<Image>> {
        let Some(image) = self.all.get(id) else { return Ok(None) };
        let shown: Vec<_> = image.shown.iter().copied().collect();
        self.hide(id, &shown).await?;
        Ok(self.all.remove(id))
    }

    /// All objects with what they show.
    pub fn objects(&self) -> Objects {
        let shown = self.all.iter().filter(|(_, image)| !image.shown.is_empty());
        let objects = shown.map(|(id, image)| {
            let view = image.view.borrow();
            let interfaces =
                image.shown.iter().map(|interface| (interface.name(), view.properties(*interface)));
            (object_path(id).into(), interfaces.collect())
        });
        objects.collect()
    }

    /// Completes when somebody has read an activation.
    pub fn reads(&self) -> Arc<Notify> {
        Arc::clone(&self.reads)
    }
}

/// Waits for the bus to take something, but not for ever.
async fn sent<T>(sending: impl Future<Output = zbus::Result<T>>) -> anyhow::Result<T> {
    tokio::time::timeout(SEND_LIMIT, sending)
        .await
        .context("the bus does not take our messages")
        .context(Exit::PeerUnavailable)?
        .context("cannot send")
        .context(Exit::PeerUnavailable)
}
