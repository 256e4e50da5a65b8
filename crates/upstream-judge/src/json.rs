//! A system as the JSON of openpower-vpd-parser has it. Read here once more and by other rules than `vpd-config` reads
//! it, which is what is being tested: by names, as its documentation has them, and nothing is made of them yet.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// The root of the inventory, with which newer paths begin.
const ROOT: &str = "/xyz/openbmc_project/inventory";

/// One system.
#[derive(Debug)]
pub struct System {
    /// Interfaces of every entry that inherits: properties with their values or sources, by interface.
    pub common: Map<String, Value>,
    /// Paths of attributes in sysfs that are set to 0 at the start.
    pub hold_idle: Vec<String>,
    /// The EEPROMs, in the order of the JSON.
    pub eeproms: Vec<Eeprom>,
    /// Paths of files that are no EEPROM on a bus, for which no simulated chip can stand.
    pub not_simulated: Vec<String>,
}

/// One EEPROM with its inventory objects.
#[derive(Debug)]
pub struct Eeprom {
    /// `8-0050`, `spi12.0`.
    pub key: String,
    /// The objects, the first of which is the part itself; there is at least one.
    pub entries: Vec<Entry>,
}

/// One inventory object, as an entry of the JSON.
#[derive(Debug)]
pub struct Entry(Map<String, Value>);

/// When an action is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Before a phase: `preAction`.
    Before,
    /// After it: `postAction`.
    After,
    /// After its failure: `postFailAction`.
    Failed,
}

/// A line and the level that is looked for, or driven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The line's name.
    pub name: String,
    /// 0 or 1.
    pub level: u8,
}

/// What a shell command of an action does; only these are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A driver gets a device.
    Bind {
        /// Its key, `20-0060`.
        device: String,
        /// The driver's name in sysfs, `leds-pca955x`.
        driver: String,
    },
    /// A client is made.
    NewDevice {
        /// Its key, `111-0050`.
        device: String,
    },
}

impl System {
    /// Reads the file.
    ///
    /// Errors: it cannot be read, is no JSON, or has no `frus`; an EEPROM without an entry.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let value = serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))?;
        Self::of(&value).with_context(|| format!("reading {}", path.display()))
    }

    /// Takes it from the JSON.
    ///
    /// Errors: there is no object `frus`, or an EEPROM has no entry.
    pub fn of(value: &Value) -> Result<Self> {
        let mut system = Self {
            common: map(&value["commonInterfaces"]),
            hold_idle: Vec::new(),
            eeproms: Vec::new(),
            not_simulated: Vec::new(),
        };
        for mux in value["muxes"].as_array().into_iter().flatten() {
            system.hold_idle.extend(mux["holdidlepath"].as_str().map(str::to_owned));
        }
        for (place, entries) in value["frus"].as_object().context("there is no object frus")? {
            let entries = entries.as_array().into_iter().flatten();
            let mut entries = entries.map(|entry| Entry(map(entry)));
            let base = entries.next().with_context(|| format!("{place} has no entry"))?;
            match key(place) {
                Some(key) => {
                    let entries = std::iter::once(base).chain(entries).collect();
                    system.eeproms.push(Eeprom { key, entries });
                }
                None => system.not_simulated.push(place.clone()),
            }
        }
        Ok(system)
    }

    /// The EEPROM with this key.
    pub fn eeprom(&self, key: &str) -> Option<&Eeprom> {
        self.eeproms.iter().find(|eeprom| eeprom.key == key)
    }
}

impl Eeprom {
    /// The part itself; an EEPROM has at least one entry.
    pub fn base(&self) -> &Entry {
        &self.entries[0]
    }

    /// Whether it says what system this is.
    pub fn is_system(&self) -> bool {
        self.base().flag("isSystemVpd", false)
    }

    /// Whether it is only there as another one's redundant EEPROM.
    pub fn is_stand_in(&self) -> bool {
        self.base().flag("isRedundant", false)
    }

    /// The key of the EEPROM that stands in for it.
    pub fn redundant(&self) -> Option<String> {
        key(self.base().text("redundantEeprom")?)
    }

    /// Where its VPD begins, in bytes.
    pub fn offset(&self) -> usize {
        let offset = self.base().0.get("offset").and_then(Value::as_u64).unwrap_or_default();
        usize::try_from(offset).unwrap_or_default()
    }

    /// Whether the part itself has an interface of its own with this name.
    pub fn has_interface(&self, name: &str) -> bool {
        self.base().interfaces().contains_key(name)
    }

