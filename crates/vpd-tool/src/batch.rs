//! Several keywords, of one FRU or several, in a file. Pure.
//!
//! TOML, where the file's name ends in `.toml`: a table for each FRU, in it one for each record, in it keywords; of VPD without
//! records the keywords themselves. A value is a text, as on the command line, or a table of `value`, `expect` and `pad`.
//!
//! Else lines: `[FRU]`, then `RECORD.KW = value` or `KW = value`, where all behind the sign is the value, without the blanks
//! around it; empty lines and those that begin with `#` are passed over.

use crate::input::{self, Named};
use serde::Deserialize;
use std::collections::BTreeMap;

/// One keyword's new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) named: Named,
    pub(crate) value: Vec<u8>,
    pub(crate) expect: Option<Vec<u8>>,
    pub(crate) pad: Option<u8>,
}

/// The changes of a FRU; those of the one on the command line have no name.
pub(crate) type Batch = Vec<(Option<String>, Vec<Change>)>;

/// Reads lines.
///
/// Errors: a sentence with the number of the line.
pub(crate) fn of_lines(text: &str) -> Result<Batch, String> {
    let mut batch = Batch::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |complaint: &str| format!("line {number}: {complaint}");
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            batch.push((Some(name.trim().trim_matches('"').to_owned()), Vec::new()));
            continue;
        }
        let (name, value) =
            line.split_once('=').ok_or_else(|| wrong("neither [FRU] nor RECORD.KW = value"))?;
        let named = name.trim().parse().map_err(|complaint: String| wrong(&complaint))?;
        let value = input::value(value.trim()).map_err(|complaint| wrong(&complaint))?;
        if batch.is_empty() {
            batch.push((None, Vec::new()));
        }
        let change = Change { named, value, expect: None, pad: None };
        batch.last_mut().into_iter().for_each(|(_, changes)| changes.push(change.clone()));
    }
    checked(batch)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Node {
    Value(String),
    Detailed(Detailed),
    Table(BTreeMap<String, Node>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Detailed {
    value: String,
    expect: Option<String>,
    pad: Option<String>,
}

/// Reads TOML.
///
/// Errors: a sentence.
pub(crate) fn of_toml(text: &str) -> Result<Batch, String> {
    let tables: BTreeMap<String, Node> =
        toml_text::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    let (mut batch, mut without_name) = (Batch::new(), Vec::new());
    for (name, node) in tables {
        let is_keyword = !matches!(node, Node::Table(_));
        // A record or a keyword at the top is the FRU's on the command line; no FRU has a name of four characters or two.
        if is_keyword || name.len() == 4 {
            collect(&[&name], &node, &mut without_name)?;
            continue;
        }
        let Node::Table(entries) = node else { continue };
        let mut changes = Vec::new();
        for (entry, node) in &entries {
            collect(&[entry], node, &mut changes)?;
        }
        batch.push((Some(name), changes));
    }
    if !without_name.is_empty() {
        batch.insert(0, (None, without_name));
    }
    checked(batch)
}

fn collect(path: &[&str], node: &Node, changes: &mut Vec<Change>) -> Result<(), String> {
    let name = path.join(".");
    let (value, expect, pad) = match node {
        Node::Table(entries) if path.len() == 1 => {
            return entries.iter().try_for_each(|(entry, node)| collect(&[path[0], entry], node, changes));
        }
        Node::Table(_) => {
            return Err(format!("{name}: a value is a text, or a table with value, expect, pad"));
        }
        Node::Value(value) => (value, None, None),
        Node::Detailed(detailed) => (&detailed.value, detailed.expect.as_deref(), detailed.pad.as_deref()),
    };
    let wrong = |complaint: String| format!("{name}: {complaint}");
    changes.push(Change {
        named: name.parse()?,
        value: input::value(value).map_err(wrong)?,
        expect: expect.map(input::value).transpose().map_err(wrong)?,
        pad: pad.map(input::byte).transpose().map_err(wrong)?,
    });
    Ok(())
}

fn checked(batch: Batch) -> Result<Batch, String> {
    if batch.is_empty() {
        return Err("there is nothing to write".to_owned());
    }
    for (index, (name, changes)) in batch.iter().enumerate() {
        let name = name.as_deref().unwrap_or("the FRU");
        if changes.is_empty() {
            return Err(format!("there is nothing to write for {name}"));
        }
        if batch.iter().take(index).any(|(earlier, _)| earlier.as_deref() == Some(name)) {
            return Err(format!("{name} appears twice"));
        }
        for (index, change) in changes.iter().enumerate() {
            if changes.iter().take(index).any(|earlier| earlier.named == change.named) {
                return Err(format!("{} of {name} appears twice", change.named));
            }
        }
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(batch: &Batch) -> Vec<String> {
        let of_fru = |(name, changes): &(Option<String>, Vec<Change>)| {
            let name = name.clone().unwrap_or_else(|| "-".to_owned());
            let of_change = |change: &Change| {
                let expect = change.expect.as_deref().map(input::written);
                format!(
                    "{name} {}={} {expect:?} {:?}",
                    change.named,
                    input::written(&change.value),
                    change.pad
                )
            };
            changes.iter().map(of_change).collect::<Vec<_>>()
        };
        batch.iter().flat_map(of_fru).collect()
    }

    #[test]
    fn lines_name_keywords_below_their_fru_and_keep_blanks_and_signs_within_values() {
        let text = "# a comment = x\nVINI.SN = Y 1=2\n\n[ /system/board ]\nVEIR.#I = 0x00ff\nSN=X\n[\"8-0050\"]\nVINI.PN =\tP\n";
        let expected = [
            "- VINI.SN=Y 1=2 None None",
            "/system/board VEIR.#I=0x00ff None None",
            "/system/board SN=X None None",
            "8-0050 VINI.PN=P None None",
        ];
        assert_eq!(shown(&of_lines(text).unwrap()), expected);
    }

    #[test]
    fn toml_says_the_same_and_more() {
        let text = "[VINI]\nSN = { value = \"Y1\", expect = \"0x00\", pad = \" \" }\n[\"/system/board\"]\nVINI.PN = \"P\"\n\
                    VEIR.\"#I\" = \"0x00ff\"\nSN = \"X\"\n";
        let expected = [
            "- VINI.SN=Y1 Some(\"0x00\") Some(32)",
            "/system/board SN=X None None",
            "/system/board VEIR.#I=0x00ff None None",
            "/system/board VINI.PN=P None None",
        ];
        assert_eq!(shown(&of_toml(text).unwrap()), expected);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_nothing_is_taken() {
        for (text, complaint) in [
            ("", "nothing to write"),
            ("[/x]\n", "nothing to write for /x"),
            ("VINI.SN\n", "line 1"),
            ("\nVIN.SN = x\n", "line 2"),
            ("VINI.SN =\n", "empty"),
            ("VINI.SN = 0x1\n", "even number"),
            ("VINI.SN = a\nVINI.SN = b\n", "VINI.SN of the FRU appears twice"),
            ("[/x]\nSN = a\n[/x]\nPN = b\n", "/x appears twice"),
        ] {
            let error = of_lines(text).unwrap_err();
            assert!(error.contains(complaint), "{text:?}: {error}");
        }
        for (text, complaint) in [
            ("x", "line 1"),
            ("[VINI]\nSN = 7\n", ""),
            ("[VINI.SN.X]\nY = \"1\"\n", "VINI.SN"),
            ("[\"/x\".VINI]\nSN = { value = \"\" }\n", "empty"),
            ("[\"/x\".VINI]\nSN = { value = \"a\", pads = \"b\" }\n", ""),
            ("[\"/x\"]\n", "nothing to write for /x"),
        ] {
            let error = of_toml(text).unwrap_err();
            assert!(error.contains(complaint), "{text:?}: {error}");
        }
    }
}
