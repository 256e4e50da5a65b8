//! Tables of contents and records with right code say nothing that is believed too far.
//!
//! Input: one byte of options, of which the lowest bit asks for right code; the image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vpd_format::{Content, Format, Outcome, ReadOptions};

fuzz_target!(|input: &[u8]| {
    let Some((&first, image)) = input.split_first() else { return };
    let mut image = image.to_vec();
    if first & 1 == 1 {
        vivianite_fuzz::seal(&mut image);
    }
    let options = ReadOptions { format: Some(Format::Ipz), ..vivianite_fuzz::options(first) };
    let Ok(vpd) = vivianite_fuzz::read(&image, &options) else { return };
    let Content::Ipz(content) = &vpd.content else { panic!("{:?} was demanded", options.format) };
    let areas = [&content.header, &content.toc].map(|area| area.outcome);
    let worst = content.records.iter().map(|record| record.outcome).chain(areas).max();
    assert_eq!(Some(vpd.outcome), worst);
    let bytes: usize = content.records.iter().map(|record| record.bytes().len()).sum();
    assert!(bytes <= image.len(), "no two records share a byte");
    let names: std::collections::BTreeSet<_> = content.records.iter().map(|record| record.name()).collect();
    assert_eq!(names.len(), content.records.len());
    assert!(content.records.iter().all(|record| record.outcome != Outcome::Blank));
});
