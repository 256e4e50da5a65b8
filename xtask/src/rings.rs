//! Parts of a run that may be impossible here: said aloud, and not accepted in automation.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::output;

/// How one part of a run ended without an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ran and everything was right.
    Passed,
    /// It could not run, for this reason.
    Skipped(String),
}

/// Reports a part that could not run: a line, and an error where `CI=true`.
pub fn account(ring: &str, outcome: &Outcome) -> Result<()> {
    judge(ring, outcome, std::env::var("CI").is_ok_and(|value| value == "true"))
}

/// A part of a run: its name and what it does.
pub type Row<'a> = (&'static str, &'a dyn Fn() -> Result<Outcome>);

/// Runs every row, also after a failure, and ends with a table of results and times.
pub fn play(rows: &[Row<'_>]) -> Result<()> {
    play_timed(rows).map(drop)
}

/// As [`play`]; says how long each took.
pub fn play_timed(rows: &[Row<'_>]) -> Result<Vec<(&'static str, Duration)>> {
    let mut times = Vec::new();
    let mut table = Vec::new();
    let mut failed = Vec::new();
    for (name, row) in rows {
        output::progress(format!("--- {name}"));
        let started = Instant::now();
        let verdict = match row().and_then(|outcome| account(name, &outcome).map(|()| outcome)) {
            Ok(Outcome::Passed) => "passed",
            Ok(Outcome::Skipped(_)) => "skipped",
            Err(error) => {
                output::error(&error);
                failed.push(*name);
                "FAILED"
            }
        };
        let time = started.elapsed();
        times.push((*name, time));
        table.push(vec![(*name).to_owned(), verdict.to_owned(), output::seconds(time)]);
    }
    output::line(output::table(&["row", "result", "time"], &table));
    if failed.is_empty() { Ok(times) } else { bail!("failed: {}", failed.join(", ")) }
}

fn judge(ring: &str, outcome: &Outcome, automation: bool) -> Result<()> {
    let Outcome::Skipped(reason) = outcome else { return Ok(()) };
    output::line(format!("SKIPPED {ring}: {reason}"));
    if automation {
        bail!("{ring} was skipped, which automation does not accept: {reason}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_row_does_not_keep_the_next_from_running() {
        let ran = std::cell::Cell::new(false);
        let second = || {
            ran.set(true);
            Ok(Outcome::Passed)
        };
        let error = play(&[("first", &|| bail!("broken")), ("second", &second)]).unwrap_err();
        assert_eq!(error.to_string(), "failed: first");
        assert!(ran.get());
    }

    #[test]
    fn a_skipped_ring_fails_in_automation_only() {
        let skipped = Outcome::Skipped("no emulator".to_owned());
        assert!(judge("vm", &skipped, false).is_ok());
        assert!(judge("vm", &skipped, true).unwrap_err().to_string().contains("no emulator"));
        assert!(judge("vm", &Outcome::Passed, true).is_ok());
    }
}
