//! What an administrator's tools take for the same: `tar -xf`, then `openssl dgst -verify` of every member.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};

use super::Time;

/// Unpacks and verifies.
pub fn run(image: &Path, folder: &Path) -> Result<Time> {
    let target = folder.join("unpacked");
    fs::create_dir(&target)?;
    let (began, before) = (Instant::now(), children_time()?);
    succeed(Command::new("tar").arg("-xf").arg(image).arg("-C").arg(&target))?;
    let mut members: Vec<_> = fs::read_dir(&target)?.collect::<Result<_, _>>()?;
    members.retain(|member| !member.file_name().to_string_lossy().ends_with(".sig"));
    for member in members {
        let path = member.path();
        let signature = format!("{}.sig", path.display());
        let mut command = Command::new("openssl");
        command.args(["dgst", "-sha256", "-verify"]).arg(target.join("publickey"));
        command.arg("-signature").arg(signature).arg(path).stdout(std::process::Stdio::null());
        succeed(&mut command)?;
    }
    let time = Time { wall: began.elapsed(), processor: children_time()?.saturating_sub(before) };
    fs::remove_dir_all(&target)?;
    Ok(time)
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

/// What ended children have used of the processor.
fn children_time() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    let micros = micros(usage.user_time()) + micros(usage.system_time());
    Ok(Duration::from_micros(u64::try_from(micros).unwrap_or_default()))
}
