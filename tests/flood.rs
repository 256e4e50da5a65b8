//! What any local user may send to a service, in masses; it must stand it.

use crate::Machine;
use anyhow::{Context as _, ensure};
use dbus_api::call::has_owner;
use dbus_api::standard::PEER;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::collections::HashMap;
use std::fs::File;
use test_bus::LIMIT;
use zbus::message::Flags;
use zbus::{Connection, Message, OwnedFd, OwnedVariant};

/// What a service may hold at most while it is flooded, KiB beyond what it had: zbus's queue of 64 messages of 64 KiB, as
/// much again in calls at work, and what the allocator keeps.
const MOST: u64 = 16 * 1024;

/// Bytes of a service's that the bus may keep for one user that does not read: 8 MiB, and a MiB of refusals; what each of 30
/// connections may have in any case; and the replies of calls that were at work.
const MOST_UNREAD: u32 = (8 + 1 + 1 + 2) * 1024 * 1024;

/// What systemd lets a service have, unless its unit says otherwise.
const DESCRIPTORS: u64 = 1024;

/// A message that is sent so many times.
struct Flood {
    what: &'static str,
    message: Message,
    times: usize,
}

impl Machine {
    /// Floods a service with descriptors, long messages and calls, as any user might, and expects that it is the same process
    /// afterwards, answers, and never held more than a bound.
    ///
    /// Errors: it did not stand it.
    pub fn expect_steady(&self, name: &str, bus_name: &str) -> anyhow::Result<()> {
        let mut service = self.start(name)?;
        limit_descriptors(service.pid(), DESCRIPTORS)?;
        let before = peak(service.pid())?;
        for Flood { what, message, times } in floods(bus_name)? {
            // While it stands still the bus keeps what is sent, and the service finds all of it at once.
            service.pause()?;
            self.run(async |sender| {
                let sending = async {
                    for _ in 0..times {
                        sender.send(&message).await?;
                    }
                    // The bus has taken all of that when it answers.
                    has_owner(&sender, "org.freedesktop.DBus").await.map_err(anyhow::Error::from)
                };
                tokio::time::timeout(LIMIT, sending).await.context("the bus does not take it")??;
                service.go_on()?;
                // Behind all of that, so that all of it was read.
                ping(&sender, bus_name).await
            })
            .with_context(|| format!("{name}, {what}"))?;
            self.run(async |other| ping(&other, bus_name).await)
                .with_context(|| format!("{name}, after {what}"))?;
            let grown = peak(service.pid())?.saturating_sub(before);
            ensure!(grown <= MOST, "{name}, {what}: it held {grown} KiB more");
        }
        self.expect_unread_to_be_bounded(name, bus_name)?;
        let grown = peak(service.pid())?.saturating_sub(before);
        ensure!(grown <= MOST, "{name}, replies that are not read: it held {grown} KiB more");
        ensure!(service.stop()?.success(), "{name} did not end well");
        Ok(())
    }

    /// A user asks a thousand times what the service offers, over each of many connections, and reads nothing.
    fn expect_unread_to_be_bounded(&self, name: &str, bus_name: &str) -> anyhow::Result<()> {
        let mut attack = self.attack(&["small", bus_name, "30", "1000"])?;
        let asked = self.run(async |other| {
            let settling = async {
                let mut before = 0;
                loop {
                    ping(&other, bus_name).await?;
                    let kept = kept(&other, bus_name).await?;
                    // The service is done with all that was sent.
                    if kept > 0 && kept == before {
                        return anyhow::Ok(kept);
                    }
                    before = kept;
                }
            };
            tokio::time::timeout(LIMIT, settling).await.context("what the bus keeps does not settle")?
        });
        attack.kill()?;
        attack.wait()?;
        let kept = asked.with_context(|| format!("{name}, replies that are not read"))?;
        ensure!(kept <= MOST_UNREAD, "{name}: the bus keeps {kept} bytes of it");
        self.run(async |other| ping(&other, bus_name).await)
    }
}

/// Bytes of a service's messages that the bus keeps, as dbus-daemon counts them.
pub async fn kept(connection: &Connection, bus_name: &str) -> anyhow::Result<u32> {
    let (path, interface) = ("/org/freedesktop/DBus", "org.freedesktop.DBus.Debug.Stats");
    let asked = connection
        .call_method(Some("org.freedesktop.DBus"), path, Some(interface), "GetConnectionStats", &bus_name)
        .await?;
    let stats: HashMap<String, OwnedVariant> = asked.body().deserialize()?;
    let kept = stats.get("IncomingBytes").context("dbus-daemon does not say what it keeps")?;
    Ok(kept.try_into()?)
}

async fn ping(connection: &Connection, bus_name: &str) -> anyhow::Result<()> {
    connection.call_method(Some(bus_name), "/", Some(PEER), "Ping", &()).await?;
    Ok(())
}

fn floods(bus_name: &str) -> anyhow::Result<Vec<Flood>> {
    let call = || {
        let call = Message::method_call("/", "Ping").interface(PEER).destination(bus_name);
        call.with_flags(Flags::NO_REPLY_EXPECTED)
    };
    let file = File::open("/dev/null")?;
    let descriptors = (0..16)
        .map(|_| Ok(OwnedFd::from(std::os::fd::OwnedFd::from(file.try_clone()?))))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let long = "x".repeat(24 * 1024 * 1024);
    // As the bus itself tells of owners, for which every service listens.
    let told = Message::signal("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged");
    let signal = told.destination(bus_name);
    let flood = |what, message: zbus::Result<Message>, times| Ok(Flood { what, message: message?, times });
    [
        // As many as the kernel keeps for one reader: more than twice what a process may have. The bus keeps 64 beyond.
        flood("16 descriptors with each call", call().build(&descriptors), 150),
        flood("calls of 24 MiB", call().build(&long), 4),
        flood("signals of 24 MiB", signal.build(&long), 4),
        flood("calls of 60 KiB", call().build(&"x".repeat(60 * 1024)), 500),
    ]
    .into_iter()
    .collect()
}

/// Lets a process have so many descriptors.
pub fn limit_descriptors(process: u32, most: u64) -> anyhow::Result<()> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let limit = Rlimit { current: Some(most), maximum: getrlimit(Resource::Nofile).maximum };
    prlimit(process, Resource::Nofile, limit)?;
    Ok(())
}

/// The most memory that a process has had, KiB.
fn peak(process: u32) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
