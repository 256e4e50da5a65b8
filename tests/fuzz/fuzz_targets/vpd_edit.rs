//! A planned write changes the one value it is about, and leaves an image that is good.
//!
//! Input: number of the keyword, pad byte (none if 255), length of the value, the value, the image.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vpd_format::{Change, Content, Outcome, Part, ReadOptions, VpdError, Write, ipz, keyword};

fuzz_target!(|input: &[u8]| {
    let [index, pad, length, rest @ ..] = input else { return };
    let Some((value, image)) = rest.split_at_checked(usize::from(*length)) else { return };
    let mut image = image.to_vec();
    vivianite_fuzz::seal(&mut image);
    let Ok(vpd) = vivianite_fuzz::read(&image, &ReadOptions::default()) else { return };
    let pad = (*pad != 255).then_some(*pad);
    let mut wanted = vivianite_fuzz::values(&vpd);
    let index = usize::from(*index);
    let Some((record, name, old)) = wanted.get(index).cloned() else { return };
    let name = {
        let find = |mut all: Box<dyn Iterator<Item = vpd_format::Keyword<'_>> + '_>| {
            all.find(|keyword| keyword.name.to_string() == name).map(|keyword| keyword.name)
        };
        match &vpd.content {
            Content::Ipz(content) => record
                .and_then(|record| content.record(record))
                .and_then(|record| find(Box::new(record.keywords()))),
            Content::Keyword(content) => find(Box::new(content.keywords())),
            Content::Memory(_) => None,
        }
    };
    let Some(name) = name else { return };
    let change = Change { keyword: name, value, pad };
    let planned = match &vpd.content {
        Content::Ipz(content) => {
            let entry = content.record(record.unwrap()).unwrap().entry;
            let stored = ipz::Stored {
                entry,
                data: &image[entry.range(Part::Data)],
                ecc: &image[entry.range(Part::Ecc)],
            };
            ipz::plan_writes(&stored, &[change]).map(|plan| (plan.old_values.concat(), [plan.data, plan.ecc].concat()))
        }
        Content::Keyword(_) => keyword::plan_writes(&image, &[change]).map(|plan| (plan.old_values.concat(), plan.writes)),
        Content::Memory(_) => return,
    };
    match planned {
        Ok((stored, writes)) => {
            assert_eq!(stored, old);
            apply(&mut image, &writes);
            wanted[index].2 = [value, &vec![pad.unwrap_or(0); old.len() - value.len()]].concat();
        }
        Err(error) => {
            let refused = matches!(
                error,
                VpdError::ValueLength { .. }
                    | VpdError::ProtectedKeyword { .. }
                    | VpdError::ProtectedRecord { .. }
                    | VpdError::OddLength { .. }
            );
            assert!(refused, "{error}");
            return;
        }
    }
    let again = vivianite_fuzz::read(&image, &ReadOptions::default()).expect("what was written can be read");
    let found = vivianite_fuzz::values(&again);
    // The checksum in RV follows what it covers.
    let differs = wanted.iter().zip(&found).find(|(wanted, found)| wanted != found && wanted.1 != "RV");
    assert_eq!((differs, wanted.len()), (None, found.len()));
    if let (Content::Ipz(content), Some(record)) = (&again.content, record) {
        assert_eq!(content.record(record).unwrap().outcome, Outcome::Ok);
    }
});

fn apply(image: &mut [u8], writes: &[Write]) {
    for write in writes {
        let start = write.offset as usize;
        image[start..start + write.bytes.len()].copy_from_slice(&write.bytes);
    }
}
