//! The journal's lines: `<checksum> <JSON of the batch>`, one per batch.
//!
//! A line that a power cut tore has a checksum that does not fit and is passed over; as each
//! record starts with a line break of its own, it cannot spoil the next.

use super::Entry;

/// The bytes to append for a batch.
pub fn encode(batch: &[Entry]) -> String {
    // Strings and numbers only: this cannot fail, and an empty text would be refused by `decode`.
    let json = serde_json::to_string(batch).unwrap_or_default();
    format!("\n{:016x} {json}\n", checksum(json.as_bytes()))
}

/// The batches that arrived whole, in order.
pub fn decode(text: &[u8]) -> Vec<Vec<Entry>> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .filter_map(|line| {
            let batch = decode_line(line);
            if batch.is_none() {
                log::warn!("passing over {} bytes of the journal that did not arrive whole", line.len());
            }
            batch
        })
        .collect()
}

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
