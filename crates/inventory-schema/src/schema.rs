//! Which interfaces the inventory hosts, with their properties: data, not code.
//!
//! Read from `inventory-schema.d/*.toml`, one table per interface:
//!
//! ```toml
//! ["xyz.openbmc_project.Inventory.Item"]
//! PrettyName = "s"
//! Present = { type = "b", default = true }
//! ["xyz.openbmc_project.Inventory.Decorator.AssetTag"]
//! AssetTag = { type = "s", owner = true }
//! ```

use crate::counted::{PER_INTERFACE, PER_PROPERTY};
use crate::types::{PropertyType, Value, Words};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The schema's file form.
pub type Fragment = BTreeMap<String, BTreeMap<String, PropertyFact>>;

/// One property as the file gives it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum PropertyFact {
    /// Just its signature.
    Signature(String),
    /// With more to say.
    Detailed(DetailedFact),
}

/// One property with its particulars.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetailedFact {
    #[serde(rename = "type")]
    signature: String,
    /// Full name of the enumeration.
    #[serde(default, rename = "enum")]
    enumeration: Option<String>,
    /// Its values, without the enumeration's name.
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    default: Option<toml::Value>,
    #[serde(default)]
    access: Access,
    #[serde(default)]
    owner: bool,
}

/// Who may set a property directly; `Notify` may set all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Any client.
    #[default]
    ReadWrite,
    /// Nobody.
    Read,
}

/// The interfaces that the inventory hosts, in the order of their names.
#[derive(Debug, Default)]
pub struct Schema(Vec<InterfaceSchema>);

/// Which interface of a schema, or which property of an interface: its place in the order of their names.
pub type Place = u16;

/// One interface.
#[derive(Debug, Clone)]
pub struct InterfaceSchema {
    name: String,
    /// In the order of their names.
    properties: Vec<(String, PropertySchema)>,
    /// Its counted size when nothing was set yet.
    size: usize,
}

/// One property.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertySchema {
    /// Its type.
    pub kind: PropertyType,
    /// What it holds until somebody sets it.
    pub initial: Value,
    /// Who may set it directly.
    pub access: Access,
    /// Whether it belongs to the machine's owner: what is set directly is kept over restarts.
    pub owner: bool,
}

/// A property of the schema that cannot be hosted.
#[derive(Debug, thiserror::Error)]
#[error("{interface}.{property}: {reason}")]
pub struct SchemaError {
    interface: String,
    property: String,
    reason: String,
}

impl SchemaError {
    /// The interface and the property that it is about; the property is empty where it is about the interface.
    pub fn place(&self) -> (&str, &str) {
        (&self.interface, &self.property)
    }
}

/// Longest interface name of which a file can be named.
const NAME_LIMIT: usize = 240;

impl Schema {
    /// Checks the file form. Errors: a type that cannot be hosted, a default that does not fit its type, too many of something, an
    /// owner's property that the owner could not set.
    pub fn from_fragment(fragment: &Fragment) -> Result<Self, SchemaError> {
        let mut interfaces = Vec::new();
        for (interface, facts) in fragment {
            let error = |property: &str, reason| SchemaError {
                interface: interface.clone(),
                property: property.to_owned(),
                reason,
            };
            if interface.len() > NAME_LIMIT {
                return Err(error("", format!("the name is longer than {NAME_LIMIT} bytes")));
            }
            if fragment.len().max(facts.len()) > usize::from(Place::MAX) {
                return Err(error("", format!("there are more than {} of a kind", Place::MAX)));
            }
            let properties = facts.iter().map(|(property, fact)| {
                let schema = property_schema(fact).map_err(|reason| error(property, reason))?;
                Ok((property.clone(), schema))
            });
            let properties: Vec<(String, PropertySchema)> = properties.collect::<Result<_, _>>()?;
            // An interface is one file, and what is set of others must not get into it.
            if let Some((property, _)) = properties.iter().find(|(_, one)| !one.owner)
                && properties.iter().any(|(_, one)| one.owner)
            {
                let reason = "it is not the owner's, as others of the interface are: all are, or none";
                return Err(error(property, reason.to_owned()));
            }
            interfaces.push(InterfaceSchema::new(interface.clone(), properties));
        }
        Ok(Self(interfaces))
    }

    /// The interface of that name, if it is hosted.
    pub fn interface(&self, name: &str) -> Option<&InterfaceSchema> {
        self.at(self.place(name)?)
    }

    /// Where the interface of that name is.
    pub fn place(&self, name: &str) -> Option<Place> {
        place(&self.0, name, InterfaceSchema::name)
    }

    /// The interface at a place.
    pub fn at(&self, place: Place) -> Option<&InterfaceSchema> {
        self.0.get(usize::from(place))
    }

    /// How many interfaces are known.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is known, which makes an inventory useless.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl InterfaceSchema {
    fn new(name: String, properties: Vec<(String, PropertySchema)>) -> Self {
        let sizes = properties.iter().map(|(name, schema)| PER_PROPERTY + name.len() + schema.initial.size());
        let size = PER_INTERFACE + name.len() + sizes.sum::<usize>();
        Self { name, properties, size }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The property of that name.
    pub fn get(&self, name: &str) -> Option<&PropertySchema> {
        self.at(self.place(name)?).map(|(_, schema)| schema)
    }

    /// Where the property of that name is.
    pub fn place(&self, name: &str) -> Option<Place> {
        place(&self.properties, name, |(name, _)| name)
    }

    /// The property at a place, with its name.
    pub fn at(&self, place: Place) -> Option<(&str, &PropertySchema)> {
        self.properties.get(usize::from(place)).map(|(name, schema)| (name.as_str(), schema))
    }

    /// All properties with their places, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Place, &str, &PropertySchema)> {
        (0..).zip(&self.properties).map(|(place, (name, schema))| (place, name.as_str(), schema))
    }

