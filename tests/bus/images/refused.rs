//! What must be refused, whichever way it comes: a named event with its reason, once, and nothing else.

use super::archives::{Case, cases};
use super::bed::{ACTIVATION, Bed, IMAGE, IMMEDIATE, STATES, VERSION, is_soak, memory, tree};
use super::ear::{Heard, Said};
use std::collections::BTreeMap;
use std::io::Write as _;
use test_random::Numbers;

/// Which ways the archives go in a run that is no soak.
const SEED: u64 = 0x5eed_0005;
const MANY: &str = "signature = \"off\"\nqueue = 1000\nmax-images = 1000\nlinger-s = 2\n";

/// Archives that are under way together: fewer than events that the service has under way.
const AT_ONCE: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Dropped, written in place.
    Written,
    /// Dropped under a name that is left alone, and renamed.
    Renamed,
    /// Handed over as a file.
    File,
    /// Handed over as a file in memory.
    Memory,
    /// Handed over as a pipe.
    Pipe,
}

const DROPPED: [Way; 2] = [Way::Written, Way::Renamed];
const HANDED_OVER: [Way; 3] = [Way::File, Way::Memory, Way::Pipe];

/// An archive on its way: which, how, and under which path the event must name it.
struct Sent<'a> {
    case: &'a Case,
    way: Way,
    /// Its object, if it was handed over.
    object: Option<String>,
    path: String,
}

fn ways(numbers: &mut Numbers) -> Vec<Way> {
    if is_soak() {
        return DROPPED.into_iter().chain(HANDED_OVER).collect();
    }
    vec![DROPPED[numbers.below(2)], HANDED_OVER[numbers.below(3)]]
}

fn send<'a>(bed: &Bed, case: &'a Case, way: Way) -> anyhow::Result<Sent<'a>> {
    let name = format!("{}-{}-{way:?}", case.row, case.name);
    let mut object = None;
    match way {
        Way::Written => drop(bed.drop_file(&name, &case.archive)?),
        Way::Renamed => {
            let hidden = bed.drop_file(&format!(".{name}.part"), &case.archive)?;
            std::fs::rename(hidden, bed.folder().join(&name))?;
        }
        Way::File => {
            let path = bed.root().join("handed-over");
            std::fs::write(&path, &case.archive)?;
            object = Some(bed.hand_over(std::fs::File::open(&path)?, IMMEDIATE)?);
            std::fs::remove_file(path)?;
        }
        Way::Memory => object = Some(bed.hand_over(memory(&case.archive)?, IMMEDIATE)?),
        Way::Pipe => {
            let (reader, mut writer) = std::io::pipe()?;
            let content = case.archive.clone();
            // What is refused early is not read to its end.
            std::thread::spawn(move || writer.write_all(&content));
            object = Some(bed.hand_over(reader, IMMEDIATE)?);
        }
    }
    let file = match &object {
        Some(object) => object.rsplit('/').next().unwrap_or_default().to_owned(),
        None => name,
    };
    Ok(Sent { case, way, object, path: bed.folder().join(file).display().to_string() })
}

/// Waits until the event log has been asked for so many entries in all.
fn await_events(bed: &mut Bed, count: usize) -> anyhow::Result<()> {
    bed.until(|heard| {
        let events = heard.iter().filter(|heard| matches!(heard.said, Said::Event(..)));
        (events.count() >= count).then_some(())
    })
}

