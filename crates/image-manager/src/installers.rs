//! What other services show of firmware, as far as it matters to our images: which installers have claimed them, who of
//! these may be believed, and whether another service takes multipart updates.
//!
//! Pure: what was heard on the bus goes in, what is to be asked and which images are concerned comes out. Time is an
//! argument. Source: the project's rules IM-52, IM-61 to IM-63.

use crate::hand_over::Claim;
use dbus_api::software::announcement::{Announcement, Objects, Properties, Said, text};
use dbus_api::software::{ACTIVATION, FIELD_MODE, MULTIPART_UPDATE, ROOT, parse_activation};
use image_format::Purpose;
use installer_trust::Grants;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use update_state::Activation;
use zbus::message::Sequence;

pub mod asking;
pub mod calls;
#[cfg(test)]
mod exploration;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use vocabulary::{Effect, Event, Facts};

/// Most owners of an object that are kept in mind beside those that are believed; one is usual, two for a moment.
const OWNERS: usize = 16;
/// Most bus names of installers that are kept in mind.
const NAMES: usize = 1_024;
/// How long a service that was there before us may take to tell its objects, before an image may be deleted that no
/// installer is known to have begun with.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A connection that shows something of our images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    /// The bus is being asked.
    Unknown,
    Root,
    Other,
}

/// An Activation that a connection shows of an image.
#[derive(Debug, Clone, Copy)]
struct Shown {
    state: Option<Activation>,
    /// It was believed once, and is so to its end: a connection that gives up a name may be at work all the same.
    was_believed: bool,
}

/// What other services show.
#[derive(Debug)]
pub struct Installers<P = Sequence> {
    grants: Grants,
    images: BTreeMap<String, Facts>,
    activations: BTreeMap<String, BTreeMap<String, Shown>>,
    users: BTreeMap<String, User>,
    /// Owners of the bus names of services of firmware.
    names: BTreeMap<String, String>,
    /// Bus names whose owners have changed, and connections that have gone, since it was asked which services there are: the
    /// answer is older.
    renamed: BTreeSet<String>,
    /// Connections that are being asked for all that they have.
    scans: BTreeMap<String, Scan<P>>,
    /// Connections that were there before us and have not told yet what they have, once these are known.
    unseen: Option<BTreeSet<String>>,
    /// How many times it is being asked which services there are; the last answer counts.
    questions: usize,
    began: Duration,
    marker: Marker,
    /// Who was said to be not believed, and for which object.
    not_believed: BTreeSet<(String, String)>,
}

/// Whether the multipart marker is ours to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// It is shown or not, whatever other services do.
    Fixed,
    /// It is shown while no other service shows one.
    Auto {
        /// Whether it is shown.
        is_shown: bool,
    },
}

/// A connection that is being asked for all that it has, and what it said meanwhile of objects: nothing of one that is gone.
#[derive(Debug)]
struct Scan<P> {
    open: usize,
    heard: BTreeMap<String, (P, Option<Option<Activation>>)>,
}

impl<P: Ord> Installers<P> {
    /// No service is known yet.
    pub fn new(grants: Grants, now: Duration) -> Self {
        Self {
            grants,
            images: BTreeMap::new(),
            activations: BTreeMap::new(),
            users: BTreeMap::new(),
            names: BTreeMap::new(),
            renamed: BTreeSet::new(),
            scans: BTreeMap::new(),
            unseen: None,
            questions: 0,
            began: now,
            marker: Marker::Fixed,
            not_believed: BTreeSet::new(),
        }
    }

    /// Whether our marker depends on what others show.
    pub fn set_marker(&mut self, marker: Marker) {
        self.marker = marker;
    }

    /// Whether the marker is shown, where that depends on others.
    pub fn shows_marker(&self) -> bool {
        self.marker == Marker::Auto { is_shown: true }
    }

    /// An image has an object from now on. What others show of objects that are not ours is not kept, as they could make up
    /// many of them.
    pub fn add(&mut self, object: &str, facts: Facts) {
        self.images.insert(object.to_owned(), facts);
    }

    /// An image is gone.
    pub fn forget(&mut self, object: &str) {
        self.images.remove(object);
        self.activations.remove(object);
        self.not_believed.retain(|(_, of)| of != object);
    }

