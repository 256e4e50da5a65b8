//! What may follow the last compressed stream.

use crate::packing::archive;
use image_builder::Compression;
use image_check::{ArchiveError, Image, Nowhere, Rejection, Rules, SignaturePolicy};
use image_ingest::{Incoming, ingest};

const LONGEST: usize = 64 * 1024;
const BY_STREAMS: [Compression; 2] = [Compression::Gzip, Compression::Bzip2];

fn judge(parts: &[&[u8]]) -> Result<Image, Rejection> {
    let rules = Rules { signature: SignaturePolicy::Off, ..Rules::default() };
    ingest(Incoming { source: &*parts.concat(), length: None }, &mut Nowhere, &rules, &())
}

#[test]
fn zeros_behind_the_last_stream_are_passed_over() {
    for compression in BY_STREAMS {
        let whole = archive(compression, b"payload");
        for zeros in [1, 3, 511, 16 * 1024, LONGEST] {
            let taken = judge(&[&whole, &vec![0; zeros]]);
            assert!(taken.is_ok(), "{compression:?} {zeros}: {taken:?}");
        }
    }
    let taken = judge(&[&archive(Compression::Xz, b"payload"), &[0; 512]]);
    assert!(taken.is_ok(), "{taken:?}");
}

#[test]
fn nothing_but_a_few_zeros_may_follow_the_last_stream() {
    for compression in BY_STREAMS {
        let whole = archive(compression, b"payload");
        let zeros = vec![0; LONGEST + 1];
        for (name, behind) in [
            ("many zeros", vec![&*zeros]),
            ("zeros and a byte", vec![&zeros[..512], b"x"]),
            ("zeros and a byte far away", vec![&zeros[..40_000], b"x"]),
            ("zeros and a stream", vec![&zeros[..512], &whole]),
            ("zeros and a stream far away", vec![&zeros[..40_000], &whole]),
        ] {
            let taken = judge(&[&[&*whole], &*behind].concat());
            let is_trailing = matches!(taken, Err(Rejection::Archive(ArchiveError::Trailing)));
            assert!(is_trailing, "{compression:?} {name}: {taken:?}");
        }
        let taken = judge(&[&whole, &[b'x'; 512]]);
        let is_damaged = matches!(taken, Err(Rejection::Archive(ArchiveError::Damaged { .. })));
        assert!(is_damaged, "{compression:?}: {taken:?}");
    }
}

#[test]
fn an_archive_that_is_cut_into_streams_is_one() {
    let whole = archive(Compression::None, &[7; 10_000]);
    for compress in [crate::packing::gzip, crate::packing::bzip2] {
        let parts: Vec<u8> = whole.chunks(999).flat_map(compress).collect();
        let taken = judge(&[&parts, &[0; 100]]);
        assert!(taken.is_ok(), "{taken:?}");
        let torn = judge(&[&parts[..parts.len() - 3]]);
        assert!(matches!(torn, Err(Rejection::Truncated)), "{torn:?}");
    }
}
