//! Files that are dropped: slowly, in pieces, by name, again, under odd names; and the folder that goes away.

use super::archives::{compressed, noise};
use super::bed::{Bed, FILE_PATH, IMMEDIATE, NAME, VERSION, image, image_of};
use image_signature::DigestAlgorithm;
use nix::sys::stat::Mode;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;

#[test]
fn an_upload_in_pieces_is_taken_in_once_it_is_whole() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("settle-ms = 700\n")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let content = image_of("in-pieces", &noise(200_000));
    let path = bed.folder().join("pieces");
    for piece in content.chunks(content.len() / 3 + 1) {
        // Closed after each, as some writers do.
        OpenOptions::new().create(true).append(true).open(&path)?.write_all(piece)?;
        // The service has seen it.
        bed.wait("a turn", || Ok(true))?;
    }
    bed.await_image("in-pieces")?;
    let mut slow = File::create(bed.folder().join("slow"))?;
    for piece in image_of("slow", &noise(100_000)).chunks(4096) {
        slow.write_all(piece)?;
        slow.flush()?;
        bed.images()?;
    }
    drop(slow);
    bed.await_image("slow")?;
    bed.drop_file("in-two.part", &image("renamed"))?;
    std::fs::rename(bed.folder().join("in-two.part"), bed.folder().join("in-two"))?;
    bed.await_image("renamed")?;
    assert!(!bed.folder().join("in-two").exists(), "its space is free before anybody begins with it");
    assert_eq!(bed.events()?, [""; 0]);
    bed.wait("all files are gone", || Ok(bed.files()?.len() == 3))
}

/// The file of a program that is not done with it: its bytes would be lost, and the program would see no error.
#[test]
fn a_file_is_not_taken_for_finished_while_a_program_has_it_open_for_writing() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("settle-ms = 0\n")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let content = image_of("slow", &noise(100_000));
    let path = bed.folder().join("slow");
    // Made empty, by a program that opens it again to write it.
    drop(File::create(&path)?);
    let mut writer = OpenOptions::new().write(true).open(&path)?;
    for (part, marker) in content.chunks(content.len() / 3 + 1).zip(["one", "two", "three"]) {
        // One of two writers closes it.
        drop(OpenOptions::new().append(true).open(&path)?);
        // One after the other: it was looked at before these, twice where it had to rest.
        for again in ["", "-again"] {
            let version = format!("{marker}{again}");
            bed.drop_file("other", &image(&version))?;
            bed.await_image(&version)?;
            assert_eq!(bed.events()?, [""; 0]);
        }
        writer.write_all(part)?;
    }
    assert!(path.exists());
    drop(writer);
    bed.await_image("slow")?;
    assert_eq!(bed.events()?, [""; 0]);
    bed.wait("it was removed", || Ok(!path.exists()))
}

#[test]
fn an_empty_file_is_left_alone_until_it_is_written() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("settle-ms = 0\n")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let path = bed.drop_file("empty", b"")?;
    for version in ["first", "second"] {
        bed.drop_file("other", &image(version))?;
        bed.await_image(version)?;
    }
    assert!(path.exists());
    assert_eq!(bed.events()?, [""; 0]);
    std::fs::write(&path, image("written"))?;
    bed.await_image("written")?;
    Ok(())
}

/// Erased flash comes first in many images: what has come of them by then unpacks to a thousand times its length.
#[test]
fn an_upload_in_pieces_may_begin_with_padding() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("settle-ms = 2000\n")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let mut payload = vec![0xff; 8_000_000];
    payload.extend(noise(2_000_000));
    let whole = compressed("gzip", &image_of("padded", &payload));
    let path = bed.folder().join("pieces");
    std::fs::write(&path, &whole[..20_000])?;
    // One after the other: it was looked at before this one.
    bed.drop_file("other", &image("other"))?;
    bed.await_image("other")?;
    OpenOptions::new().append(true).open(&path)?.write_all(&whole[20_000..])?;
    bed.await_image("padded")?;
    assert_eq!(bed.events()?, [""; 0]);
    Ok(())
}

