//! Debian packages that a command needs: looked for, and installed when missing, all in one step at its beginning.
//!
//! [`needs`](crate::needs) says which [`Part`]s a command has, [`provide`] installs what they take. Where a part begins
//! its work, [`require`] has another look, and refuses what the command did not state.

use std::io::IsTerminal;
use std::sync::OnceLock;
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

const DBUS: Package = Package { name: "dbus", evidence: Program("dbus-daemon"), purpose: "private buses" };
const SYSTEMD: Package = Package { name: "systemd", evidence: Program("busctl"), purpose: "busctl" };
const BINUTILS: Package =
    Package { name: "binutils", evidence: Program("strip"), purpose: "stripping binaries" };
const XZ: Package = Package { name: "xz-utils", evidence: Program("xz"), purpose: "compressed sizes" };
const OPENSSL: Package =
    Package { name: "openssl", evidence: Program("openssl"), purpose: "signatures of images" };
const VALGRIND: Package =
    Package { name: "valgrind", evidence: Program("valgrind"), purpose: "instruction counts" };
const STRACE: Package = Package { name: "strace", evidence: Program("strace"), purpose: "bytes read, kills" };
const GCC: Package = Package { name: "gcc", evidence: Program("gcc"), purpose: "the C twins" };
const GXX: Package = Package { name: "g++", evidence: Program("g++"), purpose: "the fuzzing engine" };
const LIBSYSTEMD: Package = Package {
    name: "libsystemd-dev",
    evidence: File("/usr/include/systemd/sd-bus.h"),
    purpose: "sd-bus of the C twin",
};
const LIBUDEV: Package = Package {
    name: "libudev-dev",
    evidence: File("/usr/include/libudev.h"),
    purpose: "crates that watch devices",
};
const PKG_CONFIG: Package =
    Package { name: "pkg-config", evidence: Program("pkg-config"), purpose: "finding libudev" };

/// What a virtual machine is made of and runs in.
const MACHINES: [Package; 10] = [
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

/// A kind of work that takes packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Compiling our programs.
    Build,
    /// Services on a private bus, and a look at them.
    Bus,
    /// The tests that cargo knows; the instruments of the benches are tested too.
    Tests,
    /// Taking symbols out of programs.
    Strip,
    /// Weighing programs.
    Size,
    /// Fuzzing.
    Fuzz,
    /// Machines in QEMU. Those who want them can do without: what plays them says that it was skipped.
    Machines,
    /// The bench of the parsers.
    BenchVpd,
    /// The bench of firmware images.
    BenchImages,
    /// The bench of what administers vital product data.
    BenchWriter,
}

impl Part {
    fn packages(self) -> &'static [Package] {
        match self {
            Self::Build => &[LIBUDEV, PKG_CONFIG],
            Self::Bus => &[DBUS, SYSTEMD],
            Self::Tests => &[DBUS, SYSTEMD, OPENSSL, LIBUDEV, PKG_CONFIG, GCC, LIBSYSTEMD, STRACE, VALGRIND],
            Self::Strip => &[BINUTILS],
            Self::Size => &[BINUTILS, XZ],
            Self::Fuzz => &[GXX],
            Self::Machines => &MACHINES,
            Self::BenchVpd => &[DBUS, VALGRIND, STRACE, GCC, LIBSYSTEMD],
            Self::BenchImages => &[DBUS, OPENSSL, XZ],
            Self::BenchWriter => &[DBUS, STRACE],
        }
    }

    /// Why the part is impossible on this machine whatever is installed, if so.
    pub fn obstacle(self) -> Option<String> {
        let architecture = std::env::consts::ARCH;
        (self == Self::Machines && architecture != "x86_64")
            .then(|| format!("the machine runs our binaries, and is no {architecture}"))
    }
}

/// What the command has stated, by its parts.
static STATED: OnceLock<Vec<Part>> = OnceLock::new();

/// Installs what all parts of a command take, in one step. The packages of machines may stay away.
///
/// Errors: on other systems than Debian, the list of what is missing; otherwise the failure of `apt-get`.
pub fn provide(parts: &[Part]) -> Result<()> {
    STATED.get_or_init(|| parts.to_vec());
    let possible: Vec<Part> = parts.iter().copied().filter(|part| part.obstacle().is_none()).collect();
    let Err(error) = install(&wanted(&possible)) else { return Ok(()) };
    let needed: Vec<Part> = possible.iter().copied().filter(|part| *part != Part::Machines).collect();
    if needed.len() == possible.len() {
        return Err(error);
    }
    output::error(&error.context("there will be no machines"));
    install(&wanted(&needed))
}

/// Makes sure that a part has its packages.
///
/// Errors: the command has not stated the part, which is a fault of [`needs`](crate::needs); as [`provide`].
pub fn require(part: Part) -> Result<()> {
    if let Some(stated) = STATED.get() {
        is_stated(part, stated)?;
    }
    install(part.packages())
}

fn is_stated(part: Part, stated: &[Part]) -> Result<()> {
    let known = wanted(stated);
    match part.packages().iter().find(|package| !known.iter().any(|known| known.name == package.name)) {
        Some(package) => {
            bail!("{} is needed for {part:?}, which xtask/src/needs.rs does not state", package.name)
        }
        None => Ok(()),
    }
}

/// The packages of these parts, each once.
fn wanted(parts: &[Part]) -> Vec<Package> {
    let mut wanted: Vec<Package> = Vec::new();
    for package in parts.iter().flat_map(|part| part.packages()) {
        if !wanted.iter().any(|known| known.name == package.name) {
            wanted.push(*package);
        }
    }
    wanted
}

fn install(wanted: &[Package]) -> Result<()> {
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
    // Where a person sits, sudo may ask for the password.
    let alone: &[&str] = if std::io::stdin().is_terminal() { &[] } else { &["-n"] };
    let step = if root { Step::new("apt-get") } else { Step::new("sudo").args(alone).arg("apt-get") };
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

    #[test]
    fn a_package_of_several_parts_is_asked_for_once() {
        let wanted = wanted(&[Part::Size, Part::Strip, Part::Machines]);
        let names: Vec<&str> = wanted.iter().map(|package| package.name).collect();
        assert_eq!(names.iter().filter(|name| **name == "binutils").count(), 1, "{names:?}");
        assert!(names.contains(&"xz-utils") && names.contains(&"mmdebstrap"), "{names:?}");
    }

    #[test]
    fn what_a_command_did_not_state_is_refused_even_where_it_is_installed() {
        assert!(is_stated(Part::Build, &[Part::Tests]).is_ok());
        let error = is_stated(Part::Fuzz, &[Part::Tests]).unwrap_err().to_string();
        assert_eq!(error, "g++ is needed for Fuzz, which xtask/src/needs.rs does not state");
    }
}
