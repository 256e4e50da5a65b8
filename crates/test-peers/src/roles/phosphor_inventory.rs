//! phosphor-inventory-manager, built for 64 bits, as far as what is sent to it goes: `Notify`, and what it shows then.
//!
//! It takes the objects in the order of their paths, interfaces and properties in that of their names. An interface that it
//! does not host is passed over, and so is a property that the interface lacks. At a value of another type than the
//! property's it throws: what came before stays, nothing is sent, and the call is never answered. Calls are taken one after
//! the other.
//!
//! Source: measured with the real one; `convertVariant` of its sources takes no value that would have to be narrowed. It
//! sends no signals here.

use super::Role;
use crate::call::{Answer, Call, Outcome};
use crate::objects::{Objects, Properties};
use std::collections::BTreeMap;
use zbus::{Dict, Variant};

const ROOT: &str = "/xyz/openbmc_project/inventory";
const MANAGER: &str = "xyz.openbmc_project.Inventory.Manager";

/// What it hosts here: interfaces with their properties and the types of these on the bus.
type Hosted = &'static [(&'static str, &'static [(&'static str, &'static str)])];
const HOSTED: Hosted = &[
    ("com.ibm.ipzvpd.VCEN", &[("FC", "ay"), ("SE", "ay")]),
    ("com.ibm.ipzvpd.VINI", &[("CC", "ay"), ("DR", "ay"), ("FN", "ay"), ("PN", "ay"), ("SN", "ay")]),
    ("com.ibm.ipzvpd.VSYS", &[("SE", "ay"), ("TM", "ay")]),
    ("xyz.openbmc_project.Common.Progress", &[("CompletedTime", "t"), ("StartTime", "t"), ("Status", "s")]),
    ("xyz.openbmc_project.Inventory.Decorator.Asset", &[("PartNumber", "s"), ("SerialNumber", "s")]),
    ("xyz.openbmc_project.Inventory.Decorator.AssetTag", &[("AssetTag", "s")]),
    ("xyz.openbmc_project.Inventory.Decorator.LocationCode", &[("LocationCode", "s")]),
    ("xyz.openbmc_project.Inventory.Decorator.Slot", &[("SlotNumber", "t")]),
    ("xyz.openbmc_project.Inventory.Item", &[("Present", "b"), ("PrettyName", "s")]),
    ("xyz.openbmc_project.Inventory.Item.Cpu", &[("CoreCount", "q")]),
    ("xyz.openbmc_project.Inventory.Item.Dimm", &[("MemorySizeInKB", "t")]),
    ("xyz.openbmc_project.Object.Enable", &[("Enabled", "b")]),
    ("xyz.openbmc_project.State.Decorator.Availability", &[("Available", "b")]),
    ("xyz.openbmc_project.State.Decorator.OperationalStatus", &[("Functional", "b")]),
];

/// The manager.
#[derive(Debug, Default)]
pub(crate) struct PhosphorInventory(Objects);

/// Something that it throws at.
struct Thrown;

impl PhosphorInventory {
    fn notify(&mut self, call: &Call<'_>) -> Outcome {
        let Some(Variant::Dict(objects)) = call.arguments.first() else { return Err(call.unknown()) };
        let entries = sorted(objects).ok_or_else(|| call.unknown())?;
        for (path, interfaces) in entries {
            if self.object(path, interfaces).is_err() {
                return Ok(Answer::none());
            }
        }
        call.reply(&())
    }

    fn object(&mut self, relative: &str, interfaces: &Variant<'_>) -> Result<(), Thrown> {
        let Variant::Dict(interfaces) = interfaces else { return Err(Thrown) };
        for (name, properties) in sorted(interfaces).ok_or(Thrown)? {
            let Some((name, known)) = HOSTED.iter().find(|(hosted, _)| *hosted == name) else { continue };
            let Variant::Dict(properties) = properties else { return Err(Thrown) };
            let path = format!("{ROOT}{relative}");
            // One that is new comes into being once all of it is right, one that is known keeps what was assigned.
            let is_known = self.0.0.get(&path).is_some_and(|shown| shown.contains_key(name));
            let mut taken = Properties::new();
            let assigned = assign(&mut taken, known, properties);
            if assigned.is_ok() || is_known {
                self.0.0.entry(path).or_default().entry(name).or_default().extend(taken);
            }
            assigned?;
        }
        Ok(())
    }
}

/// Takes values up to the first that does not have its property's type.
fn assign(
    taken: &mut Properties,
    known: &[(&'static str, &'static str)],
    properties: &Dict<'_, '_>,
) -> Result<(), Thrown> {
    for (name, value) in sorted(properties).ok_or(Thrown)? {
        let Some((name, signature)) = known.iter().find(|(known, _)| *known == name) else { continue };
        let Variant::Variant(value) = value else { return Err(Thrown) };
        if value.value_signature() != signature {
            return Err(Thrown);
        }
        taken.insert(name, Variant::from(value.try_to_owned().map_err(|_| Thrown)?));
    }
    Ok(())
}

/// The entries of a dictionary in the order of their keys; nothing for one whose keys are no texts.
fn sorted<'d>(dict: &'d Dict<'_, '_>) -> Option<BTreeMap<&'d str, &'d Variant<'d>>> {
    let text = |key: &'d Variant<'_>| match key {
        Variant::Str(text) => Some(text.as_str()),
        Variant::ObjectPath(path) => Some(path.as_str()),
        _ => None,
    };
    dict.iter().map(|(key, value)| Some((text(key)?, value))).collect()
}

impl Role for PhosphorInventory {
    fn objects(&mut self) -> &mut Objects {
        &mut self.0
    }

    fn perform(&mut self, call: &Call<'_>) -> Option<Outcome> {
        match (call.path, call.interface, call.member) {
            (ROOT, MANAGER, "Notify") => Some(self.notify(call)),
            _ => None,
        }
    }
}
