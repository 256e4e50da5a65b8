//! What the inventory hosts: the schema that `inventory-manager` serves, asked before it is given anything.
//!
//! The shipped schema is part of the tool; folders `inventory-schema.d` of the source and of the site, and those that are
//! named beside, are laid over it file by file.

use crate::files::{Layers, wrong_at};
use crate::{Problem, Source};
use dbus_api::inventory::notification::Value;
use dbus_api::inventory::property;
use dbus_api::inventory::received::Given;
use fru_publication::Source as ValueSource;
use inventory_schema::schema::{Fragment, Schema};
use inventory_schema::types::{PropertyType, Words};
use std::path::Path;

/// The folder's name in sources and on machines.
const FOLDER: &str = "inventory-schema.d";
/// What is shipped, by its name there.
const SHIPPED: (&str, &str) =
    ("10-openbmc.toml", include_str!("../../../configs/inventory-schema.d/10-openbmc.toml"));

/// The interfaces that the inventory hosts.
#[derive(Debug)]
pub(crate) struct Hosted(Schema);

/// What becomes of a property in the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is shown.
    Shown,
    /// The inventory drops it without a word: it has no such interface or property.
    Dropped,
    /// The inventory refuses the whole object, for this reason.
    Refused(String),
}

impl Hosted {
    /// Reads the schema that goes with a source.
    ///
    /// Errors: any [`Problem`] of a configuration.
    pub(crate) fn load(source: &Source<'_>) -> Result<Self, Problem> {
        let own = [Some(source.image), source.site].into_iter().flatten();
        // What an import is written to need not be there yet.
        let own = own.filter(|folder| folder.is_dir()).map(|folder| folder.join(FOLDER));
        let named = source.schema.iter().cloned();
        if let Some(missing) = source.schema.iter().find(|folder| !folder.is_dir()) {
            return Err(unreadable(missing));
        }
        let mut layers = Layers::default();
        layers.add_text(SHIPPED.0, Path::new("the shipped inventory-schema.d").join(SHIPPED.0), SHIPPED.1);
        for folder in own.chain(named) {
            layers.add_folder(&folder)?;
        }
        let files = layers.read()?;
        let fragment: Fragment = service_config::merge(&files)?.fragment;
        let schema = Schema::from_fragment(&fragment).map_err(|error| {
            let (interface, property) = error.place();
            wrong_at(&files, &[&[interface, property], &[interface]], error.to_string())
        })?;
        Ok(Self(schema))
    }

    /// Whether there is an interface of this name.
    pub(crate) fn has_interface(&self, interface: &str) -> bool {
        self.0.interface(interface).is_some()
    }

    /// What becomes of a property that is filled from this source.
    pub(crate) fn fate(&self, interface: &str, property: &str, source: &ValueSource) -> Fate {
        let known = self.0.interface(interface).and_then(|interface| interface.get(property));
        let Some(known) = known else { return Fate::Dropped };
        if takes(&known.kind, source) {
            return Fate::Shown;
        }
        Fate::Refused(format!("the inventory takes {} there, not {}", wanted(&known.kind), given(source)))
    }

    /// Whether a property belongs to the machine's owner, who sets it over the bus.
    pub(crate) fn is_owners(&self, interface: &str, property: &str) -> bool {
        let known = self.0.interface(interface).and_then(|interface| interface.get(property));
        known.is_some_and(|known| known.owner)
    }

    /// Why phosphor-inventory-manager drops the whole call of an object with this property, though the schema takes the value;
    /// `None` if it does not.
    ///
    /// Source: `Notify` of its D-Bus interface, whose values are `b`, PDI's `size`, `x`, `q`, `s`, `ay` and `as`; each property
    /// takes its own type alone.
    pub(crate) fn fate_upstream(
        &self,
        interface: &str,
        property: &str,
        source: &ValueSource,
    ) -> Option<String> {
        let ValueSource::Number(number) = source else { return None };
        let kind = &self.0.interface(interface)?.get(property)?.kind;
        let sent = property::number(interface, property, *number);
        let signature = kind.signature();
        let why = match (&*signature, sent) {
            ("q", Value::Short(_)) => return None,
            _ if PropertyType::parse("size").as_ref() == Some(kind) => return None,
            ("q", _) => {
                "and goes out as PDI's size, for the parsers know the `q` properties of the shipped facts alone; \
                 phosphor-inventory-manager takes no size for it"
            }
            ("x", _) => "and goes out as PDI's size, which phosphor-inventory-manager does not take for it",
            ("u", _) => "of which phosphor-inventory-manager takes no value if it is built for 64 bits",
            ("t", _) => "of which phosphor-inventory-manager takes no value if it is built for 32 bits",
            _ => "of which phosphor-inventory-manager takes no value",
        };
        Some(format!(
            "{interface}.{property} is of type {signature}, {why}: it drops the object's whole call at each reading; leave \
             the property out, or write own-inventory = true into vpd.d where the image's inventory is inventory-manager"
        ))
    }
}

