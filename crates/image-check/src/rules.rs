//! What an image must keep to.

use crate::TrustStore;
use image_format::{ManifestLimits, MinimumVersion, NameLimits, Purpose};

const MIB: u64 = 1024 * 1024;

/// What an image must keep to.
#[derive(Debug, Default)]
pub struct Rules {
    /// How much there may be.
    pub limits: Limits,
    /// Of members' names.
    pub names: NameLimits,
    /// Of the manifest.
    pub manifest: ManifestLimits,
    /// What becomes of an image that is not signed as it should be.
    pub signature: SignaturePolicy,
    /// Whose signatures count.
    pub trust: TrustStore,
    /// What machine this is; nothing where that is not known.
    pub machine: Option<String>,
    /// Images for any machine pass, for checks that are made elsewhere than on one.
    pub any_machine: bool,
    /// An image that names no machine is refused.
    pub require_machine_name: bool,
    /// An image that does not say what belongs to it is not signed as it should be.
    pub require_payload_digests: bool,
    /// A purpose that is not known passes as [`Purpose::Unknown`].
    pub allow_unknown_purpose: bool,
    /// Images of these purposes are left alone.
    pub ignored_purposes: Vec<Purpose>,
    /// Oldest versions that are taken.
    pub floors: Vec<VersionFloor>,
    /// Which digests are made while an archive is unpacked.
    pub digests: DigestChoice,
}

/// How much there may be; what is said of archives holds for nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the archive, as it comes.
    pub archive: u64,
    /// Bytes of all members.
    pub extracted: u64,
    /// Bytes of one member.
    pub member: u64,
    /// How many members, folders counted.
    pub members: usize,
    /// Unpacked bytes for each byte of the archive, after the first MiB; of the whole, not of its beginning.
    pub ratio: u64,
    /// Bytes of an xz dictionary, which is kept in memory.
    pub dictionary: u64,
    /// What stays free on the file system.
    pub free: MinimumFree,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            archive: 256 * MIB,
            extracted: 512 * MIB,
            member: 256 * MIB,
            members: 512,
            ratio: 200,
            dictionary: 8 * MIB,
            free: MinimumFree::default(),
        }
    }
}

/// What stays free on the file system: so many bytes, but no more than a share of a small one.
#[derive(Debug, Clone, Copy)]
pub struct MinimumFree {
    /// Bytes.
    pub bytes: u64,
    /// The largest part of the file system that is kept free, as a divisor of its size; 0 for no such limit.
    pub divisor: u64,
}

impl Default for MinimumFree {
    fn default() -> Self {
        Self { bytes: 16 * MIB, divisor: 32 }
    }
}

impl MinimumFree {
    /// What stays free on a file system of this size, bytes.
    pub fn of(self, size: u64) -> u64 {
        size.checked_div(self.divisor).map_or(self.bytes, |share| share.min(self.bytes))
    }
}

/// What becomes of an image that is not signed as it should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SignaturePolicy {
    /// It is refused.
    #[default]
    Required,
    /// It is taken, and said to be unsigned.
    Advisory,
    /// Nobody looks.
    Off,
}

/// Which digests are made while bytes pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DigestChoice {
    /// SHA-256, and the manifest's once it has come. A member before it is read again if it needs another.
    #[default]
    AsNeeded,
    /// All that signatures may be over, for a folder that cannot be read again.
    All,
}

/// The oldest version that is taken of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionFloor {
    /// What the image is for.
    pub purpose: Purpose,
    /// Only images of this extended version or compatible name, and those that name neither; all of the purpose otherwise.
    /// Two that name the same model and manufacturer of power supplies are one.
    pub target: Option<String>,
    /// The oldest version.
    pub minimum: MinimumVersion,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_system_is_not_asked_to_stay_half_empty() {
        let free = MinimumFree::default();
        assert_eq!(free.of(64 * MIB), 2 * MIB);
        assert_eq!(free.of(160 * MIB), 5 * MIB);
        assert_eq!(free.of(4096 * MIB), 16 * MIB);
        assert_eq!(MinimumFree { divisor: 0, ..free }.of(64 * MIB), 16 * MIB);
    }
}
