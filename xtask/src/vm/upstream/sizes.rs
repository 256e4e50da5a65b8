//! How large a system is once it is compiled.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use upstream_judge::System;
use vpd_config::{Source, build, check};

use super::parts::Kind;
use crate::output;

/// Checks and compiles a configuration, and says how many bytes that makes for each kind of FRU.
pub fn table(system: &System, configs: &Path, root: &Path) -> Result<String> {
    let source = Source { image: configs, site: None, schema: &[] };
    check(&source).with_context(|| format!("checking {}", configs.display()))?;
    build(&source, root).with_context(|| format!("compiling {}", configs.display()))?;
    let mut bytes: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for path in crate::dist::files_below(root)? {
        let length = path.metadata()?.len();
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let kind = system.eeprom(&stem).map_or("system", |eeprom| Kind::of(eeprom).as_str());
        let (row, column) = match &*folder {
            "frus" => (kind, 0),
            "slots" => (kind, 1),
            _ => ("indices, rules, drop-ins", 2),
        };
        let row = bytes.entry(row).or_default();
        row[column] += length;
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut total = [0; 3];
    for (kind, columns) in bytes {
        for (sum, column) in total.iter_mut().zip(columns) {
            *sum += column;
        }
        rows.push(row(kind, columns));
    }
    rows.push(row("all", total));
    fs::remove_dir_all(root)?;
    Ok(output::table(&["compiled, bytes", "fragments", "slots", "other", "all"], &rows))
}

fn row(name: &str, columns: [u64; 3]) -> Vec<String> {
    let all = columns.iter().sum();
    [name.to_owned()]
        .into_iter()
        .chain(columns.into_iter().chain([all]).map(|bytes| bytes.to_string()))
        .collect()
}
