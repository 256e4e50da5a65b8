//! The file beside the JSON that says which keywords are kept a second time.

use crate::Problem;
use crate::import::eeprom::Eeprom;
use crate::import::fields::{Field, Fields, Losses, Place};
use crate::import::interfaces::record_name;
use crate::import::json::Value;
use crate::import::words::quoted;
use fru_publication::EepromKey;
use vpd_format::KeywordName;

/// An EEPROM whose keywords are kept a second time.
#[derive(Debug)]
pub(crate) struct Backup {
    pub(crate) source: EepromKey,
    pub(crate) destination: Option<EepromKey>,
    /// Each as a table of TOML.
    pub(crate) keywords: Vec<String>,
}

impl Backup {
    /// Reads a file's content; `name` is its name. `None`: what is in it is listed.
    ///
    /// Errors: [`Problem::Wrong`] for what is no JSON; nothing is listed then.
    pub(crate) fn read(bytes: &[u8], name: &str, losses: &mut Losses) -> Result<Option<Self>, Problem> {
        let value = Value::read(bytes, name)?;
        let root = Field { place: Place::default().key(name), value: &value };
        Ok(root.object(losses).and_then(|fields| Self::of(fields, losses)))
    }

    fn of(mut fields: Fields<'_>, losses: &mut Losses) -> Option<Self> {
        let place = fields.place.clone();
        let source = fields.take("source").and_then(|field| side(&field, losses));
        let destination = fields.take("destination").and_then(|field| side(&field, losses));
        if let Some(field) = fields.take("type").filter(|field| *field.value != Value::Text("IPZ".to_owned()))
        {
            losses.add(&field.place, format!("{} has no records; only IPZ is backed up", field.value));
            return None;
        }
        let map = fields.take("backupMap");
        fields.list_unknown(losses);
        let (Some(Side::Chip(source)), Some(destination), Some(map)) = (source, destination, map) else {
            losses.add(&place, "it takes a source with hardwarePath, a destination, and a backupMap");
            return None;
        };
        let destination = match destination {
            Side::Chip(key) => Some(key),
            // The inventory's copy is what the EEPROM said last, a blank one too, so it is no backup.
            Side::Inventory => None,
        };
        let items = map.list(losses);
        let keywords: Vec<String> =
            items.iter().filter_map(|item| keyword(item, destination.is_some(), losses)).collect();
        if keywords.is_empty() {
            losses.add(&map.place, "no keyword is left of it");
            return None;
        }
        Some(Self { source, destination, keywords })
    }
}

/// Where one copy is.
enum Side {
    Chip(EepromKey),
    Inventory,
}

fn side(field: &Field<'_>, losses: &mut Losses) -> Option<Side> {
    let mut fields = field.object(losses)?;
    let (chip, object) = (fields.take("hardwarePath"), fields.take("inventoryPath"));
    fields.list_unknown(losses);
    match (chip, object) {
        (Some(chip), None) => {
            let key = Eeprom::chip(chip.text(losses)?).map(|eeprom| eeprom.key);
            if key.is_none() {
                losses.add(&chip.place, format!("{} is no chip's eeprom", chip.value));
            }
            key.map(Side::Chip)
        }
        (None, Some(_)) => Some(Side::Inventory),
        _ => {
            losses.add(&field.place, "it takes hardwarePath or inventoryPath");
            None
        }
    }
}

fn keyword(field: &Field<'_>, has_destination: bool, losses: &mut Losses) -> Option<String> {
    let mut fields = field.object(losses)?;
    let record = fields.take("sourceRecord").and_then(|field| record_name(&field, losses));
    let name = fields.take("sourceKeyword").and_then(|field| keyword_name(&field, losses));
    let there = (fields.take("destinationRecord"), fields.take("destinationKeyword"));
    let default = fields.take("defaultValue").and_then(|field| bytes(&field, losses));
    let flags = [
        ("event", fields.take_flag("isPelRequired", losses)),
        ("manufacturing-reset", fields.take_flag("isManufactureResetRequired", losses)),
        ("bios-attribute", fields.take_flag("isBiosSyncRequired", losses)),
        ("bios-attribute", fields.take_flag("isUsedForBiosAttributeBackup", losses)),
    ];
    let place = fields.place.clone();
    fields.list_unknown(losses);
    let (Some(record), Some(name), Some(default)) = (record, name, default) else {
        losses.add(&place, "it takes a sourceRecord, a sourceKeyword and a defaultValue, so it is left out");
        return None;
    };
    let mut table = format!("{{ record = {}, keyword = {}", quoted(record), quoted(name));
    let backup_record = there.0.as_ref().and_then(|field| record_name(field, losses));
    let backup_keyword = there.1.as_ref().and_then(|field| keyword_name(field, losses));
    for (ours, field, found, own) in
        [("record", &there.0, backup_record, record), ("keyword", &there.1, backup_keyword, name)]
    {
        let Some(other) = found.filter(|found| *found != own) else { continue };
        if has_destination {
            table += &format!(", backup-{ours} = {}", quoted(other));
        } else if let Some(field) = field {
            losses.add(&field.place, "it is a name in the inventory, which keeps no backup here");
        }
    }
    table += &format!(", default = [{default}]");
    for flag in ["event", "manufacturing-reset", "bios-attribute"] {
        if flags.contains(&(flag, Some(true))) {
            table += &format!(", {flag} = true");
        }
    }
    Some(table + " }")
}

fn keyword_name<'a>(field: &Field<'a>, losses: &mut Losses) -> Option<&'a str> {
    let name = field.text(losses)?;
    if name.parse::<KeywordName>().is_ok() && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(name);
    }
    losses.add(&field.place, format!("{} is no name of a keyword", field.value));
    None
}

/// Bytes as a list of TOML has them.
fn bytes(field: &Field<'_>, losses: &mut Losses) -> Option<String> {
    let byte = |item: Field<'_>| match item.value {
        Value::Number(number @ 0..=255) => Some(number.to_string()),
        _ => None,
    };
    let bytes: Option<Vec<String>> = field.list(losses).into_iter().map(byte).collect();
    match bytes.filter(|bytes| !bytes.is_empty()) {
        Some(bytes) => Some(bytes.join(", ")),
        None => {
            losses.add(&field.place, format!("{} is no list of bytes (0 to 255)", field.value));
            None
        }
    }
}