    /// Takes what was heard, and tells what is to be done.
    pub fn step(&mut self, event: Event<P>, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut changed = Vec::new();
        match event {
            Event::Said(announcement, came) => {
                self.said(announcement, came, &mut effects, &mut changed);
            }
            Event::Came { name, owner } => {
                self.scan(&owner, &mut effects);
                changed.extend(self.shown_by(&owner));
                self.note_renamed(&name);
                if self.names.contains_key(&name) || self.names.len() < NAMES {
                    let before = self.names.insert(name, owner);
                    changed.extend(before.map(|before| self.shown_by(&before)).unwrap_or_default());
                }
            }
            Event::NameFreed { name } => {
                self.note_renamed(&name);
                if let Some(owner) = self.names.remove(&name) {
                    changed.extend(self.shown_by(&owner));
                }
                // Without a line in the log: a connection that dies loses its names first.
                self.take_not_believed();
                self.ask_marker(&mut effects);
            }
            Event::Gone(owner) => {
                self.note_renamed(&owner);
                changed.extend(self.left(&owner));
                // Every client that ends is heard of, and matters only if it may have had the marker.
                self.ask_marker(&mut effects);
            }
            Event::Present(present) => self.present(present, now, &mut effects),
            Event::Scanned(owner, answer) => {
                let shows_marker = |(objects, _): &(Objects, P)| {
                    objects.values().any(|interfaces| interfaces.contains_key(MULTIPART_UPDATE))
                };
                if answer.as_ref().is_some_and(shows_marker) && self.marker != Marker::Fixed {
                    effects.push(Effect::AskMarker);
                }
                changed.extend(self.scanned(&owner, answer));
                if let Some(unseen) = &mut self.unseen {
                    unseen.remove(&owner);
                }
            }
            // It may show the marker all the same.
            Event::HasNoList => {
                if self.marker != Marker::Fixed {
                    effects.push(Effect::AskMarker);
                }
            }
            Event::User { owner, is_root } => {
                // It may have left meanwhile.
                if let Some(user) = self.users.get_mut(&owner) {
                    *user = if is_root { User::Root } else { User::Other };
                    changed.extend(self.shown_by(&owner));
                }
            }
            Event::HandsOn { name, owner, is_root } => self.hands_on(name, owner, is_root),
            Event::Marker { is_elsewhere } => {
                if let Marker::Auto { is_shown } = &mut self.marker
                    && *is_shown == is_elsewhere
                {
                    *is_shown = !is_elsewhere;
                    effects.push(Effect::ShowMarker(!is_elsewhere));
                }
            }
            Event::Restart => {
                // An installer that is at work on what has come back was not heard meanwhile.
                self.unseen = None;
                self.questions = self.questions.saturating_add(1);
                effects.push(Effect::AskPresent);
                if self.marker != Marker::Fixed {
                    effects.push(Effect::AskMarker);
                }
            }
        }
        self.ask_users(&mut effects);
        self.drop_not_believed(&mut effects);
        self.keep_believed();
        changed.sort_unstable();
        changed.dedup();
        effects.extend(changed.into_iter().map(Effect::Changed));
        effects
    }

    /// Which installers claim an image, of those that may be believed for it.
    pub fn claims(&self, object: &str) -> Vec<Claim> {
        let owners = self.activations.get(object).into_iter().flatten();
        let believed = owners.filter(|(owner, _)| self.believes(owner, object) == Some(true));
        believed.map(|(owner, shown)| Claim { owner: owner.clone(), state: shown.state }).collect()
    }

    /// Whether a connection other than `caller` is at work on an image. One that may yet turn out to be believed counts, if it
    /// has a bus name: any user could keep images from being deleted otherwise.
    pub fn is_busy(&self, object: &str, caller: &str) -> bool {
        let owners = self.activations.get(object).into_iter().flatten();
        let mut others = owners.filter(|(owner, _)| *owner != caller && self.may_count(owner, object));
        others.any(|(_, shown)| shown.state.is_some_and(Activation::is_busy))
    }

    /// Whether a connection that is not root's may speak of an image: by the bus names that it owns.
    pub fn may_speak_of(&self, owner: &str, facts: &Facts) -> bool {
        match &facts.installer {
            // What it has handed on is its own, also before it is known what that is for.
            Some(name) => self.grants.knows(name) && self.names.get(name).is_some_and(|of| of == owner),
            None => self.is_granted(owner, facts),
        }
    }