#[test]
fn an_upload_that_stays_short_is_an_error_after_it_has_rested_and_only_then() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("settle-ms = 400\n")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let began = std::time::Instant::now();
    bed.drop_file("short", &image("short")[..1500])?;
    let data = bed.await_event("Image.Error.UnTarFailure")?;
    assert!(began.elapsed().as_millis() >= 400, "{:?}", began.elapsed());
    assert!(data["REASON"].contains("ends before its end"));
    bed.wait("it is removed", || Ok(bed.files()?.is_empty()))
}

#[test]
fn what_is_no_file_of_its_own_is_left_alone() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let (folder, outside) = (bed.folder(), bed.root().join("outside.tar"));
    std::fs::write(&outside, image("outside"))?;
    std::os::unix::fs::symlink(&outside, folder.join("symlink"))?;
    std::fs::hard_link(&outside, folder.join("hard-link"))?;
    nix::unistd::mkfifo(&folder.join("fifo"), Mode::S_IRUSR | Mode::S_IWUSR)?;
    std::fs::create_dir_all(folder.join("folder/inside"))?;
    let socket = std::os::unix::net::UnixListener::bind(folder.join("socket"))?;
    std::fs::rename(folder.join("symlink"), folder.join("symlink-2"))?;
    std::fs::rename(folder.join("hard-link"), folder.join("hard-link-2"))?;
    for name in [".hidden", "a.part", "a.partial", "a.filepart", "a.tmp", "a.crdownload"] {
        bed.drop_file(name, &image("never"))?;
    }
    // Written through: closing it is an event of the link's name or of nobody's.
    OpenOptions::new().append(true).open(folder.join("hard-link-2"))?;
    bed.drop_file("last", &image("last"))?;
    bed.await_image("last")?;
    bed.stop()?;
    bed.start()?;
    bed.drop_file("last-again", &image("last-again"))?;
    bed.await_image("last-again")?;
    assert_eq!(bed.images()?.len(), 2);
    assert_eq!(bed.events()?, [""; 0]);
    let mut files = bed.files()?;
    files.retain(|name| name.len() != 8);
    let left = ["fifo", "folder", "hard-link-2", "socket", "symlink-2"];
    assert_eq!(files.iter().filter(|name| left.contains(&&***name)).count(), left.len(), "{files:?}");
    assert_eq!(files.len(), left.len() + 6, "{files:?}");
    assert!(std::fs::read(&outside)?.starts_with(b"psu.bin"), "and so is what links lead to");
    drop(socket);
    Ok(())
}

#[test]
fn any_other_name_will_do_and_one_archive_may_come_twice() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("")? else { return Ok(()) };
    let content = image("twice");
    let folder = bed.folder();
    for name in [b"no ending".as_slice(), b"a\nb", b"\xff\xfe", b"-", b"deadbeef", b"MANIFEST", b"a.sig"] {
        bed.forget()?;
        std::fs::write(folder.join(std::ffi::OsStr::from_bytes(name)), &content)?;
        bed.await_image("twice")?;
    }
    let images = bed.images()?;
    assert_eq!(images.len(), 7, "each has an id of its own: {images:?}");
    for image in images {
        let path = bed.get(NAME, &image, FILE_PATH, "Path").unwrap();
        assert!(path.ends_with(image.rsplit('/').next().unwrap()), "{path} {image}");
        assert_eq!(std::fs::read(format!("{path}/psu.bin"))?, b"firmware");
    }
    bed.wait("all files are gone", || Ok(bed.files()?.len() == 7))
}

/// Has the thread at work until it is dropped.
fn keep_busy(bed: &mut Bed) -> anyhow::Result<std::io::PipeWriter> {
    let (reader, writer) = std::io::pipe()?;
    bed.hand_over(&reader, IMMEDIATE)?;
    bed.until(|heard| {
        let at_work = heard
            .iter()
            .any(|heard| heard.value("io.vivianite.Software.Image1", "Stage") == Some("unpacking"));
        at_work.then_some(())
    })?;
    Ok(writer)
}

