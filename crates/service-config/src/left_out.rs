//! For configurations without which a machine is worse off than without a site's part of them.

use crate::{ConfigError, Merged, SourceFile, TREES, list, merge, read};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// As [`load`](crate::load), but a site's file that is wrong is left out, by itself or together with the others, as `fits`
/// says too. Where it would have replaced a file of the image, that one counts. What is wrong is the second result.
///
/// Errors: those of the image's own files.
pub fn load_leaving_out<T: DeserializeOwned>(
    root: &Path,
    service: &str,
    fits: &dyn Fn(&T) -> Result<(), String>,
) -> Result<(Merged<T>, Vec<ConfigError>), ConfigError> {
    let [image, site @ ..] = TREES.map(|tree| root.join(tree).join(format!("{service}.d")));
    let mut files = BTreeMap::new();
    for path in list(&image)? {
        let file = read(path)?;
        if !file.text.is_empty() {
            files.insert(name(&file.path), file);
        }
    }
    let last = files.values().last().map(|file| file.path.clone()).unwrap_or(image);
    let mut merged = merged(&files, &last, fits)?;
    let mut left_out = Vec::new();
    for folder in site {
        let mut paths = list(&folder).unwrap_or_else(|error| {
            left_out.push(error);
            Vec::new()
        });
        paths.sort_unstable();
        for path in paths {
            let mut with = files.clone();
            let added = read(path.clone()).and_then(|file| {
                with.insert(name(&path), file);
                with.retain(|_, file| !file.text.is_empty());
                self::merged(&with, &path, fits)
            });
            match added {
                Ok(added) => (merged, files) = (added, with),
                Err(error) => left_out.push(error),
            }
        }
    }
    Ok((merged, left_out))
}

fn name(path: &Path) -> OsString {
    path.file_name().unwrap_or_default().to_owned()
}

/// All files together, of which one is new. Errors: they do not fit; unless it is another's fault, the new one is to blame.
fn merged<T: DeserializeOwned>(
    files: &BTreeMap<OsString, SourceFile>,
    new: &Path,
    fits: &dyn Fn(&T) -> Result<(), String>,
) -> Result<Merged<T>, ConfigError> {
    let files: Vec<SourceFile> = files.values().cloned().collect();
    let blamed = |message: String| ConfigError::Invalid { path: new.to_owned(), message };
    let merged = merge::<T>(&files).map_err(|error| match error {
        ConfigError::Invalid { message, .. } => blamed(message),
        error => error,
    })?;
    fits(&merged.fragment).map_err(blamed)?;
    Ok(merged)
}
