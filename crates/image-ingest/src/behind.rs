use crate::archive::PADDING;
use crate::meter::Meter;
use image_check::ArchiveError;
use std::io::{self, BufRead};

/// What follows a stream: another, or zeros to the end.
///
/// The compressors' own tools pass over such zeros, which tapes and `dd conv=sync` fill the last block with.
pub(crate) struct Behind<'a> {
    meter: &'a Meter,
    /// How many there were.
    zeros: usize,
}

impl<'a> Behind<'a> {
    pub(crate) fn new(meter: &'a Meter) -> Self {
        Self { meter, zeros: 0 }
    }

    /// Whether another stream begins here. False at the end.
    pub(crate) fn is_stream(&mut self, source: &mut impl BufRead) -> io::Result<bool> {
        loop {
            let ahead = source.fill_buf()?;
            let Some(first) = ahead.first() else { return Ok(false) };
            if self.zeros == 0 && *first != 0 {
                return Ok(true);
            }
            let length = ahead.len();
            self.zeros = self.zeros.saturating_add(length);
            if self.zeros > PADDING || ahead.iter().any(|byte| *byte != 0) {
                return Err(self.meter.stopped(ArchiveError::Trailing));
            }
            source.consume(length);
        }
    }
}
