mod error;
mod lines;

pub use error::ManifestError;

use crate::{MemberName, NameLimits, names};
use lines::Entry;

/// What an image says of itself.
///
/// Shape: lines `key=value`, each ended by LF or CR LF. Keys are of letters, digits, `_` and `-`; the value is all behind
/// the first `=`, without blanks around it. UTF-8 without hidden characters ([`plain_text::is_hidden`]) but TAB. Blank
/// lines, and those that begin with `#`, do not count; nor do keys that are not known. A value that is empty is as if the
/// line were not there, except where there must be one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// What the image is for, as written; [`crate::Purpose::parse`] judges it. Not blank.
    pub purpose: String,
    /// The version, 1 to [`LONGEST_VERSION`] bytes, without hidden characters and blanks around it.
    pub version: String,
    /// The machine that the image is for.
    pub machine_name: Option<String>,
    /// More about the version, for power supplies model and manufacturer. Empty if there is none.
    ///
    /// From `ExtendedVersion` or `extended_version`.
    pub extended_version: String,
    /// Names of what the image fits, in the order of their lines.
    pub compatible_names: Vec<String>,
    /// The key set of the trust store that the image says it was signed with. Says nothing of who signed it.
    pub key_type: Option<String>,
    /// The digest of the archive's own key; [`crate::DigestAlgorithm::parse`] judges it.
    pub hash_type: Option<String>,
    /// A second set of signatures.
    pub post_quantum: Option<PostQuantum>,
    /// What belongs to the image, in the order of the lines; empty where the image does not say.
    pub payload_digests: Vec<PayloadDigest>,
}

/// A payload that belongs to the image.
///
/// Shape: `PayloadDigest=<SHA-256, 64 hexadecimal digits> <name>`. Signatures alone say that each payload is its signer's,
/// not that they belong together: those of an older image could take the place of a newer one's. Programs that do not know
/// the key pass over it. Source: this project.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PayloadDigest {
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// The payload.
    pub name: MemberName,
}

impl PayloadDigest {
    /// The key of the line.
    pub const KEY: &'static str = "PayloadDigest";

    /// The value of the line for a payload.
    pub fn value(sha256: &str, name: &str) -> String {
        format!("{sha256} {name}")
    }
}

/// A second set of signatures, by an algorithm that is meant to withstand quantum computers.
///
/// Shape: `<name>_Hash_Type=<digest>,<folder>`. The first such line counts, with a comma in its value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostQuantum {
    /// The digest, as written. Not empty.
    pub digest: String,
    /// The folder at the top of the archive in which these signatures are.
    pub folder: String,
}

/// What a MANIFEST may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestLimits {
    /// Longest file, bytes.
    pub bytes: usize,
    /// Longest line without its LF, bytes.
    pub line: usize,
    /// Most lines, of any kind.
    pub lines: usize,
}

impl Default for ManifestLimits {
    fn default() -> Self {
        Self { bytes: 64 * 1024, line: 4096, lines: 256 }
    }
}

/// Longest version, bytes.
pub const LONGEST_VERSION: usize = 256;

const PURPOSE: &str = "purpose";
const VERSION: &str = "version";
/// What the key of a second set of signatures has in it.
const SECOND_SET: &str = "_Hash_Type";

impl Manifest {
    /// Reads a MANIFEST.
    ///
    /// Errors: [`ManifestError`], for the first line that is at fault, then for what is missing.
    pub fn parse(bytes: &[u8], limits: &ManifestLimits) -> Result<Self, ManifestError> {
        let mut draft = Draft::default();
        for entry in lines::entries(bytes, limits)? {
            draft.take(entry?)?;
        }
        draft.finish()
    }

    /// Whether a file of the image is a payload: neither what says or signs what the payloads are, nor the key of a second
    /// set of signatures that is declared.
    pub fn is_payload(&self, member: &MemberName) -> bool {
        let is_second_key =
            |second: &PostQuantum| member.as_str() == format!("{}/{}", second.folder, names::PUBLIC_KEY);
        let is_known = matches!(member.as_str(), names::MANIFEST | names::PUBLIC_KEY);
        !is_known && !member.is_signature() && !self.post_quantum.as_ref().is_some_and(is_second_key)
    }
}

#[derive(Default)]
struct Draft<'a> {
    purpose: Option<&'a str>,
    version: Option<&'a str>,
    machine_name: Option<&'a str>,
    extended_version: Option<&'a str>,
    compatible_names: Vec<&'a str>,
    key_type: Option<&'a str>,
    hash_type: Option<&'a str>,
    post_quantum: Option<PostQuantum>,
    payload_digests: Vec<PayloadDigest>,
}

