//! Tells the format of an image from its first bytes.

use crate::error::{ReadError, VpdError};
use crate::fetch::Fetched;
use crate::ipz::header;
use crate::memory;
use crate::options::{Ecc, Format};
use crate::source::ReadAt;

/// How much of an image tells its format, bar codes of memory modules excepted: the header of an IPZ image.
pub(crate) const HEAD: usize = header::LENGTH;

/// Tells the format of an image.
///
/// In this order: an IPZ header, if need be after correction; the identifier tag of keyword VPD; the bytes that begin the
/// SPD of a memory module. A module that says it is a DDIMM must bear a bar code.
///
/// Errors: [`ReadError::Device`]; [`VpdError::Blank`] when the first 55 bytes are all 0x00 or all 0xff;
/// [`VpdError::UnsupportedFormat`] and [`VpdError::UnsupportedDramType`] for what is known and not supported;
/// [`VpdError::TooShort`], [`VpdError::NoBarCode`], [`VpdError::NoModule`] for what is nearly a memory module;
/// [`VpdError::UnknownFormat`] otherwise.
pub fn detect<R: ReadAt>(source: &mut R) -> Result<Format, ReadError<R::Error>> {
    detect_in(&mut Fetched::new(source), Ecc::Checked)
}

/// As [`detect`], keeping what is fetched for the parser that follows.
pub(crate) fn detect_in<R: ReadAt>(
    image: &mut Fetched<'_, R>,
    ecc: Ecc,
) -> Result<Format, ReadError<R::Error>> {
    let head = image.fetch(0..HEAD)?;
    check_blank(head)?;
    if header::is_ipz(head, ecc) {
        return Ok(Format::Ipz);
    }
    if head.first() == Some(&crate::keyword::IDENTIFIER_TAG) {
        return Ok(Format::Keyword);
    }
    memory::kind_of(image)?;
    Ok(Format::Memory)
}

/// Refuses an image that was never programmed. One too short to tell is left to its format's own check.
pub(crate) fn check_blank(head: &[u8]) -> Result<(), VpdError> {
    for fill in [0x00, 0xff] {
        if head.len() >= HEAD && head.iter().all(|byte| *byte == fill) {
            return Err(VpdError::Blank { fill });
        }
    }
    Ok(())
}
