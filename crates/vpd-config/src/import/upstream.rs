//! The whole JSON.

use crate::Problem;
use crate::hosted::Hosted;
use crate::import::backup::Backup;
use crate::import::eeprom::{Eeprom, FileNames};
use crate::import::fields::{Field, Fields, Losses, Place};
use crate::import::fru::{Entry, Fru, Owners, entries, take_wordless};
use crate::import::interfaces::{Interface, Interfaces, Takes};
use crate::import::json::Value;
use crate::import::mux::Muxes;
use crate::import::node;
use crate::import::object::InventoryPath;
use crate::import::slot::Slot;
use crate::import::words::quoted;
use crate::keys::bus_of;
use std::collections::BTreeMap;

/// Keys of the top that are no description of FRUs, and what is to be done about them.
const ELSEWHERE: [(&str, &str); 3] = [
    ("devTree", "the choice of a device tree is no matter of VPD; nothing here sets a boot variable"),
    ("biosHandlerJsonPath", "its file is not read; attributes of the BIOS are to be described anew"),
    (
        "correlatedPropertiesConfigPath",
        "its file is not read; properties that follow others are to be described anew",
    ),
];

/// What the JSON describes, in our terms.
#[derive(Debug)]
pub(crate) struct System {
    /// Values of TOML: a FRU's key, or a table for an EEPROM that is none.
    pub(crate) system_eeproms: Vec<String>,
    pub(crate) muxes: Muxes,
    pub(crate) backup: Option<Backup>,
    pub(crate) common: Vec<Interface>,
    /// Sorted by bus, as people count.
    pub(crate) frus: Vec<Fru>,
    /// What is not carried over.
    pub(crate) losses: Vec<String>,
}

impl System {
    /// Reads a file's content; `file` is its name. `beside` gives the file that is called by a name and stands beside it, if
    /// there is one.
    ///
    /// Errors: [`Problem::Wrong`] for what is no JSON or has not its frame; those of `beside`.
    pub(crate) fn read(
        bytes: &[u8],
        file: &str,
        hosted: &Hosted,
        beside: impl FnOnce(&str) -> Result<Option<BackupFile>, Problem>,
    ) -> Result<Self, Problem> {
        let value = Value::read(bytes, file)?;
        let wrong = |message: &str| Problem::Wrong { place: file.to_owned(), message: message.to_owned() };
        let root = Field { place: Place::default(), value: &value };
        let mut top = Fields::of(&root).ok_or_else(|| wrong("the file holds no object"))?;
        let mut losses = Losses::default();
        for (key, why) in ELSEWHERE {
            if let Some(field) = top.take(key) {
                losses.add(&field.place, format!("{}: {why}", field.value));
            }
        }
        let common = top.take("commonInterfaces").map(|field| common(&field, hosted, &mut losses));
        let muxes = top.take("muxes").map(|field| Muxes::read(&field, &mut losses));
        let backup = match top.take("backupRestoreConfigPath") {
            Some(field) => backup(&field, beside, &mut losses)?,
            // One that was named all the same.
            None => {
                let place = Place::default().key("backupRestoreConfigPath");
                read_backup(beside("")?, &place, &mut losses).flatten()
            }
        };
        let frus = top.take("frus").ok_or_else(|| wrong("it has no frus"))?;
        let eeproms = Fields::of(&frus).ok_or_else(|| wrong("frus is no object"))?;
        let (mut frus, system_eeproms) = read_frus(eeproms, file, hosted, &mut losses)?;
        top.list_unknown(&mut losses);
        node::list(&frus, &mut losses);
        frus.sort_by_cached_key(|fru| (bus_of(&fru.key), fru.key.clone()));
        Ok(Self {
            system_eeproms,
            muxes: muxes.unwrap_or_default(),
            backup,
            common: common.unwrap_or_default(),
            frus,
            losses: losses.into_lines(),
        })
    }
}

