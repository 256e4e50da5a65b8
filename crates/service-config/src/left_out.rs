//! For configurations without which a machine is worse off than without a site's part of them.

use crate::{ConfigError, Merged, SourceFile, TREES, list, merge, read};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::slice;

/// As [`load`](crate::load), but a site's file that is wrong is left out, as `fits` says too. Where it would have replaced a
/// file of another tree, that one counts. What is wrong is the second result, but for files that others have replaced.
///
/// What is no settings by itself is left out first, and the others are tried together: some may be right only together. Where
/// that fails they are added one by one, and what was rejected is tried again once others are there.
///
/// Errors: those of the image's own files.
pub fn load_leaving_out<T: DeserializeOwned>(
    root: &Path,
    service: &str,
    fits: &dyn Fn(&T) -> Result<(), String>,
) -> Result<(Merged<T>, Vec<ConfigError>), ConfigError> {
    let [image, site @ ..] = TREES.map(|tree| root.join(tree).join(format!("{service}.d")));
    let mut files = Files::new();
    for path in list(&image)? {
        files.insert(name(&path), (0, read(path)?));
    }
    let last = files.values().next_back().map_or(image, |(_, file)| file.path.clone());
    let mut taken = merged(&files, &last, fits)?;
    let (mut left_out, mut wrong, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for (rank, folder) in (1..).zip(site) {
        let mut paths = list(&folder).unwrap_or_else(|error| {
            left_out.push(error);
            Vec::new()
        });
        paths.sort_unstable();
        for path in paths {
            let file = read(path.clone()).and_then(|file| alone::<T>(&file).map(|()| file));
            match file {
                Ok(file) => rest.push((rank, file)),
                Err(error) => wrong.push((rank, name(&path), error)),
            }
        }
    }
    let mut all = files.clone();
    all.extend(rest.iter().map(|(rank, file)| (name(&file.path), (*rank, file.clone()))));
    match merged(&all, &last, fits) {
        Ok(merged) => (taken, files) = (merged, all),
        Err(_) => loop {
            let (before, mut rejected, mut errors) = (rest.len(), Vec::new(), Vec::new());
            for (rank, file) in rest {
                let mut with = files.clone();
                let replaced = with.insert(name(&file.path), (rank, file.clone()));
                // In a later round, what has replaced it may be there already.
                if replaced.is_some_and(|(other, _)| other > rank) {
                    continue;
                }
                match merged(&with, &file.path, fits) {
                    Ok(merged) => (taken, files) = (merged, with),
                    Err(error) => {
                        errors.push((rank, name(&file.path), error));
                        rejected.push((rank, file));
                    }
                }
            }
            if rejected.is_empty() || rejected.len() == before {
                wrong.append(&mut errors);
                break;
            }
            rest = rejected;
        },
    }
    // In the order in which the files count.
    wrong.sort_by(|(rank, name, _), (other_rank, other, _)| (rank, name).cmp(&(other_rank, other)));
    let counts = |rank: usize, name: &OsString| files.get(name).is_none_or(|(other, _)| *other < rank);
    left_out.extend(wrong.into_iter().filter(|(rank, name, _)| counts(*rank, name)).map(|(.., error)| error));
    Ok((taken, left_out))
}

/// The files that count, by name, with the place of their trees; an empty one says that there is none.
type Files = BTreeMap<OsString, (usize, SourceFile)>;

/// Whether a file is settings by itself, without the others.
fn alone<T: DeserializeOwned>(file: &SourceFile) -> Result<(), ConfigError> {
    if file.text.is_empty() { Ok(()) } else { merge::<T>(slice::from_ref(file)).map(drop) }
}

fn name(path: &Path) -> OsString {
    path.file_name().unwrap_or_default().to_owned()
}

/// All files together, of which one is new. Errors: they do not fit; unless it is another's fault, the new one is to blame.
fn merged<T: DeserializeOwned>(
    files: &Files,
    new: &Path,
    fits: &dyn Fn(&T) -> Result<(), String>,
) -> Result<Merged<T>, ConfigError> {
    let files = files.values().map(|(_, file)| file).filter(|file| !file.text.is_empty());
    let files: Vec<SourceFile> = files.cloned().collect();
    let blamed = |message: String| ConfigError::Invalid { path: new.to_owned(), message };
    let merged = merge::<T>(&files).map_err(|error| match error {
        ConfigError::Invalid { message, .. } => blamed(message),
        error => error,
    })?;
    fits(&merged.fragment).map_err(blamed)?;
    Ok(merged)
}
