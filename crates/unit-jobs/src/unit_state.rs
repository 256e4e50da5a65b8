use std::fmt;

/// What PID 1 knows of a service unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitState {
    /// Whether it runs.
    pub active: ActiveState,
    /// 32 hex digits, another at each start; empty before the first.
    pub invocation: String,
    /// How its last run ended.
    pub result: RunResult,
    /// `CLD_EXITED` (1), `CLD_KILLED` (2) or `CLD_DUMPED` (3) of `waitid(2)`; 0 while the main process runs, or before it
    /// did.
    pub code: i32,
    /// Exit status of the main process, or the signal that ended it.
    pub status: i32,
    /// The last line that the service said of itself (`STATUS=`).
    pub status_text: String,
    /// The conditions that did not hold when the unit was last to be started, as in its file:
    /// `ConditionPathExists=!/run/held`. Not known of one that was loaded anew.
    pub unmet: Vec<String>,
}

/// Whether a unit runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ActiveState {
    /// The unit never ran since the boot, or PID 1 does not have it in memory any more: it has ended and was forgotten, with
    /// its result.
    #[default]
    NotLoaded,
    /// It runs, or has run and stays (`RemainAfterExit=`).
    Active,
    /// It runs and reads its configuration again.
    Reloading,
    /// It does not run.
    Inactive,
    /// Its last run failed.
    Failed,
    /// It is being started.
    Activating,
    /// It is being stopped.
    Deactivating,
    /// Its mount or namespace is being made ready.
    Maintenance,
}

impl ActiveState {
    const WORDS: [(Self, &str); 8] = [
        (Self::NotLoaded, "not-loaded"),
        (Self::Active, "active"),
        (Self::Reloading, "reloading"),
        (Self::Inactive, "inactive"),
        (Self::Failed, "failed"),
        (Self::Activating, "activating"),
        (Self::Deactivating, "deactivating"),
        (Self::Maintenance, "maintenance"),
    ];

    /// By the word that PID 1 has for it; an unknown one counts as inactive.
    pub fn parse(word: &str) -> Self {
        Self::WORDS.iter().find(|(_, known)| *known == word).map_or(Self::Inactive, |(state, _)| *state)
    }

    /// The word that PID 1 has for it.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(state, _)| *state == self).map_or("inactive", |(_, word)| word)
    }

    /// Something of it is under way.
    pub fn is_changing(self) -> bool {
        matches!(self, Self::Reloading | Self::Activating | Self::Deactivating)
    }
}

impl fmt::Display for ActiveState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How the last run of a unit ended, in the words of PID 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RunResult {
    /// Well, or it never ran, or it still runs.
    #[default]
    Success,
    /// With an exit status that the unit does not count as a success.
    ExitCode,
    /// By a signal.
    Signal,
    /// By a signal, with a core dump.
    CoreDump,
    /// It took longer than the unit allows.
    Timeout,
    /// Any other, by its word: `watchdog`, `start-limit-hit`, `resources`, …
    Other(String),
}

impl RunResult {
    /// By the word that PID 1 has for it.
    pub fn parse(word: &str) -> Self {
        match word {
            "" | "success" => Self::Success,
            "exit-code" => Self::ExitCode,
            "signal" => Self::Signal,
            "core-dump" => Self::CoreDump,
            "timeout" => Self::Timeout,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The word that PID 1 has for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Success => "success",
            Self::ExitCode => "exit-code",
            Self::Signal => "signal",
            Self::CoreDump => "core-dump",
            Self::Timeout => "timeout",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for RunResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_systemd_go_both_ways() {
        for (state, word) in ActiveState::WORDS {
            assert_eq!((state.as_str(), ActiveState::parse(word)), (word, state));
        }
        for word in ["success", "exit-code", "signal", "core-dump", "timeout", "watchdog", "start-limit-hit"]
        {
            assert_eq!(RunResult::parse(word).as_str(), word);
        }
        assert_eq!(ActiveState::parse("new"), ActiveState::Inactive);
    }
}
