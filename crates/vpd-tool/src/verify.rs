//! `vpd-tool verify`, and `vpd-tool diff` of a FRU: how copies are, and in what they differ.

use crate::arguments::{Diff, Reading, Verify};
use crate::console::Console;
use crate::examine::examine;
use crate::exit::{Exit, Failure};
use crate::json;
use crate::machine::Machine;
use crate::table::{Align, Table};
use crate::value;
use crate::values::{self, Bytes, Records};
use dbus_api::vpd::client;
use dbus_api::vpd::collection::Outcome;
use dbus_api::vpd::writer::{self, Copy};
use fru_publication::EepromKey;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use vpd_format::Wanted;

/// How all copies of an EEPROM are, and in what they differ.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Comparison {
    key: String,
    copies: Vec<CopyState>,
    differences: Vec<Difference>,
}

#[derive(Debug, Serialize)]
struct CopyState {
    copy: &'static str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

#[derive(Debug, Serialize)]
struct Difference {
    record: String,
    keyword: String,
    copy: &'static str,
    /// In the EEPROM; null where it lacks it.
    ours: Option<Bytes>,
    /// In the copy; null where that lacks it.
    theirs: Option<Bytes>,
}

fn present(value: Vec<u8>) -> Option<Bytes> {
    (!value.is_empty()).then_some(Bytes(value))
}

impl Comparison {
    /// Asks the service.
    pub(crate) async fn ask(machine: &Machine, key: &EepromKey, path: &str) -> Result<Self, Failure> {
        let (copies, differences) =
            client::verify(machine.bus().await?, path).await.map_err(Failure::call)?;
        Ok(Self::of(key, copies, differences))
    }

    fn of(key: &EepromKey, copies: Vec<writer::CopyState>, differences: Vec<writer::Difference>) -> Self {
        let copy = |state: writer::CopyState| CopyState {
            copy: state.copy.as_str(),
            outcome: state.outcome.as_str(),
            reason: state.reason,
        };
        let difference = |difference: writer::Difference| Difference {
            record: difference.record,
            keyword: difference.keyword,
            copy: difference.copy.as_str(),
            ours: present(difference.ours),
            theirs: present(difference.theirs),
        };
        Self {
            key: key.to_string(),
            copies: copies.into_iter().map(copy).collect(),
            differences: differences.into_iter().map(difference).collect(),
        }
    }

    /// Adds the comparison of what the chip says with an image.
    fn add_golden(&mut self, ours: &Records, theirs: &Records) {
        self.copies.push(CopyState {
            copy: Copy::Golden.as_str(),
            outcome: Outcome::Ok.as_str(),
            reason: String::new(),
        });
        let records: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        for record in records {
            let (ours, theirs) = (ours.get(record), theirs.get(record));
            let keywords = [ours, theirs].into_iter().flatten().flat_map(|keywords| keywords.keys());
            for keyword in keywords.collect::<BTreeSet<_>>() {
                let [ours, theirs] =
                    [ours, theirs].map(|keywords| keywords.and_then(|known| known.get(keyword)));
                if ours != theirs {
                    let (record, keyword) = (record.clone(), keyword.clone());
                    let (ours, theirs) = (ours.cloned(), theirs.cloned());
                    self.differences.push(Difference {
                        record,
                        keyword,
                        copy: Copy::Golden.as_str(),
                        ours,
                        theirs,
                    });
                }
            }
        }
    }

    /// Whether there is no part at all, which is wrong only where one is asked for.
    fn is_absent(&self) -> bool {
        self.copies.iter().any(|state| is(state, Copy::Primary) && state.outcome == Outcome::Absent.as_str())
    }

