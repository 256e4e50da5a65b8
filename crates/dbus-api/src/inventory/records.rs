//! `com.ibm.ipzvpd.RRRR`: one interface per IPZ record, one property per keyword.

use crate::generated::record_keywords::RECORD_KEYWORDS;
use std::borrow::Cow;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyword_names_become_the_property_names_that_tools_know() {
        for (keyword, property) in [("SN", "SN"), ("#I", "PD_I"), ("20", "N_20"), ("D0", "D0"), ("", "")] {
            assert_eq!(property_of(keyword), property);
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
