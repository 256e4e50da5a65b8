//! State that outlives a loss of power.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

/// Replaces a file as a whole: whenever the power goes, it holds the old text or the new. The draft beside it has the
/// extension `new`.
///
/// Errors: as the kernel says; the file is the old one then, or already the new one, but perhaps not after a power cut.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    // In this order, or a power cut could leave the name with nothing behind it.
    file.sync_all()?;
    fs::rename(&draft, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