    /// How many properties it has.
    pub fn len(&self) -> usize {
        self.properties.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.properties.is_empty()
    }

    /// Its size when nothing was set yet, bytes as [`crate::counted`] counts them.
    pub fn size(&self) -> usize {
        self.size
    }
}

/// The place of a name in a list that has the order of names.
fn place<T>(list: &[T], name: &str, name_of: impl Fn(&T) -> &str) -> Option<Place> {
    let found = list.binary_search_by(|one| name_of(one).cmp(name)).ok()?;
    Place::try_from(found).ok()
}

fn property_schema(fact: &PropertyFact) -> Result<PropertySchema, String> {
    let fact = match fact {
        PropertyFact::Signature(signature) => {
            let kind = parse_type(signature)?;
            return Ok(PropertySchema {
                initial: kind.zero(),
                kind,
                access: Access::ReadWrite,
                owner: false,
            });
        }
        PropertyFact::Detailed(fact) => fact,
    };
    let mut kind = parse_type(&fact.signature)?;
    if let Some(enumeration) = &fact.enumeration {
        let values = Words::OneOf(fact.values.iter().map(|value| format!("{enumeration}.{value}")).collect());
        kind = match kind {
            PropertyType::Text(Words::Any) => PropertyType::Text(values),
            PropertyType::Texts(Words::Any) => PropertyType::Texts(values),
            _ => return Err(format!("an enumeration is of type s or as, not {}", fact.signature)),
        };
    }
    let initial = match &fact.default {
        None => kind.zero(),
        Some(default) => initial(&kind, fact.enumeration.as_deref(), default)?,
    };
    if fact.owner && fact.access == Access::Read {
        return Err("it is the owner's and read-only, so that the owner could not set it".to_owned());
    }
    Ok(PropertySchema { kind, initial, access: fact.access, owner: fact.owner })
}

fn parse_type(signature: &str) -> Result<PropertyType, String> {
    PropertyType::parse(signature).ok_or_else(|| format!("type {signature} cannot be hosted"))
}

fn initial(kind: &PropertyType, enumeration: Option<&str>, default: &toml::Value) -> Result<Value, String> {
    let json = match (kind, default) {
        (PropertyType::Double, toml::Value::Float(value)) => return Ok(Value::Double(*value)),
        (PropertyType::Integer(integer), toml::Value::String(text)) if text == "maxint" => {
            return Ok(Value::Integer(integer.range().1.into()));
        }
        (_, toml::Value::Integer(value)) => serde_json::Value::from(*value),
        (_, toml::Value::Boolean(value)) => serde_json::Value::from(*value),
        (_, toml::Value::String(text)) => match enumeration {
            Some(enumeration) if !text.starts_with(enumeration) => format!("{enumeration}.{text}").into(),
            _ => text.clone().into(),
        },
        _ => return Err("the default is of a kind that no property has".to_owned()),
    };
    kind.from_json(&json).ok_or_else(|| format!("the default {json} does not fit the type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str) -> Result<Schema, SchemaError> {
        Schema::from_fragment(&toml::from_str(text).unwrap())
    }

    #[test]
    fn a_schema_file_gives_types_defaults_and_access() {
        let schema = schema(
            "[\"a.Tag\"]\nTag = { type = \"s\", owner = true }\n[\"a.Item\"]\nName = \"s\"\nPresent = { type = \"b\", default = true, access = \"read\" }\n\
             Level = { type = \"d\", default = nan }\n\
             Kind = { type = \"s\", enum = \"a.Item.Kinds\", values = [\"One\", \"Two\"], default = \"Two\" }\n\
             [\"a.Marker\"]\n",
        )
        .unwrap();
        let item = schema.interface("a.Item").unwrap();
        assert_eq!(item.get("Present").unwrap().initial, Value::Bool(true));
        assert_eq!(item.get("Present").unwrap().access, Access::Read);
        assert_eq!(item.get("Name").unwrap().access, Access::ReadWrite);
        assert!(!item.get("Name").unwrap().owner);
        assert!(schema.interface("a.Tag").unwrap().get("Tag").unwrap().owner);
        assert_eq!(item.get("Kind").unwrap().initial, Value::Text("a.Item.Kinds.Two".into()));
        assert!(matches!(item.get("Level").unwrap().initial, Value::Double(value) if value.is_nan()));
        assert!(schema.interface("a.Marker").unwrap().is_empty());
        assert!(schema.interface("a.Other").is_none());
    }

    #[test]
    fn what_cannot_be_hosted_is_refused_by_name() {
        for (text, reason) in [
            ("[\"a.B\"]\nC = \"h\"", "a.B.C: type h cannot be hosted"),
            (
                "[\"a.B\"]\nC = { type = \"s\", owner = true }\nD = \"s\"",
                "a.B.D: it is not the owner's, as others of the interface are: all are, or none",
            ),
            (
                "[\"a.B\"]\nC = { type = \"s\", owner = true, access = \"read\" }",
                "a.B.C: it is the owner's and read-only, so that the owner could not set it",
            ),
            (
                "[\"a.B\"]\nC = { type = \"y\", default = 256 }",
                "a.B.C: the default 256 does not fit the type",
            ),
            (
                "[\"a.B\"]\nC = { type = \"u\", enum = \"a.B.Kinds\" }",
                "a.B.C: an enumeration is of type s or as, not u",
            ),
        ] {
            assert_eq!(schema(text).unwrap_err().to_string(), reason);
        }
    }
}
