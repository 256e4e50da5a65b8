//! Whether an image that was taken in by earlier rules would be taken in by those of now.

use crate::judge::judge;
use crate::{Rejection, Rules, SignatureFault, SignaturePolicy};
use image_format::Manifest;

/// Judges an image that was taken in before, and has not changed since, by its manifest and by whose key vouched for it.
///
/// `signer` is the fingerprint of the machine's key that had signed it, as [`crate::TrustStore::fingerprint_of`] gives it;
/// none where it was not signed as it should be, or nobody had looked.
///
/// Errors: [`Rejection`], as it would be given for the same image now.
pub fn review(manifest: &[u8], signer: Option<&str>, rules: &Rules) -> Result<(), Rejection> {
    let judged = judge(Manifest::parse(manifest, &rules.manifest)?, rules)?;
    if rules.signature != SignaturePolicy::Required {
        return Ok(());
    }
    let trust = &rules.trust;
    if trust.sets().is_empty() {
        return Err(SignatureFault::NoTrust.into());
    }
    let is_trusted =
        |signer: &str| trust.sets().iter().any(|set| set.key.fingerprint().to_string() == signer);
    // Nothing that such a key has signed can be checked here.
    let signer = signer.ok_or(SignatureFault::Unvouched)?;
    if trust.has_post_quantum() || !is_trusted(signer) {
        return Err(SignatureFault::NoLonger.into());
    }
    if rules.require_payload_digests && judged.manifest.payload_digests.is_empty() {
        return Err(SignatureFault::NothingListed.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TrustStore, VersionFloor};
    use image_format::{MinimumVersion, Purpose};

    const MANIFEST: &[u8] =
        b"purpose=xyz.openbmc_project.Software.Version.VersionPurpose.Other\nversion=2\nMachineName=m\n";

    fn rules() -> Rules {
        Rules { signature: SignaturePolicy::Off, machine: Some("m".to_owned()), ..Rules::default() }
    }

    fn floor(purpose: Purpose, minimum: &str) -> Vec<VersionFloor> {
        vec![VersionFloor { purpose, target: None, minimum: MinimumVersion::new(minimum, None).unwrap() }]
    }

    #[test]
    fn only_rules_that_are_meant_for_an_image_turn_it_away() {
        for (rules, is_taken) in [
            (rules(), true),
            (Rules { floors: floor(Purpose::Psu, "9"), ..rules() }, true),
            (Rules { floors: floor(Purpose::Other, "2"), ..rules() }, true),
            (Rules { floors: floor(Purpose::Other, "9"), ..rules() }, false),
            (Rules { floors: floor(Purpose::Other, "fw1"), ..rules() }, false),
            (Rules { machine: Some("other".to_owned()), ..rules() }, false),
            // As of an os-release that says no name, or one with hidden characters.
            (Rules { machine: None, ..rules() }, false),
            (Rules { machine: Some("m\u{200b}".to_owned()), ..rules() }, false),
            (Rules { ignored_purposes: vec![Purpose::Other], ..rules() }, false),
            (Rules { signature: SignaturePolicy::Advisory, ..rules() }, true),
            (Rules { signature: SignaturePolicy::Required, ..rules() }, false),
        ] {
            assert_eq!(review(MANIFEST, None, &rules).is_ok(), is_taken, "{rules:?}");
        }
    }

    #[test]
    fn a_machine_without_keys_vouches_for_nothing_any_more() {
        let rules = Rules { signature: SignaturePolicy::Required, trust: TrustStore::default(), ..rules() };
        let error = review(MANIFEST, Some("00"), &rules).unwrap_err();
        assert!(matches!(error, Rejection::Signature(SignatureFault::NoTrust)), "{error}");
    }
}
