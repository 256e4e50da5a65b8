//! The checksums of memory modules.

use core::ops::Range;

use super::module::Kind;
use crate::outcome::{Checksum, Outcome};

/// Where a checksum is and what it covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) offset: usize,
}

/// Over the base configuration: DRAM type, density, width.
const BASE: Place = Place { name: "CRC of the base configuration", start: 0, end: 126, offset: 126 };
/// Over what a DDR4 module has according to its type.
const DDR4_TYPE: Place =
    Place { name: "CRC of the module type's configuration", start: 128, end: 254, offset: 254 };
/// Over the module's own part and the bar code.
const MODULE: Place = Place { name: "CRC of module and bar code", start: 192, end: 446, offset: 446 };
/// Over the manufacturer's part of a DDR5 DDIMM.
const MANUFACTURER: Place =
    Place { name: "CRC of the manufacturer's bytes", start: 512, end: 638, offset: 638 };
/// Over all that JEDEC defines for a DDR5 module, apart from the manufacturer's part.
const DDR5_BASE: Place = Place { name: "CRC of the configuration", start: 0, end: 510, offset: 510 };

/// The checksums of a kind of module.
///
/// The manufacturer's bytes of a DDR4 DDIMM and of industry standard modules have none.
pub(crate) const fn places(kind: Kind) -> &'static [Place] {
    match kind {
        Kind::Ddr4Ddimm => &[BASE, MODULE],
        Kind::Ddr5Ddimm => &[BASE, MODULE, MANUFACTURER],
        Kind::Ddr4Isdimm => &[BASE, DDR4_TYPE],
        Kind::Ddr5Isdimm => &[DDR5_BASE],
    }
}

impl Place {
    /// Everything from the first covered byte to the end of the stored value.
    pub(crate) const fn extent(&self) -> Range<usize> {
        self.start..self.offset.saturating_add(2)
    }

    /// Compares stored and computed value; `None` if the image ends before.
    pub(crate) fn check(&self, image: &[u8]) -> Option<Checksum> {
        let covered = image.get(self.start..self.end)?;
        let stored = u16::from_le_bytes(*image.get(self.offset..)?.first_chunk()?);
        let computed = crc16(covered);
        // Zero is what stands where none is stored; of zeros it would be the right value, and prove nothing.
        let outcome = match stored {
            0 => Outcome::Unchecked,
            _ if stored == computed => Outcome::Ok,
            _ => Outcome::Bad,
        };
        let range = self.start as u32..self.end as u32;
        Some(Checksum { name: self.name, range, offset: self.offset as u32, stored, computed, outcome })
    }
}

/// CRC-16 with polynomial 0x1021, most significant bit first, beginning with zero, nothing inverted.
pub(crate) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| step(step(crc, byte.wrapping_shr(4)), byte & 0x0f))
}

/// Four bits at a time, with a table that fits one cache line.
fn step(crc: u16, nibble: u8) -> u16 {
    let index = usize::from(crc.wrapping_shr(12) as u8 ^ nibble);
    crc.wrapping_shl(4) ^ REMAINDERS.get(index).copied().unwrap_or_default()
}

static REMAINDERS: [u16; 16] = remainders();

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "computed by the compiler")]
const fn remainders() -> [u16; 16] {
    let mut table = [0; 16];
    let mut index = 0;
    while index < 16 {
        let mut value = (index as u16) << 12;
        let mut bit = 0;
        while bit < 4 {
            value = if value & 0x8000 != 0 { (value << 1) ^ 0x1021 } else { value << 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_known_as_xmodem() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(&[]), 0);
    }
}
