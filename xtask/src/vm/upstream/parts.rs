//! Parts for a system's slots: images with every record and keyword that its JSON asks for, all numbers made up.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use toml::{Table, Value};
use upstream_judge::{CPU, DIMM, Eeprom, Entry, Image, System, keyword_sources};

use crate::fixtures;

/// A CCIN that no list of a JSON has.
const UNLISTED: &str = "7V99";

/// Kinds of FRUs, by what their EEPROMs hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It says what system this is.
    System,
    /// A memory module.
    Memory,
    /// A processor module.
    Processor,
    /// It is in a slot that has to be seen to before it can be read.
    Slot,
    /// A line says whether it is there.
    Announced,
    /// Any other.
    Board,
}

impl Kind {
    /// The kind of an EEPROM's part.
    pub fn of(eeprom: &Eeprom) -> Self {
        if eeprom.is_system() {
            Self::System
        } else if eeprom.has_interface(DIMM) {
            Self::Memory
        } else if eeprom.has_interface(CPU) {
            Self::Processor
        } else if !eeprom.commands().is_empty() {
            Self::Slot
        } else if eeprom.base().presence().is_some() {
            Self::Announced
        } else {
            Self::Board
        }
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Memory => "memory",
            Self::Processor => "processor",
            Self::Slot => "slot",
            Self::Announced => "announced",
            Self::Board => "board",
        }
    }

    /// The EEPROM that such a part has.
    pub fn part(self) -> &'static str {
        match self {
            Self::Memory => "24c32",
            Self::Processor => "25m02",
            _ => "24c64",
        }
    }
}

/// Records with keywords.
type Records = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// One part to make.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// The workspace's root.
    pub root: &'a Path,
    /// The system that asks for it.
    pub system: &'a System,
    /// Its EEPROM.
    pub eeprom: &'a Eeprom,
    /// The place among those of its kind.
    pub ordinal: usize,
    /// A number of its own.
    pub number: usize,
    /// System type and hardware level, both as hex digits.
    pub identity: (&'a str, &'a str),
}

