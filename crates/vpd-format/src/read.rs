//! Reads an image of any format.

use crate::detect::detect_in;
use crate::error::{ReadError, VpdError};
use crate::fetch::Fetched;
use crate::options::{Format, ReadOptions};
use crate::outcome::Outcome;
use crate::source::ReadAt;
use crate::{ipz, keyword, memory};

/// An image that could be read, with what was found in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vpd {
    /// The format, detected or demanded.
    pub format: Format,
    /// The worst outcome of any part that was wanted. Never `Blank`: that is [`VpdError::Blank`].
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

impl Content {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Ipz(image) => image.outcome(),
            Self::Keyword(image) => image.outcome,
            Self::Memory(module) => module.outcome,
        }
    }
}

/// Reads an image: only the bytes that are needed, each of them once.
///
/// Damage in one record or value never stops the others; it is reported beside them. A device error stops
/// everything.
///
/// Errors: [`ReadError::Device`]; [`ReadError::Format`] when nothing of the image is usable, with
/// [`VpdError::Blank`] for one that was never programmed and [`VpdError::WrongFormat`] when the image is in
/// another format than the one demanded.
pub fn read<R: ReadAt>(source: &mut R, options: &ReadOptions<'_>) -> Result<Vpd, ReadError<R::Error>> {
    let mut image = Fetched::new(source);
    let format = match options.format {
        Some(format) => format,
        None => detect_in(&mut image, options.ecc)?,
    };
    let content = read_as(format, &mut image, options).map_err(|error| match options.format {
        Some(expected) => explain(error, expected, &mut image, options),
        None => error,
    })?;
    Ok(Vpd {
        format,
        outcome: content.outcome(),
        image_size: image.size(),
        bytes_read: image.bytes_read(),
        content,
    })
}

fn read_as<R: ReadAt>(
    format: Format,
    image: &mut Fetched<'_, R>,
    options: &ReadOptions<'_>,
) -> Result<Content, ReadError<R::Error>> {
    Ok(match format {
        Format::Ipz => Content::Ipz(ipz::read_image(image, options)?),
        Format::Keyword => Content::Keyword(keyword::read_image(image)?),
        Format::Memory => Content::Memory(memory::read_module(image, options.part_numbers)?),
    })
}

/// Says "wrong format" instead of what the demanded format found wrong, if that is the reason.
fn explain<R: ReadAt>(
    error: ReadError<R::Error>,
    expected: Format,
    image: &mut Fetched<'_, R>,
    options: &ReadOptions<'_>,
) -> ReadError<R::Error> {
    if matches!(error, ReadError::Device { .. }) {
        return error;
    }
    match detect_in(image, options.ecc) {
        Ok(found) if found != expected => VpdError::WrongFormat { expected, found }.into(),
        Err(ReadError::Format(other @ VpdError::UnsupportedFormat { .. })) => other.into(),
        _ => error,
    }
}
