//! Random walks through what programs can do in the drop folder, against a model of it: files that are made, written in
//! pieces, by two programs at once, renamed over each other, linked, removed; a watch that tells late or loses events; no room.
//!
//! The model knows which bytes were written by a program that has closed them. Nothing else may be taken in, none of these
//! bytes may be removed before they were, and in the end every file is where it belongs.

use super::*;
use std::collections::BTreeSet;
use test_random::Numbers as Dice;

const NAMES: [&str; 3] = ["a", "b", "c"];
/// An image is whole with so many pieces.
const WHOLE: u64 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leases {
    Work,
    /// The file system has none: quiet counts.
    AreMissing,
}

#[derive(Debug, Clone)]
struct File {
    inode: u64,
    size: u64,
    /// It changes with every piece that is written.
    content: u64,
    /// It is an image as far as it goes; a broken one is none at any length.
    is_image: bool,
    writers: u8,
    has_other_name: bool,
}

/// A file that is being taken in, as it was read.
#[derive(Debug)]
struct Job {
    name: OsString,
    read: Result<File, NotTaken>,
}

struct Machine {
    intake: Intake,
    leases: Leases,
    now: Duration,
    files: BTreeMap<OsString, File>,
    /// What the watch has not told yet.
    events: VecDeque<Event>,
    job: Option<Job>,
    is_full: bool,
    numbers: u64,
    /// Contents that were taken in.
    taken: BTreeSet<u64>,
    /// Contents that were refused with an event.
    refused: BTreeSet<u64>,
    log: Vec<String>,
}

