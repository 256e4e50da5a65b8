//! What an administrator asks the writer for on a machine with inventory and collection, and what came of it.

use super::bed::Client;
use crate::collection::bed::{Bed, object};
use anyhow::Context as _;
use dbus_api::inventory::records::interface_of;
use house_tests::repository;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use test_bus::Daemon;
use zbus::{Message, OwnedVariant, Variant};

const WRITER: &str = "io.vivianite.Vpd.Writer1";

/// Calls a method of `com.ibm.VPD.Manager`.
pub fn call<B>(bed: &Bed, method: &str, body: &B) -> anyhow::Result<Message>
where
    B: serde::Serialize + zbus::DynamicType,
{
    bed.machine.run(async |connection| Client::new(connection).call(method, body).await)
}

/// Calls a method of our own interface beside it.
pub fn own<B>(bed: &Bed, method: &str, body: &B) -> anyhow::Result<Message>
where
    B: serde::Serialize + zbus::DynamicType,
{
    bed.machine.run(async |connection| {
        let mut client = Client::new(connection);
        let call = client.begin_of(WRITER, method, body).await?;
        client.reply(call).await
    })
}

/// What an answer of our own interface says under a name.
pub fn answer(reply: &Message, name: &str) -> anyhow::Result<OwnedVariant> {
    let mut answer: BTreeMap<String, OwnedVariant> = reply.body().deserialize()?;
    answer.remove(name).context("the answer does not say that")
}

/// A keyword of VINI, as `UpdateKeyword` takes it.
pub fn value(keyword: &'static str, value: &[u8]) -> Variant<'static> {
    Variant::from(("VINI", keyword, value.to_vec()))
}

/// What an EEPROM says of a keyword of VINI.
pub fn chip(bed: &Bed, name: &str, keyword: &'static str) -> anyhow::Result<String> {
    let reply = call(bed, "ReadKeyword", &(format!("file:{name}"), Variant::from(("VINI", keyword))))?;
    let value: OwnedVariant = reply.body().deserialize()?;
    Ok(String::from_utf8(value.try_into()?)?)
}

/// What the inventory shows of a keyword of VINI.
pub fn inventory(bed: &Bed, name: &str, keyword: &str) -> anyhow::Result<Option<String>> {
    bed.machine.property(&object(name), &interface_of("VINI"), keyword)
}

/// An image by a description of `tests/data/vpd` in which texts are others.
pub fn image(name: &str, others: &[(&str, &str)]) -> anyhow::Result<Vec<u8>> {
    let path = repository().join("tests/data/vpd").join(format!("{name}.toml"));
    let mut text = std::fs::read_to_string(path)?;
    for (old, new) in others {
        anyhow::ensure!(text.contains(old), "{name} has no {old}");
        text = text.replace(old, new);
    }
    Ok(vpd_builder::build(&text)?)
}

/// Puts lines before an EEPROM's fragment.
pub fn describe(bed: &Bed, name: &str, lines: &str) -> anyhow::Result<()> {
    let path = bed.machine.root().join(format!("run/vivianite/vpd/active/frus/file:{name}.toml"));
    let text = std::fs::read_to_string(&path)?;
    Ok(std::fs::write(path, format!("{lines}{text}"))?)
}

/// Says what of EEPROMs is kept a second time.
pub fn keep(bed: &Bed, text: &str) -> anyhow::Result<()> {
    Ok(std::fs::write(bed.machine.root().join("run/vivianite/vpd/active/backups.toml"), text)?)
}

/// A chip of the I²C bus that only a [`writer`] sees.
pub fn i2c_chip(bed: &Bed, key: &str) -> anyhow::Result<PathBuf> {
    let folder = bed.machine.root().join("bus/i2c/devices").join(key);
    std::fs::create_dir_all(&folder)?;
    Ok(folder.join("eeprom"))
}

/// The writer, which sees those chips; `None` where nothing can be mounted in a namespace, which it says.
#[expect(clippy::print_stdout, reason = "the test harness shows it")]
pub fn writer(bed: &Bed) -> anyhow::Result<Option<Daemon>> {
    let mount = |rest: &str| {
        let mut command = Command::new("unshare");
        let script = format!("mount --bind \"$1\" /sys/bus && shift && {rest}");
        command.args(["--map-current-user", "--keep-caps", "--mount", "sh", "-c", &script, "sh"]);
        command.arg(bed.machine.root().join("bus"));
        command
    };
    if !mount("true").status().is_ok_and(|status| status.success()) {
        println!("SKIPPED redundant EEPROMs: nothing can be mounted in a namespace here");
        anyhow::ensure!(std::env::var("CI").as_deref() != Ok("true"), "which CI must be able to");
        return Ok(None);
    }
    let bare = bed.machine.command("vpd-writer")?;
    let mut command = mount("exec \"$@\"");
    command.arg(bare.get_program()).args(bare.get_args());
    command.envs(bare.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Daemon::spawn_ready("vpd-writer", &mut command, bed.machine.folder(), test_bus::LIMIT).map(Some)
}
