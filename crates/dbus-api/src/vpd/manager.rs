//! `com.ibm.VPD.Manager`: vital product data written, read from the EEPROM and collected anew, and parts found by their
//! location codes.
//!
//! Sources: phosphor-dbus-interfaces, `yaml/com/ibm/VPD`; the signatures of openpower-vpd-parser, whose `ssize` is `i` and
//! whose `UpdateKeyword` takes a variant.

use crate::inventory::notification::ByteString;
use crate::skim::Plain;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use zbus::{Signature, Type, as_variant};

/// Well-known bus name of the service that writes VPD.
pub const BUS_NAME: &str = "com.ibm.VPD.Manager";
/// Its object.
pub const PATH: &str = "/com/ibm/VPD/Manager";
/// The interface of the methods below, and of [`COLLECTION_STATUS`].
pub const INTERFACE: &str = "com.ibm.VPD.Manager";

/// `WriteKeyword(o object, s record, s keyword, ay value) → i`: bytes of the keyword.
pub const WRITE_KEYWORD: &str = "WriteKeyword";
/// `UpdateKeyword(s path, v (ssay) or (say)) → i`: the same by any path, also of keyword VPD.
pub const UPDATE_KEYWORD: &str = "UpdateKeyword";
/// `WriteKeywordOnHardware(s path, v (ssay) or (say)) → i`: the same in one chip, and nowhere else.
pub const WRITE_KEYWORD_ON_HARDWARE: &str = "WriteKeywordOnHardware";
/// `ReadKeyword(s path, v (ss) or s) → v`: the bytes (`ay`) of a keyword, from the chip.
pub const READ_KEYWORD: &str = "ReadKeyword";
/// `GetParsedVPD(s path) → v`: all keywords of a chip, `a{sa{say}}` for IPZ, `a{sv}` for other formats.
pub const GET_PARSED_VPD: &str = "GetParsedVPD";
/// `ValidateRedundantEEPROM(s path) → b`: whether an EEPROM and the one that stands in for it say the same.
pub const VALIDATE_REDUNDANT: &str = "ValidateRedundantEEPROM";
/// `GetHardwarePath(o object) → as`: the chips of an object, first the one that counts.
pub const GET_HARDWARE_PATH: &str = "GetHardwarePath";
/// `CollectFRUVPD(o object)`: has an EEPROM read again.
pub const COLLECT_FRU_VPD: &str = "CollectFRUVPD";
/// `DeleteFRUVPD(o object)`: has a part taken out.
pub const DELETE_FRU_VPD: &str = "DeleteFRUVPD";
/// The same under its older name.
pub const DELETE_FRU_VPD_OLDER: &str = "deleteFRUVPD";
/// `PerformVPDRecollection()`: has all read again that may be replaced while the host is off.
pub const PERFORM_VPD_RECOLLECTION: &str = "PerformVPDRecollection";
/// `CollectAllFRUVPD() → b`: has all read again; whether that was begun.
pub const COLLECT_ALL_FRU_VPD: &str = "CollectAllFRUVPD";
/// `DeleteAllFRUVPD()`: has all parts taken out, but for the system's own.
pub const DELETE_ALL_FRU_VPD: &str = "DeleteAllFRUVPD";
/// `GetExpandedLocationCode(s code, q node) → s`.
pub const GET_EXPANDED_LOCATION_CODE: &str = "GetExpandedLocationCode";
/// `GetFRUsByUnexpandedLocationCode(s code, q node) → ao`.
pub const GET_FRUS_BY_UNEXPANDED: &str = "GetFRUsByUnexpandedLocationCode";
/// `GetFRUsByExpandedLocationCode(s code) → ao`.
pub const GET_FRUS_BY_EXPANDED: &str = "GetFRUsByExpandedLocationCode";

/// The property that says how far the collection is: `s`, one of [`collection_status`], read-only.
pub const COLLECTION_STATUS: &str = "CollectionStatus";

/// Values of [`COLLECTION_STATUS`].
pub mod collection_status {
    /// The collection service does not run.
    pub const NOT_STARTED: &str = "com.ibm.VPD.Manager.Status.NotStarted";
    /// Something is left to be read.
    pub const IN_PROGRESS: &str = "com.ibm.VPD.Manager.Status.InProgress";
    /// All was read, or is absent.
    pub const COMPLETED: &str = "com.ibm.VPD.Manager.Status.Completed";
    /// Nothing is left to be done, and something was given up.
    pub const FAILURE: &str = "com.ibm.VPD.Manager.Status.Failure";
}

