//! One entry of an EEPROM: an inventory object.

use crate::hosted::Hosted;
use crate::import::fields::{Field, Fields, Losses};
use crate::import::interfaces::{Interfaces, Takes, record_name};
use crate::import::slot::ccins;
use crate::import::words::list;
use dbus_api::inventory;

/// An inventory object. Texts of TOML where more than one form is possible.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Object {
    pub(crate) path: String,
    /// The JSON gives its path relative to the inventory's root, as files until 2023 do.
    pub(crate) is_older: bool,
    /// `None` where the default says it.
    pub(crate) records: Option<String>,
    pub(crate) common: Option<bool>,
    pub(crate) presence: Option<&'static str>,
    pub(crate) watch_presence: bool,
    pub(crate) prime: bool,
    pub(crate) foreign: bool,
    pub(crate) ccin: Vec<String>,
    pub(crate) interfaces: Interfaces,
}

impl Object {
    /// Takes the keys that every entry may have; `None` when only a part could be taken that says something else.
    pub(crate) fn take(
        path: InventoryPath<'_>,
        entry: &mut Fields<'_>,
        hosted: &Hosted,
        losses: &mut Losses,
    ) -> Option<Self> {
        let mut object =
            Self { path: path.relative.to_owned(), is_older: path.is_older, prime: true, ..Self::default() };
        object.foreign = entry.take_flag("synthesized", losses).unwrap_or(false);
        object.take_records(entry, losses);
        object.take_presence(entry, losses);
        object.prime = !entry.take_flag("noprime", losses).unwrap_or(false);
        let ccin = entry.take("ccin").map(|field| ccins(&field, losses));
        let takes = Takes { keywords: !object.foreign, hosted };
        if let Some(field) = entry.take("extraInterfaces") {
            object.interfaces = Interfaces::read(&field, takes, losses);
        }
        match ccin {
            Some(None) => return None,
            ccin => object.ccin = ccin.flatten().unwrap_or_default(),
        }
        Some(object)
    }

    /// What of the EEPROM the object shows; nothing if it is other software's.
    fn take_records(&mut self, entry: &mut Fields<'_>, losses: &mut Losses) {
        let place = entry.place.clone();
        let inherit = entry.take("inherit");
        let inherits = inherit.as_ref().map_or(Some(true), |field| field.flag(losses)).unwrap_or(true);
        let (copied, skipped) = (entry.take("copyRecords"), entry.take("skipRecords"));
        let common = entry.take("inheritCI");
        let takes_common = common.as_ref().and_then(|field| field.flag(losses));
        if self.foreign {
            const WHY: &str =
                "the object is other software's (synthesized), so nothing of the EEPROM is shown in it";
            let place = inherit.map_or_else(|| place.key("synthesized"), |field| field.place);
            let shown = inherits.then_some(place).into_iter();
            let listed = [&copied, &skipped].into_iter().flatten().map(|field| field.place.clone());
            let common = common.filter(|_| takes_common == Some(true)).map(|field| field.place);
            shown.chain(listed).chain(common).for_each(|place| losses.add(&place, WHY));
            return;
        }
        if inherits {
            const WHY: &str = "it counts only with inherit = false, here as upstream";
            let contradicting = common.filter(|_| takes_common == Some(false));
            for field in [copied, skipped, contradicting].into_iter().flatten() {
                losses.add(&field.place, WHY);
            }
            self.records = Some("\"all\"".to_owned());
            return;
        }
        self.common = takes_common.filter(|takes| *takes);
        match (copied, skipped) {
            (Some(copied), skipped) => {
                self.records = Some(list(&record_names(&copied, losses)));
                if let Some(field) = skipped {
                    losses.add(&field.place, "it does not count beside copyRecords, here as upstream");
                }
            }
            (None, Some(skipped)) => {
                self.records = Some(format!("{{ all-but = {} }}", list(&record_names(&skipped, losses))));
            }
            (None, None) => {}
        }
    }

    fn take_presence(&mut self, entry: &mut Fields<'_>, losses: &mut Losses) {
        let is_embedded = entry.take_flag("embedded", losses).unwrap_or(true);
        let is_ours = entry.take_flag("handlePresence", losses).unwrap_or(true);
        self.presence = match (self.foreign, is_ours, is_embedded) {
            (true, ..) | (false, true, true) => None,
            (false, false, _) => Some("left-alone"),
            (false, true, false) => Some("cleared"),
        };
        self.watch_presence = entry.take_flag("monitorPresence", losses).unwrap_or(false);
    }
}

fn record_names(field: &Field<'_>, losses: &mut Losses) -> Vec<String> {
    let items = field.list(losses);
    items.iter().filter_map(|item| record_name(item, losses)).map(str::to_owned).collect()
}

/// The path of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InventoryPath<'a> {
    /// Below the inventory's root, with its leading slash.
    pub(crate) relative: &'a str,
    /// It was given so, as in files until 2023.
    pub(crate) is_older: bool,
}

impl<'a> InventoryPath<'a> {
    /// Reads either of upstream's forms.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let below = text.strip_prefix(inventory::ROOT).filter(|rest| rest.starts_with('/'));
        let relative = below.unwrap_or(text);
        let is_element = |part: &str| {
            (1..=200).contains(&part.len())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let is_path = relative.len() <= 1_000
            && relative.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_element));
        is_path.then_some(Self { relative, is_older: below.is_none() })
    }
}
