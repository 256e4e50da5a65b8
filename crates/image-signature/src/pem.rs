//! The first block of a PEM text.

use crate::{KeyError, LONGEST_KEY_TEXT};
use rsa::pkcs8::der::pem::Decoder;
use rsa::pkcs8::der::zeroize::Zeroizing;

/// What a block says it is, and what it holds.
pub struct Block {
    pub label: String,
    /// May be a private key.
    pub content: Zeroizing<Vec<u8>>,
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// Longest label that is repeated in an error, characters.
const LONGEST_LABEL: usize = 64;

/// Reads the first block; what is before and after it does not count.
///
/// That is how OpenSSL reads keys. A label may be passed over (`skip`): `openssl ecparam` puts parameters first.
///
/// NUL bytes are refused, for a reader in C stops at the first and would see another text.
pub fn first_block(text: &[u8], skip: &str) -> Result<Block, KeyError> {
    if text.len() > LONGEST_KEY_TEXT {
        return Err(KeyError::TooLong { found: text.len() });
    }
    if text.is_empty() {
        return Err(not_pem("it is empty"));
    }
    if text.contains(&0) {
        return Err(not_pem("it has NUL bytes"));
    }
    let mut rest = text;
    loop {
        let cut = Cut::from(rest)?;
        if cut.label != skip.as_bytes() {
            return cut.decode();
        }
        rest = cut.after;
    }
}

/// A text cut after its first block.
struct Cut<'a> {
    label: &'a [u8],
    /// With its boundaries.
    block: &'a [u8],
    after: &'a [u8],
}

impl<'a> Cut<'a> {
    fn from(text: &'a [u8]) -> Result<Self, KeyError> {
        let start = line_beginning(text, BEGIN).ok_or(not_pem("no block begins"))?;
        let block = text.get(start..).unwrap_or_default();
        let label = label_of(block, BEGIN).ok_or(not_pem("its first line is not complete"))?;
        let end = line_beginning(block, END).ok_or(not_pem("the block does not end"))?;
        if label_of(block.get(end..).unwrap_or_default(), END) != Some(label) {
            return Err(not_pem("the block does not end as it begins"));
        }
        let length = end.saturating_add(END.len()).saturating_add(label.len()).saturating_add(DASHES.len());
        let (block, after) = block.split_at_checked(length).ok_or(not_pem("the block does not end"))?;
        Ok(Self { label, block, after })
    }

    fn decode(&self) -> Result<Block, KeyError> {
        let label = String::from_utf8_lossy(self.label).chars().take(LONGEST_LABEL).collect();
        let mut content = Zeroizing::new(Vec::new());
        let mut decoder =
            Decoder::new_detect_wrap(self.block).map_err(|_| not_pem("its lines are not those of PEM"))?;
        decoder.decode_to_end(&mut content).map_err(|_| not_pem("it is no base64"))?;
        Ok(Block { label, content })
    }
}

/// Where the first line is that begins so.
fn line_beginning(text: &[u8], beginning: &[u8]) -> Option<usize> {
    let mut start = 0_usize;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(beginning) {
            return Some(start);
        }
        start = start.saturating_add(line.len());
    }
    None
}

/// The label of a boundary's line.
fn label_of<'a>(text: &'a [u8], beginning: &[u8]) -> Option<&'a [u8]> {
    let line = text.split(|byte| *byte == b'\n').next()?;
    line.trim_ascii_end().strip_prefix(beginning)?.strip_suffix(DASHES)
}

fn not_pem(reason: &'static str) -> KeyError {
    KeyError::NotPem { reason }
}