    /// Whether the owner of a bus name may install an image of this purpose with these compatible names.
    pub fn may_install(&self, name: &str, purpose: Purpose, compatible: &[String]) -> bool {
        let user = self.names.get(name).and_then(|owner| self.users.get(owner));
        match user {
            Some(User::Root) => true,
            Some(User::Other) => self.grants.cover(name, purpose, compatible),
            // It is gone, or the bus does not say yet whose it is: its claim is judged when it comes.
            Some(User::Unknown) | None => true,
        }
    }

    /// Whether a bus name is given anything by the settings.
    pub fn is_known_to_settings(&self, name: &str) -> bool {
        self.grants.knows(name)
    }

    fn is_granted(&self, owner: &str, facts: &Facts) -> bool {
        let Some(purpose) = facts.purpose else { return false };
        self.names_of(owner).any(|name| self.grants.cover(name, purpose, &facts.compatible))
    }

    /// Whether all services that were there before us have told what they have, so that an image may go.
    ///
    /// One that stays silent is waited for only as long as it takes a service that works, unless an installer is known to
    /// have begun with the image: that may be it.
    pub fn have_answered(&self, was_begun: bool, now: Duration) -> bool {
        let Some(unseen) = &self.unseen else { return false };
        unseen.is_empty() || (!was_begun && now >= self.answers_due())
    }

    /// When services that are still silent are not waited for any more.
    pub fn wake_at(&self, now: Duration) -> Option<Duration> {
        let is_open = self.unseen.as_ref().is_some_and(|unseen| !unseen.is_empty());
        let due = self.answers_due();
        (is_open && now < due).then_some(due)
    }

    /// A bus name of a connection, for people; its unique name where it has none.
    pub fn name_of<'a>(&'a self, owner: &'a str) -> &'a str {
        self.names_of(owner).next().unwrap_or(owner)
    }

    fn note_renamed(&mut self, name: &str) {
        if self.unseen.is_none() && self.renamed.len() < NAMES {
            self.renamed.insert(name.to_owned());
        }
    }

    /// Whether what a connection shows of an image counts, or may once it is known whose it is.
    fn may_count(&self, owner: &str, object: &str) -> bool {
        match self.believes(owner, object) {
            Some(is_believed) => is_believed,
            None => self.names_of(owner).next().is_some(),
        }
    }

    fn answers_due(&self) -> Duration {
        self.began.saturating_add(ANSWER_LIMIT)
    }

    fn names_of<'a>(&'a self, owner: &'a str) -> impl Iterator<Item = &'a str> {
        self.names.iter().filter(move |(_, of)| *of == owner).map(|(name, _)| name.as_str())
    }

    /// Whether a connection is believed for an image; nothing while that is not known.
    fn believes(&self, owner: &str, object: &str) -> Option<bool> {
        let shown = self.activations.get(object).and_then(|owners| owners.get(owner));
        if shown.is_some_and(|shown| shown.was_believed) {
            return Some(true);
        }
        let facts = self.images.get(object)?;
        if let Some(installer) = &facts.installer
            && self.names.get(installer).is_none_or(|of| of != owner)
        {
            return Some(false);
        }
        match self.users.get(owner)? {
            User::Unknown => None,
            User::Root => Some(true),
            // What the image is for is not known before it was taken in.
            User::Other if facts.purpose.is_none() => {
                self.names_of(owner).all(|name| !self.grants.knows(name)).then_some(false)
            }
            User::Other => Some(self.is_granted(owner, facts)),
        }
    }

    fn said(
        &mut self,
        announcement: Announcement,
        came: P,
        effects: &mut Vec<Effect>,
        changed: &mut Vec<String>,
    ) {
        if self.marker != Marker::Fixed && tells_of_a_marker(&announcement.said) {
            effects.push(Effect::AskMarker);
        }
        if tells_of_field_mode(&announcement.said) {
            effects.push(Effect::AskFieldMode);
        }
        changed.extend(self.hear(announcement, came));
    }