fn unreadable(folder: &Path) -> Problem {
    let source = std::io::Error::new(std::io::ErrorKind::NotFound, "there is no such folder");
    Problem::Unreadable { path: folder.to_owned(), source }
}

/// By the rule of the inventory itself. What a keyword holds is not known here, so only what takes any text takes it.
fn takes(kind: &PropertyType, source: &ValueSource) -> bool {
    let given = match source {
        ValueSource::Bool(value) => Given::Bool(*value),
        ValueSource::Number(value) => Given::Size(*value),
        ValueSource::Text(text) => Given::Text(text),
        ValueSource::Bytes(bytes) => Given::Bytes(bytes),
        ValueSource::Keyword(_) => return *kind == PropertyType::Text(Words::Any),
    };
    kind.accept(given).is_ok()
}

fn wanted(kind: &PropertyType) -> String {
    let signature = kind.signature();
    match kind {
        PropertyType::Bool => "a truth value".to_owned(),
        PropertyType::Integer(integer) => {
            let (least, most) = integer.range();
            format!("a number from {least} to {most}")
        }
        PropertyType::Double => "a number".to_owned(),
        PropertyType::Text(Words::Any) => "a text".to_owned(),
        PropertyType::Text(Words::Paths) => "an object path".to_owned(),
        PropertyType::Text(Words::OneOf(words)) => format!("one of {}", words.join(", ")),
        PropertyType::Bytes => "a list of bytes".to_owned(),
        _ => format!("type {signature}, which no configuration can give"),
    }
}

fn given(source: &ValueSource) -> String {
    match source {
        ValueSource::Bool(value) => format!("{value}"),
        ValueSource::Number(value) => format!("the number {value}"),
        ValueSource::Text(text) => format!("the text {:?}", shortened(text)),
        ValueSource::Bytes(bytes) => format!("a list of {} bytes", bytes.len()),
        ValueSource::Keyword(_) => "the text of a keyword".to_owned(),
    }
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(interface: &str, property: &str, value: &str) -> Fate {
        let source = Source { image: Path::new("/nonexistent"), site: None, schema: &[] };
        let text = format!("\"{interface}\" = {{ {property} = {value} }}");
        let interfaces: fru_publication::Interfaces = toml::from_str(&text).unwrap();
        Hosted::load(&source).unwrap().fate(interface, property, &interfaces[interface][property])
    }

    #[test]
    fn the_shipped_schema_says_what_becomes_of_a_property() {
        let item = "xyz.openbmc_project.Inventory.Item";
        let slot = "xyz.openbmc_project.Inventory.Decorator.Slot";
        let progress = "xyz.openbmc_project.Common.Progress";
        let keyword = "{ record = \"VINI\", keyword = \"SN\" }";
        for (interface, property, value, refused) in [
            (item, "PrettyName", "\"Card\"", None),
            (item, "PrettyName", keyword, None),
            (item, "Present", "true", None),
            (slot, "SlotNumber", "3", None),
            ("com.ibm.ipzvpd.VINI", "SN", "[48]", None),
            (progress, "Status", "\"xyz.openbmc_project.Common.Progress.OperationStatus.Failed\"", None),
            (item, "PrettyName", "5", Some("takes a text there, not the number 5")),
            (item, "Present", "\"true\"", Some("takes a truth value there, not the text \"true\"")),
            (item, "Present", keyword, Some("not the text of a keyword")),
            (slot, "SlotNumber", "true", Some("takes a number from 0 to ")),
            ("com.ibm.ipzvpd.VINI", "SN", "\"0\"", Some("takes a list of bytes there, not the text \"0\"")),
            (progress, "Status", "\"Failed\"", Some("one of xyz.openbmc_project.Common.Progress.")),
            (progress, "Status", keyword, Some("one of xyz.openbmc_project.Common.Progress.")),
        ] {
            match (fate(interface, property, value), refused) {
                (Fate::Shown, None) => {}
                (Fate::Refused(why), Some(words)) => assert!(why.contains(words), "{why}"),
                (fate, _) => panic!("{interface}.{property} = {value}: {fate:?}"),
            }
        }
        for (interface, property) in
            [(item, "PrettyNam"), ("xyz.openbmc_project.Inventory.Itme", "PrettyName")]
        {
            assert_eq!(fate(interface, property, "\"x\""), Fate::Dropped);
        }
    }
}
