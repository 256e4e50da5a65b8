use super::*;
use crate::limits::READ;
use durable_state::simulation::{CutDisk, every_cut};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::rc::Rc;

/// Counts the steps of the kind that makes a batch durable.
#[derive(Clone, Default)]
struct Counting(Rc<Cell<usize>>);

impl Disk for Counting {
    fn perform(&self, step: &Step) -> io::Result<()> {
        if matches!(step, Step::Append { .. } | Step::SyncFileSystem(_)) {
            self.0.set(self.0.get() + 1);
        }
        RealDisk.perform(step)
    }
}

fn set(path: &str, interface: &str, value: u32) -> Entry {
    let properties = Map::from_iter([("V".to_owned(), Json::from(value))]);
    Entry::Set { path: path.into(), interface: interface.into(), properties }
}

fn batch(value: u32) -> Vec<Entry> {
    vec![set("/s", "a.A", value), set("/s/c", "a.A", value), set("/s", "a.B", value)]
}

/// Interfaces by object and name, each with its one value.
type Contents = BTreeMap<(String, String), u64>;

fn open<D: Disk>(folder: &Path, disk: D) -> io::Result<(Store<D>, Contents)> {
    let mut contents = Contents::new();
    let store = Store::open(folder, disk, &mut |entry| match entry {
        Entry::Set { path, interface, properties } => {
            contents.insert((path, interface), properties["V"].as_u64().unwrap());
        }
        Entry::Remove { path: gone } => contents.retain(|(path, _), _| *path != gone),
    })?;
    Ok((store, contents))
}

fn contents(folder: &Path) -> Contents {
    open(folder, RealDisk).unwrap().1
}

impl<D: Disk> Store<D> {
    fn keep(&mut self, batch: &[Entry]) -> io::Result<()> {
        self.write(&|take| batch.iter().map(Entry::change).try_for_each(take))
    }
}

fn encode(batch: &[Entry]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::at(folder.path().join("journal"));
    let batch = |take: &mut dyn FnMut(Change<'_>) -> io::Result<()>| {
        batch.iter().map(Entry::change).try_for_each(take)
    };
    journal::append(&mut journal, &RealDisk, &batch).unwrap();
    std::fs::read(journal.path()).unwrap()
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let name = |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, restored) = open(folder.path(), RealDisk).unwrap();
    assert!(restored.is_empty());
    store.keep(&batch(1)).unwrap();
    store.keep(&[set("/s", "a.A", 2)]).unwrap();
    drop(store);
    let expected = [(("/s", "a.A"), 2), (("/s", "a.B"), 1), (("/s/c", "a.A"), 1)];
    let expected =
        expected.map(|((path, interface), value)| ((path.to_owned(), interface.to_owned()), value));
    assert_eq!(contents(folder.path()), BTreeMap::from(expected));
}

/// Runs one batch and a checkpoint over an older state; returns whether the batch was acknowledged.
fn change(folder: &Path, disk: &CutDisk) -> bool {
    let Ok((mut store, _)) = open(folder, disk) else { return false };
    let acknowledged = store.keep(&batch(2)).is_ok();
    // The disk may be cut in it too, which must not matter to what was acknowledged.
    let _ = store.checkpoint();
    acknowledged
}

#[test]
fn a_cut_at_every_step_leaves_a_batch_whole_or_absent_and_keeps_what_was_answered() {
    let ways = every_cut(
        |folder| {
            let (mut store, _) = open(folder, RealDisk).unwrap();
            store.keep(&batch(1)).unwrap();
        },
        change,
        |folder, cut, acknowledged| {
            let values: Vec<u64> = contents(folder).into_values().collect();
            assert_eq!(values.len(), 3, "{cut:?}: something was lost");
            assert!(values.iter().all(|value| value == &values[0]), "{cut:?}: torn batch {values:?}");
            assert!(!acknowledged || values[0] == 2, "{cut:?}: an answered batch is gone");
        },
    );
    assert!(ways > 36, "the run has fewer steps than it should: {ways}");
}