/// Names of the errors of this interface and of [`super::writer`].
pub mod error {
    pub use crate::logging::message_id::{ECC_CHECK_FAILED, INVALID_VPD, MISMATCH};
    pub use crate::standard::error::{
        OPENBMC_INTERNAL_FAILURE as INTERNAL_FAILURE, OPENBMC_INVALID_ARGUMENT as INVALID_ARGUMENT,
        OPENBMC_NOT_ALLOWED as NOT_ALLOWED, OPENBMC_UNAVAILABLE as UNAVAILABLE,
    };

    /// No object of ours, no EEPROM that the system has.
    pub const PATH_NOT_FOUND: &str = "com.ibm.VPD.Error.PathNotFound";
    /// The EEPROM has no such record.
    pub const RECORD_NOT_FOUND: &str = "com.ibm.VPD.Error.RecordNotFound";
    /// The record has no such keyword.
    pub const KEYWORD_NOT_FOUND: &str = "com.ibm.VPD.Error.KeywordNotFound";
    /// VPD of this format, or read in this way, is not written.
    pub const UNSUPPORTED_REQUEST: &str = "xyz.openbmc_project.Common.Error.UnsupportedRequest";
    /// A chip does not answer when it is read.
    pub const READ_FAILURE: &str = "xyz.openbmc_project.Common.Device.Error.ReadFailure";
    /// A chip does not take or not keep what is written.
    pub const WRITE_FAILURE: &str = "xyz.openbmc_project.Common.Device.Error.WriteFailure";
    /// The disk does not take what has to be kept first.
    pub const FILE_WRITE: &str = "xyz.openbmc_project.Common.File.Error.Write";
    /// Too many callers wait already.
    pub const TOO_MANY_RESOURCES: &str = "xyz.openbmc_project.Common.Error.TooManyResources";
}

/// The variant by which a keyword is named, with or without a new value, where it lies in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    /// `(ss)`: record and keyword.
    InRecord(&'a str, &'a str),
    /// `s`: a keyword of VPD without records.
    Alone(&'a str),
    /// `(ssay)`: record, keyword, value.
    ValueInRecord(&'a str, &'a str, &'a [u8]),
    /// `(say)`: keyword, value.
    ValueAlone(&'a str, &'a [u8]),
    /// Of another type, and passed over.
    Other,
}

impl Type for Named<'_> {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

impl<'de: 'a, 'a> Deserialize<'de> for Named<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(NamedVisitor)
    }
}

struct NamedVisitor;

impl<'de> Visitor<'de> for NamedVisitor {
    type Value = Named<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a variant")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Named<'de>, A::Error> {
        let signature: &str = parts.next_element()?.ok_or_else(|| de::Error::custom("no signature"))?;
        let missing = || de::Error::custom("no value");
        Ok(match signature {
            "(ss)" => {
                let (record, keyword) = parts.next_element()?.ok_or_else(missing)?;
                Named::InRecord(record, keyword)
            }
            "s" => Named::Alone(parts.next_element()?.ok_or_else(missing)?),
            "(ssay)" => {
                let (record, keyword, value) = parts.next_element()?.ok_or_else(missing)?;
                Named::ValueInRecord(record, keyword, value)
            }
            "(say)" => {
                let (keyword, value) = parts.next_element()?.ok_or_else(missing)?;
                Named::ValueAlone(keyword, value)
            }
            _ => {
                parts.next_element::<IgnoredAny>()?.ok_or_else(missing)?;
                Named::Other
            }
        })
    }
}

/// `v` with `ay` in it: the value of a keyword.
#[derive(Debug, Clone, Copy)]
pub struct Bytes<'a>(pub &'a [u8]);

/// Keywords with their values, by name.
pub type Keywords = BTreeMap<String, Vec<u8>>;

/// Under which name the size of a memory module is told.
pub const MEMORY_SIZE: &str = "MemorySizeInKB";

/// `v`: all that an EEPROM says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// `a{sa{say}}`: records with their keywords.
    Records(BTreeMap<String, Keywords>),
    /// `a{sv}`: keywords, each an `ay`, and the size of a memory module in KiB, a `t` of this name.
    Keywords(Keywords, Option<(&'static str, u64)>),
}

impl Type for Bytes<'_> {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        as_variant::serialize(&ByteString(self.0), serializer)
    }
}

impl Type for Parsed {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

impl Serialize for Parsed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Records(records) => as_variant::serialize(&Records(records), serializer),
            Self::Keywords(keywords, size) => as_variant::serialize(&Values(keywords, *size), serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ParsedVisitor)
    }
}

