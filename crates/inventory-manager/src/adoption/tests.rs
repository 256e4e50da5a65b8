use super::*;
use crate::types::Value;
use durable_state::simulation::CutDisk;
use durable_state::{RealDisk, Step};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;

const SCHEMA: &str =
    "[\"a.Asset\"]\nModel = \"s\"\nPD_I = \"ay\"\n[\"a.Old\"]\nX = \"s\"\nY = \"b\"\n[\"a.Marker\"]\n";
const MODEL: &str = "{\"value0\": {\"cereal_class_version\": 2, \"Model\": \"2B\", \"PDI\": [1, 255]}}";
const OLD: &str = "{\"value0\": {\"value0\": \"x\", \"value1\": true}}";

/// A root folder with what upstream left, and a state folder.
struct Machine {
    folder: tempfile::TempDir,
    schema: Schema,
    orders: Orders,
}

impl Machine {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            schema: Schema::from_fragment(&toml::from_str(SCHEMA).unwrap()).unwrap(),
            orders: toml::from_str("[\"a.Old\"]\norder = [\"X\", \"Y\"]\n").unwrap(),
        }
    }

    /// With three interfaces of two objects.
    fn with_an_inventory() -> Self {
        let machine = Self::new();
        machine.keep("system/board", "a.Asset", MODEL);
        machine.keep("system/board", "a.Marker", "");
        machine.keep("system", "a.Old", OLD);
        machine
    }

    fn upstream(&self) -> PathBuf {
        self.folder.path().join("upstream")
    }

    fn objects(&self) -> PathBuf {
        self.upstream().join("xyz/openbmc_project/inventory")
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn keep(&self, path: &str, interface: &str, text: &str) {
        let folder = self.objects().join(path);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(interface), text).unwrap();
    }

    fn source(&self) -> Source<'_> {
        Source { folder: self.upstream(), schema: &self.schema, orders: &self.orders }
    }

    /// One start of the service as far as the disk goes.
    fn start_on<D: Disk>(&self, disk: D) -> io::Result<(Store<D>, Shown)> {
        let mut inventory = Inventory::default();
        let mut restoring = crate::restoring::Restoring::new(&self.schema, &mut inventory);
        let mut store = Store::open(&self.state(), disk, &mut |entry| restoring.take(entry))?;
        if store.claim() {
            adopt(&mut store, &self.source(), &mut inventory);
        }
        Ok((store, self.shown(&inventory)))
    }

    /// What the inventory shows, as it is kept.
    fn shown(&self, inventory: &Inventory) -> Shown {
        let mut shown = Shown::new();
        for (path, object) in inventory.objects() {
            for hosted in object.interfaces() {
                let interface = self.schema.at(hosted.interface).unwrap();
                let values: BTreeMap<_, _> = interface
                    .iter()
                    .map(|(place, name, _)| (name, hosted.value(interface, place).unwrap()))
                    .collect();
                shown.insert(
                    (path.clone(), interface.name().to_owned()),
                    serde_json::to_string(&values).unwrap(),
                );
            }
        }
        shown
    }

    /// What is kept.
    fn kept(&self) -> Shown {
        let mut inventory = Inventory::default();
        let mut restoring = crate::restoring::Restoring::new(&self.schema, &mut inventory);
        Store::open(&self.state(), RealDisk, &mut |entry| restoring.take(entry)).unwrap();
        self.shown(&inventory)
    }

    fn start(&self) -> (Store, Shown) {
        self.start_on(RealDisk).unwrap()
    }

    fn gathering(&self) -> (usize, usize, Vec<String>, Option<&'static str>) {
        let source = self.source();
        let mut inventory = Inventory::default();
        let gathering = Gathering::of(&source, &mut inventory).unwrap();
        (gathering.entries.len(), gathering.left_out, gathering.examples.clone(), gathering.stopped_at)
    }
}

/// Values by object and interface.
type Shown = BTreeMap<(String, String), String>;

fn expected() -> Shown {
    let expected = [
        (("/system", "a.Old"), "{\"X\":\"x\",\"Y\":true}"),
        (("/system/board", "a.Asset"), "{\"Model\":\"2B\",\"PD_I\":\"Af8=\"}"),
        (("/system/board", "a.Marker"), "{}"),
    ];
    let own = |((path, interface), text): ((&str, &str), &str)| {
        ((path.to_owned(), interface.to_owned()), text.to_owned())
    };
    expected.map(own).into()
}

fn tree(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut tree(&path));
        }
        found.insert(path.clone(), std::fs::read(&path).ok());
    }
    found
}

fn keep<D: Disk>(store: &mut Store<D>, batch: &[Entry]) -> io::Result<()> {
    store.write(&|take| batch.iter().map(Entry::change).try_for_each(take))
}

fn set(path: &str, model: &str) -> Entry {
    let properties = serde_json::Map::from_iter([("Model".to_owned(), model.into())]);
    Entry::Set { path: path.into(), interface: "a.Asset".into(), properties }
}

