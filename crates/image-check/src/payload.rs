use crate::copy::receive;
use crate::source::Stamp;
use crate::{Attendance, FileError, Image, Member, Nowhere, Rejection, Rules, SourceFolder};
use image_format::{Manifest, MemberName};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// A file of an image, open, whose bytes were checked.
///
/// They are read from the descriptor that was hashed, so that no other file can come into its place. A writer who may write
/// to that very file is found by its time of change, and so up to the kernel's clock tick late: the folder of an image is to be
/// root's.
#[derive(Debug)]
pub struct Payload {
    /// What it is.
    pub member: Member,
    file: File,
    stamp: Stamp,
}

impl Payload {
    /// Reads exactly so many bytes at an offset.
    ///
    /// Errors: as the kernel says; a past end; that the file has changed since it was checked, and the bytes must not be used.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)?;
        if Stamp::now(&self.file)? != self.stamp {
            let message = format!("{} has changed since it was checked", self.member.name);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(())
    }
}

/// Checks the files of a folder where they lie, and keeps the one that `choose` takes of all that are payloads open.
///
/// All bytes of the image have been read and judged when it returns. Errors: [`Rejection`], also
/// [`FileError::NoPayload`] and [`FileError::Payloads`] where none or more than one is chosen.
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
    let member = image.members.iter().find(|member| member.name == name);
    let member = member.ok_or(FileError::NoPayload)?.clone();
    Ok((image, Payload { member, file: open.file, stamp: open.stamp }))
}
