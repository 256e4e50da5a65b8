//! Which interfaces the inventory hosts, with their properties: data, not code.
//!
//! Read from `inventory-schema.d/*.toml`, one table per interface:
//!
//! ```toml
//! ["xyz.openbmc_project.Inventory.Item"]
//! PrettyName = "s"
//! Present = { type = "b", default = true }
//! ```

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

/// The interfaces that the inventory hosts.
#[derive(Debug, Default)]
pub struct Schema(BTreeMap<String, InterfaceSchema>);

/// The properties of one interface, by name.
pub type InterfaceSchema = BTreeMap<String, PropertySchema>;

/// One property.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertySchema {
    /// Its type.
    pub kind: PropertyType,
    /// What it holds until somebody sets it.
    pub initial: Value,
    /// Who may set it directly.
    pub access: Access,
}

/// A property of the schema that cannot be hosted.
#[derive(Debug, thiserror::Error)]
#[error("{interface}.{property}: {reason}")]
pub struct SchemaError {
    interface: String,
    property: String,
    reason: String,
}

/// Longest interface name of which a file can be named.
const NAME_LIMIT: usize = 240;

impl Schema {
    /// Checks the file form. Errors: a type that cannot be hosted, a default that does not fit its type.
    pub fn from_fragment(fragment: &Fragment) -> Result<Self, SchemaError> {
        let mut interfaces = BTreeMap::new();
        for (interface, facts) in fragment {
            if interface.len() > NAME_LIMIT {
                let reason = format!("the name is longer than {NAME_LIMIT} bytes");
                return Err(SchemaError { interface: interface.clone(), property: String::new(), reason });
            }
            let mut properties = BTreeMap::new();
            for (property, fact) in facts {
                let schema = property_schema(fact).map_err(|reason| SchemaError {
                    interface: interface.clone(),
                    property: property.clone(),
                    reason,
                })?;
                properties.insert(property.clone(), schema);
            }
            interfaces.insert(interface.clone(), properties);
        }
        Ok(Self(interfaces))
    }

    /// The properties of an interface, if it is hosted.
    pub fn interface(&self, name: &str) -> Option<&InterfaceSchema> {
        self.0.get(name)
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

fn property_schema(fact: &PropertyFact) -> Result<PropertySchema, String> {
    let fact = match fact {
        PropertyFact::Signature(signature) => {
            let kind = parse_type(signature)?;
            return Ok(PropertySchema { initial: kind.zero(), kind, access: Access::ReadWrite });
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
    Ok(PropertySchema { kind, initial, access: fact.access })
}

fn parse_type(signature: &str) -> Result<PropertyType, String> {
    PropertyType::parse(signature).ok_or_else(|| format!("type {signature} cannot be hosted"))
}

fn initial(kind: &PropertyType, enumeration: Option<&str>, default: &toml::Value) -> Result<Value, String> {
    let json = match (kind, default) {
        (PropertyType::Double, toml::Value::Float(value)) => return Ok(Value::Double(*value)),
        (PropertyType::Integer(integer), toml::Value::String(text)) if text == "maxint" => {
            return Ok(Value::Integer(integer.range().1));
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
            "[\"a.Item\"]\nName = \"s\"\nPresent = { type = \"b\", default = true, access = \"read\" }\n\
             Level = { type = \"d\", default = nan }\n\
             Kind = { type = \"s\", enum = \"a.Item.Kinds\", values = [\"One\", \"Two\"], default = \"Two\" }\n\
             [\"a.Marker\"]\n",
        )
        .unwrap();
        let item = schema.interface("a.Item").unwrap();
        assert_eq!(item["Present"].initial, Value::Bool(true));
        assert_eq!(item["Present"].access, Access::Read);
        assert_eq!(item["Name"].access, Access::ReadWrite);
        assert_eq!(item["Kind"].initial, Value::Text("a.Item.Kinds.Two".into()));
        assert!(matches!(item["Level"].initial, Value::Double(value) if value.is_nan()));
        assert!(schema.interface("a.Marker").unwrap().is_empty());
        assert!(schema.interface("a.Other").is_none());
    }

    #[test]
    fn what_cannot_be_hosted_is_refused_by_name() {
        for (text, reason) in [
            ("[\"a.B\"]\nC = \"h\"", "a.B.C: type h cannot be hosted"),
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