    /// Takes what a connection says of an image, and tells which it changed.
    fn hear(&mut self, announcement: Announcement, came: P) -> Option<String> {
        let Announcement { sender, path, said } = announcement;
        let object = object_name(&path).filter(|object| self.images.contains_key(*object))?.to_owned();
        let now = match said {
            Said::Added(interfaces) => Some(state(interfaces.get(ACTIVATION)?)),
            Said::Removed(interfaces) => {
                interfaces.iter().any(|interface| interface == ACTIVATION).then_some(())?;
                None
            }
            Said::Changed { interface, properties } => {
                (interface == ACTIVATION).then_some(())?;
                Some(Some(state(&properties)?))
            }
        };
        if let Some(scan) = self.scans.get_mut(&sender) {
            scan.heard.insert(object.clone(), (came, now));
        }
        match now {
            None => self.take(&object, &sender)?,
            // Also of what was not listed yet: a connection may be too busy to answer, and say all the same how far it is.
            Some(state) => self.set(&object, sender, state)?,
        }
        Some(object)
    }

    /// The services that were there before us, as they were when the bus was asked.
    fn present(&mut self, present: Vec<(String, String)>, now: Duration, effects: &mut Vec<Effect>) {
        self.questions = self.questions.saturating_sub(1);
        if self.questions > 0 {
            return;
        }
        let there = present.iter().map(|(_, owner)| owner).filter(|owner| !self.renamed.contains(*owner));
        self.unseen = Some(there.cloned().collect());
        for (name, owner) in present {
            if self.renamed.contains(&owner) {
                continue;
            }
            if !self.scans.contains_key(&owner) {
                self.scan(&owner, effects);
            }
            if !self.renamed.contains(&name) && self.names.len() < NAMES {
                self.names.insert(name, owner);
            }
        }
        self.renamed.clear();
        self.began = now;
    }

    fn hands_on(&mut self, name: String, owner: String, is_root: bool) {
        // As long as it is not known who was there before us: later, names are heard of before this.
        let is_early = self.unseen.is_none() && !self.renamed.contains(&name);
        if is_early && self.names.len() < NAMES {
            self.names.entry(name).or_insert_with(|| owner.clone());
        }
        // One that has gone meanwhile is not kept in mind.
        if self.names_of(&owner).next().is_some() {
            let user = self.users.entry(owner).or_insert(User::Unknown);
            if *user == User::Unknown {
                *user = if is_root { User::Root } else { User::Other };
            }
        }
    }

    fn scan(&mut self, owner: &str, effects: &mut Vec<Effect>) {
        let none = || Scan { open: 0, heard: BTreeMap::new() };
        self.scans.entry(owner.to_owned()).or_insert_with(none).open += 1;
        effects.push(Effect::Scan(owner.to_owned()));
    }

    /// Takes all that a connection has, as it was when its answer came, or that it did not answer; tells what is changed.
    fn scanned(&mut self, owner: &str, answer: Option<(Objects, P)>) -> Vec<String> {
        // It may have left meanwhile.
        let Some(scan) = self.scans.get_mut(owner) else { return Vec::new() };
        scan.open = scan.open.saturating_sub(1);
        let mut found = Vec::new();
        for (path, interfaces) in answer.iter().flat_map(|(objects, _)| objects) {
            let Some(object) = object_name(path.as_str()).filter(|object| self.images.contains_key(*object))
            else {
                continue;
            };
            let Some(state) = interfaces.get(ACTIVATION).map(state) else { continue };
            // What was said behind the answer is newer.
            let later = scan
                .heard
                .get(object)
                .filter(|(came, _)| answer.as_ref().is_some_and(|(_, answered)| came > answered));
            match later {
                Some((_, None)) => {}
                Some((_, Some(later))) => found.push((object.to_owned(), *later)),
                None => found.push((object.to_owned(), state)),
            }
        }
        if scan.open == 0 {
            self.scans.remove(owner);
        }
        found.retain(|(object, state)| self.set(object, owner.to_owned(), *state).is_some());
        found.into_iter().map(|(object, _)| object).collect()
    }

    /// A connection left the bus; the objects that this changes.
    fn left(&mut self, owner: &str) -> Vec<String> {
        self.users.remove(owner);
        self.scans.remove(owner);
        self.names.retain(|_, of| of != owner);
        if let Some(unseen) = &mut self.unseen {
            unseen.remove(owner);
        }
        let objects: Vec<_> = self.activations.keys().cloned().collect();
        objects.into_iter().filter(|object| self.take(object, owner).is_some()).collect()
    }

