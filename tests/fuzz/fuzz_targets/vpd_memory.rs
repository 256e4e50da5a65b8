//! Memory modules as they are, and with their checksums put right.
//!
//! Input: the image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vpd_format::{Content, Format, Outcome, ReadOptions, VpdError};

fuzz_target!(|input: &[u8]| {
    let mut image = input.to_vec();
    let options = ReadOptions { format: Some(Format::Memory), ..ReadOptions::default() };
    for right in [false, true] {
        let Ok(vpd) = vivianite_fuzz::read(&image, &options) else { return };
        let Content::Memory(module) = &vpd.content else { panic!("a memory module was demanded") };
        for checksum in &module.checksums {
            // A checksum of zero counts as none, right or not.
            let expected = if checksum.stored == 0 { Outcome::Unchecked } else { Outcome::Ok };
            assert!(!right || checksum.outcome == expected);
            let at = checksum.offset as usize;
            image[at..at + 2].copy_from_slice(&checksum.computed.to_le_bytes());
        }
        let mismatch = |problem: &VpdError| matches!(problem, VpdError::ChecksumMismatch { .. });
        assert!(!right || !module.problems.iter().any(mismatch));
    }
});
