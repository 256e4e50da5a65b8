//! What becomes of one image, from what its services say. No bus, no clock.

use crate::catalogue::{activation, percent};
use dbus_api::software::announcement::{Interfaces, Properties, Said, text};
use dbus_api::software::{ACTIVATION, ACTIVATION_PROGRESS, IMAGE};
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
}

/// What is going on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Doing {
    /// In a word or two.
    pub(crate) what: String,
    /// How much of it is done, percent.
    pub(crate) percent: Option<u8>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// In a state that is final, or that was waited for.
    State(Activation),
    /// The image was removed.
    Removed,
}

/// How far the image is.
#[derive(Debug)]
pub(crate) struct Follower {
    apply: ApplyTime,
    image_manager: Option<String>,
    told: BTreeMap<String, Told>,
    /// A state counts as the end.
    counts: bool,
    was_there: bool,
    is_removed: bool,
    /// What comes after it is another matter: an installer may take its objects away at once.
    ended: Option<End>,
}

impl Follower {
    /// Follows an image that was just handed over: whatever it is now counts.
    pub(crate) fn new(apply: ApplyTime, image_manager: Option<String>) -> Self {
        Self {
            apply,
            image_manager,
            told: BTreeMap::new(),
            counts: true,
            was_there: false,
            is_removed: false,
            ended: None,
        }
    }

    /// The state that it has now is of an earlier try.
    pub(crate) fn disregard_state(&mut self) {
        self.counts = false;
        self.ended = None;
    }

    /// Takes all that a service has of the image now.
    pub(crate) fn found(&mut self, owner: &str, interfaces: &Interfaces) {
        let told = self.told.entry(owner.to_owned()).or_default();
        for (interface, properties) in interfaces {
            told.interfaces.insert(interface.clone());
            told.take(interface, properties);
        }
        self.was_there |= !interfaces.is_empty();
        self.look_for_end();
    }

    /// Takes what somebody says of the image.
    pub(crate) fn hear(&mut self, owner: &str, said: &Said) {
        match said {
            Said::Added(interfaces) => {
                self.counts |= interfaces.contains_key(ACTIVATION);
                self.found(owner, interfaces);
            }
            Said::Changed { interface, properties } => {
                self.told.entry(owner.to_owned()).or_default().take(interface, properties);
                self.counts |= interface == ACTIVATION && properties.contains_key("Activation");
            }
            Said::Removed(interfaces) => {
                let Some(told) = self.told.get_mut(owner) else { return };
                for interface in interfaces {
                    told.forget(interface);
                }
                if told.interfaces.is_empty() {
                    self.told.remove(owner);
                    self.is_removed = self.was_there && self.told.is_empty();
                }
            }
        }
        self.look_for_end();
    }

    /// A connection is gone, and with it all that it said. It may come back, so that nothing ends by this.
    pub(crate) fn left(&mut self, owner: &str) -> bool {
        self.told.remove(owner).is_some()
    }

    /// The service of images has another connection.
    pub(crate) fn image_manager_is(&mut self, owner: &str) {
        self.image_manager = Some(owner.to_owned());
    }

    /// Whose state counts: that of an installer before that of image-manager.
    fn lead(&self) -> Option<&Told> {
        let with_state = self.told.iter().filter(|(_, told)| told.activation.is_some());
        with_state.min_by_key(|(owner, _)| self.image_manager.as_ref() == Some(*owner)).map(|(_, told)| told)
    }

    /// Its state.
    pub(crate) fn activation(&self) -> Option<Activation> {
        self.lead()?.activation
    }

    /// Why it ended as it did; empty when nobody says.
    pub(crate) fn reason(&self) -> &str {
        self.told.values().map(|told| &*told.reason).find(|reason| !reason.is_empty()).unwrap_or_default()
    }

    /// What is going on.
    pub(crate) fn doing(&self) -> Doing {
        let Some(lead) = self.lead() else {
            return Doing { what: "waiting for news".to_owned(), percent: None };
        };
        let state = lead.activation.unwrap_or(Activation::NotReady);
        let stage = || self.told.values().map(|told| &*told.stage).find(|stage| !stage.is_empty());
        let (what, percent) = match state {
            Activation::NotReady => {
                let stage = stage().unwrap_or("being taken in");
                (stage.to_owned(), lead.unpacked.filter(|_| stage == "unpacking"))
            }
            Activation::Ready if !lead.stage.is_empty() => (lead.stage.clone(), None),
            Activation::Activating => ("activating".to_owned(), lead.installed),
            Activation::Staging => ("staging".to_owned(), lead.installed),
            state => (state.word().to_lowercase(), None),
        };
        Doing { what, percent }
    }

    /// How it ended, if it has.
    pub(crate) fn end(&self) -> Option<End> {
        self.ended.clone()
    }

