//! Tells the kind of a memory module.

use super::module::Kind;
use crate::detect::HEAD;
use crate::error::{ReadError, VpdError};
use crate::fetch::Fetched;
use crate::source::ReadAt;

pub(crate) const DRAM_TYPE: usize = 2;
pub(crate) const MODULE_TYPE: usize = 3;
pub(crate) const DDR4: u8 = 0x0c;
pub(crate) const DDR5: u8 = 0x12;
/// Module type of a DDIMM, in the low nibble of its byte.
pub(crate) const DDIMM: u8 = 0x0a;

/// Where a DDIMM's bar code begins.
pub(crate) const BAR_CODE: usize = 416;
/// What a bar code begins with.
pub(crate) const BAR_CODE_START: [u8; 3] = *b"11S";
/// A DDIMM has at least so many bytes: all of its bar code.
const LEAST_DDIMM: u64 = 443;

/// Tells the kind of module, with the bar code of a DDIMM as proof.
pub(crate) fn kind_of<R: ReadAt>(image: &mut Fetched<'_, R>) -> Result<Kind, ReadError<R::Error>> {
    let head = image.fetch(0..HEAD)?;
    let (Some(dram_type), Some(module_type)) = (head.get(DRAM_TYPE).copied(), head.get(MODULE_TYPE).copied())
    else {
        return Err(VpdError::TooShort { what: "any format", expected: 4, found: head.len() as u64 }.into());
    };
    if module_type & 0x0f == DDIMM {
        check_bar_code(image)?;
        return match dram_type {
            DDR4 => Ok(Kind::Ddr4Ddimm),
            DDR5 => Ok(Kind::Ddr5Ddimm),
            found => Err(VpdError::UnknownDramType { offset: DRAM_TYPE as u32, found }.into()),
        };
    }
    match dram_type {
        DDR4 => Ok(Kind::Ddr4Isdimm),
        DDR5 => Ok(Kind::Ddr5Isdimm),
        _ => Err(unknown(head).into()),
    }
}

fn check_bar_code<R: ReadAt>(image: &mut Fetched<'_, R>) -> Result<(), ReadError<R::Error>> {
    let size = image.size();
    if size < LEAST_DDIMM {
        return Err(VpdError::TooShort { what: "DDIMM", expected: LEAST_DDIMM, found: size }.into());
    }
    let start = image.fetch(BAR_CODE..BAR_CODE.saturating_add(BAR_CODE_START.len()))?;
    match start.first_chunk() {
        Some(&BAR_CODE_START) => Ok(()),
        found => {
            let found = found.copied().unwrap_or_default();
            Err(VpdError::NoBarCode { offset: BAR_CODE as u32, found }.into())
        }
    }
}

fn unknown(head: &[u8]) -> VpdError {
    VpdError::UnknownFormat {
        start: head.first_chunk().copied().unwrap_or_default(),
        tag: head.get(crate::ipz::header::ECC_LENGTH).copied(),
    }
}
