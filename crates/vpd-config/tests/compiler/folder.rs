//! A source folder and a root to build into.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// One object, enough for a FRU.
pub fn fru(key: &str, keys: &str) -> String {
    let path = key.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!(
        "[fru.\"{key}\"]\n{keys}[[fru.\"{key}\".object]]\npath = \"/system/fru{path}\"\nrecords = \"all\"\n"
    )
}

/// A system that answers to one type.
pub fn answers(im: &str) -> String {
    format!("[[match]]\nim = \"{im}\"\n")
}

pub struct Folder {
    folder: tempfile::TempDir,
}

pub struct Run {
    pub status: u8,
    pub output: String,
    pub errors: String,
}

impl Folder {
    /// Files by their paths in the source folder.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(folder.source().join("vpd.d")).unwrap();
        for (path, text) in files {
            folder.write(path, text);
        }
        folder
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.source().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn source(&self) -> PathBuf {
        self.folder.path().join("configs")
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub fn build(&self) -> Run {
        run(&["build", self.source().to_str().unwrap(), "--destdir", self.root().to_str().unwrap()])
    }

    /// Builds what has to be right; gives every file by its path in the root.
    pub fn built(&self) -> BTreeMap<String, String> {
        let run = self.build();
        assert_eq!((run.status, run.errors.as_str()), (0, ""));
        self.files()
    }

    pub fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        collect(&self.root(), &self.root(), &mut files);
        files
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

pub fn run(arguments: &[&str]) -> Run {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let arguments = ["vpd-config"].iter().chain(arguments).map(OsString::from);
    let status = vpd_config::run(arguments, &mut output, &mut errors);
    Run { status, output: String::from_utf8(output).unwrap(), errors: String::from_utf8(errors).unwrap() }
}
