//! Walks an archive, entry by entry.

use crate::Incoming;
use crate::decoder::Decoder;
use crate::header::{BLOCK, Header, Kind};
use crate::meter::{Meter, Source, Stream};
use crate::pending::Pending;
use image_check::{ArchiveError, Attendance, Folder, LimitError, MemberError, Receiver, Rejection, Rules};
use image_format::MemberName;
use std::io::{self, Read};
use tar::{Archive, Entry};

/// Zeros that may follow the entries, bytes: what `tar` fills its last record with, and more. As many may follow the
/// compressed streams.
pub(crate) const PADDING: usize = 64 * 1024;
/// Longest attributes of an entry, bytes.
const ATTRIBUTES: u64 = 64 * 1024;
/// Headers for each member that is allowed: a long name, a long link, attributes, and itself.
const HEADERS_PER_MEMBER: usize = 4;

/// Reads the archive to its end and hands each member over.
pub(crate) fn walk<R: Read, F: Folder, A: Attendance>(
    incoming: Incoming<R>,
    rules: &Rules,
    meter: &Meter,
    attendance: &A,
    receiver: &mut Receiver<'_, F>,
) -> Result<(), Rejection> {
    let limit = rules.limits.archive;
    if incoming.length.is_some_and(|length| length > limit) {
        return Err(LimitError::Archive { limit }.into());
    }
    let source = Source::new(incoming.source, meter, attendance, limit);
    let decoder = Decoder::choose(source, &rules.limits, meter)?;
    if let (Decoder::Plain(_), Some(length)) = (&decoder, incoming.length) {
        // Members are nearly as long as their archive: better to know before anything is written.
        receiver.require(length)?;
    }
    let mut archive = Archive::new(Stream::new(decoder, meter, incoming.length, &rules.limits));
    let entries = archive.entries().map_err(|error| meter.explain(error))?.raw(true);
    let mut walk = Walk { pending: Pending::default(), headers: 0, rules };
    for entry in entries {
        let entry = entry.map_err(|error| meter.explain(error))?;
        walk.enter(entry, meter, receiver)?;
    }
    if meter.stream_ended() {
        return Err(Rejection::Truncated);
    }
    if !walk.pending.is_empty() {
        return Err(ArchiveError::Attributes.into());
    }
    check_padding(archive.into_inner(), meter)?;
    Ok(meter.check_ratio(&rules.limits)?)
}

struct Walk<'a> {
    pending: Pending,
    headers: usize,
    rules: &'a Rules,
}

impl Walk<'_> {
    fn enter<R: Read, F: Folder>(
        &mut self,
        mut entry: Entry<'_, R>,
        meter: &Meter,
        receiver: &mut Receiver<'_, F>,
    ) -> Result<(), Rejection> {
        self.headers += 1;
        if self.headers > self.rules.limits.members.saturating_mul(HEADERS_PER_MEMBER) {
            return Err(LimitError::Members { limit: self.rules.limits.members }.into());
        }
        let header = Header::parse(entry.header().as_bytes())?;
        let explain = |error| meter.explain(error);
        match header.kind {
            Kind::File => {
                let raw = self.pending.resolve(&header)?;
                let name = MemberName::parse(&raw, &self.rules.names);
                let name = name.map_err(|source| MemberError::Name { name: raw, source })?;
                receiver.file(name, header.size, &mut entry, explain)?;
            }
            Kind::Folder => {
                let raw = self.pending.resolve(&header)?;
                let name = MemberName::parse_folder(&raw, &self.rules.names);
                let name = name.map_err(|source| MemberError::Name { name: raw, source })?;
                receiver.folder(name)?;
            }
            Kind::LongName => self.pending.long_name(&attributes(&mut entry, &header, explain)?)?,
            Kind::LongLink => {
                attributes(&mut entry, &header, explain)?;
                self.pending.long_link()?;
            }
            Kind::Extended => self.pending.extended(&attributes(&mut entry, &header, explain)?)?,
            Kind::GlobalExtended => Pending::global(&attributes(&mut entry, &header, explain)?)?,
        }
        Ok(())
    }
}

/// The content of an entry that is about another.
fn attributes(
    entry: &mut impl Read,
    header: &Header,
    explain: impl Fn(io::Error) -> Rejection,
) -> Result<Vec<u8>, Rejection> {
    if header.size > ATTRIBUTES {
        return Err(ArchiveError::Attributes.into());
    }
    let mut content = Vec::new();
    entry.take(header.size).read_to_end(&mut content).map_err(explain)?;
    if content.len() as u64 != header.size {
        return Err(Rejection::Truncated);
    }
    Ok(content)
}

/// What follows the first block of zeros: a second, and perhaps more.
///
/// Reading to the end also has the decoder check what its format ends with.
fn check_padding(mut stream: impl Read, meter: &Meter) -> Result<(), Rejection> {
    let mut buffer = vec![0; 4096];
    let mut total = 0;
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(meter.explain(error)),
        };
        total += count;
        if total > PADDING || buffer.iter().take(count).any(|byte| *byte != 0) {
            return Err(ArchiveError::Trailing.into());
        }
    }
    // One block of zeros alone may be what has come so far of two.
    if total < BLOCK { Err(Rejection::Truncated) } else { Ok(()) }
}
