//! Descriptions of IPZ images and the bytes they stand for.

use crate::names::{KeywordName, RecordName};
use crate::options::Ecc;

/// An IPZ image to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageDescription {
    /// Size of the image in bytes.
    pub size: usize,
    /// Value of the bytes that nothing claims.
    pub fill: u8,
    /// Whether code areas are computed, or left zero as in old OpenPOWER images.
    pub ecc: Ecc,
    /// The records, in order.
    pub records: Vec<RecordDescription>,
}

/// An image of 8 KiB without records.
impl Default for ImageDescription {
    fn default() -> Self {
        Self { size: 8192, fill: 0, ecc: Ecc::Checked, records: Vec::new() }
    }
}

/// A record to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordDescription {
    /// Its name.
    pub name: RecordName,
    /// Its type in the table of contents: 0x00d5 for VINI, 0x00ff for others in known images.
    pub record_type: u16,
    /// Its keywords in order, without RT and PF, which are made.
    pub keywords: Vec<(KeywordName, Vec<u8>)>,
}
