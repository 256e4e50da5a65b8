use std::io::{self, Write};

/// What an archive is compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Nothing.
    #[default]
    None,
    /// gzip.
    #[cfg(feature = "compress")]
    Gzip,
    /// xz, with a dictionary of 8 MiB, which a reader needs as memory.
    #[cfg(feature = "compress")]
    Xz,
    /// bzip2.
    #[cfg(feature = "compress")]
    Bzip2,
}

/// A writer that compresses.
pub enum Encoder<W: Write> {
    None(W),
    #[cfg(feature = "compress")]
    Gzip(flate2::write::GzEncoder<W>),
    #[cfg(feature = "compress")]
    Xz(Box<lzma_rust2::XzWriter<W>>),
    #[cfg(feature = "compress")]
    Bzip2(bzip2::write::BzEncoder<W>),
}

impl<W: Write> Encoder<W> {
    pub fn new(compression: Compression, out: W) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::None(out),
            #[cfg(feature = "compress")]
            Compression::Gzip => Self::Gzip(flate2::write::GzEncoder::new(out, flate2::Compression::best())),
            #[cfg(feature = "compress")]
            Compression::Xz => {
                let mut options = lzma_rust2::XzOptions::with_preset(6);
                // The one check that small decoders are sure to know.
                options.set_check_sum_type(lzma_rust2::CheckType::Crc32);
                Self::Xz(Box::new(lzma_rust2::XzWriter::new(out, options)?))
            }
            #[cfg(feature = "compress")]
            Compression::Bzip2 => Self::Bzip2(bzip2::write::BzEncoder::new(out, bzip2::Compression::best())),
        })
    }

    /// Writes what is held back, and the end.
    pub fn finish(self) -> io::Result<()> {
        let mut out = match self {
            Self::None(out) => out,
            #[cfg(feature = "compress")]
            Self::Gzip(encoder) => encoder.finish()?,
            #[cfg(feature = "compress")]
            Self::Xz(encoder) => encoder.finish()?,
            #[cfg(feature = "compress")]
            Self::Bzip2(encoder) => encoder.finish()?,
        };
        out.flush()
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::None(out) => out.write(bytes),
            #[cfg(feature = "compress")]
            Self::Gzip(encoder) => encoder.write(bytes),
            #[cfg(feature = "compress")]
            Self::Xz(encoder) => encoder.write(bytes),
            #[cfg(feature = "compress")]
            Self::Bzip2(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::None(out) => out.flush(),
            #[cfg(feature = "compress")]
            Self::Gzip(encoder) => encoder.flush(),
            #[cfg(feature = "compress")]
            Self::Xz(encoder) => encoder.flush(),
            #[cfg(feature = "compress")]
            Self::Bzip2(encoder) => encoder.flush(),
        }
    }
}
