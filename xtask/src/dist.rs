//! `cargo xtask dist`: everything that lands on the target, in a folder that mirrors its root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::build::{self, Profile};
use crate::output;
use crate::packages::{self, Part};
use crate::step::Step;
use crate::workspace::Workspace;

/// What goes where; a path below the left folder keeps its tail below the right one.
const PLACES: [(&str, &[&str], &str); 10] = [
    ("units/dbus/", &[".conf"], "usr/share/dbus-1/system.d/"),
    ("units/dbus/", &[".service"], "usr/share/dbus-1/system-services/"),
    ("units/sysusers/", &[".conf"], "usr/lib/sysusers.d/"),
    ("units/tmpfiles/", &[".conf"], "usr/lib/tmpfiles.d/"),
    (
        "units/",
        &[".service", ".target", ".slice", ".socket", ".timer", ".path", ".conf"],
        "usr/lib/systemd/system/",
    ),
    // For reading.
    ("udev-rules/demo/", &[], ""),
    // Static rules. What is filled in (`.in`) is written by `install_vpd`.
    ("udev-rules/", &[".rules"], "usr/lib/udev/rules.d/"),
    // Sources of what `install_vpd` writes.
    ("configs/vpd.d/", &[], ""),
    ("configs/systems/", &[], ""),
    ("configs/", &[".toml"], "usr/share/vivianite/"),
];

/// What to install, and where.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder that becomes the target's root
    #[arg(long)]
    destdir: PathBuf,
    /// How the binaries are built
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    profile: Profile,
    /// Strip the installed binaries
    #[arg(long)]
    pub strip: bool,
    /// Only the binaries of these crates; units, rules and configuration are always installed
    names: Vec<String>,
}

/// Builds and installs.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    let mut count = install_data(&workspace.root, &arguments.destdir)?;
    count += install_vpd(&workspace.root.join("configs"), &arguments.destdir)?;
    let strip = if arguments.strip { Strip::Symbols } else { Strip::Nothing };
    for member in workspace.shipped() {
        if !arguments.names.is_empty() && !arguments.names.contains(&member.name) {
            continue;
        }
        install_binary(&workspace, &member.name, arguments.profile, strip, &arguments.destdir)?;
        count += 1;
    }
    output::line(format!("dist: {count} files below {}", arguments.destdir.display()));
    Ok(())
}

/// What an installed binary loses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strip {
    /// Nothing; the image recipe splits and strips.
    Nothing,
    /// Everything that running does not need.
    Symbols,
}

/// Builds one shipped crate's binary and installs it; says where.
pub fn install_binary(
    workspace: &Workspace,
    name: &str,
    profile: Profile,
    strip: Strip,
    destdir: &Path,
) -> Result<PathBuf> {
    let member = workspace.crates.iter().find(|member| member.name == name && member.shipped());
    let member = member.with_context(|| format!("no shipped crate is called {name}"))?;
    let built = build::binary(workspace, member, profile, None)?;
    let folder = if member.house.tool { "usr/bin" } else { "usr/libexec/vivianite" };
    let target = destdir.join(folder).join(name);
    install(&built, &target, 0o755)?;
    if strip == Strip::Symbols {
        packages::require(Part::Strip)?;
        Step::new("strip").arg("--strip-all").arg(&target).output()?;
    }
    Ok(target)
}

/// Installs units, rules, policies and configuration; says how many files.
pub fn install_data(root: &Path, destdir: &Path) -> Result<usize> {
    let mut count = 0;
    for folder in ["units", "udev-rules", "configs"] {
        for path in files_below(&root.join(folder))? {
            let relative =
                path.strip_prefix(root).ok().and_then(Path::to_str).context("a path is not UTF-8")?;
            if let Some(target) = place(relative) {
                install(&path, &destdir.join(target), 0o644)?;
                count += 1;
            }
        }
    }
    Ok(count + enable(destdir)?)
}

/// Compiles a folder with `vpd.d` and `systems`, as `vpd-config build` does; says how many files it became.
pub fn install_vpd(source: &Path, destdir: &Path) -> Result<usize> {
    let image = vpd_config::Source { image: source, site: None, schema: &[] };
    let summary =
        vpd_config::build(&image, destdir).with_context(|| format!("compiling {}", source.display()))?;
    summary.warnings.iter().for_each(|warning| output::line(format!("warning: {warning}")));
    Ok(summary.files)
}

/// Where units lie, as the system finds them.
const UNITS: &str = "usr/lib/systemd/system";

