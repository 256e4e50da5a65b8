//! Any text is either refused with an error or gives an image that can be described and built again.
//!
//! Input: a description.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(image) = vpd_builder::build(text) else { return };
    assert!(image.len() <= vpd_builder::LARGEST_IMAGE);
    let Ok(description) = vpd_builder::describe(&image) else { return };
    let again = vpd_builder::build(&description);
    assert_eq!(again.as_deref().ok(), Some(&*image), "{description}");
});
