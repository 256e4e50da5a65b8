//! Who is in which slot: parts behind the EEPROMs of a system, the levels of its lines, the other chips on its buses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use upstream_judge::{Command, Eeprom, Image, Occasion, Pin, System};

use super::parts::{Kind, Order};
use crate::vm::chips::{Chip, Client, Power, smallest_part};

/// What answers where.
#[derive(Default)]
pub struct Population {
    /// The chips, by key.
    pub chips: BTreeMap<String, Chip>,
    /// What the EEPROMs among them hold.
    pub cells: BTreeMap<String, Vec<u8>>,
    /// The names of all lines.
    pub lines: BTreeSet<String>,
    /// Those that the world pulls up.
    pub pulled_up: BTreeSet<String>,
    /// Keys of the EEPROMs whose part is there.
    pub present: BTreeSet<String>,
}

/// Populates the slots. `given` has the cells of real parts, by key.
pub fn populate(
    root: &Path,
    system: &System,
    identity: (&str, &str),
    given: &BTreeMap<String, Vec<u8>>,
) -> Result<Population> {
    let mut population = Population::default();
    let mut ordinals: BTreeMap<Kind, usize> = BTreeMap::new();
    for (number, eeprom) in system.eeproms.iter().enumerate() {
        if eeprom.is_stand_in() {
            continue;
        }
        let count = ordinals.entry(Kind::of(eeprom)).or_default();
        let order = Order { root, system, eeprom, ordinal: *count, number: number + 1, identity };
        *count += 1;
        population.add(order, given.get(&eeprom.key))?;
    }
    for path in &system.hold_idle {
        let device = path.split('/').rev().nth(1).with_context(|| format!("{path} has no device"))?;
        population.chips.insert(device.to_owned(), other_chip("pca9546", true, None));
    }
    population.pull(system);
    Ok(population)
}

impl Population {
    fn add(&mut self, order: Order<'_>, given: Option<&Vec<u8>>) -> Result<()> {
        let eeprom = order.eeprom;
        let occupant = if given.is_some() { Occupant::Part } else { Occupant::of(eeprom, order.ordinal) };
        let cells = match given {
            Some(cells) => cells.clone(),
            None => at_offset(order.image()?, eeprom.offset()),
        };
        self.add_chip(eeprom, &eeprom.key, occupant != Occupant::Nobody, cells.len())?;
        match occupant {
            Occupant::Nobody => return Ok(()),
            Occupant::Stranger => {
                self.cells.insert(eeprom.key.clone(), cells);
                return Ok(());
            }
            Occupant::Part => {}
        }
        self.present.insert(eeprom.key.clone());
        self.add_expanders(eeprom, &cells);
        let is_blank = is_blank_beside_redundant(eeprom, order.ordinal) && given.is_none();
        if let Some(redundant) = eeprom.redundant() {
            // It may have a line of its own, if the JSON has an entry for it.
            let own = order.system.eeprom(&redundant).unwrap_or(eeprom);
            self.add_chip(own, &redundant, true, cells.len())?;
            self.cells.insert(redundant, cells.clone());
        }
        let cells = if is_blank { vec![0xff; cells.len()] } else { cells };
        self.cells.insert(eeprom.key.clone(), cells);
        Ok(())
    }

    /// The chip of an EEPROM, or of the one that stands in for it.
    fn add_chip(&mut self, eeprom: &Eeprom, key: &str, present: bool, bytes: usize) -> Result<()> {
        let is_made = |command: &Command| matches!(command, Command::NewDevice { device } if device == key);
        let is_bound = |command: &Command| matches!(command, Command::Bind { device, .. } if device == key);
        let powered_by = power(eeprom);
        let commands = eeprom.commands();
        let client = if commands.iter().any(is_made) {
            Client::Absent
        } else if powered_by.is_none() && commands.iter().any(is_bound) {
            Client::Unbound
        } else if powered_by.is_some() && !commands.iter().any(is_bound) {
            // Nobody gives it to its driver later.
            Client::Bound
        } else {
            Client::Coldplug
        };
        let usual = Kind::of(eeprom).part();
        let part = smallest_part(key, usual, bytes)?.to_owned();
        let chip = Chip { client, present, powered_by, ..Chip::of(part) };
        if self.chips.insert(key.to_owned(), chip).is_some() {
            bail!("{key} is in the JSON twice");
        }
        Ok(())
    }

