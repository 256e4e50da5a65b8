//! What other services of firmware say, and what follows from it.

pub mod calls;
pub mod claims;

use crate::hand_over::HandOver;
use crate::image_rules;
use crate::installers::calls::News;
use crate::service::{Service, Step};
use crate::settings::{Multipart as Marker, Policy};
use dbus_api::software;
use dbus_api::software::announcement::Said;
use dbus_api::software::faces;
use dbus_api::software::signals;
use image_format::VersionId;
use std::time::Duration;

/// When the object mapper is asked about a change: at once, and when it must have heard of it too.
const MAPPER_WAITS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(8)];

impl Service {
    pub(crate) fn hear(&mut self, news: News) {
        match news {
            News::Said(announcement, came) => {
                if tells_of_a_marker(&announcement.said) {
                    self.ask_for_marker();
                }
                if self.settings.policy == Policy::FieldMode && tells_of_field_mode(&announcement.said) {
                    self.ask_for_field_mode();
                }
                let images = &self.images.all;
                let is_ours = |name: &str| VersionId::parse(name).is_ok_and(|id| images.contains_key(&id));
                if let Some(name) = self.foreign.hear(announcement, came, is_ours) {
                    self.foreign_changed(&[name]);
                }
            }
            News::Came(owner) => {
                self.scan(owner);
                self.ask_for_marker();
            }
            News::NameFreed => self.ask_for_marker(),
            News::Gone(owner) => {
                let changed = self.foreign.left(&owner);
                if let Some(unseen) = &mut self.unseen {
                    unseen.remove(&owner);
                }
                self.foreign_changed(&changed);
                // Every client that ends is heard of, and matters only if it may have had the marker: of one with a name that
                // is a service's, that name is heard of first.
                if !self.shows_marker {
                    self.ask_for_marker();
                }
            }
        }
    }

    /// Looks for services of firmware that were there before us.
    pub(crate) fn look_around(&mut self) {
        let (connection, steps) = (self.connection.clone(), self.steps.clone());
        tokio::spawn(async move {
            let present = calls::present(&connection).await;
            let _ = steps.send(Step::Present(present));
        });
        self.ask_for_marker();
    }

    /// These services of firmware were there before us.
    pub(crate) fn look_at(&mut self, present: Vec<String>) {
        for owner in &present {
            self.scan(owner.clone());
        }
        self.unseen = Some(present.into_iter().collect());
    }

    pub(crate) fn scan(&mut self, owner: String) {
        self.foreign.scanning(&owner);
        let (connection, steps) = (self.connection.clone(), self.steps.clone());
        tokio::spawn(async move {
            let objects = calls::objects(&connection, &owner).await;
            let _ = steps.send(Step::Scanned(owner, objects));
        });
    }

    pub(crate) fn ask_for_marker(&mut self) {
        if self.settings.multipart != Marker::Auto {
            return;
        }
        let (connection, steps) = (self.connection.clone(), self.steps.clone());
        let asking = tokio::spawn(async move {
            // The object mapper takes a while to find out what a newcomer has.
            for wait in MAPPER_WAITS {
                tokio::time::sleep(wait).await;
                let is_elsewhere = calls::multipart_elsewhere(&connection, software::IMAGE_MANAGER).await;
                let _ = steps.send(Step::Marker(is_elsewhere));
            }
        });
        // Whoever sends many such signals does not keep many tasks busy.
        if let Some(earlier) = self.marker_asked.replace(asking.abort_handle()) {
            earlier.abort();
        }
    }

    /// Finds out whether what was taken in without a signature may stay.
    fn ask_for_field_mode(&mut self) {
        let (connection, steps) = (self.connection.clone(), self.steps.clone());
        let asking = tokio::spawn(async move {
            for wait in MAPPER_WAITS {
                tokio::time::sleep(wait).await;
                // One that does not say may be about to come back: what was taken in is not thrown away for that.
                if let Some(is_enabled) = image_rules::field_mode(&connection).await {
                    let _ = steps.send(Step::FieldMode(is_enabled));
                }
            }
        });
        if let Some(earlier) = self.field_mode_asked.replace(asking.abort_handle()) {
            earlier.abort();
        }
    }

    pub(crate) async fn show_marker(&mut self, is_shown: bool) -> anyhow::Result<()> {
        if self.shows_marker == is_shown {
            return Ok(());
        }
        self.shows_marker = is_shown;
        let path = &*self.settings.multipart_object;
        let object = zbus::ObjectPath::try_from(path)?;
        if is_shown {
            faces::add::<faces::MultipartUpdate, _>(&self.connection, &object, ()).await?;
            let told = [(software::MULTIPART_UPDATE, signals::Properties::new())].into();
            signals::added(&self.connection, &object, &told).await?;
        } else {
            log::info!("another service takes updates for whatever they are: {path} is not marked any more");
            faces::remove(&self.connection, &object, software::MULTIPART_UPDATE).await?;
            signals::removed(&self.connection, &object, &[software::MULTIPART_UPDATE]).await?;
        }
        Ok(())
    }

    /// What is to be done since somebody's activation of an object of this name changed.
    pub(crate) fn foreign_changed(&mut self, names: &[String]) {
        for name in names {
            let Some(id) = VersionId::parse(name).ok() else { continue };
            let Some(image) = self.images.all.get_mut(&id) else { continue };
            let told = image.hand_over.as_ref().and_then(HandOver::told);
            let claim = self.foreign.claim(name, told);
            let has_begun = claim.as_ref().and_then(|claim| claim.state);
            image.was_activated |= has_begun.is_some_and(|state| state.is_busy() || state.is_final());
            if let Some(hand_over) = &mut image.hand_over {
                hand_over.claimed(claim);
            }
        }
        for owner in self.foreign.strangers() {
            self.foreign.asked_about(&owner);
            let (connection, steps) = (self.connection.clone(), self.steps.clone());
            tokio::spawn(async move {
                let is_trusted = calls::is_trusted(&connection, &owner).await;
                let _ = steps.send(Step::Trusted(owner, is_trusted));
            });
        }
    }
}

/// Whether a field mode has changed, or come.
fn tells_of_field_mode(said: &Said) -> bool {
    match said {
        Said::Added(interfaces) => interfaces.contains_key(software::FIELD_MODE),
        Said::Removed(_) => false,
        Said::Changed { interface, .. } => interface == software::FIELD_MODE,
    }
}

/// Whether an object got or lost the marker.
fn tells_of_a_marker(said: &Said) -> bool {
    match said {
        Said::Added(interfaces) => interfaces.contains_key(software::MULTIPART_UPDATE),
        Said::Removed(interfaces) => interfaces.iter().any(|name| name == software::MULTIPART_UPDATE),
        Said::Changed { .. } => false,
    }
}
