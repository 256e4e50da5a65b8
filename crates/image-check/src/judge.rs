//! Whether an image that says such things of itself is wanted here.

use crate::{Rejection, Rules, VersionFloor};
use image_format::{
    DigestAlgorithm, DigestError, Excerpt, IdentityError, Manifest, Purpose, PurposeError, SupplyIdentity,
    VersionFault,
};

/// Why an image does not suit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JudgeError {
    /// Its purpose is none that is known.
    #[error("MANIFEST: {0}")]
    Purpose(#[from] PurposeError),
    /// It is for another machine.
    #[error("Machine name does not match: the image is for {}, this machine is {machine}", Excerpt::of(.image))]
    Machine {
        /// What the image says.
        image: String,
        /// What the machine is, in words where that is not known.
        machine: String,
    },
    /// It does not say for which machine it is.
    #[error("MANIFEST names no machine, and one must be named")]
    NoMachine,
    /// A power supply's image that does not say for which.
    #[error(
        "MANIFEST does not say which power supplies the image is for: {0}; write \
        extended_version=model=MODEL,manufacturer=MAKER into it"
    )]
    Supply(#[from] IdentityError),
}

/// A manifest that suits.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) manifest: Manifest,
    pub(crate) purpose: Purpose,
    /// What its payloads' signatures are over; none when it says nothing, or something that is no digest.
    pub(crate) digest: Option<DigestAlgorithm>,
    /// Why there is no digest.
    pub(crate) digest_fault: Option<DigestError>,
}

/// Judges a manifest.
pub(crate) fn judge(manifest: Manifest, rules: &Rules) -> Result<Judged, Rejection> {
    let purpose = match Purpose::parse(&manifest.purpose) {
        Ok(purpose) => purpose,
        Err(_) if rules.allow_unknown_purpose => Purpose::Unknown,
        Err(error) => return Err(JudgeError::Purpose(error).into()),
    };
    if rules.ignored_purposes.contains(&purpose) {
        return Err(Rejection::Ignored { purpose: purpose.word() });
    }
    judge_machine(&manifest, rules)?;
    if purpose == Purpose::Psu {
        SupplyIdentity::parse(&manifest.extended_version).map_err(JudgeError::Supply)?;
    }
    for floor in &rules.floors {
        judge_version(&manifest, purpose, floor)?;
    }
    let (digest, digest_fault) = match manifest.hash_type.as_deref().map(DigestAlgorithm::parse) {
        Some(Ok(digest)) => (Some(digest), None),
        Some(Err(fault)) => (None, Some(fault)),
        None => (None, None),
    };
    Ok(Judged { manifest, purpose, digest, digest_fault })
}

fn judge_machine(manifest: &Manifest, rules: &Rules) -> Result<(), JudgeError> {
    match (&manifest.machine_name, &rules.machine) {
        (None, _) if rules.require_machine_name => Err(JudgeError::NoMachine),
        (None, _) => Ok(()),
        (Some(_), _) if rules.any_machine => Ok(()),
        (Some(image), Some(machine)) if image == machine => Ok(()),
        (Some(image), machine) => Err(JudgeError::Machine {
            image: image.clone(),
            machine: machine.clone().unwrap_or_else(|| "of no known name".to_owned()),
        }),
    }
}

fn judge_version(manifest: &Manifest, purpose: Purpose, floor: &VersionFloor) -> Result<(), Rejection> {
    let is_meant = |target: &String| is_for(manifest, target);
    let applies = floor.purpose == purpose && floor.target.as_ref().is_none_or(is_meant);
    if !applies {
        return Ok(());
    }
    floor.minimum.judge(&manifest.version).map_err(|fault| {
        let (minimum, actual) = (floor.minimum.as_str().to_owned(), manifest.version.clone());
        let purpose = purpose.full();
        match fault {
            VersionFault::Older => Rejection::TooOld { minimum, actual, purpose },
            fault => Rejection::Incomparable { minimum, actual, purpose, fault: Box::new(fault) },
        }
    })
}

/// Whether an image may be for a target: of one that names none, nobody can say that it is not.
fn is_for(manifest: &Manifest, target: &str) -> bool {
    let extended = Some(&manifest.extended_version).filter(|text| !text.is_empty());
    let mut names = manifest.compatible_names.iter().chain(extended).peekable();
    names.peek().is_none() || names.any(|name| is_same(name, target))
}

/// Whether two names are one target's. The same power supplies can be written in more than one way.
fn is_same(name: &str, target: &str) -> bool {
    let supplies = || SupplyIdentity::parse(name).ok().zip(SupplyIdentity::parse(target).ok());
    name == target || supplies().is_some_and(|(name, target)| name == target)
}