#[test]
fn a_journal_torn_at_every_byte_loses_at_most_its_last_batch() {
    let folder = tempfile::tempdir().unwrap();
    let first = encode(&batch(1));
    let both = [first.clone(), encode(&batch(2))].concat();
    for length in 0..=both.len() {
        std::fs::remove_dir_all(folder.path().join("objects")).ok();
        std::fs::write(folder.path().join("journal"), &both[..length]).unwrap();
        let expected = match length {
            _ if length + 1 >= both.len() => Some(2),
            _ if length + 1 >= first.len() => Some(1),
            _ => None,
        };
        let values: Vec<u64> = contents(folder.path()).into_values().collect();
        assert_eq!(values.first().copied(), expected, "torn at {length}");
        assert!(values.iter().all(|value| Some(*value) == expected), "torn at {length}: {values:?}");
    }
}

#[test]
fn a_batch_after_a_torn_one_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let torn = encode(&batch(1));
    let text = [&torn[..torn.len() / 2], &encode(&batch(2))].concat();
    std::fs::write(folder.path().join("journal"), text).unwrap();
    assert!(contents(folder.path()).into_values().all(|value| value == 2));
}

#[test]
fn a_batch_that_the_disk_refuses_is_not_found_later() {
    let folder = tempfile::tempdir().unwrap();
    struct Full;
    impl Disk for Full {
        fn perform(&self, step: &Step) -> io::Result<()> {
            RealDisk.perform(step)?;
            match step {
                Step::Append { .. } => Err(io::Error::from(io::ErrorKind::StorageFull)),
                _ => Ok(()),
            }
        }
    }
    let (mut store, _) = open(folder.path(), Full).unwrap();
    assert_eq!(store.keep(&batch(1)).unwrap_err().kind(), io::ErrorKind::StorageFull);
    drop(store);
    assert!(contents(folder.path()).is_empty());
}

#[test]
fn a_batch_that_is_refused_and_cannot_be_taken_back_is_taken_back_later() {
    let folder = tempfile::tempdir().unwrap();
    /// Refuses the flush of the first append, and the first truncation.
    struct Sick {
        appends: Cell<usize>,
        truncations: Cell<usize>,
    }
    impl Disk for Sick {
        fn perform(&self, step: &Step) -> io::Result<()> {
            match step {
                Step::Truncate { .. } if self.truncations.get() > 0 => {
                    self.truncations.set(self.truncations.get() - 1);
                    return Err(io::Error::other("sick"));
                }
                Step::Append { .. } if self.appends.get() > 0 => {
                    self.appends.set(self.appends.get() - 1);
                    RealDisk.perform(step)?;
                    return Err(io::Error::other("sick"));
                }
                _ => {}
            }
            RealDisk.perform(step)
        }
    }
    let (mut store, _) = open(folder.path(), Sick { appends: 1.into(), truncations: 1.into() }).unwrap();
    assert!(store.keep(&batch(1)).is_err());
    assert!(!store.is_settled(), "the owner must come back to it");
    store.checkpoint().unwrap();
    drop(store);
    assert!(contents(folder.path()).is_empty());
}

#[test]
fn what_is_no_part_of_the_inventory_is_removed_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(folder.path(), RealDisk).unwrap();
    store.keep(&batch(1)).unwrap();
    store.checkpoint().unwrap();
    let object = folder.path().join("objects/s");
    std::os::unix::fs::symlink("/dev/zero", object.join("a.Link")).unwrap();
    std::fs::create_dir(object.join("a.Folder")).unwrap();
    std::fs::write(object.join(".a.A.draft"), b"half").unwrap();
    std::fs::write(object.join("nodot"), b"{}").unwrap();
    File::create(object.join("a.Huge")).unwrap().set_len(READ + 1).unwrap();
    assert_eq!(contents(folder.path()).len(), 3);
    assert_eq!(names(&object), [".a.Huge.damaged", "a.A", "a.B", "c"]);
}

#[test]
fn a_journal_of_garbage_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut garbage = vec![0xa5; 3_000_000];
    garbage.extend(encode(&batch(4)));
    std::fs::write(folder.path().join("journal"), garbage).unwrap();
    assert!(contents(folder.path()).into_values().all(|value| value == 4));
}

