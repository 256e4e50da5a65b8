//! What the inventory shows, against what the JSON demands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::demand::{Inventory, Object, Wanted};
use super::departures::{self, Departure};
use super::schema::Schema;

/// The root of the inventory.
const ROOT: &str = "/xyz/openbmc_project/inventory";

/// Something that is not as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The object, below the root.
    pub object: String,
    /// The interface; empty if it is about the object.
    pub interface: String,
    /// The property; empty if it is about the interface.
    pub property: String,
    /// What was demanded; `None` if nothing was. Of an object or an interface as a whole it is `Bool(true)`: that it is
    /// there.
    pub wanted: Option<Wanted>,
    /// What is shown; `None` if nothing is. Of an object or an interface as a whole it says whether a property is set.
    pub shown: Option<Value>,
}

/// The inventory as it is shown: interfaces by object.
#[derive(Debug)]
pub struct Shown(BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>>);

impl Shown {
    /// Reads what `busctl` made of `GetManagedObjects`.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let reply = serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        Self::of(&reply).with_context(|| format!("reading {}", path.display()))
    }

    /// Takes it from that.
    pub fn of(reply: &Value) -> Result<Self> {
        let objects = reply["data"][0].as_object().context("there are no objects in the answer")?;
        let mut shown = BTreeMap::new();
        for (path, interfaces) in objects {
            let mut object = BTreeMap::new();
            for (name, properties) in interfaces.as_object().into_iter().flatten() {
                // Every object has these.
                if name.starts_with("org.freedesktop.DBus.") {
                    continue;
                }
                let properties = properties.as_object().into_iter().flatten();
                let properties = properties.map(|(name, value)| (name.clone(), value["data"].clone()));
                object.insert(name.clone(), properties.collect());
            }
            shown.insert(path.strip_prefix(ROOT).unwrap_or(path).to_owned(), object);
        }
        Ok(Self(shown))
    }
}

/// What is shown beside what was demanded.
#[derive(Debug)]
pub struct Comparison {
    /// How many objects are compared: those that are demanded, and those that are shown.
    pub objects: usize,
    /// How many values of properties are demanded.
    pub values: usize,
    /// How many objects are as demanded.
    pub right: usize,
    /// What differs where that is known: by departure, which objects and how many values.
    deliberate: BTreeMap<&'static str, (BTreeSet<String>, usize)>,
    /// What differs and nothing explains it.
    pub wrong: Vec<Difference>,
}

/// A departure that was met.
#[derive(Debug, Clone, Copy)]
pub struct Deliberate {
    /// What differs, and why.
    pub departure: &'static Departure,
    /// How many objects it is met in.
    pub objects: usize,
    /// How many differences it explains.
    pub values: usize,
}

impl Comparison {
    /// Compares object by object.
    pub(crate) fn new(
        demanded: &Inventory,
        shown: &Shown,
        schema: &Schema,
        context: &departures::Context<'_>,
    ) -> Self {
        let mut differences = Vec::new();
        for (path, object) in demanded {
            compare_object(path, object, shown, schema, &mut differences);
        }
        let unwanted = shown.0.keys().filter(|path| !demanded.contains_key(*path));
        differences.extend(unwanted.map(|path| Difference {
            object: path.clone(),
            interface: String::new(),
            property: String::new(),
            wanted: None,
            shown: Some(Value::Bool(true)),
        }));
        let all: BTreeSet<&String> = demanded.keys().chain(shown.0.keys()).collect();
        let values = demanded.values().flat_map(BTreeMap::values).map(BTreeMap::len).sum();
        let mut comparison =
            Self { right: 0, deliberate: BTreeMap::new(), wrong: Vec::new(), objects: all.len(), values };
        let concerned: BTreeSet<String> =
            differences.iter().map(|difference| difference.object.clone()).collect();
        comparison.right = all.len() - concerned.len();
        for difference in differences {
            match departures::of(&difference, context) {
                Some(Departure { name, .. }) => {
                    let (objects, count) = comparison.deliberate.entry(*name).or_default();
                    objects.insert(difference.object);
                    *count += 1;
                }
                None => comparison.wrong.push(difference),
            }
        }
        comparison
    }

    /// Objects with a difference that nothing explains.
    fn wrong_objects(&self) -> BTreeSet<&String> {
        self.wrong.iter().map(|difference| &difference.object).collect()
    }

