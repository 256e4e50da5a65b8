//! Which parts have passed on a commit: a file below the target folder, a line for each, written when a part has ended.
//!
//! Only a commit is remembered, and only while the tree is exactly that: with a change in it nothing is.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::output;
use crate::step::Step;
use crate::workspace::Workspace;

/// What is known of one commit.
pub struct Memory {
    /// The checkout and the commit that it has to be at.
    commit: Option<(PathBuf, String)>,
    /// `None` where nothing is remembered.
    file: Option<PathBuf>,
    passed: BTreeMap<String, Duration>,
    /// One line at a time.
    writing: Mutex<()>,
}

impl Memory {
    /// Of the commit that the workspace is at.
    pub fn of(workspace: &Workspace) -> Result<Self> {
        let Some(commit) = commit(&workspace.root)? else { return Ok(Self::none()) };
        let folder = workspace.target.join("soak");
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let memory = Self::in_file(folder.join(&commit));
        Ok(Self { commit: Some((workspace.root.clone(), commit)), ..memory })
    }

    /// Nothing.
    fn none() -> Self {
        Self { commit: None, file: None, passed: BTreeMap::new(), writing: Mutex::new(()) }
    }

    /// What a file says, if it is there.
    pub fn in_file(file: PathBuf) -> Self {
        let passed = fs::read_to_string(&file).map(|text| parse(&text)).unwrap_or_default();
        Self { file: Some(file), passed, ..Self::none() }
    }

    /// How long a part took when it passed.
    pub fn time_of(&self, part: &str) -> Option<Duration> {
        self.passed.get(part).copied()
    }

    /// For the operator.
    pub fn describe(&self) -> String {
        match &self.commit {
            Some((_, commit)) => format!("soak: {} parts have passed on {commit} before", self.passed.len()),
            None => "soak: the tree differs from its commit, so nothing is remembered".to_owned(),
        }
    }

    /// Notes that a part has passed, for the next run.
    pub fn keep(&self, part: &str, time: Duration) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let _one = self.writing.lock();
        if let Some((root, before)) = &self.commit
            && commit(root)?.as_ref() != Some(before)
        {
            output::progress(format!("{part} is not remembered, the tree has changed under it"));
            return Ok(());
        }
        let mut file = OpenOptions::new().create(true).append(true).open(file)?;
        // Begins with the end of a line, as the one before may have been cut.
        file.write_all(format!("\n{} {part}\n", time.as_millis()).as_bytes())?;
        Ok(file.sync_data()?)
    }
}

/// Milliseconds and the name; a line that was cut by a kill says nothing.
fn parse(text: &str) -> BTreeMap<String, Duration> {
    let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let entry = |line: &str| {
        let (time, name) = line.split_once(' ')?;
        Some((name.to_owned(), Duration::from_millis(time.parse().ok()?)))
    };
    whole.filter_map(entry).collect()
}

/// The commit that a checkout is at; none if anything in it is changed, or new and not ignored.
fn commit(root: &Path) -> Result<Option<String>> {
    let changes = Step::new("git").args(["status", "--porcelain"]).dir(root).output()?;
    if !changes.is_empty() {
        return Ok(None);
    }
    let commit = Step::new("git").args(["rev-parse", "HEAD"]).dir(root).output()?;
    Ok(Some(String::from_utf8(commit)?.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn git(root: &Path, arguments: &[&str]) {
        let own = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"];
        Step::new("git").args(own).args(arguments).dir(root).output().unwrap();
    }

    fn workspace(root: &Path) -> Workspace {
        Workspace { root: root.join("tree"), target: root.join("target"), crates: Vec::new() }
    }

    #[test]
    fn a_line_that_was_cut_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passed");
        let memory = Memory::in_file(file.clone());
        memory.keep("first", SECOND).unwrap();
        let mut text = fs::read_to_string(&file).unwrap();
        text.push_str("\n10 sec");
        fs::write(&file, text).unwrap();
        memory.keep("third one", SECOND).unwrap();
        let known = Memory::in_file(file);
        assert_eq!(known.time_of("first"), Some(SECOND));
        assert_eq!(known.time_of("third one"), Some(SECOND));
        assert_eq!(known.time_of("second"), None);
    }

    #[test]
    fn a_commit_is_remembered_while_the_tree_is_exactly_that() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = workspace(folder.path());
        fs::create_dir(&workspace.root).unwrap();
        git(&workspace.root, &["init", "--quiet"]);
        git(&workspace.root, &["commit", "--quiet", "--allow-empty", "-m", "first"]);
        Memory::of(&workspace).unwrap().keep("part", SECOND).unwrap();
        let memory = Memory::of(&workspace).unwrap();
        assert_eq!(memory.time_of("part"), Some(SECOND));
        fs::write(workspace.root.join("new"), "").unwrap();
        memory.keep("under a change", SECOND).unwrap();
        assert_eq!(Memory::of(&workspace).unwrap().time_of("part"), None, "the tree is changed");
        fs::remove_file(workspace.root.join("new")).unwrap();
        let memory = Memory::of(&workspace).unwrap();
        assert_eq!(memory.time_of("part"), Some(SECOND));
        assert_eq!(memory.time_of("under a change"), None);
        git(&workspace.root, &["commit", "--quiet", "--allow-empty", "-m", "second"]);
        assert_eq!(Memory::of(&workspace).unwrap().time_of("part"), None, "another commit");
    }
}
