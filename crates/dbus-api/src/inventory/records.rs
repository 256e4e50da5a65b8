//! `com.ibm.ipzvpd.RRRR`: one interface per IPZ record, one property per keyword.

use super::{ROOT, manager};
use crate::call::{CallError, classify};
use crate::generated::record_keywords::RECORD_KEYWORDS;
use crate::skim::Plain;
use crate::standard::{PROPERTIES, error};
use std::borrow::Cow;
use std::collections::BTreeMap;
use zbus::Connection;

/// Prefix of the record interfaces; the record's name follows.
pub const INTERFACE_PREFIX: &str = "com.ibm.ipzvpd.";

/// The record under which keyword and memory VPD are published, for lack of records of their own.
pub const DEFAULT_RECORD: &str = "VINI";

/// The interface that carries a record.
pub fn interface_of(record: &str) -> String {
    format!("{INTERFACE_PREFIX}{record}")
}

/// The property that carries a keyword: `#I` is `PD_I`, a leading digit gets `N_`, others stay.
///
/// Source: openbmc/openpower-vpd-parser, as published by phosphor-dbus-interfaces.
pub fn property_of(keyword: &str) -> Cow<'_, str> {
    match keyword.as_bytes().first() {
        Some(b'#') => Cow::Owned(format!("PD_{}", keyword.get(1..).unwrap_or_default())),
        Some(b'0'..=b'9') => Cow::Owned(format!("N_{keyword}")),
        _ => Cow::Borrowed(keyword),
    }
}

/// The keyword that a property carries: the reverse of [`property_of`].
pub fn keyword_of(property: &str) -> Cow<'_, str> {
    let rest = |prefix: &str| property.strip_prefix(prefix).filter(|rest| !rest.is_empty());
    match (rest("PD_"), rest("N_")) {
        (Some(rest), _) => Cow::Owned(format!("#{rest}")),
        (None, Some(keyword)) => Cow::Borrowed(keyword),
        (None, None) => Cow::Borrowed(property),
    }
}

/// The properties that the inventory has for a record; `None` for a record without an interface.
///
/// A keyword outside this list is dropped by the inventory without a word.
pub fn properties_of(record: &str) -> Option<impl Iterator<Item = &'static str>> {
    let index = RECORD_KEYWORDS.binary_search_by(|(name, _)| (*name).cmp(record)).ok()?;
    RECORD_KEYWORDS.get(index).map(|(_, properties)| properties.split(' '))
}

/// Whether a keyword's property name is one that D-Bus allows.
///
/// Keyword names come from the image; anything but letters, digits and `_` cannot be a property
/// on the bus that tools can name.
pub fn is_publishable(property: &str) -> bool {
    !property.is_empty() && property.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What an object, by its path relative to the inventory's root, shows of a record: properties with their bytes. `None` for an
/// object, or a record, that the inventory does not have.
///
/// Errors: as [`super::manager::notify`].
pub async fn shown(
    connection: &Connection,
    path: &str,
    record: &str,
) -> Result<Option<BTreeMap<String, Vec<u8>>>, CallError> {
    let (path, interface) = (format!("{ROOT}{path}"), interface_of(record));
    let called = connection
        .call_method(Some(manager::BUS_NAME), path.as_str(), Some(PROPERTIES), "GetAll", &interface)
        .await
        .map_err(|error| classify(manager::BUS_NAME, error));
    let reply = match called {
        Err(CallError::Refused { name, .. })
            if [error::UNKNOWN_OBJECT, error::UNKNOWN_INTERFACE].contains(&&*name) =>
        {
            return Ok(None);
        }
        other => other?,
    };
    let body = reply.body();
    let values: BTreeMap<&str, Plain<'_>> =
        body.deserialize().map_err(|source| CallError::Bus { destination: manager::BUS_NAME, source })?;
    let bytes = values.into_iter().filter_map(|(name, value)| match value {
        Plain::Bytes(bytes) => Some((name.to_owned(), bytes.to_owned())),
        _ => None,
    });
    Ok(Some(bytes.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyword_names_become_the_property_names_that_tools_know() {
        for (keyword, property) in [("SN", "SN"), ("#I", "PD_I"), ("20", "N_20"), ("D0", "D0"), ("", "")] {
            assert_eq!(property_of(keyword), property);
            assert_eq!(keyword_of(property), keyword);
        }
        assert_eq!(interface_of("VINI"), "com.ibm.ipzvpd.VINI");
    }

    #[test]
    fn every_record_of_the_table_is_found() {
        for (name, properties) in RECORD_KEYWORDS {
            assert_eq!(properties_of(name).unwrap().collect::<Vec<_>>().join(" "), *properties);
        }
        assert!(properties_of("XXXX").is_none());
    }

    #[test]
    fn names_that_the_bus_cannot_carry_are_told_apart() {
        assert!(is_publishable("PD_I"));
        assert!(!is_publishable("S-"));
        assert!(!is_publishable(""));
    }
}
