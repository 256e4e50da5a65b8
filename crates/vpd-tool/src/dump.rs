//! `vpd-tool dump`: the values of an image.

use std::fmt::Write as _;
use std::slice;

use vpd_format::{Keyword, KeywordName, Outcome, RecordName, VpdError, Wanted};

use crate::arguments::Dump;
use crate::check::{refusal, words};
use crate::examine::{Examined, examine};
use crate::exit::{Exit, Failure};
use crate::json::{self, Selection};
use crate::parts::{Part, parts};
use crate::table::{Align, Table};
use crate::value;

pub(crate) fn run(arguments: &Dump, text: &mut String) -> Result<Exit, Failure> {
    let record = arguments.record.as_ref();
    let wanted = record.map_or(Wanted::All, |name| Wanted::Records(slice::from_ref(name)));
    let examined = examine(&arguments.file, &arguments.reading, wanted)?;
    let exit = match &examined.content {
        Err(error) if !arguments.form.json => return Err(unusable(&examined, error)),
        Err(_) => Exit::Unusable,
        Ok(vpd) => {
            let parts = select(&examined, parts(vpd), arguments)?;
            show(&parts, arguments, text);
            if parts.iter().any(|part| part.outcome == Outcome::Bad) { Exit::PartlyBad } else { Exit::Good }
        }
    };
    if arguments.form.json {
        let selection = Selection { record: arguments.record, keyword: arguments.keyword };
        *text = json::report(&examined, selection).map_err(|cause| Failure::new(Exit::Output, cause))?;
    }
    Ok(exit)
}

fn unusable(examined: &Examined, error: &VpdError) -> Failure {
    Failure::say(Exit::Unusable, refusal(examined, error).trim_end().to_owned())
}

/// The parts and keywords that were asked for; what does not exist is an error that says what does.
fn select<'a>(
    examined: &Examined,
    mut parts: Vec<Part<'a>>,
    arguments: &Dump,
) -> Result<Vec<Part<'a>>, Failure> {
    let absent = |sentence| Err(Failure::say(Exit::PartlyBad, format!("{}: {sentence}", examined.name)));
    let has_records = parts.iter().any(|part| part.name.is_some());
    let kind = examined.format.map_or("this", words);
    match (arguments.record, arguments.keyword) {
        (Some(name), _) if !has_records => {
            return absent(format!("there is no record {name}, {kind} has no records"));
        }
        (Some(name), _) => {
            let names: Vec<RecordName> = parts.iter().filter_map(|part| part.name).collect();
            parts.retain(|part| part.name == Some(name));
            if parts.is_empty() {
                return absent(format!("there is no record {name}, only {}", list(&names)));
            }
        }
        (None, Some(name)) if has_records => {
            return absent(format!("name the record of {name} with --record, {kind} has several"));
        }
        _ => {}
    }
    let Some(name) = arguments.keyword else { return Ok(parts) };
    for part in &mut parts {
        let names: Vec<KeywordName> = part.keywords.iter().map(|keyword| keyword.name).collect();
        part.keywords.retain(|keyword| keyword.name == name);
        if let Some(reason) = part.reason.as_ref().filter(|_| part.keywords.is_empty()) {
            return absent(format!("{} cannot be read: {reason}", part.full_name(name)));
        }
        if part.keywords.is_empty() {
            return absent(format!("there is no keyword {}, only {}", part.full_name(name), list(&names)));
        }
    }
    Ok(parts)
}

fn list<T: ToString>(names: &[T]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn show(parts: &[Part<'_>], arguments: &Dump, text: &mut String) {
    let single = arguments.keyword.is_some();
    for (index, part) in parts.iter().enumerate() {
        if arguments.form.text {
            lines(part, single, text);
            continue;
        }
        if index > 0 {
            text.push('\n');
        }
        match (&part.reason, part.keywords.is_empty()) {
            (Some(reason), true) => {
                let name = part.name.map(|name| format!("{name}: ")).unwrap_or_default();
                let _ = writeln!(text, "{name}BAD: {reason}");
            }
            _ if arguments.form.hex => listings(part, single, text),
            _ => table(part, text),
        }
    }
}

/// One keyword per line, whatever bytes it holds; of a single keyword, the value alone.
fn lines(part: &Part<'_>, single: bool, text: &mut String) {
    for keyword in &part.keywords {
        let value = keyword.data.escape_ascii();
        let _ = match single {
            true => writeln!(text, "{value}"),
            false => writeln!(text, "{} {value}", part.full_name(keyword.name)),
        };
    }
}

/// A record as a whole, or the keywords one by one.
fn listings(part: &Part<'_>, single: bool, text: &mut String) {
    if let (Some((offset, bytes)), false) = (part.bytes, single) {
        heading(part, text);
        value::listing(text, offset, bytes);
        return;
    }
    for Keyword { name, data, offset } in &part.keywords {
        if !single {
            let _ = writeln!(text, "{}, {} bytes", part.full_name(*name), data.len());
        }
        value::listing(text, *offset, data);
    }
}

fn table(part: &Part<'_>, text: &mut String) {
    heading(part, text);
    let mut table = Table::new([("keyword", Align::Left), ("length", Align::Right), ("value", Align::Left)]);
    for keyword in &part.keywords {
        table.row([
            keyword.name.to_string(),
            keyword.data.len().to_string(),
            value::for_people(keyword.data),
        ]);
    }
    table.print(text);
    if let Some(reason) = &part.reason {
        let _ = writeln!(text, "BAD: {reason}");
    }
}

fn heading(part: &Part<'_>, text: &mut String) {
    if let (Some(name), Some((offset, bytes))) = (part.name, part.bytes) {
        let _ = writeln!(text, "{name}, {} bytes at offset {offset}, {}", bytes.len(), part.outcome);
    }
}
