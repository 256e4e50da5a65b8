use crate::behind::Behind;
use crate::meter::Meter;
use bzip2::bufread::BzDecoder;
use image_check::ArchiveError;
use std::io::{self, BufRead, Read};

/// Streams that may follow the first whatever they give.
const FREE: u64 = 256;
/// What each further one must have given on average, bytes. Compressors that work in parallel put 100 kB and more into one.
const LEAST: u64 = 4096;

/// bzip2 streams, one after another.
///
/// A decoder for each is costly beside the 14 bytes that an empty stream has: so they are counted.
pub(crate) struct Streams<'a, R> {
    stream: Option<BzDecoder<R>>,
    meter: &'a Meter,
    behind: Behind<'a>,
    further: u64,
    given: u64,
}

impl<'a, R: BufRead> Streams<'a, R> {
    pub(crate) fn new(source: R, meter: &'a Meter) -> Self {
        Self { stream: Some(BzDecoder::new(source)), meter, behind: Behind::new(meter), further: 0, given: 0 }
    }

    /// Begins the stream that follows. False where none does.
    fn goes_on(&mut self) -> io::Result<bool> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        if !self.behind.is_stream(stream.get_mut())? {
            return Ok(false);
        }
        self.further = self.further.saturating_add(1);
        if self.further > FREE.saturating_add(self.given / LEAST) {
            return Err(self.meter.stopped(ArchiveError::Barren));
        }
        self.stream = self.stream.take().map(|ended| BzDecoder::new(ended.into_inner()));
        Ok(true)
    }
}

impl<R: BufRead> Read for Streams<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(stream) = &mut self.stream else { return Ok(0) };
            let count = stream.read(buffer)?;
            if count > 0 {
                self.given = self.given.saturating_add(count as u64);
                return Ok(count);
            }
            if !self.goes_on()? {
                return Ok(0);
            }
        }
    }
}
