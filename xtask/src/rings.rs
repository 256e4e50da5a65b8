//! Parts of a run that may be impossible here: said aloud, and not accepted in automation.

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
    fn a_skipped_ring_fails_in_automation_only() {
        let skipped = Outcome::Skipped("no emulator".to_owned());
        assert!(judge("vm", &skipped, false).is_ok());
        assert!(judge("vm", &skipped, true).unwrap_err().to_string().contains("no emulator"));
        assert!(judge("vm", &Outcome::Passed, true).is_ok());
    }
}
