//! Every code worked out: what the system's description says, with what the inventory shows. Pure.

use dbus_api::inventory::located::{ENCLOSURE_RECORD, Located, SYSTEM_RECORD};
use location_code::{Form, Node, Prefix, Unexpanded, asset_tag};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use system_index::Locations;

/// The codes of a system, ready to be worked out.
#[derive(Debug, Default)]
pub struct Plan {
    objects: Vec<Planned>,
    /// The objects that may show the identity of each, and its node.
    enclosures: Vec<(Vec<String>, Node)>,
    system: String,
}

#[derive(Debug)]
struct Planned {
    path: String,
    code: Unexpanded,
    /// Which of the plan's enclosures it is in, if it is told.
    enclosure: Option<usize>,
}

/// What identifies a part of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// Feature code and serial number.
    Enclosure,
    /// Type, model and serial number.
    System,
}

/// An identity that the inventory does not show.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The object that should show it.
    pub object: String,
    /// What it is.
    pub identity: Identity,
    /// What is wrong.
    pub reason: String,
}

impl Missing {
    /// Whether it is the same that is missing, for whatever reason.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.object, self.identity) == (&other.object, other.identity)
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}: {}", self.identity.record(), self.object, self.reason)
    }
}

impl Identity {
    /// The record that has it.
    pub fn record(self) -> &'static str {
        match self {
            Self::Enclosure => ENCLOSURE_RECORD,
            Self::System => SYSTEM_RECORD,
        }
    }
}

/// What an inventory should show.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Codes {
    /// How many of the system's objects the inventory has.
    pub existing: usize,
    /// How many of them have a code that is not expanded.
    pub unexpanded: usize,
    /// Objects that show another code, or none, with the right one.
    pub different: Vec<(String, String)>,
    /// Identities without which codes of existing objects cannot be expanded.
    pub missing: Vec<Missing>,
    /// The system's object and its first asset tag, where it has none; one that it has is its owner's, even if empty.
    pub asset_tag: Option<(String, String)>,
}

impl Codes {
    /// Whether the inventory shows all of it.
    pub fn is_shown(&self) -> bool {
        self.different.is_empty() && self.asset_tag.is_none()
    }
}

impl Plan {
    /// Takes what a system's description says; the sentences say what in it is of no use.
    pub fn new(locations: &Locations) -> (Self, Vec<String>) {
        let mut plan = Self { system: locations.system.clone(), ..Self::default() };
        let problems = locations.check();
        let mut known = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for object in &locations.object {
            let Ok(code) = Unexpanded::parse(&object.code) else { continue };
            if !seen.insert(&object.path) {
                continue;
            }
            let enclosure = enclosure_of(locations, &code, &object.path).map(|(sources, node)| {
                *known.entry((sources.clone(), node)).or_insert_with(|| {
                    plan.enclosures.push((sources, node));
                    plan.enclosures.len() - 1
                })
            });
            plan.objects.push(Planned { path: object.path.clone(), code, enclosure });
        }
        (plan, problems)
    }

    /// Whether there is nothing to publish, ever.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Whether an object has a code.
    pub fn has(&self, path: &str) -> bool {
        self.objects.iter().any(|object| object.path == path)
    }

    /// The objects that have a code, and those on which codes depend.
    pub fn objects(&self) -> BTreeSet<&str> {
        let sources = self.enclosures.iter().flat_map(|(sources, _)| sources);
        let with_codes = self.objects.iter().map(|object| &object.path);
        with_codes.chain(sources).chain([&self.system]).map(String::as_str).collect()
    }

    /// Whether codes depend on what an object shows.
    pub fn is_source(&self, path: &str) -> bool {
        let mut sources = self.enclosures.iter().flat_map(|(sources, _)| sources);
        self.system == path || sources.any(|source| source == path)
    }

    /// Works out every code for an inventory that shows this.
    pub fn work_out(&self, shown: &BTreeMap<String, Located>) -> Codes {
        let enclosures: Vec<_> =
            self.enclosures.iter().map(|(sources, node)| enclosure(sources, *node, shown)).collect();
        let system = system(&self.system, shown);
        let mut codes = Codes::default();
        for object in &self.objects {
            let Some(located) = shown.get(&object.path) else { continue };
            let prefix = match object.code.form() {
                Form::System => Some(&system),
                Form::Enclosure => object.enclosure.and_then(|index| enclosures.get(index)),
            };
            let code = match prefix {
                Some(Ok(prefix)) => object.code.expand(prefix),
                Some(Err(missing)) => {
                    if !codes.missing.iter().any(|other| other.is_same(missing)) {
                        codes.missing.push(missing.clone());
                    }
                    codes.unexpanded += 1;
                    object.code.to_string()
                }
                // The description does not say enough, which was said when it was read.
                None => {
                    codes.unexpanded += 1;
                    object.code.to_string()
                }
            };
            codes.existing += 1;
            if located.location_code.as_ref() != Some(&code) {
                codes.different.push((object.path.clone(), code));
            }
        }
        codes.missing.sort_unstable();
        codes.asset_tag = self.asset_tag(shown);
        codes
    }

    fn asset_tag(&self, shown: &BTreeMap<String, Located>) -> Option<(String, String)> {
        let located = shown.get(&self.system).filter(|located| !located.has_asset_tag)?;
        let (model, serial) = located.system.as_ref()?;
        Some((self.system.clone(), asset_tag(model, serial).ok()?))
    }
}

/// Who may show the identity that a code needs, and the node in it; nothing when the description does not say.
fn enclosure_of(locations: &Locations, code: &Unexpanded, path: &str) -> Option<(Vec<String>, Node)> {
    if code.form() != Form::Enclosure {
        return None;
    }
    let whereabouts = locations.enclosure_of(path)?;
    let node = Node::of_path(locations.node.into(), &whereabouts.node_path).ok()?;
    Some((whereabouts.sources, node))
}

/// The first source that will do; if none will, what is wrong with the first that shows the record.
fn enclosure(sources: &[String], node: Node, shown: &BTreeMap<String, Located>) -> Result<Prefix, Missing> {
    let missing =
        |object: &String, reason| Missing { object: object.clone(), identity: Identity::Enclosure, reason };
    let mut fault = None;
    for source in sources {
        let Some((feature, serial)) = shown.get(source).and_then(|located| located.enclosure.as_ref()) else {
            continue;
        };
        match Prefix::of_enclosure(feature, node, serial) {
            Ok(prefix) => return Ok(prefix),
            Err(error) => {
                fault.get_or_insert_with(|| missing(source, error.to_string()));
            }
        }
    }
    let nothing = || missing(sources.first().unwrap_or(&String::new()), "is not there".to_owned());
    Err(fault.unwrap_or_else(nothing))
}

fn system(object: &str, shown: &BTreeMap<String, Located>) -> Result<Prefix, Missing> {
    let missing = |reason| Missing { object: object.to_owned(), identity: Identity::System, reason };
    let record = shown.get(object).and_then(|located| located.system.as_ref());
    let (model, serial) = record.ok_or_else(|| missing("is not there".to_owned()))?;
    Prefix::of_system(model, serial).map_err(|error| missing(error.to_string()))
}

#[cfg(test)]
mod tests;