impl Machine {
    fn new(leases: Leases) -> Self {
        let intake = Intake::new(Duration::from_secs(3), Duration::from_secs(5), 2);
        let mut machine = Self {
            intake,
            leases,
            now: Duration::ZERO,
            files: BTreeMap::new(),
            events: VecDeque::new(),
            job: None,
            is_full: false,
            numbers: 0,
            taken: BTreeSet::new(),
            refused: BTreeSet::new(),
            log: Vec::new(),
        };
        machine.perform(vec![Effect::Watch]);
        machine
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn note(&mut self, what: String) {
        self.log.push(format!("{:?}: {what}", self.now));
    }

    /// One thing that another program does, the watch tells, or time brings.
    fn happen(&mut self, dice: &mut Dice) {
        let name = OsString::from(NAMES[dice.below(NAMES.len())]);
        match dice.below(14) {
            0 => self.create(&name, dice.one_in(4)),
            1..=3 => self.write(&name),
            4 | 5 => self.close(&name),
            6 => self.open(&name),
            7 => self.rename_over(&name, dice),
            8 => self.link(&name),
            9 => self.remove_by_user(&name, dice),
            10 => {
                self.is_full = dice.one_in(4);
                self.note(format!("the file system is full: {}", self.is_full));
            }
            11 => self.pass(Duration::from_millis(100 + 100 * dice.below(60) as u64)),
            12 if dice.one_in(8) => {
                self.events.clear();
                self.events.push_back(Event::EventsLost);
                self.note("events are lost".to_owned());
            }
            _ => {
                self.deliver_one();
                self.work(dice.one_in(2));
            }
        }
    }

    fn create(&mut self, name: &OsStr, is_broken: bool) {
        if self.files.contains_key(name) {
            return;
        }
        let (inode, content) = (self.number(), self.number());
        let file = File { inode, size: 0, content, is_image: !is_broken, writers: 1, has_other_name: false };
        self.note(format!("{name:?} is made: {file:?}"));
        self.files.insert(name.to_owned(), file);
        self.events.extend([Event::Created(name.to_owned()), Event::Opened(name.to_owned())]);
    }

    fn write(&mut self, name: &OsStr) {
        let content = self.number();
        if let Some(file) = self.files.get_mut(name).filter(|file| file.writers > 0) {
            file.size += 1;
            file.content = content;
            // What is longer than an image is none.
            file.is_image &= file.size <= WHOLE;
            let what = format!("{name:?} is written: {file:?}");
            self.note(what);
        }
    }

    fn close(&mut self, name: &OsStr) {
        if let Some(file) = self.files.get_mut(name).filter(|file| file.writers > 0) {
            file.writers -= 1;
            let what = format!("{name:?} is closed: {file:?}");
            self.note(what);
            self.events.push_back(Event::Written(name.to_owned()));
        }
    }

    fn open(&mut self, name: &OsStr) {
        if let Some(file) = self.files.get_mut(name).filter(|file| file.writers < 2) {
            file.writers += 1;
            self.note(format!("{name:?} is opened"));
            self.events.push_back(Event::Opened(name.to_owned()));
        }
    }

    /// As careful programs do: the file is whole, and comes by its name.
    fn rename_over(&mut self, name: &OsStr, dice: &mut Dice) {
        let (inode, content) = (self.number(), self.number());
        let is_image = !dice.one_in(4);
        let file = File { inode, size: WHOLE, content, is_image, writers: 0, has_other_name: false };
        self.note(format!("{name:?} is renamed over: {file:?}"));
        self.files.insert(name.to_owned(), file);
        self.events.push_back(Event::Written(name.to_owned()));
    }

    /// A whole file gets its name by a link, and loses its other one some time.
    fn link(&mut self, name: &OsStr) {
        if let Some(file) = self.files.get_mut(name) {
            if file.has_other_name {
                file.has_other_name = false;
                self.note(format!("{name:?} has no other name"));
            }
            return;
        }
        let (inode, content) = (self.number(), self.number());
        let file = File { inode, size: WHOLE, content, is_image: true, writers: 0, has_other_name: true };
        self.note(format!("{name:?} is linked: {file:?}"));
        self.files.insert(name.to_owned(), file);
        self.events.push_back(Event::Created(name.to_owned()));
    }

    fn remove_by_user(&mut self, name: &OsStr, dice: &mut Dice) {
        if dice.one_in(3) && self.files.remove(name).is_some() {
            self.note(format!("{name:?} is removed by a user"));
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.step(Event::Tick);
        // What a look has changed may be due at once; that is done by then.
        self.step(Event::Tick);
        assert!(self.intake.wake_at() > self.now, "woken for nothing\n{}", self.log.join("\n"));
    }

    fn deliver_one(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.note(format!("told: {event:?}"));
            self.step(event);
        }
    }

    fn catch_up(&mut self) {
        while !self.events.is_empty() {
            self.deliver_one();
        }
    }

    /// What the owner of the folder does.
    fn step(&mut self, event: Event) {
        let effects = self.intake.step(event, self.now);
        self.perform(effects);
        self.go_on();
    }

    fn go_on(&mut self) {
        loop {
            let effects = self.intake.go_on();
            if effects.is_empty() {
                return;
            }
            self.perform(effects);
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        let mut effects = VecDeque::from(effects);
        let mut rounds = 0;
        while let Some(effect) = effects.pop_front() {
            rounds += 1;
            assert!(rounds < 1_000, "no end of effects\n{}", self.log.join("\n"));
            let event = match effect {
                Effect::CheckPath => Event::PathLeads { is_same: true },
                Effect::Watch => Event::Watched { is_watched: true },
                Effect::List => Event::Listed(self.files.keys().cloned().collect()),
                Effect::Look(name, why) => {
                    let found = self.look(&name, why);
                    Event::Looked(name, why, found)
                }
                Effect::LeftAlone(..) => continue,
                Effect::Remove(name, stamp) => {
                    if self.stamp(&name) == Ok(stamp) {
                        let read = self.files[&name].clone();
                        self.remove(&name, &read);
                    }
                    continue;
                }
                Effect::AskFree => Event::Free(if self.is_full { 0 } else { 100 }),
            };
            effects.extend(self.intake.step(event, self.now));
        }
    }

    fn look(&self, name: &OsStr, why: Why) -> Result<Found, NotTaken> {
        let stamp = self.stamp(name)?;
        let has_writer = if why == Why::Created { None } else { self.has_writer(name) };
        Ok(Found { stamp, has_writer })
    }

    fn stamp(&self, name: &OsStr) -> Result<Stamp, NotTaken> {
        match self.files.get(name) {
            None => Err(NotTaken::Gone),
            Some(file) if file.has_other_name => Err(NotTaken::MoreNames),
            Some(file) => Ok(stamp_of(file)),
        }
    }

    fn has_writer(&self, name: &OsStr) -> Option<bool> {
        let file = self.files.get(name)?;
        (self.leases == Leases::Work && !file.has_other_name).then_some(file.writers > 0)
    }

    /// The thread: begins with a file, or is done with it.
    fn work(&mut self, is_done: bool) {
        match self.job.take() {
            None => {
                if let Some(name) = self.intake.next() {
                    let found = self.stamp(&name);
                    let read = found.and_then(|_| self.files.get(&name).cloned().ok_or(NotTaken::Gone));
                    self.note(format!("{name:?} is being taken in: {read:?}"));
                    self.job = Some(Job { name, read });
                }
            }
            Some(job) if !is_done => self.job = Some(job),
            Some(Job { name, read }) => {
                self.catch_up();
                match read {
                    Err(reason) => self.pass_over(&name, &reason),
                    Ok(read) => self.conclude(&name, &read),
                }
            }
        }
    }

    fn conclude(&mut self, name: &OsStr, read: &File) {
        let is_same = self.stamp(name).is_ok_and(|stamp| stamp.identity == identity_of(read));
        if self.is_full && read.is_image && read.size == WHOLE {
            return self.refuse(name, read, Ending::NoRoom { needed: 50 });
        }
        if read.is_image && read.size == WHOLE {
            self.note(format!("{name:?} was taken in: {read:?}"));
            let is_first = self.taken.insert(read.content);
            assert!(is_first || self.leases == Leases::AreMissing, "taken in twice\n{}", self.log.join("\n"));
            let was_written = self.intake.was_written(name);
            let is_there = match self.stamp(name) {
                Ok(found) => {
                    (found.identity, found.size) != (identity_of(read), read.size)
                        || (was_written && found.modified != stamp_of(read).modified)
                }
                Err(reason) => reason == NotTaken::MoreNames,
            };
            self.intake.ended(name, Ending::Taken { is_there }, self.now);
            if !is_there {
                self.remove(name, read);
            }
            return self.go_on();
        }
        let ending = if self.has_writer(name) == Some(true) {
            Ending::HasWriter
        } else if read.is_image {
            Ending::Early { size: read.size }
        } else {
            Ending::Bad { is_there: is_same }
        };
        self.refuse(name, read, ending);
    }

    fn refuse(&mut self, name: &OsStr, read: &File, ending: Ending) {
        let verdict = self.intake.ended(name, ending, self.now);
        self.note(format!("{name:?} is not taken in: {ending:?}, {verdict:?}"));
        if verdict == Verdict::Final {
            if !matches!(ending, Ending::NoRoom { .. }) {
                self.refused.insert(read.content);
            }
            self.remove(name, read);
        }
        self.go_on();
    }

    /// It was no file of its own when it was to be read.
    fn pass_over(&mut self, name: &OsStr, reason: &NotTaken) {
        let verdict = self.intake.ended(name, Ending::Done, self.now);
        self.note(format!("{name:?} is left alone: {reason}, {verdict:?}"));
        if *reason == NotTaken::MoreNames {
            self.step(Event::Looked(name.to_owned(), Why::Created, Err(NotTaken::MoreNames)));
        }
        self.go_on();
    }

    fn remove(&mut self, name: &OsStr, read: &File) {
        let Ok(found) = self.stamp(name) else { return };
        if (found.identity, found.size) != (identity_of(read), read.size) {
            return;
        }
        if self.has_writer(name) == Some(true) {
            return self.step(Event::NotRemoved(name.to_owned(), stamp_of(read)));
        }
        let Some(file) = self.files.remove(name) else { return };
        self.note(format!("{name:?} is removed by us"));
        let is_lost = self.leases == Leases::Work && (file.writers > 0 || file.content != read.content);
        assert!(!is_lost, "bytes are lost: {file:?} was read as {read:?}\n{}", self.log.join("\n"));
    }

    /// All programs end, all is told, there is room, and time passes.
    fn calm_down(&mut self) {
        self.is_full = false;
        for name in NAMES.map(OsString::from) {
            while self.files.get(&name).is_some_and(|file| file.writers > 0) {
                self.close(&name);
            }
            if self.files.get(&name).is_some_and(|file| file.has_other_name) {
                self.link(&name);
            }
        }
        for _ in 0..40 {
            self.catch_up();
            self.work(true);
            self.pass(Duration::from_secs(2));
        }
    }

    /// What is not where it belongs.
    fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, file) in &self.files {
            // An empty file is no fault yet, and one that was taken in may stay when it was written again.
            if file.size > 0 {
                wrong.push(format!("{name:?} stays for ever: {file:?}"));
            }
        }
        wrong.extend(self.job.iter().map(|job| format!("it does not end: {job:?}")));
        let both = self.taken.intersection(&self.refused);
        wrong.extend(both.map(|content| format!("{content} was taken in and refused")));
        wrong
    }
}

