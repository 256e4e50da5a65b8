use crate::{PageChange, Seen};
use core::ops::RangeInclusive;
use std::collections::BTreeMap;
use vpd_format::{ReadAt, Write};

/// Size of a physical page where nothing is known of the chip, bytes: no serial EEPROM that is used for VPD has larger ones.
pub const DEFAULT_PAGE: u32 = 256;
/// What a page may have, bytes: powers of two. Driver pages of one byte say nothing of the chip.
pub const PAGE_SIZES: RangeInclusive<u32> = 8..=4096;

/// The pages that change, in the order in which they are written: those with data ascending, then those that have code only.
///
/// `data` and `code` count from the start of the VPD, which begins at `window` in the device; pages count from the start of
/// the device and are cut at its end. What a page has beside the change was read, or is.
///
/// Errors: the device's, and those that it has for bytes past its end.
pub fn plan_pages<R: ReadAt>(
    seen: &mut Seen<R>,
    window: u64,
    page_size: u32,
    data: &[Write],
    code: &[Write],
) -> Result<Vec<PageChange>, R::Error> {
    let page_size = u64::from(page_size.max(1));
    let mut pages: Vec<PageChange> = Vec::new();
    let mut places: BTreeMap<u64, usize> = BTreeMap::new();
    for group in [data, code] {
        let starts = group.iter().flat_map(|write| {
            let first = write.offset.saturating_add(window);
            let end = first.saturating_add(write.bytes.len() as u64);
            let first = first.saturating_sub(first.checked_rem(page_size).unwrap_or_default());
            core::iter::successors(Some(first), move |start| start.checked_add(page_size))
                .take_while(move |start| *start < end)
        });
        let starts: std::collections::BTreeSet<u64> = starts.collect();
        for start in starts {
            if places.contains_key(&start) {
                continue;
            }
            let end = start.saturating_add(page_size).min(seen.size().max(start));
            let old = seen.fetch(start..end)?;
            places.insert(start, pages.len());
            pages.push(PageChange { offset: start, new: old.clone(), old });
        }
    }
    for write in data.iter().chain(code) {
        let mut at = write.offset.saturating_add(window);
        for byte in &write.bytes {
            let start = at.saturating_sub(at.checked_rem(page_size).unwrap_or_default());
            let page = places.get(&start).and_then(|place| pages.get_mut(*place));
            let place = usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
            match page.and_then(|page| page.new.get_mut(place)) {
                Some(place) => *place = *byte,
                // Past the end: the device says so itself.
                None => drop(seen.fetch(at..at.saturating_add(1))?),
            }
            at = at.saturating_add(1);
        }
    }
    pages.retain(|page| page.old != page.new);
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vpd_format::Bytes;

    fn write(offset: u64, bytes: &[u8]) -> Write {
        Write { offset, bytes: bytes.to_vec() }
    }

    #[test]
    fn writes_become_whole_pages_of_the_device_data_before_code() {
        let chip: Vec<u8> = (0..100).collect();
        let data = [write(30, &[200; 4]), write(2, &[201])];
        let code = [write(6, &[202]), write(60, &[203])];
        let pages = plan_pages(&mut Seen::new(Bytes(&chip)), 10, 16, &data, &code).unwrap();
        let offsets: Vec<_> = pages.iter().map(|page| (page.offset, page.old.len())).collect();
        // 40 to 43 lie in the page at 32, 12 in that at 0; of the code, 16 in that at 16 and 70 in that at 64.
        assert_eq!(offsets, [(0, 16), (32, 16), (16, 16), (64, 16)]);
        let mut written = chip.clone();
        for page in &pages {
            let start = page.offset as usize;
            assert_eq!(chip[start..start + 16], page.old);
            written[start..start + 16].copy_from_slice(&page.new);
        }
        let mut expected = chip.clone();
        expected[40..44].fill(200);
        (expected[12], expected[16], expected[70]) = (201, 202, 203);
        assert_eq!(written, expected);
    }

    #[test]
    fn a_write_across_pages_changes_each_and_the_last_page_ends_with_the_device() {
        let chip = [0_u8; 40];
        let pages = plan_pages(&mut Seen::new(Bytes(&chip)), 0, 16, &[write(14, &[1; 26])], &[]).unwrap();
        let offsets: Vec<_> = pages.iter().map(|page| (page.offset, page.new.len())).collect();
        assert_eq!(offsets, [(0, 16), (16, 16), (32, 8)]);
        assert!(plan_pages(&mut Seen::new(Bytes(&chip)), 0, 16, &[write(14, &[1; 27])], &[]).is_err());
        assert!(plan_pages(&mut Seen::new(Bytes(&chip)), 30, 16, &[write(10, &[1])], &[]).is_err());
    }

    #[test]
    fn what_is_there_already_needs_no_page() {
        let chip = [7_u8; 40];
        let pages =
            plan_pages(&mut Seen::new(Bytes(&chip)), 0, 16, &[write(3, &[7; 20])], &[write(30, &[7])]);
        assert_eq!(pages, Ok(Vec::new()));
    }
}
