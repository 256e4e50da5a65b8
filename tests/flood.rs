//! What any local user may send to a service, in masses; it must stand it.

use crate::Machine;
use anyhow::{Context as _, ensure};
use dbus_api::call::has_owner;
use dbus_api::standard::PEER;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::fs::File;
use test_bus::LIMIT;
use zbus::message::Flags;
use zbus::{Connection, Message, OwnedFd};

/// What a service may hold at most while it is flooded, KiB beyond what it had: zbus's queue of 64 messages of 64 KiB, as
/// much again in calls at work, and what the allocator keeps.
const MOST: u64 = 16 * 1024;

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
        ensure!(service.stop()?.success(), "{name} did not end well");
        Ok(())
    }
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
