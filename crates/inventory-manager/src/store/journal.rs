//! The journal's lines: the JSON of one batch each, in the form of [`durable_state::encode_line`].

use super::Entry;
use std::io::{self, BufRead};

/// The bytes to append for a batch.
pub fn encode(batch: &[Entry]) -> String {
    // Strings and numbers only: this cannot fail, and an empty text would be refused by `next`.
    durable_state::encode_line(&serde_json::to_string(batch).unwrap_or_default())
}

/// The next batch that arrived whole; `None` at the end.
///
/// Holds one line at a time; a line longer than any that we write is passed over without holding it.
pub fn next(reader: &mut impl BufRead) -> io::Result<Option<Vec<Entry>>> {
    while let Some(line) = durable_state::next_line(reader, LINE_LIMIT)? {
        match serde_json::from_str(&line) {
            Ok(batch) => return Ok(Some(batch)),
            Err(error) => log::warn!("passing over a line of the journal that is no batch: {error}"),
        }
    }
    Ok(None)
}

/// Longest line that a call of the largest size makes: its bytes as hex, and its names.
const LINE_LIMIT: u64 = 4 * crate::requests::BODY_LIMIT as u64;
