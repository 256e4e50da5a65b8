use crate::draft::{Draft, free_beside};
use crate::source::{Found, Opened, Stamp};
use crate::{
    Attendance, DigestChoice, FileError, Folder, Image, Nowhere, Receiver, Rejection, Rules, SourceFolder,
};
use image_format::{Manifest, names};
use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::path::Path;

/// Checks the files of a folder where they lie. What becomes of them afterwards is not known: see [`copy()`].
///
/// Errors: [`Rejection`].
pub fn check(source: &SourceFolder, rules: &Rules, attendance: &impl Attendance) -> Result<Image, Rejection> {
    receive(source, &mut Nowhere, rules, attendance, &mut |_, _, _| ())
}

/// Copies the files of a folder into a new one, and checks the bytes that are written.
///
/// The copy has a draft's name (`.NAME.PID-NUMBER.draft`), its own among all that are made at once, until all of it is as it
/// should be and, where the file system outlives a loss of power, durable; so whenever the process dies, what has the name
/// `destination` is whole and was checked. Its files belong to `group`, which may read them. Drafts of any destination beside it
/// that a killed process left are removed first.
///
/// Errors: [`Rejection`]; nothing is left of the copy then. [`Rejection::Storage`] also where `destination` is there.
pub fn copy(
    source: &SourceFolder,
    destination: &Path,
    group: Option<u32>,
    rules: &Rules,
    attendance: &impl Attendance,
) -> Result<Image, Rejection> {
    let unwritten = |error| Rejection::unwritten(error, free_beside(destination));
    let mut draft = Draft::begin(destination, group).map_err(unwritten)?;
    let copied = receive(source, &mut draft.folder, rules, attendance, &mut |_, _, _| ())
        .and_then(|image| draft.put_in_place(destination).map_err(Rejection::Storage).map(|()| image));
    copied.map_err(|rejection| {
        draft.discard();
        match rejection {
            // What was written is free again by now: more than that is needed.
            Rejection::Storage(error) => unwritten(error),
            other => other,
        }
    })
}

/// Reads all files of a folder, the manifest first, into another, and judges them. `keep` gets each other that was
/// read, with the manifest.
pub(crate) fn receive<F: Folder, A: Attendance>(
    source: &SourceFolder,
    folder: &mut F,
    rules: &Rules,
    attendance: &A,
    keep: &mut dyn FnMut(&Manifest, &Found, Opened),
) -> Result<Image, Rejection> {
    let mut listing = source.list(rules)?;
    // What is wanted at all is known before anything long is read.
    listing.files.sort_by_key(|found| found.name.as_str() != names::MANIFEST);
    if listing.files.first().is_none_or(|found| found.name.as_str() != names::MANIFEST) {
        let is_folder = listing.folders.iter().any(|name| name.as_str() == names::MANIFEST);
        return Err(if is_folder { Rejection::ManifestIsFolder } else { Rejection::NoManifest });
    }
    // All digests at once: a file that is read again may be another by then.
    let mut receiver = Receiver::new(folder, rules, DigestChoice::All);
    for name in listing.folders {
        receiver.folder(name)?;
    }
    let read = Cell::new(0);
    for found in &listing.files {
        let opened = source.file(found)?;
        let mut reading =
            Reading { found, opened: &opened, attendance, read: &read, stop: RefCell::new(None) };
        receive_file(&mut receiver, found, &mut reading)?;
        if let Some(manifest) = receiver.manifest() {
            keep(manifest, found, opened);
        }
    }
    receiver.finish()
}

fn receive_file<F: Folder, A: Attendance>(
    receiver: &mut Receiver<'_, F>,
    found: &Found,
    reading: &mut Reading<'_, A>,
) -> Result<(), Rejection> {
    let size = reading.opened.stamp.size;
    let received = receiver.file(found.name.clone(), size, reading, Rejection::Source);
    let stop = reading.stop.take();
    match (received, stop) {
        (Err(_), Some(stop)) => Err(stop),
        (Err(Rejection::Truncated), None) => Err(FileError::Changed(found.name.clone()).into()),
        (Err(rejection), None) => Err(rejection),
        (Ok(()), _) => reading.check_end(),
    }
}

/// A file that is read, with what stopped it.
struct Reading<'a, A> {
    found: &'a Found,
    opened: &'a Opened,
    attendance: &'a A,
    /// Bytes of all files so far.
    read: &'a Cell<u64>,
    stop: RefCell<Option<Rejection>>,
}

impl<A: Attendance> Read for Reading<'_, A> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.attendance.goes_on(self.read.get()) {
            self.stop.replace(Some(Rejection::Interrupted));
            return Err(io::Error::other("stopped"));
        }
        let count = match (&self.opened.file).read(buffer) {
            Err(source) if source.kind() != io::ErrorKind::Interrupted => {
                let name = self.found.name.clone();
                self.stop.replace(Some(FileError::Unreadable { name, source }.into()));
                return Err(io::Error::other("stopped"));
            }
            read => read?,
        };
        self.read.set(self.read.get().saturating_add(count as u64));
        Ok(count)
    }
}

impl<A> Reading<'_, A> {
    /// Whether the file has ended where it should, and is as it was when it was opened.
    fn check_end(&self) -> Result<(), Rejection> {
        let name = || self.found.name.clone();
        let unreadable = |source| Rejection::from(FileError::Unreadable { name: name(), source });
        let more = (&self.opened.file).read(&mut [0]).map_err(unreadable)?;
        let now = Stamp::now(&self.opened.file).map_err(unreadable)?;
        if more > 0 || now != self.opened.stamp {
            return Err(FileError::Changed(name()).into());
        }
        Ok(())
    }
}
