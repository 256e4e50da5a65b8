//! Descriptions of memory modules and the bytes they stand for.

use super::checksum::{crc16, places};
use super::detect::{BAR_CODE, BAR_CODE_START, DDIMM, DRAM_TYPE, MODULE_TYPE};
use super::dram::{DDR4, DDR5};
use super::module::Kind;
use crate::error::VpdError;
use crate::options::Ecc;

/// A memory module to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModuleDescription {
    /// Kind of module; gives the DRAM type, the module type and start of the bar code of a DDIMM, and size, revision and
    /// module type (RDIMM) of an industry standard module.
    pub kind: Kind,
    /// Size of the image in bytes.
    pub size: usize,
    /// Value of the bytes that nothing claims.
    pub fill: u8,
    /// Whether checksums are computed, or left zero.
    pub checksums: Ecc,
    /// Bytes by offset; they are placed after what the kind gives, and before the checksums.
    pub bytes: Vec<(u16, Vec<u8>)>,
}

impl ModuleDescription {
    /// Makes the image.
    ///
    /// Errors: [`VpdError::DoesNotFit`] when bytes or checksums pass the end of the image.
    pub fn encode(&self) -> Result<Vec<u8>, VpdError> {
        let mut image = vec![self.fill; self.size];
        let ddr5 = matches!(self.kind, Kind::Ddr5Ddimm | Kind::Ddr5Isdimm);
        put(&mut image, DRAM_TYPE, &[if ddr5 { DDR5 } else { DDR4 }])?;
        if matches!(self.kind, Kind::Ddr4Ddimm | Kind::Ddr5Ddimm) {
            put(&mut image, MODULE_TYPE, &[DDIMM])?;
            put(&mut image, BAR_CODE, &BAR_CODE_START)?;
        } else {
            put(&mut image, 0, if ddr5 { &[0x30, 0x10] } else { &[0x23, 0x11] })?;
            put(&mut image, MODULE_TYPE, &[0x01])?;
        }
        for (offset, bytes) in &self.bytes {
            put(&mut image, usize::from(*offset), bytes)?;
        }
        for place in places(self.kind) {
            let crc = match self.checksums {
                Ecc::Checked => crc16(image.get(place.start..place.end).unwrap_or_default()),
                Ecc::Ignored => 0,
            };
            put(&mut image, place.offset, &crc.to_le_bytes())?;
        }
        Ok(image)
    }
}

fn put(image: &mut [u8], offset: usize, bytes: &[u8]) -> Result<(), VpdError> {
    let end = offset.saturating_add(bytes.len());
    let limit = image.len() as u64;
    let place = image.get_mut(offset..end);
    let place = place.ok_or(VpdError::DoesNotFit { what: "the memory module", limit, found: end as u64 })?;
    place.copy_from_slice(bytes);
    Ok(())
}
