//! Activations that others have below the software root.

use crate::hand_over::Claim;
use dbus_api::software::announcement::{Announcement, Objects, Properties, Said, text};
use dbus_api::software::{ACTIVATION, ROOT, parse_activation};
use std::collections::BTreeMap;
use update_state::Activation;
use zbus::message::Sequence;

/// Most owners of an object that are kept in mind beside those that are believed; one is usual, two for a moment.
const OWNERS: usize = 16;

/// What others show: object name below the root, unique name of the owner, state.
///
/// `P` is the order in which things came over the bus.
#[derive(Debug)]
pub struct Claims<P = Sequence> {
    activations: BTreeMap<String, BTreeMap<String, Option<Activation>>>,
    /// Whether an owner may be believed.
    trusted: BTreeMap<String, Option<bool>>,
    /// Owners that are being asked for all that they have.
    scans: BTreeMap<String, Scan<P>>,
}

/// An owner that is being asked for all that it has, and what it said meanwhile of objects: nothing of one that is gone.
#[derive(Debug)]
struct Scan<P> {
    open: usize,
    heard: BTreeMap<String, (P, Option<Option<Activation>>)>,
}

impl<P> Default for Claims<P> {
    fn default() -> Self {
        Self { activations: BTreeMap::new(), trusted: BTreeMap::new(), scans: BTreeMap::new() }
    }
}

impl<P: Ord> Claims<P> {
    /// Takes what somebody says of an object that `is_ours`, and tells which it changed.
    ///
    /// Others' objects are nothing to us, and whoever made up many of them would only fill our memory.
    pub fn hear(
        &mut self,
        announcement: Announcement,
        came: P,
        is_ours: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let Announcement { sender, path, said } = announcement;
        let name = name(&path).filter(|name| is_ours(name))?.to_owned();
        let is_change = matches!(said, Said::Changed { .. });
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
            scan.heard.insert(name.clone(), (came, now));
        }
        match now {
            None => self.take(&name, &sender)?,
            // Only of what is there: a change of something unknown is no appearance.
            Some(state) if is_change => *self.activations.get_mut(&name)?.get_mut(&sender)? = state,
            Some(state) => self.set(&name, sender, state)?,
        }
        Some(name)
    }

    /// An owner is about to be asked for all that it has.
    pub fn scanning(&mut self, owner: &str) {
        let none = || Scan { open: 0, heard: BTreeMap::new() };
        self.scans.entry(owner.to_owned()).or_insert_with(none).open += 1;
    }

    /// Takes all that an owner has, as it was when its answer came, or that it did not answer; tells what is changed.
    pub fn scanned(
        &mut self,
        owner: &str,
        answer: Option<(Objects, P)>,
        is_ours: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        // It may have left meanwhile.
        let Some(scan) = self.scans.get_mut(owner) else { return Vec::new() };
        scan.open = scan.open.saturating_sub(1);
        let mut found = Vec::new();
        for (path, interfaces) in answer.iter().flat_map(|(objects, _)| objects) {
            let Some(state) = interfaces.get(ACTIVATION).map(state) else { continue };
            let Some(name) = name(path.as_str()).filter(|name| is_ours(name)) else { continue };
            // What was said behind the answer was heard before it.
            let later = scan
                .heard
                .get(name)
                .filter(|(came, _)| answer.as_ref().is_some_and(|(_, answered)| came > answered));
            match later {
                Some((_, None)) => {}
                Some((_, Some(later))) => found.push((name.to_owned(), *later)),
                None => found.push((name.to_owned(), state)),
            }
        }
        if scan.open == 0 {
            self.scans.remove(owner);
        }
        found.retain(|(name, state)| self.set(name, owner.to_owned(), *state).is_some());
        found.into_iter().map(|(name, _)| name).collect()
    }

    /// Somebody left the bus; the objects that this changes.
    pub fn left(&mut self, owner: &str) -> Vec<String> {
        self.trusted.remove(owner);
        self.scans.remove(owner);
        let names: Vec<_> = self.activations.keys().cloned().collect();
        names.into_iter().filter(|name| self.take(name, owner).is_some()).collect()
    }

    /// Owners of whom it is not known whether they may be believed.
    pub fn strangers(&self) -> Vec<String> {
        let owners = self.activations.values().flat_map(BTreeMap::keys);
        let mut strangers: Vec<_> =
            owners.filter(|owner| !self.trusted.contains_key(*owner)).cloned().collect();
        strangers.sort_unstable();
        strangers.dedup();
        strangers
    }

    /// Somebody is finding out whether an owner may be believed.
    pub fn asked_about(&mut self, owner: &str) {
        self.trusted.entry(owner.to_owned()).or_default();
    }

    /// Whether an owner may be believed; the objects that this changes. One that may not is not heard any more.
    pub fn trust(&mut self, owner: &str, is_trusted: bool) -> Vec<String> {
        // It may have left meanwhile.
        let Some(known) = self.trusted.get_mut(owner) else { return Vec::new() };
        *known = Some(is_trusted);
        let of_owner = self.activations.iter().filter(|(_, owners)| owners.contains_key(owner));
        let names: Vec<_> = of_owner.map(|(name, _)| name.clone()).collect();
        if !is_trusted {
            for name in &names {
                self.take(name, owner);
            }
        }
        names
    }

    /// Nothing more is to be known of an object.
    pub fn forget(&mut self, name: &str) {
        self.activations.remove(name);
    }

    /// Who has an Activation at an object; of several, the one that matters: who is at work, then who was `told` to begin,
    /// then who has installed it, then who would.
    pub fn claim(&self, name: &str, told: Option<&str>) -> Option<Claim> {
        self.trusted_claims(name).max_by_key(|claim| match claim.state {
            Some(state) if state.is_busy() => 4,
            _ if told == Some(&*claim.owner) => 3,
            Some(Activation::Active | Activation::Staged) => 2,
            Some(Activation::Ready) => 1,
            _ => 0,
        })
    }

    /// Whether somebody other than `caller` is at work on an object. Whoever may yet turn out to be believed counts.
    pub fn is_busy(&self, name: &str, caller: &str) -> bool {
        let owners = self.activations.get(name).into_iter().flatten();
        let mut others =
            owners.filter(|(owner, _)| *owner != caller && self.trusted.get(*owner) != Some(&Some(false)));
        others.any(|(_, state)| state.is_some_and(Activation::is_busy))
    }

    fn trusted_claims<'a>(&'a self, name: &str) -> impl Iterator<Item = Claim> + 'a {
        let owners = self.activations.get(name).into_iter().flatten();
        let trusted = owners.filter(|(owner, _)| self.trusted.get(*owner) == Some(&Some(true)));
        trusted.map(|(owner, state)| Claim { owner: owner.clone(), state: *state })
    }

    fn set(&mut self, name: &str, owner: String, state: Option<Activation>) -> Option<()> {
        if self.trusted.get(&owner) == Some(&Some(false)) {
            return None;
        }
        let owners = self.activations.entry(name.to_owned()).or_default();
        let is_believed = |owner: &String| self.trusted.get(owner) == Some(&Some(true));
        let is_new = !owners.contains_key(&owner) && !is_believed(&owner);
        if is_new && owners.keys().filter(|owner| !is_believed(owner)).count() >= OWNERS {
            return None;
        }
        owners.insert(owner, state);
        Some(())
    }

    fn take(&mut self, name: &str, owner: &str) -> Option<()> {
        let owners = self.activations.get_mut(name)?;
        owners.remove(owner)?;
        if owners.is_empty() {
            self.activations.remove(name);
        }
        Some(())
    }
}

