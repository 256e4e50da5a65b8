//! The properties that our programs send to the inventory by name, each as a constant with its type: one that is set to a
//! value of another type does not compile. And which numbers of a configuration are sent as `q`.

use anyhow::{Context, Result, ensure};

use super::{FACTS, Fact, Facts, RECORD_PREFIX, records, wrapped};

/// The constants.
pub const TARGET: &str = "crates/dbus-api/src/generated/sent_properties.rs";

/// Each constant's name, the interface, and the property.
const SENT: [(&str, &str, &str); 11] = [
    ("ASSET_TAG", "xyz.openbmc_project.Inventory.Decorator.AssetTag", "AssetTag"),
    ("AVAILABLE", "xyz.openbmc_project.State.Decorator.Availability", "Available"),
    ("COMPLETED_TIME", "xyz.openbmc_project.Common.Progress", "CompletedTime"),
    ("ENABLED", "xyz.openbmc_project.Object.Enable", "Enabled"),
    ("FUNCTIONAL", "xyz.openbmc_project.State.Decorator.OperationalStatus", "Functional"),
    ("LOCATION_CODE", "xyz.openbmc_project.Inventory.Decorator.LocationCode", "LocationCode"),
    ("MEMORY_SIZE_IN_KB", "xyz.openbmc_project.Inventory.Item.Dimm", "MemorySizeInKB"),
    ("PRESENT", "xyz.openbmc_project.Inventory.Item", "Present"),
    ("PRETTY_NAME", "xyz.openbmc_project.Inventory.Item", "PrettyName"),
    ("PROGRESS_STATUS", "xyz.openbmc_project.Common.Progress", "Status"),
    ("START_TIME", "xyz.openbmc_project.Common.Progress", "StartTime"),
];

/// The file's text. Errors: the facts lack a property, or give it a type that is not sent; a keyword of a record is no
/// string of bytes.
pub fn text(facts: &Facts) -> Result<String> {
    ensure_bytes(facts)?;
    let mut text = format!(
        "//! Generated from `{FACTS}` by `cargo xtask schema`; change the facts.\n\n\
         use crate::inventory::property::{{Property, Size, Text, Truth, Unsigned}};\n"
    );
    for (constant, interface, property) in SENT {
        let fact = facts.get(interface).and_then(|properties| properties.get(property));
        let signature = fact.with_context(|| format!("there is no {interface}.{property}"))?.signature();
        let kind = match signature {
            "b" => "Truth",
            "size" => "Size",
            "t" => "Unsigned",
            "s" => "Text",
            other => anyhow::bail!("{interface}.{property} is of type {other}, which is not sent"),
        };
        text.push_str(&format!(
            "\n/// `{property}` of `{interface}`, of type `{signature}`.\n\
             pub const {constant}: Property<{kind}> =\n    Property::new(\"{interface}\", \"{property}\");\n"
        ));
    }
    text.push_str(
        "\n/// Interfaces with the properties of type `q`, in byte order, one space between properties.\n\
         pub const SHORT_NUMBERS: &[(&str, &str)] = &[\n",
    );
    for (interface, properties) in facts {
        let short = properties.iter().filter(|(_, fact)| fact.signature() == "q");
        let names: Vec<&str> = short.map(|(name, _)| name.as_str()).collect();
        if !names.is_empty() {
            text.push_str(&format!("    (\"{interface}\",\n     \"{}\"),\n", wrapped(&names)));
        }
    }
    text.push_str("];\n");
    // A constant's length decides how rustfmt would break it.
    Ok(text.replace("\npub const", "\n#[rustfmt::skip]\npub const"))
}

/// Keywords of all records are sent as bytes.
fn ensure_bytes(facts: &Facts) -> Result<()> {
    for (record, properties) in records(facts) {
        let interface = format!("{RECORD_PREFIX}{record}");
        for property in properties {
            let fact = facts.get(&interface).and_then(|properties| properties.get(property));
            let signature = fact.map_or("", Fact::signature);
            ensure!(signature == "ay", "{interface}.{property} is of type {signature}, and sent as ay");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed() -> Facts {
        toml::from_str(include_str!("../../data/inventory-facts.toml")).unwrap()
    }

    #[test]
    fn what_is_sent_has_the_type_that_the_facts_give() {
        let text = text(&committed()).unwrap();
        for line in [
            "START_TIME: Property<Unsigned>",
            "MEMORY_SIZE_IN_KB: Property<Size>",
            "PRESENT: Property<Truth>",
            "PROGRESS_STATUS: Property<Text>",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn a_type_that_is_not_sent_is_refused_by_name() {
        let mut facts = committed();
        let progress = facts.get_mut("xyz.openbmc_project.Common.Progress").unwrap();
        progress.insert("StartTime".to_owned(), Fact::Signature("x".to_owned()));
        let error = text(&facts).unwrap_err().to_string();
        assert!(error.contains("Progress.StartTime is of type x"), "{error}");
        facts.remove("xyz.openbmc_project.Common.Progress");
        assert!(text(&facts).unwrap_err().to_string().contains("there is no"));
        let mut facts = committed();
        let vini = facts.get_mut("com.ibm.ipzvpd.VINI").unwrap();
        vini.insert("SN".to_owned(), Fact::Signature("s".to_owned()));
        assert!(text(&facts).unwrap_err().to_string().contains("VINI.SN is of type s"));
    }
}
