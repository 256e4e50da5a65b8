//! Members one after another.

use crate::plan::Plan;
use crate::{BuildError, signer};
use image_format::{DigestAlgorithm, MemberName};
use image_signature::{DigestValue, Digester};
use std::io::{self, Read, Write};
use tar::{EntryType, Header};

/// Longest member, bytes: what the eleven octal digits of a header can say.
pub const LONGEST_MEMBER: u64 = 0o777_7777_7777;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Built {
    /// The MANIFEST.
    pub manifest: String,
    /// The members, in their order.
    pub members: Vec<Member>,
}

/// A file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Its name.
    pub name: MemberName,
    /// Its length, bytes.
    pub length: u64,
    /// Its digest, by the algorithm of the signatures, or SHA-256 where there are none.
    pub digest: DigestValue,
}

/// Writes an image that was judged.
pub fn write(plan: Plan<'_>, out: impl Write) -> Result<Built, BuildError> {
    let mut archive = Archive { tar: tar::Builder::new(out), algorithm: plan.algorithm, members: Vec::new() };
    for payload in plan.payloads {
        archive.append(payload.name, payload.length, payload.content)?;
    }
    archive.append_bytes(MemberName::manifest(), plan.manifest.as_bytes())?;
    if let Some(signatures) = plan.signatures {
        let public_key = signatures.keys.image.public_key_pem();
        archive.append_bytes(MemberName::public_key(), public_key.as_bytes())?;
        let made = signer::sign(&signatures.checks, signatures.keys, plan.algorithm, &archive.members)?;
        made.into_iter().try_for_each(|signed| archive.append_bytes(signed.name, &signed.signature))?;
    }
    archive.tar.finish().map_err(BuildError::Write)?;
    Ok(Built { manifest: plan.manifest, members: archive.members })
}

struct Archive<W: Write> {
    tar: tar::Builder<W>,
    algorithm: DigestAlgorithm,
    members: Vec<Member>,
}

impl<W: Write> Archive<W> {
    fn append_bytes(&mut self, name: MemberName, content: &[u8]) -> Result<(), BuildError> {
        self.append(name, content.len() as u64, content)
    }

    fn append(&mut self, name: MemberName, length: u64, content: impl Read) -> Result<(), BuildError> {
        let header = header(&name, length).map_err(BuildError::Write)?;
        // One byte more is enough to know that a stream does not end where it should.
        let mut content = Hashed {
            inner: content.take(length.saturating_add(1)),
            digester: Digester::new(self.algorithm),
            length: 0,
            failed: false,
        };
        if let Err(source) = self.tar.append(&header, &mut content) {
            return Err(if content.failed {
                BuildError::Read { name, source }
            } else {
                BuildError::Write(source)
            });
        }
        if content.length != length {
            return Err(BuildError::Length { name, expected: length, found: content.length });
        }
        self.members.push(Member { name, length, digest: content.digester.finish() });
        Ok(())
    }
}

fn header(name: &MemberName, length: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name.as_str())?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_username("root")?;
    header.set_groupname("root")?;
    header.set_mtime(0);
    header.set_size(length);
    header.set_cksum();
    Ok(header)
}

/// A stream whose bytes are hashed and counted as they pass.
struct Hashed<R> {
    inner: R,
    digester: Digester,
    length: u64,
    /// Reading failed, and not what is done with the bytes.
    failed: bool,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        match &read {
            Ok(length) => {
                self.digester.update(buffer.get(..*length).unwrap_or_default());
                self.length = self.length.saturating_add(*length as u64);
            }
            Err(error) => self.failed = error.kind() != io::ErrorKind::Interrupted,
        }
        read
    }
}
