use crate::behind::Behind;
use crate::meter::Meter;
use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, Read};

/// gzip streams, one after another. One decoder does for all of them, so that they need not be counted.
pub(crate) struct Gzip<'a, R> {
    decoder: GzDecoder<Place<R>>,
    behind: Behind<'a>,
}

impl<'a, R: BufRead> Gzip<'a, R> {
    pub(crate) fn new(source: R, meter: &'a Meter) -> Self {
        Self { decoder: GzDecoder::new(Place(Some(source))), behind: Behind::new(meter) }
    }
}

impl<R: BufRead> Read for Gzip<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let count = self.decoder.read(buffer)?;
            if count > 0 || !self.behind.is_stream(self.decoder.get_mut())? {
                return Ok(count);
            }
            // A decoder is reset only together with what it reads.
            let source = self.decoder.reset(Place(None));
            *self.decoder.get_mut() = source;
        }
    }
}

/// Where a source is, unless it is just being taken out.
struct Place<R>(Option<R>);

impl<R: BufRead> Read for Place<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.as_mut().map_or(Ok(0), |source| source.read(buffer))
    }
}

impl<R: BufRead> BufRead for Place<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.as_mut().map_or(Ok(&[]), BufRead::fill_buf)
    }

    fn consume(&mut self, amount: usize) {
        if let Some(source) = &mut self.0 {
            source.consume(amount);
        }
    }
}