#[test]
fn what_is_hostile_or_broken_leaves_one_event_with_its_reason_and_nothing_else() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(MANY)? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let cases = cases(&bed.root());
    println!("{} archives", cases.len());
    let tree_of = |bed: &Bed| -> anyhow::Result<_> {
        let mut found = tree(&bed.root(), &bed.folder())?;
        // What waits for the event log, which answers when it likes.
        found.retain(|path, _| !path.ends_with("events") && !path.ends_with(".events.draft"));
        Ok(found)
    };
    let before = tree_of(&bed)?;
    let (mut sent, mut numbers) = (Vec::new(), Numbers::new(SEED));
    for case in &cases {
        for way in ways(&mut numbers) {
            sent.push(send(&bed, case, way)?);
            if sent.len().is_multiple_of(AT_ONCE) {
                await_events(&mut bed, sent.len())?;
            }
        }
    }
    await_events(&mut bed, sent.len())?;
    let objects: Vec<_> = sent.iter().filter_map(|sent| sent.object.clone()).collect();
    for object in &objects {
        bed.until(|heard| {
            heard.iter().any(|heard| heard.path == *object && heard.removes(IMAGE)).then_some(())
        })?;
    }
    let heard = bed.heard()?.to_vec();
    let faults: Vec<_> = sent.iter().flat_map(|sent| faults(sent, &heard)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(!heard.iter().any(|heard| heard.adds(VERSION)), "nothing is published");
    assert_eq!(bed.images()?, [""; 0]);
    bed.wait("the folder is empty", || Ok(bed.files()?.is_empty()))?;
    let mut after = tree_of(&bed)?;
    let records = bed.root().join("run/vivianite/image-manager/images");
    assert_eq!(std::fs::read_dir(records)?.count(), 0, "no record stays");
    after.retain(|path, _| before.contains_key(path) || !path.ends_with("image-manager"));
    assert_eq!(difference(&before, &after), [""; 0], "nothing outside has changed");
    bed.drop_file("good", &super::bed::image("still-alive"))?;
    bed.await_image("still-alive")?;
    Ok(())
}

fn difference<V: PartialEq>(
    before: &BTreeMap<std::path::PathBuf, V>,
    after: &BTreeMap<std::path::PathBuf, V>,
) -> Vec<String> {
    let all = before.keys().chain(after.keys());
    let changed = all.filter(|path| before.get(*path) != after.get(*path));
    changed.map(|path| path.display().to_string()).collect()
}

/// What is not as it should be about an archive that was sent, after all that was heard.
fn faults(sent: &Sent<'_>, heard: &[Heard]) -> Vec<String> {
    let mut faults = Vec::new();
    let what = format!("{} {} {:?}", sent.case.row, sent.case.name, sent.way);
    let told: Vec<_> = heard
        .iter()
        .filter_map(|heard| match &heard.said {
            Said::Event(id, severity, data) if data.get("PATH") == Some(&sent.path) => {
                Some((id, severity, data))
            }
            _ => None,
        })
        .collect();
    let [(id, severity, data)] = &*told else {
        faults.push(format!("{what}: {} events", told.len()));
        return faults;
    };
    let reason = data.get("REASON").map_or("", String::as_str);
    if **id != format!("xyz.openbmc_project.Software.{}", sent.case.event)
        || !reason.contains(sent.case.says)
        || reason.is_empty()
        || **severity != "xyz.openbmc_project.Logging.Entry.Level.Error"
    {
        faults.push(format!("{what}: {id} {reason}"));
    }
    if sent.case.event.ends_with("ImageFailure") != data.contains_key("FAIL")
        || sent.case.row == 11 && data["FAIL"] != "Machine name does not match"
    {
        faults.push(format!("{what}: {data:?}"));
    }
    if let Some(object) = &sent.object {
        let mine: Vec<_> = heard.iter().filter(|heard| heard.path == *object).collect();
        let told = mine.iter().rev().find_map(|heard| heard.value(IMAGE, "Reason"));
        if told != Some(reason) {
            faults.push(format!("{what}: the object says {told:?}, the event {reason}"));
        }
        let states: Vec<_> = mine.iter().filter_map(|heard| heard.value(ACTIVATION, "Activation")).collect();
        if states != [format!("{STATES}NotReady"), format!("{STATES}Invalid")] {
            faults.push(format!("{what}: {states:?}"));
        }
        let gone = mine.iter().position(|heard| heard.removes(ACTIVATION));
        if gone.is_none() {
            faults.push(format!("{what}: the object stays"));
        }
    }
    faults
}
