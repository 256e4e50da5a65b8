//! `vpd-tool diff`: in what two images differ.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use vpd_format::{Content, Keyword, Vpd, Wanted};

use crate::arguments::{Diff, Reading};
use crate::check::{refusal, words};
use crate::examine::examine;
use crate::exit::{Exit, Failure};
use crate::parts::{Part, parts};
use crate::value;

pub(crate) fn run(arguments: &Diff, second: &OsString, text: &mut String) -> Result<Exit, Failure> {
    let first = read(&arguments.first, &arguments.reading)?;
    let second = read(second, &arguments.reading)?;
    if first.format != second.format {
        let _ = writeln!(text, "format: {} against {}", words(first.format), words(second.format));
    }
    identities(&first.content, &second.content, text);
    let (old, new) = (parts(&first), parts(&second));
    for part in &old {
        match new.iter().find(|other| other.name == part.name) {
            Some(other) => compare(part, other, text),
            None => alone("removed", part, text),
        }
    }
    for part in new.iter().filter(|part| !old.iter().any(|other| other.name == part.name)) {
        alone("added", part, text);
    }
    Ok(if text.is_empty() { Exit::Good } else { Exit::Different })
}

fn read(file: &OsStr, reading: &Reading) -> Result<Vpd, Failure> {
    let trouble = |failure: Failure| Failure { exit: Exit::Trouble, ..failure };
    let examined = examine(file, reading, Wanted::All).map_err(trouble)?;
    match &examined.content {
        Ok(_) => {}
        Err(error) => {
            return Err(Failure::say(Exit::Trouble, refusal(&examined, error).trim_end().to_owned()));
        }
    }
    examined.content.map_err(|error| Failure::new(Exit::Trouble, error))
}

/// What images say of themselves outside of keywords and records.
fn identities(first: &Content, second: &Content, text: &mut String) {
    match (first, second) {
        (Content::Ipz(first), Content::Ipz(second)) => {
            let areas = [(&first.header, &second.header), (&first.toc, &second.toc)];
            for (old, new) in areas {
                change(text, &format!("{} outcome", old.entry.name), &old.outcome, &new.outcome);
            }
        }
        (Content::Keyword(first), Content::Keyword(second)) => {
            let shown = [first, second].map(|image| value::for_people(image.identifier()));
            if first.identifier() != second.identifier() {
                change(text, "identifier", &shown[0], &shown[1]);
            }
        }
        (Content::Memory(first), Content::Memory(second)) => {
            let size = |size: Option<u64>| size.map_or("unknown".to_owned(), |size| format!("{size} KiB"));
            change(text, "module", &first.kind, &second.kind);
            change(text, "size", &size(first.memory_size_kb), &size(second.memory_size_kb));
        }
        _ => {}
    }
}

fn change<T: PartialEq + ToString>(text: &mut String, what: &str, old: &T, new: &T) {
    if old != new {
        let _ = writeln!(text, "changed  {what}: {} -> {}", old.to_string(), new.to_string());
    }
}

fn compare(old: &Part<'_>, new: &Part<'_>, text: &mut String) {
    let described = |part: &Part<'_>| match &part.reason {
        Some(reason) => format!("{} ({reason})", part.outcome),
        None => part.outcome.to_string(),
    };
    let name = old.name.map(|name| format!("{name} ")).unwrap_or_default();
    change(text, &format!("{name}outcome"), &described(old), &described(new));
    let is_lost = |part: &Part<'_>| part.reason.is_some() && part.keywords.is_empty();
    if is_lost(old) || is_lost(new) {
        return;
    }
    let find = |part: &Part<'_>, wanted: &Keyword<'_>| {
        part.keywords.iter().find(|keyword| keyword.name == wanted.name).map(|keyword| keyword.data.to_vec())
    };
    for keyword in &old.keywords {
        match find(new, keyword) {
            Some(data) if data == keyword.data => {}
            Some(data) => {
                let [before, after] = pair(keyword.data, &data);
                change(text, &old.full_name(keyword.name), &before, &after);
            }
            None => line("removed", old, keyword, text),
        }
    }
    for keyword in new.keywords.iter().filter(|keyword| find(old, keyword).is_none()) {
        line("added", new, keyword, text);
    }
}

/// Two different values so that the difference can be seen: whole, both in digits unless both are text.
fn pair(before: &[u8], after: &[u8]) -> [String; 2] {
    match (value::text(before), value::text(after)) {
        (Some(before), Some(after)) => [before, after].map(|text| format!("\"{text}\"")),
        _ => [before, after].map(|bytes| format!("0x{}", value::hex(bytes))),
    }
}

fn alone(what: &str, part: &Part<'_>, text: &mut String) {
    if let Some(name) = part.name {
        let _ = writeln!(text, "{what:<8} {name} ({}, {} keywords)", part.outcome, part.keywords.len());
    }
    for keyword in &part.keywords {
        line(what, part, keyword, text);
    }
}

fn line(what: &str, part: &Part<'_>, keyword: &Keyword<'_>, text: &mut String) {
    let name = part.full_name(keyword.name);
    let _ = writeln!(text, "{what:<8} {name}: {}", value::for_people(keyword.data));
}