    fn exit(&self) -> Exit {
        let primary = self.copies.iter().find(|state| is(state, Copy::Primary));
        let outcome = |state: &CopyState| Outcome::parse(state.outcome).unwrap_or_default();
        let is_useless = |outcome| matches!(outcome, Outcome::Absent | Outcome::Blank | Outcome::Unreadable);
        let outcomes: Vec<_> = self.copies.iter().map(outcome).collect();
        if primary.is_none_or(|state| is_useless(outcome(state))) {
            Exit::Unusable
        } else if outcomes.iter().any(|outcome| is_useless(*outcome) || *outcome == Outcome::Bad) {
            Exit::PartlyBad
        } else if outcomes.contains(&Outcome::Recovered) {
            Exit::Recovered
        } else if !self.differences.is_empty() {
            Exit::Different
        } else {
            Exit::Good
        }
    }
}

fn is(state: &CopyState, copy: Copy) -> bool {
    state.copy == copy.as_str()
}

pub(crate) async fn run(
    arguments: &Verify,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let (comparisons, mut exit) = all(&arguments.parts, machine, console).await?;
    let is_named = !arguments.parts.is_empty();
    for comparison in comparisons.iter().filter(|comparison| is_named || !comparison.is_absent()) {
        exit = worse(exit, comparison.exit());
    }
    if arguments.json {
        return console.print(&json::lines(&comparisons)?).map(|()| exit);
    }
    console.print(&tables(&comparisons)).map(|()| exit)
}

/// Compares these EEPROMs, or all. One that the service refuses to compare is said, and does not keep the others from it.
///
/// Errors: a name that is wrong; the first refusal, where nothing else came of it.
pub(crate) async fn all(
    parts: &[String],
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<(Vec<Comparison>, Exit), Failure> {
    let (mut comparisons, mut first, mut exit) = (Vec::new(), None, Exit::Good);
    for (key, path) in machine.eeproms(parts).await? {
        match Comparison::ask(machine, &key, &path).await {
            Ok(comparison) => comparisons.push(comparison),
            Err(failure) if matches!(failure.exit, Exit::Absent | Exit::NotAllowed) => return Err(failure),
            Err(failure) => {
                console.say(&format!("vpd-tool: {key}: {:#}", failure.cause));
                exit = worse(exit, Exit::PartlyBad);
                first = first.or(Some(failure));
            }
        }
    }
    match first.filter(|_| comparisons.is_empty()) {
        Some(failure) => Err(failure),
        None => Ok((comparisons, exit)),
    }
}

fn worse(one: Exit, other: Exit) -> Exit {
    if one.status() >= other.status() { one } else { other }
}

/// Copies, then differences.
pub(crate) fn tables(comparisons: &[Comparison]) -> String {
    let columns = ["key", "copy", "outcome", "differences", "reason"].map(|name| (name, Align::Left));
    let mut table = Table::new(columns);
    for Comparison { key, copies, differences } in comparisons {
        for state in copies {
            let count = differences.iter().filter(|difference| difference.copy == state.copy).count();
            let count = if state.copy == Copy::Primary.as_str() { String::new() } else { count.to_string() };
            let outcome = state.outcome.to_owned();
            table.row([key.clone(), state.copy.to_owned(), outcome, count, state.reason.clone()]);
        }
    }
    let mut text = String::new();
    table.print(&mut text);
    if comparisons.iter().any(|comparison| !comparison.differences.is_empty()) {
        text.push('\n');
        let columns = ["key", "keyword", "EEPROM", "copy", "says"].map(|name| (name, Align::Left));
        let mut table = Table::new(columns);
        for Comparison { key, differences, .. } in comparisons {
            for difference in differences {
                let [ours, theirs] = pair(difference);
                let name = format!("{}.{}", difference.record, difference.keyword);
                table.row([key.clone(), name, ours, difference.copy.to_owned(), theirs]);
            }
        }
        table.print(&mut text);
    }
    text
}

/// Two values so that the difference can be seen: both in digits unless both are text.
fn pair(difference: &Difference) -> [String; 2] {
    let values = [&difference.ours, &difference.theirs];
    let is_text =
        values.iter().all(|value| value.as_ref().is_none_or(|Bytes(bytes)| value::text(bytes).is_some()));
    values.map(|value| match value {
        None => "(none)".to_owned(),
        Some(Bytes(bytes)) if is_text => format!("\"{}\"", String::from_utf8_lossy(bytes)),
        Some(Bytes(bytes)) => format!("0x{}", value::hex(bytes)),
    })
}

/// A FRU against all that should say the same, and an image.
pub(crate) async fn diff(
    arguments: &Diff,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let given = arguments.first.to_str();
    let given = given.ok_or_else(|| Failure::say(Exit::Usage, "the name of a FRU is plain text"))?;
    let (key, path) = machine.eeprom(given).await?;
    let mut comparison = Comparison::ask(machine, &key, &path).await?;
    if let Some(file) = &arguments.golden {
        let theirs = golden(file, &arguments.reading)?;
        let chip = client::parsed(machine.bus().await?, &path).await.map_err(Failure::call)?;
        comparison.add_golden(&values::of_chip(chip).0, &theirs);
    }
    if arguments.json {
        console.print(&json::lines(&comparison)?)?;
    } else {
        console.print(&tables(std::slice::from_ref(&comparison)))?;
    }
    Ok(match comparison.exit() {
        // Of two that are there to be compared, it counts whether they are the same.
        Exit::Recovered if comparison.differences.is_empty() => Exit::Good,
        Exit::Recovered => Exit::Different,
        Exit::Unusable => Exit::Trouble,
        exit => exit,
    })
}

fn golden(file: &Path, reading: &Reading) -> Result<Records, Failure> {
    let examined = examine(file.as_os_str(), reading, Wanted::All)?;
    match &examined.content {
        Ok(vpd) => Ok(values::of_image(vpd)),
        Err(error) => {
            let text = crate::check::refusal(&examined, error).trim_end().to_owned();
            Err(Failure::say(Exit::Trouble, text))
        }
    }
}

/// How many keywords differ in how many EEPROMs, in words.
pub(crate) fn summary(comparisons: &[Comparison]) -> String {
    let different = comparisons.iter().filter(|comparison| !comparison.differences.is_empty()).count();
    let mut text = String::new();
    let _ = write!(text, "{} EEPROMs compared, {different} with differences", comparisons.len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(copies: &[(Copy, Outcome)], differences: usize) -> Comparison {
        let state = |(copy, outcome): &(Copy, Outcome)| writer::CopyState {
            copy: *copy,
            outcome: *outcome,
            reason: String::new(),
        };
        let difference = writer::Difference {
            record: "VINI".to_owned(),
            keyword: "SN".to_owned(),
            copy: Copy::Inventory,
            ours: b"A".to_vec(),
            theirs: Vec::new(),
        };
        let key = EepromKey::parse("8-0050").unwrap();
        Comparison::of(&key, copies.iter().map(state).collect(), vec![difference; differences])
    }

    #[test]
    fn the_status_says_the_worst_of_all_copies() {
        use Outcome::{Absent, Bad, Blank, Ok, Recovered, Unchecked, Unreadable};
        use writer::Copy::{Inventory, Primary, Redundant};
        for (copies, differences, status) in [
            (&[(Primary, Ok), (Inventory, Ok)][..], 0, 0),
            (&[(Primary, Unchecked)], 0, 0),
            (&[(Primary, Ok), (Inventory, Ok)], 1, 1),
            (&[(Primary, Recovered)], 0, 1),
            (&[(Primary, Bad), (Redundant, Ok)], 1, 2),
            (&[(Primary, Ok), (Redundant, Unreadable)], 0, 2),
            (&[(Primary, Blank), (Redundant, Ok)], 0, 3),
            (&[(Primary, Absent)], 0, 3),
            (&[], 0, 3),
        ] {
            assert_eq!(comparison(copies, differences).exit().status(), status, "{copies:?}");
        }
    }

    #[test]
    fn differences_are_seen_also_where_one_side_lacks_the_keyword() {
        let text = tables(&[comparison(&[(Copy::Primary, Outcome::Ok), (Copy::Inventory, Outcome::Ok)], 1)]);
        assert!(text.contains("8-0050  inventory  ok       1"), "{text}");
        assert!(text.contains("8-0050  VINI.SN  \"A\"     inventory  (none)"), "{text}");
    }

    #[test]
    fn an_image_is_compared_keyword_by_keyword() {
        let records = |values: &[(&str, &str, &[u8])]| {
            let mut records = Records::new();
            for (record, keyword, value) in values {
                let keywords = records.entry((*record).to_owned()).or_default();
                keywords.insert((*keyword).to_owned(), Bytes(value.to_vec()));
            }
            records
        };
        let ours = records(&[("VINI", "SN", b"A"), ("VINI", "PN", b"P"), ("VSYS", "SE", b"S")]);
        let theirs = records(&[("VINI", "SN", b"B"), ("VINI", "PN", b"P"), ("VCEN", "FC", b"F")]);
        let mut comparison = comparison(&[(Copy::Primary, Outcome::Ok)], 0);
        comparison.add_golden(&ours, &theirs);
        let names = comparison.differences.iter().map(|row| format!("{}.{}", row.record, row.keyword));
        assert_eq!(names.collect::<Vec<_>>(), ["VCEN.FC", "VINI.SN", "VSYS.SE"]);
        assert_eq!(comparison.exit(), Exit::Different);
    }
}
