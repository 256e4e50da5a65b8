//! Associations that machine layers configure: which objects get `Association.Definitions`, and what is in it.
//!
//! Shape: JSON files in `/usr/share/phosphor-inventory-manager`, as phosphor-inventory-manager
//! reads them. An array of `{path, endpoints: [{types: {fType, rType}, paths}]}` is the default, to which each such file adds;
//! an object `{condition: {path, interface, property, values}, associations: [the same]}` takes
//! its place once its condition holds; the first of these in file name order wins for good. A condition holds while the
//! property has one of the values: a truth, a number, a text, a list of numbers for bytes, or a list of texts, whichever is
//! of the property's type.
//!
//! A file that is wrong is named in the log and left out; the others count.

use crate::inventory::Inventory;
use crate::schema::{Place, Schema};
use crate::types::{PropertyType, Value, busctl};
use dbus_api::inventory::received::Growing;
use dbus_api::inventory::{ASSOCIATION_DEFINITIONS, ROOT};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// Where the files are, below the root.
const FOLDER: &str = "usr/share/phosphor-inventory-manager";

/// The associations of a machine.
#[derive(Debug, Default)]
pub struct Associations {
    default: Definitions,
    /// The files with a condition, by their names.
    conditional: Vec<(String, Conditional)>,
    /// The conditional that has won.
    chosen: Option<usize>,
    /// What the conditions' properties were when none was found to hold.
    seen: Vec<Option<Value>>,
    /// Objects whose associations there was no room for, so that each is told once.
    left_out: BTreeSet<String>,
    /// What was said of conditions of which nothing is there.
    told: BTreeSet<String>,
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
    Ok(collect(Definitions::new(), Vec::deserialize(deserializer)?))
}

/// Adds entries to what is there; no object has an end twice.
fn collect(mut definitions: Definitions, entries: Vec<Entry>) -> Definitions {
    let mut ends: BTreeMap<String, Vec<[String; 3]>> = BTreeMap::new();
    for entry in entries {
        let ends = ends.entry(normal(&entry.path)).or_default();
        for Endpoints { types, paths } in entry.endpoints {
            ends.extend(paths.into_iter().map(|path| [types.forward.clone(), types.reverse.clone(), path]));
        }
    }
    for (path, ends) in ends {
        let (mut all, mut seen) = (Growing::default(), BTreeSet::new());
        let known = definitions.get(&path).map(triples).unwrap_or_default();
        for end in known.into_iter().chain(ends) {
            if seen.insert(end.clone()) {
                end.iter().for_each(|text| all.push(text));
            }
        }
        definitions.insert(path, Value::Triples(all.finish()));
    }
    definitions
}

fn triples(value: &Value) -> Vec<[String; 3]> {
    let Value::Triples(texts) = value else { return Vec::new() };
    let texts: Vec<&str> = texts.iter().collect();
    let triple = |texts: &[&str; 3]| texts.map(str::to_owned);
    texts.as_chunks().0.iter().map(triple).collect()
}

/// Paths stand with or without the root, with or without a leading slash.
fn normal(path: &str) -> String {
    format!("/{}", path.strip_prefix(ROOT).unwrap_or(path).trim_matches('/'))
}

impl Associations {
    /// Reads every `*.json` of the folder below `root`; a missing folder means none.
    pub fn load(root: &Path, schema: &Schema) -> Self {
        let mut associations = Self::default();
        for problem in associations.read(&root.join(FOLDER), schema) {
            log::warn!("associations: {problem}");
        }
        let conditional = associations.conditional.len();
        if conditional > 0 || !associations.default.is_empty() {
            log::info!(
                "associations: {} objects without a condition, {conditional} files with one",
                associations.default.len()
            );
        }
        associations
    }

