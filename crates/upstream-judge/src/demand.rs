//! What the JSON demands of the inventory, given what the parts' EEPROMs say. By the rules of openpower-vpd-parser, as
//! `tests/vm/upstream/README.md` sums them up; nothing of this is taken from the programs that are under test.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::image::Image;
use super::json::{Eeprom, Entry, System, keyword_source};
use super::schema::Schema;

/// The interface for what the parts' records say.
const RECORD: &str = "com.ibm.ipzvpd.";

/// Interfaces of all FRUs.
const ITEM: &str = "xyz.openbmc_project.Inventory.Item";
/// The interface that processors have.
pub const CPU: &str = "xyz.openbmc_project.Inventory.Item.Cpu";
/// The interface that memory modules have.
pub const DIMM: &str = "xyz.openbmc_project.Inventory.Item.Dimm";
/// Where a part is.
pub const LOCATION: &str = "xyz.openbmc_project.Inventory.Decorator.LocationCode";
/// How far the collection of a FRU is.
pub const PROGRESS: &str = "xyz.openbmc_project.Common.Progress";
const AVAILABILITY: &str = "xyz.openbmc_project.State.Decorator.Availability";
const STATUS: &str = "xyz.openbmc_project.State.Decorator.OperationalStatus";
const ENABLE: &str = "xyz.openbmc_project.Object.Enable";
/// What an administrator calls the machine.
const ASSET_TAG: &str = "xyz.openbmc_project.Inventory.Decorator.AssetTag";

/// What a property has to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A truth value.
    Bool(bool),
    /// A number of any width.
    Number(u64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Any time, once there was one.
    Time,
}

/// Properties by name.
pub type Interface = BTreeMap<String, Wanted>;

/// Interfaces by name.
pub type Object = BTreeMap<String, Interface>;

/// Objects by path below the inventory's root.
pub type Inventory = BTreeMap<String, Object>;

/// What became of an EEPROM.
pub type Readings = BTreeMap<String, Image>;

/// What the inventory has to show once all was collected, with the chassis off; without location codes.
pub fn inventory(system: &System, readings: &Readings, schema: &Schema) -> Inventory {
    let mut inventory = Inventory::new();
    for eeprom in system.eeproms.iter().filter(|eeprom| !eeprom.is_stand_in()) {
        let reading = readings.get(&eeprom.key);
        for (index, entry) in eeprom.entries.iter().enumerate() {
            let place = Place { eeprom, entry, is_first: index == 0, reading };
            if place.exists() {
                let object = inventory.entry(entry.path().to_owned()).or_default();
                place.fill(&system.common, object);
            }
        }
    }
    add_asset_tag(&mut inventory);
    for object in inventory.values_mut() {
        object.retain(|interface, _| schema.hosts(interface));
        for (interface, properties) in object.iter_mut() {
            properties.retain(|property, _| schema.hosts_property(interface, property));
        }
    }
    inventory
}

/// One object and where it comes from.
struct Place<'a> {
    eeprom: &'a Eeprom,
    entry: &'a Entry,
    is_first: bool,
    reading: Option<&'a Image>,
}

