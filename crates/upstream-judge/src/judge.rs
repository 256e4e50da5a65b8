//! The judge: what was there and what a machine has left in, a verdict out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;

use super::compare::{Comparison, Shown};
use super::demand::{self, Readings};
use super::departures::Context;
use super::image::Image;
use super::json::System;
use super::schema::Schema;
use super::{actions, location};

/// What is known of a machine before it boots.
#[derive(Debug)]
pub struct Judge {
    /// The system that the machine is.
    pub system: System,
    /// What an inventory has room for.
    pub schema: Schema,
    /// Keys of the EEPROMs whose part is there. A chip that answers in another part's place is none.
    pub present: BTreeSet<String>,
    /// What EEPROMs hold, by key: all bytes, from the first on.
    pub cells: BTreeMap<String, Vec<u8>>,
}

/// What is to be said of what a machine has left.
#[derive(Debug)]
pub struct Verdict {
    /// The inventory, object by object.
    pub inventory: Comparison,
    /// A sentence for each action of the JSON whose effect is not to be seen, in the order of the JSON.
    pub undone: Vec<String>,
}

impl Judge {
    /// Judges what a machine has left, all of whose parts were collected while the chassis was off.
    ///
    /// The folder has `objects.json`, which is the inventory's answer to `GetManagedObjects` as `busctl --json=short`
    /// prints it, and three texts with a name and what belongs to it in each line: `lines` (a GPIO line's name and its
    /// level, 0 or 1), `drivers` (a device's key and its driver, or nothing), and `attributes` (a path in sysfs and what
    /// it holds).
    ///
    /// Errors: one of the files cannot be read, or the answer has no objects. A machine that does not show what is
    /// demanded is a verdict.
    pub fn judge(&self, results: &Path) -> Result<Verdict> {
        let shown = Shown::read(&results.join("objects.json"))?;
        let readings = self.readings();
        let mut demanded = demand::inventory(&self.system, &readings, &self.schema);
        location::expand(&self.system, &mut demanded);
        let context = Context { system: &self.system, readings: &readings };
        let inventory = Comparison::new(&demanded, &shown, &self.schema, &context);
        let undone = actions::undone(&self.system, &self.present, &readings, results)?;
        Ok(Verdict { inventory, undone })
    }

    /// What is read of each EEPROM, or of the one that stands in for it.
    fn readings(&self) -> Readings {
        let mut readings = Readings::new();
        let present = |key: &str| self.present.contains(key);
        for eeprom in self.system.eeproms.iter().filter(|eeprom| present(&eeprom.key)) {
            let read = |key: &String| Image::read(self.cells.get(key)?, eeprom.offset());
            let image = read(&eeprom.key).or_else(|| read(&eeprom.redundant()?));
            readings.extend(image.map(|image| (eeprom.key.clone(), image)));
        }
        readings
    }
}

impl Verdict {
    /// Whether all is as demanded, or differs on purpose.
    pub fn is_good(&self) -> bool {
        self.inventory.wrong.is_empty() && self.undone.is_empty()
    }

    /// A sentence for each thing that is wrong: differences of the inventory, then actions.
    pub fn wrong(&self) -> Vec<String> {
        let differences = self.inventory.wrong.iter().map(ToString::to_string);
        differences.chain(self.undone.iter().cloned()).collect()
    }
}
