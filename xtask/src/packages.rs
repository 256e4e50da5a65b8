//! Debian packages that a command needs: looked for, and installed when missing.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::output;
use crate::step::{Step, find_program};

/// A Debian package with the program or file by which other systems can tell that they have the same thing.
#[derive(Clone, Copy)]
pub struct Package {
    name: &'static str,
    evidence: Evidence,
    purpose: &'static str,
}

#[derive(Clone, Copy)]
enum Evidence {
    Program(&'static str),
    File(&'static str),
}

use Evidence::{File, Program};

/// The message bus that tests and measurements run privately.
pub const DBUS: Package =
    Package { name: "dbus", evidence: Program("dbus-daemon"), purpose: "private buses" };
/// `busctl`, which shows objects of a bus.
pub const SYSTEMD: Package = Package { name: "systemd", evidence: Program("busctl"), purpose: "busctl" };
/// Stripping of binaries.
pub const BINUTILS: Package =
    Package { name: "binutils", evidence: Program("strip"), purpose: "stripped sizes" };
/// Compression as the root file system does it.
pub const XZ: Package = Package { name: "xz-utils", evidence: Program("xz"), purpose: "compressed sizes" };
/// Keys and signatures that ours are compared with.
pub const OPENSSL: Package =
    Package { name: "openssl", evidence: Program("openssl"), purpose: "signatures of images" };
/// Counting of instructions.
pub const VALGRIND: Package =
    Package { name: "valgrind", evidence: Program("valgrind"), purpose: "instruction counts" };
/// Counting of bytes read from one file.
pub const STRACE: Package =
    Package { name: "strace", evidence: Program("strace"), purpose: "bytes read, kills" };
/// The C compiler.
pub const GCC: Package = Package { name: "gcc", evidence: Program("gcc"), purpose: "the C twins" };
/// The C++ compiler.
pub const GXX: Package = Package { name: "g++", evidence: Program("g++"), purpose: "the fuzzing engine" };
/// sd-bus for the C twin.
pub const LIBSYSTEMD: Package = Package {
    name: "libsystemd-dev",
    evidence: File("/usr/include/systemd/sd-bus.h"),
    purpose: "sd-bus of the C twin",
};
/// libudev for the crates that watch devices.
pub const LIBUDEV: Package = Package {
    name: "libudev-dev",
    evidence: File("/usr/include/libudev.h"),
    purpose: "crates that watch devices",
};

/// How the build of such a crate finds libudev.
pub const PKG_CONFIG: Package =
    Package { name: "pkg-config", evidence: Program("pkg-config"), purpose: "finding libudev" };

/// What a virtual machine is made of and runs in.
pub const VM: [Package; 10] = [
    Package { name: "qemu-system-x86", evidence: Program("qemu-system-x86_64"), purpose: "the machine" },
    Package { name: "mmdebstrap", evidence: Program("mmdebstrap"), purpose: "the guest's userland" },
    Package { name: "libarchive-tools", evidence: Program("bsdtar"), purpose: "the guest's first root" },
    Package { name: "kmod", evidence: File("/sbin/depmod"), purpose: "the guest's modules" },
    Package { name: "linux-headers-amd64", evidence: File("/usr/src"), purpose: "our kernel modules" },
    Package { name: "make", evidence: Program("make"), purpose: "our kernel modules" },
    Package { name: "util-linux", evidence: Program("setpriv"), purpose: "ending the machine with us" },
    GCC,
    XZ,
    BINUTILS,
];

/// Makes sure that the packages are there; installs those that are not.
///
/// Errors: on other systems than Debian, the list of what is missing; otherwise the failure of `apt-get`.
pub fn require(wanted: &[Package]) -> Result<()> {
    let debian = find_program("dpkg-query").is_some() && find_program("apt-get").is_some();
    let missing: Vec<Package> = wanted
        .iter()
        .copied()
        .filter(|package| !if debian { installed(package) } else { evident(package) })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !debian {
        bail!("this is not Debian, please provide: {}", describe(&missing));
    }
    output::progress(format!("installing {}", describe(&missing)));
    apt_get(&["update"])?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(missing.iter().map(|package| package.name));
    apt_get(&arguments)
}

fn describe(packages: &[Package]) -> String {
    let one = |package: &Package| {
        let (Program(evidence) | File(evidence)) = package.evidence;
        format!("{} (has {evidence}, for {})", package.name, package.purpose)
    };
    packages.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn installed(package: &Package) -> bool {
    let query = Step::new("dpkg-query").args(["-W", "-f=${db:Status-Status}", package.name]).capture();
    query.is_ok_and(|captured| captured.status.success() && captured.stdout == b"installed")
}

fn evident(package: &Package) -> bool {
    match package.evidence {
        Program(name) => find_program(name).is_some(),
        File(path) => std::path::Path::new(path).exists(),
    }
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let root = nix::unistd::geteuid().is_root();
    let step = if root { Step::new("apt-get") } else { Step::new("sudo").args(["-n", "apt-get"]) };
    step.args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .deadline(Duration::from_secs(600))
        .run_quietly()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn description_names_package_evidence_and_purpose() {
        assert_eq!(describe(&[XZ]), "xz-utils (has xz, for compressed sizes)");
    }
}
