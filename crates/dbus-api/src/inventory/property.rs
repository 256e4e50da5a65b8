//! The properties that our programs send, each with its type.
//!
//! phosphor-inventory-manager takes a value of another type than its property's for an error of its own: it applies half of
//! the call and never replies. So a property that is known here takes a value of its type and of no other, and the types come
//! from the facts.

use super::notification::Value;
use std::borrow::Cow;
use std::marker::PhantomData;

use crate::generated::sent_properties::SHORT_NUMBERS;
pub use crate::generated::sent_properties::{
    ASSET_TAG, AVAILABLE, COMPLETED_TIME, ENABLED, FUNCTIONAL, LOCATION_CODE, MEMORY_SIZE_IN_KB, PRESENT,
    PRETTY_NAME, PROGRESS_STATUS, START_TIME,
};

/// A property of an interface, and what it takes.
#[derive(Debug)]
pub struct Property<K> {
    /// The interface.
    pub interface: &'static str,
    /// The property.
    pub name: &'static str,
    kind: PhantomData<fn(K)>,
}

impl<K> Property<K> {
    pub(crate) const fn new(interface: &'static str, name: &'static str) -> Self {
        Self { interface, name, kind: PhantomData }
    }
}

/// A type of properties.
pub trait Kind<'a> {
    /// What is given.
    type Given;
    /// How it is sent.
    fn value(given: Self::Given) -> Value<'a>;
}

/// `b`
#[derive(Debug)]
pub enum Truth {}
/// PDI's `size`
#[derive(Debug)]
pub enum Size {}
/// `t`
#[derive(Debug)]
pub enum Unsigned {}
/// `s`
#[derive(Debug)]
pub enum Text {}

impl Kind<'_> for Truth {
    type Given = bool;
    fn value(given: bool) -> Value<'static> {
        Value::Bool(given)
    }
}

impl Kind<'_> for Size {
    type Given = u64;
    fn value(given: u64) -> Value<'static> {
        Value::Size(given)
    }
}

impl Kind<'_> for Unsigned {
    type Given = u64;
    fn value(given: u64) -> Value<'static> {
        Value::Unsigned(given)
    }
}

impl<'a> Kind<'a> for Text {
    type Given = Cow<'a, str>;
    fn value(given: Cow<'a, str>) -> Value<'a> {
        Value::Text(given)
    }
}

/// A number that a configuration gives a property: of type `q` where the property is, else of PDI's `size`.
pub fn number(interface: &str, property: &str, value: u64) -> Value<'static> {
    let row = SHORT_NUMBERS.binary_search_by(|(name, _)| (*name).cmp(interface)).ok();
    let names = row.and_then(|row| SHORT_NUMBERS.get(row)).map_or("", |(_, names)| names);
    match u16::try_from(value) {
        Ok(short) if names.split(' ').any(|name| name == property) => Value::Short(short),
        _ => Value::Size(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::ITEM_CPU;

    #[test]
    fn a_number_goes_out_with_the_width_of_its_property() {
        for (interface, property, value, expected) in [
            (ITEM_CPU, "CoreCount", 12, Value::Short(12)),
            (ITEM_CPU, "Id", 12, Value::Size(12)),
            ("a.Site", "CoreCount", 12, Value::Size(12)),
            // The inventory refuses it by name.
            (ITEM_CPU, "CoreCount", 65_536, Value::Size(65_536)),
        ] {
            assert_eq!(number(interface, property, value), expected, "{interface}.{property}");
        }
    }
}
