//! Compressed archives of which much unpacks to nothing, and those that only look so.

use crate::packing::{archive, bzip2, gzip, noise};
use image_builder::Compression;
use image_check::{ArchiveError, Image, Nowhere, Rejection, Rules, SignaturePolicy};
use image_ingest::{Incoming, ingest};

fn judge(bytes: &[u8]) -> Result<Image, Rejection> {
    let rules = Rules { signature: SignaturePolicy::Off, ..Rules::default() };
    ingest(Incoming { source: bytes, length: None }, &mut Nowhere, &rules, &())
}

/// An xz stream without blocks: header, index, footer.
const EMPTY_XZ: &[u8] = b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4F\0\0\0\0\x1c\xdfD!\x1f\xb6\xf3}\x01\0\0\0\0\x04YZ";

#[test]
fn streams_that_give_nothing_are_not_endlessly_read() {
    let nothing = |stream: &[u8], count: usize, compression| {
        let mut bytes = stream.repeat(count);
        bytes.extend(archive(compression, b"payload"));
        bytes
    };
    let one = bzip2(b"x").repeat(600);
    let (empty, mib) = (gzip(b""), 1024 * 1024);
    for (name, bytes) in [
        ("bzip2", nothing(&bzip2(b""), 300, Compression::Bzip2)),
        ("bzip2, a byte each", [one, archive(Compression::Bzip2, b"")].concat()),
        ("gzip", nothing(&empty, mib / empty.len() + 1, Compression::Gzip)),
        ("xz", nothing(EMPTY_XZ, mib / EMPTY_XZ.len() + 1, Compression::Xz)),
        ("xz, zeros between", [EMPTY_XZ, &vec![0; mib], &archive(Compression::Xz, b"")].concat()),
    ] {
        let taken = judge(&bytes);
        assert!(matches!(taken, Err(Rejection::Archive(ArchiveError::Barren))), "{name}: {taken:?}");
    }
    for (name, bytes) in [
        ("bzip2", nothing(&bzip2(b""), 100, Compression::Bzip2)),
        ("gzip", nothing(&empty, 1000, Compression::Gzip)),
        ("xz", nothing(EMPTY_XZ, 1000, Compression::Xz)),
    ] {
        assert!(judge(&bytes).is_ok(), "{name}");
    }
}

#[test]
fn what_cannot_be_shortened_is_taken_however_it_is_compressed() {
    let noise = noise(1_200_000);
    for compression in [Compression::None, Compression::Gzip, Compression::Xz, Compression::Bzip2] {
        assert!(judge(&archive(compression, &noise)).is_ok(), "{compression:?}");
    }
    let whole = archive(Compression::None, &noise);
    // Smaller parts than any compressor makes that works in parallel.
    let parts =
        |compress: fn(&[u8]) -> Vec<u8>, length| whole.chunks(length).flat_map(compress).collect::<Vec<_>>();
    for (name, bytes) in [("bzip2", parts(bzip2, 4500)), ("gzip", parts(gzip, 4096))] {
        assert!(judge(&bytes).is_ok(), "{name}");
    }
}
