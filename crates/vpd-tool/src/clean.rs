//! `vpd-tool clean`: the reset in manufacturing.

use crate::arguments::Clean;
use crate::batch::Change;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::input::Named;
use crate::json;
use crate::machine::Machine;
use crate::write::{Outcome, together};
use dbus_api::vpd::client::Manner;
use fru_publication::EepromKey;
use system_index::Backup;
use vpd_format::KeywordName;

/// What identifies the machine and what it may do stays, whatever the description says. The asset tag is no keyword of an
/// EEPROM, and is not touched at all.
const KEPT: [KeywordName; 2] = [KeywordName(*b"LX"), KeywordName(*b"FC")];

pub(crate) async fn run(
    arguments: &Clean,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let plan = plan(&machine.system.backups);
    if plan.is_empty() {
        let text = "the description of this system names no keyword that a reset in manufacturing sets";
        return Err(Failure::say(Exit::NotFound, text));
    }
    for (key, changes) in plan.iter().filter(|_| !arguments.json) {
        let names: Vec<_> = changes.iter().map(|change| change.named.to_string()).collect();
        console.print(&format!("{key}: {}\n", names.join(" ")))?;
    }
    let question = "Set these keywords to their defaults?";
    if !arguments.dry_run && !console.confirm(arguments.yes, question)? {
        console.print("nothing was written\n")?;
        return Ok(Exit::Good);
    }
    let manner = Manner { dry_run: arguments.dry_run, ..Manner::default() };
    let mut outcomes = Vec::new();
    for (key, changes) in &plan {
        let written = together(machine.bus().await?, key.as_str(), changes, manner).await;
        let written = written.map_err(|failure| Failure {
            exit: failure.exit,
            cause: failure.cause.context(key.to_string()),
        })?;
        let outcome = Outcome::of(key, written, arguments.dry_run);
        if !arguments.json {
            console.print(&(outcome.line() + "\n"))?;
        }
        outcomes.push(outcome);
    }
    if arguments.json {
        console.print(&json::lines(&outcomes)?)?;
    }
    Ok(Exit::Good)
}

/// The defaults of each EEPROM that has any to be set.
fn plan(backups: &[Backup]) -> Vec<(EepromKey, Vec<Change>)> {
    let mut plan: Vec<(EepromKey, Vec<Change>)> = Vec::new();
    for backup in backups {
        let reset =
            backup.keywords.iter().filter(|kept| kept.manufacturing_reset && !KEPT.contains(&kept.keyword));
        let changes = reset.map(|kept| Change {
            named: Named { record: Some(kept.record), keyword: kept.keyword },
            value: kept.default.clone(),
            expect: None,
            pad: None,
        });
        let changes: Vec<_> = changes.collect();
        match plan.iter_mut().find(|(key, _)| *key == backup.source) {
            _ if changes.is_empty() => {}
            Some((_, earlier)) => earlier.extend(changes),
            None => plan.push((backup.source.clone(), changes)),
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_marked_is_reset_and_lx_and_fc_never() {
        let mut text = "[[backup]]\nsource = \"8-0050\"\n".to_owned();
        for (record, keyword, more) in [
            ("VSYS", "BR", "manufacturing-reset = true\n"),
            ("VSYS", "RG", ""),
            ("LXR0", "LX", "manufacturing-reset = true\n"),
            ("VCEN", "FC", "manufacturing-reset = true\n"),
            ("UTIL", "D0", "manufacturing-reset = true\n"),
        ] {
            text += &format!(
                "[[backup.keywords]]\nrecord = \"{record}\"\nkeyword = \"{keyword}\"\ndefault = [32, 32]\n{more}"
            );
        }
        let backups = system_index::Backups::parse(&text).unwrap();
        let [(key, changes)] = &*plan(&backups.backup) else { panic!("one EEPROM") };
        let names: Vec<_> = changes.iter().map(|change| change.named.to_string()).collect();
        assert_eq!((key.as_str(), &*names), ("8-0050", &["VSYS.BR".to_owned(), "UTIL.D0".to_owned()][..]));
        assert!(changes.iter().all(|change| change.value == b"  "));
    }
}