    /// What all of its actions have a shell do.
    pub fn commands(&self) -> Vec<Command> {
        let occasions = [Occasion::Before, Occasion::After, Occasion::Failed];
        let phases = ["collection", "deletion"];
        let all = occasions.iter().flat_map(|occasion| phases.map(|phase| (*occasion, phase)));
        all.filter_map(|(occasion, phase)| self.command(occasion, phase)).collect()
    }

    /// What its action before or after a phase has a shell do.
    pub fn command(&self, occasion: Occasion, phase: &str) -> Option<Command> {
        let text = self.base().action(occasion, phase)?.get("systemCmd")?["cmd"].as_str()?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let parts = |path: &str| -> Vec<String> { path.split('/').map(str::to_owned).collect() };
        match words.as_slice() {
            ["echo", device, ">", path] if path.ends_with("bind") => {
                let driver = parts(path).iter().rev().nth(1)?.clone();
                Some(Command::Bind { device: (*device).to_owned(), driver })
            }
            ["echo", _, address, ">", path] if path.ends_with("/new_device") => {
                let bus = parts(path).iter().rev().nth(1)?.strip_prefix("i2c-")?.to_owned();
                let address = u8::from_str_radix(address.strip_prefix("0x")?, 16).ok()?;
                Some(Command::NewDevice { device: format!("{bus}-{address:04x}") })
            }
            _ => None,
        }
    }
}

impl Entry {
    /// The object's path below the inventory's root.
    pub fn path(&self) -> &str {
        let path = self.text("inventoryPath").unwrap_or_default();
        path.strip_prefix(ROOT).unwrap_or(path)
    }

    /// A truth value of this name, or what holds where there is none.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(default)
    }

    /// A text of this name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A list of texts of this name.
    pub fn list(&self, name: &str) -> Option<Vec<&str>> {
        Some(self.0.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
    }

    /// Its own interfaces: properties with their values or sources, by interface.
    pub fn interfaces(&self) -> Map<String, Value> {
        self.0.get("extraInterfaces").map(map).unwrap_or_default()
    }

    /// What is done before or after a phase, which is `collection` or `deletion`.
    pub fn action(&self, occasion: Occasion, phase: &str) -> Option<&Value> {
        let name = match occasion {
            Occasion::Before => "preAction",
            Occasion::After => "postAction",
            Occasion::Failed => "postFailAction",
        };
        self.0.get(name)?.get(phase)
    }

    /// The line that is driven before or after a phase.
    pub fn driven(&self, occasion: Occasion, phase: &str) -> Option<Pin> {
        pin(self.action(occasion, phase)?.get("setGpio")?)
    }

    /// The line that says before a collection whether the part is there.
    pub fn presence(&self) -> Option<Pin> {
        pin(self.action(Occasion::Before, "collection")?.get("gpioPresence")?)
    }

    /// The line that is looked at while the machine runs.
    pub fn polled(&self) -> Option<Pin> {
        pin(self.0.get("pollingRequired")?.get("hotPlugging")?.get("gpioPresence")?)
    }

    /// The CCINs for which something is done after a collection.
    pub fn ccins_after(&self) -> Vec<&str> {
        let list = self.action(Occasion::After, "collection").and_then(|action| action.get("ccin"));
        list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

/// A keyword as the source of a property: record, keyword, and encoding, which is empty, `MAC` or `DATE`.
pub fn keyword_source(value: &Value) -> Option<(&str, &str, &str)> {
    let keyword = value.get("keywordName")?.as_str()?;
    let text = |name| value.get(name).and_then(Value::as_str).unwrap_or_default();
    Some((text("recordName"), keyword, text("encoding")))
}

/// Every keyword that is the source of a property in a table of interfaces: record, keyword, and encoding, which is empty,
/// `MAC` or `DATE`.
pub fn keyword_sources(interfaces: &Map<String, Value>) -> Vec<(&str, &str, &str)> {
    let tables = interfaces.values().filter_map(Value::as_object);
    tables.flat_map(|properties| properties.values().filter_map(keyword_source)).collect()
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn pin(value: &Value) -> Option<Pin> {
    let level = u8::try_from(value.get("value")?.as_u64()?).ok()?;
    Some(Pin { name: value.get("pin")?.as_str()?.to_owned(), level })
}

/// `8-0050` of `/sys/bus/i2c/drivers/at24/8-0050/eeprom`.
fn key(place: &str) -> Option<String> {
    let parts: Vec<&str> = place.strip_prefix("/sys/bus/")?.split('/').collect();
    match parts.as_slice() {
        ["i2c" | "spi", "drivers", _, key, "eeprom"] => Some((*key).to_owned()),
        _ => None,
    }
}
