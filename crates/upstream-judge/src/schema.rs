//! Which interfaces an OpenBMC inventory hosts, and what their properties show before they are set.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;
use toml::Table;

/// The hosted interfaces.
#[derive(Debug)]
pub struct Schema(BTreeMap<String, Table>);

impl Schema {
    /// Reads the file of facts that the inventory's schema is made from, too: a table for each interface with a table for
    /// each of its properties.
    ///
    /// Errors: the file cannot be read, or is of another form.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Self(toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?))
    }

    /// Whether the inventory has room for the interface.
    pub fn hosts(&self, interface: &str) -> bool {
        self.0.contains_key(interface)
    }

    /// Whether the inventory has room for the property.
    pub fn hosts_property(&self, interface: &str, property: &str) -> bool {
        self.0.get(interface).is_some_and(|table| table.contains_key(property))
    }

    /// Whether this is what the property shows before it is set.
    pub fn is_unset(&self, interface: &str, property: &str, shown: &Value) -> bool {
        let Some(fact) = self.0.get(interface).and_then(|table| table.get(property)) else { return false };
        // PDI has a few with a default of their own; what it is says the text, what it means the type.
        if let Some(default) = fact.get("default") {
            let same = default.as_str().zip(shown.as_str()).is_some_and(|(default, shown)| default == shown);
            return same || !default.is_str() || default.as_str() == Some("maxint");
        }
        if let (Some(name), Some(first)) = (text(fact, "enum"), fact.get("values").and_then(|all| all.get(0)))
        {
            let first = format!("{name}.{}", first.as_str().unwrap_or_default());
            return shown.as_str() == Some(&*first) || is_empty(shown);
        }
        is_empty(shown)
    }
}

fn text<'a>(fact: &'a toml::Value, name: &str) -> Option<&'a str> {
    fact.get(name)?.as_str()
}

/// Nothing, in any type.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
    }
}
