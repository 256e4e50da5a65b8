//! Checks a firmware image's files: what its MANIFEST says against rules, its signatures against trusted keys.
//!
//! What is signed is judged by digests that were made while the bytes passed, so that there is no moment between check and
//! use. Four ways lead through it:
//!
//! - [`check`]: the files of a folder, where they lie;
//! - [`open_payload`]: the same, and one file stays open, to be read by whoever installs it;
//! - [`copy()`]: the files of a folder into another, which is there only if all of them are as they should be;
//! - [`Receiver`]: members that come one by one, for those who read archives.
//!
//! ```no_run
//! use image_check::{Rules, SourceFolder, TrustStore, copy};
//!
//! let mut rules = Rules::default();
//! rules.trust = TrustStore::load("/etc/activationdata".as_ref()).0;
//! let source = SourceFolder::open("/tmp/images/2ead990b".as_ref()).unwrap();
//! match copy(&source, "/run/vivianite/psu/work/2ead990b".as_ref(), None, &rules, &()) {
//!     Ok(image) => println!("{} {}", image.purpose.word(), image.manifest.version),
//!     Err(rejection) => println!("{rejection}"),
//! }
//! ```
//!
//! A source is not trusted: its files may be links, pipes or devices, may grow, shrink, or become others while they are
//! read. Each is opened below the folder's descriptor, never through a link, be it at the end of its name or in the middle,
//! and only if it is a regular file of the folder's own file system. That takes `openat2`, and so Linux 5.6.
//!
//! Must not know: archives, the bus, how images arrive, what becomes of them.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod attendance;
mod copy;
mod digests;
mod disk;
mod draft;
mod folder;
mod judge;
mod payload;
mod receiver;
mod rejection;
mod remark;
mod review;
mod rules;
mod source;
mod trust;
mod verify;

pub use attendance::Attendance;
pub use copy::{check, copy};
pub use disk::DiskFolder;
pub use folder::{Folder, Nowhere};
pub use judge::JudgeError;
pub use payload::{Payload, open_payload};
pub use receiver::Receiver;
pub use rejection::{ArchiveError, Class, FileError, LimitError, MemberError, Rejection, is_out_of_space};
pub use remark::Remark;
pub use review::review;
pub use rules::{DigestChoice, Limits, MinimumFree, Rules, SignaturePolicy, VersionFloor};
pub use source::SourceFolder;
pub use trust::{KeySet, TrustStore};
pub use verify::{SignatureFault, Verification};

use image_format::{Manifest, MemberName, Purpose};
use image_signature::DigestValue;

/// An image that was checked.
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
    /// SHA-256 of what was written, or read.
    pub sha256: DigestValue,
}
