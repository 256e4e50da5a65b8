//! Any text is either refused with an error or gives an image that can be described and built again.
//!
//! Input: a description.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vpd_format::{Bytes, Content, Ecc, Policy, ReadOptions, Wanted, read};

fuzz_target!(|text: &str| {
    let Ok(image) = vpd_builder::build(text) else { return };
    assert!(image.len() <= vpd_builder::LARGEST_IMAGE);
    let Ok(description) = vpd_builder::describe(&image) else { return };
    let again = vpd_builder::build(&description);
    if !is_odd(&image) {
        assert_eq!(again.as_deref().ok(), Some(&*image), "{description}");
    }
});

/// Whether the reader remarks on something that a description cannot repeat, as a record that is there twice.
fn is_odd(image: &[u8]) -> bool {
    let options =
        ReadOptions { format: None, policy: Policy::Recover, ecc: Ecc::Checked, wanted: Wanted::All };
    match read(&mut Bytes(image), &options) {
        Ok(vpd) => matches!(vpd.content, Content::Ipz(image) if !image.remarks.is_empty()),
        Err(_) => true,
    }
}
