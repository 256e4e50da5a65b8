//! Calls of [`super::manager`] and [`super::writer`], for who uses them.
//!
//! Every function's errors: [`CallError::Absent`] when the service is not there and cannot be started,
//! [`CallError::TimedOut`], [`CallError::Refused`] with a name of [`super::manager::error`].

use super::manager::{self, Parsed};
use super::writer::{self, Change, CopyState, Difference, PastWrite, answer};
use crate::call::{self, CallError, Target};
use crate::inventory::notification::ByteString;
use crate::skim::Plain;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use zbus::{Connection, Message, ObjectPath, Type, Variant};

const MANAGER: Target =
    Target { destination: manager::BUS_NAME, path: manager::PATH, interface: manager::INTERFACE };
const WRITER: Target =
    Target { destination: manager::BUS_NAME, path: manager::PATH, interface: writer::INTERFACE };

/// What a write, or what mends, has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the keywords that were written or had their values already.
    pub bytes: u64,
    /// Bytes that differed, over all chips.
    pub changed: u64,
    /// Whether the inventory shows it.
    pub shown: bool,
}

/// How a batch is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// Nothing is written; the answer says what would be.
    pub dry_run: bool,
    /// Which chips.
    pub copies: writer::Copies,
}

/// The bytes of a keyword, from the chip; of VPD without records, without a record.
pub async fn read_keyword(
    connection: &Connection,
    path: &str,
    record: Option<&str>,
    keyword: &str,
) -> Result<Vec<u8>, CallError> {
    let named = record.map_or_else(|| Variant::from(keyword), |record| Variant::from((record, keyword)));
    let reply = call::call(connection, &MANAGER, manager::READ_KEYWORD, &(path, named)).await?;
    let body = reply.body();
    match body.deserialize().map_err(bus)? {
        Plain::Bytes(bytes) => Ok(bytes.to_owned()),
        _ => Err(unexpected("the value of a keyword is no bytes")),
    }
}

/// All keywords of a chip.
pub async fn parsed(connection: &Connection, path: &str) -> Result<Parsed, CallError> {
    answered(&call::call(connection, &MANAGER, manager::GET_PARSED_VPD, &path).await?)
}

/// Whether an EEPROM and the one that stands in for it say the same.
pub async fn validate_redundant(connection: &Connection, path: &str) -> Result<bool, CallError> {
    answered(&call::call(connection, &MANAGER, manager::VALIDATE_REDUNDANT, &path).await?)
}

/// The chips of an object, first the one that counts.
pub async fn hardware_path(connection: &Connection, object: &str) -> Result<Vec<String>, CallError> {
    let object = ObjectPath::try_from(object).map_err(bus)?;
    answered(&call::call(connection, &MANAGER, manager::GET_HARDWARE_PATH, &object).await?)
}

/// Writes a keyword; how many bytes it has.
pub async fn update_keyword(
    connection: &Connection,
    path: &str,
    record: Option<&str>,
    keyword: &str,
    value: &[u8],
) -> Result<i32, CallError> {
    one(connection, manager::UPDATE_KEYWORD, path, (record, keyword, value)).await
}

/// Writes a keyword into one chip, and nowhere else; how many bytes it has.
pub async fn write_on_hardware(
    connection: &Connection,
    path: &str,
    record: Option<&str>,
    keyword: &str,
    value: &[u8],
) -> Result<i32, CallError> {
    one(connection, manager::WRITE_KEYWORD_ON_HARDWARE, path, (record, keyword, value)).await
}

async fn one(
    connection: &Connection,
    method: &'static str,
    path: &str,
    (record, keyword, value): (Option<&str>, &str, &[u8]),
) -> Result<i32, CallError> {
    let named = match record {
        Some(record) => Variant::from((record, keyword, value.to_vec())),
        None => Variant::from((keyword, value.to_vec())),
    };
    answered(&call::call(connection, &MANAGER, method, &(path, named)).await?)
}

