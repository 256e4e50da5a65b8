//! Keyword VPD, with its checksums put right so that they are no wall.
//!
//! Input: the image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vpd_format::{Content, Format, ReadOptions, VpdError};

fuzz_target!(|input: &[u8]| {
    let mut image = input.to_vec();
    let options = ReadOptions { format: Some(Format::Keyword), ..ReadOptions::default() };
    for _ in 0..3 {
        match vivianite_fuzz::read(&image, &options) {
            Err(VpdError::ChecksumMismatch { offset, expected, .. }) => {
                image[offset as usize] = expected as u8
            }
            Err(_) => return,
            Ok(vpd) => {
                let Content::Keyword(content) = &vpd.content else { panic!("keyword VPD was demanded") };
                assert!(content.identifier().len() < image.len());
                let names: std::collections::BTreeSet<_> =
                    content.keywords().map(|keyword| keyword.name).collect();
                assert_eq!(names.len(), content.keywords().count());
                return;
            }
        }
    }
});