fn identity_of(file: &File) -> Identity {
    Identity { device: 1, inode: file.inode }
}

fn stamp_of(file: &File) -> Stamp {
    let modified = i64::try_from(file.content).unwrap_or_default();
    Stamp { identity: identity_of(file), size: file.size, modified }
}

fn walk(seed: u64, leases: Leases) {
    let mut dice = Dice::silent(seed);
    let mut machine = Machine::new(leases);
    let steps = 20 + dice.below(200);
    for _ in 0..steps {
        machine.happen(&mut dice);
    }
    machine.calm_down();
    let wrong = machine.wrong();
    assert!(wrong.is_empty(), "seed {seed}: {wrong:?}\n{}", machine.log.join("\n"));
}

fn walks() -> std::ops::Range<u64> {
    let is_soak = std::env::var_os("VIVIANITE_SOAK").is_some_and(|value| value == "1");
    0..if is_soak { 200_000 } else { 3_000 }
}

#[test]
fn whatever_programs_do_in_the_folder_no_bytes_are_lost_and_every_file_comes_to_its_end() {
    walks().for_each(|seed| walk(seed, Leases::Work));
}

#[test]
fn without_leases_every_file_still_comes_to_its_end() {
    walks().for_each(|seed| walk(seed, Leases::AreMissing));
}