    /// All of it in one line.
    pub fn summary(&self) -> String {
        let wrong = self.wrong_objects();
        let deliberate = self.objects - self.right - wrong.len();
        format!(
            "{} objects with {} demanded values: {} right, {deliberate} deliberately different, {} wrong",
            self.objects,
            self.values,
            self.right,
            wrong.len()
        )
    }

    /// The departures that were met, in the order of their list.
    pub fn departures(&self) -> Vec<Deliberate> {
        let found = departures::ALL.iter().filter_map(|departure| {
            let (objects, values) = self.deliberate.get(departure.name)?;
            Some(Deliberate { departure, objects: objects.len(), values: *values })
        });
        found.collect()
    }

    /// A line for each object that is not as demanded: its path, the departures that were met in it, and `WRONG` if there is
    /// a difference that nothing explains.
    pub fn objects(&self) -> String {
        let wrong = self.wrong_objects();
        let mut reasons: BTreeMap<&String, Vec<&str>> = BTreeMap::new();
        for (name, (objects, _)) in &self.deliberate {
            for object in objects {
                reasons.entry(object).or_default().push(name);
            }
        }
        for object in wrong {
            reasons.entry(object).or_default().push("WRONG");
        }
        reasons
            .iter()
            .fold(String::new(), |text, (object, names)| text + &format!("{object}: {}\n", names.join(", ")))
    }
}

fn compare_object(
    path: &str,
    wanted: &Object,
    shown: &Shown,
    schema: &Schema,
    differences: &mut Vec<Difference>,
) {
    let mut differ = |interface: &str, property: &str, wanted: Option<Wanted>, shown: Option<Value>| {
        differences.push(Difference {
            object: path.to_owned(),
            interface: interface.to_owned(),
            property: property.to_owned(),
            wanted,
            shown,
        });
    };
    let Some(shown) = shown.0.get(path) else {
        differ("", "", Some(Wanted::Bool(true)), None);
        return;
    };
    for (interface, properties) in wanted {
        let Some(shown) = shown.get(interface) else {
            differ(interface, "", Some(Wanted::Bool(true)), None);
            continue;
        };
        for (property, wanted) in properties {
            let shown = shown.get(property);
            if !shown.is_some_and(|shown| wanted.is(shown)) {
                differ(interface, property, Some(wanted.clone()), shown.cloned());
            }
        }
        // Of an interface all properties are there; those that are not set show that.
        let others = shown.iter().filter(|(property, _)| !properties.contains_key(*property));
        for (property, shown) in
            others.filter(|(property, shown)| !schema.is_unset(interface, property, shown))
        {
            differ(interface, property, None, Some(shown.clone()));
        }
    }
    for (interface, properties) in shown.iter().filter(|(interface, _)| !wanted.contains_key(*interface)) {
        let is_unset = properties.iter().all(|(property, shown)| schema.is_unset(interface, property, shown));
        differ(interface, "", None, Some(Value::Bool(!is_unset)));
    }
}

impl Wanted {
    /// Whether this is shown.
    fn is(&self, shown: &Value) -> bool {
        match self {
            Self::Bool(wanted) => shown.as_bool() == Some(*wanted),
            Self::Number(wanted) => shown.as_u64() == Some(*wanted),
            Self::Text(wanted) => shown.as_str() == Some(wanted),
            Self::Bytes(wanted) => shown.as_array().is_some_and(|items| {
                items.len() == wanted.len()
                    && items.iter().zip(wanted).all(|(item, byte)| item.as_u64() == Some(u64::from(*byte)))
            }),
            Self::Time => shown.as_u64().is_some_and(|time| time > 0),
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.object)?;
        for part in [&self.interface, &self.property] {
            if !part.is_empty() {
                write!(formatter, " {part}")?;
            }
        }
        match (&self.wanted, &self.shown) {
            (Some(_), None) => write!(formatter, ": is missing"),
            (None, Some(Value::Bool(false))) => write!(formatter, ": is there, unset, and not demanded"),
            (None, Some(shown)) => write!(formatter, ": is there and not demanded: {shown}"),
            (Some(wanted), Some(shown)) => write!(formatter, ": demanded {wanted:?}, shown {shown}"),
            (None, None) => Ok(()),
        }
    }
}
