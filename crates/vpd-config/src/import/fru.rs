//! One EEPROM of the JSON: what its first entry says about it, and an object for each entry.

use crate::Problem;
use crate::hosted::Hosted;
use crate::import::eeprom::Eeprom;
use crate::import::fields::{Field, Fields, Losses};
use crate::import::json::Value;
use crate::import::object::{InventoryPath, Object};
use crate::import::slot::Slot;
use dbus_api::inventory;
use fru_publication::EepromKey;
use std::collections::BTreeMap;

/// Keys that count in the first entry alone, here as upstream.
const FIRST_ONLY: [&str; 15] = [
    "preAction",
    "postAction",
    "postFailAction",
    "pollingRequired",
    "redundantEeprom",
    "isRedundant",
    "powerOffOnly",
    "essentialFru",
    "cpuType",
    "offset",
    "size",
    "replaceableAtStandby",
    "pluggableAtStandby",
    "replaceableAtRuntime",
    "concurrentlyMaintainable",
];

/// Keys that have no counterpart, and what to do instead.
const WITHOUT_COUNTERPART: [(&str, &str); 4] = [
    (
        "presence",
        "an older form; write a step { presence, level } and, if it was polled, `poll` into the slot by hand",
    ),
    ("postActionFail", "an older form; write `on-failure` into the slot by hand"),
    (
        "pcaChipAddress",
        "an older form; write a step { bind, driver = \"leds-pca955x\" } into `after-collection` by hand",
    ),
    (
        "devTreeStatus",
        "an older form; with false, write { new-device, at } instead of { bind, driver } by hand",
    ),
];

/// An EEPROM as TOML will have it.
#[derive(Debug)]
pub(crate) struct Fru {
    pub(crate) key: EepromKey,
    pub(crate) file: Option<String>,
    pub(crate) format: &'static str,
    pub(crate) offset: Option<u64>,
    pub(crate) size: Option<u64>,
    pub(crate) redundant: Option<EepromKey>,
    pub(crate) power_off_only: bool,
    pub(crate) essential: bool,
    pub(crate) is_system: bool,
    pub(crate) replaceable_at: Vec<String>,
    pub(crate) slot: Slot,
    pub(crate) objects: Vec<Object>,
}

/// An entry whose object is known.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) path: InventoryPath<'a>,
    pub(crate) value: &'a Value,
    pub(crate) fields: Fields<'a>,
}

/// Reads the frame of an EEPROM's list.
///
/// Errors: [`Problem::Wrong`] for what has no frame, so that nothing in it could be told apart.
pub(crate) fn entries<'a>(field: &Field<'a>, file: &str) -> Result<Vec<Entry<'a>>, Problem> {
    let wrong = |place: &str, message: &str| Problem::Wrong {
        place: format!("{file}: {place}"),
        message: message.to_owned(),
    };
    let Value::List(values) = field.value else {
        return Err(wrong(field.place.path(), "this is no list of entries"));
    };
    if values.is_empty() {
        return Err(wrong(field.place.path(), "it has no entry"));
    }
    let entry = |(index, value): (usize, &'a Value)| {
        let place = field.place.index(index);
        let mut fields = Fields::of(&Field { place: place.clone(), value })
            .ok_or_else(|| wrong(place.path(), "this entry is no object"))?;
        let path =
            fields.take("inventoryPath").ok_or_else(|| wrong(place.path(), "it has no inventoryPath"))?;
        let relative = match path.value {
            Value::Text(text) => InventoryPath::read(text),
            _ => None,
        };
        let message = || wrong(path.place.path(), &format!("{} is no inventory path", path.value));
        Ok(Entry { path: relative.ok_or_else(message)?, value, fields })
    };
    values.iter().enumerate().map(entry).collect()
}

/// The EEPROM of each object so far.
pub(crate) type Owners = BTreeMap<String, EepromKey>;

impl Fru {
    /// Reads an EEPROM; `None` when its base object is none that it could have.
    pub(crate) fn read(
        eeprom: &Eeprom,
        entries: Vec<Entry<'_>>,
        owners: &mut Owners,
        hosted: &Hosted,
        losses: &mut Losses,
    ) -> Option<Self> {
        let mut fru = Self::new(eeprom);
        let mut first = None;
        for (index, mut entry) in entries.into_iter().enumerate() {
            if let Some(owner) = owners.get(entry.path.relative) {
                let what = if index == 0 { "the EEPROM is" } else { "the entry is" };
                let why =
                    format!("{} is already an object of {owner}, so {what} left out", entry.path.relative);
                losses.add(&entry.fields.place, why);
                if index == 0 {
                    return None;
                }
                continue;
            }
            owners.insert(entry.path.relative.to_owned(), eeprom.key.clone());
            match first {
                None => fru.take_first(&mut entry.fields, losses),
                Some(first) => only_first(first, &mut entry.fields, losses),
            }
            fru.is_system |= is_system(&mut entry.fields, index, fru.is_system, losses);
            first = first.or(Some(entry.value));
            eeprom.compare(&mut entry.fields, losses);
            take_wordless(&mut entry.fields, losses);
            let object = Object::take(entry.path, &mut entry.fields, hosted, losses);
            entry.fields.list_unknown(losses);
            if object.is_none() && index == 0 {
                return None;
            }
            fru.objects.extend(object);
        }
        if fru.objects.first().is_some_and(|base| base.interfaces.has(inventory::ITEM_DIMM)) {
            fru.format = "memory";
        }
        Some(fru)
    }

