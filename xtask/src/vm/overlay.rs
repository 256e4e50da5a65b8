//! What one scenario's guest has beyond Debian: the bed, our installed tree, the scenario's files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use unit_plan::{Place, Unit};

use super::archive::Archive;
use super::chips::{self, I2c};
use super::left_out;
use super::scenario::{Bus, Plan, Scenario};
use crate::build::{self, Profile};
use crate::dist::{self, Strip};
use crate::step::Step;
use crate::workspace::Workspace;

/// Units that a test machine does without: consoles, seats, and what only a machine with a past needs.
const MASKED: [&str; 28] = [
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "kmod-static-nodes.service",
    "modprobe@dm_mod.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "modprobe@fuse.service",
    "modprobe@loop.service",
    "sys-kernel-tracing.mount",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-journal-flush.service",
    "systemd-logind.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-sysctl.service",
    "systemd-tmpfiles-clean.timer",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
    "systemd-user-sessions.service",
];

/// The crate of stand-ins for other services.
const PEERS: &str = "test-peers";
/// The crate of what a local user may do to services.
const ATTACKS: &str = "test-attacks";

/// The programs for tests that a plan needs.
fn helpers(plan: &Plan) -> impl Iterator<Item = &'static str> + use<> {
    [(PEERS, !plan.peers.is_empty()), (ATTACKS, plan.attacks)]
        .into_iter()
        .filter(|(_, is_needed)| *is_needed)
        .map(|(name, _)| name)
}

/// The descriptions of systems: the scenario's own, those that are shipped, or those of most scenarios.
fn configs(workspace: &Workspace, scenario: &Scenario) -> PathBuf {
    let own = scenario.configs.clone().unwrap_or_else(|| scenario.folder.join("configs"));
    if own.is_dir() {
        own
    } else if scenario.plan.shipped {
        workspace.root.join("configs")
    } else {
        workspace.root.join("tests/vm/configs")
    }
}

/// Builds the archive.
pub fn build(workspace: &Workspace, scenario: &Scenario, profile: Profile) -> Result<Vec<u8>> {
    let installed = tempfile::tempdir().context("creating a folder for what is installed")?;
    dist::install_data(&workspace.root, installed.path())?;
    dist::install_vpd(&configs(workspace, scenario), installed.path())?;
    for program in &scenario.plan.programs {
        dist::install_binary(workspace, program, profile, Strip::Symbols, installed.path())?;
    }
    for name in helpers(&scenario.plan) {
        install_helper(workspace, name, profile, installed.path())?;
    }
    left_out::remove(installed.path())?;
    let units = left_out::units(installed.path())?.join("\n") + "\n";
    let mut archive = Archive::default();
    archive.link("init", "usr/lib/systemd/systemd")?;
    for unit in MASKED {
        archive.link(&format!("etc/systemd/system/{unit}"), "/dev/null")?;
    }
    archive.tree(&workspace.root.join("tests/vm/guest"))?;
    archive.tree(installed.path())?;
    archive.file("etc/bed/units", units.as_bytes(), 0o644)?;
    describe(&mut archive, scenario)?;
    for files in scenario.folders().map(|folder| folder.join("root")).filter(|files| files.is_dir()) {
        archive.tree(&files)?;
        // Units are looked for where all trees lie as one.
        Step::new("cp").arg("-a").arg(files.join(".")).arg(installed.path()).output()?;
    }
    for (path, text) in &scenario.made {
        archive.file(path, text.as_bytes(), 0o644)?;
    }
    for name in &scenario.plan.plans {
        let plan = unit_plan::Plan::make(&Unit::load(installed.path(), name)?, &Place::system())?;
        archive.file(&format!("etc/bed/plans/{name}"), plan.lines().as_bytes(), 0o644)?;
    }
    archive.finish()
}

/// Builds the programs of a plan, which are found built when its archive is made.
pub fn build_programs(workspace: &Workspace, plan: &Plan, profile: Profile) -> Result<()> {
    let helpers: Vec<&str> = helpers(plan).collect();
    for name in plan.programs.iter().map(String::as_str).chain(helpers) {
        let member = workspace.crates.iter().find(|member| member.name == name);
        build::binary(
            workspace,
            member.with_context(|| format!("there is no crate {name}"))?,
            profile,
            None,
        )?;
    }
    Ok(())
}

/// Turns the plan into files that the bed's scripts read.
fn describe(archive: &mut Archive, scenario: &Scenario) -> Result<()> {
    let plan = &scenario.plan;
    let mut names = Vec::new();
    for (name, folder) in scenario.scripts() {
        let script = folder.join("script.sh");
        let script = std::fs::read(&script).with_context(|| format!("reading {}", script.display()))?;
        archive.file(&format!("etc/bed/scripts/{name}.sh"), &script, 0o644)?;
        names.push(name);
    }
    archive.file("etc/bed/order", lines(names).as_bytes(), 0o644)?;
    if plan.bus == Bus::DbusDaemon {
        archive.link("etc/systemd/system/dbus.service", "/usr/lib/systemd/system/dbus.service")?;
    }
    if plan.disk_mib > 0 {
        archive.file("etc/fstab", b"/dev/vda /var ext4 x-systemd.makefs 0 0\n", 0o644)?;
        archive.file("etc/modules-load.d/bed-disk.conf", b"virtio_blk\next4\n", 0o644)?;
    }
    describe_chips(archive, plan)?;
    if !plan.peers.is_empty() {
        archive.file("etc/bed/peers.toml", peers(plan)?.as_bytes(), 0o644)?;
    }
    if !plan.gpio.is_empty() {
        let options = format!("options gpio_lines_sim names={}\n", plan.gpio.join(","));
        archive.file("etc/modprobe.d/bed-gpio.conf", options.as_bytes(), 0o644)?;
        archive.file("etc/modules-load.d/bed-gpio.conf", b"gpio_lines_sim\n", 0o644)?;
        archive.file("etc/bed/pulled-up", lines(&plan.pulled_up).as_bytes(), 0o644)?;
    }
    Ok(())
}

