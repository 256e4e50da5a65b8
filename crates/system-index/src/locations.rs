//! Which objects have which location codes, and whose vital product data say where the machine is.

use crate::{IndexError, parse, text_of};
use location_code::{Form, Node, NodeStyle, Unexpanded};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The location codes of one system, as `vpd-config` writes them and `location-code-updater` reads them.
///
/// Shape: TOML; `node` and `system`, tables `[[enclosure]]` and `[[object]]`. Paths are relative to the inventory's root.
///
/// Which object says where an object is: the `source` of the enclosure whose `path` is the longest that the object is
/// at or below; of the first enclosure, when it is below none. Without any `[[enclosure]]`, each `chassis…` is one: it
/// is taken to show `VCEN` itself or, where it does not, through a listed object below it whose name ends in
/// `motherboard`. What lies in no chassis (a cable, the system itself) then belongs to the first one in path order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Locations {
    /// How the node of the machine is told.
    #[serde(default)]
    pub node: NodeNaming,
    /// The object with the keywords TM and SE of record VSYS, for codes that begin with `Umts`.
    #[serde(default = "system")]
    pub system: String,
    /// The enclosures, for codes that begin with `Ufcs`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enclosure: Vec<Enclosure>,
    /// The objects that have a location code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub object: Vec<LocatedObject>,
}

/// How the node of a machine is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeNaming {
    /// Always `ND0`.
    Fixed,
    /// By the number of the chassis in the path.
    #[default]
    Numbered,
}

/// An enclosure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Enclosure {
    /// The object at and below which things are in it.
    pub path: String,
    /// The object with the keywords FC and SE of record VCEN.
    pub source: String,
}

/// An object with its code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LocatedObject {
    /// The object.
    pub path: String,
    /// Its code, not expanded.
    pub code: String,
}

/// Where an object's code gets what it lacks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whereabouts {
    /// The path that tells the node.
    pub node_path: String,
    /// The objects that may show the record, the most likely first.
    pub sources: Vec<String>,
}

fn system() -> String {
    "/system".to_owned()
}

impl Default for Locations {
    fn default() -> Self {
        Self { node: NodeNaming::default(), system: system(), enclosure: Vec::new(), object: Vec::new() }
    }
}

impl From<NodeNaming> for NodeStyle {
    fn from(naming: NodeNaming) -> Self {
        match naming {
            NodeNaming::Fixed => Self::Fixed,
            NodeNaming::Numbered => Self::Numbered,
        }
    }
}

impl Locations {
    /// Reads the text; what it says is not looked at, which [`Self::check`] does.
    ///
    /// Errors: [`IndexError::Syntax`].
    pub fn parse(text: &str) -> Result<Self, IndexError> {
        parse(text)
    }

    /// Writes the text.
    pub fn to_text(&self) -> String {
        text_of(self)
    }

    /// What is wrong with it, in sentences; nothing when all is well.
    pub fn check(&self) -> Vec<String> {
        let enclosures = self.enclosure.iter().flat_map(|enclosure| [&enclosure.path, &enclosure.source]);
        let paths =
            [&self.system].into_iter().chain(enclosures).chain(self.object.iter().map(|object| &object.path));
        let mut problems: Vec<String> = paths
            .filter(|path| !is_path(path))
            .map(|path| format!("{path:?} is no path of an object"))
            .collect();
        problems.extend(twice("object", self.object.iter().map(|object| &object.path)));
        problems.extend(twice("enclosure", self.enclosure.iter().map(|enclosure| &enclosure.path)));
        for object in &self.object {
            if let Err(error) = self.check_object(object) {
                problems.push(format!("{}: {error}", object.path));
            }
        }
        problems
    }

    fn check_object(&self, object: &LocatedObject) -> Result<(), String> {
        let code = Unexpanded::parse(&object.code).map_err(|error| error.to_string())?;
        if code.form() == Form::Enclosure {
            let whereabouts =
                self.enclosure_of(&object.path).ok_or("there is no enclosure that it could be in")?;
            Node::of_path(self.node.into(), &whereabouts.node_path).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The objects with a code that is not expanded, in their order.
    pub fn with_code<'a>(&'a self, code: &str) -> impl Iterator<Item = &'a LocatedObject> {
        self.object.iter().filter(move |object| object.code == code)
    }

    /// In which enclosure an object is; `None` when there is none at all.
    pub fn enclosure_of(&self, path: &str) -> Option<Whereabouts> {
        let containing = self.enclosure.iter().filter(|enclosure| is_below(path, &enclosure.path));
        let nearest = containing.max_by_key(|enclosure| enclosure.path.len());
        if let Some(enclosure) = nearest.or(self.enclosure.first()) {
            let node_path = if chassis(path).is_some() { path } else { &*enclosure.path };
            return Some(Whereabouts {
                node_path: node_path.to_owned(),
                sources: vec![enclosure.source.clone()],
            });
        }
        let others = || self.object.iter().filter_map(|object| chassis(&object.path)).min();
        let chassis = chassis(path).or_else(others)?;
        Some(Whereabouts { node_path: chassis.to_owned(), sources: self.likely_sources(chassis) })
    }

    /// The chassis, then the boards in it that are called so.
    fn likely_sources(&self, chassis: &str) -> Vec<String> {
        let listed = self.object.iter().map(|object| &object.path);
        let mut boards = BTreeSet::new();
        boards.extend(listed.filter(|path| is_below(path, chassis) && path.ends_with("motherboard")));
        let mut sources = vec![chassis.to_owned()];
        sources.extend(boards.into_iter().cloned());
        if sources.len() == 1 {
            sources.push(format!("{chassis}/motherboard"));
        }
        sources
    }
}

/// An object's path up to its chassis.
fn chassis(path: &str) -> Option<&str> {
    let start = path.find("/chassis")?.checked_add(1)?;
    let end = path.get(start..)?.find('/').map_or(path.len(), |length| start + length);
    path.get(..end)
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Relative to the inventory's root, of the characters that D-Bus allows.
fn is_path(path: &str) -> bool {
    let is_segment = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment))
}

fn twice<'a>(what: &str, paths: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let again = paths.filter(|path| !seen.insert(*path));
    again.map(|path| format!("{what} {path} appears twice")).collect()
}

#[cfg(test)]
mod tests;
