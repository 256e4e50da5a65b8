use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// What a name stood for.
#[derive(Debug)]
pub(super) enum Kept {
    Nothing,
    File(Vec<u8>),
    Link(PathBuf),
    Folder(Vec<(PathBuf, Kept)>),
}

impl Kept {
    pub(super) fn of(path: &Path) -> Self {
        let Ok(found) = path.symlink_metadata() else { return Self::Nothing };
        if found.is_dir() {
            let names = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.file_name());
            Self::Folder(names.map(|name| (name.clone().into(), Self::of(&path.join(name)))).collect())
        } else if found.is_symlink() {
            Self::Link(fs::read_link(path).expect("a link that was there just now"))
        } else {
            Self::File(fs::read(path).expect("a file that was there just now"))
        }
    }

    /// Has the name stand for it again.
    pub(super) fn restore(&self, path: &Path) {
        let _ = fs::remove_file(path);
        let _ = fs::remove_dir_all(path);
        match self {
            Self::Nothing => {}
            Self::File(bytes) => fs::write(path, bytes).expect("a file as before"),
            Self::Link(target) => symlink(target, path).expect("a link as before"),
            Self::Folder(entries) => {
                fs::create_dir_all(path).expect("a folder as before");
                for (name, kept) in entries {
                    kept.restore(&path.join(name));
                }
            }
        }
    }
}
