//! Writers of real files, asked for.
#![allow(unsafe_code, missing_docs, reason = "a test maps a file")]

use kernel_calls::{OpenForWriting, is_open_for_writing};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use std::fs::{File, OpenOptions};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tempfile::TempDir;

/// How often the race is run.
const ASKED: usize = 50_000;
/// How often it is run at most, until each answer has come.
const MOST: usize = 1_000_000;

fn file_in(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("file");
    std::fs::write(&path, "content").unwrap();
    path
}

fn ask(path: &Path) -> OpenForWriting {
    is_open_for_writing(&File::open(path).unwrap()).unwrap()
}

fn writer(path: &Path) -> File {
    OpenOptions::new().append(true).open(path).unwrap()
}

/// A folder whose files have leases; nothing where the file system has none, which is said aloud and fails where `CI=true`.
fn folder_below(place: &Path) -> Option<TempDir> {
    let Ok(folder) = tempfile::tempdir_in(place) else { return skip(place, "there is no such folder") };
    if ask(&file_in(&folder)) == OpenForWriting::Unknown {
        return skip(place, "its files have no leases");
    }
    Some(folder)
}

#[expect(clippy::print_stdout, reason = "the test harness shows it")]
fn skip<T>(place: &Path, why: &str) -> Option<T> {
    let sentence = format!("SKIPPED leases in {}: {why}", place.display());
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{sentence}");
    println!("{sentence}");
    None
}

fn folder() -> Option<TempDir> {
    folder_below(&std::env::temp_dir())
}

#[test]
fn a_writer_counts_until_its_last_descriptor_is_closed() {
    let Some(folder) = folder() else { return };
    let path = file_in(&folder);
    let _reader = File::open(&path).unwrap();
    assert_eq!(ask(&path), OpenForWriting::No, "readers do not count");
    let first = writer(&path);
    let second = first.try_clone().unwrap();
    assert_eq!(ask(&path), OpenForWriting::Yes);
    drop(first);
    assert_eq!(ask(&path), OpenForWriting::Yes);
    assert_eq!(is_open_for_writing(&second).unwrap(), OpenForWriting::Yes, "it is a writer itself");
    drop(second);
    assert_eq!(ask(&path), OpenForWriting::No);
}

#[test]
fn the_same_descriptor_may_be_asked_again_and_keeps_no_lease() {
    let Some(folder) = folder() else { return };
    let path = file_in(&folder);
    let file = File::open(&path).unwrap();
    for _ in 0..3 {
        assert_eq!(is_open_for_writing(&file).unwrap(), OpenForWriting::No);
        // With a lease left, this would wait for the lease's holder, which is this thread.
        let writer = writer(&path);
        assert_eq!(is_open_for_writing(&file).unwrap(), OpenForWriting::Yes);
        drop(writer);
    }
}

#[test]
fn a_mapping_that_may_be_written_counts_after_its_descriptor_is_closed() {
    let Some(folder) = folder() else { return };
    let path = file_in(&folder);
    let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let length = NonZeroUsize::new(7).unwrap();
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: the kernel chooses where, so that no other memory is replaced, and what is mapped is never touched.
    let mapping = unsafe { mmap(None, length, access, MapFlags::MAP_SHARED, &file, 0) }.unwrap();
    drop(file);
    assert_eq!(ask(&path), OpenForWriting::Yes);
    // SAFETY: it was mapped above with this length, and no reference points into it.
    unsafe { munmap(mapping, length.get()) }.unwrap();
    assert_eq!(ask(&path), OpenForWriting::No);
}

#[test]
fn a_file_in_memory_is_told_as_well() {
    let Some(folder) = folder_below(Path::new("/dev/shm")) else { return };
    let path = file_in(&folder);
    let writer = writer(&path);
    assert_eq!(ask(&path), OpenForWriting::Yes);
    drop(writer);
    assert_eq!(ask(&path), OpenForWriting::No);
}

#[test]
fn what_is_no_regular_file_is_not_told() {
    let (reader, _writer) = std::io::pipe().unwrap();
    let pipe = File::from(std::os::fd::OwnedFd::from(reader));
    assert_eq!(is_open_for_writing(&pipe).unwrap(), OpenForWriting::Unknown);
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(ask(folder.path()), OpenForWriting::Unknown);
}

/// Each open that meets the lease makes the kernel send a signal. With the one that it sends by default, this process ends.
#[test]
fn no_signal_ends_the_process_that_asks_while_a_writer_comes_and_goes() {
    let Some(folder) = folder() else { return };
    let path = file_in(&folder);
    let file = File::open(&path).unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                drop(writer(&path));
            }
        });
        let (mut yes, mut no) = (0, 0);
        let mut wrong = None;
        while wrong.is_none() && (yes + no < ASKED || ((yes == 0 || no == 0) && yes + no < MOST)) {
            match is_open_for_writing(&file) {
                Ok(OpenForWriting::Yes) => yes += 1,
                Ok(OpenForWriting::No) => no += 1,
                other => wrong = Some(other),
            }
        }
        // Before anything is judged: a panic would wait for the writer.
        is_over.store(true, Ordering::Relaxed);
        assert!(wrong.is_none(), "{wrong:?}");
        assert!(yes > 0 && no > 0, "{yes} times open, {no} times not");
    });
}
