//! A disk that is cut at every step, for tests of what writes state.
//!
//! ```
//! use durable_state::simulation::every_cut;
//! use durable_state::{RealDisk, replace};
//! use std::fs::read_to_string;
//!
//! let cuts = every_cut(
//!     |folder| replace(&RealDisk, &folder.join("name"), b"old").unwrap(),
//!     |folder, disk| replace(disk, &folder.join("name"), b"new").is_ok(),
//!     |folder, cut, was_answered| {
//!         let text = read_to_string(folder.join("name")).unwrap();
//!         assert!(text == "new" || text == "old" && !was_answered, "{cut:?}: {text}");
//!     },
//! );
//! assert!(cuts > 12);
//! ```
//!
//! Three things may become of what was done and not made durable, see [`Fate`]; orders in which a file system writes names
//! that none of them stands for are not tried. A step whose bytes are torn leaves a beginning of them.

mod kept;

use crate::step::change;
use crate::{Disk, Step};
use kept::Kept;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tempfile::TempDir;

/// Most pieces that one write is torn into; shorter ones are torn at each byte.
const TEARS: usize = 32;

/// What becomes of what was not made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// All of it is kept: the process was killed.
    Killed,
    /// None of it is: the power went.
    PowerLost,
    /// Names are kept, and what should be in the files is not: the power went, and the file system writes names first.
    NamesOnly,
}

/// Where an operation was cut, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Index of the first step that was not done.
    pub step: usize,
    /// How many bytes of that step were written all the same.
    pub torn: Option<usize>,
    /// What became of the steps before it.
    pub fate: Fate,
    /// The operation came to its end before.
    pub is_finished: bool,
}

/// A disk that fails from some step on, as if the process had died.
#[derive(Debug)]
pub struct CutDisk(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    left: usize,
    torn: Option<usize>,
    /// Bytes that the step has at which it was cut; 0 for one that writes none.
    cut_at: Option<usize>,
    pending: Vec<Pending>,
}

/// What is not durable yet.
#[derive(Debug)]
enum Pending {
    Bytes(PathBuf),
    /// What stands behind so many bytes of a file.
    Tail {
        path: PathBuf,
        length: u64,
    },
    Name {
        folder: PathBuf,
        path: PathBuf,
        before: Kept,
    },
}

/// Runs an operation once for each way to cut it: at each step, in the midst of each write, for each [`Fate`].
///
/// `prepare` makes what is there before, in an empty folder; all of that is durable. `operate` is given the disk and must
/// change the folder through it alone. `judge` looks at what is left, with what the operation came to. Returns how many ways
/// there are.
///
/// Panics when a folder for it cannot be made, or when `judge` does.
pub fn every_cut<T>(
    prepare: impl Fn(&Path),
    operate: impl Fn(&Path, &CutDisk) -> T,
    judge: impl Fn(&Path, &Cut, T),
) -> usize {
    let run = |step: usize, torn: Option<usize>, fate: Fate| {
        let folder = folder();
        prepare(folder.path());
        let disk = CutDisk::cutting(step, torn);
        let result = operate(folder.path(), &disk);
        let cut_at = disk.lose(fate);
        judge(folder.path(), &Cut { step, torn, fate, is_finished: cut_at.is_none() }, result);
        cut_at
    };
    let fates = |step, torn| {
        [Fate::Killed, Fate::PowerLost, Fate::NamesOnly].map(|fate| run(step, torn, fate)).into_iter().next()
    };
    let mut ways = 0;
    for step in 0.. {
        ways += 3;
        let Some(Some(length)) = fates(step, None) else { break };
        for torn in tears(length) {
            ways += 3;
            fates(step, Some(torn));
        }
    }
    ways
}

/// A folder in memory where there is one, since what `prepare` flushes would take most of the time.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for the disk")
}

/// Lengths at which a write of some length is torn.
fn tears(length: usize) -> impl Iterator<Item = usize> {
    let pieces = length.min(TEARS);
    (1..pieces).map(move |piece| piece * length / pieces)
}

impl CutDisk {
    /// One that performs so many steps, and of the next so many bytes.
    pub fn cutting(steps: usize, torn: Option<usize>) -> Self {
        Self(Mutex::new(State { left: steps, torn, ..State::default() }))
    }

    /// Lets happen what becomes of what is not durable, and tells how many bytes the step has at which it was cut.
    fn lose(&self, fate: Fate) -> Option<usize> {
        let mut state = self.0.lock().expect("no test of one disk panics twice");
        let pending = std::mem::take(&mut state.pending);
        if fate != Fate::Killed {
            pending.iter().for_each(Pending::lose_bytes);
        }
        if fate == Fate::PowerLost {
            // Names last: a file that gets its old name back has its old bytes.
            pending.iter().rev().for_each(Pending::lose_name);
        }
        state.cut_at
    }
}