#[test]
fn an_unused_folder_begins_with_what_upstream_kept_and_keeps_it_over_restarts() {
    let machine = Machine::with_an_inventory();
    let before = tree(&machine.upstream());
    assert_eq!(machine.start().1, expected());
    assert_eq!(machine.start().1, expected());
    assert_eq!(tree(&machine.upstream()), before, "upstream's folder is left as it was");
    let note = std::fs::read_to_string(machine.state().join("adopted")).unwrap();
    assert!(note.starts_with("adopted 3 interfaces of 2 objects from /"), "{note}");
}

#[test]
fn adoption_happens_once_even_if_there_was_nothing() {
    let machine = Machine::new();
    assert!(machine.start().1.is_empty());
    machine.keep("system", "a.Marker", "");
    assert!(machine.start().1.is_empty());
}

#[test]
fn what_was_adopted_and_deleted_does_not_come_back() {
    let machine = Machine::with_an_inventory();
    let (mut store, restored) = machine.start();
    let doomed: Vec<Entry> = restored.keys().map(|(path, _)| Entry::Remove { path: path.clone() }).collect();
    keep(&mut store, &doomed).unwrap();
    store.checkpoint().unwrap();
    assert!(machine.start().1.is_empty());
}

#[test]
fn a_folder_in_use_adopts_nothing_even_after_its_last_object_is_gone() {
    let machine = Machine::with_an_inventory();
    let mut store = Store::open(&machine.state(), RealDisk, &mut |_| {}).unwrap();
    keep(&mut store, &[set("/ours", "M")]).unwrap();
    drop(store);
    let (mut store, restored) = machine.start();
    assert_eq!(restored.len(), 1);
    keep(&mut store, &[Entry::Remove { path: "/ours".into() }]).unwrap();
    drop(store);
    assert!(machine.start().1.is_empty());
}

#[test]
fn a_kill_at_every_step_leaves_an_adoption_that_is_whole_or_done_again() {
    let mut cuts = 0;
    loop {
        let machine = Machine::with_an_inventory();
        if let Ok((mut store, restored)) = machine.start_on(CutDisk::cutting(cuts, None)) {
            assert_eq!(restored, expected(), "a sick disk keeps nothing from being shown, cut {cuts}");
            // The note is the last step of adopting; all after it is the checkpoint's.
            if store.checkpoint().is_ok() && machine.state().join("adopted").exists() {
                break;
            }
        }
        let kept = machine.kept();
        assert!(kept.is_empty() || kept == expected(), "cut {cuts}: torn {kept:?}");
        assert!(
            !kept.is_empty() || !machine.state().join("adopted").exists(),
            "cut {cuts}: noted and not kept"
        );
        assert_eq!(machine.start().1, expected(), "cut {cuts}");
        assert_eq!(machine.start().1, expected(), "cut {cuts}");
        cuts += 1;
    }
    assert!(cuts > 12, "the run has fewer steps than it should: {cuts}");
}

#[test]
fn a_journal_torn_within_an_adoption_is_adopted_again() {
    let machine = Machine::with_an_inventory();
    machine.start();
    let journal = machine.state().join("journal");
    let whole = std::fs::read(&journal).unwrap();
    for length in (0..whole.len()).step_by(7).chain([whole.len() - 2, whole.len() - 1]) {
        std::fs::remove_dir_all(machine.state()).unwrap();
        std::fs::create_dir(machine.state()).unwrap();
        std::fs::write(&journal, &whole[..length]).unwrap();
        assert_eq!(machine.start().1, expected(), "torn at {length}");
    }
}

