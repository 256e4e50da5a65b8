//! Activations that others have below the software root.

use crate::hand_over::Claim;
use dbus_api::software::announcement::{Announcement, Interfaces, Objects, Properties, Said, text};
use dbus_api::software::{ACTIVATION, ROOT, parse_activation};
use std::collections::BTreeMap;
use update_state::Activation;

/// Most objects and owners of each that are kept in mind; a machine has far fewer.
const OBJECTS: usize = 1_024;
const OWNERS: usize = 16;

/// What others show: object name below the root, unique name of the owner, state.
#[derive(Debug, Default)]
pub struct Foreign {
    activations: BTreeMap<String, BTreeMap<String, Option<Activation>>>,
    /// Whether an owner may be believed.
    trusted: BTreeMap<String, Option<bool>>,
}

impl Foreign {
    /// Takes what somebody says, and tells which object it changed.
    pub fn hear(&mut self, announcement: Announcement) -> Option<String> {
        let name = name(&announcement.path)?.to_owned();
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
    pub fn scanned(&mut self, owner: &str, objects: &Objects) -> Vec<String> {
        let activation = |interfaces: &Interfaces| interfaces.get(ACTIVATION).map(state);
        let found = objects.iter().filter_map(|(path, interfaces)| {
            Some((name(path.as_str())?.to_owned(), activation(interfaces)?))
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

    /// Whether an owner may be believed; the objects that this changes.
    pub fn trust(&mut self, owner: &str, is_trusted: bool) -> Vec<String> {
        self.trusted.insert(owner.to_owned(), Some(is_trusted));
        let of_owner = self.activations.iter().filter(|(_, owners)| owners.contains_key(owner));
        of_owner.map(|(name, _)| name.clone()).collect()
    }

    /// Who has an Activation at an object: one that is at work before one that is not.
    pub fn claim(&self, name: &str) -> Option<Claim> {
        let claims = self.trusted_claims(name);
        claims.max_by_key(|claim| claim.state.is_some_and(Activation::is_busy))
    }

    /// Whether somebody other than `caller` is at work on an object.
    pub fn is_busy(&self, name: &str, caller: &str) -> bool {
        let mut claims = self.trusted_claims(name);
        claims.any(|claim| claim.owner != caller && claim.state.is_some_and(Activation::is_busy))
    }

    /// Whether somebody has an object of this name.
    pub fn has(&self, name: &str) -> bool {
        self.activations.contains_key(name)
    }

    fn trusted_claims<'a>(&'a self, name: &str) -> impl Iterator<Item = Claim> + 'a {
        let owners = self.activations.get(name).into_iter().flatten();
        let trusted = owners.filter(|(owner, _)| self.trusted.get(*owner) == Some(&Some(true)));
        trusted.map(|(owner, state)| Claim { owner: owner.clone(), state: *state })
    }

    fn set(&mut self, name: &str, owner: String, state: Option<Activation>) -> Option<()> {
        if !self.activations.contains_key(name) && self.activations.len() >= OBJECTS {
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
