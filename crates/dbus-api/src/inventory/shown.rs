//! What the inventory shows, asked with the one call that every implementation answers.

use super::{ROOT, manager};
use crate::call::{CallError, classify};
use crate::standard::{INTROSPECTABLE, error};
use std::collections::BTreeSet;
use zbus::Connection;

/// The interfaces of an object, given by its path relative to the root; `None` when it does not exist.
///
/// Errors: as [`manager::notify`].
pub async fn interfaces(
    connection: &Connection,
    relative: &str,
) -> Result<Option<BTreeSet<String>>, CallError> {
    let path = format!("{ROOT}{relative}");
    let called = connection
        .call_method(Some(manager::BUS_NAME), path.as_str(), Some(INTROSPECTABLE), "Introspect", &())
        .await
        .map_err(|error| classify(manager::BUS_NAME, error));
    let reply = match called {
        Err(CallError::Refused { name, .. }) if name == error::UNKNOWN_OBJECT => return Ok(None),
        other => other?,
    };
    let body = reply.body();
    let xml: &str =
        body.deserialize().map_err(|source| CallError::Bus { destination: manager::BUS_NAME, source })?;
    let interfaces = names(xml);
    // Implementations on sd-bus describe the way to an object, and what does not exist, as an object without any.
    Ok((!interfaces.is_empty()).then_some(interfaces))
}

/// The names in the start tags `<interface name="…">`, without the standard ones.
///
/// No XML reader: the text has the form that the D-Bus specification gives it, and a name that is
/// missed or made up costs an empty property, no more.
fn names(xml: &str) -> BTreeSet<String> {
    xml.split("<interface")
        .skip(1)
        .filter_map(|rest| rest.split('>').next()?.split_once("name=\"")?.1.split('"').next())
        .filter(|name| !name.starts_with("org.freedesktop.DBus."))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_found_in_the_descriptions_of_different_implementations() {
        let ours = "<node>\n  <interface name=\"org.freedesktop.DBus.Peer\">\n  </interface>\n  \
                    <interface name=\"a.b\">\n    <property name=\"no\"/>\n  </interface>\n</node>";
        let others =
            "<node><interface\n name=\"a.c\"/><interface name=\"a.d\"><method name=\"x\"/></interface>";
        assert_eq!(names(ours), BTreeSet::from(["a.b".to_owned()]));
        assert_eq!(names(others), BTreeSet::from(["a.c".to_owned(), "a.d".to_owned()]));
        assert!(names("<interface").is_empty());
    }
}
