//! GPIO lines by their names, through the GPIO character device.
//!
//! Source: `include/uapi/linux/gpio.h` of Linux, version 2 of the interface; by way of gpiocdev.

use gpiocdev::line::Value;
use gpiocdev::{FoundLine, Request};

/// Lines by their names.
pub trait Lines {
    /// Whether a line is high.
    ///
    /// Errors: [`LineError`].
    fn read(&self, name: &str) -> Result<bool, LineError>;

    /// Drives a line high or low. It stays so when nobody holds it any more, as far as its chip remembers.
    ///
    /// Errors: [`LineError`].
    fn drive(&self, name: &str, is_high: bool) -> Result<(), LineError>;
}

/// Why a line could not be read or driven.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// No chip has a line of this name.
    #[error("there is no line {name}")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The line is held by another program, or its chip fails.
    #[error("line {name} cannot be used")]
    Failed {
        /// The name.
        name: String,
        /// Why not.
        #[source]
        source: gpiocdev::Error,
    },
}

/// The lines of this machine.
#[derive(Debug, Clone, Copy)]
pub struct CharacterDevices;

/// What `gpioinfo` shows as the user of a line.
const CONSUMER: &str = "vivianite";

impl Lines for CharacterDevices {
    fn read(&self, name: &str) -> Result<bool, LineError> {
        let line = find(name)?;
        let request = builder(&line).as_input().request().map_err(|source| failed(name, source))?;
        let value = request.value(line.info.offset).map_err(|source| failed(name, source))?;
        Ok(value == Value::Active)
    }

    fn drive(&self, name: &str, is_high: bool) -> Result<(), LineError> {
        let line = find(name)?;
        let value = if is_high { Value::Active } else { Value::Inactive };
        builder(&line).as_output(value).request().map(drop).map_err(|source| failed(name, source))
    }
}

fn find(name: &str) -> Result<FoundLine, LineError> {
    gpiocdev::find_named_line(name).ok_or_else(|| LineError::Unknown { name: name.to_owned() })
}

fn builder(line: &FoundLine) -> gpiocdev::request::Builder {
    let mut builder = Request::builder();
    builder.with_found_line(line).with_consumer(CONSUMER);
    builder
}

fn failed(name: &str, source: gpiocdev::Error) -> LineError {
    LineError::Failed { name: name.to_owned(), source }
}