#[test]
fn a_disk_that_cannot_be_written_does_not_keep_the_inventory_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(folder.path(), RealDisk).unwrap();
    store.keep(&batch(1)).unwrap();
    store.checkpoint().unwrap();
    drop(store);
    std::fs::write(folder.path().join("objects/s/.a.A.draft"), b"half").unwrap();
    let newer = [set("/s", "a.A", 2), Entry::Remove { path: "/s/c".into() }];
    std::fs::write(folder.path().join("journal"), encode(&newer)).unwrap();
    struct ReadOnly;
    impl Disk for ReadOnly {
        fn perform(&self, step: &Step) -> io::Result<()> {
            match step {
                Step::CreateFolder(path) if path.ends_with("objects") => Ok(()),
                _ => Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem)),
            }
        }
    }
    let (store, restored) = open(folder.path(), ReadOnly).unwrap();
    assert!(!store.is_settled());
    let key = |interface: &str| ("/s".to_owned(), interface.to_owned());
    assert_eq!(restored, BTreeMap::from([(key("a.A"), 2), (key("a.B"), 1)]));
}

#[test]
fn a_change_that_no_file_can_be_named_after_does_not_block_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("/{}", "a".repeat(300));
    let text = encode(&[set(&long, "a.A", 9), set("/s", "a.A", 3)]);
    std::fs::write(folder.path().join("journal"), text).unwrap();
    assert_eq!(contents(folder.path()).into_values().collect::<Vec<_>>(), [3]);
    assert_eq!(std::fs::metadata(folder.path().join("journal")).unwrap().len(), 0);
}

#[test]
fn files_that_lag_behind_are_brought_up_by_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    struct RefusesRenames(Cell<usize>);
    impl Disk for RefusesRenames {
        fn perform(&self, step: &Step) -> io::Result<()> {
            if matches!(step, Step::Rename { .. }) && self.0.get() > 0 {
                self.0.set(self.0.get() - 1);
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            RealDisk.perform(step)
        }
    }
    let (mut store, _) = open(folder.path(), RefusesRenames(1.into())).unwrap();
    store.keep(&batch(1)).unwrap();
    assert!(!store.is_settled());
    store.checkpoint().unwrap();
    assert!(store.is_settled());
    assert_eq!(contents(folder.path()).len(), 3);
}

#[test]
fn a_removed_object_stays_away_and_the_ones_below_it_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(folder.path(), RealDisk).unwrap();
    store.keep(&batch(1)).unwrap();
    store.keep(&[Entry::Remove { path: "/s".into() }]).unwrap();
    drop(store);
    let left = contents(folder.path());
    assert_eq!(left.keys().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["/s/c"]);
}

#[test]
fn a_batch_costs_one_flush_however_many_interfaces_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let counting = Counting::default();
    let (mut store, _) = open(folder.path(), counting.clone()).unwrap();
    let many: Vec<Entry> = (0..200).map(|index| set(&format!("/s/o{index}"), "a.A", index)).collect();
    store.keep(&many).unwrap();
    assert_eq!(counting.0.get(), 1);
    store.checkpoint().unwrap();
    assert_eq!(counting.0.get(), 2);
}

/// A disk that is full whenever it is said to be: only what gives room goes through, and what the reserve gives back.
#[derive(Clone, Default)]
struct Filling {
    is_full: Rc<Cell<bool>>,
    /// Steps that took room.
    written: Rc<Cell<usize>>,
    /// Steps that there is room for all the same.
    room: Rc<Cell<usize>>,
}

impl Filling {
    fn fill(&self) {
        self.is_full.set(true);
        self.room.set(0);
    }
}