#[test]
fn a_file_that_is_written_again_before_its_turn_is_what_it_is_then() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("stall-limit-s = 30\n")? else { return Ok(()) };
    let held = keep_busy(&mut bed)?;
    bed.drop_file("image", &image("first"))?;
    bed.drop_file("image", &image("second"))?;
    bed.drop_file("other", &image("third"))?;
    std::fs::rename(bed.folder().join("other"), bed.folder().join("image"))?;
    drop(held);
    bed.await_image("third")?;
    bed.wait("the file is gone", || Ok(!bed.files()?.contains(&"image".to_owned())))?;
    let versions: Vec<_> = bed.heard()?.iter().filter_map(|heard| heard.value(VERSION, "Version")).collect();
    assert_eq!(versions, ["third"]);
    Ok(())
}

#[test]
fn a_file_that_is_overwritten_while_it_is_read_is_looked_at_again() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("max-member-bytes = 100000000\n")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let old = image_of("old", &noise(60_000_000));
    // As long, so that it ends where the old one does.
    let mut content = noise(60_000_000);
    content.reverse();
    let new = image_of("new", &content);
    assert_eq!(old.len(), new.len());
    let path = bed.drop_file("image", &old)?;
    let draft = || {
        let names = bed.files();
        names.map(|names| names.iter().any(|name| name.starts_with(".tmp-")))
    };
    bed.wait("it is being unpacked", draft)?;
    // In place: the same file, so what is read is neither the one nor the other.
    let mut file = OpenOptions::new().write(true).open(&path)?;
    file.write_all(&new)?;
    drop(file);
    bed.await_image("new")?;
    bed.wait("the file is gone", || Ok(!bed.files()?.contains(&"image".to_owned())))?;
    let versions: Vec<_> =
        bed.heard()?.iter().filter_map(|heard| heard.value(VERSION, "Version").map(str::to_owned)).collect();
    assert!(versions == ["new"] || versions == ["old", "new"], "{versions:?}");
    Ok(())
}

#[test]
fn another_upload_folder_is_watched_like_the_first() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("")? else { return Ok(()) };
    std::fs::remove_dir_all(bed.folder())?;
    bed.wait("the folder is made again", || Ok(bed.folder().is_dir()))?;
    bed.drop_file("image", &image("after-removal"))?;
    bed.await_image("after-removal")?;
    std::fs::rename(bed.folder(), bed.root().join("tmp/elsewhere"))?;
    bed.wait("the folder is made again", || Ok(bed.folder().is_dir()))?;
    bed.drop_file("image", &image("after-move"))?;
    bed.await_image("after-move")?;
    // The other's content is not ours any more, but what was announced of it can still go.
    for image in bed.images()? {
        assert_eq!(bed.delete(&image), Ok(()));
    }
    Ok(())
}

/// So sftp servers finish an upload where a file must not be replaced.
#[test]
fn an_upload_that_gets_its_name_by_a_link_is_taken_in_once_it_has_no_other() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let folder = bed.folder();
    for (version, is_slow) in [("at-once", false), ("later", true)] {
        let (part, whole) = (folder.join(format!("{version}.filepart")), folder.join(version));
        std::fs::write(&part, image(version))?;
        std::fs::hard_link(&part, &whole)?;
        if is_slow {
            // Heard of while it has two names.
            bed.wait("a turn", || Ok(true))?;
        }
        std::fs::remove_file(&part)?;
        bed.await_image(version)?;
    }
    // Linked while nobody looked, and read by somebody else meanwhile.
    bed.stop()?;
    std::fs::write(folder.join("before.filepart"), image("before"))?;
    std::fs::hard_link(folder.join("before.filepart"), folder.join("before"))?;
    bed.start()?;
    std::fs::read(folder.join("before"))?;
    bed.wait("a turn", || Ok(true))?;
    std::fs::remove_file(folder.join("before.filepart"))?;
    bed.await_image("before")?;
    // One that somebody still writes is nobody's business yet.
    let mut open = File::create(folder.join("open"))?;
    open.write_all(&image("open")[..1024])?;
    std::fs::write(folder.join("other.filepart"), image("other"))?;
    std::fs::hard_link(folder.join("other.filepart"), folder.join("other"))?;
    std::fs::remove_file(folder.join("other.filepart"))?;
    bed.await_image("other")?;
    assert!(bed.files()?.contains(&"open".to_owned()));
    assert_eq!(bed.events()?, [""; 0]);
    Ok(())
}

