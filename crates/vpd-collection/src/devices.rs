//! Which EEPROMs are there, as sysfs shows it, and what udev says when that changes.

use crate::collection::Sight;
use anyhow::Context as _;
use fru_publication::EepromKey;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio::io::unix::AsyncFd;
use udev::{EventType, MonitorBuilder, MonitorSocket};

/// There while udev has events that it has not handled.
const QUEUE: &str = "/run/udev/queue";

/// The EEPROMs of the system and udev's news of them.
pub struct Devices {
    /// Where each key's bytes are; `None` when its fragment names no file.
    places: BTreeMap<String, Option<PathBuf>>,
    news: Option<AsyncFd<MonitorSocket>>,
}

/// What udev says.
#[derive(Debug)]
pub enum News {
    /// These have come or gone.
    Seen(Vec<(String, Sight)>),
    /// Something was lost: everything must be looked at.
    Lost,
}

impl Devices {
    /// Begins to listen to udev. Without it, devices are only looked at.
    pub fn watch(files: impl IntoIterator<Item = (EepromKey, Option<PathBuf>)>) -> Self {
        let place = |(key, file): (EepromKey, Option<PathBuf>)| {
            let place = key.sysfs_path().map(PathBuf::from).or(file);
            (key.to_string(), place)
        };
        let news = listen()
            .inspect_err(|error| log::warn!("nobody tells of devices that come or go: {error:#}"))
            .ok();
        Self { places: files.into_iter().map(place).collect(), news }
    }

    /// Looks at one.
    pub fn look(&self, key: &str) -> Sight {
        let place = self.places.get(key).and_then(Option::as_ref);
        if place.is_some_and(|place| place.exists()) { Sight::Present } else { Sight::Absent }
    }

    /// Whether udev has handled all devices that are there: none can still get a driver by being loaded.
    pub fn is_settled(&self) -> bool {
        !Path::new(QUEUE).exists()
            && self.places.values().flatten().all(|place| place.exists() || is_known(place))
    }

    /// Waits for news.
    pub async fn news(&mut self) -> News {
        let Some(news) = &mut self.news else { return std::future::pending().await };
        let Ok(mut ready) = news.readable_mut().await else { return std::future::pending().await };
        let events: Vec<_> = ready.get_inner().iter().map(|event| sight(&event)).collect();
        ready.clear_ready();
        // Readable, and yet nothing to be read: the socket's buffer had overflowed.
        if events.is_empty() {
            return News::Lost;
        }
        let ours = |(key, _): &(String, _)| self.places.contains_key(key);
        News::Seen(events.into_iter().flatten().filter(ours).collect())
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe; this socket keeps its descriptor as long as it lives"
)]
fn listen() -> anyhow::Result<AsyncFd<MonitorSocket>> {
    let builder = MonitorBuilder::new()?.match_subsystem("i2c")?.match_subsystem("spi")?;
    AsyncFd::new(builder.listen()?).context("cannot wait for udev")
}

/// A device without a driver whose event udev has handled; or none at all.
fn is_known(attribute: &Path) -> bool {
    let Some(folder) = attribute.parent().and_then(|folder| folder.canonicalize().ok()) else { return true };
    udev::Device::from_syspath(&folder).map_or(true, |device| device.is_initialized())
}

/// What an event says of the device that has the key as its name in sysfs.
fn sight(event: &udev::Event) -> Option<(String, Sight)> {
    let key = event.sysname().to_str()?.to_owned();
    let sight = match event.event_type() {
        EventType::Unbind | EventType::Remove => Sight::Gone,
        _ if event.syspath().join("eeprom").exists() => Sight::Present,
        // A client without a driver; whether it will get one, a later event says.
        _ => return None,
    };
    Some((key, sight))
}
