use crate::encoding::Encoding;
use crate::key::EepromKey;
use dbus_api::inventory;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use vpd_format::{Ecc, Format, PartNumbers, Policy, ReadOptions, RecordName, Wanted};

/// Interfaces with their properties and where the values come from.
pub type Interfaces = BTreeMap<String, BTreeMap<String, Source>>;

/// What there is to know about one EEPROM: how to read it and what to publish.
///
/// Shape: TOML, one file per EEPROM, named by its key; see `configs/README.md`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fragment {
    /// The format, or `auto` to tell it from the bytes.
    #[serde(default)]
    pub format: WantedFormat,
    /// Whether a header or table of contents that needed correction is good enough.
    #[serde(default, deserialize_with = "policy")]
    pub policy: Policy,
    /// Whether the error correcting code is used; `ignored` only for images without code.
    #[serde(default, deserialize_with = "ecc")]
    pub ecc: Ecc,
    /// Which numbers identify a DDR4 industry standard memory module.
    #[serde(default, deserialize_with = "part_numbers")]
    pub part_numbers: PartNumbers,
    /// Where the VPD begins in the EEPROM, bytes.
    #[serde(default)]
    pub offset: u64,
    /// How much of the EEPROM it may use, bytes; all of it when not said.
    pub size: Option<u64>,
    /// Size of a physical page of the EEPROM, bytes, for who writes it: what a cut write cycle may ruin. A power of two from 8 to
    /// 4096; as large as any such chip has it when not said.
    pub page_size: Option<u32>,
    /// For a key `file:NAME`: the file.
    pub file: Option<PathBuf>,
    /// A second EEPROM with the same data, in the same window; it is read when this one is of no use.
    pub redundant: Option<EepromKey>,
    /// Whether both are read each time, and a difference is told.
    #[serde(default)]
    pub compare_redundant: bool,
    /// Whether the inventory is our own. What phosphor-inventory-manager cannot take on a 32-bit machine, the times of
    /// `Common.Progress`, is published there all the same.
    #[serde(default)]
    pub own_inventory: bool,
    /// What every object with `common = true` publishes.
    #[serde(default)]
    pub common: Interfaces,
    /// The objects; the first is the FRU itself, the others are parts of it. Never empty once checked.
    #[serde(default)]
    pub object: Vec<ObjectFragment>,
    /// Interfaces, and properties with their interfaces, that the inventory drops without a word, as the compiler of this
    /// fragment knows from the inventory's schema. They are published all the same.
    #[serde(default)]
    pub not_shown: Vec<String>,
}

/// One inventory object that an EEPROM describes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ObjectFragment {
    /// Path relative to the inventory's root, with its leading slash.
    pub path: String,
    /// Which records become interfaces of this object.
    #[serde(default)]
    pub records: PublishedRecords,
    /// Whether the fragment's common interfaces apply; as `records = "all"` does when not said.
    pub common: Option<bool>,
    /// Whether `Present` is ours to set.
    #[serde(default)]
    pub presence: Presence,
    /// Whether the object is created before its EEPROM is read.
    #[serde(default = "yes")]
    pub prime: bool,
    /// Whether the object's data are other software's: only values that the fragment gives are published, nothing of
    /// the EEPROM, no `Present`, and nothing is ever emptied.
    #[serde(default)]
    pub foreign: bool,
    /// The object is published only with one of these CCINs (IPZ only, case does not count).
    #[serde(default)]
    pub ccin: Vec<String>,
    /// What this object publishes besides; wins over the common interfaces.
    #[serde(default)]
    pub interfaces: Interfaces,
}

/// The format that an EEPROM is expected to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WantedFormat {
    /// Whatever the bytes say.
    #[default]
    Auto,
    /// This one and no other.
    Pinned(Format),
}

/// Records that become interfaces of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PublishedRecords {
    /// Every record that the inventory has an interface for.
    All,
    /// None.
    #[default]
    None,
    /// These.
    Only(Vec<RecordName>),
    /// Every one but these.
    AllBut(Vec<RecordName>),
}

/// Who sets an object's `Present`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// It follows the EEPROM.
    #[default]
    Managed,
    /// Other software says that it is there; that it is not, before the EEPROM is read and without the EEPROM, we do.
    Cleared,
    /// Other software.
    LeftAlone,
}

/// Where the value of a property comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A truth value given in the fragment.
    Bool(bool),
    /// A number given in the fragment, of PDI's type `size`.
    Number(u64),
    /// A text given in the fragment.
    Text(String),
    /// Bytes given in the fragment.
    Bytes(Vec<u8>),
    /// A keyword of the EEPROM, rendered as text.
    Keyword(KeywordSource),
}