fn common(field: &Field<'_>, hosted: &Hosted, losses: &mut Losses) -> Vec<Interface> {
    let interfaces = Interfaces::read(field, Takes { keywords: true, hosted }, losses);
    if interfaces.location.is_some() {
        losses.add(&field.place, "a location code is one object's; write it as its `location`");
    }
    interfaces.list
}

/// What the JSON's file of backups says, which is known by its name.
fn backup(
    field: &Field<'_>,
    beside: impl FnOnce(&str) -> Result<Option<BackupFile>, Problem>,
    losses: &mut Losses,
) -> Result<Option<Backup>, Problem> {
    let Some(path) = field.text(losses) else { return Ok(None) };
    let found = beside(path.rsplit('/').next().unwrap_or_default())?;
    Ok(read_backup(found, &field.place, losses).unwrap_or_else(|| {
        let why =
            "there is no such file beside the JSON; name it by --backup FILE, or write [[backup]] by hand";
        losses.add(&field.place, format!("{}: {why}", field.value));
        None
    }))
}

/// What a file of backups says, if there is one; that it is broken is listed, for the rest of the JSON does not need it.
fn read_backup(file: Option<BackupFile>, place: &Place, losses: &mut Losses) -> Option<Option<Backup>> {
    let BackupFile { name, content } = file?;
    let read = content.and_then(|bytes| Backup::read(&bytes, &name, losses));
    Some(read.unwrap_or_else(|problem| {
        let why = "the file of backups is broken, so nothing of it is carried over";
        losses.add(place, format!("{why}: {}", problem.chain()));
        None
    }))
}

/// A file that stands beside the JSON, or was named.
pub(crate) struct BackupFile {
    pub(crate) name: String,
    /// [`Problem::Wrong`] for what is too large to be one.
    pub(crate) content: Result<Vec<u8>, Problem>,
}

/// An EEPROM with its entries.
type Described<'a> = (Eeprom, Place, Vec<Entry<'a>>);

fn read_frus(
    eeproms: Fields<'_>,
    file: &str,
    hosted: &Hosted,
    losses: &mut Losses,
) -> Result<(Vec<Fru>, Vec<String>), Problem> {
    let (mut primary, mut redundant): (Vec<Described<'_>>, Vec<Described<'_>>) = (Vec::new(), Vec::new());
    let (mut names, mut paths) = (FileNames::new(), BTreeMap::new());
    let wrong = |place: &Place, message: String| Problem::Wrong {
        place: format!("{file}: {}", place.path()),
        message,
    };
    let top = eeproms.place.clone();
    for (path, field) in eeproms.rest() {
        let entries = entries(&field, file)?;
        match Eeprom::of_path(path, &mut names) {
            Err(why) => losses.add(&field.place, format!("{why}, so the EEPROM is left out")),
            Ok(eeprom) => {
                if let Some(earlier) = paths.insert(eeprom.key.clone(), field.place.clone()) {
                    let message = format!("it is EEPROM {}, as {} is too", eeprom.key, earlier.path());
                    return Err(wrong(&field.place, message));
                }
                let is_redundant = entries.first().and_then(|first| first.value.get("isRedundant"));
                let list =
                    if is_redundant == Some(&Value::Bool(true)) { &mut redundant } else { &mut primary };
                list.push((eeprom, field.place, entries));
            }
        }
    }
    if primary.is_empty() {
        return Err(wrong(&top, "it names no EEPROM that could be read".to_owned()));
    }
    let (mut frus, system_eeproms) = primary_frus(primary, hosted, losses);
    for (eeprom, place, entries) in &redundant {
        let mut named =
            frus.iter_mut().filter(|(fru, _)| fru.redundant.as_ref() == Some(&eeprom.key)).peekable();
        if named.peek().is_none() {
            losses.add(
                place,
                "it is redundant, and no redundantEeprom names it; write it by hand if it is needed",
            );
        }
        named.for_each(|(fru, values)| read_redundant(eeprom, entries, fru, values, losses));
    }
    Ok((frus.into_iter().map(|(fru, _)| fru).collect(), system_eeproms))
}

