//! How much memory a large payload takes.

use image_builder::{ImageBuilder, Purpose};
use peak_alloc::PeakAlloc;
use std::io::{self, Read};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

#[test]
fn a_payload_is_never_in_memory_as_a_whole() {
    const LENGTH: u64 = 150 << 20;
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let builder =
        ImageBuilder::new(Purpose::Host, "v1").payload_from("pnor", LENGTH, io::repeat(7).take(LENGTH));
    let built = builder.write(io::sink()).unwrap();
    assert_eq!(built.members[0].length, LENGTH);
    let used = MEMORY.peak_usage() - before;
    assert!(used < 1 << 20, "{used} bytes");
}
