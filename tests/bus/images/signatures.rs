//! Signatures as upstream's build makes them, with `openssl` and `tar`, and what is wrong with them.

use super::bed::{
    Bed, IMAGE, IMMEDIATE, KEY, MACHINE, NAME, ON_REQUEST, OTHER_KEY, PROPERTIES, image, is_soak,
};
use super::ear::Said;
use anyhow::Context as _;
use image_signature::PublicKey;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;
use zbus::Variant;

/// The four parts of a flash, in upstream's order.
const PARTS: [&str; 4] = ["image-u-boot", "image-kernel", "image-rofs", "image-rwfs"];
/// What `image-full.sig` is over.
const FULL: [&str; 8] = [
    "image-bmc",
    "image-hostfw",
    "image-kernel",
    "image-rofs",
    "image-rwfs",
    "image-u-boot",
    "MANIFEST",
    "publickey",
];

struct Kind {
    name: &'static str,
    options: &'static str,
    digest: &'static str,
    hash_type: &'static str,
}

const KINDS: [Kind; 5] = [
    Kind {
        name: "rsa-2048",
        options: "RSA -pkeyopt rsa_keygen_bits:2048",
        digest: "sha256",
        hash_type: "RSA-SHA256",
    },
    Kind {
        name: "rsa-4096",
        options: "RSA -pkeyopt rsa_keygen_bits:4096",
        digest: "sha512",
        hash_type: "RSA-SHA512",
    },
    Kind {
        name: "rsa-3072",
        options: "RSA -pkeyopt rsa_keygen_bits:3072",
        digest: "sha384",
        hash_type: "SHA384",
    },
    Kind {
        name: "p256",
        options: "EC -pkeyopt ec_paramgen_curve:P-256",
        digest: "sha256",
        hash_type: "SHA256",
    },
    Kind {
        name: "p384",
        options: "EC -pkeyopt ec_paramgen_curve:P-384",
        digest: "sha384",
        hash_type: "SHA384",
    },
];

/// A folder with an image's files, as a build has them before it makes the archive.
struct Build {
    folder: TempDir,
    kind: &'static Kind,
    members: Vec<String>,
}

impl Build {
    /// Payloads, MANIFEST and public key, all signed with one key.
    fn new(kind: &'static Kind, version: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let build = Self { folder, kind, members: Vec::new() };
        for part in PARTS {
            build.write(part, format!("content of {part}").repeat(100).as_bytes())?;
        }
        let manifest = format!(
            "purpose=xyz.openbmc_project.Software.Version.VersionPurpose.BMC\nversion={version}\n\
             ExtendedVersion={version}-extended\nCompatibleName=org.example\nKeyType=Build\n\
             HashType={}\nMachineName={MACHINE}\n",
            kind.hash_type
        );
        build.write("MANIFEST", manifest.as_bytes())?;
        build.run(&format!("openssl genpkey -algorithm {} -out key", kind.options))?;
        build.run("openssl pkey -in key -pubout -out publickey")?;
        let mut build = build.signed()?;
        build.members = PARTS.map(str::to_owned).to_vec();
        build.members.extend(["MANIFEST", "publickey"].map(str::to_owned));
        for signed in PARTS.iter().chain(&["MANIFEST", "publickey", "image-full"]) {
            build.members.push(format!("{signed}.sig"));
        }
        Ok(build)
    }

    fn signed(self) -> anyhow::Result<Self> {
        for name in PARTS.iter().chain(&["MANIFEST", "publickey"]) {
            self.sign(name)?;
        }
        let parts = FULL.iter().filter_map(|name| std::fs::read(self.path(&format!("{name}.sig"))).ok());
        self.write("image-full", &parts.collect::<Vec<_>>().concat())?;
        self.sign("image-full")?;
        Ok(self)
    }

    fn sign(&self, name: &str) -> anyhow::Result<()> {
        self.run(&format!("openssl dgst -{} -sign key -out {name}.sig {name}", self.kind.digest))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        Ok(std::fs::write(self.path(name), content)?)
    }

    fn run(&self, command: &str) -> anyhow::Result<()> {
        let mut words = command.split(' ');
        let output = Command::new(words.next().context("a program")?)
            .args(words)
            .current_dir(self.folder.path())
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        anyhow::ensure!(output.status.success(), "{command}: {told}");
        Ok(())
    }

