//! Variants of a unit that differ in its sandbox.

use anyhow::{Context, Result, ensure};

use unit_plan::Assignment;

/// Directives that mean nothing without, or break without, the one named first.
const TOGETHER: [&[&str]; 2] = [
    &["User", "Group", "AmbientCapabilities"],
    &["SystemCallFilter", "SystemCallErrorNumber", "SystemCallLog"],
];

/// Directives that have the process get a mount namespace, as far as process 1 has others do the work.
const MOUNTS: &[&str] = &[
    "InaccessiblePaths",
    "PrivateDevices",
    "PrivateMounts",
    "PrivateTmp",
    "ProcSubset",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectProc",
    "ProtectSystem",
    "ReadOnlyPaths",
    "ReadWritePaths",
    "TemporaryFileSystem",
];

/// Directives of which each loads filters of system calls, one for each architecture that the kernel can run.
const FILTERS: &[&str] = &[
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "ProtectClock",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "SystemCallArchitectures",
    "SystemCallErrorNumber",
    "SystemCallFilter",
];

/// One part of a sandbox that a variant has or lacks: a directive, or several that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What people call it.
    pub name: String,
    keys: Vec<String>,
}

/// What of its sandbox a variant has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept<'a> {
    /// Nothing.
    Nothing,
    /// All.
    Everything,
    /// All but this part.
    AllBut(&'a Part),
    /// This part alone.
    Only(&'a Part),
}

/// A unit with a sandbox.
pub struct Sandboxed {
    assignments: Vec<Assignment>,
    /// Of its sandbox: each directive, in the unit's order, then groups that share a price.
    pub parts: Vec<Part>,
}

impl Sandboxed {
    /// Takes a unit file apart.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let assignments = unit_plan::parse(text, name)?;
        let mut keys: Vec<&str> = Vec::new();
        for Assignment { key, .. } in assignments.iter().filter(|assignment| is_sandbox(assignment)) {
            if !keys.contains(&key.as_str()) {
                keys.push(key);
            }
        }
        ensure!(!keys.is_empty(), "{name} has no sandbox");
        let mut parts = Vec::new();
        for key in &keys {
            match TOGETHER.iter().find(|group| group.contains(key)) {
                Some(group) if group.first() == Some(key) => parts.push(Part::of(key, group, &keys)),
                Some(group) => {
                    let first = group.first().context("a group has a member")?;
                    ensure!(keys.contains(first), "{name} has {key}= without {first}=");
                }
                None => parts.push(Part::of(key, &[key], &keys)),
            }
        }
        for (group, members) in [("all-mounts", MOUNTS), ("all-filters", FILTERS)] {
            parts.push(Part::of(group, members, &keys));
        }
        parts.retain(|part| !part.keys.is_empty());
        Ok(Self { assignments, parts })
    }

    /// The unit's file with this much of its sandbox.
    pub fn text(&self, kept: Kept<'_>) -> String {
        let (mut text, mut section) = (String::new(), "");
        for assignment in self.assignments.iter().filter(|assignment| keeps(kept, assignment)) {
            if assignment.section != section {
                section = &assignment.section;
                text += &format!("[{section}]\n");
            }
            text += &format!("{}={}\n", assignment.key, assignment.value);
        }
        // Started more often than any unit should be.
        text + "[Unit]\nStartLimitIntervalSec=0\n"
    }
}

impl Part {
    fn of(name: &str, members: &[&str], keys: &[&str]) -> Self {
        let keys = keys.iter().filter(|key| members.contains(key)).map(|&key| key.to_owned()).collect();
        Self { name: name.to_owned(), keys }
    }

    fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|own| own == key)
    }
}

fn is_sandbox(assignment: &Assignment) -> bool {
    assignment.section == "Service" && unit_plan::is_sandbox(&assignment.key)
}

fn keeps(kept: Kept<'_>, assignment: &Assignment) -> bool {
    !is_sandbox(assignment)
        || match kept {
            Kept::Nothing => false,
            Kept::Everything => true,
            Kept::AllBut(part) => !part.has(&assignment.key),
            Kept::Only(part) => part.has(&assignment.key),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: &str = "[Unit]\nDescription=x\n[Service]\nExecStart=/x %I\nUser=u\nAmbientCapabilities=CAP_A\n\
        ProtectHome=yes\nSystemCallFilter=@a\nSystemCallFilter=~@b\nSystemCallErrorNumber=EPERM\n";

    fn service(kept: Kept<'_>) -> Vec<String> {
        let text = Sandboxed::parse(UNIT, "x.service").unwrap().text(kept);
        let lines = text.lines().skip_while(|line| *line != "[Service]").skip(2);
        lines.take_while(|line| *line != "[Unit]").map(str::to_owned).collect()
    }

    #[test]
    fn a_variant_lacks_what_was_taken_away_and_nothing_else() {
        let parts = Sandboxed::parse(UNIT, "x.service").unwrap().parts;
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["User", "ProtectHome", "SystemCallFilter", "all-mounts", "all-filters"]);
        assert!(service(Kept::Nothing).is_empty());
        assert_eq!(service(Kept::Everything).len(), 6);
        let [user, home, filter, ..] = parts.as_slice() else { panic!("{parts:?}") };
        assert_eq!(service(Kept::Only(user)), ["User=u", "AmbientCapabilities=CAP_A"]);
        assert_eq!(service(Kept::AllBut(home)).len(), 5);
        assert_eq!(service(Kept::AllBut(filter)), ["User=u", "AmbientCapabilities=CAP_A", "ProtectHome=yes"]);
    }

    #[test]
    fn what_is_no_sandbox_stays() {
        let text = Sandboxed::parse(UNIT, "x.service").unwrap().text(Kept::Nothing);
        assert!(text.contains("Description=x\n") && text.contains("ExecStart=/x %I\n"), "{text}");
        assert!(Sandboxed::parse("[Service]\nExecStart=/x\n", "x.service").is_err());
    }
}
