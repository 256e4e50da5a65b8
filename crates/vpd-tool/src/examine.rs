//! Reads an image, as little of it as possible.

use std::ffi::OsStr;

use anyhow::Context as _;
use device_io::Eeprom;
use vpd_format::{Counted, Format, ReadAt, ReadError, ReadOptions, Shortfall, Vpd, VpdError, Wanted, Window};

use crate::arguments::Reading;
use crate::exit::{Exit, Failure};

/// An image and what could be made of it.
#[derive(Debug)]
pub(crate) struct Examined {
    /// The name it was given by.
    pub(crate) name: String,
    /// Size of the image in bytes.
    pub(crate) image_size: u64,
    /// Bytes that were read.
    pub(crate) bytes_read: u64,
    /// The format, if it could be told.
    pub(crate) format: Option<Format>,
    /// What of the wanted window the image lacks.
    pub(crate) shortfall: Option<Shortfall>,
    /// The content, or why none is usable.
    pub(crate) content: Result<Vpd, VpdError>,
}

impl Examined {
    /// Why nothing of it is usable, and what of the wanted window it lacks.
    pub(crate) fn explain(&self, error: &VpdError) -> String {
        match self.shortfall {
            Some(shortfall) => format!("{error}: {shortfall}"),
            None => error.to_string(),
        }
    }
}

/// Reads an image. The writer of an EEPROM is kept out meanwhile.
pub(crate) fn examine(file: &OsStr, reading: &Reading, wanted: Wanted<'_>) -> Result<Examined, Failure> {
    let name = file.to_string_lossy().into_owned();
    let unreadable = |cause: anyhow::Error| Failure::new(Exit::NoInput, cause);
    let path = device_io::locate(file).file.with_context(|| format!("{name} names no file"));
    let eeprom = Eeprom::open(&path.map_err(unreadable)?).map_err(|error| unreadable(error.into()))?;
    let window = Window::new(eeprom, reading.offset, reading.size);
    let shortfall = window.shortfall();
    let mut source = Counted::new(window);
    let options = ReadOptions {
        format: reading.format,
        policy: reading.policy(),
        ecc: reading.ecc(),
        wanted,
        part_numbers: reading.part_numbers(),
    };
    let content = match vpd_format::read(&mut source, &options) {
        Ok(vpd) => Ok(vpd),
        Err(ReadError::Format(error)) => Err(error),
        Err(error) => {
            return Err(unreadable(anyhow::Error::new(error).context(format!("cannot read {name}"))));
        }
    };
    let bytes_read = source.bytes();
    let format = match &content {
        Ok(vpd) => Some(vpd.format),
        Err(VpdError::WrongFormat { found, .. }) => Some(*found),
        Err(_) => vpd_format::detect(&mut source).ok(),
    };
    Ok(Examined { name, image_size: source.size(), bytes_read, format, shortfall, content })
}
