use super::*;
use crate::{ManifestLimits, NameLimits};

const PSU: &str = "PSU";
const SIGNED: [&str; 6] = ["MANIFEST", "MANIFEST.sig", "publickey", "publickey.sig", "fw.bin", "fw.bin.sig"];

fn manifest(purpose: &str, more: &str) -> Manifest {
    let text = format!(
        "purpose=xyz.openbmc_project.Software.Version.VersionPurpose.{purpose}\nversion=1\n{more}HashType=SHA256\n"
    );
    Manifest::parse(text.as_bytes(), &ManifestLimits::default()).unwrap()
}

fn members<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<MemberName> {
    let name = |name: &str| MemberName::parse(name.as_bytes(), &NameLimits::default()).unwrap();
    names.into_iter().map(name).collect()
}

/// Each check as `subject<signature:role`.
fn shown(checks: Vec<Check>) -> Vec<String> {
    let show = |check: Check| {
        let subject = match check.subject {
            Subject::Member(member) => member.to_string(),
            Subject::FullImage(parts) => parts.iter().map(MemberName::as_str).collect::<Vec<_>>().join("+"),
        };
        format!("{subject}<{}:{:?}", check.signature, check.key)
    };
    checks.into_iter().map(show).collect()
}

fn plan(manifest: &Manifest, names: &[&str]) -> Result<Vec<String>, CoverageError> {
    let checks = signature_plan(manifest, &members(names.iter().copied()), &PostQuantumTrust::default());
    checks.map(shown)
}

fn unsigned(member: &str) -> Result<Vec<String>, CoverageError> {
    Err(CoverageError::NoSignature { member: members([member]).pop_first().unwrap() })
}

fn orphan(signature: &str) -> Result<Vec<String>, CoverageError> {
    Err(CoverageError::Orphan { signature: members([signature]).pop_first().unwrap() })
}

#[test]
fn the_system_vouches_for_the_key_and_the_key_for_every_payload() {
    let names = [&SIGNED[..], &["data/table", "data/table.sig"]].concat();
    let expected = [
        "MANIFEST<MANIFEST.sig:System",
        "publickey<publickey.sig:System",
        "data/table<data/table.sig:Archive",
        "fw.bin<fw.bin.sig:Archive",
    ];
    assert_eq!(plan(&manifest(PSU, ""), &names).unwrap(), expected);
}

#[test]
fn nothing_in_an_archive_is_left_without_a_signature() {
    let psu = manifest(PSU, "");
    for (left_out, expected) in [
        ("MANIFEST", Err(CoverageError::NoManifest)),
        ("publickey", Err(CoverageError::NoPublicKey)),
        ("fw.bin", Err(CoverageError::NoPayload)),
        ("MANIFEST.sig", unsigned("MANIFEST")),
        ("publickey.sig", unsigned("publickey")),
        ("fw.bin.sig", unsigned("fw.bin")),
    ] {
        let names = SIGNED.into_iter().filter(|name| *name != left_out).collect::<Vec<_>>();
        assert_eq!(plan(&psu, &names), expected, "{left_out}");
    }
    for extra in ["extra", "data/fw.bin", "data/publickey", "data/MANIFEST", "manifest", "fw.bin.SIG"] {
        assert_eq!(plan(&psu, &[&SIGNED[..], &[extra]].concat()), unsigned(extra), "{extra}");
    }
    assert_eq!(plan(&psu, &[]), Err(CoverageError::NoManifest));
}

#[test]
fn a_signature_of_nothing_is_refused() {
    let psu = manifest(PSU, "");
    for extra in ["gone.sig", "fw.bin.sig.sig", "data/fw.bin.sig", ".sig", "...sig", "data/image-full.sig"] {
        assert_eq!(plan(&psu, &[&SIGNED[..], &[extra]].concat()), orphan(extra), "{extra}");
    }
}

#[test]
fn the_archive_says_by_which_digest_its_key_signs() {
    let without = Manifest { hash_type: None, ..manifest(PSU, "") };
    assert_eq!(plan(&without, &SIGNED), Err(CoverageError::NoHashType));
}

