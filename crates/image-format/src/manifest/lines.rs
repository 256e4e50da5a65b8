use super::{ManifestError, ManifestLimits};
use plain_text::is_hidden;

/// A line that is neither blank nor a comment.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    /// The first is 1.
    pub line: usize,
    pub key: &'a str,
    /// Without blanks around it.
    pub value: &'a str,
    /// Whether a TAB is in the value or around it.
    pub has_tab: bool,
}

type Line<'a> = Result<Entry<'a>, ManifestError>;

/// The entries of a file, one after another; after an error none counts.
pub(super) fn entries<'a>(
    bytes: &'a [u8],
    limits: &'a ManifestLimits,
) -> Result<impl Iterator<Item = Line<'a>>, ManifestError> {
    if bytes.is_empty() {
        return Err(ManifestError::Empty);
    }
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return Err(ManifestError::ByteOrderMark);
    }
    if bytes.len() > limits.bytes {
        return Err(ManifestError::TooLong { bytes: bytes.len(), limit: limits.bytes });
    }
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let lines = (1_usize..).zip(body.split(|byte| *byte == b'\n'));
    Ok(lines.filter_map(|(line, bytes)| entry(line, bytes, limits).transpose()))
}

fn entry<'a>(
    line: usize,
    bytes: &'a [u8],
    limits: &ManifestLimits,
) -> Result<Option<Entry<'a>>, ManifestError> {
    if line > limits.lines {
        return Err(ManifestError::TooManyLines { limit: limits.lines });
    }
    if bytes.len() > limits.line {
        return Err(ManifestError::LineTooLong { line, limit: limits.line });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ManifestError::NotUtf8 { line })?;
    let text = text.strip_suffix('\r').unwrap_or(text);
    if let Some(character) = text.chars().find(|character| is_hidden(*character) && *character != '\t') {
        return Err(match character.is_control() {
            true => ManifestError::Control { line },
            false => ManifestError::Hidden { line, character },
        });
    }
    if text.starts_with('#') || text.trim().is_empty() {
        return Ok(None);
    }
    let (key, value) = text.split_once('=').ok_or(ManifestError::NoEquals { line })?;
    let may_be_there = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if key.is_empty() || !key.bytes().all(may_be_there) {
        return Err(ManifestError::BadKey { line });
    }
    Ok(Some(Entry { line, key, value: value.trim(), has_tab: value.contains('\t') }))
}
