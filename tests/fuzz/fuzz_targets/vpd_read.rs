//! Any bytes can be read, in every way: nothing panics, no byte is read twice, no more is held than the image and a
//! constant, and every value that is reported as stored lies where it is said to lie.
//!
//! Input: an image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use vpd_format::{Bytes, Change, Content, Ecc, Keyword, Outcome, ReadOptions, Vpd, detect};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What `vpd_format` states.
const BOOKKEEPING: usize = 128 << 10;

/// Formats, policies, uses of the code, and records wanted.
const WAYS: u8 = 32;

fuzz_target!(|image: &[u8]| {
    for way in 0..WAYS {
        let options = vivianite_fuzz::options(way);
        bounded(image, &options);
        let Ok(vpd) = vivianite_fuzz::read(image, &options) else { continue };
        look_at(image, &vpd);
        if options.format.is_none() && options.ecc == Ecc::Checked {
            assert_eq!(detect(&mut Bytes(image)).ok(), Some(vpd.format));
        }
    }
    let _ = vpd_builder::describe(image);
});

/// Reads without watch, since watching takes memory of its own.
fn bounded(image: &[u8], options: &ReadOptions<'_>) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = vpd_format::read(&mut Bytes(image), options);
    let held = ALLOCATOR.peak_usage().saturating_sub(before);
    assert!(held <= image.len() + BOOKKEEPING, "{held} bytes for an image of {}", image.len());
    drop(result);
}

fn look_at(image: &[u8], vpd: &Vpd) {
    match &vpd.content {
        Content::Ipz(content) => {
            for record in &content.records {
                // A corrected record is not what the image holds.
                let as_stored = matches!(record.outcome, Outcome::Ok | Outcome::Unchecked);
                record.keywords().filter(|_| as_stored).for_each(|keyword| is_stored(image, &keyword));
            }
        }
        Content::Keyword(content) => {
            for keyword in content.keywords() {
                is_stored(image, &keyword);
                change(image, &keyword);
            }
        }
        Content::Memory(module) => assert!(module.keywords().count() < 256),
    }
}

fn is_stored(image: &[u8], keyword: &Keyword<'_>) {
    let start = usize::try_from(keyword.offset).unwrap();
    assert_eq!(image.get(start..start + keyword.data.len()), Some(keyword.data), "{}", keyword.name);
}

/// A planned change gives an image that holds the new value and is as long as before.
fn change(image: &[u8], keyword: &Keyword<'_>) {
    let value = vec![0x5a; keyword.data.len()];
    let wish = Change { keyword: keyword.name, value: &value, pad: None };
    let Ok(plan) = vpd_format::keyword::plan_writes(image, &[wish]) else { return };
    assert_eq!((plan.new_image.len(), &*plan.old_values.concat()), (image.len(), keyword.data));
    let start = usize::try_from(keyword.offset).unwrap();
    assert_eq!(plan.new_image[start..start + value.len()], value[..]);
    let mut written = image.to_vec();
    for write in &plan.writes {
        let at = usize::try_from(write.offset).unwrap();
        written[at..at + write.bytes.len()].copy_from_slice(&write.bytes);
    }
    assert_eq!(written, plan.new_image, "the writes do not lead to the planned image");
}
