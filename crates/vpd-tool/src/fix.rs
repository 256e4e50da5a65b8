//! `vpd-tool fix-system-vpd`: settles in what an EEPROM and its backup differ.

use crate::arguments::{Fix, Side};
use crate::batch::Change;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::input::{self, Named};
use crate::json;
use crate::machine::Machine;
use crate::table::{Align, Table};
use crate::value;
use crate::values::{self, Bytes, Records};
use crate::write::{Outcome, together};
use dbus_api::vpd::client::{self, Manner, Mending};
use dbus_api::vpd::writer::{Copy, Difference};
use serde::Serialize;
use system_index::Backup;

/// A keyword that is kept a second time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    key: String,
    record: String,
    keyword: String,
    backup: Bytes,
    primary: Bytes,
    mismatch: bool,
    #[serde(skip)]
    named: Named,
}

pub(crate) async fn run(
    arguments: &Fix,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let backups = &machine.system.backups;
    if backups.is_empty() {
        return Err(Failure::say(Exit::NotFound, "this system keeps no backup of any EEPROM"));
    }
    let asks_nothing = arguments.from.is_some() && arguments.yes;
    if !console.is_terminal && !asks_nothing {
        let text = "without a terminal, say which side is right: --from backup or --from primary, with --yes";
        return Err(Failure::say(Exit::Usage, text));
    }
    let mut rows = Vec::new();
    for backup in backups {
        rows.extend(rows_of(backup, machine).await?);
    }
    if !arguments.json {
        console.print(&table(&rows))?;
    }
    if !rows.iter().any(|row| row.mismatch) && arguments.from.is_some() {
        if arguments.json {
            console.print(&json::lines(&Vec::<Outcome>::new())?)?;
        } else {
            console.print("\nnothing differs\n")?;
        }
        return Ok(Exit::Good);
    }
    if let Some(side) = arguments.from {
        let question = match side {
            Side::Backup => "Write the backup's values into the EEPROM?",
            Side::Primary => "Write the EEPROM's values into the backup?",
        };
        if !console.confirm(arguments.yes, question)? {
            console.print("nothing was written\n")?;
            return Ok(Exit::Good);
        }
        return from(side, &rows, arguments.json, machine, console).await;
    }
    ask(&rows, machine, console).await
}

/// What both sides say. The service compares; of what does not differ, the backup says the same.
async fn rows_of(backup: &Backup, machine: &Machine) -> Result<Vec<Row>, Failure> {
    let bus = machine.bus().await?;
    let path = backup.source.as_str();
    let says = values::of_chip(client::parsed(bus, path).await.map_err(Failure::call)?).0;
    let (copies, differences) = client::verify(bus, path).await.map_err(Failure::call)?;
    let state = copies.iter().find(|state| state.copy == Copy::Backup);
    let Some(state) = state else {
        return Err(Failure::say(Exit::Failed, format!("the service compares {path} with no backup")));
    };
    if !matches!(state.outcome.as_str(), "ok" | "recovered" | "unchecked") {
        let text = format!("the backup of {path} cannot be used: {} {}", state.outcome, state.reason);
        return Err(Failure::say(Exit::Unusable, text));
    }
    Ok(rows(backup, &says, &differences))
}

fn rows(backup: &Backup, says: &Records, differences: &[Difference]) -> Vec<Row> {
    let row = |kept: &system_index::BackedUp| {
        let (record, keyword) = (kept.record.to_string(), kept.keyword.to_string());
        let primary = says.get(&record).and_then(|keywords| keywords.get(&keyword)).cloned();
        let primary = primary.unwrap_or(Bytes(Vec::new()));
        let differing = differences
            .iter()
            .filter(|difference| difference.copy == Copy::Backup)
            .find(|difference| (&difference.record, &difference.keyword) == (&record, &keyword));
        let (backup_value, mismatch) = match differing {
            Some(difference) => (Bytes(difference.theirs.clone()), true),
            None => (primary.clone(), false),
        };
        let named = Named { record: Some(kept.record), keyword: kept.keyword };
        Row {
            key: backup.source.to_string(),
            record,
            keyword,
            backup: backup_value,
            primary,
            mismatch,
            named,
        }
    };
    backup.keywords.iter().map(row).collect()
}

fn table(rows: &[Row]) -> String {
    let columns =
        ["S.No", "EEPROM", "Record", "Keyword", "Data on backup", "Data on primary", "Data mismatch"];
    let mut table = Table::new(columns.map(|name| (name, Align::Left)));
    for (number, row) in (1..).zip(rows) {
        let mismatch = if row.mismatch { "YES" } else { "NO" };
        table.row([
            i32::to_string(&number),
            row.key.clone(),
            row.record.clone(),
            row.keyword.clone(),
            value::for_people(&row.backup.0),
            value::for_people(&row.primary.0),
            mismatch.to_owned(),
        ]);
    }
    let mut text = String::new();
    table.print(&mut text);
    text
}

/// All of each EEPROM from one side.
async fn from(
    side: Side,
    rows: &[Row],
    is_json: bool,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let what = match side {
        Side::Backup => Mending::Restore,
        Side::Primary => Mending::Backup,
    };
    let bus = machine.bus().await?;
    let mut outcomes = Vec::new();
    for backup in &machine.system.backups {
        let key = backup.source.as_str();
        if !rows.iter().any(|row| row.key == key && row.mismatch) {
            continue;
        }
        let written = client::mend(bus, key, what).await.map_err(Failure::call)?;
        let outcome = Outcome::of(&backup.source, written, false);
        if !is_json {
            console.print(&(outcome.line() + "\n"))?;
        }
        outcomes.push(outcome);
    }
    if is_json {
        console.print(&json::lines(&outcomes)?)?;
    }
    Ok(Exit::Good)
}

