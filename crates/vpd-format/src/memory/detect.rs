//! Tells the kind of a memory module.

use super::dram::{self, DDR4, DDR5};
use super::module::Kind;
use crate::detect::HEAD;
use crate::error::{ReadError, VpdError};
use crate::fetch::Fetched;
use crate::source::ReadAt;

pub(crate) const DRAM_TYPE: usize = 2;
pub(crate) const MODULE_TYPE: usize = 3;
/// Module type of a DDIMM, in the low nibble of its byte.
pub(crate) const DDIMM: u8 = 0x0a;

/// Where a DDIMM's bar code begins.
pub(crate) const BAR_CODE: usize = 416;
/// What a bar code begins with.
pub(crate) const BAR_CODE_START: [u8; 3] = *b"11S";
/// A DDIMM has at least so many bytes: all of its bar code.
const LEAST_DDIMM: u64 = 443;

/// Tells the kind of module.
///
/// A DDIMM has its bar code as proof, an industry standard module the bytes around its DRAM type: they have values that
/// such a module can have. Errors: what else the image is, as far as that is known.
pub(crate) fn kind_of<R: ReadAt>(image: &mut Fetched<'_, R>) -> Result<Kind, ReadError<R::Error>> {
    let head = image.fetch(0..HEAD)?;
    let Some(start @ [_, _, dram_type, module_type]) = head.first_chunk().copied() else {
        return Err(VpdError::TooShort { what: "any format", expected: 4, found: head.len() as u64 }.into());
    };
    if let Some(what) = other_format(head) {
        return Err(VpdError::UnsupportedFormat { what }.into());
    }
    let unknown = unknown(head);
    if module_type & 0x0f == DDIMM {
        let bar_code = bar_code(image)?;
        match dram_type {
            DDR4 => return bar_code.map(|()| Kind::Ddr4Ddimm).map_err(Into::into),
            DDR5 => return bar_code.map(|()| Kind::Ddr5Ddimm).map_err(Into::into),
            found if bar_code.is_ok() => return Err(unsupported(found).into()),
            _ => {}
        }
    }
    match dram_type {
        DDR4 => check_start(start, "DDR4", DDR4_MODULES).map(|()| Kind::Ddr4Isdimm).map_err(Into::into),
        DDR5 => check_start(start, "DDR5", DDR5_MODULES).map(|()| Kind::Ddr5Isdimm).map_err(Into::into),
        found if dram::name(found).is_some() && begins_an_spd(start) => Err(unsupported(found).into()),
        _ => Err(unknown.into()),
    }
}

/// Base module types of DDR4: RDIMM, UDIMM, SO-DIMM, LRDIMM, Mini-RDIMM, Mini-UDIMM, 72-bit SO-RDIMM and SO-UDIMM,
/// 16-bit and 32-bit SO-DIMM. Source: JEDEC 21-C annex L, byte 3.
const DDR4_MODULES: &[u8] = &[1, 2, 3, 4, 5, 6, 8, 9, 12, 13];
/// Base module types of DDR5: RDIMM, UDIMM, SO-DIMM, LRDIMM, CUDIMM, CSO-DIMM, MRDIMM, CAMM2, solder down. Source:
/// JESD400-5, byte 3.
const DDR5_MODULES: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 11];

/// Checks what stands around the DRAM type of an industry standard module.
fn check_start(start: [u8; 4], dram: &'static str, modules: &[u8]) -> Result<(), VpdError> {
    let [size, revision, _, module_type] = start;
    let refuse = |what, offset, found| Err(VpdError::NoModule { dram, what, offset, found });
    if !is_spd_size(size, dram == "DDR4") {
        return refuse("size of the SPD", 0, size);
    }
    if !is_spd_revision(revision) {
        return refuse("revision of the SPD", 1, revision);
    }
    if !modules.contains(&(module_type & 0x0f)) {
        return refuse("module type", 3, module_type);
    }
    Ok(())
}

/// Bits 4 to 6 tell the size: 256 bytes to 2 KiB; until DDR4 bits 0 to 3 how much of it is used: 128 to 512 bytes.
const fn is_spd_size(byte: u8, tells_use: bool) -> bool {
    matches!(byte.wrapping_shr(4) & 0x07, 1..=4) && (!tells_use || matches!(byte & 0x0f, 1..=4))
}

/// Version 0.1 to 1.15.
const fn is_spd_revision(byte: u8) -> bool {
    matches!(byte, 0x01..=0x1f)
}

/// Tells whether an SPD of some other DRAM type begins like this. Up to DDR2 there were 128 bytes of 256 (2 to the 8th).
const fn begins_an_spd(start: [u8; 4]) -> bool {
    let [size, revision, ..] = start;
    is_spd_size(size, false) && is_spd_revision(revision) || size == 0x80 && revision == 0x08
}

/// The name of a format that is known and not supported.
///
/// Sources: IPMI Platform Management FRU Information Storage Definition, common header: version 1, five offsets, a zero, a
/// checksum; ONIE, TlvInfo header.
fn other_format(head: &[u8]) -> Option<&'static str> {
    let start: &[u8; 8] = head.first_chunk()?;
    let sum = start.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    match start {
        b"TlvInfo\0" => Some("ONIE TlvInfo"),
        [1, _, _, _, _, _, 0, _] if sum == 0 => Some("IPMI FRU information"),
        _ => None,
    }
}

const fn unsupported(found: u8) -> VpdError {
    VpdError::UnsupportedDramType { offset: DRAM_TYPE as u32, found }
}

/// Errors: the device's. Inside: there is no bar code, or no room for one.
fn bar_code<R: ReadAt>(image: &mut Fetched<'_, R>) -> Result<Result<(), VpdError>, ReadError<R::Error>> {
    let size = image.size();
    if size < LEAST_DDIMM {
        return Ok(Err(VpdError::TooShort { what: "DDIMM", expected: LEAST_DDIMM, found: size }));
    }
    let start = image.fetch(BAR_CODE..BAR_CODE.saturating_add(BAR_CODE_START.len()))?;
    Ok(match start.first_chunk() {
        Some(&BAR_CODE_START) => Ok(()),
        found => {
            let found = found.copied().unwrap_or_default();
            Err(VpdError::NoBarCode { offset: BAR_CODE as u32, found })
        }
    })
}

fn unknown(head: &[u8]) -> VpdError {
    VpdError::UnknownFormat {
        start: head.first_chunk().copied().unwrap_or_default(),
        tag: head.get(crate::ipz::header::ECC_LENGTH).copied(),
    }
}
