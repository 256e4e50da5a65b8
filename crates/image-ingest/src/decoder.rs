//! The compressions of an archive, told by its first bytes.

use crate::gzip::Gzip;
use crate::meter::Meter;
use crate::streams::Streams;
use image_check::ArchiveError;
use image_check::{Limits, Rejection};
use lzma_rust2::XzReader;
use std::io::{self, BufReader, Chain, Cursor, Read};

/// Longest of the signatures below, bytes.
const LONGEST: usize = 6;
/// Where a tar header has its mark, and what follows it.
const TAR_MARK: std::ops::Range<usize> = 257..262;
/// What is read ahead of a decoder, bytes.
const READ_AHEAD: usize = 16 * 1024;

/// The first bytes, then the rest.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// A reader of the unpacked stream.
pub(crate) enum Decoder<'a, R: Read> {
    Plain(Whole<R>),
    Gzip(Box<Gzip<'a, BufReader<Whole<R>>>>),
    Xz(Box<XzReader<BufReader<Whole<R>>>>),
    Bzip2(Box<Streams<'a, BufReader<Whole<R>>>>),
}

/// The memory that an xz decoder may take, KiB: its dictionary, and the 104 KiB that it adds itself.
fn dictionary_kib(limits: &Limits) -> u32 {
    u32::try_from(limits.dictionary.div_ceil(1024).saturating_add(104)).unwrap_or(u32::MAX)
}

impl<'a, R: Read> Decoder<'a, R> {
    /// Looks at the first bytes and chooses.
    ///
    /// Errors: what `meter` makes of those of the reader; [`ArchiveError::UnknownFormat`] and the like.
    pub(crate) fn choose(mut source: R, limits: &Limits, meter: &'a Meter) -> Result<Self, Rejection> {
        let mut head = Vec::with_capacity(TAR_MARK.end);
        let begin = source.by_ref().take(TAR_MARK.end as u64).read_to_end(&mut head);
        begin.map_err(|error| meter.explain(error))?;
        if head.len() < LONGEST {
            return Err(Rejection::Truncated);
        }
        let is_tar = head.get(TAR_MARK).is_some_and(|mark| mark == b"ustar");
        let format = Format::of(&head);
        let is_short = head.len() < TAR_MARK.end;
        let whole = Cursor::new(head).chain(source);
        let ahead = |whole| BufReader::with_capacity(READ_AHEAD, whole);
        Ok(match format {
            Format::Gzip => Self::Gzip(Box::new(Gzip::new(ahead(whole), meter))),
            Format::Xz => {
                Self::Xz(Box::new(XzReader::new_mem_limit(ahead(whole), true, dictionary_kib(limits))))
            }
            Format::Bzip2 => Self::Bzip2(Box::new(Streams::new(ahead(whole), meter))),
            Format::Refused(name) => return Err(ArchiveError::Compression { name }.into()),
            Format::Other if is_tar => Self::Plain(whole),
            Format::Other if is_short => return Err(Rejection::Truncated),
            Format::Other => return Err(ArchiveError::UnknownFormat.into()),
        })
    }
}

impl<R: Read> Read for Decoder<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(buffer),
            Self::Gzip(reader) => reader.read(buffer),
            Self::Xz(reader) => reader.read(buffer),
            Self::Bzip2(reader) => reader.read(buffer),
        }
    }
}

/// What the first bytes are of.
enum Format {
    Gzip,
    Xz,
    Bzip2,
    Refused(&'static str),
    Other,
}

impl Format {
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0x1f, 0x9d, ..] => Self::Refused("compress"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Refused("zstd"),
            [b'P', b'K', 3, 4, ..] => Self::Refused("zip"),
            _ => Self::Other,
        }
    }
}