    fn look_for_end(&mut self) {
        let is_end = |state: &Activation| match state {
            Activation::Active | Activation::Staged | Activation::Failed | Activation::Invalid => true,
            Activation::Ready => self.apply == ApplyTime::OnActivationRequest,
            _ => false,
        };
        if self.ended.is_none() {
            let state = self.activation().filter(|state| self.counts && is_end(state));
            let removed = self.is_removed.then_some(End::Removed);
            self.ended = state.map(End::State).or(removed);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::{OwnedVariant, Variant};

    const OURS: &str = ":1.2";
    const THEIRS: &str = ":1.3";

    fn text_of(property: &str, text: &str) -> Properties {
        let variant = OwnedVariant::try_from(Variant::from(text.to_owned())).unwrap();
        [(property.to_owned(), variant)].into()
    }

    fn state(word: &str) -> Properties {
        text_of("Activation", &format!("{ACTIVATION}.Activations.{word}"))
    }

    fn progress(percent: u8) -> Properties {
        [("Progress".to_owned(), OwnedVariant::try_from(Variant::from(percent)).unwrap())].into()
    }

    fn changed(interface: &str, properties: Properties) -> Said {
        Said::Changed { interface: interface.to_owned(), properties }
    }

    fn added(interface: &str, properties: Properties) -> Said {
        Said::Added([(interface.to_owned(), properties)].into())
    }

    fn removed(interface: &str) -> Said {
        Said::Removed(vec![interface.to_owned()])
    }

    /// One that has been handed over.
    fn handed_over(apply: ApplyTime) -> Follower {
        let mut follower = Follower::new(apply, Some(OURS.to_owned()));
        let interfaces =
            [(ACTIVATION.to_owned(), state("NotReady")), (IMAGE.to_owned(), text_of("Stage", "queued"))];
        follower.found(OURS, &interfaces.into());
        follower
    }

    fn doing(follower: &Follower) -> (String, Option<u8>) {
        let doing = follower.doing();
        (doing.what, doing.percent)
    }

    #[test]
    fn an_image_is_followed_from_hand_over_to_installation() {
        let mut follower = handed_over(ApplyTime::Immediate);
        assert_eq!(doing(&follower), ("queued".to_owned(), None));
        follower.hear(OURS, &changed(IMAGE, text_of("Stage", "unpacking")));
        follower.hear(OURS, &changed(IMAGE, progress(40)));
        assert_eq!(doing(&follower), ("unpacking".to_owned(), Some(40)));
        follower.hear(OURS, &changed(IMAGE, text_of("Stage", "waiting for an installer")));
        follower.hear(OURS, &changed(ACTIVATION, state("Ready")));
        assert_eq!(doing(&follower), ("waiting for an installer".to_owned(), None));
        assert_eq!(follower.end(), None);
        follower.hear(THEIRS, &added(ACTIVATION, state("Ready")));
        follower.hear(OURS, &removed(ACTIVATION));
        assert_eq!(doing(&follower), ("ready".to_owned(), None));
        follower.hear(THEIRS, &changed(ACTIVATION, state("Activating")));
        follower.hear(THEIRS, &added(ACTIVATION_PROGRESS, progress(10)));
        follower.hear(THEIRS, &changed(ACTIVATION_PROGRESS, progress(70)));
        assert_eq!(doing(&follower), ("activating".to_owned(), Some(70)));
        follower.hear(THEIRS, &changed(ACTIVATION, state("Active")));
        follower.hear(THEIRS, &Said::Removed(vec![ACTIVATION.to_owned(), ACTIVATION_PROGRESS.to_owned()]));
        follower.hear(OURS, &removed(IMAGE));
        assert_eq!(follower.end(), Some(End::State(Activation::Active)));
    }

    #[test]
    fn a_refusal_has_its_reason() {
        let mut follower = handed_over(ApplyTime::Immediate);
        follower.hear(OURS, &changed(IMAGE, text_of("Reason", "there is no MANIFEST")));
        assert_eq!(follower.end(), None);
        follower.hear(OURS, &changed(ACTIVATION, state("Invalid")));
        assert_eq!(follower.end(), Some(End::State(Activation::Invalid)));
        assert_eq!(follower.reason(), "there is no MANIFEST");
    }

    #[test]
    fn ready_is_an_end_only_for_who_wants_no_more() {
        for (apply, end) in [
            (ApplyTime::OnActivationRequest, Some(End::State(Activation::Ready))),
            (ApplyTime::Immediate, None),
            (ApplyTime::OnReset, None),
        ] {
            let mut follower = handed_over(apply);
            follower.hear(OURS, &changed(ACTIVATION, state("Ready")));
            assert_eq!(follower.end(), end, "{apply}");
        }
    }

    #[test]
    fn a_state_of_an_earlier_try_is_no_end() {
        let mut follower = Follower::new(ApplyTime::Immediate, None);
        follower.found(THEIRS, &[(ACTIVATION.to_owned(), state("Failed"))].into());
        follower.disregard_state();
        assert_eq!(follower.end(), None);
        follower.hear(THEIRS, &changed(ACTIVATION_PROGRESS, progress(0)));
        assert_eq!(follower.end(), None);
        follower.hear(THEIRS, &changed(ACTIVATION, state("Failed")));
        assert_eq!(follower.end(), Some(End::State(Activation::Failed)), "it failed once more");
    }

    #[test]
    fn an_image_that_is_removed_ends_and_a_service_that_dies_may_come_back() {
        let mut follower = handed_over(ApplyTime::Immediate);
        assert!(follower.left(OURS));
        assert_eq!((follower.end(), doing(&follower).0), (None, "waiting for news".to_owned()));
        follower.image_manager_is(":1.9");
        follower.hear(":1.9", &added(ACTIVATION, state("Ready")));
        assert_eq!(follower.activation(), Some(Activation::Ready));
        follower.hear(":1.9", &removed(ACTIVATION));
        assert_eq!(follower.end(), Some(End::Removed));
    }

    #[test]
    fn what_an_installer_takes_over_is_not_removed() {
        let mut follower = handed_over(ApplyTime::Immediate);
        follower.hear(THEIRS, &added(ACTIVATION, state("Ready")));
        follower.hear(OURS, &Said::Removed(vec![ACTIVATION.to_owned(), IMAGE.to_owned()]));
        assert_eq!(follower.end(), None);
        assert_eq!(follower.activation(), Some(Activation::Ready));
    }
}