    fn new(eeprom: &Eeprom) -> Self {
        Self {
            key: eeprom.key.clone(),
            file: eeprom.file.clone(),
            format: "auto",
            offset: None,
            size: None,
            redundant: None,
            power_off_only: false,
            essential: false,
            is_system: false,
            replaceable_at: Vec::new(),
            slot: Slot::default(),
            objects: Vec::new(),
        }
    }

    fn take_first(&mut self, entry: &mut Fields<'_>, losses: &mut Losses) {
        self.slot = Slot::take(entry, losses);
        self.power_off_only = entry.take_flag("powerOffOnly", losses).unwrap_or(false);
        self.essential = entry.take_flag("essentialFru", losses).unwrap_or(false);
        self.offset = entry.take_number("offset", losses);
        self.size = entry.take_number("size", losses);
        if let Some(field) = entry.take("redundantEeprom") {
            self.redundant = redundant(&field, &self.key, losses);
        }
        if let Some(field) = entry.take("cpuType")
            && *field.value != Value::Text("primary".to_owned())
        {
            losses.add(&field.place, format!("{} has no meaning, here as upstream", field.value));
        }
        self.replaceable_at = replaceable_at(entry, losses);
        // Only `false` comes here.
        let _ = entry.take_flag("isRedundant", losses);
    }
}

/// When a part may be replaced; older files have other names for both.
fn replaceable_at(entry: &mut Fields<'_>, losses: &mut Losses) -> Vec<String> {
    let names = [
        ("standby", ["replaceableAtStandby", "pluggableAtStandby"]),
        ("runtime", ["replaceableAtRuntime", "concurrentlyMaintainable"]),
    ];
    let mut found = Vec::new();
    for (ours, names) in names {
        let flags = names.map(|name| entry.take_flag(name, losses));
        if flags.contains(&Some(true)) {
            found.push(ours.to_owned());
        }
        if let [Some(new), Some(old)] = flags
            && new != old
        {
            let [_, name] = names;
            losses.add(
                &entry.place.key(name),
                "it contradicts its newer name, and what is allowed by one is taken",
            );
        }
    }
    found
}

fn redundant(field: &Field<'_>, own: &EepromKey, losses: &mut Losses) -> Option<EepromKey> {
    let chip = Eeprom::chip(field.text(losses)?).map(|eeprom| eeprom.key);
    match chip {
        None => losses
            .add(&field.place, format!("{} is no chip's eeprom; only chips can be redundant", field.value)),
        Some(key) if key == *own => losses.add(&field.place, "an EEPROM cannot be its own second"),
        Some(key) => return Some(key),
    }
    None
}

/// Whether this entry makes the EEPROM one that says which system this is.
fn is_system(entry: &mut Fields<'_>, index: usize, is_known: bool, losses: &mut Losses) -> bool {
    let Some(field) = entry.take("isSystemVpd") else { return false };
    let says = field.flag(losses).unwrap_or(false);
    if says && index > 0 && !is_known {
        losses.add(
            &field.place,
            "only the first entry says so; name the EEPROM in `system-eeproms` if it is true",
        );
    }
    says && index == 0
}

/// Takes from a later entry what counts in the first alone, and lists what differs.
fn only_first(first: &Value, entry: &mut Fields<'_>, losses: &mut Losses) {
    for key in FIRST_ONLY {
        let Some(field) = entry.take(key) else { continue };
        let says_nothing = *field.value == Value::Bool(false) && first.get(key).is_none();
        if !says_nothing && first.get(key) != Some(field.value) {
            losses.add(&field.place, "it counts in the EEPROM's first entry alone, here as upstream");
        }
    }
}

/// Takes what has no counterpart: some of it says nothing, the rest is listed.
pub(crate) fn take_wordless(entry: &mut Fields<'_>, losses: &mut Losses) {
    if let Some(field) = entry.take("serviceName")
        && *field.value != Value::Text(inventory::manager::BUS_NAME.to_owned())
    {
        losses.add(
            &field.place,
            format!("{} hosts no inventory here; objects go to the inventory manager", field.value),
        );
    }
    let _ = entry.take_flag("readOnly", losses);
    for (key, why) in WITHOUT_COUNTERPART {
        if let Some(field) = entry.take(key)
            && (key, field.value) != ("devTreeStatus", &Value::Bool(true))
        {
            losses.add(&field.place, why);
        }
    }
}