/// The EEPROMs that are FRUs of their own, each with its entries as they are written, and those that are to say which system
/// this is, as [`System::system_eeproms`] has them.
fn primary_frus<'a>(
    described: Vec<Described<'a>>,
    hosted: &Hosted,
    losses: &mut Losses,
) -> (Vec<(Fru, Vec<&'a Value>)>, Vec<String>) {
    let (mut owners, mut frus, mut system_eeproms) = (Owners::new(), Vec::new(), Vec::new());
    for (eeprom, place, entries) in described {
        if let Some(candidate) = candidate(&eeprom, &place, &entries, &owners, losses) {
            system_eeproms.push(candidate);
            continue;
        }
        let values = entries.iter().map(|entry| entry.value).collect();
        let Some(fru) = Fru::read(&eeprom, entries, &mut owners, hosted, losses) else { continue };
        if fru.is_system {
            system_eeproms.push(quoted(fru.key.as_str()));
        }
        frus.push((fru, values));
    }
    (frus, system_eeproms)
}

/// One that may say which system this is, and whose object is another EEPROM's: it is asked, and shows nothing.
fn candidate(
    eeprom: &Eeprom,
    place: &Place,
    entries: &[Entry<'_>],
    owners: &Owners,
    losses: &mut Losses,
) -> Option<String> {
    let first = entries.first()?;
    let owner = owners.get(first.path.relative)?;
    if first.value.get("isSystemVpd") != Some(&Value::Bool(true)) {
        return None;
    }
    let why = format!(
        "{} is already an object of {owner}, so this EEPROM is only asked which system this is (`system-eeproms`), and \
         nothing else of it is carried over",
        first.path.relative
    );
    losses.add(place, why);
    let mut fields = first.fields.clone();
    let mut table = format!("{{ key = {}", quoted(eeprom.key.as_str()));
    if let Some(file) = &eeprom.file {
        table += &format!(", file = {}", quoted(file));
    }
    for name in ["offset", "size"] {
        if let Some(number) = fields.take_number(name, losses) {
            table += &format!(", {name} = {number}");
        }
    }
    Some(table + " }")
}

/// A second EEPROM: what it takes to reach it comes before the first one's steps, and that is all that it adds.
fn read_redundant(
    eeprom: &Eeprom,
    entries: &[Entry<'_>],
    fru: &mut Fru,
    primary: &[&Value],
    losses: &mut Losses,
) {
    const WHY: &str = "it is a redundant EEPROM's and not as the first one's, which counts";
    for (index, entry) in entries.iter().enumerate() {
        let mut fields = entry.fields.clone();
        let place = fields.place.clone();
        let same = primary.get(index);
        if index == 0 {
            let _ = fields.take("isRedundant");
            let slot = Slot::take(&mut fields, losses);
            if slot.has_later_phases() || slot.poll.is_some() {
                losses
                    .add(&place, "of a redundant EEPROM's actions only preAction.collection is carried over");
            }
            fru.slot.prepend(&slot);
        }
        let path = match same.and_then(|value| value.get("inventoryPath")) {
            Some(Value::Text(path)) => InventoryPath::read(path),
            _ => None,
        };
        if path.map(|path| path.relative) != Some(entry.path.relative) {
            losses.add(&place.key("inventoryPath"), WHY);
        }
        eeprom.compare(&mut fields, losses);
        take_wordless(&mut fields, losses);
        for (key, field) in fields.rest() {
            let is_back = || match field.value {
                Value::Text(path) => Eeprom::chip(path).is_some_and(|eeprom| eeprom.key == fru.key),
                _ => false,
            };
            let is_said = same.and_then(|value| value.get(key)) == Some(field.value);
            if !(is_said || (key == "redundantEeprom" && is_back())) {
                losses.add(&field.place, WHY);
            }
        }
    }
}
