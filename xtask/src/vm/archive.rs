//! Archives that the Linux kernel unpacks into its first root: cpio in the "newc" form, one after another.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// Names in the root folder that are links into `usr`; a folder of that name would take the link's place.
const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// An archive in the making; everything in it belongs to root. The same content gives the same bytes.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    folders: BTreeSet<String>,
    entries: u32,
}

impl Archive {
    /// Adds a file. The path is relative to the root.
    pub fn file(&mut self, path: &str, content: &[u8], permissions: u32) -> Result<()> {
        self.parents(path)?;
        self.entry(path, FILE | permissions, content)
    }

    /// Adds a symbolic link, which replaces a file of an earlier archive.
    pub fn link(&mut self, path: &str, target: &str) -> Result<()> {
        self.parents(path)?;
        self.entry(path, LINK | 0o777, target.as_bytes())
    }

    /// Adds every file below a folder of ours, under the same name below the root.
    pub fn tree(&mut self, folder: &Path) -> Result<()> {
        self.branch(folder, "")
    }

    /// The finished archive.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.entry("TRAILER!!!", 0, &[])?;
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        Ok(self.bytes)
    }

    fn branch(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let read = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
        let mut entries = read.collect::<std::io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().into_string().ok().context("a file's name is not UTF-8")?;
            let (path, inner) = (entry.path(), format!("{prefix}{name}"));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.branch(&path, &format!("{inner}/"))?;
            } else if kind.is_symlink() {
                let target = fs::read_link(&path)?;
                self.link(&inner, target.to_str().context("a link's target is not UTF-8")?)?;
            } else {
                let executable = entry.metadata()?.permissions().mode() & 0o100 != 0;
                let content = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
                self.file(&inner, &content, if executable { 0o755 } else { 0o644 })?;
            }
        }
        Ok(())
    }

    fn parents(&mut self, path: &str) -> Result<()> {
        let first = path.split('/').next().unwrap_or_default();
        ensure!(!first.is_empty(), "{path:?} is not relative to the root");
        if MERGED.contains(&first) {
            bail!("{path}: {first} is a link to usr/{first}, write that");
        }
        for (position, _) in path.match_indices('/') {
            let folder = path.get(..position).unwrap_or_default();
            if self.folders.insert(folder.to_owned()) {
                self.entry(folder, FOLDER | 0o755, &[])?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        self.entries += 1;
        let size = u32::try_from(content.len()).with_context(|| format!("{path} is too large"))?;
        let name = u32::try_from(path.len() + 1)?;
        // inode, mode, user, group, links, time, size, device (major, minor), special (major, minor), name, sum
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
        Ok(())
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_parents_once_and_its_content_aligned() {
        let mut archive = Archive::default();
        archive.file("etc/a", b"12345", 0o644).unwrap();
        archive.link("etc/b", "a").unwrap();
        let bytes = archive.finish().unwrap();
        let header = |ino: u32, mode: u32, size: u32, name: u32| {
            let fields = [ino, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name, 0];
            "070701".to_owned() + &fields.map(|field| format!("{field:08x}")).concat()
        };
        let expected = [
            header(1, 0o040_755, 0, 4) + "etc\0\0\0",
            header(2, 0o100_644, 5, 6) + "etc/a\0" + "12345\0\0\0",
            header(3, 0o120_777, 1, 6) + "etc/b\0" + "a\0\0\0",
            header(4, 0, 0, 11) + "TRAILER!!!\0",
        ];
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.trim_end_matches('\0'), expected.concat().trim_end_matches('\0'));
        assert_eq!(text.len() % 512, 0);
    }

    #[test]
    fn links_of_the_root_are_not_replaced_by_folders() {
        let error = Archive::default().file("lib/modules/a", b"", 0o644).unwrap_err();
        assert!(error.to_string().contains("usr/lib"), "{error}");
        assert!(Archive::default().file("/etc/a", b"", 0o644).is_err());
    }
}
