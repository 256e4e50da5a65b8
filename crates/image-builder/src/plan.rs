//! What goes into an archive, decided and judged before anything is written.

use crate::archive::LONGEST_MEMBER;
use crate::builder::{Keys, Source};
use crate::{BuildError, ImageBuilder, Purpose};
use image_format::{
    Check, CoverageError, DigestAlgorithm, Manifest, ManifestLimits, MemberName, NameLimits,
    PostQuantumTrust, SupplyIdentity, names, signature_plan,
};
use image_signature::{KeyKind, PrivateKey};
use std::collections::BTreeSet;
use std::io::Read;

/// A ustar header has room for 100 bytes, and the signature's name is longer.
const NAMES: NameLimits = NameLimits { bytes: 100 - names::SIGNATURE_EXTENSION.len(), depth: 1 };

/// An image that would be accepted.
pub struct Plan<'a> {
    pub manifest: String,
    pub payloads: Vec<Payload<'a>>,
    /// Of all members; SHA-256 where nothing is signed.
    pub algorithm: DigestAlgorithm,
    pub signatures: Option<Signatures<'a>>,
}

/// A payload with a name that is good.
pub struct Payload<'a> {
    pub name: MemberName,
    pub length: u64,
    pub content: Box<dyn Read + 'a>,
}

/// Which signatures there are, and whose.
pub struct Signatures<'a> {
    pub keys: Keys<'a>,
    /// Those that will be checked, which is why they are made.
    pub checks: Vec<Check>,
}

impl<'a> Plan<'a> {
    pub fn new(builder: ImageBuilder<'a>) -> Result<Self, BuildError> {
        let ImageBuilder { mut lines, payloads, keys, .. } = builder;
        if let Some(keys) = &keys {
            lines.hash_type.get_or_insert_with(|| usual_hash_type(keys.image).to_owned());
        }
        // First: a list of payloads in the lines has their names too.
        let payloads = name_payloads(payloads)?;
        let text = lines.text()?;
        let manifest = Manifest::parse(text.as_bytes(), &ManifestLimits::default())?;
        if Purpose::parse(&manifest.purpose) == Ok(Purpose::Psu) && !manifest.extended_version.is_empty() {
            SupplyIdentity::parse(&manifest.extended_version)?;
        }
        let algorithm = match &manifest.hash_type {
            Some(name) => DigestAlgorithm::parse(name)?,
            None => DigestAlgorithm::Sha256,
        };
        let signatures = match keys {
            Some(keys) => Some(Signatures { keys, checks: checks(&manifest, &payloads)? }),
            None => None,
        };
        Ok(Self { manifest: text, payloads, algorithm, signatures })
    }
}

fn usual_hash_type(key: &PrivateKey) -> &'static str {
    match key.public().kind() {
        KeyKind::Rsa { .. } => "RSA-SHA256",
        _ => "SHA256",
    }
}

fn name_payloads(sources: Vec<Source<'_>>) -> Result<Vec<Payload<'_>>, BuildError> {
    if sources.is_empty() {
        return Err(CoverageError::NoPayload.into());
    }
    // Made by us; and folded, so that no unpacker sees two members where another sees one.
    let mut taken = BTreeSet::new();
    let reserved = [MemberName::manifest(), MemberName::public_key()].map(|name| name.folded());
    let mut payloads = Vec::new();
    for Source { name, length, content } in sources {
        let name =
            MemberName::parse(name.as_bytes(), &NAMES).map_err(|source| BuildError::Name { name, source })?;
        if name.is_signature() || reserved.contains(&name.folded()) {
            return Err(BuildError::Reserved { name });
        }
        if !taken.insert(name.folded()) {
            return Err(BuildError::Twice { name });
        }
        if length > LONGEST_MEMBER {
            return Err(BuildError::TooLong { name, length });
        }
        payloads.push(Payload { name, length, content });
    }
    Ok(payloads)
}

/// What an image manager will check, and so what has to be signed.
fn checks(manifest: &Manifest, payloads: &[Payload<'_>]) -> Result<Vec<Check>, BuildError> {
    let mut members = BTreeSet::from([MemberName::manifest(), MemberName::public_key()]);
    members.extend(payloads.iter().map(|payload| payload.name.clone()));
    let signatures = members.iter().map(MemberName::signature).collect::<Vec<_>>();
    members.extend(signatures);
    if Purpose::parse(&manifest.purpose) == Ok(Purpose::Bmc) {
        members.insert(MemberName::full_image_signature());
    }
    Ok(signature_plan(manifest, &members, &PostQuantumTrust::default())?)
}
