//! Upstream's folder, read within limits: it is foreign, and may be damaged.

use super::{Source, archive};
use crate::inventory::{Inventory, can_be_kept};
use crate::limits::Exceeded;
use crate::store::{Entry, Properties as _, is_path_element};
use nix::fcntl::OFlag;
use service_runtime::text::one_line;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Files and folders that are looked at: a machine of 350 objects has 7,000, and there are larger ones.
pub(super) const COUNT_LIMIT: usize = 60_000;
/// Largest file, bytes: a keyword of 64 KiB, of which each byte takes seventeen.
const FILE_LIMIT: u64 = 2 * 1024 * 1024;
/// Bytes that are read in all.
const READ_LIMIT: u64 = 64 * 1024 * 1024;
/// Folders within each other.
const DEPTH_LIMIT: usize = 64;
/// How many that were left out are named, and how long a name may be.
const EXAMPLES: usize = 3;
const EXAMPLE_LENGTH: usize = 160;

/// What was found.
pub(super) struct Gathering<'a> {
    source: &'a Source<'a>,
    inventory: &'a mut Inventory,
    /// What can be adopted.
    pub(super) entries: Vec<Entry>,
    /// Values of adopted interfaces that could not be.
    pub(super) values_left_out: usize,
    /// Files and folders that could not be.
    pub(super) left_out: usize,
    /// The first of them, and why.
    pub(super) examples: Vec<String>,
    /// The limit at which it ended before all was seen.
    pub(super) stopped_at: Option<&'static str>,
    /// The first bound of the inventory for which something was left out.
    pub(super) exceeded: Option<Exceeded>,
    seen: usize,
    read: u64,
}

impl<'a> Gathering<'a> {
    /// Reads all below the source's folder. Errors: the folder itself cannot be read, or is not there.
    pub(super) fn of(source: &'a Source<'a>, inventory: &'a mut Inventory) -> io::Result<Self> {
        let mut gathering = Self {
            source,
            inventory,
            entries: Vec::new(),
            values_left_out: 0,
            left_out: 0,
            examples: Vec::new(),
            stopped_at: None,
            exceeded: None,
            seen: 0,
            read: 0,
        };
        // The paths of objects are kept in full, below the inventory's root.
        let mut root = source.folder.clone();
        for name in dbus_api::inventory::ROOT.split('/').filter(|name| !name.is_empty()) {
            root.push(name);
            if root.symlink_metadata()?.is_symlink() {
                return Err(io::Error::other(format!("{} is a symbolic link", root.display())));
            }
        }
        let entries = std::fs::read_dir(&root)?;
        gathering.visit_all(entries, "", 0);
        Ok(gathering)
    }

    fn visit_all(&mut self, entries: std::fs::ReadDir, path: &str, depth: usize) {
        for entry in entries {
            if self.seen == COUNT_LIMIT {
                self.stopped_at = Some("files");
            }
            if self.stopped_at.is_some() {
                return;
            }
            self.seen += 1;
            let (name, outcome) = match entry {
                Ok(entry) => (
                    entry.file_name().to_string_lossy().into_owned(),
                    self.visit(&entry, &entry.file_name().to_string_lossy(), path, depth),
                ),
                Err(error) => (String::new(), Err(error.to_string())),
            };
            if let Err(reason) = outcome {
                self.leave_out(&format!("{path}/{name}"), &reason);
            }
        }
    }

    /// Looks at one name in an object's folder. Errors: why it is left out.
    fn visit(
        &mut self,
        entry: &std::fs::DirEntry,
        name: &str,
        path: &str,
        depth: usize,
    ) -> Result<(), String> {
        // Of the name itself: what a symbolic link leads to is not ours to read.
        let kind = entry.file_type().map_err(|error| error.to_string())?;
        if kind.is_file() {
            return self.take(&entry.path(), path, name);
        }
        if !kind.is_dir() {
            return Err("neither file nor folder".to_owned());
        }
        let path = format!("{path}/{name}");
        if !is_path_element(name) || !can_be_kept(&path) || depth == DEPTH_LIMIT {
            return Err("no part of an object's path".to_owned());
        }
        let entries = std::fs::read_dir(entry.path()).map_err(|error| error.to_string())?;
        self.visit_all(entries, &path, depth + 1);
        Ok(())
    }

    fn take(&mut self, file: &Path, path: &str, interface: &str) -> Result<(), String> {
        if path.is_empty() {
            return Err("no object".to_owned());
        }
        let schema = self.source.schema.interface(interface).ok_or("the schema has no such interface")?;
        let bytes = self.contents(file).map_err(|error| error.to_string())?;
        let contents = archive::read(&bytes, schema, self.source.orders.get(interface))?;
        // By way of the text, for which there is code already.
        let mut text = Vec::new();
        contents.values.write(&mut text).map_err(|error| error.to_string())?;
        let properties = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        if let Err(exceeded) = self.inventory.admit(self.source.schema, path, interface, contents.values) {
            self.exceeded.get_or_insert(exceeded);
            return Err(exceeded.to_string());
        }
        self.values_left_out += contents.left_out;
        let (path, interface) = (path.to_owned(), interface.to_owned());
        self.entries.push(Entry::Set { path, interface, properties });
        Ok(())
    }

    fn contents(&mut self, file: &Path) -> io::Result<Vec<u8>> {
        // It may have become a link or a pipe since it was looked at.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let file: File = OpenOptions::new().read(true).custom_flags(flags.bits()).open(file)?;
        let length = file.metadata()?.len();
        if length > FILE_LIMIT {
            return Err(io::Error::other(format!("it has {length} bytes")));
        }
        if self.read + length > READ_LIMIT {
            self.stopped_at = Some("bytes");
            return Err(io::Error::other("too much in all"));
        }
        self.read += length;
        let mut bytes = Vec::new();
        file.take(FILE_LIMIT).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn leave_out(&mut self, name: &str, reason: &str) {
        self.left_out += 1;
        if self.examples.len() < EXAMPLES {
            let text = format!("{} ({})", one_line(name), one_line(reason));
            self.examples.push(text.chars().take(EXAMPLE_LENGTH).collect());
        }
    }
}