struct ParsedVisitor;

impl<'de> Visitor<'de> for ParsedVisitor {
    type Value = Parsed;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a variant with all that an EEPROM says")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Parsed, A::Error> {
        let signature: &str = parts.next_element()?.ok_or_else(|| de::Error::custom("no signature"))?;
        let missing = || de::Error::custom("no value");
        match signature {
            "a{sa{say}}" => Ok(Parsed::Records(parts.next_element()?.ok_or_else(missing)?)),
            "a{sv}" => {
                let values: BTreeMap<&str, Plain<'_>> = parts.next_element()?.ok_or_else(missing)?;
                let size = values.get(MEMORY_SIZE).and_then(|value| value.number());
                let bytes = values.into_iter().filter_map(|(name, value)| match value {
                    Plain::Bytes(bytes) => Some((name.to_owned(), bytes.to_owned())),
                    _ => None,
                });
                Ok(Parsed::Keywords(bytes.collect(), size.map(|size| (MEMORY_SIZE, size))))
            }
            other => Err(de::Error::custom(format!("{other} is no type of vital product data"))),
        }
    }
}

/// `a{sa{say}}`
struct Records<'a>(&'a BTreeMap<String, Keywords>);

impl Type for Records<'_> {
    const SIGNATURE: &'static Signature = <BTreeMap<&str, BTreeMap<&str, &[u8]>>>::SIGNATURE;
}

impl Serialize for Records<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, keywords)| (name, InRecord(keywords))))
    }
}

/// `a{say}`
struct InRecord<'a>(&'a Keywords);

impl Serialize for InRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, ByteString(value))))
    }
}

/// `a{sv}`
struct Values<'a>(&'a Keywords, Option<(&'static str, u64)>);

impl Type for Values<'_> {
    const SIGNATURE: &'static Signature = &Signature::static_dict(&Signature::Str, &Signature::Variant);
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0 {
            map.serialize_entry(name, &Bytes(value))?;
        }
        if let Some((name, size)) = self.1 {
            map.serialize_entry(name, &zbus::Variant::from(size))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::{Message, Variant};

    #[test]
    fn each_form_of_a_keyword_is_told_and_any_other_passed_over() {
        for (variant, expected) in [
            (Variant::from(("VINI", "SN")), Named::InRecord("VINI", "SN")),
            (Variant::from("SN"), Named::Alone("SN")),
            (Variant::from(("VINI", "SN", vec![1_u8, 2])), Named::ValueInRecord("VINI", "SN", &[1, 2])),
            (Variant::from(("CE", Vec::<u8>::new())), Named::ValueAlone("CE", &[])),
            (Variant::from(7_u32), Named::Other),
            (Variant::from(("VINI", 7_u32)), Named::Other),
            (Variant::from(vec!["VINI", "SN"]), Named::Other),
        ] {
            // What follows the variant is read too, so that nothing of it was left.
            let call = Message::method_call("/a", "A").build(&("path", variant, 5_u8)).unwrap();
            let body = call.body();
            let (_, named, last): (&str, Named<'_>, u8) = body.deserialize().unwrap();
            assert_eq!((named, last), (expected, 5));
        }
    }

    #[test]
    fn all_of_an_eeprom_goes_out_as_the_types_that_clients_take() {
        let call = Message::method_call("/a", "A").build(&()).unwrap();
        let keywords = Keywords::from([("SN".to_owned(), b"Y1".to_vec()), ("#I".to_owned(), vec![])]);
        let records = Parsed::Records(BTreeMap::from([("VINI".to_owned(), keywords.clone())]));
        let flat = Parsed::Keywords(keywords, Some(("MemorySizeInKB", 7)));
        for (value, signature, shown) in [(records, "a{sa{say}}", "VINI"), (flat, "a{sv}", "MemorySizeInKB")]
        {
            let reply = Message::method_return(&call.header()).build(&value).unwrap();
            let body = reply.body();
            assert_eq!(body.signature().to_string(), "v");
            assert_eq!(body.deserialize::<Parsed>().unwrap(), value);
            let received: Variant<'_> = body.deserialize().unwrap();
            assert_eq!(received.value_signature().to_string(), signature);
            assert!(format!("{received:?}").contains(shown));
        }
        let reply = Message::method_return(&call.header()).build(&Bytes(b"Y1")).unwrap();
        let body = reply.body();
        let received: Variant<'_> = body.deserialize().unwrap();
        assert_eq!(received, Variant::from(b"Y1".to_vec()));
    }
}