    fn archive(&self) -> anyhow::Result<Vec<u8>> {
        self.run(&format!("tar -cf archive {}", self.members.join(" ")))?;
        Ok(std::fs::read(self.path("archive"))?)
    }

    /// Has a machine trust the key.
    fn trust(&self, bed: &Bed) -> anyhow::Result<()> {
        let key = std::fs::read_to_string(self.path("publickey"))?;
        bed.trust(self.kind.name, &key, &format!("HashType={}\n", self.kind.hash_type))
    }
}

#[expect(clippy::print_stdout, reason = "the test harness shows it")]
fn has_tools() -> bool {
    let all =
        ["openssl", "tar"].into_iter().all(|program| Command::new(program).arg("--help").output().is_ok());
    assert!(all || std::env::var("CI").as_deref() != Ok("true"), "openssl or tar is missing");
    if !all {
        println!("SKIPPED signatures: openssl or tar cannot be started (Debian packages of these names)");
    }
    all
}

/// Waits for the end of what has just been dropped: its version, or the event's reason.
fn end(bed: &mut Bed) -> anyhow::Result<Result<String, String>> {
    let end = bed.until(|heard| {
        heard.iter().find_map(|heard| match &heard.said {
            Said::Added(_) => heard.value(NAME, "Version").map(|version| Ok(version.to_owned())),
            Said::Event(id, _, data) => Some(Err(format!("{id}: {}", data["REASON"]))),
            _ => None,
        })
    })?;
    bed.forget()?;
    Ok(end)
}

fn try_out(bed: &mut Bed, content: &[u8]) -> anyhow::Result<Result<String, String>> {
    bed.forget()?;
    bed.drop_file("image", content)?;
    end(bed)
}

#[test]
fn what_upstreams_build_signs_is_taken() -> anyhow::Result<()> {
    if !has_tools() {
        return Ok(());
    }
    let Some(mut bed) = Bed::new("max-images = 100\n")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    for kind in &KINDS {
        let build = Build::new(kind, kind.name)?;
        let archive = build.archive()?;
        let refused = try_out(&mut bed, &archive)?.unwrap_err();
        assert!(
            refused.contains("InvalidSignature: signature: no key of this machine has signed MANIFEST"),
            "{refused}"
        );
        build.trust(&bed)?;
        assert_eq!(try_out(&mut bed, &archive)?, Ok(kind.name.to_owned()));
        let object = bed.start_update(&archive, IMMEDIATE)?;
        assert_eq!(bed.await_image(kind.name)?, object);
    }
    Ok(())
}

type Damage = fn(&mut Build) -> anyhow::Result<()>;

/// What is wrong, how it comes about, and what is said of it.
const DAMAGES: [(&str, Damage, &str); 16] = [
    (
        "a payload without signature",
        |build| drop_member(build, "image-kernel.sig"),
        "image-kernel has no signature",
    ),
    ("MANIFEST without signature", |build| drop_member(build, "MANIFEST.sig"), "MANIFEST has no signature"),
    ("key without signature", |build| drop_member(build, "publickey.sig"), "publickey has no signature"),
    ("no key", |build| drop_member(build, "publickey"), "there is no public key"),
    ("no full signature", |build| drop_member(build, "image-full.sig"), "no image-full.sig"),
    (
        "no payload",
        |build| {
            build.members.retain(|name| !name.starts_with("image-") || name == "image-full.sig");
            Ok(())
        },
        "no payload",
    ),
    (
        "swapped payloads",
        |build| {
            build.run("mv image-kernel x")?;
            build.run("mv image-rofs image-kernel")?;
            build.run("mv x image-rofs")
        },
        "image-kernel.sig",
    ),
    (
        "swapped with their signatures",
        |build| {
            for ending in ["", ".sig"] {
                build.run(&format!("mv image-kernel{ending} x"))?;
                build.run(&format!("mv image-rofs{ending} image-kernel{ending}"))?;
                build.run(&format!("mv x image-rofs{ending}"))?;
            }
            Ok(())
        },
        "image-full.sig",
    ),
    (
        "a member more",
        |build| {
            build.write("extra", b"extra")?;
            build.members.push("extra".to_owned());
            Ok(())
        },
        "extra has no signature",
    ),
    (
        "a signature more",
        |build| {
            build.run("cp MANIFEST.sig extra.sig")?;
            build.members.push("extra.sig".to_owned());
            Ok(())
        },
        "extra.sig is no member's signature",
    ),
    ("changed payload", |build| build.write("image-rwfs", b"other content"), "image-rwfs.sig"),
    (
        "changed MANIFEST",
        |build| {
            let text = std::fs::read_to_string(build.path("MANIFEST"))?;
            build.write("MANIFEST", text.replace("ExtendedVersion", "Other").as_bytes())
        },
        "no key of this machine has signed MANIFEST",
    ),
    ("empty signature", |build| build.write("image-rofs.sig", b""), "image-rofs.sig"),
    ("long signature", |build| build.write("image-rofs.sig", &[7; 5000]), "longer than any signature"),
    (
        "short key",
        |build| {
            let key = std::fs::read(build.path("publickey"))?;
            build.write("publickey", &key[..key.len() / 2])?;
            build.sign("publickey")
        },
        "publickey",
    ),
    (
        "another key inside",
        |build| {
            // Its owner has signed everything but what the machine's key must sign.
            build.run("cp publickey.sig kept")?;
            build.run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key")?;
            build.run("openssl pkey -in key -pubout -out publickey")?;
            for part in PARTS.iter().chain(&["image-full"]) {
                build.sign(part)?;
            }
            build.run("mv kept publickey.sig")
        },
        "publickey is not signed by the key that signed MANIFEST",
    ),
];

