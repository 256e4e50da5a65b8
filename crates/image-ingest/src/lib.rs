//! Takes in a firmware image: an archive's bytes in, checked files in a folder out, or the reason why not.
//!
//! One pass over the bytes: what is written is what was hashed, and what was hashed is what signatures are checked
//! against. Limits hold while reading, so that memory and disk are bounded whatever comes. Nothing is written outside
//! the [`Folder`], and the folder is the caller's to throw away after a [`Rejection`].
//!
//! ```no_run
//! use image_ingest::{DiskFolder, Incoming, Rules, TrustStore, ingest};
//!
//! let mut rules = Rules::default();
//! rules.trust = TrustStore::load("/etc/activationdata".as_ref()).0;
//! let file = std::fs::File::open("image.tar").unwrap();
//! let length = file.metadata().unwrap().len();
//! let mut folder = DiskFolder::create("image".as_ref(), None).unwrap();
//! match ingest(Incoming { source: file, length: Some(length) }, &mut folder, &rules, &()) {
//!     Ok(image) => println!("{} {}", image.purpose.word(), image.manifest.version),
//!     Err(rejection) => println!("{rejection}"),
//! }
//! ```
//!
//! Must not know: the bus, how images arrive, what becomes of them.
//!
//! Sources: POSIX.1-2017 `pax`, the GNU tar manual ("Basic Tar Format"), RFC 1952, the xz file format 1.2.1.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod archive;
mod attendance;
mod behind;
mod decoder;
mod digests;
mod disk;
mod folder;
mod gzip;
mod header;
mod judge;
mod meter;
mod pending;
mod rejection;
mod remark;
mod rules;
mod streams;
mod trust;
mod unpack;
mod verify;

pub use archive::ArchiveError;
pub use attendance::Attendance;
pub use disk::DiskFolder;
pub use folder::{Folder, Nowhere};
pub use judge::JudgeError;
pub use rejection::{Class, LimitError, Rejection, is_out_of_space};
pub use remark::Remark;
pub use rules::{DigestChoice, Limits, MinimumFree, Rules, SignaturePolicy, VersionFloor};
pub use trust::{KeySet, TrustStore};
pub use verify::{SignatureFault, Verification};

use image_format::{Manifest, MemberName, Purpose};
use image_signature::DigestValue;
use std::io::Read;

/// An archive as it comes in.
#[derive(Debug)]
pub struct Incoming<R> {
    /// Its bytes, compressed or not; a pipe will do.
    pub source: R,
    /// How many there are, bytes, where that is known.
    pub length: Option<u64>,
}

/// What was taken in.
#[derive(Debug)]
pub struct Image {
    /// What the image says of itself.
    pub manifest: Manifest,
    /// Its purpose; [`Purpose::Unknown`] where the rules let an unknown one pass.
    pub purpose: Purpose,
    /// Its files.
    pub members: Vec<Member>,
    /// What its signatures came to.
    pub verification: Verification,
    /// What somebody should know of it nevertheless.
    pub remarks: Vec<Remark>,
}

/// A file of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name below the folder.
    pub name: MemberName,
    /// Its length, bytes.
    pub size: u64,
    /// SHA-256 of what was written.
    pub sha256: DigestValue,
}

/// Unpacks and checks an archive.
///
/// The first bytes tell the compression: none, gzip, xz or bzip2. `attendance` is asked between pieces of at most
/// 32 KiB whether to go on.
///
/// Errors: [`Rejection`]; what is in the folder then is of no use.
pub fn ingest<R: Read, F: Folder, A: Attendance>(
    incoming: Incoming<R>,
    folder: &mut F,
    rules: &Rules,
    attendance: &A,
) -> Result<Image, Rejection> {
    let meter = meter::Meter::default();
    let mut unpacker = unpack::Unpacker::new(folder, rules);
    archive::walk(incoming, rules, &meter, attendance, &mut unpacker)?;
    let unpacked = unpacker.finish()?;
    let verification = verify::verify(&unpacked, folder, rules)?;
    let members = unpacked.members.into_iter().map(|(name, written)| Member {
        name,
        size: written.size,
        sha256: written.digests.sha256,
    });
    let judged = unpacked.judged;
    let remarks = remark::remarks(&judged.manifest, judged.purpose);
    Ok(Image {
        manifest: judged.manifest,
        purpose: judged.purpose,
        members: members.collect(),
        verification,
        remarks,
    })
}