impl Disk for Filling {
    fn perform(&self, step: &Step) -> io::Result<()> {
        match step {
            Step::Reserve { length: 0, .. } => self.room.set(self.room.get() + 40),
            Step::CreateFolder(path) if path.exists() => {}
            Step::CreateFolder(_)
            | Step::Append { .. }
            | Step::Extend { .. }
            | Step::Write { .. }
            | Step::Reserve { .. } => {
                if self.is_full.get() && self.room.get() == 0 {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                self.room.set(self.room.get().saturating_sub(1));
                self.written.set(self.written.get() + 1);
            }
            Step::Truncate { length: 0, path } | Step::RemoveFile(path) => {
                let has_room = path.metadata().is_ok_and(|found| found.len() > 0);
                self.room.set(self.room.get() + usize::from(has_room));
            }
            _ => {}
        }
        RealDisk.perform(step)
    }
}

#[test]
fn a_full_disk_refuses_a_batch_and_takes_the_next_as_soon_as_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Filling::default();
    let (mut store, _) = open(folder.path(), disk.clone()).unwrap();
    store.keep(&batch(1)).unwrap();
    store.checkpoint().unwrap();
    disk.fill();
    assert_eq!(store.keep(&batch(2)).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(contents(folder.path()).into_values().all(|value| value == 1));
    disk.is_full.set(false);
    store.keep(&batch(3)).unwrap();
    assert!(contents(folder.path()).into_values().all(|value| value == 3));
}

#[test]
fn a_full_disk_gets_the_room_of_the_journal_back_without_writing_a_file_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Filling::default();
    let (mut store, _) = open(folder.path(), disk.clone()).unwrap();
    store.keep(&batch(1)).unwrap();
    assert!(!store.is_settled());
    disk.fill();
    disk.written.set(0);
    // The files hold all of the journal, whose one block is enough for the next line, and for no file.
    store.keep(&[Entry::Remove { path: "/s/c".into() }]).unwrap();
    assert_eq!(disk.written.get(), 1);
    drop(store);
    assert_eq!(contents(folder.path()).len(), 2);
}

#[test]
fn a_full_disk_starts_and_a_deletion_goes_through_by_the_reserve() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Filling::default();
    let (mut store, _) = open(folder.path(), disk.clone()).unwrap();
    store.keep(&batch(1)).unwrap();
    store.checkpoint().unwrap();
    drop(store);
    disk.fill();
    let (mut store, found) = open(folder.path(), disk.clone()).unwrap();
    assert_eq!(found.len(), 3);
    assert!(store.keep(&batch(2)).is_err());
    store.keep(&[Entry::Remove { path: "/s".into() }]).unwrap();
    assert!(!store.reserve.is_whole());
    disk.is_full.set(false);
    store.checkpoint().unwrap();
    assert!(store.reserve.is_whole(), "it is taken again as soon as there is room");
    assert_eq!(contents(folder.path()).len(), 1);
}

#[test]
fn a_checkpoint_that_has_no_room_for_a_file_takes_the_reserve() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Filling::default();
    let (mut store, _) = open(folder.path(), disk.clone()).unwrap();
    disk.fill();
    // Room for the line and for no file.
    disk.room.set(1);
    store.keep(&batch(1)).unwrap();
    assert!(store.behind);
    store.checkpoint().unwrap();
    assert!(store.is_settled());
    assert_eq!(contents(folder.path()).len(), 3);
}

#[test]
fn a_deletion_that_is_cut_at_every_step_is_whole_or_absent_and_leaves_no_empty_folder() {
    let ways = every_cut(
        |folder| {
            let (mut store, _) = open(folder, RealDisk).unwrap();
            store.keep(&batch(1)).unwrap();
            store.keep(&[set("/s/deep/below/it", "a.A", 1)]).unwrap();
            store.checkpoint().unwrap();
        },
        |folder, disk| {
            let Ok((mut store, _)) = open(folder, disk) else { return false };
            let doomed = ["/s", "/s/deep/below/it"].map(|path| Entry::Remove { path: path.into() });
            let acknowledged = store.keep(&doomed).is_ok();
            let _ = store.checkpoint();
            acknowledged
        },
        |folder, cut, acknowledged| {
            let left = contents(folder).len();
            assert!(left == 1 || left == 4 && !acknowledged, "{cut:?}: {left}");
            if left == 1 {
                assert_eq!(names(&folder.join("objects/s")), ["c"], "{cut:?}");
            }
        },
    );
    assert!(ways > 30, "the run has fewer steps than it should: {ways}");
}

/// A disk that has no room for anything until the reserve is given back.
struct FullUntilGivenBack<'d> {
    disk: &'d CutDisk,
    has_room: Cell<bool>,
}

impl Disk for FullUntilGivenBack<'_> {
    fn perform(&self, step: &Step) -> io::Result<()> {
        match step {
            Step::Reserve { length: 0, .. } => self.has_room.set(true),
            Step::Append { .. } if !self.has_room.get() => return Err(io::ErrorKind::StorageFull.into()),
            _ => {}
        }
        self.disk.perform(step)
    }
}

