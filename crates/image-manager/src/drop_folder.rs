//! The upload folder: watched, looked after, found again.

pub mod folder;
pub mod intake;
pub mod watch;

use crate::drop_folder::folder::{Folder, NotTaken};
use crate::drop_folder::watch::{FolderEvent, FolderWatch};
use crate::service::{FOLDER_INTERVAL, LOOK_INTERVAL, Service};
use std::io;
use std::sync::Arc;
use tokio::time::Instant;

impl Service {
    pub(crate) fn happened(&mut self, happened: io::Result<Vec<FolderEvent>>) {
        match happened {
            Ok(happened) => self.take_happened(happened),
            Err(error) => {
                log::warn!("the upload folder cannot be watched, it is tried again: {error}");
                self.watch = None;
            }
        }
    }

    /// Hears of what has happened up to now, before something is removed.
    pub(crate) fn catch_up(&mut self) {
        let pending = self.watch.as_ref().map(FolderWatch::pending).unwrap_or_default();
        self.take_happened(pending);
    }

    fn take_happened(&mut self, happened: Vec<FolderEvent>) {
        for one in happened {
            match one {
                FolderEvent::Arrived(name) => {
                    self.linked.remove(&name);
                    self.arrived(name);
                }
                FolderEvent::Created(name) => {
                    let has_another = matches!(self.folder.look(&name), Err(NotTaken::MoreNames));
                    self.watch_link(name, has_another);
                }
                // Whoever makes a file has it open; one with two names was there before.
                FolderEvent::Opened(name) => {
                    if self.linked.get(&name) == Some(&false) {
                        self.linked.remove(&name);
                    }
                }
                FolderEvent::FolderLeft(name) => self.may_have_lost(&name),
                FolderEvent::Overflow => {
                    self.has_lost = true;
                    self.rescan();
                }
                FolderEvent::FolderGone => (self.watch, self.must_look) = (None, true),
                FolderEvent::PathChanged => self.must_look = true,
            }
        }
    }

    /// Watches the folder that the path leads to now.
    pub(crate) fn watch_folder(&mut self) {
        self.folder_checked = Instant::now();
        match self.open_folder() {
            Ok(watch) => {
                self.watch = Some(watch);
                self.rescan();
            }
            Err(error) => {
                log::warn!(
                    "cannot use {}, it is tried again: {error}",
                    self.settings.upload_folder.display()
                );
                self.watch = None;
            }
        }
    }

    fn open_folder(&mut self) -> io::Result<FolderWatch> {
        let path = self.settings.upload_folder.clone();
        if !self.folder.is_there() {
            let folder = Folder::open(&path)?;
            log::warn!("there is another upload folder now: {}", path.display());
            self.folder = Arc::new(folder);
            self.is_another_folder = true;
        }
        FolderWatch::of(&path)
    }

    /// When the folder is looked at without news of it.
    pub(crate) fn folder_due(&self) -> Instant {
        self.folder_checked + if self.watch.is_some() { FOLDER_INTERVAL } else { LOOK_INTERVAL }
    }

    /// When files that may have other names are looked at, if there are any.
    pub(crate) fn links_due(&self) -> Option<Instant> {
        (!self.linked.is_empty()).then(|| self.links_checked + self.links_wait)
    }

    pub(crate) fn look_at_folder(&mut self) {
        let is_due = std::mem::take(&mut self.must_look) || self.folder_due() <= Instant::now();
        if is_due && (self.watch.is_none() || !self.folder.is_there()) {
            self.watch_folder();
        } else if is_due {
            self.folder_checked = Instant::now();
        }
        if self.links_due().is_some_and(|due| due <= Instant::now()) {
            self.look_at_links();
            self.links_checked = Instant::now();
            self.links_wait = (self.links_wait * 2).min(FOLDER_INTERVAL);
        }
        self.look_at_uploads();
        let is_due = self.space_checked.elapsed() >= self.settings.space_retry;
        if self.intake.waits_for_room() && is_due {
            self.space_checked = Instant::now();
            self.look_for_room();
        }
    }
}