/// The chips, which of them have clients when udev starts, and the modules for both.
fn describe_chips(archive: &mut Archive, plan: &Plan) -> Result<()> {
    if plan.i2c.is_none() && plan.chips.is_empty() {
        return Ok(());
    }
    // Without a row there is no bus but for single chips.
    let row = plan.i2c.as_ref().map(I2c::options).unwrap_or_else(|| Ok("buses=0".to_owned()))?;
    archive.file(
        "etc/modprobe.d/bed-i2c.conf",
        format!("options i2c_eeprom_sim {row}\n").as_bytes(),
        0o644,
    )?;
    archive.file("etc/bed/modules", lines(chips::modules(&plan.chips)?).as_bytes(), 0o644)?;
    let mut made = String::new();
    let mut coldplug = String::new();
    for (key, i2c) in plan.i2c.iter().flat_map(|i2c| i2c.coldplug.iter().map(move |key| (key, i2c))) {
        coldplug += &format!("{key} {}\n", i2c.part(key)?);
    }
    for (key, chip) in chips::in_order(&plan.chips)? {
        made += &chip.line(key)?;
        coldplug += &chip.client(key)?.unwrap_or_default();
    }
    archive.file("etc/bed/chips", made.as_bytes(), 0o644)?;
    archive.file("etc/bed/eeproms", coldplug.as_bytes(), 0o644)
}

fn lines<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    texts.into_iter().fold(String::new(), |all, text| all + text.as_ref() + "\n")
}

/// The stand-ins' plan. JSON's texts and lists of texts are TOML's too.
fn peers(plan: &Plan) -> Result<String> {
    let mut text = format!("peers = {}\n", serde_json::to_string(&plan.peers)?);
    for (path, services) in &plan.mapped {
        text += &format!("[mapped.{}]\n", serde_json::to_string(path)?);
        for (service, interfaces) in services {
            text +=
                &format!("{} = {}\n", serde_json::to_string(service)?, serde_json::to_string(interfaces)?);
        }
    }
    Ok(text)
}

/// Builds a program for tests and puts it where units and scripts look for it.
fn install_helper(workspace: &Workspace, name: &str, profile: Profile, installed: &Path) -> Result<()> {
    let member = workspace.crates.iter().find(|member| member.name == name);
    let member = member.with_context(|| format!("there is no crate {name}"))?;
    let built = build::binary(workspace, member, profile, None)?;
    let folder = installed.join("usr/local/libexec/bed");
    std::fs::create_dir_all(&folder)?;
    Step::new("strip").arg(built).arg("-o").arg(folder.join(name)).output()?;
    Ok(())
}

/// Writes what the cells of the EEPROMs hold where the machine takes it from; swaps parts.
pub fn write_images<'a>(
    workspace: &Workspace,
    scenario: &Scenario,
    images: impl IntoIterator<Item = (&'a String, &'a String)>,
    eeproms: &Path,
) -> Result<()> {
    for (key, name) in images {
        let image = crate::fixtures::image(&workspace.root, name)?;
        write_cells(scenario, key, image, eeproms).with_context(|| format!("{name} in {key}"))?;
    }
    Ok(())
}

/// Writes what the cells of one EEPROM hold.
pub fn write_cells(scenario: &Scenario, key: &str, image: Vec<u8>, eeproms: &Path) -> Result<()> {
    let room = chips::size_of_part(scenario.plan.part(key)?)?;
    let cells = fit(image, room).with_context(|| format!("{key} has {room} bytes"))?;
    let path = eeproms.join(format!("{key}.bin"));
    std::fs::write(&path, cells).with_context(|| format!("writing {}", path.display()))
}

/// The image as cells: a part comes from its maker with all bits set, so blank bytes may be added or missing.
fn fit(mut image: Vec<u8>, room: usize) -> Result<Vec<u8>> {
    let tail = image.get(room..).unwrap_or_default();
    ensure!(tail.iter().all(|byte| *byte == 0xff), "the image is too large");
    image.resize(room, 0xff);
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_fit_when_only_blank_bytes_are_left_out() {
        assert_eq!(fit(vec![1, 2], 3).unwrap(), [1, 2, 0xff]);
        assert_eq!(fit(vec![1, 0xff, 0xff], 1).unwrap(), [1]);
        assert!(fit(vec![1, 2], 1).is_err());
    }
}