    /// Chips that the JSON gives to drivers after a part was read: they are on the parts that it names.
    fn add_expanders(&mut self, eeprom: &Eeprom, cells: &[u8]) {
        let ccin = Image::read(cells, eeprom.offset()).and_then(|image| image.ccin()).unwrap_or_default();
        let named = eeprom.base().ccins_after();
        let is_there = named.is_empty() || named.iter().any(|named| named.eq_ignore_ascii_case(&ccin));
        if let Some(Command::Bind { device, .. }) = eeprom.command(Occasion::After, "collection")
            && device != eeprom.key
        {
            self.chips.insert(device, other_chip("pca9552", is_there, power(eeprom)));
        }
    }

    /// What the world does to the lines: a presence line says that a part is there if any is that has it.
    fn pull(&mut self, system: &System) {
        for eeprom in &system.eeproms {
            let driven = [Occasion::Before, Occasion::After, Occasion::Failed];
            let phases = ["collection", "deletion"];
            let driven = driven.iter().flat_map(|occasion| phases.map(|phase| (*occasion, phase)));
            for (occasion, phase) in driven {
                self.lines.extend(eeprom.base().driven(occasion, phase).map(|pin| pin.name));
            }
            self.lines.extend(eeprom.base().polled().map(|pin| pin.name));
            self.lines.extend(eeprom.base().presence().map(|pin| pin.name));
        }
        for line in &self.lines {
            let mut asked =
                system.eeproms.iter().filter_map(|eeprom| Some((eeprom, eeprom.base().presence()?)));
            let mine = |(_, pin): &(&Eeprom, Pin)| pin.name == *line;
            let Some((_, pin)) = asked.clone().find(mine) else { continue };
            let is_there = asked.any(|(eeprom, pin)| pin.name == *line && self.present.contains(&eeprom.key));
            if (pin.level == 1) == is_there {
                self.pulled_up.insert(line.clone());
            }
        }
    }
}

/// Who is in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occupant {
    /// The part.
    Part,
    /// No chip answers.
    Nobody,
    /// A chip of something else, while the line says that the part is not there.
    Stranger,
}

impl Occupant {
    /// Every fourth slot is empty, and every fourth place for a memory module; every second place of which only a line
    /// says whether the part is there has a stranger.
    fn of(eeprom: &Eeprom, ordinal: usize) -> Self {
        match Kind::of(eeprom) {
            Kind::Slot if ordinal % 4 == 2 => Self::Nobody,
            Kind::Memory if ordinal % 4 == 3 => Self::Nobody,
            Kind::Announced if ordinal % 2 == 1 => Self::Stranger,
            _ => Self::Part,
        }
    }
}

/// The third part with a redundant EEPROM has to be known by that one.
fn is_blank_beside_redundant(eeprom: &Eeprom, ordinal: usize) -> bool {
    eeprom.redundant().is_some() && ordinal % 4 == 2
}

/// What gives an EEPROM power: the line that is driven before it is read.
fn power(eeprom: &Eeprom) -> Option<Power> {
    let pin = eeprom.base().driven(Occasion::Before, "collection")?;
    Some(Power { line: pin.name, level: pin.level })
}

fn other_chip(part: &str, present: bool, powered_by: Option<Power>) -> Chip {
    Chip { present, powered_by, ..Chip::of(part.to_owned()) }
}

fn at_offset(image: Vec<u8>, offset: usize) -> Vec<u8> {
    [vec![0xff; offset], image].concat()
}
