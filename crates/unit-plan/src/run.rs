//! Acting on a plan: conditions looked at, folders made, commands ready to be spawned.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};

use super::plan::{Condition, Plan};

impl Plan {
    /// The condition that keeps the unit from being started, as it is written.
    pub fn unmet(&self) -> Option<&str> {
        let is_filled = |path: &Path| fs::read_dir(path).is_ok_and(|mut names| names.next().is_some());
        let is_so = |condition: &Condition| match condition.filled {
            true => is_filled(&condition.path),
            false => condition.path.exists(),
        };
        let holds = |condition: &&Condition| is_so(condition) == condition.present;
        let (triggers, musts): (Vec<_>, Vec<_>) =
            self.conditions.iter().partition(|condition| condition.triggering);
        let must = musts.into_iter().find(|condition| !holds(condition));
        let none_triggers = !triggers.is_empty() && !triggers.iter().any(holds);
        let trigger = triggers.first().copied().filter(|_| none_triggers);
        must.or(trigger).map(|condition| condition.text.as_str())
    }

    /// Makes the folders that the unit has a right to.
    pub fn make_folders(&self) -> Result<()> {
        for (path, mode) in &self.folders {
            fs::create_dir_all(path).with_context(|| format!("creating {}", path.display()))?;
            fs::set_permissions(path, fs::Permissions::from_mode(*mode))?;
        }
        Ok(())
    }

    /// The programs as processes to be, with the unit's environment and no other.
    pub fn processes(&self) -> Vec<Command> {
        let process = |line: &super::plan::CommandLine| {
            let mut command = Command::new(&line.program);
            command.env_clear().envs(&self.environment);
            if let Some((name, arguments)) = line.arguments.split_first() {
                command.arg0(name).args(arguments);
            }
            command
        };
        self.commands.iter().map(process).collect()
    }

    /// Whether the unit counts as good after its program ended so.
    pub fn succeeded(&self, status: ExitStatus) -> bool {
        status.success() || status.code().is_some_and(|code| self.success.contains(&code))
    }
}
