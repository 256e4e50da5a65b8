//! Associations that machine layers configure: which objects get `Association.Definitions`, and what is in it.
//!
//! Shape: JSON files in `/usr/share/phosphor-inventory-manager`, as phosphor-inventory-manager
//! reads them. An array of `{path, endpoints: [{types: {fType, rType}, paths}]}` is the default;
//! an object `{condition: {path, interface, property, values}, associations: [the same]}` takes
//! its place once its condition holds; the first of these in file name order wins for good.

use crate::inventory::Inventory;
use crate::schema::{Place, Schema};
use crate::types::Value;
use dbus_api::inventory::received::Growing;
use dbus_api::inventory::{ASSOCIATION_DEFINITIONS, ROOT};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where the files are, below the root.
const FOLDER: &str = "usr/share/phosphor-inventory-manager";

/// The associations of a machine.
#[derive(Debug, Default)]
pub struct Associations {
    default: Definitions,
    conditional: Vec<Conditional>,
    /// The conditional that has won.
    chosen: Option<usize>,
    /// Objects whose associations there was no room for, so that each is told once.
    left_out: BTreeSet<String>,
}

/// An object whose associations are others now.
#[derive(Debug, PartialEq, Eq)]
pub struct Associated {
    /// The object.
    pub path: String,
    /// Their interface, which the object did not have before if `is_new`, and their property.
    pub place: (Place, Place),
    /// Whether the object did not have the interface.
    pub is_new: bool,
}

/// What one association file cannot be used for, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", .path.display())]
pub struct AssociationError {
    path: PathBuf,
    reason: String,
}

/// Forward type, reverse type, endpoint, one association after the other; by relative object path.
type Definitions = BTreeMap<String, Value>;

#[derive(Debug, Deserialize)]
struct Conditional {
    condition: Condition,
    #[serde(deserialize_with = "definitions")]
    associations: Definitions,
}

#[derive(Debug, Deserialize)]
struct Condition {
    path: String,
    interface: String,
    property: String,
    values: Vec<Json>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    path: String,
    endpoints: Vec<Endpoints>,
}

#[derive(Debug, Deserialize)]
struct Endpoints {
    types: Types,
    paths: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Types {
    #[serde(rename = "fType")]
    forward: String,
    #[serde(rename = "rType")]
    reverse: String,
}

fn definitions<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Definitions, D::Error> {
    Ok(collect(Vec::deserialize(deserializer)?))
}

fn collect(entries: Vec<Entry>) -> Definitions {
    let mut definitions: BTreeMap<String, Growing> = BTreeMap::new();
    for entry in entries {
        let ends = definitions.entry(normal(&entry.path)).or_default();
        for Endpoints { types, paths } in entry.endpoints {
            for path in &paths {
                [&types.forward, &types.reverse, path].into_iter().for_each(|text| ends.push(text));
            }
        }
    }
    definitions.into_iter().map(|(path, ends)| (path, Value::Triples(ends.finish()))).collect()
}

/// Paths stand with or without the root, with or without a leading slash.
fn normal(path: &str) -> String {
    format!("/{}", path.strip_prefix(ROOT).unwrap_or(path).trim_matches('/'))
}

impl Associations {
    /// Reads every `*.json` of the folder below `root`; a missing folder means none.
    pub fn load(root: &Path) -> Result<Self, AssociationError> {
        let folder = root.join(FOLDER);
        let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(Self::default()) };
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort_unstable();
        let mut associations = Self::default();
        for path in paths {
            let result = std::fs::read(&path).map_err(|error| error.to_string());
            let result = result.and_then(|text| associations.add(&text).map_err(|error| error.to_string()));
            result.map_err(|reason| AssociationError { path, reason })?;
        }
        Ok(associations)
    }

    fn add(&mut self, text: &[u8]) -> Result<(), serde_json::Error> {
        match serde_json::from_slice(text)? {
            Json::Array(entries) => {
                self.default.append(&mut collect(serde_json::from_value(entries.into())?))
            }
            other => self.conditional.push(serde_json::from_value(other)?),
        }
        Ok(())
    }

    /// Gives the objects of the inventory as it now is what they should have, within its bounds; tells which did not have it.
    ///
    /// The values are live only: the files, not the inventory's state, hold them.
    pub fn apply(&mut self, schema: &Schema, inventory: &mut Inventory) -> Vec<Associated> {
        if self.chosen.is_none() {
            self.chosen = self.conditional.iter().position(|one| one.condition.holds(schema, inventory));
        }
        let definitions = match self.chosen.and_then(|index| self.conditional.get(index)) {
            Some(conditional) => &conditional.associations,
            None => &self.default,
        };
        let Some(interface) = schema.place(ASSOCIATION_DEFINITIONS) else { return Vec::new() };
        let Some(property) = schema.at(interface).and_then(|known| known.place(PROPERTY)) else {
            return Vec::new();
        };
        let mut associated = Vec::new();
        for (path, value) in definitions {
            let is_there = inventory.objects().contains_key(path);
            let shown = inventory.value(schema, path, ASSOCIATION_DEFINITIONS, PROPERTY);
            if !is_there || shown == Some(value) {
                continue;
            }
            match inventory.configure(schema, path, interface, property, value.clone()) {
                Ok(is_new) => {
                    associated.push(Associated { path: path.clone(), place: (interface, property), is_new });
                    self.left_out.remove(path);
                }
                Err(exceeded) if self.left_out.insert(path.clone()) => {
                    log::error!("no room for the configured associations object={path}: {exceeded}");
                }
                Err(_) => {}
            }
        }
        associated
    }
}

