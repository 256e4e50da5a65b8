//! Units of programs that a scenario does without: not installed, so that nothing fails which nobody asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where units lie.
const UNITS: &str = "usr/lib/systemd/system";

/// Where the bus looks for what it may start.
const ACTIVATION: &str = "usr/share/dbus-1/system-services";

/// Removes the units whose program is not installed below the root, what requires them, and what leads to them.
pub fn remove(root: &Path) -> Result<()> {
    let units = root.join(UNITS);
    let mut gone = BTreeSet::new();
    // Until nothing more goes: what requires a unit may be required itself.
    loop {
        let before = gone.len();
        for (name, path) in entries(&units)? {
            let is_file = path.symlink_metadata()?.is_file();
            if is_file && is_in_vain(root, &read(&path)?, &gone) {
                fs::remove_file(&path)?;
                gone.insert(name);
            }
        }
        if gone.len() == before {
            break;
        }
    }
    for (name, path) in entries(&units)? {
        if is_about(&name, ".d", &gone) {
            fs::remove_dir_all(&path)?;
        } else if path.is_dir() {
            for (_, link) in entries(&path)? {
                remove_dangling(root, &link)?;
            }
        } else {
            remove_dangling(root, &path)?;
        }
    }
    for (_, path) in entries(&root.join(ACTIVATION))? {
        if assigned(&read(&path)?, "SystemdService").any(|unit| gone.contains(unit)) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// The names of the units that are left.
pub fn units(root: &Path) -> Result<Vec<String>> {
    let mut units = Vec::new();
    for (name, path) in entries(&root.join(UNITS))? {
        if path.symlink_metadata()?.is_file() {
            units.push(name);
        }
    }
    Ok(units)
}

/// Whether a unit starts what is not there, or requires what has gone.
fn is_in_vain(root: &Path, text: &str, gone: &BTreeSet<String>) -> bool {
    let program =
        |line: &str| line.split_whitespace().next().map(|path| root.join(path.trim_start_matches('/')));
    assigned(text, "ExecStart").filter_map(program).any(|program| !program.exists())
        || assigned(text, "Requires").flat_map(str::split_whitespace).any(|unit| gone.contains(unit))
}

/// The values of a key.
fn assigned<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
}

/// Whether a folder belongs to a unit that has gone, or to an instance of a template that has.
fn is_about(folder: &str, ending: &str, gone: &BTreeSet<String>) -> bool {
    let Some(unit) = folder.strip_suffix(ending) else { return false };
    let template = unit.split_once('@').map(|(prefix, _)| format!("{prefix}@.service"));
    gone.contains(unit) || template.is_some_and(|template| gone.contains(&template))
}

/// Removes a link that leads to nothing below the root.
fn remove_dangling(root: &Path, link: &Path) -> Result<()> {
    if let Ok(target) = fs::read_link(link)
        && let Ok(below) = target.strip_prefix("/")
        && !root.join(below).exists()
    {
        fs::remove_file(link)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// The names and paths in a folder, sorted; none where there is none.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut entries = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
            let entry = entry?;
            entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    entries.sort();
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_unit_without_its_program_goes_with_all_that_leads_to_it() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let units = root.path().join(UNITS);
        write("usr/libexec/there", "");
        for (name, text) in [
            ("there.service", "[Service]\nExecStart=/usr/libexec/there\n"),
            ("gone@.service", "[Service]\nExecStart=/usr/libexec/gone %I\n"),
            ("gone.service", "[Service]\nExecStart=/usr/libexec/gone\n"),
            ("gone.target", "[Unit]\nRequires=gone.service\n"),
            ("last.target", "[Unit]\nRequires=gone.target\n"),
            ("gone@x.service.d/10-a.conf", ""),
            ("there.service.d/10-a.conf", ""),
        ] {
            write(&format!("{UNITS}/{name}"), text);
        }
        write(&format!("{ACTIVATION}/a.service"), "SystemdService=gone.service\n");
        write(&format!("{ACTIVATION}/b.service"), "SystemdService=there.service\n");
        fs::create_dir(units.join("multi-user.target.wants")).unwrap();
        for name in ["there.service", "gone.target"] {
            let target = Path::new("/").join(UNITS).join(name);
            symlink(&target, units.join("multi-user.target.wants").join(name)).unwrap();
            symlink(&target, units.join(format!("alias-{name}"))).unwrap();
        }
        remove(root.path()).unwrap();
        assert_eq!(super::units(root.path()).unwrap(), ["there.service"]);
        let names = |folder: &Path| -> Vec<String> {
            entries(folder).unwrap().into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(
            names(&units),
            ["alias-there.service", "multi-user.target.wants", "there.service", "there.service.d"]
        );
        assert_eq!(names(&units.join("multi-user.target.wants")), ["there.service"]);
        assert_eq!(names(&root.path().join(ACTIVATION)), ["b.service"]);
    }
}
