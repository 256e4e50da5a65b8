//! Where we differ from openpower-vpd-parser on purpose, each with its reason. What is not in this list is wrong.

use serde_json::Value;

use super::compare::Difference;
use super::demand::{LOCATION, PROGRESS, Readings, Wanted};
use super::json::{Eeprom, Entry, System};

/// A difference from openpower-vpd-parser that is meant.
#[derive(Debug)]
pub struct Departure {
    /// What differs, in a few words.
    pub name: &'static str,
    /// Why, as a sentence without its end.
    pub reason: &'static str,
    covers: fn(&Difference, &Context<'_>) -> bool,
}

/// What it takes to know why something differs.
#[derive(Debug)]
pub struct Context<'a> {
    /// The system.
    pub system: &'a System,
    /// What its parts say.
    pub readings: &'a Readings,
}

/// Every departure; the first that covers a difference counts.
pub const ALL: &[Departure] = &[
    Departure {
        name: "progress of the FRU only",
        reason: "an EEPROM is read once, so its first object alone shows how far that is",
        covers: |difference, context| {
            let is_first = context.entry(difference).is_some_and(|(_, _, index)| index == 0);
            difference.interface == PROGRESS && difference.shown.is_none() && !is_first
        },
    },
    Departure {
        name: "no blanks at the end of texts",
        reason: "a text that people compare and search ends with its last character; the record shows every byte",
        covers: |difference, _| match (&difference.wanted, &difference.shown) {
            (Some(Wanted::Text(wanted)), Some(Value::String(shown))) => {
                wanted.trim_end_matches([' ', '\0']) == shown && difference.interface != LOCATION
            }
            _ => false,
        },
    },
    Departure {
        name: "emptied before it is read",
        reason: "what a FRU takes from its EEPROM is there and empty without one, not as an earlier part left it",
        covers: |difference, context| {
            let is_unset = difference.wanted.is_none() && difference.shown == Some(Value::Bool(false));
            let is_unread = context
                .entry(difference)
                .is_some_and(|(eeprom, ..)| !context.readings.contains_key(&eeprom.key));
            is_unset && is_unread
        },
    },
    Departure {
        name: "nothing completed where nothing is",
        reason: "an empty place was not collected, which Present says; its progress stays as priming leaves it",
        covers: |difference, context| {
            let is_unread = context
                .entry(difference)
                .is_some_and(|(eeprom, ..)| !context.readings.contains_key(&eeprom.key));
            difference.interface == PROGRESS && difference.shown.is_some() && is_unread
        },
    },
    Departure {
        name: "no property without a name",
        reason: "where the JSON has a text in place of properties, upstream sends a property without a name, and the \
                 inventory shows the interface unset; the import leaves it out and lists it",
        covers: |difference, context| {
            let is_text =
                |entry: &Entry| entry.interfaces().get(&difference.interface).is_some_and(Value::is_string);
            let is_missing = difference.property.is_empty() && difference.shown.is_none();
            is_missing && context.entry(difference).is_some_and(|(_, entry, _)| is_text(entry))
        },
    },
];

/// Why a difference is meant, if it is.
pub fn of(difference: &Difference, context: &Context<'_>) -> Option<&'static Departure> {
    ALL.iter().find(|departure| (departure.covers)(difference, context))
}

impl<'a> Context<'a> {
    /// Where a difference's object comes from: EEPROM, entry, and its place among the entries.
    fn entry(&self, difference: &Difference) -> Option<(&'a Eeprom, &'a Entry, usize)> {
        self.system.eeproms.iter().find_map(|eeprom| {
            let index = eeprom.entries.iter().position(|entry| entry.path() == difference.object)?;
            Some((eeprom, eeprom.entries.get(index)?, index))
        })
    }
}
