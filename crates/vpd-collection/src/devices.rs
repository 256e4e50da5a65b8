//! Which EEPROMs are there, as sysfs shows it, and what udev says when that changes.

use crate::collection::Sight;
use anyhow::Context as _;
use fru_publication::EepromKey;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use udev::{EventType, MonitorBuilder, MonitorSocket};

/// The EEPROMs of the system and udev's news of them.
pub struct Devices {
    /// Where each key's bytes may be; nowhere, when its fragment names no file.
    places: BTreeMap<String, Vec<PathBuf>>,
    /// For which EEPROM a device stands in.
    stands_in: BTreeMap<String, String>,
    news: Option<AsyncFd<MonitorSocket>>,
}

/// What udev says.
#[derive(Debug)]
pub enum News {
    /// These have come or gone.
    Seen(Vec<(String, Sight)>),
    /// These have, and something besides was lost: everything must be looked at.
    Lost(Vec<(String, Sight)>),
}

impl Devices {
    /// Begins to listen to udev. Without it, devices are only looked at.
    ///
    /// `files` gives each key with the file of a key `file:NAME` and the key of the chip that stands in for it.
    pub fn watch(files: impl IntoIterator<Item = (EepromKey, Option<PathBuf>, Option<EepromKey>)>) -> Self {
        let news = listen()
            .inspect_err(|error| log::warn!("nobody tells of devices that come or go: {error:#}"))
            .ok();
        let mut devices = Self { places: BTreeMap::new(), stands_in: BTreeMap::new(), news };
        for (key, file, redundant) in files {
            let chip = |key: &EepromKey| key.sysfs_path().map(PathBuf::from);
            let places = [chip(&key).or(file), redundant.as_ref().and_then(chip)];
            devices.stands_in.extend(redundant.map(|redundant| (redundant.to_string(), key.to_string())));
            devices.places.insert(key.to_string(), places.into_iter().flatten().collect());
        }
        devices
    }

    /// Looks at one.
    pub fn look(&self, key: &str) -> Sight {
        let mut places = self.places.get(key).into_iter().flatten();
        if places.any(|place| place.exists()) { Sight::Present } else { Sight::Absent }
    }

    /// Waits for news.
    pub async fn news(&mut self) -> News {
        let Some(news) = &mut self.news else { return std::future::pending().await };
        let Ok(mut ready) = news.readable_mut().await else { return std::future::pending().await };
        let (events, was_lost) = drained(|| {
            let event = ready.get_inner().iter().next();
            event.map(|event| sight(&event)).ok_or_else(io::Error::last_os_error)
        });
        ready.clear_ready();
        if was_lost {
            return News::Lost(self.ours(events));
        }
        News::Seen(self.ours(events))
    }

    /// What is said of our EEPROMs. One of two chips that stand for one EEPROM decides nothing by itself.
    fn ours(&self, events: Vec<Option<(String, Sight)>>) -> Vec<(String, Sight)> {
        let own = |(name, sight): (String, Sight)| {
            let key = self.stands_in.get(&name).unwrap_or(&name).clone();
            let places = self.places.get(&key)?;
            let is_one_of_two = places.len() > 1;
            let sight =
                if is_one_of_two && self.look(&key) == Sight::Present { Sight::Present } else { sight };
            Some((key, sight))
        };
        events.into_iter().flatten().filter_map(own).collect()
    }
}

/// Takes all that a socket has, and whether it had more than its buffer holds. That is said once, wherever it happened,
/// and what was kept comes after it; left there, it would wait for the next event to make the socket readable.
fn drained<T>(mut receive: impl FnMut() -> io::Result<T>) -> (Vec<T>, bool) {
    /// Errors in a row that are not the end of it; more than that is a socket that is of no use.
    const ERRORS: u32 = 8;
    let (mut taken, mut errors, mut was_lost) = (Vec::new(), 0, false);
    while errors < ERRORS {
        match receive() {
            Ok(item) => {
                taken.push(item);
                errors = 0;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(_) => {
                errors += 1;
                was_lost = true;
            }
        }
    }
    (taken, was_lost)
}

#[expect(
    deprecated,
    reason = "its successor is unsafe; this socket keeps its descriptor as long as it lives"
)]
fn listen() -> anyhow::Result<AsyncFd<MonitorSocket>> {
    let builder = MonitorBuilder::new()?.match_subsystem("i2c")?.match_subsystem("spi")?;
    AsyncFd::new(builder.listen()?).context("cannot wait for udev")
}

/// Runs until udev has handled what the kernel has told it so far, or the limit has passed.
///
/// Only udev knows: a driver that it is about to load may give an EEPROM its bytes. Its own tool asks it.
pub fn wait_until_settled(limit: Duration) {
    let mut command = Command::new("udevadm");
    command.arg("settle").arg(format!("--timeout={}", limit.as_secs().max(1)));
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => {}
        Ok(_) => log::warn!(
            "udev is not done after {} s; what is not to be seen counts as absent",
            limit.as_secs()
        ),
        Err(error) => log::warn!("udev cannot be asked whether it is done: {error}"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overflow_is_noticed_wherever_it_happens_and_hides_nothing_that_was_kept() {
        const ENOBUFS: i32 = 105;
        let error = |code: i32| Err(io::Error::from_raw_os_error(code));
        let blocked = || Err(io::Error::from(io::ErrorKind::WouldBlock));
        for (answers, expected) in [
            (vec![Ok(1), Ok(2), blocked()], (vec![1, 2], false)),
            (vec![error(ENOBUFS), Ok(1), blocked()], (vec![1], true)),
            (vec![Ok(1), error(ENOBUFS), Ok(2), blocked()], (vec![1, 2], true)),
            (vec![blocked()], (vec![], false)),
        ] {
            let mut answers = answers.into_iter();
            assert_eq!(drained(|| answers.next().unwrap()), expected);
        }
        assert_eq!(drained(|| error(ENOBUFS)), (vec![], true));
    }
}
