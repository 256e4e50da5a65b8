//! Images that lie unpacked: checked in place, and copied while they are checked, from folders that are not to be trusted.

use image_builder::ImageBuilder;
use image_check::{
    Attendance, Class, Image, KeySet, Rejection, Rules, SignaturePolicy, SourceFolder, TrustStore,
    Verification, check, copy, open_payload,
};
use image_format::{DigestAlgorithm, PayloadDigest, Purpose};
use image_signature::{PrivateKey, PublicKey};
use nix::sys::stat::{Mode, SFlag, mknod};
use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;

/// Made for tests alone: `openssl genpkey -algorithm EC`, curve P-256.
const KEY: &[u8] = include_bytes!("key.pem");
static SIGNER: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::from_pem(KEY).unwrap());

/// Makes something under a name, and tells whether it could.
type Make<'a> = &'a dyn Fn(&Path) -> bool;
/// What happens to an image while it is read.
type Change<'a> = &'a dyn Fn(&Bed);

/// An image that lies unpacked, and room for a copy of it.
struct Bed {
    place: TempDir,
    rules: Rules,
}

impl Bed {
    fn new() -> Self {
        let content = |seed: usize| (0..90_000).map(|number| (number * seed / 7) as u8).collect::<Vec<_>>();
        let bed = Self::of(
            ImageBuilder::new(Purpose::Psu, "2.1").payload("a.bin", content(3)).payload("b.bin", content(5)),
        );
        // A signature is over bytes, not names: the image is as good with a folder in it.
        fs::create_dir(bed.file("folder")).unwrap();
        for name in ["b.bin", "b.bin.sig"] {
            fs::rename(bed.file(name), bed.file("folder").join(name)).unwrap();
        }
        bed
    }

    fn of(builder: ImageBuilder<'_>) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut archive = Vec::new();
        let builder = builder.extended_version("model=m,manufacturer=v").machine_name("bed");
        builder.sign(&SIGNER, None).write(&mut archive).unwrap();
        let bed = Self { place, rules: rules() };
        tar::Archive::new(&*archive).unpack(bed.source()).unwrap();
        bed
    }

    fn source(&self) -> PathBuf {
        self.place.path().join("source")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.source().join(name)
    }

    fn destination(&self) -> PathBuf {
        self.place.path().join("copy")
    }

    fn open(&self) -> SourceFolder {
        SourceFolder::open(&self.source()).unwrap()
    }

    fn copy(&self) -> Result<Image, Rejection> {
        self.copy_watched(&())
    }

    fn copy_watched(&self, attendance: &impl Attendance) -> Result<Image, Rejection> {
        copy(&self.open(), &self.destination(), None, &self.rules, attendance)
    }

    /// Checks that it is refused in place and when it is copied, for this reason, and that nothing is left.
    fn assert_refused(&self, reason: &str) {
        for refused in [check(&self.open(), &self.rules, &()), self.copy()] {
            let refused = refused.map(|image| image.members).unwrap_err().to_string();
            assert!(refused.contains(reason), "{reason:?}: {refused}");
        }
        self.assert_nothing_is_left();
    }

    fn assert_nothing_is_left(&self) {
        let left: Vec<_> =
            fs::read_dir(self.place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["source"]);
    }
}