    /// Reads a folder; what cannot be used, and why, is the result.
    fn read(&mut self, folder: &Path, schema: &Schema) -> Vec<String> {
        let mut paths = Vec::new();
        match std::fs::read_dir(folder) {
            Ok(entries) => paths.extend(entries.filter_map(|entry| Some(entry.ok()?.path()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return vec![format!("{}: {error}", folder.display())],
        }
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort_unstable();
        let mut problems = Vec::new();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let text = std::fs::read(&path).map_err(|error| error.to_string());
            let added = text.and_then(|text| self.add(&name, &text).map_err(|error| error.to_string()));
            match added {
                Ok(Some(condition)) => {
                    let doubt = condition.doubt(schema).map(|doubt| format!("{}: {doubt}", path.display()));
                    problems.extend(doubt);
                }
                Ok(None) => {}
                Err(reason) => problems.push(format!("{} is left out: {reason}", path.display())),
            }
        }
        problems
    }

    /// Takes one file's text; its condition, if it has one, is the result. Errors: with line and column; nothing is taken.
    fn add(&mut self, name: &str, text: &[u8]) -> Result<Option<&Condition>, serde_json::Error> {
        if text.trim_ascii_start().starts_with(b"[") {
            let entries = serde_json::from_slice(text)?;
            self.default = collect(std::mem::take(&mut self.default), entries);
            return Ok(None);
        }
        self.conditional.push((name.to_owned(), serde_json::from_slice(text)?));
        Ok(self.conditional.last().map(|(_, conditional)| &conditional.condition))
    }

    /// Chooses the first file whose condition holds, and tells what became of the conditions.
    fn choose(&mut self, schema: &Schema, inventory: &Inventory) {
        let shown = self.conditional.iter().map(|(_, one)| one.condition.value(schema, inventory));
        let shown: Vec<Option<&Value>> = shown.collect();
        let holds = |(index, value): (usize, &Option<&Value>)| {
            let (_, conditional) = self.conditional.get(index)?;
            conditional.condition.holds(schema, (*value)?).then_some(index)
        };
        let held: Vec<usize> = shown.iter().enumerate().filter_map(holds).collect();
        self.chosen = held.first().copied();
        if let Some((name, conditional)) = self.chosen.and_then(|index| self.conditional.get(index)) {
            let state = conditional.condition.state(schema, inventory).unwrap_or_default();
            let (holding, all) = (held.len(), self.conditional.len());
            log::info!("associations: {name} is used, as {state}; {holding} of {all} conditions hold");
        } else if self.seen.iter().map(Option::as_ref).ne(shown.iter().copied()) {
            self.seen = shown.into_iter().map(Option::<&Value>::cloned).collect();
            let states =
                self.conditional.iter().filter_map(|(_, one)| one.condition.state(schema, inventory));
            let states: BTreeSet<String> = states.collect();
            if !states.is_empty() {
                let states: Vec<String> = states.into_iter().collect();
                let all = self.conditional.len();
                log::info!("associations: 0 of {all} conditions hold, as {}", states.join(", "));
            }
        }
    }

    /// Conditions that cannot be judged, as the inventory has other objects and nothing of what they ask for; each once. For
    /// when the inventory has been told what there is, as far as can be known.
    pub fn unmet(&mut self, schema: &Schema, inventory: &Inventory) -> Vec<String> {
        if self.chosen.is_some() || inventory.objects().is_empty() {
            return Vec::new();
        }
        let unmet = |(name, one): &(String, Conditional)| {
            let lack = one.condition.lack(schema, inventory)?;
            Some(format!("the condition of {name} does not hold: {lack}"))
        };
        let unmet: Vec<String> = self.conditional.iter().filter_map(unmet).collect();
        unmet.into_iter().filter(|line| self.told.insert(line.clone())).collect()
    }

    /// Gives the objects of the inventory as it now is what they should have, within its bounds; tells which did not have it.
    ///
    /// The values are live only: the files, not the inventory's state, hold them.
    pub fn apply(&mut self, schema: &Schema, inventory: &mut Inventory) -> Vec<Associated> {
        if self.chosen.is_none() && !self.conditional.is_empty() {
            self.choose(schema, inventory);
        }
        let definitions = match self.chosen.and_then(|index| self.conditional.get(index)) {
            Some((_, conditional)) => &conditional.associations,
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
    fn kind<'s>(&self, schema: &'s Schema) -> Option<&'s PropertyType> {
        Some(&schema.interface(&self.interface)?.get(&self.property)?.kind)
    }

    /// What the property is, if the object has it.
    fn value<'i>(&self, schema: &'i Schema, inventory: &'i Inventory) -> Option<&'i Value> {
        inventory.value(schema, &normal(&self.path), &self.interface, &self.property)
    }

    fn holds(&self, schema: &Schema, value: &Value) -> bool {
        let Some(kind) = self.kind(schema) else { return false };
        self.values.iter().any(|json| of_type(kind, json).as_ref() == Some(value))
    }

    /// What the property is, in words, unless it was never set.
    fn state(&self, schema: &Schema, inventory: &Inventory) -> Option<String> {
        let property = schema.interface(&self.interface)?.get(&self.property)?;
        let value = self.value(schema, inventory).filter(|value| **value != property.initial)?;
        let value = busctl::value(&property.kind, value);
        Some(format!("{} {}.{} is {value}", normal(&self.path), self.interface, self.property))
    }

    /// What the inventory lacks of what it asks for. Where the schema lacks it too, [`Self::doubt`] has said so.
    fn lack(&self, schema: &Schema, inventory: &Inventory) -> Option<String> {
        let Self { interface, property, .. } = self;
        let (path, known) = (normal(&self.path), schema.interface(interface)?.get(property)?);
        if !inventory.objects().contains_key(&path) {
            return Some(format!("the inventory has no object {path}"));
        }
        match self.value(schema, inventory) {
            None => Some(format!("object {path} has no interface {interface}")),
            Some(value) if *value == known.initial => {
                Some(format!("{interface}.{property} of {path} still has its default"))
            }
            Some(_) => None,
        }
    }

    /// Why it can never hold, if it cannot.
    fn doubt(&self, schema: &Schema) -> Option<String> {
        let Self { interface, property, values, .. } = self;
        let Some(kind) = self.kind(schema) else {
            return Some(format!(
                "its condition can never hold: the schema has no property {interface}.{property}"
            ));
        };
        let never = values.iter().all(|json| of_type(kind, json).is_none());
        let signature = kind.signature();
        never.then(|| {
            format!("its condition can never hold: {interface}.{property} is of type {signature}, which no value is of")
        })
    }
}

/// A value of a condition, if it is of the property's type. Bytes are a list of numbers here, as upstream has them.
fn of_type(kind: &PropertyType, json: &Json) -> Option<Value> {
    match (kind, json) {
        (PropertyType::Bytes, Json::Array(numbers)) => {
            let byte = |number: &Json| number.as_u64().and_then(|number| u8::try_from(number).ok());
            Some(Value::Bytes(numbers.iter().map(byte).collect::<Option<_>>()?))
        }
        (PropertyType::Bool, Json::Bool(_))
        | (PropertyType::Integer(_) | PropertyType::Double, Json::Number(_))
        | (PropertyType::Text(_), Json::String(_))
        | (PropertyType::Texts(_), Json::Array(_)) => kind.from_json(json),
        _ => None,
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
        associations.add("associations.json", DEFAULT).unwrap();
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
    fn files_without_a_condition_add_to_each_other() {
        let mut associations = Associations::default();
        associations.add("a.json", DEFAULT).unwrap();
        let more = String::from_utf8_lossy(DEFAULT).replace("/s/two", "/s/three");
        associations.add("b.json", more.as_bytes()).unwrap();
        associations.add("c.json", more.replace("system/a", "/system/b").as_bytes()).unwrap();
        assert!(associations.add("d.json", b"[{").is_err());
        let mut inventory = Inventory::default();
        inventory.restore(&schema(), "/system/a", "a.B", PropertyValues::new());
        associations.apply(&schema(), &mut inventory);
        let ends = ["/s/one", "/s/two", "/s/three"].map(|end| ["sensors", "inventory", end]);
        assert_eq!(shown(&inventory), triples(ends.as_flattened()));
        assert_eq!(associations.default.len(), 2);
    }

    #[test]
    fn a_condition_of_which_nothing_is_there_is_named_once() {
        let mut associations = Associations::default();
        associations.add("machine.json", CONDITIONAL).unwrap();
        let mut inventory = Inventory::default();
        let model = |text: &str| [("Model", Value::Text(text.into()))];
        // An inventory of which nothing is known yet says nothing.
        assert_eq!(associations.unmet(&schema(), &inventory), [""; 0]);
        inventory.restore(&schema(), "/other", "a.B", model("M1"));
        let unmet = associations.unmet(&schema(), &inventory);
        assert!(
            unmet.len() == 1 && unmet[0].contains("machine.json") && unmet[0].ends_with("no object /system")
        );
        assert_eq!(associations.unmet(&schema(), &inventory), [""; 0]);
        inventory.restore(&schema(), "/system", ASSOCIATION_DEFINITIONS, PropertyValues::new());
        assert!(
            associations.unmet(&schema(), &inventory)[0].ends_with("object /system has no interface a.B")
        );
        inventory.restore(&schema(), "/system", "a.B", PropertyValues::new());
        assert!(associations.unmet(&schema(), &inventory)[0].contains("a.B.Model of /system still has"));
        inventory.restore(&schema(), "/system", "a.B", model("other"));
        assert_eq!(associations.unmet(&schema(), &inventory), [""; 0]);
        inventory.restore(&schema(), "/system", "a.B", model("M1"));
        associations.apply(&schema(), &mut inventory);
        inventory.remove(&schema(), "/system");
        associations.told.clear();
        assert_eq!(associations.unmet(&schema(), &inventory), [""; 0]);
    }

    #[test]
    fn a_condition_that_comes_true_replaces_the_default_for_good() {
        let mut associations = Associations::default();
        associations.add("machine.json", CONDITIONAL).unwrap();
        associations.add("associations.json", DEFAULT).unwrap();
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
        associations.add("associations.json", DEFAULT).unwrap();
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
    fn a_condition_is_compared_by_the_type_of_its_property() {
        let text = format!(
            "[\"{ASSOCIATION_DEFINITIONS}\"]\nAssociations = \"a(sss)\"\n[\"a.R\"]\nIM = \"ay\"\nName = \"s\"\nCount = \"u\"\n\
             On = \"b\"\nSpeed = \"d\"\nNames = \"as\"\n"
        );
        let schema = Schema::from_fragment(&toml::from_str(&text).unwrap()).unwrap();
        let im = Value::Bytes([80, 0, 16, 1].into());
        let text = |text: &str| Value::Text(text.into());
        for (property, values, value, expected) in [
            ("IM", "[[80, 0, 16, 2], [80, 0, 16, 1]]", im.clone(), true),
            ("IM", "[[80, 0, 16]]", im.clone(), false),
            ("IM", "[[80, 0, 16, 257]]", im.clone(), false),
            // Neither digits nor base64 are bytes.
            ("IM", "[\"50001001\"]", im.clone(), false),
            ("IM", "[\"UAAQAQ==\"]", im, false),
            ("Name", "[\"a\"]", text("a"), true),
            ("Name", "[80]", text("80"), false),
            ("Count", "[80]", Value::Integer(80.into()), true),
            ("Count", "[\"80\"]", Value::Integer(80.into()), false),
            ("On", "[true]", Value::Bool(true), true),
            ("On", "[1]", Value::Bool(true), false),
            ("Speed", "[1.5]", Value::Double(1.5), true),
            ("Names", "[[\"a\", \"b\"]]", Value::Texts(["a", "b"].into_iter().collect()), true),
        ] {
            let file = format!(
                "{{\"condition\": {{\"path\": \"system\", \"interface\": \"a.R\", \"property\": \"{property}\", \
                 \"values\": {values}}}, \"associations\": []}}"
            );
            let mut associations = Associations::default();
            associations.add("machine.json", file.as_bytes()).unwrap();
            let mut inventory = Inventory::default();
            inventory.restore(&schema, "/system", "a.R", [(property, value)]);
            associations.apply(&schema, &mut inventory);
            assert_eq!(associations.chosen.is_some(), expected, "{property} {values}");
        }
    }

    #[test]
    fn of_several_conditions_that_hold_the_first_counts() {
        let mut associations = Associations::default();
        for (name, value, end) in
            [("a.json", "M0", "/s/a"), ("b.json", "M1", "/s/b"), ("c.json", "M1", "/s/c")]
        {
            let file = String::from_utf8_lossy(CONDITIONAL).replace("\"M1\"", &format!("{value:?}"));
            associations.add(name, file.replace("/s/three", end).as_bytes()).unwrap();
        }
        let mut inventory = Inventory::default();
        inventory.restore(&schema(), "/system/a", "a.B", PropertyValues::new());
        inventory.restore(&schema(), "/system", "a.B", [("Model", Value::Text("M1".into()))]);
        associations.apply(&schema(), &mut inventory);
        assert_eq!(shown(&inventory), triples(&["fan", "sensor", "/s/b"]));
    }

    #[test]
    fn a_file_that_is_wrong_is_named_with_its_place_and_the_others_count() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(FOLDER);
        let read = || {
            let mut associations = Associations::default();
            let problems = associations.read(&folder, &schema());
            (problems, associations.default.len(), associations.conditional.len())
        };
        assert_eq!(read(), (vec![], 0, 0));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("associations.json"), DEFAULT).unwrap();
        std::fs::write(folder.join("machine.json"), CONDITIONAL).unwrap();
        assert_eq!(read(), (vec![], 1, 1));
        for (text, reason) in [
            (&CONDITIONAL[..40], "left out: EOF while parsing a string at line 1 column 40"),
            (
                b"[\n{\"path\": 5}]",
                "left out: invalid type: integer `5`, expected a string at line 2 column 10",
            ),
            (b"", "left out: EOF while parsing a value at line 1 column 0"),
            (b"\xff", "left out: expected value at line 1 column 1"),
        ] {
            std::fs::write(folder.join("broken.json"), text).unwrap();
            let (problems, default, conditional) = read();
            assert_eq!((problems.len(), default, conditional), (1, 1, 1));
            assert!(problems[0].contains("broken.json") && problems[0].contains(reason), "{problems:?}");
        }
        std::fs::remove_file(folder.join("broken.json")).unwrap();
        std::fs::create_dir(folder.join("folder.json")).unwrap();
        let (problems, ..) = read();
        assert!(problems.len() == 1 && problems[0].contains("folder.json"), "{problems:?}");
    }

    #[test]
    fn a_condition_that_can_never_hold_is_doubted() {
        let folder = tempfile::tempdir().unwrap();
        let file = String::from_utf8_lossy(CONDITIONAL);
        for (text, reason) in [
            (file.replace("\"a.B\"", "\"a.C\""), "the schema has no property a.C.Model"),
            (file.replace("\"M1\", \"M2\"", "[80, 0]"), "a.B.Model is of type s, which no value is of"),
        ] {
            std::fs::write(folder.path().join("machine.json"), text).unwrap();
            let mut associations = Associations::default();
            let problems = associations.read(folder.path(), &schema());
            assert!(problems.len() == 1 && problems[0].contains(reason), "{problems:?}");
            assert_eq!(associations.conditional.len(), 1);
        }
    }
}