#[test]
fn an_image_whose_folder_somebody_removes_is_removed() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("max-images = 1")? else { return Ok(()) };
    for version in ["first", "second"] {
        bed.drop_file(version, &image(version))?;
        let path = bed.await_image(version)?;
        let folder = bed.folder().join(path.rsplit('/').next().unwrap_or_default());
        if version == "first" {
            std::fs::remove_dir_all(&folder)?;
        } else {
            std::fs::rename(&folder, bed.root().join("elsewhere"))?;
        }
        bed.until(|heard| {
            heard.iter().any(|heard| heard.path == path && heard.removes(VERSION)).then_some(())
        })?;
        assert_eq!(bed.images()?, [""; 0]);
    }
    Ok(())
}

#[test]
fn an_upload_folder_that_was_away_comes_back_with_its_images() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("")? else { return Ok(()) };
    bed.drop_file("there", &image("there"))?;
    let path = bed.await_image("there")?;
    let (folder, away) = (bed.folder(), bed.root().join("away"));
    std::fs::rename(&folder, &away)?;
    bed.until(|heard| heard.iter().any(|heard| heard.path == path && heard.removes(VERSION)).then_some(()))?;
    bed.drop_file("meanwhile", &image("meanwhile"))?;
    let other = bed.await_image("meanwhile")?;
    bed.forget()?;
    // At once, as by an unmount: there is never no folder.
    let (flags, at) = (nix::fcntl::RenameFlags::RENAME_EXCHANGE, nix::fcntl::AT_FDCWD);
    nix::fcntl::renameat2(at, &folder, at, &away, flags)?;
    assert_eq!(bed.await_image("there")?, path);
    assert_eq!(bed.images()?, [&*path]);
    // Once it is known that nobody installs it.
    bed.wait("it may be deleted", || Ok(bed.delete(&path).is_ok()))?;
    nix::fcntl::renameat2(at, &folder, at, &away, flags)?;
    assert_eq!(bed.await_image("meanwhile")?, other);
    bed.wait("the folder is gone", || Ok(std::fs::read_dir(&away)?.count() == 0))
}

#[test]
fn a_record_tells_whoever_installs_an_image_what_each_file_was() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("")? else { return Ok(()) };
    bed.drop_file("image", &image_of("recorded", &noise(100_000)))?;
    let path = bed.await_image("recorded")?;
    let id = path.rsplit('/').next().unwrap_or_default();
    let record = bed.root().join(format!("run/vivianite/image-manager/images/{id}.toml"));
    let record: toml::Table = toml::from_str(&std::fs::read_to_string(record)?)?;
    let files = record["file"].as_array().into_iter().flatten();
    let mut told: Vec<_> = files.map(|file| (file["name"].as_str(), file["sha256"].as_str())).collect();
    told.sort_unstable();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(bed.folder().join(id))? {
        let entry = entry?;
        let sum = image_signature::digest(DigestAlgorithm::Sha256, &std::fs::read(entry.path())?);
        found.push((entry.file_name().to_string_lossy().into_owned(), sum.to_string()));
    }
    found.sort();
    let found: Vec<_> = found.iter().map(|(name, sum)| (Some(&**name), Some(&**sum))).collect();
    assert_eq!(told, found);
    assert!(told.len() > 2, "{told:?}");
    Ok(())
}