const PROPERTY: &str = "Associations";

impl Condition {
    fn holds(&self, schema: &Schema, inventory: &Inventory) -> bool {
        let value = inventory.value(schema, &normal(&self.path), &self.interface, &self.property);
        let property = schema.interface(&self.interface).and_then(|known| known.get(&self.property));
        value.zip(property).is_some_and(|(value, property)| {
            self.values.iter().any(|json| property.kind.from_json(json).as_ref() == Some(value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::PropertyValues;

    const DEFAULT: &[u8] = br#"[{"path": "system/a", "endpoints": [
        {"types": {"fType": "sensors", "rType": "inventory"}, "paths": ["/s/one", "/s/two"]}]}]"#;
    const CONDITIONAL: &[u8] = br#"{"condition": {"path": "/system", "interface": "a.B", "property": "Model",
        "values": ["M1", "M2"]}, "associations": [{"path": "system/a", "endpoints": [
        {"types": {"fType": "fan", "rType": "sensor"}, "paths": ["/s/three"]}]}]}"#;

    fn schema() -> Schema {
        let text =
            format!("[\"{ASSOCIATION_DEFINITIONS}\"]\nAssociations = \"a(sss)\"\n[\"a.B\"]\nModel = \"s\"\n");
        Schema::from_fragment(&toml::from_str(&text).unwrap()).unwrap()
    }

    fn shown(inventory: &Inventory) -> Option<Value> {
        inventory.value(&schema(), "/system/a", ASSOCIATION_DEFINITIONS, PROPERTY).cloned()
    }

    fn is_persisted(inventory: &Inventory) -> bool {
        let place = schema().place(ASSOCIATION_DEFINITIONS).unwrap();
        inventory.objects()["/system/a"].interface(place).unwrap().persisted
    }

    fn triples(texts: &[&str]) -> Option<Value> {
        Some(Value::Triples(texts.iter().copied().collect()))
    }

    #[test]
    fn an_object_gets_its_associations_once_and_live_only() {
        let mut associations = Associations::default();
        associations.add(DEFAULT).unwrap();
        let mut inventory = Inventory::default();
        assert!(associations.apply(&schema(), &mut inventory).is_empty());
        inventory.restore(&schema(), "/system/a", "a.B", PropertyValues::new());
        assert!(associations.apply(&schema(), &mut inventory)[0].is_new);
        let expected = ["sensors", "inventory", "/s/one", "sensors", "inventory", "/s/two"];
        assert_eq!(shown(&inventory), triples(&expected));
        assert!(!is_persisted(&inventory));
        assert!(associations.apply(&schema(), &mut inventory).is_empty());
    }

    #[test]
    fn a_condition_that_comes_true_replaces_the_default_for_good() {
        let mut associations = Associations::default();
        associations.add(CONDITIONAL).unwrap();
        associations.add(DEFAULT).unwrap();
        let mut inventory = Inventory::default();
        inventory.restore(&schema(), "/system/a", "a.B", PropertyValues::new());
        assert_eq!(associations.apply(&schema(), &mut inventory).len(), 1);
        let model = |text: &str| [("Model", Value::Text(text.into()))];
        inventory.restore(&schema(), "/system", "a.B", model("other"));
        assert!(associations.apply(&schema(), &mut inventory).is_empty());
        inventory.restore(&schema(), "/system", "a.B", model("M2"));
        let associated = associations.apply(&schema(), &mut inventory);
        assert_eq!(shown(&inventory), triples(&["fan", "sensor", "/s/three"]));
        assert!(!associated[0].is_new);
        inventory.restore(&schema(), "/system", "a.B", model("other"));
        assert!(associations.apply(&schema(), &mut inventory).is_empty());
    }

    #[test]
    fn associations_that_there_is_no_room_for_are_left_out() {
        let mut associations = Associations::default();
        associations.add(DEFAULT).unwrap();
        let mut inventory = Inventory::default();
        let text = Value::Text("x".repeat(crate::limits::OBJECT - 300).into());
        inventory.restore(&schema(), "/system/a", "a.B", [("Model", text)]);
        let before = inventory.totals();
        assert!(associations.apply(&schema(), &mut inventory).is_empty());
        assert_eq!((shown(&inventory), inventory.totals()), (None, before));
        inventory.restore(&schema(), "/system/a", "a.B", PropertyValues::new());
        assert_eq!(associations.apply(&schema(), &mut inventory).len(), 1);
    }

    #[test]
    fn a_file_that_is_wrong_is_named() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(FOLDER);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("associations.json"), DEFAULT).unwrap();
        assert!(Associations::load(root.path()).is_ok());
        std::fs::write(folder.join("machine.json"), b"{\"condition\": 5}").unwrap();
        let message = Associations::load(root.path()).unwrap_err().to_string();
        assert!(message.contains("machine.json"), "{message}");
    }
}
