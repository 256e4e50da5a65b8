//! Whole archives, made by the one maker of correct images, taken in from bytes.

use image_builder::{Compression, ImageBuilder};
use image_check::{
    Class, DigestChoice, DiskFolder, Image, KeySet, Nowhere, Rejection, Remark, Rules, SignaturePolicy,
    TrustStore, Verification, VersionFloor,
};
use image_format::{DigestAlgorithm, MinimumVersion, PayloadDigest, Purpose};
use image_ingest::{Incoming, ingest};
use image_signature::{PrivateKey, PublicKey};
use std::sync::LazyLock;

/// Made for tests alone: `openssl genpkey -algorithm EC`, curve P-256.
const KEY: &[u8] = include_bytes!("key.pem");
static SIGNER: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::from_pem(KEY).unwrap());

fn builder<'a>() -> ImageBuilder<'a> {
    let payload: Vec<u8> = (0..3_000_u32).map(|number| (number * number / 7) as u8).collect();
    ImageBuilder::new(Purpose::Psu, "2.1")
        .extended_version("model=m,manufacturer=v")
        .machine_name("bed")
        .payload("psu.bin", payload)
}

fn archive(builder: ImageBuilder<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    builder.sign(&SIGNER, None).write(&mut bytes).unwrap();
    bytes
}

fn rules() -> Rules {
    let key = PublicKey::from_pem(SIGNER.public_key_pem().as_bytes()).unwrap();
    let set = KeySet { name: "OpenBMC".to_owned(), key, digest: DigestAlgorithm::Sha256 };
    Rules { machine: Some("bed".to_owned()), trust: TrustStore::of(vec![set]), ..Rules::default() }
}

fn judge(bytes: &[u8], rules: &Rules) -> Result<Image, Rejection> {
    let folder = tempfile::tempdir().unwrap();
    let mut folder = DiskFolder::create(&folder.path().join("image"), None).unwrap();
    ingest(Incoming { source: bytes, length: None }, &mut folder, rules, &())
}

#[test]
fn every_compression_gives_the_same_signed_image() {
    let compressions = [Compression::None, Compression::Gzip, Compression::Xz, Compression::Bzip2];
    for compression in compressions {
        let image = judge(&archive(builder().compression(compression)), &rules()).unwrap();
        assert!(matches!(image.verification, Verification::Signed { key_set } if key_set == "OpenBMC"));
        assert_eq!((image.purpose, &*image.manifest.version), (Purpose::Psu, "2.1"));
        let names: Vec<_> = image.members.iter().map(|member| member.name.to_string()).collect();
        assert_eq!(names.len(), 6, "{names:?}");
    }
}

#[test]
fn no_beginning_of_an_image_is_taken_for_a_whole_one_or_for_a_broken_one() {
    for compression in [Compression::None, Compression::Gzip, Compression::Xz, Compression::Bzip2] {
        let whole = archive(builder().compression(compression));
        // An archive may end with more zeros than it needs.
        let needed = match compression {
            Compression::None => {
                whole.len() - whole.iter().rev().take_while(|byte| **byte == 0).count() + 1024
            }
            _ => whole.len(),
        };
        let (step, policy) = (if compression == Compression::None { 61 } else { 7 }, SignaturePolicy::Off);
        let rules = Rules { signature: policy, digests: DigestChoice::All, ..rules() };
        for length in (0..needed.min(whole.len())).step_by(step) {
            let incoming = Incoming { source: &whole[..length], length: None };
            let taken = ingest(incoming, &mut Nowhere, &rules, &());
            assert!(matches!(taken, Err(Rejection::Truncated)), "{compression:?} {length}: {taken:?}");
        }
    }
}