#[test]
fn a_deletion_by_the_reserve_is_whole_or_absent_wherever_it_is_cut() {
    let ways = every_cut(
        |folder| {
            let (mut store, _) = open(folder, RealDisk).unwrap();
            store.keep(&batch(1)).unwrap();
            store.checkpoint().unwrap();
        },
        |folder, disk| {
            let disk = FullUntilGivenBack { disk, has_room: Cell::new(false) };
            let Ok((mut store, _)) = open(folder, disk) else { return false };
            let acknowledged = store.keep(&[Entry::Remove { path: "/s".into() }]).is_ok();
            let _ = store.checkpoint();
            acknowledged
        },
        |folder, cut, acknowledged| {
            let left = contents(folder).len();
            assert!(left == 1 || left == 3 && !acknowledged, "{cut:?}: {left}");
            let (store, _) = open(folder, RealDisk).unwrap();
            assert!(store.reserve.is_whole(), "{cut:?}");
        },
    );
    assert!(ways > 20, "the run has fewer steps than it should: {ways}");
}

#[test]
fn a_file_that_is_set_aside_at_every_cut_is_never_believed_and_its_neighbours_stay() {
    every_cut(
        |folder| {
            let (mut store, _) = open(folder, RealDisk).unwrap();
            store.keep(&batch(1)).unwrap();
            store.checkpoint().unwrap();
            std::fs::write(folder.join("objects/s/a.A"), b"{\"V\":5}").unwrap();
            std::fs::File::open(folder).and_then(nix_sync).unwrap();
        },
        |folder, disk| open(folder, disk).map(|(_, found)| found.len()).ok(),
        |folder, cut, found| {
            assert!(found.is_none_or(|found| found == 2), "{cut:?}: {found:?}");
            assert_eq!(contents(folder).len(), 2, "{cut:?}");
            assert_eq!(names(&folder.join("objects/s")), [".a.A.damaged", "a.B", "c"], "{cut:?}");
        },
    );
}

fn nix_sync(folder: File) -> io::Result<()> {
    Ok(nix::unistd::syncfs(folder)?)
}

#[test]
fn of_damaged_files_the_newest_four_of_a_folder_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(folder.path(), RealDisk).unwrap();
    for number in 0..7 {
        store.keep(&[set("/s", &format!("a.A{number}"), 1)]).unwrap();
    }
    store.checkpoint().unwrap();
    let object = folder.path().join("objects/s");
    for number in 0..7 {
        std::fs::write(object.join(format!("a.A{number}")), b"{}").unwrap();
    }
    assert!(contents(folder.path()).is_empty());
    assert_eq!(names(&object).len(), 4);
    // A folder that holds nothing else goes with the object.
    let (mut store, _) = open(folder.path(), RealDisk).unwrap();
    store.keep(&[Entry::Remove { path: "/s".into() }]).unwrap();
    assert!(names(&folder.path().join("objects")).is_empty());
}

#[test]
fn empty_folders_go_at_the_start_and_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(folder.path(), RealDisk).unwrap();
    store.keep(&batch(1)).unwrap();
    store.checkpoint().unwrap();
    std::fs::create_dir_all(folder.path().join("objects/a/b/c")).unwrap();
    std::fs::create_dir_all(folder.path().join("objects/s/c/d")).unwrap();
    assert_eq!(contents(folder.path()).len(), 3);
    assert_eq!(names(&folder.path().join("objects")), ["s"]);
    assert_eq!(names(&folder.path().join("objects/s/c")), ["a.A"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_served_empty_and_takes_nothing() {
    struct ReadOnly;
    impl Disk for ReadOnly {
        fn perform(&self, _: &Step) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut store, found) = open(folder.path(), ReadOnly).unwrap();
    assert!(found.is_empty());
    assert_eq!(store.keep(&batch(1)).unwrap_err().kind(), io::ErrorKind::ReadOnlyFilesystem);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_line_that_would_not_be_read_back_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(folder.path(), RealDisk).unwrap();
    let long = "x".repeat(crate::limits::LINE as usize);
    let properties = Map::from_iter([("V".to_owned(), Json::from(long))]);
    let entry = Entry::Set { path: "/s".into(), interface: "a.A".into(), properties };
    assert_eq!(store.keep(&[entry]).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    assert!(store.is_settled() && !folder.path().join("journal").exists());
    store.keep(&batch(1)).unwrap();
}
