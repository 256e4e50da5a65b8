//! Playing a scenario: its boots one after another, on the same disk and the same EEPROMs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::machine::Machine;
use super::scenario::{Boot, Clock, Extent, Scenario};
use super::{Guest, overlay, regions, upstream};
use crate::build::Profile;
use crate::output;
use crate::workspace::Workspace;

/// What stays from boot to boot, and what comes back.
struct Stage {
    folder: PathBuf,
    initrd: PathBuf,
    eeproms: PathBuf,
    regions: PathBuf,
    disk: Option<PathBuf>,
    clock: Clock,
}

/// Plays the boots of an extent; says how long QEMU ran.
pub fn play(
    workspace: &Workspace,
    guest: &Guest,
    scenario: &Scenario,
    profile: Profile,
    extent: Extent,
) -> Result<Duration> {
    let folder = workspace.target.join("vm").join(&scenario.name);
    let stage = Stage::set(workspace, guest, scenario, profile, folder)?;
    output::progress(format!("logs and results: {}", stage.folder.display()));
    let mut total = Duration::ZERO;
    for (number, boot) in scenario.plan.boots(extent) {
        overlay::write_images(workspace, scenario, &boot.swap, &stage.eeproms)?;
        let started = Instant::now();
        let machine = stage.machine(guest, number, boot, extent)?;
        regions::load(&stage.eeproms, &stage.regions)?;
        let ended = machine.run(boot.end);
        regions::save(&stage.regions, &stage.eeproms)?;
        judge(ended, boot.expect.as_deref())
            .with_context(|| format!("{}, boot {}", scenario.name, number))?;
        let time = started.elapsed();
        let time_taken = output::seconds(time);
        output::progress(format!("{}, boot {number} ended as it should after {time_taken}", scenario.name));
        total += time;
    }
    // The archives are the same for every boot and large; what tells about the run stays.
    fs::remove_file(&stage.initrd)?;
    fs::remove_file(&stage.regions)?;
    if let Some(judge) = &scenario.judge {
        upstream::compare(judge, &results(workspace, scenario)).with_context(|| scenario.name.clone())?;
    }
    Ok(total)
}

/// Whether a boot ended as it was meant to: well, or in the failure that it is there to show.
fn judge(ended: Result<()>, expected: Option<&str>) -> Result<()> {
    match (ended, expected) {
        (ended, None) => ended,
        (Err(error), Some(expected)) if error.to_string().contains(expected) => Ok(()),
        (Err(error), Some(expected)) => Err(error.context(format!("another failure than: {expected}"))),
        (Ok(()), Some(expected)) => bail!("this was not found: {expected}"),
    }
}

/// What the script of the first boot said, when the scenario was played last.
pub fn log(workspace: &Workspace, scenario: &Scenario) -> Result<String> {
    let path = workspace.target.join("vm").join(&scenario.name).join("boot-1/live.log");
    let log = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    Ok(String::from_utf8_lossy(&log).into_owned())
}

/// The folder with what the script of the first boot has left, when the scenario was played last.
pub fn results(workspace: &Workspace, scenario: &Scenario) -> PathBuf {
    workspace.target.join("vm").join(&scenario.name).join("boot-1/results")
}

/// Boots the scenario's machine once, with a shell instead of the script.
pub fn shell(workspace: &Workspace, guest: &Guest, scenario: &Scenario, profile: Profile) -> Result<()> {
    // Not the folder that a run of the same scenario would empty.
    let folder = workspace.target.join("vm").join(format!("shell-{}", scenario.name));
    let stage = Stage::set(workspace, guest, scenario, profile, folder)?;
    let boot = scenario.plan.boots.first().context("a scenario boots at least once")?;
    output::progress(
        "the shell's end is the machine's; Ctrl-A X ends it at once, Ctrl-A C is QEMU's monitor",
    );
    let machine = stage.machine(guest, 1, boot, Extent::Quick)?;
    regions::load(&stage.eeproms, &stage.regions)?;
    machine.shell()?;
    Ok(fs::remove_file(&stage.initrd)?)
}

impl Stage {
    fn set(
        workspace: &Workspace,
        guest: &Guest,
        scenario: &Scenario,
        profile: Profile,
        folder: PathBuf,
    ) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
        }
        let eeproms = folder.join("eeproms");
        fs::create_dir_all(&eeproms).with_context(|| format!("creating {}", eeproms.display()))?;
        overlay::write_images(workspace, scenario, scenario.plan.images(), &eeproms)?;
        for (key, cells) in &scenario.cells {
            overlay::write_cells(scenario, key, cells.clone(), &eeproms)?;
        }
        let initrd = folder.join("initrd.cpio");
        join(&[&guest.userland, &guest.modules], &overlay::build(workspace, scenario, profile)?, &initrd)?;
        let disk = (scenario.plan.disk_mib > 0).then(|| folder.join("var.disk"));
        if let Some(disk) = &disk {
            // Full of holes, so it takes what the guest writes; the guest makes the file system.
            File::create(disk)?.set_len(scenario.plan.disk_mib << 20)?;
        }
        let regions = folder.join("regions");
        Ok(Self { folder, initrd, eeproms, regions, disk, clock: scenario.clock })
    }

    fn machine<'a>(
        &'a self,
        guest: &'a Guest,
        number: usize,
        boot: &Boot,
        extent: Extent,
    ) -> Result<Machine<'a>> {
        let out = self.folder.join(format!("boot-{number}"));
        fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
        Ok(Machine {
            kernel: &guest.kernel,
            initrd: &self.initrd,
            disk: self.disk.as_deref(),
            regions: &self.regions,
            out,
            number,
            clock: self.clock,
            limit: Duration::from_secs(boot.limit_s),
            margin: Duration::from_secs(boot.margin_s),
            mask: boot.mask.clone(),
            full: extent == Extent::Full,
        })
    }
}

/// Puts archives one after another; a later entry takes the place of an earlier one.
fn join(archives: &[&Path], last: &[u8], target: &Path) -> Result<()> {
    let mut joined = File::create(target).with_context(|| format!("creating {}", target.display()))?;
    for archive in archives {
        let mut part = File::open(archive).with_context(|| format!("opening {}", archive.display()))?;
        io::copy(&mut part, &mut joined)?;
    }
    io::copy(&mut io::Cursor::new(last), &mut joined)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expected_failure_has_to_come_and_to_be_the_right_one() {
        let failed = || Err(anyhow::anyhow!("the script ended with 3\n  | log"));
        assert!(judge(Ok(()), None).is_ok());
        assert!(judge(failed(), None).is_err());
        assert!(judge(failed(), Some("ended with 3")).is_ok());
        assert!(judge(failed(), Some("hung")).is_err());
        assert!(judge(Ok(()), Some("hung")).is_err());
    }
}
