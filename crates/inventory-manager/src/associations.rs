//! Associations that machine layers configure: which objects get `Association.Definitions`, and what is in it.
//!
//! Shape: JSON files in `/usr/share/phosphor-inventory-manager`, as phosphor-inventory-manager
//! reads them. An array of `{path, endpoints: [{types: {fType, rType}, paths}]}` is the default;
//! an object `{condition: {path, interface, property, values}, associations: [the same]}` takes
//! its place once its condition holds; the first of these in file name order wins for good.

use crate::inventory::{Inventory, Update};
use crate::schema::Schema;
use crate::types::Value;
use dbus_api::inventory::{ASSOCIATION_DEFINITIONS, ROOT};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
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
}

/// What one association file cannot be used for, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", .path.display())]
pub struct AssociationError {
    path: PathBuf,
    reason: String,
}

/// Forward type, reverse type, endpoint; by relative object path.
type Definitions = BTreeMap<String, Vec<(String, String, String)>>;

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
    let mut definitions = Definitions::new();
    for entry in entries {
        let ends = definitions.entry(normal(&entry.path)).or_default();
        for Endpoints { types, paths } in entry.endpoints {
            ends.extend(paths.into_iter().map(|path| (types.forward.clone(), types.reverse.clone(), path)));
        }
    }
    definitions
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

    /// What to add to the inventory as it now is: nothing for objects that have what they should.
    ///
    /// The values are live only: the files, not the inventory's state, hold them.
    pub fn updates(&mut self, schema: &Schema, inventory: &Inventory) -> Vec<Update> {
        if self.chosen.is_none() {
            self.chosen = self.conditional.iter().position(|one| one.condition.holds(inventory));
        }
        let definitions = match self.chosen.and_then(|index| self.conditional.get(index)) {
            Some(conditional) => &conditional.associations,
            None => &self.default,
        };
        let Some(properties) = schema.interface(ASSOCIATION_DEFINITIONS) else { return Vec::new() };
        let wanted = definitions.iter().filter_map(|(path, ends)| {
            let object = inventory.objects().get(path)?;
            let value = Value::Triples(ends.clone());
            let old = object.get(ASSOCIATION_DEFINITIONS).and_then(|hosted| hosted.values.get(PROPERTY));
            if old == Some(&value) {
                return None;
            }
            let initial = properties.iter().map(|(name, schema)| (name.clone(), schema.initial.clone()));
            let mut values: BTreeMap<_, _> = initial.collect();
            values.insert(PROPERTY.to_owned(), value);
            Some(Update {
                path: path.clone(),
                interface: ASSOCIATION_DEFINITIONS.to_owned(),
                values,
                changed: old.map(|_| PROPERTY.to_owned()).into_iter().collect(),
                persist: false,
            })
        });
        wanted.collect()
    }
}

const PROPERTY: &str = "Associations";

impl Condition {
    fn holds(&self, inventory: &Inventory) -> bool {
        let value = inventory
            .objects()
            .get(&normal(&self.path))
            .and_then(|object| object.get(&self.interface))
            .and_then(|hosted| hosted.values.get(&self.property));
        value.is_some_and(|value| self.values.contains(&value.to_json()))
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

    fn apply(associations: &mut Associations, inventory: &mut Inventory) -> Vec<Update> {
        let updates = associations.updates(&schema(), inventory);
        inventory.apply(&updates);
        updates
    }

    #[test]
    fn an_object_gets_its_associations_once_and_live_only() {
        let mut associations = Associations::default();
        associations.add(DEFAULT).unwrap();
        let mut inventory = Inventory::default();
        assert!(apply(&mut associations, &mut inventory).is_empty());
        inventory.restore("/system/a", "a.B", PropertyValues::new());
        let updates = apply(&mut associations, &mut inventory);
        let expected = ["/s/one", "/s/two"].map(|path| ("sensors".into(), "inventory".into(), path.into()));
        assert_eq!(updates[0].values[PROPERTY], Value::Triples(expected.into()));
        assert!(!updates[0].persist);
        assert!(apply(&mut associations, &mut inventory).is_empty());
    }

    #[test]
    fn a_condition_that_comes_true_replaces_the_default_for_good() {
        let mut associations = Associations::default();
        associations.add(CONDITIONAL).unwrap();
        associations.add(DEFAULT).unwrap();
        let mut inventory = Inventory::default();
        inventory.restore("/system/a", "a.B", PropertyValues::new());
        assert_eq!(apply(&mut associations, &mut inventory).len(), 1);
        let model = |text: &str| PropertyValues::from([("Model".to_owned(), Value::Text(text.to_owned()))]);
        inventory.restore("/system", "a.B", model("other"));
        assert!(apply(&mut associations, &mut inventory).is_empty());
        inventory.restore("/system", "a.B", model("M2"));
        let updates = apply(&mut associations, &mut inventory);
        assert_eq!(
            updates[0].values[PROPERTY],
            Value::Triples(vec![("fan".into(), "sensor".into(), "/s/three".into())])
        );
        assert_eq!(updates[0].changed, [PROPERTY]);
        inventory.restore("/system", "a.B", model("other"));
        assert!(apply(&mut associations, &mut inventory).is_empty());
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
