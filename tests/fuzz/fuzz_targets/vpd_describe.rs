//! What is described and built again holds the same values.
//!
//! Input: one byte, of which the lowest bit asks for right code; the image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vpd_builder::BuildError;
use vpd_format::{Content, Format, ReadOptions, VpdError};

fuzz_target!(|input: &[u8]| {
    let Some((&first, image)) = input.split_first() else { return };
    let mut image = image.to_vec();
    if first & 1 == 1 {
        vivianite_fuzz::seal(&mut image);
    }
    let Ok(text) = vpd_builder::describe(&image) else { return };
    let built = match vpd_builder::build(&text) {
        Ok(built) => built,
        // Records without padding, or packed into each other's gaps, can take more room as we lay them out.
        Err(BuildError::Format(VpdError::DoesNotFit { .. })) => return,
        Err(error) => panic!("{error}\n{text}"),
    };
    let old = vivianite_fuzz::read(&image, &ReadOptions::default()).expect("it was described");
    let new = vivianite_fuzz::read(&built, &ReadOptions::default()).expect("it was built");
    assert_eq!((old.format, old.image_size), (new.format, new.image_size), "{text}");
    assert_eq!(vivianite_fuzz::values(&old), vivianite_fuzz::values(&new), "{text}");
    if let (Content::Memory(old), Content::Memory(new)) = (&old.content, &new.content) {
        assert_eq!((old.kind, old.memory_size_kb), (new.kind, new.memory_size_kb), "{text}");
    }
    if new.format != Format::Ipz {
        assert_eq!(vpd_builder::describe(&built).as_ref(), Ok(&text));
    }
});
