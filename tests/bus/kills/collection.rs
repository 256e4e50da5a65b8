//! The collection, and a client that reports, has parts read again and taken out, and puts parts in and out.

use super::{Progress, Subject, kill_at_random};
use crate::collection::bed::{Bed, object};
use anyhow::Context as _;
use dbus_api::call::CallError;
use dbus_api::inventory::ITEM;
use dbus_api::vpd::collection::{self, CollectionState, FruState, FruStatus, Report, Status};
use house_tests::{Machine, fixture};
use std::process::Command;
use std::time::{Duration, Instant};
use test_bus::LIMIT;
use test_random::Numbers;

/// What comes and goes; the others are what they are.
const COMES_AND_GOES: &str = "guest";
const FRUS: [(&str, &str); 4] = [("blank", ""), ("card", ""), (COMES_AND_GOES, ""), ("slot", "slot = true")];

struct Collection {
    bed: Bed,
    is_guest_there: bool,
    /// What was last answered of the card when it had been dealt with.
    card: Option<Report>,
    /// Whether its unit was to run again since, or the card was to be taken out.
    is_wanted_again: bool,
}

fn fru<'a>(status: &'a Status, name: &str) -> anyhow::Result<&'a FruStatus> {
    let key = format!("file:{name}");
    status.frus.iter().find(|fru| fru.key == key).context("no such EEPROM")
}

impl Collection {
    fn status(&self) -> anyhow::Result<Status> {
        self.bed.machine.run(async |connection| Ok(collection::status(&connection).await?))
    }

    /// In one piece, as a parser may be reading.
    fn put(&self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        let (path, new) = (self.bed.image(name), self.bed.image("new"));
        std::fs::write(&new, content)?;
        Ok(std::fs::rename(new, path)?)
    }

    fn expect(&self, status: &Status, name: &str, outcome: Option<&str>) -> anyhow::Result<()> {
        let fru = fru(status, name)?;
        let state = if outcome.is_some() { FruState::Collected } else { FruState::Absent };
        anyhow::ensure!(fru.state == state, "{name} is {fru:?}");
        if let Some(outcome) = outcome {
            let of_last_run = self.bed.process_1.invocation(&fru.unit) == fru.report.invocation;
            anyhow::ensure!(fru.report.outcome == outcome && of_last_run, "{name} is {fru:?}");
        }
        // Blank parts are there, as far as can be said.
        if outcome != Some("blank") {
            let shown = self.bed.machine.property(&object(name), ITEM, "Present")?;
            let expected = format!("Bool({})", outcome.is_some());
            anyhow::ensure!(shown.as_deref() == Some(&*expected), "{name}: Present is {shown:?}, {fru:?}");
        }
        Ok(())
    }

    /// One call. Errors: it was not answered.
    fn call(&mut self, numbers: &mut Numbers) -> anyhow::Result<Result<(), CallError>> {
        let chosen = FRUS[numbers.below(FRUS.len())].0;
        let keys = [format!("file:{chosen}")];
        let machine = &self.bed.machine;
        match numbers.below(8) {
            0 | 1 => {
                self.is_wanted_again |= chosen == "card";
                machine.run(async |connection| Ok(answered(collection::recollect(&connection, &keys).await)))
            }
            2 => {
                self.is_wanted_again |= chosen == "card";
                machine.run(async |connection| Ok(answered(collection::remove(&connection, &keys).await)))
            }
            3 => {
                if self.is_guest_there {
                    std::fs::remove_file(self.bed.image(COMES_AND_GOES))?;
                } else {
                    self.put(COMES_AND_GOES, &fixture("card"))?;
                }
                self.is_guest_there = !self.is_guest_there;
                let keys = [format!("file:{COMES_AND_GOES}")];
                machine.run(async |connection| Ok(answered(collection::recollect(&connection, &keys).await)))
            }
            4 => {
                // As an administrator has it run, so that a report comes that was not waited for.
                self.is_wanted_again |= chosen == "card";
                let unit = format!("ipz-vpd-parser@file:{chosen}.service");
                self.bed.restart_unit(&unit)?;
                Ok(Ok(()))
            }
            5 => {
                self.is_wanted_again |= chosen == "card";
                machine.run(async |connection| Ok(answered(collection::reread(&connection, &keys[0]).await)))
            }
            _ => {
                let answer = machine.run(async |connection| Ok(collection::status(&connection).await))?;
                if let Ok(status) = &answer
                    && let card = fru(status, "card")?
                    && card.state == FruState::Collected
                    && !self.is_wanted_again
                {
                    self.card = Some(card.report.clone());
                }
                Ok(answer.map(drop))
            }
        }
    }
}

/// That a part is absent, or has gone meanwhile, is an answer too.
fn answered<T>(answer: Result<T, CallError>) -> Result<(), CallError> {
    match answer {
        Err(CallError::Refused { name, .. }) if name.ends_with(".Unavailable") => Ok(()),
        answer => answer.map(drop),
    }
}

impl Subject for Collection {
    const NAME: &'static str = "vpd-collection";
    const LATER: Duration = Duration::from_millis(60);

    fn machine(&self) -> &Machine {
        &self.bed.machine
    }

    fn command(&self) -> anyhow::Result<Command> {
        let mut command = self.bed.machine.command(Self::NAME)?;
        let records = self.bed.machine.folder().join("records");
        std::fs::create_dir_all(&records)?;
        command.env("RUNTIME_DIRECTORY", records);
        Ok(command)
    }

    fn check(&mut self) -> anyhow::Result<()> {
        let asked = Instant::now();
        let status = loop {
            // Jobs that an earlier run or an administrator has asked for go on: a run that has yet to begin is known to nobody.
            let is_idle = self.bed.process_1.is_idle();
            let status = self.status()?;
            if is_idle && status.state == CollectionState::Collected {
                break status;
            }
            anyhow::ensure!(asked.elapsed() < LIMIT, "it stays {status:?}");
        };
        self.expect(&status, "blank", Some("blank"))?;
        self.expect(&status, "card", Some("ok"))?;
        self.expect(&status, COMES_AND_GOES, self.is_guest_there.then_some("ok"))?;
        self.expect(&status, "slot", None)?;
        let now = &fru(&status, "card")?.report;
        if let Some(told) = &self.card {
            let is_later = self.is_wanted_again && now.started > told.started;
            anyhow::ensure!(now == told || is_later, "{now:?} and not {told:?}");
        }
        (self.card, self.is_wanted_again) = (Some(now.clone()), false);
        Ok(())
    }

    fn work(&mut self, numbers: &mut Numbers, progress: &Progress) -> anyhow::Result<String> {
        loop {
            match self.call(numbers)? {
                Err(CallError::Refused { name, .. }) if name.ends_with(".NotAllowed") => {}
                Err(error) => return Ok(error.to_string()),
                Ok(()) => {}
            }
            progress.answered();
        }
    }
}

#[test]
fn a_collection_that_is_killed_knows_what_was_reported_and_shows_no_part_that_is_absent() -> anyhow::Result<()>
{
    let Some(mut bed) = Bed::new(&FRUS)? else { return Ok(()) };
    bed.machine.start_inventory()?;
    // There is no udev that could be asked.
    bed.configure("settle-limit-ms = 20\n")?;
    let mut collection = Collection { bed, is_guest_there: false, card: None, is_wanted_again: false };
    collection.put("card", &fixture("card"))?;
    collection.put("blank", &[0xff; 256])?;
    kill_at_random(&mut collection, 0x5eed_0a13)
}
