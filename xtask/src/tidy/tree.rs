//! The files that are, or are about to be, committed.

use std::path::Path;

use anyhow::Result;

use crate::step::Step;

/// The text files of a checkout.
#[derive(Debug, Default)]
pub struct Tree {
    /// Sorted by path.
    pub files: Vec<SourceFile>,
}

/// One file.
#[derive(Debug)]
pub struct SourceFile {
    /// Relative to the root, with `/` as separator.
    pub path: String,
    /// Its content; nothing when it is not UTF-8.
    pub text: Option<String>,
}

impl Tree {
    /// Reads what git tracks and what it would add.
    pub fn load(root: &Path) -> Result<Self> {
        let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
        let list = Step::new("git").args(arguments).dir(root).output()?;
        let mut files: Vec<SourceFile> = String::from_utf8_lossy(&list)
            .split('\0')
            .filter(|path| !path.is_empty())
            // A file that was removed but not yet from the index cannot be read, and is no longer of interest.
            .filter_map(|path| {
                let bytes = std::fs::read(root.join(path)).ok()?;
                Some(SourceFile { path: path.to_owned(), text: String::from_utf8(bytes).ok() })
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// The content of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path)?.text.as_deref()
    }

    /// The files whose names end so, with their content.
    pub fn with_suffix<'a>(&'a self, suffix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        self.files.iter().filter(move |file| file.path.ends_with(suffix)).filter_map(SourceFile::pair)
    }
}

impl SourceFile {
    fn pair(&self) -> Option<(&str, &str)> {
        Some((&self.path, self.text.as_deref()?))
    }
}

/// Whether a path is that of tests as a whole: a `tests` folder, a `tests.rs`, or the fuzzing targets.
pub fn is_test_path(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}