/// A keyword as the source of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeywordSource {
    /// The record; of no meaning for keyword and memory VPD.
    pub record: Option<RecordName>,
    /// The keyword.
    pub keyword: vpd_format::KeywordName,
    /// How its bytes become text.
    pub encoding: Encoding,
}

/// What can be wrong with a fragment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FragmentError {
    /// It is not TOML, has an unknown key or a value of the wrong type.
    #[error("{0}")]
    Syntax(String),
    /// It names no object.
    #[error("there is no [[object]]")]
    NoObject,
    /// A path is no relative inventory path.
    #[error("object {0:?}: not an inventory path below its root")]
    Path(String),
    /// Two objects have the same path.
    #[error("object {0:?} appears twice")]
    PathTwice(String),
    /// An interface or property has a name that the bus does not allow.
    #[error("{0:?} is no name of an interface or property")]
    Name(String),
    /// A page size that no chip has.
    #[error("page-size {0}: a page has a power of two of bytes, from 8 to 4096")]
    PageSize(u32),
    /// A comparison with nothing.
    #[error("compare-redundant: there is nothing to compare with")]
    NothingToCompare,
    /// A foreign object publishes what it takes from the EEPROM.
    #[error("object {0:?} is foreign and takes something from the EEPROM all the same")]
    Foreign(String),
    /// Location codes belong to `location-code-updater`.
    #[error("{0:?} publishes a location code, which only location-code-updater may")]
    LocationCode(String),
}

impl Fragment {
    /// Reads and checks a fragment's text.
    pub fn parse(text: &str) -> Result<Self, FragmentError> {
        let fragment: Self = toml_text::from_str(text)
            .map_err(|error| FragmentError::Syntax(shortened(&error.to_string())))?;
        fragment.check()?;
        Ok(fragment)
    }

    /// Checks what its text alone cannot show. A part of a fragment, deserialised by itself, need not pass.
    ///
    /// Errors: all but [`FragmentError::Syntax`], and that for a text with a NUL character.
    pub fn check(&self) -> Result<(), FragmentError> {
        if self.object.is_empty() {
            return Err(FragmentError::NoObject);
        }
        if self.compare_redundant && self.redundant.is_none() {
            return Err(FragmentError::NothingToCompare);
        }
        if let Some(size) = self.page_size
            && !(size.is_power_of_two() && (8..=4096).contains(&size))
        {
            return Err(FragmentError::PageSize(size));
        }
        check_interfaces(&self.common)?;
        for (index, object) in self.object.iter().enumerate() {
            if !is_object_path(&object.path) {
                return Err(FragmentError::Path(object.path.clone()));
            }
            if self.object.iter().take(index).any(|earlier| earlier.path == object.path) {
                return Err(FragmentError::PathTwice(object.path.clone()));
            }
            check_interfaces(&object.interfaces)?;
            if object.foreign && object.takes_anything() {
                return Err(FragmentError::Foreign(object.path.clone()));
            }
        }
        Ok(())
    }
}

impl Fragment {
    /// How its EEPROM is read, for these records.
    pub fn read_options<'a>(&self, wanted: Wanted<'a>) -> ReadOptions<'a> {
        ReadOptions {
            format: match self.format {
                WantedFormat::Auto => None,
                WantedFormat::Pinned(format) => Some(format),
            },
            policy: self.policy,
            ecc: self.ecc,
            part_numbers: self.part_numbers,
            wanted,
        }
    }
}

impl ObjectFragment {
    /// Whether something of the EEPROM's content shows in the object.
    fn takes_anything(&self) -> bool {
        let sources = || self.interfaces.values().flat_map(BTreeMap::values);
        self.records != PublishedRecords::None
            || self.common == Some(true)
            || sources().any(|source| matches!(source, Source::Keyword(_)))
    }
}

fn yes() -> bool {
    true
}

/// The message shows the line it speaks of, which may be of any length.
fn shortened(message: &str) -> String {
    const SHOWN: usize = 400;
    match message.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message.trim_end().to_owned(),
    }
}

/// The bus ends the connection of whoever sends an invalid path, so it must not come so far.
fn is_object_path(path: &str) -> bool {
    let element = |part: &str| {
        (1..=200).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    path.len() <= 1_000 && path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(element))
}

