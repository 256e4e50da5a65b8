//! Signatures over members that are written.

use crate::builder::Keys;
use crate::{BuildError, Member};
use image_format::{Check, DigestAlgorithm, KeyRole, MemberName, Subject};
use image_signature::{DigestValue, Digester};

/// A signature that has been made.
pub struct Signed {
    pub name: MemberName,
    pub signature: Vec<u8>,
}

/// Makes every signature that will be checked, over members with these digests, in the order of the archive.
pub fn sign(
    checks: &[Check],
    keys: Keys<'_>,
    algorithm: DigestAlgorithm,
    members: &[Member],
) -> Result<Vec<Signed>, BuildError> {
    let mut made: Vec<Signed> = Vec::new();
    for member in members {
        for check in checks.iter().filter(|check| check.subject == Subject::Member(member.name.clone())) {
            made.push(make(check, keys, &member.digest)?);
        }
    }
    // Over signatures, so it comes when those are there.
    for check in checks {
        let Subject::FullImage(parts) = &check.subject else { continue };
        let mut digester = Digester::new(algorithm);
        for part in parts {
            made.iter()
                .filter(|signed| signed.name == *part)
                .for_each(|part| digester.update(&part.signature));
        }
        made.push(make(check, keys, &digester.finish())?);
    }
    Ok(made)
}

fn make(check: &Check, keys: Keys<'_>, digest: &DigestValue) -> Result<Signed, BuildError> {
    let key = match check.key {
        KeyRole::System => keys.system,
        KeyRole::Archive => keys.image,
    };
    Ok(Signed { name: check.signature.clone(), signature: key.sign(digest)? })
}
