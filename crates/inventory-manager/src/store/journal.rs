//! The journal's lines: `<checksum> <JSON of the batch>`, one per batch.
//!
//! A line that a power cut tore has a checksum that does not fit and is passed over; as each
//! record starts with a line break of its own, it cannot spoil the next.

use super::Entry;
use std::io::{self, BufRead, Read as _};

/// The bytes to append for a batch.
pub fn encode(batch: &[Entry]) -> String {
    // Strings and numbers only: this cannot fail, and an empty text would be refused by `decode`.
    let json = serde_json::to_string(batch).unwrap_or_default();
    format!("\n{:016x} {json}\n", checksum(json.as_bytes()))
}

/// The next batch that arrived whole; `None` at the end.
///
/// Holds one line at a time; a line longer than any that we write is passed over without holding it.
pub fn next(reader: &mut impl BufRead) -> io::Result<Option<Vec<Entry>>> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        if line.is_empty() {
            continue;
        }
        match decode_line(line) {
            Some(batch) => return Ok(Some(batch)),
            None => log::warn!("passing over {} bytes of the journal that did not arrive whole", line.len()),
        }
    }
}

/// Longest line that a call of the largest size makes: its bytes as hex, and its names.
const LINE_LIMIT: u64 = 4 * crate::requests::BODY_LIMIT as u64;

fn decode_line(line: &[u8]) -> Option<Vec<Entry>> {
    let (sum, json) = line.split_at_checked(17)?;
    let sum = sum.strip_suffix(b" ").and_then(|sum| std::str::from_utf8(sum).ok())?;
    let sum = u64::from_str_radix(sum, 16).ok()?;
    if sum != checksum(json) {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// FNV-1a, 64 bits: against torn writes, not against malice.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
