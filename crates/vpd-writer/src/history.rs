//! Who has written what: the last writes, kept over a reboot.

use crate::caller::Caller;
use crate::job::{Job, KeywordChange, Mend};
use dbus_api::vpd::writer::{PastKeyword, PastWrite};
use durable_state::{Disk, Document, LoadError, load, save_unflushed};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many writes are kept.
const KEPT: usize = 128;
/// Keywords of one write that are named.
const NAMED: usize = 8;
/// How the files' names begin.
const FILE: &str = "history";
/// So many writes are in a file.
const EACH: usize = 16;
/// So many files there are: one that is being filled, and full ones for all that are kept.
const FILES: u64 = (KEPT / EACH + 1) as u64;

/// One write, as it is kept. Values are not: what is secret must not be found in a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    /// When it ended, microseconds since 1970.
    pub time: i64,
    /// The caller: user, process and what that is called.
    pub caller: String,
    /// The EEPROM's key.
    pub fru: String,
    /// What was asked for: `write`, `repair`, `scrub`, `backup`, `restore`.
    pub action: String,
    /// The first eight keywords.
    pub keywords: Vec<Keyword>,
    /// How many there were.
    pub count: u64,
    /// `done`, or the name of the error.
    pub outcome: String,
}

/// A keyword that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Keyword {
    /// `VINI.SN`, or `SN`.
    pub name: String,
    /// Bytes of the new value.
    pub length: u64,
    /// The first sixteen hex digits of its SHA-256.
    pub digest: String,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Counts the files that were begun; the last has the newest writes.
    number: u64,
    #[serde(default)]
    write: Vec<Entry>,
}

impl Document for File {
    const FORMAT: u32 = 2;
    const LONGEST: u64 = 256 * 1024;
}

/// The last writes, as clients are told of them.
#[derive(Debug, Default)]
pub struct History {
    write: VecDeque<Entry>,
}

/// The last writes on disk, in a ring of small files of which each is written as a whole.
///
/// Nothing is flushed: it would wear the flash as much as the write of VPD itself. A kill loses nothing, as the kernel has it;
/// nor does a reboot, at whose end systemd has all file systems written. A loss of power may take the files that were written since
/// the kernel's last write-back, half a minute before at most, each with sixteen entries; no others, since they are not touched.
#[derive(Debug)]
pub struct Past<D> {
    disk: D,
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    write: VecDeque<Entry>,
    /// The file that is being filled.
    current: File,
}

impl Entry {
    /// What a job does, without its outcome; nothing for one that changes nothing.
    pub fn of(job: &Job, caller: &Caller, time: i64) -> Option<Self> {
        let (action, changes): (_, &[KeywordChange]) = match job {
            Job::Read(_) | Job::Recover(_) => return None,
            Job::Write(job) if job.dry_run => return None,
            Job::Write(job) => ("write", &job.changes),
            Job::Mend(job) => match job.what {
                Mend::Repair { .. } => ("repair", &[]),
                Mend::Scrub => ("scrub", &[]),
                Mend::Backup => ("backup", &[]),
                Mend::Restore => ("restore", &[]),
                // What the service does by itself is in the log.
                Mend::Settle => return None,
            },
        };
        Some(Self {
            time,
            caller: caller.to_string(),
            fru: job.key().to_string(),
            action: action.to_owned(),
            keywords: changes.iter().take(NAMED).map(Keyword::of).collect(),
            count: changes.len() as u64,
            outcome: String::new(),
        })
    }
}

