//! What is in an image.

use crate::tools::{P384, RSA, Tools};
use image_builder::{ImageBuilder, Purpose};
use image_format::{Manifest, ManifestLimits};
use image_signature::{DigestAlgorithm, digest};

fn psu() -> ImageBuilder<'static> {
    ImageBuilder::new(Purpose::Psu, "psu-test.v0.4")
        .extended_version("model=model-1,manufacturer=test-manu")
        .machine_name("witherspoon")
        .compatible_name("org.Software.Element.A.Type.PSU")
        .compatible_name("org.Software.Element.B.Type.PSU")
        .line("Note", "a=b")
        .payload("psu.bin", b"firmware")
}

fn bmc() -> ImageBuilder<'static> {
    ImageBuilder::new(Purpose::Bmc, "2.7.0-dev")
        .payload("image-u-boot", b"first")
        .payload("image-rofs", vec![7; 5000])
        .payload("image-kernel", b"")
        .payload("image-rwfs", [0x55; 512])
}

fn archive(builder: ImageBuilder<'_>) -> Vec<u8> {
    let mut archive = Vec::new();
    builder.write(&mut archive).unwrap();
    archive
}

#[test]
fn an_unsigned_image_is_payloads_and_a_manifest() {
    let Some(tools) = Tools::find() else { return };
    tools.write("image.tar", &archive(psu()));
    assert_eq!(tools.run("tar -tf image.tar"), "psu.bin\nMANIFEST\n");
    tools.run("tar -xf image.tar");
    assert_eq!(tools.read("psu.bin"), b"firmware");
    let expected = "purpose=xyz.openbmc_project.Software.Version.VersionPurpose.PSU\n\
                    version=psu-test.v0.4\n\
                    ExtendedVersion=model=model-1,manufacturer=test-manu\n\
                    extended_version=model=model-1,manufacturer=test-manu\n\
                    MachineName=witherspoon\n\
                    CompatibleName=org.Software.Element.A.Type.PSU\n\
                    CompatibleName=org.Software.Element.B.Type.PSU\n\
                    Note=a=b\n";
    let text = tools.read("MANIFEST");
    assert_eq!(String::from_utf8(text.clone()).unwrap(), expected);
    let manifest = Manifest::parse(&text, &ManifestLimits::default()).unwrap();
    assert_eq!(manifest.extended_version, "model=model-1,manufacturer=test-manu");
    assert_eq!(manifest.compatible_names.len(), 2);
}

#[test]
fn members_belong_to_root_without_a_time() {
    let Some(tools) = Tools::find() else { return };
    let system = tools.key("system", P384);
    tools.write("image.tar", &archive(psu().sign(&system, None)));
    let listing = tools.run("tar -tvf image.tar --full-time");
    assert_eq!(listing.lines().count(), 6);
    for line in listing.lines() {
        assert!(line.starts_with("-rw-r--r-- root/root"), "{line}");
        assert!(line.contains("1970-01-01 00:00:00"), "{line}");
    }
    let types = tools.run("tar --numeric-owner -tvf image.tar");
    assert!(types.lines().all(|line| line.starts_with("-rw-r--r-- 0/0")), "{types}");
}

#[test]
fn openssl_accepts_each_signature_with_the_key_that_it_must_be_of() {
    let Some(tools) = Tools::find() else { return };
    let (rsa, ec) = (tools.key("rsa", RSA), tools.key("ec", P384));
    for (system, image, names, option) in [
        (&rsa, Some(&ec), ["rsa.pub", "ec.pub"], "sha256"),
        (&ec, Some(&rsa), ["ec.pub", "rsa.pub"], "sha512"),
        (&rsa, None, ["rsa.pub", "rsa.pub"], "sha384"),
    ] {
        let builder = psu().key_type("OpenBMC").hash_type(option).sign(system, image);
        tools.write("image.tar", &archive(builder));
        let members = "psu.bin\nMANIFEST\npublickey\npsu.bin.sig\nMANIFEST.sig\npublickey.sig\n";
        assert_eq!(tools.run("tar -tf image.tar"), members);
        tools.run("tar -xf image.tar");
        assert_eq!(tools.read("publickey"), tools.read(names[1]));
        for (member, key) in [("MANIFEST", names[0]), ("publickey", names[0]), ("psu.bin", "publickey")] {
            tools.run(&format!("openssl dgst -{option} -verify {key} -signature {member}.sig {member}"));
        }
        let text = String::from_utf8(tools.read("MANIFEST")).unwrap();
        assert!(text.contains(&format!("KeyType=OpenBMC\nHashType={option}\n")), "{text}");
    }
}