fn drop_member(build: &mut Build, name: &str) -> anyhow::Result<()> {
    build.members.retain(|member| member != name);
    Ok(())
}

#[test]
fn whatever_is_wrong_with_a_signature_is_named() -> anyhow::Result<()> {
    if !has_tools() {
        return Ok(());
    }
    let Some(mut bed) = Bed::new("")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    for kind in [&KINDS[0], &KINDS[3]] {
        // RSA keys take long to make.
        let step = if kind.name.starts_with("rsa") && !is_soak() { 5 } else { 1 };
        for (what, damage, says) in DAMAGES.into_iter().step_by(step) {
            let mut build = Build::new(kind, "damaged")?;
            build.trust(&bed)?;
            damage(&mut build)?;
            let archive = build.archive()?;
            let refused = try_out(&mut bed, &archive)?;
            let is_named =
                |text: &String| text.contains("Version.Error.InvalidSignature") && text.contains(says);
            assert!(refused.as_ref().is_err_and(is_named), "{} {what}: {refused:?}", kind.name);
            let object = bed.start_update(&archive, IMMEDIATE)?;
            bed.await_state(&object, "Invalid")?;
            let reason = bed.get(NAME, &object, "io.vivianite.Software.Image1", "Reason");
            assert_eq!(
                reason.ok(),
                refused.err().and_then(|text| Some(text.split_once(": ")?.1.to_owned())),
                "{what}"
            );
        }
    }
    assert_eq!(bed.files()?, [""; 0]);
    Ok(())
}

#[test]
fn a_trusted_key_that_cannot_be_used_lets_nothing_pass() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let set = bed.root().join("etc/activationdata/OpenBMC");
    std::fs::create_dir(set.join("mldsa"))?;
    std::fs::write(set.join("mldsa/publickey"), "of an algorithm to come\n")?;
    // The archive has had its folder of such signatures stripped.
    let refused = try_out(&mut bed, &image("stripped"))?.unwrap_err();
    assert!(refused.contains("InvalidSignature") && refused.contains("mldsa"), "{refused}");
    std::fs::remove_dir_all(set.join("mldsa"))?;
    assert_eq!(try_out(&mut bed, &image("without"))?, Ok("without".to_owned()));
    for (text, function) in [("", "HashType=SHA256\n"), (KEY.public_key_pem(), "HashType=MD5\n")] {
        bed.trust("OpenBMC", text, function)?;
        let refused = try_out(&mut bed, &image("no-trust"))?.unwrap_err();
        assert!(refused.contains("no key to check images with"), "{refused}");
    }
    std::fs::remove_dir_all(bed.root().join("etc/activationdata"))?;
    let refused = try_out(&mut bed, &image("no-trust"))?.unwrap_err();
    assert!(refused.contains("no key to check images with"), "{refused}");
    // One broken set does not take the others away.
    bed.trust("A-broken", "no key", "HashType=SHA256\n")?;
    bed.trust("B-other", OTHER_KEY.public_key_pem(), "HashType=SHA256\n")?;
    bed.trust("C-right", KEY.public_key_pem(), "HashType=SHA256\n")?;
    assert_eq!(try_out(&mut bed, &image("right-again"))?, Ok("right-again".to_owned()));
    Ok(())
}

