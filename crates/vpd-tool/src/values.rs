//! Values of a part, as the inventory or a chip has them.

use crate::table::{Align, Table};
use crate::value;
use dbus_api::inventory::content::Properties;
use dbus_api::inventory::records::{DEFAULT_RECORD, INTERFACE_PREFIX, keyword_of};
use dbus_api::vpd::manager::Parsed;
use fru_publication::Keywords;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use vpd_format::{Outcome, Vpd};

/// Records with their keywords and values, by name. What has no records is one: VINI.
pub(crate) type Records = BTreeMap<String, BTreeMap<String, Bytes>>;

/// A value, in JSON as digits, and as text where it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::json::value(&self.0).serialize(serializer)
    }
}

fn owned(keywords: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Bytes> {
    keywords.into_iter().map(|(name, value)| (name, Bytes(value))).collect()
}

/// What the service says of a chip, and the size of a memory module in KiB.
pub(crate) fn of_chip(parsed: Parsed) -> (Records, Option<u64>) {
    match parsed {
        Parsed::Records(records) => {
            (records.into_iter().map(|(name, keywords)| (name, owned(keywords))).collect(), None)
        }
        Parsed::Keywords(keywords, size) => {
            (Records::from([(DEFAULT_RECORD.to_owned(), owned(keywords))]), size.map(|(_, size)| size))
        }
    }
}

/// What an image says; records that are damaged are left out.
pub(crate) fn of_image(vpd: &Vpd) -> Records {
    let keywords = Keywords(vpd);
    let usable = keywords.records().into_iter().filter(|(_, outcome)| *outcome != Outcome::Bad);
    let of_record = |record: &str| {
        let keywords = keywords.of_record(record).into_iter();
        keywords.map(|keyword| (keyword.name.to_string(), Bytes(keyword.data.to_vec()))).collect()
    };
    usable.map(|(record, _)| (record.clone(), of_record(&record))).collect()
}

/// What the inventory shows of an object.
pub(crate) fn of_object(interfaces: &BTreeMap<String, Properties>) -> Records {
    let mut records = Records::new();
    for (interface, properties) in interfaces {
        let Some(record) = interface.strip_prefix(INTERFACE_PREFIX).filter(|name| name.len() == 4) else {
            continue;
        };
        let keywords = properties.iter().filter_map(|(property, shown)| {
            Some((keyword_of(property).into_owned(), Bytes(shown.bytes()?.to_vec())))
        });
        records.insert(record.to_owned(), keywords.collect());
    }
    records
}

/// A table of all values.
pub(crate) fn show(records: &Records, text: &mut String) {
    let mut table = Table::new([
        ("record", Align::Left),
        ("keyword", Align::Left),
        ("length", Align::Right),
        ("value", Align::Left),
    ]);
    for (record, keywords) in records {
        for (keyword, Bytes(bytes)) in keywords {
            let length = bytes.len().to_string();
            table.row([record.clone(), keyword.clone(), length, value::for_people(bytes)]);
        }
    }
    table.print(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbus_api::inventory::content::Shown;

    #[test]
    fn the_inventory_is_read_back_to_the_names_that_the_chip_has() {
        let bytes = |value: &[u8]| Shown::Bytes(value.to_vec());
        let vini = Properties::from([
            ("PD_I".to_owned(), bytes(b"1")),
            ("N_20".to_owned(), bytes(b"2")),
            ("SN".to_owned(), bytes(b"Y1")),
            ("Odd".to_owned(), Shown::Truth(true)),
        ]);
        let location = Properties::from([("LocationCode".to_owned(), Shown::Text("Ufcs".to_owned()))]);
        let interfaces = BTreeMap::from([
            ("com.ibm.ipzvpd.VINI".to_owned(), vini),
            ("com.ibm.ipzvpd.Location".to_owned(), location),
            ("xyz.openbmc_project.Inventory.Item".to_owned(), Properties::new()),
        ]);
        let records = of_object(&interfaces);
        assert_eq!(records.keys().collect::<Vec<_>>(), ["VINI"]);
        assert_eq!(records["VINI"].keys().collect::<Vec<_>>(), ["#I", "20", "SN"]);
    }
}
