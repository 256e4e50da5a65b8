//! The images that are shown, and what the bus is told of them.

use super::hand_on::Handing;
use super::record::Record;
use super::removal::PendingRemoval;
use crate::dbus::{Commands, ImageFace, object_path};
use crate::hand_over::{HandOver, Origin};
use crate::installers::{Facts, calls};
use crate::view::{Interface, View};
use anyhow::Context as _;
use dbus_api::software::Stage;
use dbus_api::software::signals::Objects;
use dbus_api::software::{faces, signals};
use image_format::{Purpose, VersionId};
use service_runtime::Exit;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::time::Duration;
use tokio::sync::watch;
use update_state::ApplyTime;
use zbus::Connection;

/// Longest wait for the bus to take what we send; shorter than any watchdog.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// Whether the system's apply time was set for an image, whose installer may know no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplyTimeSetting {
    /// Not yet.
    Open,
    /// The settings were asked to.
    Asked,
    /// It was, or could not be in time.
    Done,
}

/// One image.
#[derive(Debug)]
pub struct ImageObject {
    /// Its id, which is its object's and its folder's name.
    pub id: VersionId,
    /// What it shows.
    pub view: watch::Sender<View>,
    /// In which interfaces.
    pub shown: BTreeSet<Interface>,
    /// Its life.
    pub life: HandOver,
    /// What is kept of it over a restart.
    pub record: Record,
    /// Since when it is there.
    pub since: Duration,
    /// An earlier run has published it.
    pub is_restored: bool,
    /// An installer has begun with it.
    pub was_activated: bool,
    /// It goes as soon as no installer is at work on it.
    pub removal: Option<PendingRemoval>,
    /// The event that is sent when it turns out to be invalid.
    pub failure: Option<event_log::Event>,
    /// The event of its loss, which is not announced yet.
    pub loss: Option<Box<event_log::Event>>,
    /// The purpose that it must have, as it was handed to an object that has it.
    pub expected: Option<Purpose>,
    /// What was handed over, as long as it may be handed on.
    pub original: Option<File>,
    /// The service that it is handed on to.
    pub handing: Option<Handing>,
    /// Why it was not handed on to a service that takes such images.
    pub kept_back: Option<String>,
    /// Since when no signal has said that it goes on.
    pub quiet_since: Duration,
    /// Whether the system's apply time was set for it.
    pub apply_time: ApplyTimeSetting,
}

impl ImageObject {
    /// Not shown yet.
    pub fn new(id: VersionId, record: Record, life: HandOver, now: Duration) -> Self {
        let activation = life.activation();
        let view = View { activation: Some(activation), target: record.target.clone(), ..View::default() };
        Self {
            id,
            view: watch::Sender::new(view),
            shown: BTreeSet::new(),
            life,
            record,
            since: now,
            is_restored: false,
            was_activated: false,
            removal: None,
            failure: None,
            loss: None,
            expected: None,
            original: None,
            handing: None,
            kept_back: None,
            quiet_since: now,
            apply_time: ApplyTimeSetting::Open,
        }
    }

    /// Whether it was announced.
    pub fn is_published(&self) -> bool {
        self.shown.contains(&Interface::Version)
    }

    /// Whether one installer would install both images at the same place: they are for the same kind of device, and not for two
    /// different ones.
    pub fn shares_place(&self, other: &Self) -> bool {
        let (one, two) = (&self.record, &other.record);
        let is_same_kind = one.image.purpose == two.image.purpose
            && one.image.extended_version == two.image.extended_version
            && one.image.compatible == two.image.compatible;
        is_same_kind && (one.target.is_empty() || two.target.is_empty() || one.target == two.target)
    }

    /// When the system is to apply it, which is set before it is installed: upstream's installers know no other time.
    pub fn system_apply_time(&self) -> Option<ApplyTime> {
        let time = self.record.apply_time().filter(|time| *time != ApplyTime::OnActivationRequest);
        time.filter(|_| calls::knows_the_system_s_setting(self.record.image.purpose()))
    }

