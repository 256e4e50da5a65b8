//! What is costly to make, kept under a name that tells what it was made from.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{output, workspace};

/// A digest (FNV-1a, 64 bits) of everything that decides about a result. It tells recipes apart, it protects nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The digest of these parts, in this order.
    pub fn of<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> Self {
        let mut state = 0xcbf2_9ce4_8422_2325;
        for part in parts {
            let part = part.as_ref();
            let length = (part.len() as u64).to_le_bytes();
            for byte in length.iter().chain(part) {
                state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
        Self(state)
    }
}

/// The folder of this kind and key; made in a temporary folder and renamed, so it is whole or absent.
pub fn obtain(kind: &str, key: Key, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let base = workspace::cache()?.join("vm");
    fs::create_dir_all(&base).with_context(|| format!("creating {}", base.display()))?;
    obtain_in(&base, kind, key, make)
}

fn obtain_in(base: &Path, kind: &str, key: Key, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let target = base.join(format!("{kind}-{:016x}", key.0));
    if target.is_dir() {
        return Ok(target);
    }
    output::progress(format!("making {}", target.display()));
    let fresh = tempfile::Builder::new().prefix(".making-").tempdir_in(base)?;
    make(fresh.path())?;
    match fs::rename(fresh.path(), &target) {
        Ok(()) => {
            // Its name is another now; there is nothing to clean up.
            let _ = fresh.keep();
        }
        // Somebody else was faster with the same.
        Err(_) if target.is_dir() => {}
        Err(error) => return Err(error).with_context(|| format!("keeping {}", target.display())),
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Key::of(["ab", "c"]), Key::of(["a", "bc"]));
        assert_eq!(Key::of(["ab", "c"]), Key::of(["ab", "c"]));
    }

    #[test]
    fn a_failed_making_leaves_nothing_and_a_finished_one_is_made_once() {
        let base = tempfile::tempdir().unwrap();
        let key = Key::of(["x"]);
        let half = |folder: &Path| {
            fs::write(folder.join("half"), "")?;
            bail!("broken")
        };
        assert!(obtain_in(base.path(), "kind", key, half).is_err());
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
        let whole = |folder: &Path| Ok(fs::write(folder.join("whole"), "")?);
        let made = obtain_in(base.path(), "kind", key, whole).unwrap();
        assert!(made.join("whole").is_file());
        assert_eq!(obtain_in(base.path(), "kind", key, |_| bail!("made again")).unwrap(), made);
    }
}