#[test]
fn an_adoption_that_the_disk_refuses_is_written_before_the_first_change() {
    struct FullOnce(Cell<bool>);
    impl Disk for FullOnce {
        fn perform(&self, step: &Step) -> io::Result<()> {
            if matches!(step, Step::Append { .. }) && !self.0.replace(true) {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            RealDisk.perform(step)
        }
    }
    let machine = Machine::with_an_inventory();
    let (mut store, restored) = machine.start_on(FullOnce(Cell::new(false))).unwrap();
    assert_eq!(restored, expected(), "it is shown all the same");
    keep(&mut store, &[set("/new", "M")]).unwrap();
    drop(store);
    let (_, restored) = machine.start();
    assert_eq!(restored.len(), 4, "{restored:?}");
    assert!(machine.state().join("adopted").exists());
}

#[test]
fn what_is_no_file_of_an_interface_is_left_out_and_told() {
    let machine = Machine::with_an_inventory();
    let board = machine.objects().join("system/board");
    symlink("/dev/zero", board.join("a.Old")).unwrap();
    symlink("/", board.join("elsewhere")).unwrap();
    std::fs::create_dir(board.join("odd-name")).unwrap();
    std::fs::create_dir(board.join("..hidden")).unwrap();
    nix::unistd::mkfifo(&board.join("pipe"), nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    std::fs::write(board.join("a.Unknown"), "{}").unwrap();
    machine.keep("system/other", "a.Asset", "{\"value0\":");
    machine.keep("", "a.Marker", "");
    let folder = machine.objects().join("system/huge");
    std::fs::create_dir(&folder).unwrap();
    std::fs::File::create(folder.join("a.Asset")).unwrap().set_len(3 * 1024 * 1024).unwrap();
    let (adopted, left_out, examples, stopped_at) = machine.gathering();
    assert_eq!((adopted, left_out, stopped_at), (3, 9, None), "{examples:?}");
    assert_eq!(examples.len(), 3);
    assert!(examples.iter().all(|example| example.contains(" (")), "{examples:?}");
}

#[test]
fn names_are_escaped_and_cut_before_they_reach_the_log() {
    let machine = Machine::with_an_inventory();
    std::fs::write(machine.objects().join(format!("a\n<3>b{}", "c".repeat(200))), "").unwrap();
    let (_, _, examples, _) = machine.gathering();
    assert!(examples[0].starts_with("/a\\n<3>b") && examples[0].len() <= 160, "{examples:?}");
    // As logs show it: what is hidden as an escape, all else as it is.
    let machine = Machine::with_an_inventory();
    std::fs::write(machine.objects().join("größe\u{2800}\u{202e}'"), "").unwrap();
    let (_, _, examples, _) = machine.gathering();
    assert!(examples[0].starts_with("/größe\\u{2800}\\u{202e}' ("), "{examples:?}");
}

#[test]
fn a_folder_that_cannot_be_read_is_told_and_looked_at_again() {
    for spoil in [0, 1] {
        let machine = Machine::with_an_inventory();
        let openbmc = machine.upstream().join("xyz/openbmc_project");
        let aside = machine.folder.path().join("aside");
        std::fs::rename(&openbmc, &aside).unwrap();
        match spoil {
            0 => std::fs::write(&openbmc, "").unwrap(),
            _ => symlink(&aside, &openbmc).unwrap(),
        }
        assert!(machine.start().1.is_empty());
        std::fs::remove_file(&openbmc).unwrap();
        std::fs::rename(&aside, &openbmc).unwrap();
        assert_eq!(machine.start().1, expected());
    }
}

#[test]
fn count_and_depth_are_bounded() {
    let machine = Machine::new();
    let mut deep = "a".to_owned();
    for _ in 0..100 {
        deep += "/a";
    }
    machine.keep(&deep, "a.Marker", "");
    assert_eq!(machine.gathering().0, 0);
    let flat = machine.objects().join("flat");
    std::fs::create_dir(&flat).unwrap();
    for number in 0..=super::gather::COUNT_LIMIT {
        std::fs::write(flat.join(format!("z.Unknown{number}")), "").unwrap();
    }
    let (adopted, left_out, examples, stopped_at) = machine.gathering();
    assert_eq!((adopted, stopped_at, examples.len()), (0, Some("files"), 3));
    assert!(left_out <= super::gather::COUNT_LIMIT);
}

#[test]
fn a_machine_of_four_times_the_objects_of_the_sample_is_adopted_whole() {
    let machine = Machine::new();
    for number in 0..1_400 {
        for interface in 0..15 {
            machine.keep(&format!("o{number}"), &format!("z.Unknown{interface}"), "");
        }
        machine.keep(&format!("o{number}"), "a.Marker", "");
    }
    let (adopted, _, _, stopped_at) = machine.gathering();
    assert_eq!((adopted, stopped_at), (1_400, None));
}

#[test]
fn what_the_inventory_has_no_room_for_is_left_out_and_told() {
    let machine = Machine::new();
    let archive = |length: usize| {
        let text = "m".repeat(length);
        format!("{{\"value0\": {{\"cereal_class_version\": 2, \"Model\": \"{text}\"}}}}")
    };
    machine.keep("larger/than/an/object", "a.Asset", &archive(crate::limits::OBJECT));
    machine.keep("larger/than/what/is/left", "a.Asset", &archive(20_000));
    machine.keep("small", "a.Asset", MODEL);
    let mut inventory = Inventory::default();
    let text = Value::Text("x".repeat(crate::limits::INVENTORY - 10_000).into());
    inventory.restore(&machine.schema, "/there", "a.Asset", [("Model", text)]);
    let mut store = Store::open(&machine.state(), RealDisk, &mut |_| {}).unwrap();
    adopt(&mut store, &machine.source(), &mut inventory);
    let paths: Vec<_> = inventory.objects().keys().map(String::as_str).collect();
    assert_eq!(paths, ["/small", "/there"]);
    drop(store);
    assert_eq!(machine.kept().len(), 1, "what was left out is not written either");
    let note = std::fs::read_to_string(machine.state().join("adopted")).unwrap();
    for part in ["left out 2", "bytes of one object are the limit", "bytes of inventory are the limit"] {
        assert!(note.contains(part), "{note}");
    }
}
