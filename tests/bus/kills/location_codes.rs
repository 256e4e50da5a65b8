//! The updater, and a client that changes in the inventory what codes are made of.

use super::{Progress, Subject, kill_at_random};
use crate::location_codes::bed::{Bed, chassis, marker, system, tagged};
use house_tests::Machine;
use std::time::Duration;
use test_random::Numbers;

const BOARD: &str = "/system/chassis/motherboard";
const CABLE: &str = "/cables/x";

struct Updater {
    bed: Bed,
    /// Type and serial number of the system, feature and serial number of its chassis: what the inventory has answered.
    serial: String,
    feature: String,
    chassis: String,
    /// What the owner calls it, once he has said so.
    tag: Option<String>,
    has_cable: bool,
}

impl Updater {
    fn expect(&self, path: &str, code: &str) -> anyhow::Result<()> {
        let shown = self.bed.code(path)?;
        anyhow::ensure!(shown.as_deref() == Some(code), "{path} shows {shown:?} and not {code}");
        Ok(())
    }

    fn change(&mut self, numbers: &mut Numbers) -> anyhow::Result<()> {
        let word = format!("{:07}", numbers.below(9_999_999));
        match numbers.below(6) {
            0 => {
                self.bed.publish(vec![system(&word)])?;
                self.serial = word;
            }
            1 if !self.has_cable => {
                self.bed.publish(vec![marker(CABLE)])?;
                self.has_cable = true;
            }
            2 => {
                self.bed.publish(vec![tagged(&word)])?;
                self.tag = Some(word);
            }
            3 => {
                let feature = if numbers.one_in(3) { "    " } else { word.get(..4).unwrap_or_default() };
                self.bed.publish(vec![chassis(feature.as_bytes(), self.chassis.as_bytes())])?;
                feature.clone_into(&mut self.feature);
            }
            4 => {
                self.bed.publish(vec![system(&word), chassis(self.feature.as_bytes(), word.as_bytes())])?;
                (self.serial, self.chassis) = (word.clone(), word);
            }
            _ => {
                self.bed.publish(vec![chassis(self.feature.as_bytes(), word.as_bytes())])?;
                self.chassis = word;
            }
        }
        Ok(())
    }
}

impl Subject for Updater {
    const NAME: &'static str = "location-code-updater";
    const LATER: Duration = Duration::from_millis(20);

    fn machine(&self) -> &Machine {
        &self.bed.machine
    }

    fn check(&mut self) -> anyhow::Result<()> {
        self.expect("/system", &format!("U9105.22A.{}", self.serial))?;
        let is_blank = self.feature.trim().is_empty();
        let unit =
            if is_blank { "Ufcs".to_owned() } else { format!("U{}.N00.{}", self.feature, self.chassis) };
        self.expect("/system/chassis", &unit)?;
        self.expect(BOARD, &format!("{unit}-P0"))?;
        if self.has_cable {
            self.expect(CABLE, &format!("{unit}-P0-T1"))?;
        }
        anyhow::ensure!(self.has_cable || !self.bed.exists(CABLE)?, "it has made an object");
        let (tag, own) = (self.bed.asset_tag()?, self.tag.get_or_insert("Server-9105-22A-FIRST".to_owned()));
        anyhow::ensure!(tag.as_ref() == Some(own), "the tag is {tag:?} and not {own:?}");
        Ok(())
    }

    fn work(&mut self, numbers: &mut Numbers, progress: &Progress) -> anyhow::Result<String> {
        // The inventory, which answers, lives.
        while progress.answered() {
            self.change(numbers)?;
        }
        Ok("the inventory has answered".to_owned())
    }
}

#[test]
fn codes_are_right_after_each_restart_of_an_updater_that_is_killed_and_the_owners_tag_stays()
-> anyhow::Result<()> {
    let Some(bed) = Bed::with_inventory()? else { return Ok(()) };
    bed.publish(vec![system("FIRST"), chassis(b"78DA", b"WZS003T"), marker(BOARD)])?;
    let mut updater = Updater {
        bed,
        serial: "FIRST".to_owned(),
        feature: "78DA".to_owned(),
        chassis: "WZS003T".to_owned(),
        tag: None,
        has_cable: false,
    };
    // A round of the updater begins this soon.
    updater.bed.configure("settle-ms = 1\nmax-delay-ms = 3\n")?;
    kill_at_random(&mut updater, 0x5eed_0a12)
}
