//! The image manager, and a client that drops files, hands files over and deletes images.

use super::{Progress, Subject, kill_at_random};
use crate::images::bed::{ACTIVATION, Bed, IMAGE, NAME, ON_REQUEST, STATES, VERSION, image_of, memory};
use crate::images::ear::Heard;
use anyhow::Context as _;
use house_tests::Machine;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use test_random::Numbers;

/// More than there ever are, so that none is refused for that.
const SETTINGS: &str = "queue = 100\nmax-images = 100\n";
/// Images that stay from one run to the next, at most.
const STAY: usize = 5;

/// What came of a wish to have an image taken in.
enum Wish {
    /// A file was dropped.
    Dropped,
    /// It was answered by this object.
    Answered(String),
    Unanswered,
}

struct Manager {
    bed: Bed,
    /// Images that were there, by object, with their versions.
    known: BTreeMap<String, String>,
    /// What was wished since, by version.
    wishes: BTreeMap<String, Wish>,
    deleted: BTreeSet<String>,
    /// What was to be deleted last, and was not answered.
    perhaps_deleted: Option<String>,
    number: u32,
}

fn is_ready(heard: &Heard) -> bool {
    heard.value(ACTIVATION, "Activation").is_some_and(|state| state.strip_prefix(STATES) == Some("Ready"))
}

fn is_lost(heard: &Heard) -> bool {
    heard.value(IMAGE, "Reason").is_some_and(|reason| reason.contains("the service ended"))
}

impl Manager {
    /// The images that are there, by version; not those that are lost and are still told of.
    fn shown(&self) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
        let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for object in self.bed.images()? {
            let state = self.bed.get(NAME, &object, ACTIVATION, "Activation");
            if state.is_ok_and(|state| state.ends_with(".Invalid")) {
                continue;
            }
            // It may go in this moment.
            if let Ok(version) = self.bed.get(NAME, &object, VERSION, "Version") {
                shown.entry(version).or_default().push(object);
            }
        }
        Ok(shown)
    }

    /// Waits until it is known what became of each wish.
    fn await_fates(&mut self) -> anyhow::Result<()> {
        for (version, wish) in &self.wishes {
            match wish {
                Wish::Answered(object) => {
                    let find = |heard: &[Heard]| {
                        let of_it = |heard: &&Heard| heard.path == *object;
                        let told: Vec<_> = heard.iter().filter(of_it).collect();
                        let ready = told.iter().any(|heard| is_ready(heard));
                        let lost = told.iter().any(|heard| is_lost(heard));
                        (ready || lost).then_some((ready, lost))
                    };
                    let told = self.bed.runtime.block_on(self.bed.ear.until(find));
                    let (ready, lost) = told.with_context(|| format!("{version}: {object}"))?;
                    anyhow::ensure!(!(ready && lost), "{object} is Ready and lost");
                }
                Wish::Dropped => self.bed.wait("it is there", || Ok(self.shown()?.contains_key(version)))?,
                Wish::Unanswered => {}
            }
        }
        Ok(())
    }

    fn was_ready(&mut self, object: &str) -> anyhow::Result<bool> {
        Ok(self.bed.heard()?.iter().any(|heard| heard.path == object && is_ready(heard)))
    }

    /// The next version, and an image of it.
    fn next(&mut self, numbers: &mut Numbers) -> (String, Vec<u8>) {
        self.number += 1;
        let version = format!("v{}", self.number);
        let length = if numbers.one_in(3) { 300_000 } else { 100 };
        let content = image_of(&version, &numbers.bytes(length));
        (version, content)
    }
}

impl Subject for Manager {
    const NAME: &'static str = "image-manager";
    const LATER: Duration = Duration::from_millis(40);

    fn machine(&self) -> &Machine {
        &self.bed.machine
    }

    fn check(&mut self) -> anyhow::Result<()> {
        self.await_fates()?;
        let mut wishes = std::mem::take(&mut self.wishes);
        let perhaps = self.perhaps_deleted.take();
        let deleted = std::mem::take(&mut self.deleted);
        let shown = self.shown()?;
        for (object, version) in &self.known {
            let is_there = shown.get(version).is_some_and(|objects| objects == std::slice::from_ref(object));
            let should_be = !deleted.contains(object);
            anyhow::ensure!(is_there == should_be || perhaps.as_ref() == Some(object), "{version} {object}");
        }
        let earlier = std::mem::take(&mut self.known);
        for (version, objects) in shown {
            let [object] = objects.as_slice() else { anyhow::bail!("{version} is there as {objects:?}") };
            match wishes.remove(&version) {
                Some(Wish::Answered(answered)) => {
                    anyhow::ensure!(answered == *object, "{version} {answered}")
                }
                None => anyhow::ensure!(earlier.contains_key(object), "{version} is there: {object}"),
                Some(Wish::Dropped | Wish::Unanswered) => {}
            }
            self.known.insert(object.clone(), version);
        }
        for (version, wish) in wishes {
            match wish {
                Wish::Answered(object) => anyhow::ensure!(!self.was_ready(&object)?, "{object} was Ready"),
                Wish::Dropped => anyhow::bail!("{version} is there no more"),
                Wish::Unanswered => {}
            }
        }
        while self.known.len() > STAY
            && let Some((object, _)) = self.known.pop_first()
        {
            // Not before it is known that nobody installs it.
            self.bed.wait("it can be deleted", || Ok(self.bed.delete(&object).is_ok()))?;
        }
        self.bed.forget()
    }

    fn work(&mut self, numbers: &mut Numbers, progress: &Progress) -> anyhow::Result<String> {
        std::fs::create_dir_all(self.bed.folder())?;
        loop {
            match numbers.below(6) {
                0 | 1 => {
                    let (version, content) = self.next(numbers);
                    self.bed.drop_file(&version, &content)?;
                    self.wishes.insert(version, Wish::Dropped);
                }
                2..4 => {
                    let (version, content) = self.next(numbers);
                    let answer = self.bed.hand_over(memory(&content)?, ON_REQUEST);
                    let wish = answer.as_ref().map_or(Wish::Unanswered, |path| Wish::Answered(path.clone()));
                    self.wishes.insert(version, wish);
                    if let Err(error) = answer {
                        return Ok(error.to_string());
                    }
                }
                4 => {
                    let Some(object) = self.known.keys().nth(numbers.below(self.known.len())).cloned() else {
                        continue;
                    };
                    if self.deleted.contains(&object) {
                        continue;
                    }
                    match self.bed.delete(&object) {
                        Ok(()) => drop(self.deleted.insert(object)),
                        Err(name) if name.ends_with(".NotAllowed") => {}
                        Err(name) => {
                            self.perhaps_deleted = Some(object);
                            return Ok(name);
                        }
                    }
                }
                _ => {
                    if let Err(error) = self.bed.images() {
                        return Ok(error.to_string());
                    }
                }
            }
            progress.answered();
        }
    }
}

#[test]
fn images_are_there_once_or_lost_with_a_reason_when_their_manager_is_killed() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(SETTINGS)? else { return Ok(()) };
    bed.forget()?;
    let (known, wishes, deleted) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let mut manager = Manager { bed, known, wishes, deleted, perhaps_deleted: None, number: 0 };
    kill_at_random(&mut manager, 0x5eed_0a14)
}
