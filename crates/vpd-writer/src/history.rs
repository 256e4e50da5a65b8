//! Who has written what: the last writes, kept over a reboot.

use crate::caller::Caller;
use crate::job::{Job, KeywordChange, Mend};
use dbus_api::vpd::writer::{PastKeyword, PastWrite};
use durable_state::{Disk, Document, LoadError, load, save, save_unflushed};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;
use std::path::PathBuf;

/// So many writes are kept.
const KEPT: usize = 128;
/// Keywords of one write that are named.
const NAMED: usize = 8;
/// The file's name.
const FILE: &str = "history";

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
    #[serde(default)]
    write: VecDeque<Entry>,
}

impl Document for File {
    const FORMAT: u32 = 1;
    const LONGEST: u64 = 1024 * 1024;
}

/// The last writes, with the disk that they are kept on.
#[derive(Debug)]
pub struct History<D> {
    disk: D,
    path: Option<PathBuf>,
    file: File,
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

impl<D: Disk> History<D> {
    /// Reads what is kept in a folder; what cannot be believed is said and set aside. Without a folder nothing is kept.
    pub fn load(disk: D, folder: Option<PathBuf>) -> Self {
        let path = folder.map(|folder| folder.join(FILE));
        let file = path.as_deref().and_then(|path| {
            load(&disk, path).unwrap_or_else(|error: LoadError| {
                log::warn!("earlier writes are not known: {error}");
                None
            })
        });
        Self { disk, path, file: file.unwrap_or_default() }
    }

    /// Adds a write. It is not flushed, as a write of VPD has enough of that: [`Self::flush`] does it at the end, and a loss of power
    /// may cost the last entries.
    pub fn add(&mut self, entry: Entry) {
        log::info!(
            "{} {} fru={} {} outcome={}",
            entry.action,
            in_words(&entry),
            entry.fru,
            entry.caller,
            entry.outcome
        );
        self.file.write.push_back(entry);
        while self.file.write.len() > KEPT {
            self.file.write.pop_front();
        }
        self.keep(false);
    }

    /// Makes durable what is kept.
    pub fn flush(&self) {
        if !self.file.write.is_empty() {
            self.keep(true);
        }
    }

    fn keep(&self, flush: bool) {
        let Some(path) = &self.path else { return };
        let kept = if flush {
            save(&self.disk, path, &self.file)
        } else {
            save_unflushed(&self.disk, path, &self.file)
        };
        if let Err(error) = kept {
            log::warn!("the history of writes is not kept: {error}");
        }
    }

    /// The writes, the last one at the end.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.file.write.iter()
    }

    /// The same, as they are told.
    pub fn told(&self) -> Vec<PastWrite> {
        self.entries().cloned().map(PastWrite::from).collect()
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
        let load = || History::load(RealDisk, Some(folder.path().to_owned()));
        let mut history = load();
        for time in 0..KEPT as i64 + 10 {
            history.add(entry(time, 1));
        }
        history.flush();
        let times: Vec<_> = load().entries().map(|entry| entry.time).collect();
        assert_eq!(times, (10..KEPT as i64 + 10).collect::<Vec<_>>());
    }

    #[test]
    fn a_damaged_history_is_set_aside_and_a_new_one_begun() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "checksum = \"0\"\nformat = 1\n").unwrap();
        let mut history = History::load(RealDisk, Some(folder.path().to_owned()));
        assert_eq!(history.entries().count(), 0);
        history.add(entry(1, 1));
        let again = History::load(RealDisk, Some(folder.path().to_owned()));
        assert_eq!(again.entries().count(), 1);
    }
}