/// Writes keywords of one EEPROM, all or none.
pub async fn write(
    connection: &Connection,
    path: &str,
    changes: &[Change<'_>],
    manner: Manner,
) -> Result<Written, CallError> {
    let options = BTreeMap::from([
        (writer::option::DRY_RUN, Variant::from(manner.dry_run)),
        (writer::option::COPIES, Variant::from(manner.copies.as_str())),
    ]);
    written(&call::call(connection, &WRITER, writer::WRITE, &(path, changes, options)).await?)
}

/// Replaces damaged records from a copy, or from the first that has them.
pub async fn repair(
    connection: &Connection,
    path: &str,
    records: &[String],
    source: Option<writer::Copy>,
) -> Result<Written, CallError> {
    let source = source.map_or("", writer::Copy::as_str);
    written(&call::call(connection, &WRITER, writer::REPAIR, &(path, records, source)).await?)
}

/// Replaces damaged records from an image.
pub async fn repair_from(
    connection: &Connection,
    path: &str,
    records: &[String],
    image: &[u8],
) -> Result<Written, CallError> {
    let body = (path, records, ByteString(image));
    written(&call::call(connection, &WRITER, writer::REPAIR_FROM, &body).await?)
}

/// What puts a whole EEPROM, or its backup, right without further arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mending {
    /// Writes back what the code had to correct, and makes the redundant EEPROM say the same.
    Scrub,
    /// Takes what is kept a second time from the EEPROM.
    Backup,
    /// Puts what is kept a second time into the EEPROM.
    Restore,
}

/// Has an EEPROM, or its backup, put right.
pub async fn mend(connection: &Connection, path: &str, what: Mending) -> Result<Written, CallError> {
    let method = match what {
        Mending::Scrub => writer::SCRUB,
        Mending::Backup => writer::BACKUP,
        Mending::Restore => writer::RESTORE,
    };
    written(&call::call(connection, &WRITER, method, &path).await?)
}

/// How the copies of an EEPROM are, and in what they differ.
pub async fn verify(
    connection: &Connection,
    path: &str,
) -> Result<(Vec<CopyState>, Vec<Difference>), CallError> {
    answered(&call::call(connection, &WRITER, writer::VERIFY, &path).await?)
}

/// Keys of EEPROMs of which a write is not settled, and why.
pub async fn pending(connection: &Connection) -> Result<Vec<(String, String)>, CallError> {
    answered(&call::call(connection, &WRITER, writer::PENDING, &()).await?)
}

/// The last writes, the latest at the end.
pub async fn history(connection: &Connection) -> Result<Vec<PastWrite>, CallError> {
    answered(&call::call(connection, &WRITER, writer::HISTORY, &()).await?)
}

fn answered<T: DeserializeOwned + Type>(reply: &Message) -> Result<T, CallError> {
    reply.body().deserialize().map_err(bus)
}

fn written(reply: &Message) -> Result<Written, CallError> {
    let body = reply.body();
    let values: BTreeMap<&str, Plain<'_>> = body.deserialize().map_err(bus)?;
    let number = |name: &str| values.get(name).and_then(|value| value.number()).unwrap_or_default();
    Ok(Written {
        bytes: number(answer::BYTES),
        changed: number(answer::CHANGED),
        shown: values.get(answer::SHOWN).and_then(|value| value.truth()).unwrap_or_default(),
    })
}

fn bus(source: zbus::Error) -> CallError {
    CallError::Bus { destination: manager::BUS_NAME, source }
}

fn unexpected(text: &str) -> CallError {
    bus(zbus::Error::Failure(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_by_the_names_of_its_parts() {
        let call = Message::method_call("/a", "Write").build(&()).unwrap();
        let answer = BTreeMap::from([
            ("bytes", Variant::from(8_u32)),
            ("changed", Variant::from(3_u32)),
            ("later", Variant::from("more")),
            ("shown", Variant::from(true)),
        ]);
        let reply = Message::method_return(&call.header()).build(&answer).unwrap();
        assert_eq!(written(&reply).unwrap(), Written { bytes: 8, changed: 3, shown: true });
        let empty = Message::method_return(&call.header()).build(&BTreeMap::<&str, Variant<'_>>::new());
        assert_eq!(written(&empty.unwrap()).unwrap(), Written::default());
        let other = Message::method_return(&call.header()).build(&"text").unwrap();
        assert!(written(&other).is_err());
    }
}