    /// Whether another image has to wait for this one: it is being installed at the same place, or by the same setting.
    pub fn has_turn_before(&self, other: &Self) -> bool {
        let is_under_way = self.life.is_under_way();
        let has_setting = is_under_way || self.apply_time == ApplyTimeSetting::Asked;
        let both_set = self.system_apply_time().is_some() && other.system_apply_time().is_some();
        is_under_way && self.shares_place(other) || both_set && has_setting
    }

    /// What decides who may install it.
    pub fn facts(&self) -> Facts {
        let installer = self.record.installer.clone();
        if self.life.is_taking_in() {
            return Facts { installer, ..Facts::default() };
        }
        let image = &self.record.image;
        Facts { purpose: Some(image.purpose()), compatible: image.compatible.clone(), installer }
    }

    /// What its complete announcement holds.
    pub fn announced(&self) -> Vec<Interface> {
        let more =
            if self.life.origin() == Origin::Dropped { Interface::Image } else { Interface::ApplyTime };
        Interface::ANNOUNCED.into_iter().chain([more]).collect()
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
pub struct ImageObjects {
    connection: Connection,
    commands: Commands,
    /// By their ids.
    pub all: BTreeMap<VersionId, ImageObject>,
}

impl ImageObjects {
    /// None yet.
    pub fn new(connection: &Connection, commands: Commands) -> Self {
        Self { connection: connection.clone(), commands, all: BTreeMap::new() }
    }

    /// The bus that they are shown on.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Puts interfaces on an image's object, without a signal.
    pub async fn put(&mut self, id: &VersionId, interfaces: &[Interface]) -> anyhow::Result<()> {
        let Some(image) = self.all.get_mut(id) else { return Ok(()) };
        for interface in interfaces {
            if image.shown.insert(*interface) {
                let face = ImageFace {
                    id: id.clone(),
                    view: image.view.subscribe(),
                    commands: self.commands.clone(),
                };
                sent(interface.add(&self.connection, &object_path(id), face)).await?;
            }
        }
        Ok(())
    }

    /// Signals interfaces that were put on an image's object, in one message.
    pub async fn announce(&self, id: &VersionId, interfaces: &[Interface]) -> anyhow::Result<()> {
        let Some(image) = self.all.get(id) else { return Ok(()) };
        let told = {
            let view = image.view.borrow();
            interfaces.iter().map(|interface| (interface.name(), view.properties(*interface))).collect()
        };
        sent(signals::added(&self.connection, &object_path(id), &told)).await
    }

    /// Puts interfaces on an image's object, and signals them.
    pub async fn show(&mut self, id: &VersionId, interfaces: &[Interface]) -> anyhow::Result<()> {
        self.put(id, interfaces).await?;
        self.announce(id, interfaces).await
    }

    /// Puts an interface on an image's object, and signals it, unless it is there.
    pub async fn show_new(&mut self, id: &VersionId, interface: Interface) -> anyhow::Result<()> {
        if self.all.get(id).is_some_and(|image| !image.shown.contains(&interface)) {
            self.show(id, &[interface]).await?;
        }
        Ok(())
    }

    /// Takes interfaces off an image's object, and signals it.
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

    /// Changes what an image shows, and signals these properties of an interface if it is shown.
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
    pub async fn stage(&self, id: &VersionId, stage: Stage) -> anyhow::Result<()> {
        let is_new = self.all.get(id).is_some_and(|image| image.view.borrow().stage != stage);
        if is_new {
            self.change(id, Interface::Image, &["Stage"], |view| view.stage = stage).await?;
        }
        Ok(())
    }

    /// Says why an image is as it is.
    pub async fn reason(&self, id: &VersionId, reason: String) -> anyhow::Result<()> {
        let is_new = self.all.get(id).is_some_and(|image| image.view.borrow().reason != reason);
        if is_new {
            self.change(id, Interface::Image, &["Reason"], |view| view.reason = reason).await?;
        }
        Ok(())
    }

    /// Shows our Activation as the image's life has it.
    pub async fn activation(&self, id: &VersionId) -> anyhow::Result<()> {
        let Some(state) = self.all.get(id).map(|image| image.life.activation()) else { return Ok(()) };
        self.change(id, Interface::Activation, &["Activation"], |view| view.activation = Some(state)).await
    }

    /// Takes an image's object away.
    pub async fn remove(&mut self, id: &VersionId) -> anyhow::Result<Option<ImageObject>> {
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
