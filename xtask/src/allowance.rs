//! How long the tests may take, by the work that needs the time; see `xtask/data/test-time.toml`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::output;

const DATA: &str = "xtask/data/test-time.toml";

/// All allowances.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowances {
    #[serde(rename = "allowance")]
    all: Vec<Allowance>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowance {
    what: String,
    seconds: u64,
    done: bool,
}

/// A part of a run and how long it took.
pub struct Part {
    /// What it is called.
    pub name: &'static str,
    /// How long it took.
    pub time: Duration,
    /// Whether it is there at a first run only: building, and making what is cached.
    pub is_first: bool,
}

impl Allowances {
    /// Reads them.
    pub fn load(root: &Path) -> Result<Self> {
        let path = root.join(DATA);
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("reading {}", path.display()))
    }

    /// What a run may take now.
    fn now(&self) -> Duration {
        Duration::from_secs(self.all.iter().filter(|one| one.done).map(|one| one.seconds).sum())
    }

    /// What it may take when all is done.
    fn last(&self) -> Duration {
        Duration::from_secs(self.all.iter().map(|one| one.seconds).sum())
    }

    /// The table at the end of a run, and whether it took longer than it may.
    pub fn account(&self, parts: &[Part]) -> String {
        let mut table = Vec::new();
        let mut sum = Duration::ZERO;
        for part in parts {
            let counts = if part.is_first { "no" } else { "yes" };
            table.push(vec![part.name.to_owned(), output::seconds(part.time), counts.to_owned()]);
            if !part.is_first {
                sum += part.time;
            }
        }
        let remark = if sum > self.now() { ", which is longer than it may" } else { "" };
        let waiting: Vec<_> = self.all.iter().filter(|one| !one.done && one.seconds > 0).collect();
        let later = waiting.iter().map(|one| format!("{} {}", one.what, one.seconds)).collect::<Vec<_>>();
        let mut text = output::table(&["part", "time", "counts"], &table);
        text += &format!(
            "{} of {}{remark}; {} when all is in",
            output::seconds(sum),
            output::seconds(self.now()),
            output::seconds(self.last())
        );
        if !later.is_empty() {
            text += &format!(" (seconds: {})", later.join(", "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &'static str, seconds: u64, is_first: bool) -> Part {
        Part { name, time: Duration::from_secs(seconds), is_first }
    }

    #[test]
    fn what_is_done_is_the_measure_and_a_first_run_is_apart() {
        let text = "[[allowance]]\nwhat = \"a\"\nseconds = 100\ndone = true\n\
            [[allowance]]\nwhat = \"b\"\nseconds = 20\ndone = false\n";
        let allowances: Allowances = toml::from_str(text).unwrap();
        let said = allowances.account(&[part("building", 500, true), part("tests", 90, false)]);
        assert!(said.contains("90.0 s of 100.0 s; 120.0 s when all is in (seconds: b 20)"), "{said}");
        let said = allowances.account(&[part("tests", 101, false)]);
        assert!(said.contains("101.0 s of 100.0 s, which is longer than it may"), "{said}");
    }

    #[test]
    fn what_all_services_may_take_is_within_what_was_settled() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let allowances = Allowances::load(root).unwrap();
        // 25 minutes, and ten seconds that the single figures are over.
        assert!(allowances.last() <= Duration::from_secs(25 * 60 + 10), "{:?}", allowances.last());
    }
}