/// Makes the links that `[Install]` sections ask for, as an image recipe does; says how many.
fn enable(destdir: &Path) -> Result<usize> {
    let mut count = 0;
    let folder = destdir.join(UNITS);
    for path in files_below(&folder)? {
        if path.parent() != Some(&folder) {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let name = path.file_name().and_then(|name| name.to_str()).context("a unit's name is text")?;
        for link in links(name, &text) {
            let link = folder.join(link);
            if let Some(parent) = link.parent() {
                fs::create_dir_all(parent)?;
            }
            if link.symlink_metadata().is_ok() {
                fs::remove_file(&link)?;
            }
            symlink(Path::new("/").join(UNITS).join(name), &link)
                .with_context(|| format!("linking {}", link.display()))?;
            count += 1;
        }
    }
    Ok(count)
}

/// The links, relative to the folder of units, by which a unit is enabled.
fn links(name: &str, text: &str) -> Vec<String> {
    let install = text.lines().skip_while(|line| line.trim() != "[Install]");
    let mut links = Vec::new();
    for (key, values) in install.filter_map(|line| line.split_once('=')) {
        for value in values.split_whitespace() {
            match key.trim() {
                "WantedBy" => links.push(format!("{value}.wants/{name}")),
                "RequiredBy" => links.push(format!("{value}.requires/{name}")),
                "Alias" => links.push(value.to_owned()),
                _ => {}
            }
        }
    }
    links
}

/// Where a file of the tree lands, if it does.
fn place(path: &str) -> Option<String> {
    let fits = |from: &str, endings: &[&str]| {
        path.strip_prefix(from).filter(|tail| endings.iter().any(|ending| tail.ends_with(ending)))
    };
    // The first folder that is meant decides; what it does not install is not installed.
    let first = PLACES.iter().map(|(from, _, _)| *from).find(|from| path.starts_with(from))?;
    let mut places = PLACES.iter().filter(|(from, _, _)| *from == first);
    places.find_map(|(from, endings, to)| fits(from, endings).map(|tail| format!("{to}{tail}")))
}

fn install(source: &Path, target: &Path, mode: u32) -> Result<()> {
    let folder = target.parent().context("a target lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    // A running program cannot be overwritten, but its name can be given to another file.
    let fresh = target.with_extension("new");
    fs::copy(source, &fresh).with_context(|| format!("copying {}", source.display()))?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(mode))?;
    fs::rename(&fresh, target).with_context(|| format!("installing {}", target.display()))
}

pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use unit_plan::{Place, Plan, Unit};

    use super::*;

    #[test]
    fn each_kind_of_file_has_its_place() {
        for (path, target) in [
            ("units/vpd-writer.service", Some("usr/lib/systemd/system/vpd-writer.service")),
            ("units/vpd.slice", Some("usr/lib/systemd/system/vpd.slice")),
            ("units/a@.service.d/10-lane.conf", Some("usr/lib/systemd/system/a@.service.d/10-lane.conf")),
            ("units/dbus/a.conf", Some("usr/share/dbus-1/system.d/a.conf")),
            ("units/dbus/a.service", Some("usr/share/dbus-1/system-services/a.service")),
            ("units/sysusers/a.conf", Some("usr/lib/sysusers.d/a.conf")),
            ("units/tmpfiles/a.conf", Some("usr/lib/tmpfiles.d/a.conf")),
            ("udev-rules/60-vpd.rules", Some("usr/lib/udev/rules.d/60-vpd.rules")),
            ("udev-rules/70-vpd.rules.in", None),
            ("udev-rules/demo/70-vpd.rules", None),
            ("udev-rules/README.md", None),
            ("configs/a.d/10-a.toml", Some("usr/share/vivianite/a.d/10-a.toml")),
            ("configs/systems/x/20-a.toml", None),
            ("configs/vpd.d/10-a.toml", None),
            ("units/README.md", None),
            ("crates/a/Cargo.toml", None),
        ] {
            assert_eq!(place(path).as_deref(), target, "{path}");
        }
    }

    #[test]
    fn a_unit_is_enabled_by_the_links_that_it_asks_for() {
        let text = "[Unit]\nAlias=no.service\n[Install]\nWantedBy=a.target b.target\nAlias=c.service\n";
        assert_eq!(
            links("x.service", text),
            ["a.target.wants/x.service", "b.target.wants/x.service", "c.service"]
        );
        assert!(links("x.service", "[Service]\nType=oneshot\n").is_empty());
    }

    #[test]
    fn static_udev_rules_are_installed_and_those_of_the_eeproms_are_the_compiled_ones() {
        let destdir = tempfile::tempdir().unwrap();
        let tree = tempfile::tempdir().unwrap();
        let rules = tree.path().join("udev-rules");
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("udev-rules");
        fs::create_dir_all(rules.join("demo")).unwrap();
        for name in ["70-vivianite-vpd.rules.in", "demo/70-vivianite-vpd.rules"] {
            fs::copy(own.join(name), rules.join(name)).unwrap();
        }
        fs::write(rules.join("60-later.rules"), "# static\n").unwrap();
        assert_eq!(install_data(tree.path(), destdir.path()).unwrap(), 1);
        let installed = files_below(destdir.path()).unwrap();
        assert_eq!(installed, [destdir.path().join("usr/lib/udev/rules.d/60-later.rules")]);
    }

    #[test]
    fn data_is_installed_readable_and_not_executable() {
        let (root, destdir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(root.path().join("configs/a.d")).unwrap();
        fs::write(root.path().join("configs/a.d/10-a.toml"), "a = 1").unwrap();
        assert_eq!(install_data(root.path(), destdir.path()).unwrap(), 1);
        let target = destdir.path().join("usr/share/vivianite/a.d/10-a.toml");
        assert_eq!(fs::metadata(target).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn every_unit_of_this_workspace_is_understood() {
        let destdir = tempfile::tempdir().unwrap();
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        install_data(workspace, destdir.path()).unwrap();
        let mut count = 0;
        for entry in fs::read_dir(destdir.path().join("usr/lib/systemd/system")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(stem) = name.strip_suffix(".service") {
                let name = if stem.ends_with('@') { format!("{stem}x.service") } else { name };
                let unit = Unit::load(destdir.path(), &name).unwrap();
                Plan::make(&unit, &Place::system()).unwrap();
                count += 1;
            }
        }
        assert!(count > 0);
    }
}