#[test]
fn a_payload_that_came_before_its_digest_was_known_is_read_again() {
    for hash_type in ["SHA256", "SHA384", "RSA-SHA512"] {
        let bytes = archive(builder().hash_type(hash_type));
        let mut rules = rules();
        let key = PublicKey::from_pem(SIGNER.public_key_pem().as_bytes()).unwrap();
        let digest = DigestAlgorithm::parse(hash_type).unwrap();
        rules.trust = TrustStore::of(vec![KeySet { name: "A".to_owned(), key, digest }]);
        assert!(matches!(judge(&bytes, &rules).unwrap().verification, Verification::Signed { .. }));
        // Without a folder to read again, all digests are made at once.
        rules.digests = DigestChoice::All;
        let incoming = Incoming { source: &*bytes, length: None };
        assert!(matches!(
            ingest(incoming, &mut Nowhere, &rules, &()).unwrap().verification,
            Verification::Signed { .. }
        ));
    }
}

#[test]
fn one_wrong_bit_anywhere_is_noticed() {
    let whole = archive(builder());
    for place in (0..whole.len()).step_by(37) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        match judge(&bytes, &rules()) {
            Err(_) => {}
            // Fields of headers that nobody goes by, and what fills up a block after a member.
            Ok(image) => {
                let right = judge(&whole, &rules()).unwrap();
                assert_eq!(image.members, right.members, "{place}");
            }
        }
    }
}

#[test]
fn policy_decides_what_becomes_of_an_unsigned_image() {
    let mut bytes = Vec::new();
    builder().write(&mut bytes).unwrap();
    let with = |signature| judge(&bytes, &Rules { signature, ..rules() });
    assert_eq!(with(SignaturePolicy::Required).unwrap_err().class(), Class::Signature);
    assert!(matches!(with(SignaturePolicy::Advisory).unwrap().verification, Verification::Unsigned(_)));
    assert!(matches!(with(SignaturePolicy::Off).unwrap().verification, Verification::Unchecked));
}

#[test]
fn what_the_manifest_says_must_suit_the_machine() {
    let bytes = archive(builder());
    let floor = |purpose, target: Option<&str>, minimum: &str| VersionFloor {
        purpose,
        target: target.map(str::to_owned),
        minimum: MinimumVersion::new(minimum, None).unwrap(),
    };
    let of_supply = Some("model=m,manufacturer=v");
    for (rules, class) in [
        (Rules { machine: Some("other".to_owned()), ..rules() }, Some(Class::Image)),
        (Rules { machine: None, ..rules() }, Some(Class::Image)),
        (Rules { ignored_purposes: vec![Purpose::Psu], ..rules() }, Some(Class::None)),
        (Rules { ignored_purposes: vec![Purpose::Bmc], ..rules() }, None),
        (Rules { floors: vec![floor(Purpose::Psu, None, "2.2")], ..rules() }, Some(Class::Incompatible)),
        (Rules { floors: vec![floor(Purpose::Psu, None, "2.1")], ..rules() }, None),
        (Rules { floors: vec![floor(Purpose::Psu, of_supply, "10")], ..rules() }, Some(Class::Incompatible)),
        (Rules { floors: vec![floor(Purpose::Psu, Some("another"), "10")], ..rules() }, None),
        (Rules { floors: vec![floor(Purpose::Bmc, None, "10")], ..rules() }, None),
    ] {
        let taken = judge(&bytes, &rules);
        assert_eq!(taken.err().map(|rejection| rejection.class()), class);
    }
    let nameless = ImageBuilder::new(Purpose::Other, "1").payload("x", b"y");
    let nameless = archive(nameless);
    assert!(judge(&nameless, &rules()).is_ok());
    let strict = Rules { require_machine_name: true, ..rules() };
    assert_eq!(judge(&nameless, &strict).unwrap_err().class(), Class::Image);
}

