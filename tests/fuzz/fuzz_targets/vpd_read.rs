//! Any bytes can be read, under every policy: nothing panics, no byte is read twice, and every value that is
//! reported as stored lies where it is said to lie.
//!
//! Input: an image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vpd_format::{
    Bytes, Change, Content, Counted, Ecc, Keyword, Outcome, Policy, ReadAt, ReadOptions, Vpd, Wanted, read,
};

fuzz_target!(|image: &[u8]| {
    for policy in [Policy::Strict, Policy::Recover] {
        for ecc in [Ecc::Checked, Ecc::Ignored] {
            let options = ReadOptions { format: None, policy, ecc, wanted: Wanted::All };
            let mut source = Counted::new(Bytes(image));
            let result = read(&mut source, &options);
            assert!(source.bytes() <= source.size(), "{} bytes of {}", source.bytes(), source.size());
            if let Ok(vpd) = result {
                look_at(image, &vpd);
            }
        }
    }
    let _ = vpd_builder::describe(image);
});

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
    let Ok(plan) = vpd_format::keyword::plan_write(image, &wish) else { return };
    assert_eq!((plan.new_image.len(), &*plan.old_value), (image.len(), keyword.data));
    let start = usize::try_from(keyword.offset).unwrap();
    assert_eq!(plan.new_image[start..start + value.len()], value[..]);
    let mut written = image.to_vec();
    for write in &plan.writes {
        let at = usize::try_from(write.offset).unwrap();
        written[at..at + write.bytes.len()].copy_from_slice(&write.bytes);
    }
    assert_eq!(written, plan.new_image, "the writes do not lead to the planned image");
}
