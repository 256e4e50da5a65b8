//! Counts what passes, and stops what passes a limit.
//!
//! The readers of other crates stand between, and make of an error what they like; so a stop is noted here, and whoever
//! sees an error asks here first what it was.

use image_check::{ArchiveError, Attendance, LimitError, Limits, Rejection};
use image_format::Excerpt;
use std::cell::{Cell, RefCell};
use std::io::{self, Read};

/// Output that is allowed whatever its ratio to the input, bytes.
const RATIO_FREE: u64 = 1024 * 1024;

/// Input that may give nothing, bytes. No decoder needs more before it gives something than one of bzip2, whose longest block
/// is 900 kB, and what was read ahead.
const BARREN: u64 = 1024 * 1024;
/// The part of its output by which input may be longer, as a divisor: what no compressor can shorten becomes longer by a
/// hundredth at most.
const OVERHEAD: u64 = 32;

/// What passed so far.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    read: Cell<u64>,
    source_ended: Cell<bool>,
    unpacked: Cell<u64>,
    stream_ended: Cell<bool>,
    stop: RefCell<Option<Rejection>>,
}

impl Meter {
    /// Whether the unpacked stream was read to its end.
    pub(crate) fn stream_ended(&self) -> bool {
        self.stream_ended.get()
    }

    /// What an error of a reader really was.
    pub(crate) fn explain(&self, error: io::Error) -> Rejection {
        if let Some(stop) = self.stop.borrow_mut().take() {
            return stop;
        }
        if error.kind() == io::ErrorKind::OutOfMemory {
            return LimitError::Dictionary.into();
        }
        // Whoever asked for more than there was has not seen the end of the archive: it may be still on its way.
        if self.source_ended.get() { Rejection::Truncated } else { corrupt(&error) }
    }

    /// Notes why the next error is one, and makes one to be returned.
    pub(crate) fn stopped(&self, stop: impl Into<Rejection>) -> io::Error {
        self.stop.replace(Some(stop.into()));
        io::Error::other("stopped")
    }

    /// Whether all that was unpacked is in proportion to all that was read.
    pub(crate) fn check_ratio(&self, limits: &Limits) -> Result<(), LimitError> {
        self.check_ratio_to(self.read.get(), limits.ratio)
    }

    fn check_ratio_to(&self, archive: u64, limit: u64) -> Result<(), LimitError> {
        let unpacked = self.unpacked.get();
        let is_kept = unpacked <= RATIO_FREE || unpacked <= archive.saturating_mul(limit);
        if is_kept { Ok(()) } else { Err(LimitError::Ratio { limit }) }
    }
}

fn corrupt(error: &io::Error) -> Rejection {
    // Readers repeat what they read, which must not reach a log or a terminal as it is.
    let text = error.to_string();
    // What tar adds is the member's name, as yet unread.
    let text = text.split(" when getting ").next().unwrap_or_default();
    ArchiveError::Damaged { reason: Excerpt::of(text).to_string() }.into()
}

/// The archive's bytes, counted.
pub(crate) struct Source<'a, R, A> {
    inner: R,
    meter: &'a Meter,
    attendance: &'a A,
    limit: u64,
}

impl<'a, R, A> Source<'a, R, A> {
    pub(crate) fn new(inner: R, meter: &'a Meter, attendance: &'a A, limit: u64) -> Self {
        Self { inner, meter, attendance, limit }
    }
}

impl<R: Read, A: Attendance> Read for Source<'_, R, A> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.meter.read.get();
        if !self.attendance.goes_on(read) {
            return Err(self.meter.stopped(Rejection::Interrupted));
        }
        let count = match self.inner.read(buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => return Err(self.meter.stopped(Rejection::Source(error))),
        };
        self.meter.source_ended.set(count == 0 && !buffer.is_empty());
        let read = read.saturating_add(count as u64);
        self.meter.read.set(read);
        if read > self.limit {
            return Err(self.meter.stopped(LimitError::Archive { limit: self.limit }));
        }
        let unpacked = self.meter.unpacked.get();
        if read > unpacked.saturating_add(unpacked / OVERHEAD).saturating_add(BARREN) {
            return Err(self.meter.stopped(ArchiveError::Barren));
        }
        Ok(count)
    }
}

/// The unpacked stream, counted.
///
/// The ratio is that of the whole: erased flash ahead of a payload unpacks to thousands of times what was read of it so
/// far. So a stream is stopped by what can still become of the archive, and [`Meter::check_ratio`] follows at its end.
pub(crate) struct Stream<'a, D> {
    inner: D,
    meter: &'a Meter,
    /// How long the archive is, or at most.
    length: u64,
    ratio: u64,
}

impl<'a, D> Stream<'a, D> {
    pub(crate) fn new(inner: D, meter: &'a Meter, length: Option<u64>, limits: &Limits) -> Self {
        Self { inner, meter, length: length.unwrap_or(limits.archive), ratio: limits.ratio }
    }
}

impl<D: Read> Read for Stream<'_, D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.meter.stream_ended.set(count == 0 && !buffer.is_empty());
        self.meter.unpacked.set(self.meter.unpacked.get().saturating_add(count as u64));
        // A file may have grown since.
        let length = self.length.max(self.meter.read.get());
        self.meter.check_ratio_to(length, self.ratio).map_err(|error| self.meter.stopped(error))?;
        Ok(count)
    }
}
