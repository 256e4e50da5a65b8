//! What a FRU's objects are to show, held against what the inventory hosts.

use crate::files::Places;
use crate::hosted::{Fate, Hosted};
use crate::problem::{Findings, Warning};
use dbus_api::inventory::records::interface_of;
use fru_publication::{EepromKey, Fragment, Interfaces, PublishedRecords};

/// The inventory's schema, and where findings go.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    pub(crate) hosted: &'a Hosted,
    pub(crate) findings: &'a mut Findings,
}

/// Where in the files a table of interfaces is, and how that is called.
struct Table<'a> {
    subject: String,
    /// Ways to it, the most likely first.
    keys: Vec<Vec<&'a str>>,
}

impl Judge<'_> {
    /// Finds what the inventory refuses, and gives what it will drop without a word: interfaces, and properties with their
    /// interfaces.
    pub(crate) fn look(&mut self, places: &Places<'_>, key: &EepromKey, fragment: &Fragment) -> Vec<String> {
        let mut unshown = Vec::new();
        let common = Table {
            subject: "common".to_owned(),
            keys: vec![vec!["fru", key.as_str(), "common"], vec!["common"]],
        };
        let is_ours = fragment.own_inventory;
        self.interfaces(places, &common, &fragment.common, is_ours, &mut unshown);
        for (index, object) in fragment.object.iter().enumerate() {
            let index = index.to_string();
            let way = |last| vec!["fru", key.as_str(), "object", &*index, last];
            let subject = format!("fru {key}: object {}", object.path);
            if let PublishedRecords::Only(records) = &object.records {
                let table = Table { subject: subject.clone(), keys: vec![way("records")] };
                for record in records.iter().map(|record| interface_of(&record.to_string())) {
                    if !self.hosted.has_interface(&record) {
                        self.drop(places, &table, &[], record, &mut unshown);
                    }
                }
            }
            let table = Table { subject, keys: vec![way("interfaces")] };
            self.interfaces(places, &table, &object.interfaces, is_ours, &mut unshown);
        }
        unshown
    }

    fn interfaces(
        &mut self,
        places: &Places<'_>,
        table: &Table<'_>,
        interfaces: &Interfaces,
        is_ours: bool,
        unshown: &mut Vec<String>,
    ) {
        for (interface, properties) in interfaces {
            if !self.hosted.has_interface(interface) {
                self.drop(places, table, &[interface], interface.clone(), unshown);
                continue;
            }
            for (property, source) in properties {
                let name = format!("{interface}.{property}");
                match self.hosted.fate(interface, property, source) {
                    Fate::Shown => {
                        let upstream = self.hosted.fate_upstream(interface, property, source);
                        if let Some(why) = upstream.filter(|_| !is_ours) {
                            self.doubt(places, table, &[interface, property], why);
                        }
                        if self.hosted.is_owners(interface, property) {
                            let why = format!(
                                "{name} is for the machine's owner to set, and each reading overwrites what was set; leave \
                                 it out"
                            );
                            self.doubt(places, table, &[interface, property], why);
                        }
                    }
                    Fate::Dropped => self.drop(places, table, &[interface, property], name, unshown),
                    Fate::Refused(why) => {
                        let keys = table.ways(&[interface, property]);
                        let keys: Vec<&[&str]> = keys.iter().map(Vec::as_slice).collect();
                        let message = format!("{}: {name}: {why}", table.subject);
                        self.findings.wrong(places.wrong_at(&keys, message));
                    }
                }
            }
        }
    }

    fn doubt(&mut self, places: &Places<'_>, table: &Table<'_>, below: &[&str], message: String) {
        let keys = table.ways(below);
        let keys: Vec<&[&str]> = keys.iter().map(Vec::as_slice).collect();
        let (place, subject) = (places.find(&keys), table.subject.clone());
        self.findings.warn(Warning { place, subject, unshown: String::new(), message });
    }

    fn drop(
        &mut self,
        places: &Places<'_>,
        table: &Table<'_>,
        below: &[&str],
        name: String,
        unshown: &mut Vec<String>,
    ) {
        let keys = table.ways(below);
        let keys: Vec<&[&str]> = keys.iter().map(Vec::as_slice).collect();
        self.findings.warn(Warning {
            place: places.find(&keys),
            subject: table.subject.clone(),
            message: format!("{name} is not in inventory-schema.d, so the inventory does not show it"),
            unshown: name.clone(),
        });
        if !unshown.contains(&name) {
            unshown.push(name);
        }
    }
}

impl<'a> Table<'a> {
    fn ways<'b>(&'b self, below: &[&'b str]) -> Vec<Vec<&'b str>>
    where
        'a: 'b,
    {
        self.keys.iter().map(|way| [way, below].concat()).collect()
    }
}
