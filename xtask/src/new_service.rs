//! `cargo xtask new-service NAME`: the skeleton that every service starts from.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::step::Step;
use crate::workspace::Workspace;
use crate::{output, tidy};

/// Path and content of each file; both may name the service.
const FILES: [(&str, &str); 13] = [
    ("crates/@NAME@/Cargo.toml", include_str!("../data/new-service/Cargo.toml.in")),
    ("crates/@NAME@/README.md", include_str!("../data/new-service/README.md.in")),
    ("crates/@NAME@/src/main.rs", include_str!("../data/new-service/src/main.rs.in")),
    ("crates/@NAME@/src/lib.rs", include_str!("../data/new-service/src/lib.rs.in")),
    ("crates/@NAME@/src/core.rs", include_str!("../data/new-service/src/core.rs.in")),
    ("crates/@NAME@/src/service.rs", include_str!("../data/new-service/src/service.rs.in")),
    ("crates/@NAME@/src/settings.rs", include_str!("../data/new-service/src/settings.rs.in")),
    ("crates/@NAME@/tests/service.rs", include_str!("../data/new-service/tests/service.rs.in")),
    ("crates/dbus-api/src/@CRATE@.rs", include_str!("../data/new-service/dbus-api.rs.in")),
    ("configs/@NAME@.d/10-defaults.toml", include_str!("../data/new-service/defaults.toml.in")),
    ("units/@NAME@.service", include_str!("../data/new-service/unit.service.in")),
    ("units/dbus/vivianite-@NAME@.conf", include_str!("../data/new-service/bus-policy.conf.in")),
    ("units/sysusers/vivianite-@NAME@.conf", include_str!("../data/new-service/sysusers.conf.in")),
];

/// What to create.
#[derive(clap::Args)]
pub struct Arguments {
    /// Name of crate, binary and unit: lower-case words with hyphens between
    name: String,
}

/// Writes the skeleton into the checkout.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    write(&workspace.root, &arguments.name)?;
    // Where imports stand among others depends on the name.
    Step::cargo().args(["fmt", "-p", &arguments.name]).dir(&workspace.root).run_quietly()?;
    output::line(format!(
        "crates/{0}, its unit, user and bus policy are there; give it a paragraph in ARCHITECTURE.md",
        arguments.name
    ));
    Ok(())
}

/// Writes the skeleton into a copy of the workspace, lints and tests it there.
pub fn try_out(workspace: &Workspace) -> Result<()> {
    const NAME: &str = "skeleton-probe";
    let folder = tempfile::tempdir().context("creating a folder for the copy")?;
    let root = folder.path();
    copy(&workspace.root, root)?;
    write(root, NAME)?;
    let cargo = |arguments: &[&str]| {
        Step::cargo()
            .args(arguments)
            // A target folder of its own, since the copy's packages are not those of the checkout.
            .env("CARGO_TARGET_DIR", workspace.target.join("xtask/skeleton"))
            .dir(root)
            .deadline(Duration::from_secs(900))
            .run_quietly()
    };
    cargo(&["fmt", "-p", NAME])?;
    cargo(&["clippy", "-p", NAME, "--all-targets", "--offline", "--", "-D", "warnings"])?;
    cargo(&["test", "-p", NAME, "--offline"])?;
    let breaches: Vec<String> =
        tidy::breaches(root)?.into_iter().filter(|line| line.contains(NAME)).collect();
    // Only people can write about it in the overview.
    let breaches: Vec<&String> =
        breaches.iter().filter(|line| !line.starts_with("ARCHITECTURE.md")).collect();
    ensure!(breaches.is_empty(), "the skeleton breaches the house rules: {breaches:?}");
    Ok(())
}

fn write(root: &Path, name: &str) -> Result<()> {
    ensure!(is_kebab_case(name), "{name} is not made of lower-case words with hyphens between");
    ensure!(!root.join("crates").join(name).exists(), "crates/{name} exists");
    for (path, text) in FILES {
        let target = root.join(fill(path, name));
        let folder = target.parent().context("a file lies in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        fs::write(&target, fill(text, name)).with_context(|| format!("writing {}", target.display()))?;
    }
    declare(&root.join("crates/dbus-api/src/lib.rs"), &name.replace('-', "_"))
}

/// Declares the module of the service's interface, in its place among the others.
fn declare(library: &Path, module: &str) -> Result<()> {
    let text = fs::read_to_string(library).with_context(|| format!("reading {}", library.display()))?;
    let line = format!("pub mod {module};");
    let is_later = |other: &str| other.starts_with("pub mod ") && other.trim_end_matches([';', '{']) > &*line;
    let mut lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().rposition(|other| other.starts_with("pub mod "));
    let place = lines.iter().position(|other| is_later(other)).or(last.map(|last| last + 1));
    lines.insert(place.context("dbus-api declares no module")?, &line);
    fs::write(library, lines.join("\n") + "\n").with_context(|| format!("writing {}", library.display()))
}

fn fill(text: &str, name: &str) -> String {
    let camel: String = name.split('-').map(capitalised).collect();
    text.replace("@NAME@", name).replace("@CRATE@", &name.replace('-', "_")).replace("@CAMEL@", &camel)
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at_checked(1).unwrap_or_default();
    first.to_ascii_uppercase() + rest
}

fn is_kebab_case(name: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    name.split('-').all(is_word)
}

/// Copies what git knows of, into a folder that git knows too, so that tidy can list it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let list = Step::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
        .dir(from)
        .output()?;
    for path in String::from_utf8(list)?.split('\0').filter(|path| from.join(path).is_file()) {
        let target = to.join(path);
        fs::create_dir_all(target.parent().context("a file lies in a folder")?)?;
        fs::copy(from.join(path), &target).with_context(|| format!("copying {path}"))?;
    }
    Step::new("git").args(["init", "--quiet"]).dir(to).output()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skeleton_is_written_once_and_names_the_service() {
        let root = tempfile::tempdir().unwrap();
        let read = |path: &str| fs::read_to_string(root.path().join(path)).unwrap();
        fs::create_dir_all(root.path().join("crates/dbus-api/src")).unwrap();
        fs::write(root.path().join("crates/dbus-api/src/lib.rs"), "pub mod call;\npub mod vpd;\n").unwrap();
        write(root.path(), "fan-watch").unwrap();
        assert!(read("crates/fan-watch/src/main.rs").contains("fan_watch::main()"));
        assert!(read("units/fan-watch.service").contains("BusName=io.vivianite.FanWatch\n"));
        assert_eq!(read("crates/dbus-api/src/lib.rs"), "pub mod call;\npub mod fan_watch;\npub mod vpd;\n");
        assert!(write(root.path(), "fan-watch").unwrap_err().to_string().contains("exists"));
    }

    #[test]
    fn names_are_lower_case_words() {
        for name in ["psu-updater", "nvme2-x", "a"] {
            assert!(is_kebab_case(name), "{name}");
        }
        for name in ["", "-a", "a-", "a--b", "A", "a_b", "2a", "../a"] {
            assert!(!is_kebab_case(name), "{name}");
        }
    }
}
