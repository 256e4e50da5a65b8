//! Tables of contents that lie, under right code.

use vpd_format::ipz::{ImageDescription, RecordDescription, TocEntry};
use vpd_format::{Content, Outcome, Part, ReadOptions, RecordName, VpdError, read};

use crate::watched::Watched;

const SIZE: usize = 0x1_0000;

/// Changes the entries of a good image and seals its table of contents again.
fn lying(count: u16, change: impl Fn(u16, TocEntry, TocEntry) -> TocEntry) -> Vec<u8> {
    let records = (0..count).map(record).collect();
    let mut image = ImageDescription { size: SIZE, records, ..ImageDescription::default() }.encode().unwrap();
    let toc = TocEntry::parse(image[29..43].try_into().unwrap());
    let mut at = usize::from(toc.offset) + 10;
    for index in 0..count {
        if index % 18 == 0 {
            at += 3;
        }
        let entry = TocEntry::parse(image[at..at + 14].try_into().unwrap());
        image[at..at + 14].copy_from_slice(&change(index, entry, toc).encode());
        at += 14;
    }
    let mut code = vec![0; usize::from(toc.ecc_length)];
    vpd_ecc::create(&image[toc.range(Part::Data)], &mut code).unwrap();
    image[toc.range(Part::Ecc)].copy_from_slice(&code);
    image
}

fn record(index: u16) -> RecordDescription {
    let [high, low] = index.to_be_bytes();
    let name = RecordName([b'R', b'0', high, low]);
    RecordDescription { name, record_type: 0xff, keywords: Vec::new(), minimum_length: 0 }
}

/// Outcomes and reasons of all records, read under watch.
fn outcomes(image: &[u8]) -> Vec<(Outcome, Option<VpdError>)> {
    let mut source = Watched::new(image);
    let vpd = read(&mut source, &ReadOptions::default()).unwrap();
    assert_eq!(source.complaint(3 + 2 * 512), None);
    assert!(vpd.bytes_read <= vpd.image_size);
    let Content::Ipz(content) = vpd.content else { panic!("no IPZ") };
    content.records.into_iter().map(|record| (record.outcome, record.reason)).collect()
}

#[test]
fn entries_that_lie_are_refused_one_by_one_and_cost_no_more_than_the_image() {
    type Change = fn(u16, TocEntry, TocEntry) -> TocEntry;
    type Reason = fn(&VpdError) -> bool;
    let cases: [(&str, Change, Reason); 7] = [
        (
            "everything twice",
            |index, entry, _| TocEntry { offset: 9000 + index, length: 40_000, ecc_length: 10_000, ..entry },
            |reason| matches!(reason, VpdError::Overlap { .. }),
        ),
        (
            "past the end",
            |_, entry, _| TocEntry { offset: 0xfff1, ..entry },
            |reason| matches!(reason, VpdError::OutOfImage { part: Part::Data, .. }),
        ),
        (
            "code past the end",
            |_, entry, _| TocEntry { ecc_offset: 0xffff, ..entry },
            |reason| matches!(reason, VpdError::OutOfImage { part: Part::Ecc, .. }),
        ),
        (
            "the table itself",
            |_, entry, toc| TocEntry { name: entry.name, record_type: entry.record_type, ..toc },
            |reason| matches!(reason, VpdError::Overlap { .. }),
        ),
        (
            "the header",
            |_, entry, _| TocEntry { offset: 11, length: 44, ecc_offset: 1, ecc_length: 11, ..entry },
            |reason| matches!(reason, VpdError::Overlap { .. }),
        ),
        (
            "its own code",
            |_, entry, _| TocEntry { ecc_offset: entry.offset, ..entry },
            |reason| matches!(reason, VpdError::Overlap { .. }),
        ),
        (
            "nothing",
            |_, entry, _| TocEntry { length: 0, ecc_length: 0, ..entry },
            |reason| matches!(reason, VpdError::EmptyArea { .. }),
        ),
    ];
    for (what, change, is_reason) in cases {
        for count in [1, 18, 19, 512] {
            let outcomes = outcomes(&lying(count, change));
            assert_eq!(outcomes.len(), usize::from(count), "{what}");
            for (outcome, reason) in outcomes {
                let is_first = reason.is_none() || matches!(reason, Some(VpdError::Uncorrectable { .. }));
                let fits = reason.as_ref().is_some_and(is_reason);
                // The first to claim an area may have it, and then finds no right code in it.
                assert!(fits || is_first && what == "everything twice", "{what}: {outcome} {reason:?}");
            }
        }
    }
}

#[test]
fn one_liar_does_not_harm_the_others() {
    let image =
        lying(40, |index, entry, toc| if index == 7 { TocEntry { name: entry.name, ..toc } } else { entry });
    let outcomes = outcomes(&image);
    assert!(matches!(outcomes[7], (Outcome::Bad, Some(VpdError::Overlap { .. }))));
    assert_eq!(outcomes.iter().filter(|(outcome, _)| *outcome == Outcome::Ok).count(), 39);
}
