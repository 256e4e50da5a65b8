//! Archives that several tests need.

use image_builder::{Compression, ImageBuilder, Purpose};
use std::io::Write as _;
use test_random::Numbers;

/// An image of one payload, unsigned.
pub fn archive(compression: Compression, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let builder = ImageBuilder::new(Purpose::Other, "1").compression(compression);
    builder.payload("payload", payload).write(&mut bytes).unwrap();
    bytes
}

/// Bytes that nothing shortens.
pub fn noise(length: usize) -> Vec<u8> {
    Numbers::new(0x5eed_0032).bytes(length)
}

/// One stream of bzip2.
pub fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(1));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One stream of gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