#[test]
fn a_version_that_cannot_be_compared_with_the_floor_is_refused_with_both_and_the_reason() {
    let rules = |minimum: &str, pattern| {
        let minimum = MinimumVersion::new(minimum, pattern).unwrap();
        let floor = VersionFloor { purpose: Purpose::Host, target: None, minimum };
        Rules { signature: SignaturePolicy::Off, floors: vec![floor], ..rules() }
    };
    let image = |version: &str| archive(ImageBuilder::new(Purpose::Host, version).payload("x", b"y"));
    let (old, new) = ("IBM-witherspoon-ibm-OP9_v1.19_1.90", "IBM-witherspoon-ibm-OP9-v2.0-2.14");
    let refused = judge(&image(old), &rules(new, None)).unwrap_err();
    assert_eq!(refused.class(), Class::Incompatible);
    assert_eq!(
        refused.to_string(),
        format!(
            "version {old} cannot be compared with {new}, the oldest that is taken: \"_v1.19_1.90\" and \"-v2.0-2.14\" have \
             no order"
        )
    );
    let refused = judge(&image(old), &rules(new, Some("*v#?*"))).unwrap_err();
    assert!(matches!(refused, Rejection::TooOld { .. }), "{refused}");
    assert!(judge(&image(new), &rules(old, Some("*v#?*"))).is_ok());
    let refused = judge(&image("2.1"), &rules("2.0", Some("*v#?*"))).unwrap_err();
    assert!(refused.to_string().ends_with("the pattern \"*v#?*\" does not fit it"), "{refused}");
}

#[test]
fn a_version_floor_of_a_target_holds_however_the_target_is_written_and_where_none_is() {
    let of = |purpose, target: &str| {
        let minimum = MinimumVersion::new("2", None).unwrap();
        let floor = VersionFloor { purpose, target: Some(target.to_owned()), minimum };
        Rules { signature: SignaturePolicy::Off, floors: vec![floor], ..rules() }
    };
    let host = || ImageBuilder::new(Purpose::Host, "1").payload("x", b"y");
    let supply =
        |extended: &str| ImageBuilder::new(Purpose::Psu, "1").extended_version(extended).payload("x", b"y");
    let target = "model=m,manufacturer=v";
    for (name, builder, rules, is_refused) in [
        ("other order", supply("manufacturer=v,model=m"), of(Purpose::Psu, target), true),
        ("more keys", supply("model=m,x=1,manufacturer=v"), of(Purpose::Psu, target), true),
        ("other order of the floor", supply(target), of(Purpose::Psu, "manufacturer=v,model=m"), true),
        ("compatible", host().compatible_name("manufacturer=v,model=m"), of(Purpose::Host, target), true),
        ("other model", supply("manufacturer=v,model=n"), of(Purpose::Psu, target), false),
        ("exact text", host().extended_version("a").compatible_name("b"), of(Purpose::Host, "b"), true),
        ("other text", host().extended_version("a").compatible_name("b"), of(Purpose::Host, "c"), false),
        ("other extended version", host().extended_version("a"), of(Purpose::Host, "b"), false),
        ("other compatible name", host().compatible_name("a"), of(Purpose::Host, "b"), false),
        ("no target", host(), of(Purpose::Host, "b"), true),
        ("no target, other purpose", host(), of(Purpose::Bmc, "b"), false),
    ] {
        let class = judge(&archive(builder), &rules).err().map(|rejection| rejection.class());
        assert_eq!(class, is_refused.then_some(Class::Incompatible), "{name}");
    }
}

#[test]
fn an_image_for_whole_machines_that_names_none_is_remarked_on() {
    let expected = [Purpose::Bmc, Purpose::Host, Purpose::System];
    for purpose in Purpose::ALL {
        let builder = || {
            let builder = ImageBuilder::new(purpose, "1").extended_version("model=m,manufacturer=v");
            builder.payload("image-bmc", b"content")
        };
        let rules = Rules { signature: SignaturePolicy::Off, ..rules() };
        let remarks = |builder| judge(&archive(builder), &rules).unwrap().remarks;
        let is_expected = expected.contains(&purpose);
        assert_eq!(remarks(builder()) == [Remark::NoMachine], is_expected, "{purpose}");
        assert_eq!(remarks(builder()).is_empty(), !is_expected, "{purpose}");
        assert_eq!(remarks(builder().machine_name("bed")), [], "{purpose}");
    }
}

