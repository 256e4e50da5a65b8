use crate::copy::receive;
use crate::receiver::PIECE;
use crate::source::{Stamp, is_writable_by_others};
use crate::{Attendance, FileError, Image, Member, Nowhere, Rejection, Rules, SourceFolder};
use image_format::{DigestAlgorithm, Manifest, MemberName};
use image_signature::{DigestValue, Digester};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, PoisonError};

/// A file of an image, open, whose bytes were checked.
///
/// They are read from the descriptor that was hashed, so that no other file can come into its place. A writer who may write
/// to that very file is found by its time of change, and so up to the kernel's clock tick late. One who has mapped its pages
/// shared is not found at all where the file lies in memory: the kernel tells no time of what is written that way. So only
/// files are taken that root or this program's own user alone may write.
#[derive(Debug)]
pub struct Payload {
    /// What it is.
    pub member: Member,
    file: File,
    /// As it was when its bytes were last known to be right.
    stamp: Mutex<Stamp>,
}

impl Payload {
    /// Reads exactly so many bytes at an offset.
    ///
    /// A file of which only the time of change has moved, such as one that was unlinked, is hashed again, and is right if its
    /// bytes are. Errors: as the kernel says; a past end; that the file has changed since it was checked, and the bytes must
    /// not be used.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut stamp = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        self.file.read_exact_at(buffer, offset)?;
        if Stamp::now(&self.file)? == *stamp {
            return Ok(());
        }
        *stamp = self.check_again()?;
        // What was read may be of a moment in which the bytes were others.
        self.file.read_exact_at(buffer, offset)?;
        if Stamp::now(&self.file)? == *stamp { Ok(()) } else { Err(self.has_changed()) }
    }

    /// Hashes it again, and tells as of when it is right.
    fn check_again(&self) -> io::Result<Stamp> {
        let stamp = Stamp::now(&self.file)?;
        let is_right = stamp.size == self.member.size
            && !is_writable_by_others(&self.file)?
            && self.digest()? == self.member.sha256
            && Stamp::now(&self.file)? == stamp;
        if is_right { Ok(stamp) } else { Err(self.has_changed()) }
    }

    fn digest(&self) -> io::Result<DigestValue> {
        let mut digester = Digester::new(DigestAlgorithm::Sha256);
        let (mut buffer, mut offset) = (vec![0; PIECE], 0);
        while offset < self.member.size {
            let left = usize::try_from(self.member.size.saturating_sub(offset)).unwrap_or(PIECE);
            let piece = buffer.get_mut(..left.min(PIECE)).unwrap_or_default();
            self.file.read_exact_at(piece, offset)?;
            digester.update(piece);
            offset = offset.saturating_add(piece.len() as u64);
        }
        Ok(digester.finish())
    }

    fn has_changed(&self) -> io::Error {
        let message = format!("{} has changed since it was checked", self.member.name);
        io::Error::new(io::ErrorKind::InvalidData, message)
    }
}

/// Checks the files of a folder where they lie, and keeps the one that `choose` takes of all that are payloads open.
///
/// All bytes of the image have been read and judged when it returns. Errors: [`Rejection`], also
/// [`FileError::NoPayload`] and [`FileError::Payloads`] where none or more than one is chosen, and [`FileError::Writable`].
pub fn open_payload(
    source: &SourceFolder,
    rules: &Rules,
    attendance: &impl Attendance,
    choose: impl Fn(&Manifest, &MemberName) -> bool,
) -> Result<(Image, Payload), Rejection> {
    let mut opened = Vec::new();
    let image = receive(source, &mut Nowhere, rules, attendance, &mut |manifest, found, file| {
        // Two are enough to know that there is more than one.
        if opened.len() < 2 && manifest.is_payload(&found.name) && choose(manifest, &found.name) {
            opened.push((found.name.clone(), file));
        }
    })?;
    let (name, open) = opened.pop().ok_or(FileError::NoPayload)?;
    if let Some((other, _)) = opened.pop() {
        return Err(FileError::Payloads { one: other, other: name }.into());
    }
    match is_writable_by_others(&open.file) {
        Ok(false) => {}
        Ok(true) => return Err(FileError::Writable(name).into()),
        Err(source) => return Err(FileError::Unreadable { name, source }.into()),
    }
    let member = image.members.iter().find(|member| member.name == name);
    let member = member.ok_or(FileError::NoPayload)?.clone();
    Ok((image, Payload { member, file: open.file, stamp: open.stamp.into() }))
}