    fn ask_marker(&self, effects: &mut Vec<Effect>) {
        if self.marker == (Marker::Auto { is_shown: false }) {
            effects.push(Effect::AskMarker);
        }
    }

    /// Has the bus asked whose connections are that are not known.
    fn ask_users(&mut self, effects: &mut Vec<Effect>) {
        let owners = self.activations.values().flat_map(BTreeMap::keys);
        let strangers: BTreeSet<_> =
            owners.filter(|owner| !self.users.contains_key(*owner)).cloned().collect();
        for owner in strangers {
            self.users.insert(owner.clone(), User::Unknown);
            effects.push(Effect::AskUser(owner));
        }
    }

    /// What is believed now is believed to its end.
    fn keep_believed(&mut self) {
        let shown =
            self.activations.iter().flat_map(|(object, owners)| owners.keys().map(move |of| (object, of)));
        let believed = shown.filter(|(object, owner)| self.believes(owner, object) == Some(true));
        let believed: Vec<_> = believed.map(|(object, owner)| (object.clone(), owner.clone())).collect();
        for (object, owner) in believed {
            if let Some(shown) = self.activations.get_mut(&object).and_then(|owners| owners.get_mut(&owner)) {
                shown.was_believed = true;
            }
        }
    }

    /// Forgets what connections show that may not claim the image, or many of these would leave no space for an installer.
    fn take_not_believed(&mut self) -> Vec<(String, String)> {
        let mut refused = Vec::new();
        for (object, owners) in &self.activations {
            let of_object = owners.keys().filter(|owner| self.believes(owner, object) == Some(false));
            refused.extend(of_object.map(|owner| (owner.clone(), object.clone())));
        }
        for (owner, object) in &refused {
            self.take(object, owner);
        }
        refused
    }

    /// The same, and says so once of each.
    fn drop_not_believed(&mut self, effects: &mut Vec<Effect>) {
        for (owner, object) in self.take_not_believed() {
            // One without a bus name is none of an installer's, or not yet; any user could fill the log.
            let Some(owner) = self.names_of(&owner).next().map(str::to_owned) else { continue };
            if self.not_believed.len() < NAMES && self.not_believed.insert((owner.clone(), object.clone())) {
                effects.push(Effect::NotBelieved { owner, object });
            }
        }
    }

    /// The images of which a connection shows an Activation.
    fn shown_by(&self, owner: &str) -> Vec<String> {
        let of_owner = self.activations.iter().filter(|(_, owners)| owners.contains_key(owner));
        of_owner.map(|(object, _)| object.clone()).collect()
    }

    fn set(&mut self, object: &str, owner: String, state: Option<Activation>) -> Option<()> {
        let may_count = |of: &str| self.may_count(of, object);
        let owners = self.activations.get(object);
        let is_new = owners.is_none_or(|owners| !owners.contains_key(&owner)) && !may_count(&owner);
        let others = owners.into_iter().flatten().filter(|(of, _)| !may_count(of)).count();
        if is_new && others >= OWNERS {
            return None;
        }
        let owners = self.activations.entry(object.to_owned()).or_default();
        owners.entry(owner).or_insert(Shown { state, was_believed: false }).state = state;
        Some(())
    }

    fn take(&mut self, object: &str, owner: &str) -> Option<()> {
        let owners = self.activations.get_mut(object)?;
        owners.remove(owner)?;
        if owners.is_empty() {
            self.activations.remove(object);
        }
        Some(())
    }
}

/// The name of an object one level below the root.
fn object_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix(ROOT)?.strip_prefix('/')?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

fn state(properties: &Properties) -> Option<Activation> {
    parse_activation(&text(properties, "Activation")?)
}

/// Whether a field mode has changed, or come.
fn tells_of_field_mode(said: &Said) -> bool {
    match said {
        Said::Added(interfaces) => interfaces.contains_key(FIELD_MODE),
        Said::Removed(_) => false,
        Said::Changed { interface, .. } => interface == FIELD_MODE,
    }
}

/// Whether an object got or lost the marker.
fn tells_of_a_marker(said: &Said) -> bool {
    match said {
        Said::Added(interfaces) => interfaces.contains_key(MULTIPART_UPDATE),
        Said::Removed(interfaces) => interfaces.iter().any(|name| name == MULTIPART_UPDATE),
        Said::Changed { .. } => false,
    }
}