#[test]
fn an_image_of_the_bmc_has_a_signature_over_its_signatures() {
    let Some(tools) = Tools::find() else { return };
    let (system, image) = (tools.key("system", RSA), tools.key("image", RSA));
    tools.write("image.tar", &archive(bmc().sign(&system, Some(&image))));
    let listing = tools.run("tar -tf image.tar");
    assert!(listing.ends_with("\nMANIFEST.sig\npublickey.sig\nimage-full.sig\n"), "{listing}");
    tools.run("tar -xf image.tar");
    // The order of the concatenation, which is not that of the payloads.
    let parts = ["image-kernel", "image-rofs", "image-rwfs", "image-u-boot", "MANIFEST", "publickey"];
    let whole = parts.map(|part| tools.read(&format!("{part}.sig"))).concat();
    tools.write("whole", &whole);
    tools.run("openssl dgst -sha256 -verify publickey -signature image-full.sig whole");
    for part in ["image-kernel", "image-rofs", "image-rwfs", "image-u-boot"] {
        tools.run(&format!("openssl dgst -sha256 -verify publickey -signature {part}.sig {part}"));
    }
}

#[test]
fn a_signed_image_names_a_digest_that_fits_its_key() {
    let Some(tools) = Tools::find() else { return };
    let (rsa, ec) = (tools.key("rsa", RSA), tools.key("ec", P384));
    let manifest = |builder: ImageBuilder<'_>| builder.write(std::io::sink()).unwrap().manifest;
    assert!(manifest(psu().sign(&ec, Some(&rsa))).contains("\nHashType=RSA-SHA256\n"));
    assert!(manifest(psu().sign(&rsa, Some(&ec))).contains("\nHashType=SHA256\n"));
    assert!(!manifest(psu()).contains("HashType"));
}

#[test]
fn the_same_parts_give_the_same_bytes() {
    let Some(tools) = Tools::find() else { return };
    let (system, image) = (tools.key("system", RSA), tools.key("image", P384));
    let once = || archive(bmc().sign(&system, Some(&image)));
    assert_eq!(once(), once());
}

#[test]
fn what_was_built_is_told() {
    let mut archive = Vec::new();
    let built = psu().write(&mut archive).unwrap();
    let [payload, manifest] = &built.members[..] else { panic!("{built:?}") };
    assert_eq!((payload.name.as_str(), payload.length), ("psu.bin", 8));
    assert_eq!(payload.digest, digest(DigestAlgorithm::Sha256, b"firmware"));
    assert_eq!(manifest.digest, digest(DigestAlgorithm::Sha256, built.manifest.as_bytes()));
    assert_eq!(manifest.length, built.manifest.len() as u64);
}

#[test]
fn a_name_as_long_as_a_header_can_hold_is_kept() {
    let Some(tools) = Tools::find() else { return };
    let system = tools.key("system", P384);
    let name = "n".repeat(96);
    tools.write(
        "image.tar",
        &archive(ImageBuilder::new(Purpose::Other, "1").payload(&name, "x").sign(&system, None)),
    );
    let listing = tools.run("tar -tf image.tar");
    assert!(
        listing.contains(&format!("{name}\n")) && listing.contains(&format!("{name}.sig\n")),
        "{listing}"
    );
}

#[cfg(feature = "compress")]
#[test]
fn compressed_archives_are_the_same_archive() {
    use image_builder::Compression;
    let Some(tools) = Tools::find() else { return };
    let system = tools.key("system", P384);
    let plain = archive(bmc().sign(&system, None));
    for (compression, magic, program) in [
        (Compression::Gzip, &[0x1f, 0x8b][..], "gzip"),
        (Compression::Xz, &[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
        (Compression::Bzip2, b"BZh", "bzip2"),
    ] {
        let once = || archive(bmc().sign(&system, None).compression(compression));
        let compressed = once();
        assert!(compressed.starts_with(magic) && compressed.len() < plain.len(), "{compression:?}");
        assert_eq!(compressed, once(), "{compression:?}");
        let mut unpacked = Vec::new();
        use std::io::Read;
        match program {
            "gzip" => flate2::read::GzDecoder::new(&compressed[..]).read_to_end(&mut unpacked),
            "bzip2" => bzip2::read::BzDecoder::new(&compressed[..]).read_to_end(&mut unpacked),
            _ => lzma_rust2::XzReader::new(&compressed[..], false).read_to_end(&mut unpacked),
        }
        .unwrap();
        assert_eq!(unpacked, plain, "{compression:?}");
    }
}
