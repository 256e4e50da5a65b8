//! Types of DRAM, as byte 2 of an SPD tells them.

use core::fmt;

pub(crate) const DDR4: u8 = 0x0c;
pub(crate) const DDR5: u8 = 0x12;

/// Source: JEDEC 21-C, 4.1.2, key byte 2.
const NAMES: [(u8, &str); 20] = [
    (0x01, "fast page mode DRAM"),
    (0x02, "EDO DRAM"),
    (0x03, "pipelined nibble DRAM"),
    (0x04, "SDR SDRAM"),
    (0x05, "ROM"),
    (0x06, "DDR SGRAM"),
    (0x07, "DDR"),
    (0x08, "DDR2"),
    (0x09, "DDR2 FB-DIMM"),
    (0x0a, "DDR2 FB-DIMM probe"),
    (0x0b, "DDR3"),
    (DDR4, "DDR4"),
    (0x0e, "DDR4E"),
    (0x0f, "LPDDR3"),
    (0x10, "LPDDR4"),
    (0x11, "LPDDR4X"),
    (DDR5, "DDR5"),
    (0x13, "LPDDR5"),
    (0x14, "DDR5 NVDIMM-P"),
    (0x15, "LPDDR5X"),
];

/// The name of a type; `None` for one that is not defined.
pub(crate) fn name(dram_type: u8) -> Option<&'static str> {
    NAMES.iter().find(|(byte, _)| *byte == dram_type).map(|(_, name)| *name)
}

/// The name of a type behind a blank, in brackets; nothing for one without.
pub(crate) struct InBrackets(pub(crate) u8);

impl fmt::Display for InBrackets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        name(self.0).map_or(Ok(()), |name| write!(formatter, " ({name})"))
    }
}