fn rules() -> Rules {
    let key = PublicKey::from_pem(SIGNER.public_key_pem().as_bytes()).unwrap();
    let set = KeySet { name: "OpenBMC".to_owned(), key, digest: DigestAlgorithm::Sha256 };
    Rules { machine: Some("bed".to_owned()), trust: TrustStore::of(vec![set]), ..Rules::default() }
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.push((path.strip_prefix(folder).unwrap().to_owned(), bytes));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn an_unpacked_image_that_is_right_passes_and_its_copy_is_the_same() {
    let bed = Bed::new();
    for image in [check(&bed.open(), &bed.rules, &()).unwrap(), bed.copy().unwrap()] {
        assert!(matches!(image.verification, Verification::Signed { key_set } if key_set == "OpenBMC"));
        assert_eq!((image.purpose, &*image.manifest.version), (Purpose::Psu, "2.1"));
    }
    assert_eq!(files(&bed.source()), files(&bed.destination()));
    assert!(files(&bed.source()).len() == 8, "{:?}", files(&bed.source()));
    let mode = |name: &str| bed.destination().join(name).metadata().unwrap().mode() & 0o7777;
    assert_eq!([mode(""), mode("folder"), mode("a.bin")], [0o750, 0o750, 0o640]);
}

#[test]
fn a_copy_of_a_copy_passes_as_the_image_does() {
    let bed = Bed::new();
    bed.copy().unwrap();
    let again = bed.place.path().join("again");
    copy(&SourceFolder::open(&bed.destination()).unwrap(), &again, None, &bed.rules, &()).unwrap();
    assert_eq!(files(&bed.source()), files(&again));
}

#[test]
fn one_wrong_byte_in_any_file_is_found_and_the_file_named() {
    for (name, place, reason) in [
        ("MANIFEST", 0, "no key of this machine has signed MANIFEST"),
        ("MANIFEST.sig", 40, "no key of this machine has signed MANIFEST"),
        ("publickey", 90, "publickey"),
        ("publickey.sig", 40, "publickey"),
        ("a.bin", 0, "a.bin.sig"),
        ("a.bin", 89_999, "a.bin.sig"),
        ("a.bin.sig", 40, "a.bin.sig"),
        ("folder/b.bin", 50_000, "folder/b.bin.sig"),
        ("folder/b.bin.sig", 40, "folder/b.bin.sig"),
    ] {
        let bed = Bed::new();
        let mut bytes = fs::read(bed.file(name)).unwrap();
        // Of the manifest a digit of the version, so that it is a manifest still.
        let version = bytes.windows(3).position(|window| window == b"2.1");
        let place = version.filter(|_| name == "MANIFEST").unwrap_or(place);
        bytes[place] ^= 1;
        fs::write(bed.file(name), bytes).unwrap();
        let refused = bed.copy().map(|image| image.members).unwrap_err();
        assert!(refused.to_string().contains(reason), "{name}: {refused}");
        bed.assert_refused("");
    }
}

#[test]
fn a_file_that_is_missing_or_one_too_many_is_named() {
    for (name, reason) in [
        ("MANIFEST", "there is no MANIFEST"),
        ("publickey", "there is no public key"),
        ("a.bin", "a.bin.sig is no member's signature"),
        ("a.bin.sig", "a.bin has no signature"),
    ] {
        let bed = Bed::new();
        fs::remove_file(bed.file(name)).unwrap();
        bed.assert_refused(reason);
    }
    let bed = Bed::new();
    fs::write(bed.file("stranger"), "x").unwrap();
    bed.assert_refused("stranger has no signature");
    let bed = Bed::new();
    fs::write(bed.file("A.BIN"), "x").unwrap();
    bed.assert_refused("comes twice");
    let bed = Bed::new();
    fs::write(bed.file("line\nbreak"), "x").unwrap();
    bed.assert_refused("cannot be taken");
}

#[test]
fn a_payload_that_the_manifest_does_not_list_is_refused() {
    let sha256 = image_signature::digest(DigestAlgorithm::Sha256, b"one").to_string();
    let builder = || {
        let builder = ImageBuilder::new(Purpose::Psu, "1");
        builder.line(PayloadDigest::KEY, PayloadDigest::value(&sha256, "a")).payload("a", b"one")
    };
    Bed::of(builder()).copy().unwrap();
    let bed = Bed::of(builder());
    fs::copy(bed.file("a"), bed.file("b")).unwrap();
    fs::copy(bed.file("a.sig"), bed.file("b.sig")).unwrap();
    bed.assert_refused("b is not listed in MANIFEST");
}

#[test]
fn a_file_that_is_none_is_refused_for_what_it_is_and_not_opened() {
    let nodes: [(&str, Make<'_>); 6] = [
        ("a symbolic link", &|path| symlink("/etc/passwd", path).is_ok()),
        ("a symbolic link", &|path| symlink(path.with_file_name("MANIFEST"), path).is_ok()),
        ("a symbolic link", &|path| symlink("..", path).is_ok()),
        ("a pipe", &|path| nix::unistd::mkfifo(path, Mode::S_IRWXU).is_ok()),
        ("a socket", &|path| UnixListener::bind(path).is_ok()),
        // Without privileges there are no devices to be made.
        ("a device", &|path| {
            let zero = nix::sys::stat::makedev(1, 5);
            mknod(path, SFlag::S_IFCHR, Mode::S_IRUSR, zero).is_ok()
        }),
    ];
    for (what, make) in nodes {
        for name in ["a.bin", "publickey", "MANIFEST", "stranger"] {
            let bed = Bed::new();
            let _ = fs::remove_file(bed.file(name));
            if make(&bed.file(name)) {
                bed.assert_refused(&format!("{name} is {what}"));
            }
        }
    }
}

#[test]
fn a_link_to_a_folder_is_not_entered_and_the_folder_itself_may_be_none() {
    let bed = Bed::new();
    fs::rename(bed.file("folder"), bed.place.path().join("elsewhere")).unwrap();
    symlink("../elsewhere", bed.file("folder")).unwrap();
    let refused = bed.copy().unwrap_err().to_string();
    assert!(refused.contains("folder is a symbolic link"), "{refused}");
    let link = bed.place.path().join("link");
    symlink("source", &link).unwrap();
    assert!(SourceFolder::open(&link).is_err());
    assert!(SourceFolder::open(&bed.file("a.bin")).is_err());
}

/// Does something to the image once so many bytes of it were read.
struct At<F>(u64, Cell<Option<F>>);

impl<F: FnOnce()> Attendance for At<F> {
    fn goes_on(&self, read: u64) -> bool {
        if read >= self.0
            && let Some(does) = self.1.take()
        {
            does();
        }
        true
    }
}

#[test]
fn a_file_that_grows_shrinks_is_rewritten_or_swapped_while_it_is_copied_is_named() {
    let payload = |bed: &Bed| bed.file("a.bin");
    let changes: [(&str, &str, Change<'_>); 7] = [
        ("grows", "a.bin was changed while it was read", &|bed| {
            OpenOptions::new().append(true).open(payload(bed)).unwrap().write_all(b"x").unwrap();
        }),
        ("shrinks", "a.bin was changed while it was read", &|bed| {
            OpenOptions::new().write(true).open(payload(bed)).unwrap().set_len(40_000).unwrap();
        }),
        ("is rewritten", "a.bin was changed while it was read", &|bed| {
            let bytes = fs::read(payload(bed)).unwrap();
            fs::write(payload(bed), bytes).unwrap();
        }),
        // The next one, which was listed and is not open yet.
        ("is swapped", "folder/b.bin became another file", &|bed| {
            fs::copy(bed.file("folder/b.bin"), bed.file("new")).unwrap();
            fs::rename(bed.file("new"), bed.file("folder/b.bin")).unwrap();
        }),
        ("becomes a link", "folder/b.bin became another file", &|bed| {
            fs::remove_file(bed.file("folder/b.bin")).unwrap();
            symlink("/etc/passwd", bed.file("folder/b.bin")).unwrap();
        }),
        ("comes by a link", "folder/b.bin became another file", &|bed| {
            // The very file that was listed, and the way to it leads through a link now.
            fs::rename(bed.file("folder"), bed.file("moved")).unwrap();
            symlink("moved", bed.file("folder")).unwrap();
        }),
        ("becomes a pipe", "folder/b.bin became another file", &|bed| {
            fs::remove_file(bed.file("folder/b.bin")).unwrap();
            nix::unistd::mkfifo(&bed.file("folder/b.bin"), Mode::S_IRWXU).unwrap();
        }),
    ];
    for (what, reason, change) in changes {
        let bed = Bed::new();
        // MANIFEST comes first, then a.bin: after its first piece the change comes.
        let manifest = fs::metadata(bed.file("MANIFEST")).unwrap().len();
        let refused = bed.copy_watched(&At(manifest + 32_768, Cell::new(Some(|| change(&bed)))));
        let refused = refused.map(|image| image.members).unwrap_err().to_string();
        assert!(refused.contains(reason), "{what}: {refused}");
        let left: Vec<_> = fs::read_dir(bed.place.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{what}: {left:?}");
    }
}

#[test]
fn a_file_that_takes_the_place_of_one_that_is_being_copied_changes_nothing() {
    let bed = Bed::new();
    let before = files(&bed.source());
    let manifest = fs::metadata(bed.file("MANIFEST")).unwrap().len();
    let swap = || {
        fs::rename(bed.file("a.bin"), bed.place.path().join("old")).unwrap();
        fs::write(bed.file("a.bin"), "another").unwrap();
    };
    // Moving it away changes its times: it is refused, and never taken for the other.
    let refused = bed.copy_watched(&At(manifest + 32_768, Cell::new(Some(swap))));
    assert!(refused.unwrap_err().to_string().contains("a.bin was changed"), "{before:?}");
    assert!(!bed.destination().exists());
}

/// Stops after so many questions.
struct Stop(Cell<u32>);

impl Attendance for Stop {
    fn goes_on(&self, _read: u64) -> bool {
        self.0.replace(self.0.get().saturating_sub(1)) > 0
    }
}

#[test]
fn a_copy_that_is_stopped_at_any_piece_leaves_nothing() {
    let bed = Bed::new();
    let mut pieces = 0;
    while let Err(rejection) = bed.copy_watched(&Stop(Cell::new(pieces))) {
        assert!(matches!(rejection, Rejection::Interrupted), "{rejection}");
        bed.assert_nothing_is_left();
        pieces += 1;
    }
    assert!(pieces > 10, "{pieces}");
}

#[test]
fn what_a_killed_process_left_of_a_copy_is_not_taken_for_one_and_makes_room() {
    let bed = Bed::new();
    for name in [".other.1-0.draft", ".copy.1-0.draft"] {
        let draft = bed.place.path().join(name);
        fs::create_dir_all(draft.join("folder")).unwrap();
        fs::write(draft.join("folder/half"), "x").unwrap();
    }
    // These are no drafts of copies.
    fs::create_dir(bed.place.path().join(".other.draft")).unwrap();
    fs::write(bed.place.path().join(".file.1-0.draft"), "x").unwrap();
    bed.copy().unwrap();
    assert_eq!(fs::read_dir(bed.place.path()).unwrap().count(), 4);
    assert!(bed.place.path().join(".other.draft").exists());
    assert_eq!(files(&bed.source()), files(&bed.destination()));
    // What is there is not written over.
    let refused = bed.copy().unwrap_err();
    assert!(
        matches!(&refused, Rejection::Storage(error) if error.kind() == std::io::ErrorKind::AlreadyExists)
    );
    assert_eq!(files(&bed.source()), files(&bed.destination()));
}

#[test]
fn of_two_copies_into_one_destination_one_comes_to_be_and_is_whole() {
    let bed = Bed::new();
    let refused = bed.copy_watched(&At(100_000, Cell::new(Some(|| drop(bed.copy().unwrap()))))).unwrap_err();
    assert!(matches!(refused, Rejection::Storage(_)), "{refused}");
    assert_eq!(files(&bed.source()), files(&bed.destination()));
    assert_eq!(fs::read_dir(bed.place.path()).unwrap().count(), 2, "nothing is left of the other");
    // One that is stopped takes nothing from the other.
    let bed = Bed::new();
    let stopped = || drop(bed.copy_watched(&Stop(Cell::new(4))).unwrap_err());
    bed.copy_watched(&At(100_000, Cell::new(Some(stopped)))).unwrap();
    assert_eq!(files(&bed.source()), files(&bed.destination()));
    assert_eq!(fs::read_dir(bed.place.path()).unwrap().count(), 2);
}

#[test]
fn limits_hold_for_folders_too() {
    let limited = |change: &dyn Fn(&mut Rules)| {
        let mut bed = Bed::new();
        change(&mut bed.rules);
        bed
    };
    limited(&|rules| rules.limits.member = 80_000).assert_refused("a.bin is larger than 80000 bytes");
    limited(&|rules| rules.limits.extracted = 100_000).assert_refused("larger than 100000 bytes together");
    limited(&|rules| rules.limits.members = 5).assert_refused("more than 5 members");
    limited(&|rules| rules.names.depth = 1).assert_refused("folder/b.bin");
    let sparse = Bed::new();
    OpenOptions::new().write(true).open(sparse.file("a.bin")).unwrap().set_len(1 << 40).unwrap();
    sparse.assert_refused("a.bin is larger than");
}

#[test]
fn rules_turn_a_folder_away_before_a_payload_is_read() {
    let mut bed = Bed::new();
    bed.rules.machine = Some("other".to_owned());
    fs::remove_file(bed.file("a.bin")).unwrap();
    bed.assert_refused("Machine name does not match");
    assert_eq!(bed.copy().unwrap_err().class(), Class::Image);
}

#[test]
fn policy_decides_what_becomes_of_an_unsigned_folder() {
    let mut bed = Bed::new();
    fs::remove_file(bed.file("MANIFEST.sig")).unwrap();
    bed.assert_refused("MANIFEST has no signature");
    bed.rules.signature = SignaturePolicy::Advisory;
    assert!(matches!(bed.copy().unwrap().verification, Verification::Unsigned(_)));
}

#[test]
fn the_payload_is_read_from_the_file_that_was_checked() {
    let bed = Bed::new();
    let choose = |name: &'static str| move |_: &_, member: &image_format::MemberName| member.as_str() == name;
    let (image, payload) = open_payload(&bed.open(), &bed.rules, &(), choose("a.bin")).unwrap();
    assert_eq!(image.manifest.version, "2.1");
    let mut expected = Vec::new();
    fs::File::open(bed.file("a.bin")).unwrap().read_to_end(&mut expected).unwrap();
    assert_eq!(payload.member.size, 90_000);
    // Another file in its place is not the one that was checked.
    fs::write(bed.file("new"), "another").unwrap();
    let mut bytes = vec![0; 90_000 - 7];
    payload.read_exact_at(&mut bytes, 7).unwrap();
    assert_eq!(bytes, expected[7..]);
    assert!(payload.read_exact_at(&mut [0], 90_000).is_err(), "there is nothing behind the end");
    OpenOptions::new().append(true).open(bed.file("a.bin")).unwrap().write_all(b"x").unwrap();
    let error = payload.read_exact_at(&mut [0], 0).unwrap_err().to_string();
    assert_eq!(error, "a.bin has changed since it was checked");
}

#[test]
fn a_payload_that_was_only_unlinked_is_read_on() {
    let bed = Bed::new();
    let (_, payload) =
        open_payload(&bed.open(), &bed.rules, &(), |_, name| name.as_str() == "a.bin").unwrap();
    let expected = fs::read(bed.file("a.bin")).unwrap();
    let mut writer = OpenOptions::new().write(true).open(bed.file("a.bin")).unwrap();
    fs::remove_file(bed.file("a.bin")).unwrap();
    let mut bytes = vec![0; 90_000];
    for _ in 0..2 {
        payload.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(bytes, expected);
    }
    // The same length, and another byte.
    writer.write_all(&[expected[0] ^ 1]).unwrap();
    let error = payload.read_exact_at(&mut [0], 50_000).unwrap_err().to_string();
    assert_eq!(error, "a.bin has changed since it was checked");
}

#[test]
fn a_payload_that_others_may_write_is_refused() {
    let open = |bed: &Bed| {
        let opened = open_payload(&bed.open(), &bed.rules, &(), |_, name| name.as_str() == "a.bin");
        opened.map(|_| ()).map_err(|rejection| rejection.to_string())
    };
    let refused = Err("a.bin may be written by other users than root and this program's".to_owned());
    let bed = Bed::new();
    for (mode, expected) in
        [(0o644, Ok(())), (0o664, refused.clone()), (0o646, refused.clone()), (0o600, Ok(()))]
    {
        fs::set_permissions(bed.file("a.bin"), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(open(&bed), expected, "{mode:o}");
    }
    // Without privileges it cannot be given away.
    if std::os::unix::fs::chown(bed.file("a.bin"), Some(4242), None).is_ok() {
        assert_eq!(open(&bed), refused);
    }
    check(&bed.open(), &bed.rules, &()).unwrap();
}

#[test]
fn of_no_payload_or_two_none_is_opened() {
    let bed = Bed::new();
    let refused = |choose: &dyn Fn(&_, &image_format::MemberName) -> bool| {
        open_payload(&bed.open(), &bed.rules, &(), choose).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(refused(&|_, _| false), "there is no payload that is to be installed");
    let both = refused(&|_, _| true);
    assert!(both.contains("a.bin") && both.contains("folder/b.bin"), "{both}");
    fs::write(bed.file("a.bin"), "x").unwrap();
    let refused = refused(&|_, name| name.as_str() == "folder/b.bin");
    assert!(refused.contains("a.bin.sig"), "a file beside the chosen one is checked too: {refused}");
}

#[test]
fn a_destination_that_cannot_be_made_is_a_fault_of_the_machine() {
    let bed = Bed::new();
    let nowhere = bed.place.path().join("missing/copy");
    let refused = copy(&bed.open(), &nowhere, None, &bed.rules, &()).unwrap_err();
    assert_eq!(refused.class(), Class::Internal, "{refused}");
    fs::set_permissions(bed.source(), fs::Permissions::from_mode(0o755)).unwrap();
    bed.assert_nothing_is_left();
}
