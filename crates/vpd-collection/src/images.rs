//! Images of damaged EEPROMs, kept for whoever looks into them later.

use durable_state::{RealDisk, replace_unflushed};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Most files, and most bytes of all of them together.
const FILES: usize = 16;
const BYTES: u64 = 1024 * 1024;

/// The folder; without one nothing is kept.
#[derive(Debug)]
pub struct Images(Option<PathBuf>);

impl Images {
    /// Keeps images in `damaged` below systemd's state folder.
    pub fn below(state: Option<PathBuf>) -> Self {
        Self(state.map(|folder| folder.join("damaged")))
    }

    /// Keeps the image of an EEPROM in place of an earlier one of it; those that are oldest make room.
    pub fn keep(&self, key: &str, image: &[u8]) {
        let Some(folder) = self.0.as_deref().filter(|_| !image.is_empty()) else { return };
        match write(folder, key, image) {
            Ok(path) => log::info!("the damaged image is kept as {} fru={key}", path.display()),
            Err(error) => log::warn!("the damaged image is not kept: {error} fru={key}"),
        }
    }
}

/// A key has no `/` in it. Nothing waits for the disk: what the power takes of it is read again.
fn write(folder: &Path, key: &str, image: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{key}.bin"));
    if fs::read(&path).is_ok_and(|kept| kept == image) {
        return Ok(path);
    }
    make_room(folder, &path, image.len() as u64)?;
    replace_unflushed(&RealDisk, &path, image)?;
    Ok(path)
}

fn make_room(folder: &Path, path: &Path, needed: u64) -> io::Result<()> {
    let mut kept: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if entry.path() != path && metadata.is_file() {
            kept.push((metadata.modified()?, metadata.len(), entry.path()));
        }
    }
    kept.sort_unstable();
    let mut bytes: u64 = kept.iter().map(|(_, length, _)| length).sum();
    let mut files = kept.len();
    for (_, length, path) in kept {
        if files < FILES && bytes + needed <= BYTES {
            break;
        }
        fs::remove_file(path)?;
        files -= 1;
        bytes -= length;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room_and_the_bounds_hold() {
        let folder = tempfile::tempdir().unwrap();
        let images = Images::below(Some(folder.path().to_owned()));
        let kept = || fs::read_dir(folder.path().join("damaged")).unwrap().count();
        for number in 0..40 {
            images.keep(&format!("{number}-0050"), &[7; 1000]);
        }
        assert_eq!(kept(), FILES);
        for number in 0..40 {
            images.keep(&format!("{number}-0051"), &vec![7; 65_536]);
        }
        assert!(kept() <= FILES);
        let size = |path: &Path| -> u64 {
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
        };
        assert!(size(&folder.path().join("damaged")) <= BYTES);
        assert!(folder.path().join("damaged/39-0051.bin").exists());
    }

    #[test]
    fn an_image_replaces_the_earlier_one_of_its_eeprom() {
        let folder = tempfile::tempdir().unwrap();
        let images = Images::below(Some(folder.path().to_owned()));
        images.keep("8-0050", b"first");
        images.keep("8-0050", b"second");
        images.keep("8-0050", b"");
        assert_eq!(fs::read(folder.path().join("damaged/8-0050.bin")).unwrap(), b"second");
        Images::below(None).keep("8-0050", b"x");
    }
}
