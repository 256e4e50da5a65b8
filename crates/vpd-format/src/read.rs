//! Reads an image of any format.

use crate::detect::detect;
use crate::error::{ReadError, VpdError};
use crate::options::{Format, ReadOptions};
use crate::outcome::Outcome;
use crate::source::ReadAt;
use crate::{ipz, keyword, memory};

/// An image that could be read, with what was found in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vpd {
    /// The format, detected or demanded.
    pub format: Format,
    /// The worst outcome of any part that was wanted.
    pub outcome: Outcome,
    /// Size of the source in bytes.
    pub image_size: u64,
    /// Bytes that were fetched from the source.
    pub bytes_read: u64,
    /// What was found.
    pub content: Content,
}

/// Content by format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// Records with keywords.
    Ipz(ipz::Image),
    /// Keywords.
    Keyword(keyword::Image),
    /// A memory module.
    Memory(memory::Module),
}

/// Reads an image.
///
/// Damage in one record never stops the others; a device error stops everything.
///
/// Errors: [`ReadError::Device`]; [`ReadError::Format`] when nothing of the image is usable.
pub fn read<R: ReadAt>(source: &mut R, options: &ReadOptions<'_>) -> Result<Vpd, ReadError<R::Error>> {
    let found = detect(source)?;
    let expected = options.format.unwrap_or(found);
    // Parsers follow in the next commits; until then every image is refused.
    Err(VpdError::WrongFormat { expected, found }.into())
}
