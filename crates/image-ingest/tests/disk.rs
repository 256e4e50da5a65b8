//! What an image becomes on disk: modes, owners, bytes.

use image_check::{DiskFolder, Image, Rules, SignaturePolicy};
use image_format::DigestAlgorithm;
use image_ingest::{Incoming, ingest};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const MANIFEST: &[u8] =
    b"purpose=xyz.openbmc_project.Software.Version.VersionPurpose.Other\nversion=1\nMachineName=bed\n";
/// All that a header can say of a mode.
const EVERYTHING: u32 = 0o7777;

/// Members with this mode, in folders that have headers and in those that have none.
fn archive(mode: u32) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let long = vec![0x5a; 100_000];
    for (name, content) in [
        ("folder/", None),
        ("folder/inner/file", Some(b"inner".as_slice())),
        ("parent/file", Some(&long)),
        ("payload", Some(b"")),
        ("MANIFEST", Some(MANIFEST)),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(if content.is_some() {
            tar::EntryType::Regular
        } else {
            tar::EntryType::Directory
        });
        header.set_mode(mode);
        header.set_uid(4711);
        header.set_gid(4712);
        let content = content.unwrap_or_default();
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, content).unwrap();
    }
    archive.into_inner().unwrap()
}

fn take(folder: &mut DiskFolder, mode: u32) -> Image {
    let rules =
        Rules { signature: SignaturePolicy::Off, machine: Some("bed".to_owned()), ..Rules::default() };
    let bytes = archive(mode);
    ingest(Incoming { source: &*bytes, length: None }, folder, &rules, &()).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

/// A group that files get only if somebody sees to it, where this process may choose one.
fn other_group() -> u32 {
    let own = nix::unistd::getegid();
    if nix::unistd::geteuid().is_root() {
        return own.as_raw() + 4711;
    }
    let groups = nix::unistd::getgroups().unwrap();
    groups.into_iter().find(|group| *group != own).unwrap_or(own).as_raw()
}

#[test]
fn nobody_else_enters_before_the_image_is_complete() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("image");
    let mut folder = DiskFolder::create(&path, None).unwrap();
    assert_eq!(mode(&path), 0o700);
    take(&mut folder, EVERYTHING);
    assert_eq!(mode(&path), 0o700);
    folder.complete().unwrap();
    assert_eq!(mode(&path), 0o750);
    let parent = fs::File::open(place.path()).unwrap();
    let inner = DiskFolder::create_in(&parent, "inner", None).unwrap();
    assert_eq!(mode(&place.path().join("inner")), 0o700);
    inner.complete().unwrap();
    assert_eq!(mode(&place.path().join("inner")), 0o750);
}

#[test]
fn modes_and_owners_are_ours_whatever_headers_say() {
    let (own, group) = (nix::unistd::geteuid().as_raw(), other_group());
    for header_mode in [0, EVERYTHING] {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("image");
        let mut folder = DiskFolder::create(&path, Some(group)).unwrap();
        take(&mut folder, header_mode);
        folder.complete().unwrap();
        for (name, expected) in [
            ("", 0o750),
            ("folder", 0o750),
            ("folder/inner", 0o750),
            ("parent", 0o750),
            ("folder/inner/file", 0o640),
            ("parent/file", 0o640),
            ("payload", 0o640),
            ("MANIFEST", 0o640),
        ] {
            let metadata = fs::symlink_metadata(path.join(name)).unwrap();
            let found = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
            assert_eq!(found, (expected, own, group), "{name}: {:o}", found.0);
        }
    }
}

#[test]
fn what_is_on_disk_is_what_was_hashed() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("image");
    let mut folder = DiskFolder::create(&path, None).unwrap();
    let image = take(&mut folder, 0o644);
    let names: Vec<_> = image.members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["MANIFEST", "folder/inner/file", "parent/file", "payload"]);
    for member in &image.members {
        let content = fs::read(path.join(member.name.as_str())).unwrap();
        assert_eq!(content.len() as u64, member.size, "{}", member.name);
        assert_eq!(image_signature::digest(DigestAlgorithm::Sha256, &content), member.sha256);
    }
}
