//! Where bytes come from: random access to one EEPROM.

use core::fmt;

/// Random access to the bytes of one EEPROM, after the configured offset window.
pub trait ReadAt {
    /// What can go wrong on the way to the device.
    type Error: fmt::Debug + fmt::Display;

    /// Size of the VPD in bytes; fixed for the life of the source.
    fn size(&self) -> u64;

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// Errors: whatever the device says, and a range that passes [`ReadAt::size`]. The reader never asks for
    /// such a range.
    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Self::Error>;
}

impl<R: ReadAt + ?Sized> ReadAt for &mut R {
    type Error = R::Error;

    fn size(&self) -> u64 {
        (**self).size()
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Self::Error> {
        (**self).read_exact_at(offset, buffer)
    }
}

/// An image that is in memory already.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

/// A read passes the end of an image in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{length} bytes at offset {offset} pass the end of {size} bytes")]
pub struct OutOfBytes {
    /// Where the read began.
    pub offset: u64,
    /// How much was asked for, in bytes.
    pub length: usize,
    /// How much there is, in bytes.
    pub size: u64,
}

impl ReadAt for Bytes<'_> {
    type Error = OutOfBytes;

    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), OutOfBytes> {
        let out = OutOfBytes { offset, length: buffer.len(), size: self.size() };
        let start = usize::try_from(offset).map_err(|_| out)?;
        let end = start.checked_add(buffer.len()).ok_or(out)?;
        buffer.copy_from_slice(self.0.get(start..end).ok_or(out)?);
        Ok(())
    }
}

/// A source that counts what passes through it.
#[derive(Clone, Debug)]
pub struct Counted<R> {
    inner: R,
    bytes: u64,
    reads: u64,
}

impl<R> Counted<R> {
    /// Starts counting at zero.
    pub const fn new(inner: R) -> Self {
        Self { inner, bytes: 0, reads: 0 }
    }

    /// Bytes of all successful reads.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number of reads, failed ones included.
    pub const fn reads(&self) -> u64 {
        self.reads
    }

    /// Gives the counted source back.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: ReadAt> ReadAt for Counted<R> {
    type Error = R::Error;

    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), R::Error> {
        self.reads = self.reads.saturating_add(1);
        self.inner.read_exact_at(offset, buffer)?;
        self.bytes = self.bytes.saturating_add(buffer.len() as u64);
        Ok(())
    }
}

/// The part of a device that holds the VPD.
///
/// Units and range: bytes. A window that passes the end of the device is cut there.
#[derive(Clone, Debug)]
pub struct Window<R> {
    inner: R,
    offset: u64,
    size: u64,
    shortfall: Option<Shortfall>,
}

/// A [`Window`] of which the device has only a part, or nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shortfall {
    /// Where the window begins, in bytes from the start of the device.
    pub offset: u64,
    /// Its size in bytes, if one was asked for.
    pub wanted: Option<u64>,
    /// Size of the device in bytes.
    pub device: u64,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, wanted, device } = self;
        match wanted {
            _ if offset >= device => {
                write!(
                    formatter,
                    "the window begins at offset {offset}, past the end of a device of {device} bytes"
                )
            }
            Some(wanted) => write!(
                formatter,
                "the window of {wanted} bytes at offset {offset} goes past the end of a device of {device} bytes"
            ),
            None => write!(formatter, "the window begins at offset {offset} of a device of {device} bytes"),
        }
    }
}

/// A read through a [`Window`] failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WindowError<E> {
    /// The read leaves the window.
    #[error("{length} bytes at offset {offset} leave a window of {size} bytes")]
    Outside {
        /// Where the read began, inside the window.
        offset: u64,
        /// How much was asked for, in bytes.
        length: usize,
        /// Size of the window in bytes.
        size: u64,
    },
    /// The device failed.
    #[error(transparent)]
    Device(E),
}

impl<R: ReadAt> Window<R> {
    /// Shows `size` bytes from `offset` on, or everything from there when `size` is `None`.
    pub fn new(inner: R, offset: u64, size: Option<u64>) -> Self {
        let device = inner.size();
        let available = device.saturating_sub(offset);
        let is_short = size.map_or(offset > 0 && available == 0, |size| size > available);
        let shortfall = is_short.then_some(Shortfall { offset, wanted: size, device });
        Self { inner, offset, size: size.map_or(available, |size| size.min(available)), shortfall }
    }

    /// What of the window the device lacks, to be told with an error: an image that is too short for its format may not be
    /// the image that was meant.
    pub fn shortfall(&self) -> Option<Shortfall> {
        self.shortfall
    }

    /// Gives the whole source back.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: ReadAt> ReadAt for Window<R> {
    type Error = WindowError<R::Error>;

    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Self::Error> {
        let outside = || WindowError::Outside { offset, length: buffer.len(), size: self.size };
        let end = offset.checked_add(buffer.len() as u64).ok_or_else(outside)?;
        if end > self.size {
            return Err(outside());
        }
        let start = self.offset.checked_add(offset).ok_or_else(outside)?;
        self.inner.read_exact_at(start, buffer).map_err(WindowError::Device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_the_device_has_not_says_where_it_begins() {
        let bytes = [0; 100];
        for (offset, size, expected) in [
            (0, None, None),
            (30, None, None),
            (30, Some(70), None),
            (100, None, Some("the window begins at offset 100, past the end of a device of 100 bytes")),
            (200, Some(10), Some("the window begins at offset 200, past the end of a device of 100 bytes")),
            (
                30,
                Some(71),
                Some("the window of 71 bytes at offset 30 goes past the end of a device of 100 bytes"),
            ),
        ] {
            let shortfall = Window::new(Bytes(&bytes), offset, size).shortfall();
            assert_eq!(shortfall.map(|one| one.to_string()).as_deref(), expected, "{offset} {size:?}");
        }
        assert_eq!(Window::new(Bytes(&[]), 0, None).shortfall(), None);
    }

    #[test]
    fn a_window_shows_only_its_part() {
        let bytes: Vec<u8> = (0..100).collect();
        let mut window = Window::new(Bytes(&bytes), 30, Some(10));
        let mut buffer = [0; 4];
        window.read_exact_at(6, &mut buffer).unwrap();
        assert_eq!(buffer, [36, 37, 38, 39]);
        assert_eq!(
            window.read_exact_at(7, &mut buffer),
            Err(WindowError::Outside { offset: 7, length: 4, size: 10 })
        );
        assert!(window.read_exact_at(u64::MAX, &mut buffer).is_err());
    }

    #[test]
    fn a_window_ends_with_the_device() {
        let bytes = [0; 100];
        for (offset, size, expected) in
            [(0, None, 100), (90, Some(20), 10), (200, Some(5), 0), (200, None, 0), (100, None, 0)]
        {
            assert_eq!(Window::new(Bytes(&bytes), offset, size).size(), expected, "{offset} {size:?}");
        }
    }

    #[test]
    fn counting_includes_failed_reads_but_not_their_bytes() {
        let mut counted = Counted::new(Bytes(&[1, 2, 3]));
        counted.read_exact_at(1, &mut [0; 2]).unwrap();
        counted.read_exact_at(2, &mut [0; 2]).unwrap_err();
        assert_eq!((counted.bytes(), counted.reads()), (2, 2));
    }
}