#[test]
fn an_image_of_the_management_controller_is_signed_as_a_whole() {
    let parts = ["image-u-boot", "image-rwfs", "image-rofs", "image-kernel"];
    let signatures = parts.map(|part| format!("{part}.sig"));
    let mut names = SIGNED.to_vec();
    names.extend(parts);
    names.extend(signatures.iter().map(String::as_str));
    let bmc = manifest("BMC", "");
    assert_eq!(plan(&bmc, &names), Err(CoverageError::NoFullImageSignature));

    names.push("image-full.sig");
    let whole = "image-kernel.sig+image-rofs.sig+image-rwfs.sig+image-u-boot.sig+MANIFEST.sig+publickey.sig";
    let checks = plan(&bmc, &names).unwrap();
    assert_eq!(checks.len(), 2 + 1 + 4 + 1);
    assert_eq!(checks.last(), Some(&format!("{whole}<image-full.sig:Archive")));
}

#[test]
fn the_order_of_the_whole_is_that_of_the_signers() {
    let expected = [
        "image-bmc.sig",
        "image-hostfw.sig",
        "image-kernel.sig",
        "image-rofs.sig",
        "image-rwfs.sig",
        "image-u-boot.sig",
        "MANIFEST.sig",
        "publickey.sig",
    ];
    assert_eq!(names::FULL_IMAGE_PARTS, expected);
}

#[test]
fn for_other_purposes_the_signature_of_the_whole_is_not_looked_at() {
    for purpose in ["PSU", "Host", "System", "Other", "Unknown"] {
        let manifest = manifest(purpose, "");
        let checks = plan(&manifest, &[&SIGNED[..], &["image-full.sig"]].concat());
        assert_eq!(checks, plan(&manifest, &SIGNED), "{purpose}");
        assert!(checks.is_ok());
    }
}

const DECLARED: &str = "MLDSA_Hash_Type=SHA512,pq\n";

#[test]
fn a_post_quantum_set_that_nobody_trusts_needs_no_signature() {
    let set = ["pq/publickey", "pq/publickey.sig", "pq/MANIFEST.sig", "pq/fw.bin.sig", "pq/image-full.sig"];
    let names = [&SIGNED[..], &set].concat();
    assert_eq!(plan(&manifest(PSU, DECLARED), &names), plan(&manifest(PSU, ""), &SIGNED));
    // Not declared, so these are members as any other.
    assert_eq!(plan(&manifest(PSU, ""), &names), orphan("pq/MANIFEST.sig"));
    let key = [&SIGNED[..], &["pq/publickey"]].concat();
    assert_eq!(plan(&manifest(PSU, ""), &key), unsigned("pq/publickey"));
}

#[test]
fn only_signatures_and_the_key_of_a_post_quantum_set_go_without() {
    let declared = manifest(PSU, DECLARED);
    for extra in ["pq/fw.bin", "pq/sub/publickey", "pq/MANIFEST", "pq2/publickey", "pq"] {
        assert_eq!(plan(&declared, &[&SIGNED[..], &[extra]].concat()), unsigned(extra), "{extra}");
    }
    for extra in ["pq2/fw.bin.sig", "pq.sig"] {
        assert_eq!(plan(&declared, &[&SIGNED[..], &[extra]].concat()), orphan(extra), "{extra}");
    }
    let only = [&SIGNED[..4], &["pq/publickey", "pq/fw.bin.sig"]].concat();
    assert_eq!(plan(&declared, &only), Err(CoverageError::NoPayload));
    let signed = [&SIGNED[..], &["pq/fw.bin", "pq/fw.bin.sig"]].concat();
    assert_eq!(plan(&declared, &signed).unwrap().last().unwrap(), "pq/fw.bin<pq/fw.bin.sig:Archive");
}

#[test]
fn a_trusted_post_quantum_key_refuses_every_image_as_it_cannot_be_used() {
    let names = members(SIGNED);
    for (more, trusted, folder) in [
        (DECLARED, &["pq"][..], "pq"),
        (DECLARED, &["aa", "pq"], "pq"),
        (DECLARED, &["other"], "other"),
        // Taking the declaration out of the MANIFEST is no way around the key.
        ("", &["pq"], "pq"),
    ] {
        let trust = trusted.iter().copied().collect::<PostQuantumTrust>();
        let refused = signature_plan(&manifest(PSU, more), &names, &trust);
        assert_eq!(
            refused,
            Err(CoverageError::PostQuantum { folder: folder.to_owned() }),
            "{more:?} {trusted:?}"
        );
    }
}
