//! Archives that several tests need.

use image_builder::{Compression, ImageBuilder, Purpose};

/// An image of one payload, unsigned.
pub fn archive(compression: Compression, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let builder = ImageBuilder::new(Purpose::Other, "1").compression(compression);
    builder.payload("payload", payload).write(&mut bytes).unwrap();
    bytes
}

/// Bytes that nothing shortens.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}
