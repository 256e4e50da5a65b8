use image_format::{DigestAlgorithm, PostQuantumTrust, parse_hash_function};
use image_signature::{KeyError, PublicKey};
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

/// Longest file of a key set, bytes.
const LONGEST: u64 = 16 * 1024;

/// Whose signatures count: the key sets of a machine, in the order of their names.
///
/// Shape: a folder with one folder for each key set, which holds `publickey` (PEM) and `hashfunc` (a line
/// `HashType=DIGEST`), and may hold folders with a `publickey` each for post-quantum algorithms.
/// Source: openbmc/phosphor-bmc-code-mgmt, `/etc/activationdata`.
#[derive(Debug, Default)]
pub struct TrustStore {
    sets: Vec<KeySet>,
    post_quantum: Vec<String>,
}

/// One key with the digest that it signs.
#[derive(Debug)]
pub struct KeySet {
    /// Name of its folder.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// The digest.
    pub digest: DigestAlgorithm,
}

impl TrustStore {
    /// Reads a folder of key sets. What is wrong with one does not take the others away; it is told beside.
    pub fn load(folder: &Path) -> (Self, Vec<String>) {
        let (mut store, mut problems) = (Self::default(), Vec::new());
        let names = match folder_names(folder) {
            Ok(names) => names,
            Err(error) => return (store, vec![format!("{}: {error}", folder.display())]),
        };
        for name in names {
            let set = folder.join(&name);
            store.take_post_quantum(&set, &name);
            match load_set(&set, &name) {
                Ok(Some(set)) => store.sets.push(set),
                Ok(None) => {}
                Err(SetError::Key(KeyError::PostQuantum { .. })) => store.post_quantum.push(name),
                Err(error) => problems.push(format!("{}: {error}", set.display())),
            }
        }
        (store, problems)
    }

    /// These key sets, and no post-quantum keys.
    pub fn of(sets: Vec<KeySet>) -> Self {
        Self { sets, post_quantum: Vec::new() }
    }

    /// The key sets.
    pub fn sets(&self) -> &[KeySet] {
        &self.sets
    }

    /// The fingerprint of a key set's key, SHA-256 in hexadecimal.
    pub fn fingerprint_of(&self, set: &str) -> Option<String> {
        let found = self.sets.iter().find(|known| known.name == set)?;
        Some(found.key.fingerprint().to_string())
    }

    /// Whether a post-quantum key is trusted.
    pub(crate) fn has_post_quantum(&self) -> bool {
        !self.post_quantum.is_empty()
    }

    /// Post-quantum keys that are trusted and cannot be used: every signature fails for them.
    pub(crate) fn post_quantum(&self) -> PostQuantumTrust {
        self.post_quantum.iter().cloned().collect()
    }

    fn take_post_quantum(&mut self, set: &Path, name: &str) {
        for folder in folder_names(set).unwrap_or_default() {
            if set.join(&folder).join("publickey").exists() {
                self.post_quantum.push(format!("{name}/{folder}"));
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum SetError {
    #[error("{0}: {1}")]
    File(&'static str, io::Error),
    #[error("publickey: {0}")]
    Key(#[from] KeyError),
    #[error("hashfunc: {0}")]
    Digest(#[from] image_format::DigestError),
}

/// A folder that has neither file is no key set.
fn load_set(folder: &Path, name: &str) -> Result<Option<KeySet>, SetError> {
    let key = read(&folder.join("publickey"));
    let digest = read(&folder.join("hashfunc"));
    let is_absent =
        |file: &io::Result<String>| file.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    if is_absent(&key) && is_absent(&digest) {
        return Ok(None);
    }
    let key = PublicKey::from_pem(key.map_err(|error| SetError::File("publickey", error))?.as_bytes())?;
    let digest = parse_hash_function(&digest.map_err(|error| SetError::File("hashfunc", error))?)?;
    Ok(Some(KeySet { name: name.to_owned(), key, digest }))
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let count = fs::File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if count as u64 > LONGEST { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

/// Names of the folders in a folder, sorted.
fn folder_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Links count: key sets are often installed so.
        if entry.path().is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