impl Place<'_> {
    /// Whether the object is made before anything is read.
    fn is_primed(&self) -> bool {
        !self.eeprom.is_system() && !self.entry.flag("noprime", false) && self.entry.list("ccin").is_none()
    }

    fn exists(&self) -> bool {
        let variants = self.entry.list("ccin");
        match (self.reading, variants) {
            // Presence is written to every entry, so one that is not primed comes with its absence.
            (None, variants) => variants.is_none(),
            (Some(_), None) => true,
            (Some(image), Some(variants)) => {
                let ccin = image.ccin();
                // Formats without records are not filtered.
                ccin.is_none_or(|ccin| variants.iter().any(|variant| variant.eq_ignore_ascii_case(&ccin)))
            }
        }
    }

    fn fill(&self, common: &Map<String, Value>, object: &mut Object) {
        let inherits = self.entry.flag("inherit", true);
        if let Some(image) = self.reading {
            self.add_records(image, inherits, object);
        }
        if inherits || self.entry.flag("inheritCI", false) {
            self.add_interfaces(common, object);
        }
        self.add_interfaces(&self.entry.interfaces(), object);
        self.add_states(object);
        self.rename_without_cores(object);
    }

    /// All records of one that inherits; otherwise those that are named, or all but those that are.
    fn add_records(&self, image: &Image, inherits: bool, object: &mut Object) {
        let copied = self.entry.list("copyRecords");
        let skipped = self.entry.list("skipRecords");
        for (record, keywords) in &image.records {
            let is_published = match (inherits, &copied, &skipped) {
                (true, ..) => true,
                (false, Some(copied), _) => copied.contains(&&**record),
                (false, None, Some(skipped)) => !skipped.contains(&&**record),
                (false, None, None) => false,
            };
            if !is_published {
                continue;
            }
            let interface = object.entry(format!("{RECORD}{record}")).or_default();
            for (keyword, bytes) in keywords {
                interface.insert(property_name(keyword), Wanted::Bytes(bytes.clone()));
            }
        }
        let is_published = inherits || copied.is_some() || skipped.is_some();
        if let Some(size) = image.memory_size_kb.filter(|_| is_published) {
            object
                .entry(DIMM.to_owned())
                .or_default()
                .insert("MemorySizeInKB".to_owned(), Wanted::Number(size));
        }
    }

    fn add_interfaces(&self, interfaces: &Map<String, Value>, object: &mut Object) {
        for (name, properties) in interfaces {
            let wanted = properties.as_object().into_iter().flatten();
            let wanted: Vec<_> = wanted
                .filter_map(|(property, source)| Some((property.clone(), self.value(source)?)))
                .collect();
            // What comes from keywords comes with a reading.
            let is_constant = properties.as_object().is_none_or(|all| {
                all.is_empty() || all.values().any(|source| keyword_source(source).is_none())
            });
            if is_constant || self.reading.is_some() {
                object.entry(name.clone()).or_default().extend(wanted);
            }
        }
    }

    fn value(&self, source: &Value) -> Option<Wanted> {
        if let Some((record, keyword, encoding)) = keyword_source(source) {
            let bytes = self.reading?.keyword(record, keyword).unwrap_or_default();
            return Some(Wanted::Text(rendered(bytes, encoding)));
        }
        Some(match source {
            Value::Bool(value) => Wanted::Bool(*value),
            Value::Number(value) => Wanted::Number(value.as_u64()?),
            Value::String(value) => Wanted::Text(value.clone()),
            Value::Array(items) => {
                Wanted::Bytes(items.iter().filter_map(|item| u8::try_from(item.as_u64()?).ok()).collect())
            }
            _ => return None,
        })
    }

    fn add_states(&self, object: &mut Object) {
        let mut set = |interface: &str, property: &str, value: Wanted| {
            object.entry(interface.to_owned()).or_default().insert(property.to_owned(), value);
        };
        let is_ours = !self.entry.flag("synthesized", false) && self.entry.flag("handlePresence", true);
        let is_there = self.reading.is_some() && self.entry.flag("embedded", true);
        // One that is not part of what was read was said to be absent by priming, if that made it.
        if is_ours && (is_there || self.is_primed() || self.reading.is_none()) {
            set(ITEM, "Present", Wanted::Bool(is_there));
        }
        set(STATUS, "Functional", Wanted::Bool(true));
        set(ENABLE, "Enabled", Wanted::Bool(true));
        if self.is_primed() || self.eeprom.is_system() {
            set(AVAILABILITY, "Available", Wanted::Bool(false));
        }
        if self.is_first || self.is_primed() {
            let status = format!("{PROGRESS}.OperationStatus.Completed");
            set(PROGRESS, "Status", Wanted::Text(status));
            set(PROGRESS, "StartTime", Wanted::Time);
            set(PROGRESS, "CompletedTime", Wanted::Time);
        }
    }

    /// A processor all of whose cores are bad has another name: eight times the same three bytes say so.
    fn rename_without_cores(&self, object: &mut Object) {
        let bytes = self.reading.and_then(|image| image.keyword("CP00", "PG")).unwrap_or_default();
        let is_without =
            bytes.get(97..121).is_some_and(|cores| cores.chunks(3).all(|core| core == [0xe7, 0xf9, 0xff]));
        if is_without && object.contains_key(CPU) {
            let name = Wanted::Text("IO Module".to_owned());
            object.entry(ITEM.to_owned()).or_default().insert("PrettyName".to_owned(), name);
        }
    }
}

/// On the first start of a machine its tag is made of type and serial number.
fn add_asset_tag(inventory: &mut Inventory) {
    let Some(system) = inventory.get_mut("/system") else { return };
    let text = |keyword: &str| match system.get("com.ibm.ipzvpd.VSYS")?.get(keyword)? {
        Wanted::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    };
    if let (Some(model), Some(serial)) = (text("TM"), text("SE")) {
        let tag = Wanted::Text(format!("Server-{model}-{serial}"));
        system.insert(ASSET_TAG.to_owned(), Interface::from([("AssetTag".to_owned(), tag)]));
    }
}

/// The property that a keyword becomes.
fn property_name(keyword: &str) -> String {
    match keyword.chars().next() {
        Some('#') => keyword.replacen('#', "PD_", 1),
        Some(first) if first.is_ascii_digit() => format!("N_{keyword}"),
        _ => keyword.to_owned(),
    }
}

/// A keyword as text, blanks and all.
fn rendered(bytes: &[u8], encoding: &str) -> String {
    let digits = |range: std::ops::Range<usize>| -> Option<String> {
        let digits = bytes.get(range)?;
        digits.iter().all(u8::is_ascii_digit).then(|| digits.iter().copied().map(char::from).collect())
    };
    match encoding {
        "MAC" => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
        "DATE" => [3..7, 7..9, 9..11, 11..13, 13..15]
            .map(digits)
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .and_then(|parts| match parts.as_slice() {
                [year, month, day, hour, minute] => Some(format!("{year}-{month}-{day} {hour}:{minute}")),
                _ => None,
            })
            .unwrap_or_default(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}
