//! A journal of any text, and chips of any bytes, cannot make recovery panic or write past what the journal says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vpd_transaction::{ChipEnd, Journal, Machine, Step, recover};

/// Chips that are all alike, and a disk.
struct Memory {
    chips: Vec<Vec<u8>>,
    journal: Journal,
}

impl Machine for Memory {
    type Error = &'static str;

    fn perform(&mut self, step: Step<'_>) -> Result<(), &'static str> {
        if let Step::Write { chip, offset, bytes } = step {
            let range = offset..offset + bytes.len() as u64;
            let page = self.journal.chips[chip].pages.iter().find(|page| page.range().contains(&offset));
            assert!(range.end <= page.expect("only pages of the journal are written").range().end);
            let start = usize::try_from(offset).unwrap();
            self.chips[chip].get_mut(start..start + bytes.len()).ok_or("past the end")?.copy_from_slice(bytes);
        }
        Ok(())
    }

    fn read(&mut self, chip: usize, offset: u64, buffer: &mut [u8]) -> Result<(), &'static str> {
        let start = usize::try_from(offset).map_err(|_| "far away")?;
        let end = start.checked_add(buffer.len()).ok_or("far away")?;
        buffer.copy_from_slice(self.chips[chip].get(start..end).ok_or("past the end")?);
        Ok(())
    }

    fn size(&self, chip: usize) -> Option<u64> {
        self.chips.get(chip).map(|cells| cells.len() as u64)
    }
}

fuzz_target!(|data: (&str, Vec<u8>)| {
    let (text, cells) = data;
    let Ok(mut journal) = Journal::parse(text.lines()) else { return };
    let lines = journal.to_text();
    assert_eq!(Journal::parse(lines.iter().map(String::as_str)).as_ref(), Ok(&journal));
    let chips = vec![cells.clone(); journal.chips.len()];
    let mut memory = Memory { chips, journal: journal.clone() };
    let ends = recover(&mut journal, &mut memory);
    assert_eq!(ends.len(), journal.chips.len());
    for (end, chip) in ends.iter().zip(&memory.chips) {
        if matches!(end, ChipEnd::Other(_)) {
            assert_eq!(*chip, cells, "another part was written to");
        }
    }
});
