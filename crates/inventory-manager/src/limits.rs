//! What the inventory holds at most, and how that is counted: everything that bounds a call, its line in the journal and the
//! files, in one place.
//!
//! The size is counted by a formula that is never less than what `GetManagedObjects` carries:
//! an object is 56 bytes, its path below the inventory's root, and its interfaces as [`inventory_schema::counted`] says.

use std::fmt;

pub use inventory_schema::counted::{GROWTH, PER_INTERFACE, PER_PROPERTY};

/// Largest inventory, bytes as counted. The largest machine that is known has 1.5 MiB; the bus carries 32 MiB at most, and
/// its readers hold a reply several times.
pub const INVENTORY: usize = 8 * 1024 * 1024;
/// Largest object, bytes as counted: no VPD format points beyond 128 KiB of an EEPROM, so that all of one as keywords is an
/// eighth of it.
pub const OBJECT: usize = 1024 * 1024;
/// Most objects: ten times those of a large machine.
pub const OBJECTS: usize = 4_096;
/// Most properties, where an interface counts as eight at least: 400 parts that have 280 each, which the twelve largest
/// interfaces of the shipped schema come to; the largest machine that is known has 240 parts.
pub const PROPERTIES: usize = 131_072;
/// So many properties an interface counts as at least. Each is a file, which costs more than what is in it: there are 16,384 at
/// most, where 400 parts have 5,000.
pub const LEAST_PROPERTIES: usize = 8;
/// Largest body of a call, bytes: all that the inventory may hold at once.
pub const BODY: usize = INVENTORY;

/// Longest line that is written to the journal: the whole inventory in one call.
pub const LINE: u64 = durable_state::sealed_length(GROWTH * INVENTORY as u64);
/// Longest line of the journal, and longest file of an interface, that is read. What is longer was not written by us: an
/// earlier version may have had other bounds, and what it has acknowledged is hosted.
pub const READ: u64 = 4 * LINE;

/// Counted for each object, beside its path.
pub const PER_OBJECT: usize = 56;

/// How much there is of what is bounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes as counted.
    pub bytes: usize,
    /// Objects.
    pub objects: usize,
    /// Properties; an interface counts as [`LEAST_PROPERTIES`] at least.
    pub properties: usize,
}

/// What is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// [`INVENTORY`]
    Inventory,
    /// [`OBJECT`]
    Object,
    /// [`OBJECTS`]
    Objects,
    /// [`PROPERTIES`]
    Properties,
}

/// A call that would take the inventory beyond a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{bound} are the limit, and the call would make it {would_be}")]
pub struct Exceeded {
    bound: Bound,
    would_be: usize,
}

impl Bound {
    /// The most that there may be of it.
    pub const fn limit(self) -> usize {
        match self {
            Self::Inventory => INVENTORY,
            Self::Object => OBJECT,
            Self::Objects => OBJECTS,
            Self::Properties => PROPERTIES,
        }
    }

    /// Whether it may become so much, when it was so much before: what an earlier version has let in may shrink.
    ///
    /// Errors: it is more than the bound, and more than before.
    pub fn check(self, before: usize, after: usize) -> Result<(), Exceeded> {
        if after > self.limit() && after > before {
            return Err(Exceeded { bound: self, would_be: after });
        }
        Ok(())
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Inventory => "bytes of inventory",
            Self::Object => "bytes of one object",
            Self::Objects => "objects",
            Self::Properties => "properties",
        };
        write!(formatter, "{} {what}", self.limit())
    }
}

impl Totals {
    /// Whether the inventory may become this, when it was `before`. Errors: the first bound that it breaks.
    pub fn check(self, before: Self) -> Result<(), Exceeded> {
        Bound::Objects.check(before.objects, self.objects)?;
        Bound::Properties.check(before.properties, self.properties)?;
        Bound::Inventory.check(before.bytes, self.bytes)
    }
}