impl<'a> Draft<'a> {
    fn take(&mut self, entry: Entry<'a>) -> Result<(), ManifestError> {
        match entry.key {
            PURPOSE => once(&mut self.purpose, PURPOSE, present(PURPOSE, entry)?),
            VERSION => once(&mut self.version, VERSION, version(present(VERSION, entry)?)?),
            "MachineName" => once(&mut self.machine_name, "MachineName", entry),
            "KeyType" => once(&mut self.key_type, "KeyType", entry),
            "HashType" => once(&mut self.hash_type, "HashType", entry),
            "ExtendedVersion" | "extended_version" => self.extend_version(entry),
            "CompatibleName" => {
                self.compatible_names.extend(Some(entry.value).filter(|name| !name.is_empty()));
                Ok(())
            }
            PayloadDigest::KEY => {
                self.payload_digests.push(payload_digest(entry)?);
                Ok(())
            }
            key if key.contains(SECOND_SET) && self.post_quantum.is_none() => {
                self.post_quantum = post_quantum(entry)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Builders write one spelling, packers of power supplies the other; some write both.
    fn extend_version(&mut self, entry: Entry<'a>) -> Result<(), ManifestError> {
        match self.extended_version.replace(entry.value) {
            Some(earlier) if earlier != entry.value => {
                Err(ManifestError::ExtendedVersionsDiffer { line: entry.line })
            }
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<Manifest, ManifestError> {
        let owned = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_owned);
        let needed = |value, key| owned(value).ok_or(ManifestError::Missing { key });
        Ok(Manifest {
            purpose: needed(self.purpose, PURPOSE)?,
            version: needed(self.version, VERSION)?,
            machine_name: owned(self.machine_name),
            extended_version: owned(self.extended_version).unwrap_or_default(),
            compatible_names: self.compatible_names.into_iter().map(str::to_owned).collect(),
            key_type: owned(self.key_type),
            hash_type: owned(self.hash_type),
            post_quantum: self.post_quantum,
            payload_digests: self.payload_digests,
        })
    }
}

/// Two values of such a key would be read differently by different programs, and only one of them was checked.
fn once<'a>(place: &mut Option<&'a str>, key: &'static str, entry: Entry<'a>) -> Result<(), ManifestError> {
    match place.replace(entry.value) {
        Some(_) => Err(ManifestError::Repeated { line: entry.line, key }),
        None => Ok(()),
    }
}

fn present<'a>(key: &'static str, entry: Entry<'a>) -> Result<Entry<'a>, ManifestError> {
    if entry.value.is_empty() { Err(ManifestError::Blank { line: entry.line, key }) } else { Ok(entry) }
}

fn version(entry: Entry<'_>) -> Result<Entry<'_>, ManifestError> {
    let (line, bytes) = (entry.line, entry.value.len());
    if bytes > LONGEST_VERSION {
        return Err(ManifestError::VersionTooLong { line, bytes });
    }
    if entry.has_tab {
        return Err(ManifestError::Control { line });
    }
    Ok(entry)
}

fn payload_digest(entry: Entry<'_>) -> Result<PayloadDigest, ManifestError> {
    let wrong = || ManifestError::PayloadDigest { line: entry.line };
    let (sha256, name) = entry.value.split_once(' ').ok_or_else(wrong)?;
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let name = MemberName::parse(name.as_bytes(), &NameLimits::default()).map_err(|_| wrong())?;
    Ok(PayloadDigest { sha256: sha256.to_ascii_lowercase(), name })
}

fn post_quantum(entry: Entry<'_>) -> Result<Option<PostQuantum>, ManifestError> {
    let Some((digest, folder)) = entry.value.split_once(',') else { return Ok(None) };
    let line = entry.line;
    if digest.is_empty() {
        return Err(ManifestError::PostQuantumDigest { line, key: entry.key.to_owned() });
    }
    let limits = NameLimits { depth: 1, ..NameLimits::default() };
    let folder = MemberName::parse(folder.as_bytes(), &limits)
        .map_err(|source| ManifestError::PostQuantumFolder { line, key: entry.key.to_owned(), source })?;
    Ok(Some(PostQuantum { digest: digest.to_owned(), folder: folder.as_str().to_owned() }))
}

#[cfg(test)]
mod tests;
