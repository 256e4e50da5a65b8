//! The udev rules that an image with the demo system gets, for those who read the tree.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::dist;

/// Where they are kept. `dist` does not install what lies there: it installs what it compiles itself.
pub const TARGET: &str = "udev-rules/demo/70-vivianite-vpd.rules";

/// What of `configs` is the demo system.
const SOURCES: [&str; 2] = ["vpd.d", "systems/demo"];

/// Where vpd-config writes them.
const MADE: &str = "usr/lib/udev/rules.d/70-vivianite-vpd.rules";

const HEAD: &str = "# What udev gets on the demo system, for reading; not installed. `cargo xtask schema` makes it of\n\
                    # udev-rules/70-vivianite-vpd.rules.in and configs/systems/demo; change those.\n";

/// What the file has to hold.
pub fn text(root: &Path) -> Result<String> {
    let folder = tempfile::tempdir().context("creating a folder for the demo system")?;
    let (source, made) = (folder.path().join("configs"), folder.path().join("root"));
    for part in SOURCES {
        copy(&root.join("configs").join(part), &source.join(part))?;
    }
    dist::install_vpd(&source, &made)?;
    let rules = fs::read_to_string(made.join(MADE)).context("the demo system has no udev rules")?;
    Ok(format!("{HEAD}{rules}"))
}

/// The files of a folder, without its folders.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for path in dist::files_below(from)? {
        let name = path.file_name().context("a file has a name")?;
        fs::copy(&path, to.join(name)).with_context(|| format!("copying {}", path.display()))?;
    }
    Ok(())
}