impl Disk for CutDisk {
    fn perform(&self, step: &Step) -> io::Result<()> {
        let mut state = self.0.lock().expect("no test of one disk panics twice");
        if state.left > 0 {
            state.left -= 1;
            return state.perform(step);
        }
        if state.cut_at.is_none() {
            state.cut_at = Some(bytes_of(step).map_or(0, <[u8]>::len));
            if let Some(piece) = state.torn.and_then(|torn| piece_of(step, torn)) {
                state.perform(&piece)?;
            }
        }
        Err(io::Error::other("the disk was cut here"))
    }
}

impl State {
    fn perform(&mut self, step: &Step) -> io::Result<()> {
        let before = names_of(step).into_iter().map(|path| Pending::of(&path)).collect::<Vec<_>>();
        change(step)?;
        self.pending.extend(before);
        match step {
            Step::Write { path, .. } => self.pending.push(Pending::Bytes(path.clone())),
            Step::Extend { path, offset, .. } if !self.pending.iter().any(|one| one.is_in(path)) => {
                self.pending.push(Pending::Tail { path: path.clone(), length: *offset });
            }
            Step::Rename { from, to } => self.follow(from, to),
            Step::SyncFile(path) | Step::Append { path, .. } => self.pending.retain(|one| !one.is_in(path)),
            Step::SyncFolder(path) => {
                self.pending.retain(|one| !matches!(one, Pending::Name { folder, .. } if folder == path));
            }
            Step::SyncFileSystem(_) => self.pending.clear(),
            _ => {}
        }
        Ok(())
    }

    /// What is not durable of a file goes with it to its new name.
    fn follow(&mut self, from: &Path, to: &Path) {
        self.pending.retain(|one| !matches!(one, Pending::Bytes(path) if path == to));
        for one in &mut self.pending {
            if let Pending::Bytes(path) = one
                && path == from
            {
                *path = to.to_owned();
            }
        }
    }
}

impl Pending {
    fn of(path: &Path) -> Self {
        let folder = path.parent().unwrap_or(path).to_owned();
        Self::Name { folder, path: path.to_owned(), before: Kept::of(path) }
    }

    /// Whether it is about what stands in a file.
    fn is_in(&self, file: &Path) -> bool {
        matches!(self, Self::Bytes(path) | Self::Tail { path, .. } if path == file)
    }

    fn lose_bytes(&self) {
        let (path, length) = match self {
            Self::Bytes(path) => (path, 0),
            Self::Tail { path, length } => (path, *length),
            Self::Name { .. } => return,
        };
        // One that was removed since has none to lose, nor has one that is shorter.
        if path.metadata().is_ok_and(|found| found.len() > length) {
            let _ = change(&Step::Truncate { path: path.clone(), length });
        }
    }

    fn lose_name(&self) {
        if let Self::Name { path, before, .. } = self {
            before.restore(path);
        }
    }
}

/// The names that a step changes and does not make durable.
fn names_of(step: &Step) -> Vec<PathBuf> {
    match step {
        Step::CreateFolder(path) => {
            path.ancestors().filter(|folder| !folder.exists()).map(Path::to_owned).collect()
        }
        Step::Rename { from, to } => vec![from.clone(), to.clone()],
        Step::Write { path, .. }
        | Step::Link { path, .. }
        | Step::RemoveFile(path)
        | Step::RemoveFolder(path)
        | Step::RemoveEmptyFolder(path)
        | Step::Reserve { path, .. } => vec![path.clone()],
        _ => Vec::new(),
    }
}

fn bytes_of(step: &Step) -> Option<&[u8]> {
    match step {
        Step::Append { bytes, .. } | Step::Extend { bytes, .. } | Step::Write { bytes, .. } => Some(bytes),
        _ => None,
    }
}

/// The step with a beginning of its bytes.
fn piece_of(step: &Step, length: usize) -> Option<Step> {
    let bytes = bytes_of(step)?.get(..length)?.to_vec();
    Some(match step {
        Step::Append { path, offset, .. } => Step::Append { path: path.clone(), offset: *offset, bytes },
        Step::Extend { path, offset, .. } => Step::Extend { path: path.clone(), offset: *offset, bytes },
        _ => Step::Write { path: step.path().to_owned(), bytes },
    })
}
