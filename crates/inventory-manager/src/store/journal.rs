//! The journal's lines: the JSON of one batch each, in the form of [`durable_state::Sealed`].
//!
//! ```text
//! [{"set":{"path":"/a","interfaces":{"x.Y":{"Property":value, …}, …}}},{"remove":{"path":"/b"}}]
//! ```
//!
//! An object's path stands once, however many interfaces it has, so that a line is no longer than
//! [`crate::limits::GROWTH`] times what it holds.

use super::{Batch, Change, Entry};
use crate::limits::{LINE, READ};
use durable_state::{Disk, Journal, Sealed};
use serde::Deserialize;
use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, Write};

/// Appends a batch.
///
/// Errors: as of [`Journal::append`]; [`io::ErrorKind::FileTooLarge`] for a line that [`replay`] would not read.
pub fn append(journal: &mut Journal, disk: &impl Disk, batch: &Batch<'_>) -> io::Result<()> {
    let line = Sealed::new(|out: &mut dyn Write| write_batch(out, batch))?;
    if line.length() > LINE {
        let error = format!("a line of {} bytes is longer than the {LINE} that are kept", line.length());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, error));
    }
    journal.append(disk, &line)
}

/// Straight from the values: nothing is built in between.
fn write_batch(out: &mut dyn Write, batch: &Batch<'_>) -> io::Result<()> {
    let mut open = String::new();
    let mut before = "[";
    batch(&mut |change| {
        match change {
            Change::Set { path, interface, properties } => {
                if open == path {
                    out.write_all(b",")?;
                } else {
                    close(out, &mut open)?;
                    begin(out, before, "set", path)?;
                    out.write_all(b",\"interfaces\":{")?;
                    open.push_str(path);
                }
                serde_json::to_writer(&mut *out, interface)?;
                out.write_all(b":")?;
                properties.write(out)?;
            }
            Change::Remove { path } => {
                close(out, &mut open)?;
                begin(out, before, "remove", path)?;
                out.write_all(b"}}")?;
            }
        }
        before = ",";
        Ok(())
    })?;
    close(out, &mut open)?;
    out.write_all(b"]")
}

fn begin(out: &mut dyn Write, before: &str, kind: &str, path: &str) -> io::Result<()> {
    write!(out, "{before}{{\"{kind}\":{{\"path\":")?;
    Ok(serde_json::to_writer(out, path)?)
}

/// Ends an object whose interfaces were written, if there is one.
fn close(out: &mut dyn Write, open: &mut String) -> io::Result<()> {
    if open.is_empty() {
        return Ok(());
    }
    open.clear();
    out.write_all(b"}}}")
}

/// One element of a line.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Element {
    Set { path: String, interfaces: BTreeMap<String, Map<String, Json>> },
    Remove { path: String },
}

/// Goes through all batches that arrived whole, one change at a time.
///
/// Holds one line and one object of it; a line longer than any that we write is passed over without holding it. Errors: of
/// reading, or of `take`, which ends it.
pub fn replay(reader: &mut impl BufRead, take: &mut dyn FnMut(Entry) -> io::Result<()>) -> io::Result<()> {
    while let Some(line) = durable_state::next_line(reader, READ)? {
        let mut elements = Elements { take, failed: None };
        let read = serde_json::Deserializer::from_str(&line).deserialize_seq(&mut elements);
        if let Some(error) = elements.failed {
            return Err(error);
        }
        if let Err(error) = read {
            log::warn!("passing over a line of the journal that is no batch: {error}");
        }
    }
    Ok(())
}

struct Elements<'t> {
    take: &'t mut dyn FnMut(Entry) -> io::Result<()>,
    failed: Option<io::Error>,
}

impl<'de> Visitor<'de> for &mut Elements<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("changes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            let taken = match element {
                Element::Remove { path } => (self.take)(Entry::Remove { path }),
                Element::Set { path, interfaces } => {
                    interfaces.into_iter().try_for_each(|(interface, properties)| {
                        (self.take)(Entry::Set { path: path.clone(), interface, properties })
                    })
                }
            };
            if let Err(error) = taken {
                self.failed = Some(error);
                return Err(serde::de::Error::custom("it was read no further"));
            }
        }
        Ok(())
    }
}
