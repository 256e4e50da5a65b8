//! How much there may be, and what follows when there is no room.

use super::archives::{FAILURE, compressed, noise, with};
use super::bed::{ACTIVATION, Bed, IMAGE, IMMEDIATE, NAME, VERSION, image};
use super::ear::{Heard, Said};
use super::tar::{Entry, archive};

const LIMITS: &str = "signature = \"off\"\nqueue = 100\nmax-images = 100\nmax-member-bytes = 6291456\n\
    max-extracted-bytes = 8388608\nmax-archive-bytes = 10485760\nmax-members = 16\n\
    max-dictionary-bytes = 1048576\n";
const MIB: usize = 1024 * 1024;

fn limits() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let file = |name: &str, length: usize| Entry::file(name, vec![b'x'; length]);
    let many: Vec<_> = (0..20).map(|number| Entry::file(format!("file-{number}"), "x")).collect();
    let folders: Vec<_> = (0..20).map(|number| Entry::new(b'5', format!("folder-{number}/"), "")).collect();
    let names: Vec<_> = (0..90).map(|_| Entry::new(b'g', "pax", "13 comment=x\n")).collect();
    vec![
        ("archive", noise(10 * MIB + 1), "the archive is larger than"),
        ("member", archive(&with(&[file("big", 6 * MIB + 1)])), "big is larger than"),
        (
            "sum",
            archive(&with(&[file("a", 5 * MIB), file("b", 4 * MIB)])),
            "larger than 8388608 bytes together",
        ),
        ("members", archive(&with(&many)), "more than 16 members"),
        ("folders", archive(&with(&folders)), "more than 16 members"),
        ("headers", archive(&with(&names)), "more than 16 members"),
        ("ratio-gzip", compressed("gzip", &archive(&with(&[file("zeros", 5 * MIB)]))), "more than 200 times"),
        (
            "ratio-bzip2",
            compressed("bzip2", &archive(&with(&[file("zeros", 5 * MIB)]))),
            "more than 200 times",
        ),
        ("dictionary", compressed("xz", &archive(&with(&[Entry::file("x", noise(64))]))), "dictionary"),
    ]
}

#[test]
fn a_limit_stops_an_image_whichever_way_it_comes() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(LIMITS)? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let cases = limits();
    let mut expected = Vec::new();
    for (name, content, says) in &cases {
        let path = bed.drop_file(name, content)?;
        expected.push((path.display().to_string(), None, *says));
        let object = bed.start_update(content, IMMEDIATE)?;
        let folder = bed.folder().join(object.rsplit('/').next().unwrap_or_default());
        expected.push((folder.display().to_string(), Some(object), *says));
    }
    for (path, object, says) in expected {
        let (id, data) = bed.until(|heard| {
            heard.iter().find_map(|heard| match &heard.said {
                Said::Event(id, _, data) if data.get("PATH") == Some(&path) => {
                    Some((id.clone(), data.clone()))
                }
                _ => None,
            })
        })?;
        assert!(id.ends_with(FAILURE) && data["REASON"].contains(says), "{says}: {id} {data:?}");
        assert_eq!(data["FAIL"], data["REASON"]);
        if let Some(object) = object {
            // The object is gone soon after that.
            let reason = data["REASON"].as_str();
            bed.until(|heard| {
                let said =
                    |heard: &Heard| heard.path == object && heard.value(IMAGE, "Reason") == Some(reason);
                heard.iter().any(said).then_some(())
            })?;
        }
    }
    assert_eq!(bed.events()?.len(), 2 * cases.len());
    bed.wait("nothing stays", || Ok(bed.files()?.is_empty() && bed.images()?.is_empty()))?;
    assert!(!bed.heard()?.iter().any(|heard| heard.adds(VERSION)));
    Ok(())
}

#[test]
fn what_is_just_within_the_limits_is_taken() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running(LIMITS)? else { return Ok(()) };
    let members: Vec<_> = (0..14).map(|number| Entry::file(format!("file-{number}"), "x")).collect();
    let full = archive(&with(&[Entry::file("big", noise(6 * MIB))]));
    for (name, content) in
        [("members", archive(&with(&members))), ("gzip", compressed("gzip", &full)), ("full", full)]
    {
        bed.forget()?;
        bed.drop_file(name, &content)?;
        bed.await_image("hostile")?;
    }
    Ok(())
}

#[test]
fn without_room_a_file_stays_and_is_taken_in_once_there_is_some() -> anyhow::Result<()> {
    // More than any file system has.
    let Some(mut bed) = Bed::new("min-free-bytes = 1000000000000000\nmin-free-divisor = 0\n")? else {
        return Ok(());
    };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    bed.drop_file("image", &image("kept"))?;
    let data = bed.await_event("Image.Error.BusyFailure")?;
    assert!(data["REASON"].contains("there is no room"), "{data:?}");
    let object = bed.start_update(&image("not-kept"), IMMEDIATE)?;
    bed.await_state(&object, "Invalid")?;
    assert!(bed.get(NAME, &object, IMAGE, "Reason").is_ok_and(|reason| reason.contains("there is no room")));
    assert!(bed.get(NAME, &object, ACTIVATION, "Activation").is_ok());
    assert_eq!(bed.events()?, ["Image.Error.BusyFailure"; 2]);
    assert!(bed.files()?.contains(&"image".to_owned()));
    bed.stop()?;
    bed.configure("")?;
    bed.start()?;
    bed.await_image("kept")?;
    bed.wait("the file is gone", || Ok(!bed.files()?.contains(&"image".to_owned())))
}

#[test]
fn too_many_images_keep_the_next_waiting_until_one_is_deleted() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new("max-images = 2\n")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    for name in ["one", "two"] {
        bed.drop_file(name, &image(name))?;
        bed.await_image(name)?;
    }
    bed.drop_file("three", &image("three"))?;
    let data = bed.await_event("Image.Error.BusyFailure")?;
    assert_eq!(data["PATH"], bed.folder().join("three").display().to_string());
    let refused = bed.start_update(&image("four"), IMMEDIATE).unwrap_err().to_string();
    assert!(refused.contains("Unavailable"), "{refused}");
    let first = bed.images()?.remove(0);
    assert_eq!(bed.delete(&first), Ok(()));
    bed.await_image("three")?;
    assert_eq!(bed.events()?, ["Image.Error.BusyFailure"]);
    Ok(())
}
