//! Activations that others have below the software root.

use crate::hand_over::Claim;
use dbus_api::software::announcement::{Announcement, Interfaces, Objects, Properties, Said, text};
use dbus_api::software::{ACTIVATION, ROOT, parse_activation};
use std::collections::BTreeMap;
use update_state::Activation;

/// Most owners of an object that are kept in mind; one is usual, two for a moment.
const OWNERS: usize = 16;

/// What others show: object name below the root, unique name of the owner, state.
#[derive(Debug, Default)]
pub struct Foreign {
    activations: BTreeMap<String, BTreeMap<String, Option<Activation>>>,
    /// Whether an owner may be believed.
    trusted: BTreeMap<String, Option<bool>>,
}

impl Foreign {
    /// Takes what somebody says of an object that `is_ours`, and tells which it changed.
    ///
    /// Others' objects are nothing to us, and whoever made up many of them would only fill our memory.
    pub fn hear(&mut self, announcement: Announcement, is_ours: impl Fn(&str) -> bool) -> Option<String> {
        let name = name(&announcement.path).filter(|name| is_ours(name))?.to_owned();
        match announcement.said {
            Said::Added(interfaces) => {
                let state = state(interfaces.get(ACTIVATION)?);
                self.set(&name, announcement.sender, state)?;
            }
            Said::Removed(interfaces) => {
                interfaces.iter().any(|interface| interface == ACTIVATION).then_some(())?;
                self.take(&name, &announcement.sender)?;
            }
            Said::Changed { interface, properties } => {
                (interface == ACTIVATION).then_some(())?;
                let state = state(&properties)?;
                // Only of what is there: a change of something unknown is no appearance.
                *self.activations.get_mut(&name)?.get_mut(&announcement.sender)? = Some(state);
            }
        }
        Some(name)
    }

    /// Takes all that an owner has.
    pub fn scanned(&mut self, owner: &str, objects: &Objects, is_ours: impl Fn(&str) -> bool) -> Vec<String> {
        let activation = |interfaces: &Interfaces| interfaces.get(ACTIVATION).map(state);
        let found = objects.iter().filter_map(|(path, interfaces)| {
            Some((name(path.as_str()).filter(|name| is_ours(name))?.to_owned(), activation(interfaces)?))
        });
        let mut changed = Vec::new();
        for (name, state) in found {
            changed.extend(self.set(&name, owner.to_owned(), state).map(|()| name));
        }
        changed
    }

    /// Somebody left the bus; the objects that this changes.
    pub fn left(&mut self, owner: &str) -> Vec<String> {
        self.trusted.remove(owner);
        let names: Vec<_> = self.activations.keys().cloned().collect();
        names.into_iter().filter(|name| self.take(name, owner).is_some()).collect()
    }

    /// Owners of whom it is not known whether they may be believed.
    pub fn strangers(&self) -> Vec<String> {
        let owners = self.activations.values().flat_map(BTreeMap::keys);
        let mut strangers: Vec<_> =
            owners.filter(|owner| !self.trusted.contains_key(*owner)).cloned().collect();
        strangers.sort();
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

    /// Who has an Activation at an object: one that is at work before one that is not.
    pub fn claim(&self, name: &str) -> Option<Claim> {
        let claims = self.trusted_claims(name);
        claims.max_by_key(|claim| claim.state.is_some_and(Activation::is_busy))
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
        if !owners.contains_key(&owner) && owners.len() >= OWNERS {
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

    fn state_of(foreign: &Foreign) -> Option<(String, Option<Activation>)> {
        foreign.claim("12345678").map(|claim| (claim.owner, claim.state))
    }

    fn heard(foreign: &mut Foreign, announcement: Announcement) -> bool {
        foreign.hear(announcement, |name| name == "12345678").is_some()
    }

    #[test]
    fn an_installer_counts_once_it_is_known_to_be_roots() {
        let mut foreign = Foreign::default();
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
        let mut foreign = Foreign::default();
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
        let mut foreign = Foreign::default();
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