/// The menu.
async fn ask(rows: &[Row], machine: &Machine, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let menu =
        "\n 0  exit\n 1  all from the backup\n 2  all from the primary\n 3  one after another\nchoice: ";
    loop {
        match console.ask(menu)?.as_deref() {
            None | Some("0") => return Ok(Exit::Good),
            Some("1") => return from(Side::Backup, rows, false, machine, console).await,
            Some("2") => return from(Side::Primary, rows, false, machine, console).await,
            Some("3") => return one_by_one(rows, machine, console).await,
            Some(_) => console.print("that is none of them\n")?,
        }
    }
}

/// What is to become of one keyword.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// It gets this value, on both sides.
    Value(Vec<u8>),
    Skip,
    /// The end.
    Exit,
}

async fn one_by_one(rows: &[Row], machine: &Machine, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let bus = machine.bus().await?;
    for row in rows.iter().filter(|row| row.mismatch) {
        console.print(&format!("\n{}", table(std::slice::from_ref(row))))?;
        match choose(row, console)? {
            Choice::Exit => break,
            Choice::Skip => {}
            Choice::Value(value) => {
                let change = Change { named: row.named, value, expect: None, pad: None };
                // What is refused, a value of another length for one, does not keep the others from their turn.
                match together(bus, &row.key, &[change], Manner::default()).await {
                    Ok(_) => console.print(&format!("{} is settled\n", row.named))?,
                    Err(failure) => console.say(&format!("vpd-tool: {}: {:#}", row.named, failure.cause)),
                }
            }
        }
    }
    Ok(Exit::Good)
}

fn choose(row: &Row, console: &mut Console<'_>) -> Result<Choice, Failure> {
    let menu = " 0  exit\n 4  from the backup\n 5  from the primary\n 6  a new value\n 7  skip\nchoice: ";
    loop {
        match console.ask(menu)?.as_deref() {
            None | Some("0") => return Ok(Choice::Exit),
            Some("4") => return Ok(Choice::Value(row.backup.0.clone())),
            Some("5") => return Ok(Choice::Value(row.primary.0.clone())),
            Some("6") => {
                let Some(answer) = console.ask("value (text, or 0x and digits): ")? else {
                    return Ok(Choice::Exit);
                };
                match input::value(&answer) {
                    Ok(value) => return Ok(Choice::Value(value)),
                    Err(complaint) => console.print(&format!("{complaint}\n"))?,
                }
            }
            Some("7") => return Ok(Choice::Skip),
            Some(_) => console.print("that is none of them\n")?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn backup() -> Backup {
        let text = "[[backup]]\nsource = \"8-0050\"\n[[backup.keywords]]\nrecord = \"VSYS\"\nkeyword = \"SE\"\n\
                    default = [32]\n[[backup.keywords]]\nrecord = \"VSYS\"\nkeyword = \"TM\"\ndefault = [32]\n";
        system_index::Backups::parse(text).unwrap().backup.remove(0)
    }

    fn two_rows() -> Vec<Row> {
        let keywords = [("SE", b"1234567"), ("TM", b"9105-22")];
        let keywords = keywords.map(|(name, value)| (name.to_owned(), Bytes(value.to_vec())));
        let says = Records::from([("VSYS".to_owned(), BTreeMap::from(keywords))]);
        let difference = |copy, theirs: &[u8]| Difference {
            record: "VSYS".to_owned(),
            keyword: "SE".to_owned(),
            copy,
            ours: b"1234567".to_vec(),
            theirs: theirs.to_vec(),
        };
        let differences = [difference(Copy::Inventory, b"other"), difference(Copy::Backup, b"7654321")];
        rows(&backup(), &says, &differences)
    }

    #[test]
    fn both_sides_stand_beside_each_other_and_only_what_the_backup_says_otherwise_is_a_mismatch() {
        let text = table(&two_rows());
        assert!(
            text.contains("1     8-0050  VSYS    SE       \"7654321\"       \"1234567\"        YES"),
            "{text}"
        );
        assert!(
            text.contains("2     8-0050  VSYS    TM       \"9105-22\"       \"9105-22\"        NO"),
            "{text}"
        );
    }

    #[test]
    fn each_keyword_gets_one_sides_value_a_new_one_or_none() {
        let rows = two_rows();
        for (input, expected) in [
            ("4\n", Choice::Value(b"7654321".to_vec())),
            ("5\n", Choice::Value(b"1234567".to_vec())),
            ("x\n6\n0x1\n6\n0x3132\n", Choice::Value(b"12".to_vec())),
            ("7\n", Choice::Skip),
            ("0\n", Choice::Exit),
            ("", Choice::Exit),
            ("6\n", Choice::Exit),
        ] {
            let mut console = Console {
                input: Box::new(input.as_bytes()),
                output: Box::new(std::io::sink()),
                errors: Box::new(std::io::sink()),
                is_terminal: true,
            };
            assert_eq!(choose(&rows[0], &mut console).unwrap(), expected, "{input:?}");
        }
    }
}
