//! A whole ingest: an archive's bytes in, a file system in memory out.
//!
//! Input: one byte, of which the lowest bit has the checksums of all that looks like a tar header put right, so that they
//! are no wall, and the next has signatures required; then the archive.
#![no_main]

use image_check::{Folder, KeySet, Limits, MinimumFree, Rules, SignaturePolicy, TrustStore};
use image_format::{DigestAlgorithm, MemberName};
use image_ingest::{Incoming, ingest};
use image_signature::{PublicKey, digest};
use libfuzzer_sys::fuzz_target;
use plain_text::is_hidden;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor, Write};
use std::rc::Rc;

/// The key of which the corpus has signatures.
const KEY: &[u8] = include_bytes!("../data/image-key.pem");
const MEMBERS: usize = 16;
const EXTRACTED: u64 = 256 * 1024;

type Content = Rc<RefCell<Vec<u8>>>;

/// A file system that panics when something is made outside it, twice, or in nothing.
#[derive(Default)]
struct Memory {
    folders: BTreeSet<String>,
    files: BTreeMap<String, Content>,
}

struct File(Content);

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    fn enter(&self, name: &MemberName) {
        let name = name.as_str();
        assert!(!name.is_empty() && !name.starts_with('/') && !name.ends_with('/'), "{name}");
        for component in name.split('/') {
            assert!(!matches!(component, "" | "." | ".."), "{name}");
            assert!(!component.contains(|c: char| is_hidden(c) || c == '\\'), "{name}");
        }
        if let Some((parent, _)) = name.rsplit_once('/') {
            assert!(self.folders.contains(parent), "{name} lies in nothing");
        }
        let taken = self.folders.iter().chain(self.files.keys());
        assert!(!taken.into_iter().any(|taken| taken.eq_ignore_ascii_case(name)), "{name} is made twice");
        assert!(self.folders.len() + self.files.len() < MEMBERS);
    }
}

impl Folder for Memory {
    type File = File;
    type Reader = Cursor<Vec<u8>>;

    fn create_folder(&mut self, name: &MemberName) -> io::Result<()> {
        self.enter(name);
        self.folders.insert(name.to_string());
        Ok(())
    }

    fn create(&mut self, name: &MemberName) -> io::Result<File> {
        self.enter(name);
        let content = Content::default();
        self.files.insert(name.to_string(), Rc::clone(&content));
        Ok(File(content))
    }

    fn finish(&mut self, _file: File) -> io::Result<()> {
        Ok(())
    }

    fn open(&self, name: &MemberName) -> io::Result<Self::Reader> {
        let content = self.files.get(name.as_str()).ok_or(io::ErrorKind::NotFound)?;
        Ok(Cursor::new(content.borrow().clone()))
    }

    fn space(&self) -> io::Result<(u64, u64)> {
        Ok((u64::MAX, u64::MAX))
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((mode, archive)) = input.split_first() else { return };
    let mut archive = archive.to_vec();
    if mode & 1 != 0 {
        put_checksums_right(&mut archive);
    }
    let key = PublicKey::from_pem(KEY).expect("the key is one");
    let set = KeySet { name: "fuzz".to_owned(), key, digest: DigestAlgorithm::Sha256 };
    let limits = Limits {
        archive: 1024 * 1024,
        extracted: EXTRACTED,
        member: EXTRACTED / 2,
        members: MEMBERS,
        dictionary: 1024 * 1024,
        free: MinimumFree { bytes: 0, divisor: 0 },
        ..Limits::default()
    };
    let policy = if mode & 2 != 0 { SignaturePolicy::Required } else { SignaturePolicy::Advisory };
    let rules =
        Rules { limits, signature: policy, trust: TrustStore::of(vec![set]), ..Rules::default() };
    let mut memory = Memory::default();
    let length = (mode & 4 != 0).then_some(archive.len() as u64);
    let taken = ingest(Incoming { source: &*archive, length }, &mut memory, &rules, &());
    let total: usize = memory.files.values().map(|content| content.borrow().len()).sum();
    assert!(total as u64 <= EXTRACTED);
    match taken {
        Ok(image) => {
            assert_eq!(image.members.len(), memory.files.len());
            for member in &image.members {
                let content = memory.files[member.name.as_str()].borrow();
                assert_eq!(content.len() as u64, member.size);
                assert_eq!(digest(DigestAlgorithm::Sha256, &content), member.sha256);
            }
            let version = &image.manifest.version;
            assert!(!version.is_empty() && version.trim() == version && !version.contains(is_hidden));
        }
        Err(rejection) => assert!(!rejection.to_string().contains(is_hidden), "{rejection}"),
    }
});

fn put_checksums_right(archive: &mut [u8]) {
    for block in archive.chunks_exact_mut(512) {
        if &block[257..262] == b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}
