//! The guest's Debian userland, as an archive for the kernel. The same suite as here, so our binaries run in it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use super::cache::{self, Key};
use crate::step::Step;

/// Changed when anything below changes what comes out of the same packages.
const RECIPE: &str = "1";

/// Beside the essential packages. `usr-is-merged` stands in for `usrmerge`, which needs all of perl.
const PACKAGES: &str =
    "usr-is-merged,systemd,systemd-sysv,udev,dbus,dbus-broker,kmod,e2fsprogs,gpiod,libgcc-s1";

/// What packages bring that no test reads.
const EXCLUDED: [&str; 6] = ["doc", "man", "locale", "info", "zoneinfo", "bash-completion"];

/// What is taken away at the end: the package system, perl, character sets, the hardware database.
const PRUNED: &str = "rm -rf \"$1\"/var/lib/dpkg \"$1\"/var/lib/apt \"$1\"/var/cache/* \"$1\"/var/log/* \
    \"$1\"/usr/lib/*/perl-base \"$1\"/usr/bin/perl* \"$1\"/usr/share/perl* \"$1\"/usr/lib/*/gconv \
    \"$1\"/usr/lib/udev/hwdb* \"$1\"/etc/udev/hwdb* \"$1\"/usr/lib/apt \"$1\"/usr/bin/apt* \"$1\"/usr/lib/dpkg \
    \"$1\"/etc/machine-id \"$1\"/etc/initrd-release";

/// The archive.
pub fn obtain() -> Result<PathBuf> {
    let release = std::fs::read_to_string("/etc/os-release").context("reading which release this is")?;
    let suite = suite(&release).context("/etc/os-release names no VERSION_CODENAME")?;
    let key = Key::of([RECIPE, suite, PACKAGES, PRUNED, &EXCLUDED.concat()]);
    let folder = cache::obtain("userland", key, |folder| {
        let tar = folder.join("root.tar");
        let excludes = EXCLUDED.map(|name| format!("--dpkgopt=path-exclude=/usr/share/{name}/*"));
        Step::new("mmdebstrap")
            .args(["--mode=auto", "--variant=essential", "--dpkgopt=force-unsafe-io"])
            .arg("--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr")
            .arg(format!("--include={PACKAGES}"))
            .arg("--aptopt=Apt::Install-Recommends \"false\"")
            .args(excludes)
            .arg(format!("--customize-hook={PRUNED}"))
            .arg(suite)
            .arg(&tar)
            .deadline(Duration::from_secs(600))
            .run_quietly()?;
        // From archive to archive, so that owners and device nodes need no root here.
        Step::new("bsdtar")
            .args(["--format=newc", "-cf"])
            .arg(folder.join("base.cpio"))
            .arg(format!("@{}", tar.display()))
            .run_quietly()?;
        Ok(std::fs::remove_file(tar)?)
    })?;
    Ok(folder.join("base.cpio"))
}

fn suite(release: &str) -> Option<&str> {
    release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suite_is_the_one_of_this_machine() {
        assert_eq!(suite("NAME=x\nVERSION_CODENAME=bookworm\n"), Some("bookworm"));
        assert_eq!(suite("NAME=x\n"), None);
    }
}