#[test]
fn an_image_names_the_key_that_has_vouched_for_it_and_so_it_does_after_a_restart() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("")? else { return Ok(()) };
    let signer = PublicKey::from_pem(KEY.public_key_pem().as_bytes())?.fingerprint().to_string();
    let object = bed.start_update(&image("signed"), ON_REQUEST)?;
    let told = bed.until(|heard| {
        let mut own = heard.iter().filter(|heard| heard.path == object);
        own.find(|heard| heard.value(IMAGE, "Stage") == Some("checked")).cloned()
    })?;
    assert_eq!(told.value(IMAGE, "Signer"), Some(&*signer), "{told:?}");
    bed.await_state(&object, "Ready")?;
    bed.stop()?;
    bed.start()?;
    assert_eq!(bed.get(NAME, &object, IMAGE, "Signer"), Ok(signer));
    Ok(())
}

fn unsigned(version: &str) -> Vec<u8> {
    use super::tar::{Entry, archive};
    let manifest = format!("{}Other\nversion={version}\n", super::archives::PURPOSE);
    archive(&[Entry::file("payload", "x"), Entry::file("MANIFEST", manifest)])
}

#[test]
fn field_mode_and_the_policy_say_whether_unsigned_images_pass() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("signature = \"field-mode\"\nstall-limit-s = 60\n")? else { return Ok(()) };
    bed.start_peers(&["event-log", "object-mapper", "field-mode"])?;
    bed.start()?;
    let (service, path) = ("xyz.openbmc_project.Software.BMC.Updater", "/xyz/openbmc_project/software");
    let interface = "xyz.openbmc_project.Control.FieldMode";
    bed.command("Map", &(path, service, [interface].as_slice()))?;
    assert_eq!(try_out(&mut bed, &unsigned("off"))?, Ok("off".to_owned()));
    let enabled = (interface, "FieldModeEnabled", Variant::from(true));
    // One that is on its way while it is enabled is no exception.
    let (reader, mut writer) = std::io::pipe()?;
    let on_its_way = bed.hand_over(&reader, IMMEDIATE)?;
    bed.wait("it is being unpacked", || {
        Ok(bed.get(NAME, &on_its_way, IMAGE, "Stage").as_deref() == Ok("unpacking"))
    })?;
    bed.call([service, path, PROPERTIES], "Set", &enabled)?;
    // What was taken in before goes, with its reason.
    let data = bed.await_event("Version.Error.InvalidSignature")?;
    assert!(data["REASON"].contains("not signed as it has to be now"));
    bed.wait("it is removed", || Ok(bed.images()? == [&*on_its_way]))?;
    writer.write_all(&unsigned("on-its-way"))?;
    drop((reader, writer));
    bed.await_state(&on_its_way, "Invalid")?;
    bed.wait("it is removed", || Ok(bed.images()?.is_empty()))?;
    let refused = |bed: &mut Bed, what: &str| -> anyhow::Result<()> {
        let end = try_out(bed, &unsigned(what))?;
        assert!(end.as_ref().is_err_and(|text| text.contains("InvalidSignature")), "{what}: {end:?}");
        Ok(())
    };
    refused(&mut bed, "on")?;
    let disabled = (interface, "FieldModeEnabled", Variant::from(false));
    bed.call([service, path, PROPERTIES], "Set", &disabled)?;
    assert_eq!(try_out(&mut bed, &unsigned("off-again"))?, Ok("off-again".to_owned()));
    for (peer, mode) in [("field-mode", "hanging"), ("field-mode", "refusing"), ("field-mode", "absent")] {
        bed.command("SetMode", &(peer, mode))?;
        refused(&mut bed, mode)?;
    }
    assert_eq!(bed.images()?.len(), 1, "a field mode that nobody tells removes nothing");
    bed.command("SetMode", &("field-mode", "normal"))?;
    bed.command("SetMode", &("object-mapper", "absent"))?;
    refused(&mut bed, "no mapper")?;
    assert_eq!(try_out(&mut bed, &image("signed"))?, Ok("signed".to_owned()));
    bed.stop()?;
    bed.configure("signature = \"off\"\n")?;
    bed.start()?;
    assert_eq!(try_out(&mut bed, &unsigned("unchecked"))?, Ok("unchecked".to_owned()));
    Ok(())
}
