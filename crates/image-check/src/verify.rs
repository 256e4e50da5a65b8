//! Checks an image's signatures against the digests of what was written.

use crate::digests::Digesting;
use crate::receiver::{Received, Written};
use crate::{Folder, KeySet, Rejection, Rules, SignaturePolicy};
use image_format::{
    Check, CoverageError, DigestAlgorithm, DigestError, KeyRole, MemberName, Subject, names, signature_plan,
};
use image_signature::{DigestValue, Digester, KeyError, PublicKey, SignatureError};

/// What an image's signatures came to.
#[derive(Debug)]
pub enum Verification {
    /// All are right.
    Signed {
        /// Name of the key set that vouches for it.
        key_set: String,
    },
    /// They are not, and it was not required.
    Unsigned(SignatureFault),
    /// Nobody looked.
    Unchecked,
}

/// What is wrong with an image's signatures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureFault {
    /// Something is not signed that should be, or the reverse.
    #[error(transparent)]
    Coverage(#[from] CoverageError),
    /// The machine trusts no key.
    #[error("this machine has no key to check images with")]
    NoTrust,
    /// No key of the machine fits.
    #[error("no key of this machine has signed {subject}")]
    NotTrusted {
        /// What should be signed.
        subject: MemberName,
    },
    /// It was taken in without signatures, or nobody had looked at them.
    #[error("it was taken in without signatures")]
    Unvouched,
    /// The key that had signed it counts no more.
    #[error("the key that signed it is none of this machine's any more")]
    NoLonger,
    /// A key of the machine has signed the manifest, and not the image's key.
    #[error("{subject} is not signed by the key that signed MANIFEST: {source}")]
    OtherKey {
        /// What should be signed.
        subject: MemberName,
        /// Why not.
        source: SignatureError,
    },
    /// The image's digest is none that counts.
    #[error("MANIFEST: HashType: {0}")]
    Digest(#[from] DigestError),
    /// The image's key is none that counts.
    #[error("publickey: {0}")]
    Key(#[from] KeyError),
    /// The image's key is longer than any.
    #[error("publickey is longer than any key")]
    LongKey,
    /// A signature is longer than any.
    #[error("{0} is longer than any signature")]
    LongSignature(MemberName),
    /// The manifest does not say what belongs to the image, and it must.
    #[error("MANIFEST does not list the payloads, and it must")]
    NothingListed,
    /// A payload that the manifest lists is not there.
    #[error("{0} is listed in MANIFEST and is not there")]
    Lacking(MemberName),
    /// A payload is another than the one that the manifest lists.
    #[error("{0} is another than the one that MANIFEST lists")]
    Another(MemberName),
    /// A payload is not listed in the manifest, which lists others.
    #[error("{0} is not listed in MANIFEST")]
    Stranger(MemberName),
    /// A signature is not over what it should be over, or not by the image's key.
    #[error("{signature}: {source}")]
    Wrong {
        /// The signature.
        signature: MemberName,
        /// Why.
        source: SignatureError,
    },
}

/// Checks what the policy wants checked.
///
/// Errors: [`Rejection::Signature`] where signatures are required; [`Rejection::Storage`].
pub(crate) fn verify<F: Folder>(
    received: &Received,
    folder: &F,
    rules: &Rules,
) -> Result<Verification, Rejection> {
    if rules.signature == SignaturePolicy::Off {
        return Ok(Verification::Unchecked);
    }
    match (Verifier { received, folder, rules }.check(), rules.signature) {
        (Ok(key_set), _) => Ok(Verification::Signed { key_set }),
        (Err(Rejection::Signature(fault)), SignaturePolicy::Advisory) => Ok(Verification::Unsigned(fault)),
        (Err(rejection), _) => Err(rejection),
    }
}

struct Verifier<'a, F> {
    received: &'a Received,
    folder: &'a F,
    rules: &'a Rules,
}

impl<F: Folder> Verifier<'_, F> {
    fn check(&self) -> Result<String, Rejection> {
        let trust = &self.rules.trust;
        let members = self.received.members.keys().cloned().collect();
        let judged = &self.received.judged;
        let plan = signature_plan(&judged.manifest, &members, &trust.post_quantum());
        let plan = plan.map_err(SignatureFault::Coverage)?;
        let (by_system, by_image): (Vec<_>, Vec<_>) =
            plan.iter().partition(|check| check.key == KeyRole::System);
        let set = self.trusted_set(&by_system)?;
        let digest = match (&judged.digest_fault, judged.digest) {
            (Some(fault), _) => return Err(SignatureFault::Digest(fault.clone()).into()),
            (None, Some(digest)) => digest,
            (None, None) => return Err(SignatureFault::Coverage(CoverageError::NoHashType).into()),
        };
        let key = self.content(names::PUBLIC_KEY).ok_or(SignatureFault::LongKey)?;
        let key = PublicKey::from_pem(key).map_err(SignatureFault::Key)?;
        for check in by_image {
            let value = self.digest_of(&check.subject, digest)?;
            self.check_one(&key, &value, check)?;
        }
        self.check_belonging()?;
        Ok(set.name.clone())
    }

    /// Whether the payloads are those that the manifest lists, where it does.
    fn check_belonging(&self) -> Result<(), SignatureFault> {
        let manifest = &self.received.judged.manifest;
        let listed = &manifest.payload_digests;
        if listed.is_empty() {
            let is_needed = self.rules.require_payload_digests;
            return if is_needed { Err(SignatureFault::NothingListed) } else { Ok(()) };
        }
        for entry in listed {
            let written = self.received.members.get(&entry.name);
            let written = written.ok_or_else(|| SignatureFault::Lacking(entry.name.clone()))?;
            if written.digests.sha256.to_string() != entry.sha256 {
                return Err(SignatureFault::Another(entry.name.clone()));
            }
        }
        let payloads = self.received.members.keys().filter(|name| manifest.is_payload(name));
        let mut strangers = payloads.filter(|name| !listed.iter().any(|entry| entry.name == **name));
        strangers.next().map_or(Ok(()), |name| Err(SignatureFault::Stranger(name.clone())))
    }

    /// The first key set that has signed all that a key set must sign.
    fn trusted_set(&self, checks: &[&Check]) -> Result<&KeySet, Rejection> {
        let sets = self.rules.trust.sets();
        if sets.is_empty() {
            return Err(SignatureFault::NoTrust.into());
        }
        let mut fault = None;
        for set in sets {
            match self.is_signed_by(set, checks) {
                Ok(()) => return Ok(set),
                // That of a set which has signed a part says more than that of one which has signed nothing.
                Err(Rejection::Signature(new)) => {
                    if fault.is_none() || matches!(new, SignatureFault::OtherKey { .. }) {
                        fault = Some(new);
                    }
                }
                Err(rejection) => return Err(rejection),
            }
        }
        Err(fault.unwrap_or(SignatureFault::NoTrust).into())
    }

    fn is_signed_by(&self, set: &KeySet, checks: &[&Check]) -> Result<(), Rejection> {
        for (number, check) in checks.iter().enumerate() {
            let value = self.digest_of(&check.subject, set.digest)?;
            let Err(rejection) = self.check_one(&set.key, &value, check) else { continue };
            let subject = match &check.subject {
                Subject::Member(name) => name.clone(),
                Subject::FullImage(_) => return Err(rejection),
            };
            return Err(match rejection {
                Rejection::Signature(SignatureFault::Wrong { source, .. }) if number > 0 => {
                    SignatureFault::OtherKey { subject, source }.into()
                }
                Rejection::Signature(SignatureFault::Wrong { .. }) => {
                    SignatureFault::NotTrusted { subject }.into()
                }
                other => other,
            });
        }
        Ok(())
    }

    fn check_one(&self, key: &PublicKey, value: &DigestValue, check: &Check) -> Result<(), Rejection> {
        let signature = self.content(check.signature.as_str());
        let signature = signature.ok_or_else(|| SignatureFault::LongSignature(check.signature.clone()))?;
        key.verify(value, signature)
            .map_err(|source| SignatureFault::Wrong { signature: check.signature.clone(), source }.into())
    }

    fn digest_of(&self, subject: &Subject, algorithm: DigestAlgorithm) -> Result<DigestValue, Rejection> {
        match subject {
            Subject::Member(name) => self.digest_of_member(name, algorithm),
            Subject::FullImage(parts) => {
                let mut digester = Digester::new(algorithm);
                for part in parts {
                    let content = self.content(part.as_str());
                    digester.update(content.ok_or_else(|| SignatureFault::LongSignature(part.clone()))?);
                }
                Ok(digester.finish())
            }
        }
    }

    fn digest_of_member(
        &self,
        name: &MemberName,
        algorithm: DigestAlgorithm,
    ) -> Result<DigestValue, Rejection> {
        let gone = || Rejection::Storage(std::io::ErrorKind::NotFound.into());
        let written = self.received.members.get(name).ok_or_else(gone)?;
        if let Some(value) = written.digests.get(algorithm) {
            return Ok(*value);
        }
        let file = self.folder.open(name).map_err(Rejection::Storage)?;
        Digesting::again(file, &written.digests, algorithm)
    }

    /// The bytes of a small member.
    fn content(&self, name: &str) -> Option<&[u8]> {
        let found = self.received.members.iter().find(|(member, _)| member.as_str() == name);
        found.and_then(|(_, written): (_, &Written)| written.content.as_deref())
    }
}