impl Order<'_> {
    /// The image of such a part. Not all parts of a kind are alike: formats alternate, as do parts that a list of CCINs
    /// names and others, and every second part tells when it was made.
    pub fn image(self) -> Result<Vec<u8>> {
        let kind = Kind::of(self.eeprom);
        let is_odd = self.ordinal % 2 == 1;
        match kind {
            Kind::System => self.planar(),
            Kind::Memory => self.named(if is_odd { "ddr4-ddimm" } else { "ddr5-ddimm" }),
            // Nothing that a part of this format publishes may hang on records, or it would be no test of them.
            Kind::Board if is_odd && self.is_flat() => self.named("keyword"),
            _ => vpd_builder::build(&ipz(&self.records(kind), 8192))
                .with_context(|| format!("building a part for {}", self.eeprom.key)),
        }
    }

    /// The committed planar, with another identity and what the JSON asks of it beyond.
    fn planar(self) -> Result<Vec<u8>> {
        let description = fixtures::description(self.root, "system-planar")?;
        let existing = vpd_builder::build(&description).context("building system-planar")?;
        let image = Image::read(&existing, 0).context("system-planar cannot be read")?;
        let mut records = image.records;
        for keywords in records.values_mut() {
            keywords.remove("RT");
        }
        let (system_type, level) = self.identity;
        set(&mut records, "VSBP", "IM", hex_bytes(system_type));
        set(&mut records, "VINI", "HW", hex_bytes(level));
        self.add_asked(&mut records);
        vpd_builder::build(&ipz(&records, 8192)).context("building the planar")
    }

    /// A committed description with a serial number of its own.
    fn named(self, name: &str) -> Result<Vec<u8>> {
        let mut table: Table = toml::from_str(&fixtures::description(self.root, name)?)?;
        let serial = Value::String(format!("YVIV{:08}", self.number));
        match table.get_mut("keywords").and_then(Value::as_table_mut) {
            Some(keywords) => keywords.insert("SN".to_owned(), serial),
            None => table.insert("serial-number".to_owned(), serial),
        };
        vpd_builder::build(&toml::to_string(&table)?).with_context(|| format!("building {name}"))
    }

    fn records(self, kind: Kind) -> Records {
        let mut records = Records::new();
        let number = self.number;
        // Trailing blanks are as parts have them.
        for (keyword, text) in [
            ("DR", format!("PART {number}      ")),
            ("CE", "1".to_owned()),
            ("VZ", "01".to_owned()),
            ("FN", format!("98VV{number:03}  ")),
            ("PN", format!("99VV{number:03}")),
            ("SN", format!("YVIV{number:08}")),
            ("CC", self.ccin()),
            ("HE", "0001".to_owned()),
        ] {
            set(&mut records, "VINI", keyword, text.into_bytes());
        }
        set(&mut records, "VINI", "CT", vec![0x40, 0x15, 0, 0]);
        set(&mut records, "VINI", "HW", vec![0, 2]);
        if kind == Kind::Processor {
            self.add_processor(&mut records);
        }
        self.add_asked(&mut records);
        if self.ordinal % 2 == 1 {
            records.remove("VR10");
        }
        records
    }

    /// Every second part is one that the JSON names, each of them in turn.
    fn ccin(self) -> String {
        let lists = self.eeprom.entries.iter().filter_map(|entry| entry.list("ccin"));
        let mut named: Vec<&str> = lists.flatten().collect();
        named.dedup();
        let is_named = self.ordinal.is_multiple_of(2) && !named.is_empty();
        let ccin = if is_named { named[self.ordinal / 2 % named.len()] } else { UNLISTED };
        // Case does not count.
        if self.ordinal.is_multiple_of(4) { ccin.to_lowercase() } else { ccin.to_owned() }
    }

    /// The second processor has no good cores, which eight times these three bytes say.
    fn add_processor(self, records: &mut Records) {
        let mut cores = vec![0x11; 128];
        if self.ordinal == 1 {
            for (byte, value) in
                cores.iter_mut().skip(97).take(24).zip([0xe7, 0xf9, 0xff].into_iter().cycle())
            {
                *byte = value;
            }
        }
        set(records, "CP00", "VD", vec![1]);
        set(records, "CP00", "PG", cores);
        set(records, "CRP0", "DD", vec![2, 0]);
        set(records, "LRP0", "VD", vec![1]);
        set(records, "LWP0", "20", vec![7; 40]);
        set(records, "VER0", "#I", vec![9; 270]);
        // Of a record and a keyword that no inventory has room for, nothing is to be seen.
        set(records, "ZZ99", "AA", vec![1, 2, 3]);
        set(records, "CRP0", "Z9", vec![4]);
    }

    /// Every keyword that a property is made from, and every record that is named.
    fn add_asked(self, records: &mut Records) {
        for (record, keyword, encoding) in self.sources() {
            let value = self.value(&record, &keyword, &encoding);
            records.entry(record).or_default().entry(keyword).or_insert(value);
        }
        for entry in &self.eeprom.entries {
            let lists = [entry.list("copyRecords"), entry.list("skipRecords")];
            for record in lists.into_iter().flatten().flatten() {
                let keywords = records.entry(record.to_owned()).or_default();
                keywords.entry("DR".to_owned()).or_insert_with(|| record.as_bytes().to_vec());
            }
        }
    }

    /// Whether nothing is asked of it but what formats without records have.
    fn is_flat(&self) -> bool {
        self.sources().iter().all(|(record, ..)| record == "VINI" || record == "VR10")
    }

    fn sources(&self) -> Vec<(String, String, String)> {
        let own = self.eeprom.entries.iter().map(Entry::interfaces);
        let tables: Vec<_> = own.chain([self.system.common.clone()]).collect();
        let all = tables.iter().flat_map(keyword_sources);
        all.map(|(record, keyword, encoding)| (record.to_owned(), keyword.to_owned(), encoding.to_owned()))
            .collect()
    }

    fn value(&self, record: &str, keyword: &str, encoding: &str) -> Vec<u8> {
        match encoding {
            "MAC" => {
                let mut address = vec![0x02, 0x00, 0x5e];
                address.extend(keyword.bytes().chain([0, 0]).take(2));
                address.push(u8::try_from(self.number % 256).unwrap_or_default());
                address
            }
            "DATE" => [&[0, 0, 0], format!("2023{:02}150930", 1 + self.number % 12).as_bytes()].concat(),
            _ => format!("{record}-{keyword}-{}", self.number).into_bytes(),
        }
    }
}

fn set(records: &mut Records, record: &str, keyword: &str, value: Vec<u8>) {
    records.entry(record.to_owned()).or_default().insert(keyword.to_owned(), value);
}

/// The description of an image with these records.
fn ipz(records: &Records, size: usize) -> String {
    let mut text = format!("format = \"ipz\"\nsize = {size}\nfill = 255\n");
    for (record, keywords) in records {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "[[record]]\nname = \"{record}\"\n[record.keywords]");
        for (keyword, value) in keywords {
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            let _ = writeln!(text, "\"{keyword}\" = {{ hex = \"{hex}\" }}");
        }
    }
    text
}

fn hex_bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(String::from_utf8_lossy);
    pairs.filter_map(|pair| u8::from_str_radix(&pair, 16).ok()).collect()
}
