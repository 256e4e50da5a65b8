//! What becomes of one image, from what its services say. No bus, no clock.

use dbus_api::software::announcement::{Announcement, Interfaces, Properties, Said, text};
use dbus_api::software::{ACTIVATION, ACTIVATION_PROGRESS, IMAGE, IMAGE_MANAGER, Stage, parse_activation};
use std::collections::{BTreeMap, BTreeSet};
use update_state::{Activation, ApplyTime};

/// What one service says of the image.
#[derive(Debug, Default)]
struct Told {
    interfaces: BTreeSet<String>,
    activation: Option<Activation>,
    installed: Option<u8>,
    stage: String,
    unpacked: Option<u8>,
    reason: String,
    /// It has said its state since an earlier one was disregarded.
    has_news: bool,
    /// All interfaces are known that it has on the image, not only one of which it told a change.
    is_whole: bool,
}

/// What is going on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Doing {
    /// In a word or two.
    pub what: String,
    /// How much of it is done, percent.
    pub percent: Option<u8>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// In a state that is final, or that was waited for.
    State(Activation),
    /// The image was removed.
    Removed,
}

/// How far an image is, from what was found and heard of it so far.
#[derive(Debug)]
pub struct Follower {
    path: String,
    apply: ApplyTime,
    image_manager: Option<String>,
    told: BTreeMap<String, Told>,
    /// States that were found count, not only those that are heard.
    counts: bool,
    was_there: bool,
    is_removed: bool,
    /// What comes after it is another matter: an installer may take its objects away at once.
    ended: Option<End>,
}

impl Follower {
    /// Follows the image at an object that was just handed over: whatever it is now counts.
    ///
    /// `apply` is when it is to be applied: with [`ApplyTime::OnActivationRequest`], Ready is an end. `image_manager` is the
    /// unique name of image-manager's connection, if it has one.
    pub fn new(path: impl Into<String>, apply: ApplyTime, image_manager: Option<String>) -> Self {
        Self {
            path: path.into(),
            apply,
            image_manager,
            told: BTreeMap::new(),
            counts: true,
            was_there: false,
            is_removed: false,
            ended: None,
        }
    }

    /// The image's object.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The states that it has now are of an earlier try: one is an end only once the service whose it is has said it anew.
    pub fn disregard_state(&mut self) {
        self.counts = false;
        self.told.values_mut().for_each(|told| told.has_news = false);
        self.ended = None;
    }

    /// Takes all that a service has of the image now.
    pub fn found(&mut self, owner: &str, interfaces: &Interfaces) {
        let told = self.told.entry(owner.to_owned()).or_default();
        told.is_whole = true;
        for (interface, properties) in interfaces {
            told.interfaces.insert(interface.clone());
            told.take(interface, properties);
        }
        self.was_there |= !interfaces.is_empty();
        self.look_for_end();
    }

    /// Takes what somebody says of an object, and tells whether that is the image.
    pub fn announced(&mut self, announcement: &Announcement) -> bool {
        let is_ours = announcement.path == self.path;
        if is_ours {
            self.hear(&announcement.sender, &announcement.said);
        }
        is_ours
    }

    /// Takes what a connection says of the image.
    pub fn hear(&mut self, owner: &str, said: &Said) {
        match said {
            Said::Added(interfaces) => {
                if interfaces.contains_key(ACTIVATION) {
                    self.told.entry(owner.to_owned()).or_default().has_news = true;
                }
                self.found(owner, interfaces);
            }
            Said::Changed { interface, properties } => {
                let told = self.told.entry(owner.to_owned()).or_default();
                // It has what it changes, also where nobody heard it say so.
                told.interfaces.insert(interface.clone());
                told.take(interface, properties);
                told.has_news |= interface == ACTIVATION && properties.contains_key("Activation");
                self.was_there = true;
            }
            Said::Removed(interfaces) => {
                let Some(told) = self.told.get_mut(owner) else { return };
                for interface in interfaces {
                    told.forget(interface);
                }
                // It may have others yet that it never told of; but an image without its state is none.
                told.is_whole |= interfaces.iter().any(|name| name == ACTIVATION);
                if told.is_whole && told.interfaces.is_empty() {
                    self.told.remove(owner);
                    self.is_removed = self.was_there && self.told.is_empty();
                }
            }
        }
        self.look_for_end();
    }

    /// A connection is gone, and with it all that it said; tells whether that was anything. It may come back, so that nothing
    /// ends by this.
    pub fn left(&mut self, owner: &str) -> bool {
        self.told.remove(owner).is_some()
    }

