//! Takes in a firmware image: an archive's bytes in, checked files in a folder out, or the reason why not.
//!
//! One pass over the bytes: members go to `image_check`'s receiver as they come, so that what is written is what was hashed,
//! and what was hashed is what signatures are checked against. Limits hold while reading, so that memory and disk are
//! bounded whatever comes. Nothing is written outside the [`Folder`], which is the caller's to throw away after a
//! [`Rejection`].
//!
//! ```no_run
//! use image_check::{DiskFolder, Rules, TrustStore};
//! use image_ingest::{Incoming, ingest};
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
//! Must not know: the bus, keys, rules for what is in an image, how images arrive, what becomes of them.
//!
//! Sources: POSIX.1-2017 `pax`, the GNU tar manual ("Basic Tar Format"), RFC 1952, the xz file format 1.2.1.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod archive;
mod behind;
mod decoder;
mod gzip;
mod header;
mod meter;
mod pending;
mod streams;

use image_check::{Attendance, Folder, Image, Receiver, Rejection, Rules};
use std::io::Read;

/// An archive as it comes in.
#[derive(Debug)]
pub struct Incoming<R> {
    /// Its bytes, compressed or not; a pipe will do.
    pub source: R,
    /// How many there are, bytes, where that is known.
    pub length: Option<u64>,
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
    let mut receiver = Receiver::new(folder, rules, rules.digests);
    archive::walk(incoming, rules, &meter, attendance, &mut receiver)?;
    receiver.finish()
}