fn check_interfaces(interfaces: &Interfaces) -> Result<(), FragmentError> {
    let word = |part: &str| {
        !part.is_empty()
            && !part.starts_with(|first: char| first.is_ascii_digit())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    for (interface, properties) in interfaces {
        if interface.len() > 200 || !interface.contains('.') || !interface.split('.').all(word) {
            return Err(FragmentError::Name(interface.clone()));
        }
        if matches!(interface.as_str(), inventory::LOCATION_CODE | inventory::IBM_LOCATION) {
            return Err(FragmentError::LocationCode(interface.clone()));
        }
        if let Some(property) = properties.keys().find(|property| !word(property)) {
            return Err(FragmentError::Name(property.clone()));
        }
        for source in properties.values() {
            if let Source::Text(text) = source
                && text.contains('\0')
            {
                return Err(FragmentError::Syntax(format!("{interface}: a text with a NUL character")));
            }
        }
    }
    Ok(())
}

fn word<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    words: &'static [(&'static str, T)],
) -> Result<T, D::Error>
where
    T: Copy,
{
    let given = String::deserialize(deserializer)?;
    words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        de::Error::custom(format!("{given:?} is none of {}", known.join(", ")))
    })
}

/// Reads the word of a policy.
pub(crate) fn policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Policy, D::Error> {
    word(deserializer, &[("strict", Policy::Strict), ("recover", Policy::Recover)])
}

/// Reads the word for the use of the code.
pub(crate) fn ecc<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ecc, D::Error> {
    word(deserializer, &[("checked", Ecc::Checked), ("ignored", Ecc::Ignored)])
}

/// Reads the word for the numbers of memory modules.
pub(crate) fn part_numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PartNumbers, D::Error> {
    word(deserializer, &[("module", PartNumbers::Module), ("upstream", PartNumbers::Upstream)])
}

impl<'de> Deserialize<'de> for WantedFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const WORDS: &[(&str, WantedFormat)] = &[
            ("auto", WantedFormat::Auto),
            ("ipz", WantedFormat::Pinned(Format::Ipz)),
            ("keyword", WantedFormat::Pinned(Format::Keyword)),
            ("memory", WantedFormat::Pinned(Format::Memory)),
        ];
        word(deserializer, WORDS)
    }
}

impl<'de> Deserialize<'de> for PublishedRecords {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RecordsVisitor)
    }
}

struct RecordsVisitor;

impl<'de> Visitor<'de> for RecordsVisitor {
    type Value = PublishedRecords;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("\"all\", \"none\", a list of record names, or { all-but = [names] }")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<PublishedRecords, E> {
        match word {
            "all" => Ok(PublishedRecords::All),
            "none" => Ok(PublishedRecords::None),
            _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<PublishedRecords, A::Error> {
        names(sequence).map(PublishedRecords::Only)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PublishedRecords, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        struct AllBut {
            all_but: Vec<String>,
        }
        let given = AllBut::deserialize(MapAccessDeserializer::new(map))?;
        given
            .all_but
            .iter()
            .map(|name| record_name(name))
            .collect::<Result<_, _>>()
            .map(PublishedRecords::AllBut)
    }
}

fn names<'de, A: SeqAccess<'de>>(mut sequence: A) -> Result<Vec<RecordName>, A::Error> {
    let mut names = Vec::new();
    while let Some(name) = sequence.next_element::<String>()? {
        names.push(record_name(&name)?);
    }
    Ok(names)
}

fn record_name<E: de::Error>(name: &str) -> Result<RecordName, E> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    name.parse().ok().filter(|_| is_plain).ok_or_else(|| E::custom(format!("{name:?} is no record name")))
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

/// By hand rather than `untagged`, which would copy every value before it looks at it.
struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = Source;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a truth value, number, text, list of bytes, or { record, keyword, encoding }")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Source, E> {
        Ok(Source::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Source, E> {
        let number =
            u64::try_from(value).map_err(|_| E::invalid_value(de::Unexpected::Signed(value), &self))?;
        Ok(Source::Number(number))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Source, E> {
        Ok(Source::Number(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Source, E> {
        Ok(Source::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Source, E> {
        Ok(Source::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Source, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = sequence.next_element()? {
            bytes.push(byte);
        }
        Ok(Source::Bytes(bytes))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Given {
            record: Option<String>,
            keyword: String,
            encoding: Option<String>,
        }
        let given = Given::deserialize(MapAccessDeserializer::new(map))?;
        let keyword = given.keyword.parse().map_err(de::Error::custom)?;
        let encoding = given.encoding.map_or(Ok(Encoding::default()), |word| word.parse());
        Ok(Source::Keyword(KeywordSource {
            record: given.record.map(|name| record_name(&name)).transpose()?,
            keyword,
            encoding: encoding.map_err(de::Error::custom)?,
        }))
    }
}

#[cfg(test)]
mod tests;
