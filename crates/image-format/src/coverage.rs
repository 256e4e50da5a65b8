use crate::{Manifest, MemberName, Purpose, names};
use std::collections::BTreeSet;

/// One signature, what it is over, and whose it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is signed.
    pub subject: Subject,
    /// The member that is the signature.
    pub signature: MemberName,
    /// The key that it must be made with.
    pub key: KeyRole,
}

/// What a signature is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The bytes of a member.
    Member(MemberName),
    /// The bytes of several, put together in this order. Those that are empty are among them and add nothing.
    FullImage(Vec<MemberName>),
}

/// Whose key a signature is checked with, and which digest goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRole {
    /// One of the trust store's key sets, with that set's digest. All checks of this role must pass with the same set.
    System,
    /// The archive's own, [`names::PUBLIC_KEY`], with the MANIFEST's digest. Good for nothing before it was checked itself.
    Archive,
}

/// The post-quantum keys of the trust store, each known by the name of the folder that has the signatures in an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostQuantumTrust(BTreeSet<String>);

impl<S: Into<String>> FromIterator<S> for PostQuantumTrust {
    fn from_iter<I: IntoIterator<Item = S>>(folders: I) -> Self {
        Self(folders.into_iter().map(Into::into).collect())
    }
}

/// Why an archive cannot be trusted, before any signature is computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoverageError {
    /// The trust store demands signatures that this program cannot check. Going on without would undo that demand.
    #[error("the trust store has a key for {folder}, and this program has no such algorithm")]
    PostQuantum {
        /// The folder of the algorithm.
        folder: String,
    },
    /// There is no MANIFEST.
    #[error("there is no MANIFEST")]
    NoManifest,
    /// There is no public key.
    #[error("there is no public key")]
    NoPublicKey,
    /// A member has no signature.
    #[error("{member} has no signature")]
    NoSignature {
        /// The member.
        member: MemberName,
    },
    /// An image for the management controller has no signature over all its signatures.
    #[error("there is no {}", names::FULL_IMAGE_SIGNATURE)]
    NoFullImageSignature,
    /// There is nothing to install.
    #[error("there is no payload")]
    NoPayload,
    /// A signature covers nothing that is checked.
    #[error("{signature} is no member's signature")]
    Orphan {
        /// The signature.
        signature: MemberName,
    },
    /// The MANIFEST does not say by which digest the archive's key signs.
    #[error("the MANIFEST has no HashType")]
    NoHashType,
}

/// What has to be checked before an archive may be trusted: every member is covered, or the archive is refused.
///
/// `members` are the names of its files, without folders. Signatures need no signature. Nor do those of a post-quantum set
/// that the MANIFEST declares, and its key: without a key in the trust store nothing says that they are right, and nothing
/// uses them.
///
/// An image for the management controller must have [`names::FULL_IMAGE_SIGNATURE`]: each member's signature holds for its
/// bytes alone, so this one is all that tells a member from another of the same signer, of an older image or under
/// another's name. For other purposes that signature, if there is one, is not looked at.
///
/// The checks are in this order: MANIFEST, public key, payloads by name, full image.
///
/// Errors: [`CoverageError`].
pub fn signature_plan(
    manifest: &Manifest,
    members: &BTreeSet<MemberName>,
    trust: &PostQuantumTrust,
) -> Result<Vec<Check>, CoverageError> {
    let declared = manifest.post_quantum.as_ref().map(|second| second.folder.as_str());
    refuse_post_quantum(declared, trust)?;
    if !members.contains(names::MANIFEST) {
        return Err(CoverageError::NoManifest);
    }
    if !members.contains(names::PUBLIC_KEY) {
        return Err(CoverageError::NoPublicKey);
    }
    let payloads = members.iter().filter(|member| manifest.is_payload(member)).collect::<Vec<_>>();
    if payloads.is_empty() {
        return Err(CoverageError::NoPayload);
    }
    let mut checks = Vec::new();
    for member in [MemberName::manifest(), MemberName::public_key()] {
        checks.push(check(&member, KeyRole::System, members)?);
    }
    for member in payloads {
        checks.push(check(member, KeyRole::Archive, members)?);
    }
    if let Some(signature) = members.iter().find(|member| is_orphan(member, members, declared)) {
        return Err(CoverageError::Orphan { signature: signature.clone() });
    }
    if manifest.hash_type.is_none() {
        return Err(CoverageError::NoHashType);
    }
    if Purpose::parse(&manifest.purpose) == Ok(Purpose::Bmc) {
        checks.push(full_image(members)?);
    }
    Ok(checks)
}

/// A key in the trust store makes its signatures mandatory for every image. An image that declares none, or those of
/// another algorithm, would otherwise be the way around it.
fn refuse_post_quantum(declared: Option<&str>, trust: &PostQuantumTrust) -> Result<(), CoverageError> {
    let declared = declared.and_then(|folder| trust.0.get(folder));
    match declared.or_else(|| trust.0.first()) {
        Some(folder) => Err(CoverageError::PostQuantum { folder: folder.clone() }),
        None => Ok(()),
    }
}

fn is_orphan(member: &MemberName, members: &BTreeSet<MemberName>, declared: Option<&str>) -> bool {
    let is_excepted = member.as_str() == names::FULL_IMAGE_SIGNATURE
        || declared.is_some_and(|folder| member.is_below(folder));
    // The signature of a signature is none that anybody checks.
    let signs = |signed: MemberName| !signed.is_signature() && members.contains(&signed);
    member.is_signature() && !is_excepted && !member.signed().is_some_and(signs)
}

fn check(member: &MemberName, key: KeyRole, members: &BTreeSet<MemberName>) -> Result<Check, CoverageError> {
    let signature = member.signature();
    if !members.contains(&signature) {
        return Err(CoverageError::NoSignature { member: member.clone() });
    }
    Ok(Check { subject: Subject::Member(member.clone()), signature, key })
}

fn full_image(members: &BTreeSet<MemberName>) -> Result<Check, CoverageError> {
    if !members.contains(names::FULL_IMAGE_SIGNATURE) {
        return Err(CoverageError::NoFullImageSignature);
    }
    let parts = names::FULL_IMAGE_PARTS.iter().filter_map(|part| members.get(*part).cloned());
    Ok(Check {
        subject: Subject::FullImage(parts.collect()),
        signature: MemberName::full_image_signature(),
        key: KeyRole::Archive,
    })
}

#[cfg(test)]
mod tests;