/// The members of an archive, as they stand in it.
fn members(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    use std::io::Read as _;
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().display().to_string(), content)
    });
    entries.collect()
}

/// An archive of such members.
fn put_together(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in parts {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, &**content).unwrap();
    }
    archive.into_inner().unwrap()
}

#[test]
fn the_key_of_a_declared_second_set_of_signatures_is_no_stranger() {
    let sha256 = image_signature::digest(DigestAlgorithm::Sha256, b"content").to_string();
    let builder = ImageBuilder::new(Purpose::Host, "1")
        .line("MLDSA_Hash_Type", "SHA512,second")
        .line(PayloadDigest::KEY, PayloadDigest::value(&sha256, "a"))
        .payload("a", b"content");
    let mut parts = members(&archive(builder));
    parts.push(("second/publickey".to_owned(), b"key".to_vec()));
    parts.push(("second/a.sig".to_owned(), b"signature".to_vec()));
    let taken = judge(&put_together(&parts), &rules());
    assert!(taken.is_ok(), "{taken:?}");
    // Another one's is, and needs a signature besides.
    parts.push(("third/publickey".to_owned(), b"key".to_vec()));
    let refused = judge(&put_together(&parts), &rules()).unwrap_err();
    assert!(refused.to_string().contains("third/publickey has no signature"), "{refused}");
}

#[test]
fn payloads_of_another_image_of_the_same_signer_are_noticed_where_they_are_listed() {
    let image = |version: &str, names: &[&str]| {
        let mut builder = ImageBuilder::new(Purpose::Host, version);
        for name in names {
            let content = format!("{name} of {version}");
            let sha256 = image_signature::digest(DigestAlgorithm::Sha256, content.as_bytes()).to_string();
            builder =
                builder.line(PayloadDigest::KEY, PayloadDigest::value(&sha256, name)).payload(*name, content);
        }
        archive(builder)
    };
    let (old, new) = (members(&image("1", &["a", "b", "c"])), members(&image("2", &["a", "b"])));
    assert!(judge(&put_together(&new), &rules()).is_ok());
    let of = |parts: &[(String, Vec<u8>)], name: &str| {
        parts.iter().find(|(known, _)| known == name).unwrap().clone()
    };
    let replaced = |from: &[(String, Vec<u8>)], names: [&str; 2], by: [&str; 2]| {
        let mut parts = new.clone();
        for (name, other) in names.iter().zip(by) {
            parts.retain(|(known, _)| known != name);
            parts.push(((*name).to_owned(), of(from, other).1));
        }
        parts
    };
    let swapped = {
        let once = replaced(&new, ["a", "a.sig"], ["b", "b.sig"]);
        let mut twice = once.clone();
        for (name, other) in [("b", "a"), ("b.sig", "a.sig")] {
            twice.retain(|(known, _)| known != name);
            twice.push((name.to_owned(), of(&new, other).1));
        }
        twice
    };
    let mut lacking = new.clone();
    lacking.retain(|(name, _)| !name.starts_with('b'));
    let mut more = new.clone();
    more.extend([of(&old, "c"), of(&old, "c.sig")]);
    for (parts, fault) in [
        (replaced(&old, ["a", "a.sig"], ["a", "a.sig"]), "a is another than"),
        (swapped, "a is another than"),
        (lacking, "b is listed in MANIFEST and is not there"),
        (more, "c is not listed"),
    ] {
        let rejection = judge(&put_together(&parts), &rules()).unwrap_err();
        assert!(rejection.to_string().contains(fault), "{rejection}");
    }
    let strict = Rules { require_payload_digests: true, ..rules() };
    assert!(judge(&put_together(&new), &strict).is_ok());
    let silent = judge(&archive(builder()), &strict).unwrap_err();
    assert!(silent.to_string().contains("does not list the payloads"), "{silent}");
}