/// The name of an object one level below the root.
fn name(path: &str) -> Option<&str> {
    let name = path.strip_prefix(ROOT)?.strip_prefix('/')?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

fn state(properties: &Properties) -> Option<Activation> {
    parse_activation(&text(properties, "Activation")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbus_api::software::activation;
    use std::collections::HashMap;
    use zbus::{OwnedVariant, Variant};

    fn properties(state: Activation) -> Properties {
        let value = OwnedVariant::try_from(Variant::from(activation(state))).unwrap();
        HashMap::from([("Activation".to_owned(), value)])
    }

    fn said(sender: &str, said: Said) -> Announcement {
        Announcement { sender: sender.to_owned(), path: format!("{ROOT}/12345678"), said }
    }

    fn added(state: Activation) -> Said {
        Said::Added(HashMap::from([(ACTIVATION.to_owned(), properties(state))]))
    }

    fn changed(state: Activation) -> Said {
        Said::Changed { interface: ACTIVATION.to_owned(), properties: properties(state) }
    }

    fn state_of(foreign: &Claims<u32>) -> Option<(String, Option<Activation>)> {
        foreign.claim("12345678", None).map(|claim| (claim.owner, claim.state))
    }

    fn heard(foreign: &mut Claims<u32>, announcement: Announcement) -> bool {
        heard_at(foreign, announcement, 0)
    }

    fn heard_at(foreign: &mut Claims<u32>, announcement: Announcement, came: u32) -> bool {
        foreign.hear(announcement, came, |name| name == "12345678").is_some()
    }

    fn believed(owners: &[&str]) -> Claims<u32> {
        let mut foreign = Claims::default();
        for owner in owners {
            foreign.asked_about(owner);
            foreign.trust(owner, true);
        }
        foreign
    }

    fn answer(state: Activation, came: u32) -> Option<(Objects, u32)> {
        let path = zbus::OwnedObjectPath::try_from(format!("{ROOT}/12345678")).unwrap();
        let interfaces = HashMap::from([(ACTIVATION.to_owned(), properties(state))]);
        Some((HashMap::from([(path, interfaces)]), came))
    }

    #[test]
    fn what_was_said_behind_an_answer_is_newer_though_it_was_heard_before() {
        use Activation::{Activating, Active};
        let gone = || Said::Removed(vec![ACTIVATION.to_owned()]);
        for (said_now, came, expected) in [
            (changed(Active), 9, Some(Active)),
            (changed(Active), 3, Some(Activating)),
            (added(Active), 9, Some(Active)),
            (gone(), 9, None),
            (gone(), 3, Some(Activating)),
        ] {
            let mut foreign = believed(&[":1.1"]);
            foreign.scanning(":1.1");
            let what = format!("{said_now:?} at {came}");
            heard_at(&mut foreign, said(":1.1", said_now), came);
            foreign.scanned(":1.1", answer(Activating, 5), |_| true);
            assert_eq!(state_of(&foreign).and_then(|(_, state)| state), expected, "{what}");
            assert!(foreign.scans.is_empty());
        }
    }

    #[test]
    fn the_answer_of_somebody_who_has_left_counts_no_more() {
        let mut foreign = believed(&[":1.1"]);
        foreign.scanning(":1.1");
        foreign.left(":1.1");
        assert_eq!(foreign.scanned(":1.1", answer(Activation::Ready, 5), |_| true), [""; 0]);
        assert_eq!(foreign.strangers(), [""; 0]);
    }

    #[test]
    fn of_several_installers_the_one_that_was_told_counts_to_its_end() {
        use Activation::{Active, Failed, Invalid, Ready, Staging};
        for (one, other, told, expected) in [
            (Active, Ready, Some(":1.1"), ":1.1"),
            (Failed, Ready, Some(":1.1"), ":1.1"),
            (Ready, Staging, Some(":1.1"), ":1.9"),
            (Active, Ready, None, ":1.1"),
            (Invalid, Ready, None, ":1.9"),
        ] {
            let mut foreign = believed(&[":1.1", ":1.9"]);
            heard(&mut foreign, said(":1.1", added(one)));
            heard(&mut foreign, said(":1.9", added(other)));
            let claim = foreign.claim("12345678", told).unwrap();
            assert_eq!(claim.owner, expected, "{one:?} {other:?} {told:?}");
        }
    }

    #[test]
    fn many_strangers_do_not_keep_a_believed_installer_out() {
        let mut foreign = believed(&[":1.1"]);
        for stranger in 0..100 {
            heard(&mut foreign, said(&format!(":2.{stranger}"), added(Activation::Activating)));
        }
        assert_eq!(foreign.activations["12345678"].len(), OWNERS);
        assert!(heard(&mut foreign, said(":1.1", added(Activation::Ready))));
        assert_eq!(state_of(&foreign), Some((":1.1".to_owned(), Some(Activation::Ready))));
    }

    #[test]
    fn an_installer_counts_once_it_is_known_to_be_roots() {
        let mut foreign = Claims::<u32>::default();
        assert!(heard(&mut foreign, said(":1.1", added(Activation::Ready))));
        assert_eq!(state_of(&foreign), None);
        assert_eq!(foreign.strangers(), [":1.1"]);
        foreign.asked_about(":1.1");
        assert_eq!(foreign.strangers(), [""; 0]);
        assert_eq!(foreign.trust(":1.1", true), ["12345678"]);
        assert_eq!(state_of(&foreign), Some((":1.1".to_owned(), Some(Activation::Ready))));
        assert!(heard(&mut foreign, said(":1.1", changed(Activation::Activating))));
        assert!(foreign.is_busy("12345678", ":1.2") && !foreign.is_busy("12345678", ":1.1"));
        assert_eq!(foreign.left(":1.1"), ["12345678"]);
        assert_eq!(state_of(&foreign), None);
    }

    #[test]
    fn who_is_not_believed_is_not_heard() {
        let mut foreign = Claims::default();
        heard(&mut foreign, said(":1.6", added(Activation::Activating)));
        foreign.asked_about(":1.6");
        foreign.trust(":1.6", false);
        assert!(!heard(&mut foreign, said(":1.6", added(Activation::Activating))));
        assert!(!foreign.is_busy("12345678", ""));
        assert_eq!(foreign.strangers(), [""; 0]);
        foreign.left(":1.6");
        foreign.trust(":1.6", true);
        assert!(foreign.trusted.is_empty(), "the answer came after it had left");
    }

    #[test]
    fn what_is_not_ours_is_not_kept() {
        let mut foreign = Claims::default();
        for number in 0..100 {
            let path = format!("{ROOT}/other{number}");
            let said = Announcement { path, ..said(":1.1", added(Activation::Ready)) };
            assert!(!heard(&mut foreign, said));
        }
        assert!(!heard(&mut foreign, said(":1.1", changed(Activation::Ready))));
        assert!(!heard(&mut foreign, said(":1.1", Said::Removed(vec![ACTIVATION.to_owned()]))));
        assert!(foreign.activations.is_empty());
    }
}