    /// A bus name has another connection, which matters if the name is image-manager's.
    pub fn owned_by(&mut self, name: &str, owner: &str) {
        if name == IMAGE_MANAGER {
            self.image_manager = Some(owner.to_owned());
        }
    }

    /// Whose state counts, among some: that of an installer before that of image-manager. But one that has not begun does not
    /// stand before an end that image-manager says: it may hang, and image-manager has given up waiting for it.
    fn lead_of(&self, is_among: impl Fn(&Told) -> bool) -> Option<&Told> {
        let rank = |(owner, told): (&String, &Told)| {
            let is_image_manager = self.image_manager.as_ref() == Some(owner);
            match (is_image_manager, told.activation?) {
                (true, state) if is_over(state) => Some(1),
                (true, _) => Some(3),
                (false, Activation::NotReady) => Some(2),
                (false, _) => Some(0),
            }
        };
        let ranked = self.told.iter().filter(|(_, told)| is_among(told));
        let ranked = ranked.filter_map(|(owner, told)| Some((rank((owner, told))?, told)));
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, told)| told)
    }

    fn lead(&self) -> Option<&Told> {
        self.lead_of(|_| true)
    }

    /// Its state.
    pub fn activation(&self) -> Option<Activation> {
        self.lead()?.activation
    }

    /// Why it ended as it did; empty when nobody says.
    pub fn reason(&self) -> &str {
        self.told.values().map(|told| &*told.reason).find(|reason| !reason.is_empty()).unwrap_or_default()
    }

    /// What is going on.
    pub fn doing(&self) -> Doing {
        let Some(lead) = self.lead() else {
            return Doing { what: "waiting for news".to_owned(), percent: None };
        };
        let state = lead.activation.unwrap_or(Activation::NotReady);
        let stage = || self.told.values().map(|told| &*told.stage).find(|stage| !stage.is_empty());
        let (what, percent) = match state {
            Activation::NotReady => {
                let stage = stage().unwrap_or("being taken in");
                (stage.to_owned(), lead.unpacked.filter(|_| stage == Stage::Unpacking.as_str()))
            }
            Activation::Ready if !lead.stage.is_empty() => (lead.stage.clone(), None),
            Activation::Activating => ("activating".to_owned(), lead.installed),
            Activation::Staging => ("staging".to_owned(), lead.installed),
            state => (state.word().to_lowercase(), None),
        };
        Doing { what, percent }
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.ended.clone()
    }

    fn look_for_end(&mut self) {
        let waits_at_ready = self.apply == ApplyTime::OnActivationRequest;
        let is_end = |state: &Activation| is_over(*state) || (*state == Activation::Ready && waits_at_ready);
        if self.ended.is_none() {
            let lead = self.lead_of(|told| self.counts || told.has_news);
            let state = lead.and_then(|lead| lead.activation).filter(is_end);
            let removed = self.is_removed.then_some(End::Removed);
            self.ended = state.map(End::State).or(removed);
        }
    }
}

/// Nothing comes after it.
fn is_over(state: Activation) -> bool {
    matches!(state, Activation::Active | Activation::Staged | Activation::Failed | Activation::Invalid)
}

impl Told {
    fn take(&mut self, interface: &str, properties: &Properties) {
        match interface {
            ACTIVATION => self.activation = activation(properties).or(self.activation),
            ACTIVATION_PROGRESS => self.installed = percent(properties).or(self.installed),
            IMAGE => {
                self.unpacked = percent(properties).or(self.unpacked);
                self.stage = text(properties, "Stage").unwrap_or_else(|| std::mem::take(&mut self.stage));
                self.reason = text(properties, "Reason").unwrap_or_else(|| std::mem::take(&mut self.reason));
            }
            _ => {}
        }
    }

    fn forget(&mut self, interface: &str) {
        self.interfaces.remove(interface);
        match interface {
            ACTIVATION => self.activation = None,
            ACTIVATION_PROGRESS => self.installed = None,
            _ => {}
        }
    }
}

/// The percentage among properties of Progress or ActivationProgress.
pub fn percent(properties: &Properties) -> Option<u8> {
    properties.get("Progress")?.downcast_ref::<u8>().ok()
}

/// The state among properties of Activation; none where it is no known word.
pub fn activation(properties: &Properties) -> Option<Activation> {
    parse_activation(&text(properties, "Activation")?)
}

#[cfg(test)]
mod tests;