impl Keyword {
    fn of(change: &KeywordChange) -> Self {
        let digest = Sha256::digest(&change.value);
        Self {
            name: match change.record {
                Some(record) => format!("{record}.{}", change.keyword),
                None => change.keyword.to_string(),
            },
            length: change.value.len() as u64,
            digest: digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

impl From<Entry> for PastWrite {
    fn from(entry: Entry) -> Self {
        let Entry { time, caller, fru, action, keywords, count, outcome } = entry;
        let keywords = keywords.into_iter().map(|keyword| {
            let Keyword { name, length, digest } = keyword;
            PastKeyword { name, length, digest }
        });
        Self { time, caller, fru, action, keywords: keywords.collect(), count, outcome }
    }
}

impl History {
    /// What was kept before.
    pub fn of(write: VecDeque<Entry>) -> Self {
        Self { write }
    }

    /// Adds a write, and logs it.
    pub fn add(&mut self, entry: Entry) {
        log::info!(
            "{} {} fru={} {} outcome={}",
            entry.action,
            in_words(&entry),
            entry.fru,
            entry.caller,
            entry.outcome
        );
        push(&mut self.write, entry);
    }

    /// The writes, as they are told, the last one at the end.
    pub fn told(&self) -> Vec<PastWrite> {
        self.write.iter().cloned().map(PastWrite::from).collect()
    }
}

impl<D: Disk> Past<D> {
    /// Reads what is kept in a folder; what cannot be believed is said and set aside.
    pub fn load(disk: D, folder: &Path) -> Self {
        let read = |place| {
            load::<File>(&disk, &folder.join(name(place))).unwrap_or_else(|error: LoadError| {
                log::warn!("some earlier writes are not known: {error}");
                None
            })
        };
        let mut files: Vec<File> = (0..FILES).filter_map(read).collect();
        files.sort_by_key(|file| file.number);
        let mut state = State::default();
        for file in files {
            file.write.iter().for_each(|entry| push(&mut state.write, entry.clone()));
            state.current = file;
        }
        Self { disk, folder: folder.to_owned(), state: Mutex::new(state) }
    }

    /// The writes, the last one at the end.
    pub fn entries(&self) -> VecDeque<Entry> {
        self.state().write.clone()
    }

    /// Keeps one more. Waits for the disk.
    pub fn keep(&self, entry: Entry) {
        let mut state = self.state();
        push(&mut state.write, entry.clone());
        if state.current.write.len() >= EACH {
            state.current = File { number: state.current.number.wrapping_add(1), write: Vec::new() };
        }
        state.current.write.push(entry);
        let path = self.folder.join(name(state.current.number % FILES));
        if let Err(error) = save_unflushed(&self.disk, &path, &state.current) {
            log::warn!("the history of writes is not kept: {error}");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(place: u64) -> String {
    format!("{FILE}-{place}")
}

fn push(write: &mut VecDeque<Entry>, entry: Entry) {
    write.push_back(entry);
    while write.len() > KEPT {
        write.pop_front();
    }
}

fn in_words(entry: &Entry) -> String {
    let named = entry.keywords.iter();
    let named: Vec<_> =
        named.map(|keyword| format!("{}={}:{}", keyword.name, keyword.length, keyword.digest)).collect();
    let more = entry.count.saturating_sub(named.len() as u64);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::WriteJob;
    use dbus_api::vpd::writer::Copies;
    use durable_state::RealDisk;
    use fru_publication::{EepromKey, Fragment};
    use std::sync::Arc;

    fn write(changes: usize, dry_run: bool) -> Job {
        let change = KeywordChange {
            record: Some("VINI".parse().unwrap()),
            keyword: "SN".parse().unwrap(),
            value: b"secret".to_vec(),
            pad: None,
            expected: None,
        };
        Job::Write(WriteJob {
            key: EepromKey::parse("8-0050").unwrap(),
            chips: Vec::new(),
            on_hardware_only: None,
            fragment: Arc::new(Fragment::parse("[[object]]\npath = \"/x\"\n").unwrap()),
            power_off_only: false,
            changes: vec![change; changes],
            copies: Copies::Both,
            dry_run,
            partner: None,
        })
    }

    fn entry(time: i64, changes: usize) -> Entry {
        let caller = Caller { user: Some(0), process: Some(7), name: "busctl".to_owned() };
        Entry { outcome: "done".to_owned(), ..Entry::of(&write(changes, false), &caller, time).unwrap() }
    }

    #[test]
    fn a_write_is_told_by_who_where_and_digests_and_no_value() {
        let entry = entry(5, 20);
        assert_eq!((&*entry.fru, &*entry.action, entry.count), ("8-0050", "write", 20));
        assert_eq!(entry.caller, "user=0 process=7 name=\"busctl\"");
        assert_eq!(entry.keywords.len(), NAMED);
        // `printf secret | sha256sum`
        let expected =
            Keyword { name: "VINI.SN".to_owned(), length: 6, digest: "2bb80d537b1da3e3".to_owned() };
        assert_eq!(entry.keywords[0], expected);
        assert!(!format!("{entry:?} {}", in_words(&entry)).contains("secret"));
        assert!(Entry::of(&write(1, true), &Caller::default(), 5).is_none());
    }

    #[test]
    fn the_last_writes_are_there_again_after_a_restart_and_no_more_than_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let load = || Past::load(RealDisk, folder.path());
        let times = |past: &Past<RealDisk>| past.entries().iter().map(|entry| entry.time).collect::<Vec<_>>();
        let past = load();
        let all: Vec<_> = (0..KEPT as i64 + 10).collect();
        for time in &all {
            past.keep(entry(*time, 1));
            assert_eq!(times(&load()), times(&past), "a kill loses nothing");
        }
        assert_eq!(times(&past), all[10..]);
        let mut history = History::of(load().entries());
        history.add(entry(1000, 1));
        let told: Vec<_> = history.told().iter().map(|write| write.time).collect();
        assert_eq!(told, [&all[11..], &[1000]].concat());
    }

    #[test]
    fn a_file_that_did_not_arrive_whole_costs_its_own_entries_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let load = || Past::load(RealDisk, folder.path());
        let past = load();
        (0..300).for_each(|time| past.keep(entry(time, 1)));
        // The name arrived, the bytes did not.
        let newest = name(past.state().current.number % FILES);
        std::fs::write(folder.path().join(newest), "").unwrap();
        let left: Vec<_> = load().entries().iter().map(|entry| entry.time).collect();
        assert!(left.len() > KEPT - EACH && *left.last().unwrap() >= 300 - 1 - EACH as i64, "{left:?}");
        assert!(left.is_sorted());
        load().keep(entry(400, 1));
        assert_eq!(load().entries().back().map(|entry| entry.time), Some(400));
    }

    #[test]
    fn a_damaged_history_is_set_aside_and_a_new_one_begun() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name(0)), "checksum = \"0\"\nformat = 2\n").unwrap();
        let past = Past::load(RealDisk, folder.path());
        assert_eq!(past.entries().len(), 0);
        past.keep(entry(1, 1));
        assert_eq!(Past::load(RealDisk, folder.path()).entries().len(), 1);
    }
}
