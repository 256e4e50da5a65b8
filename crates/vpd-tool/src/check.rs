//! `vpd-tool check`: verifies everything that protects an image.

use std::fmt::Write as _;

use vpd_format::ipz::{self, TocEntry};
use vpd_format::{Checksum, Content, Format, Outcome, Vpd, VpdError, Wanted, keyword, memory};

use crate::arguments::Check;
use crate::examine::{Examined, examine};
use crate::exit::{Exit, Failure};
use crate::json::{self, Selection};
use crate::parts::sentences;
use crate::table::{Align, Table};
use crate::value;

pub(crate) fn run(arguments: &Check, text: &mut String) -> Result<Exit, Failure> {
    let examined = examine(&arguments.file, &arguments.reading, Wanted::All)?;
    let exit = examined.content.as_ref().map_or(Exit::Unusable, Exit::of);
    if arguments.json {
        text.push_str(
            &json::report(&examined, Selection::default())
                .map_err(|cause| Failure::new(Exit::Output, cause))?,
        );
        return Ok(exit);
    }
    match &examined.content {
        Ok(vpd) => {
            verdict(&examined, vpd, exit, text);
            match &vpd.content {
                Content::Ipz(image) => show_ipz(image, text),
                Content::Keyword(image) => show_keyword(image, text),
                Content::Memory(module) => show_memory(module, text),
            }
        }
        Err(error) => text.push_str(&refusal(&examined, error)),
    }
    Ok(exit)
}

/// The line that says it all of an image of which nothing is usable.
pub(crate) fn refusal(examined: &Examined, error: &VpdError) -> String {
    let verdict = if matches!(error, VpdError::Blank { .. }) { "BLANK" } else { "UNUSABLE" };
    let kind = examined.format.map(|format| format!("{}, ", words(format))).unwrap_or_default();
    format!(
        "{}: {verdict} ({kind}{} bytes): {}\n",
        examined.name,
        examined.image_size,
        examined.explain(error)
    )
}

/// What a format is called among people.
pub(crate) const fn words(format: Format) -> &'static str {
    match format {
        Format::Ipz => "IPZ",
        Format::Keyword => "keyword VPD",
        Format::Memory => "memory module",
    }
}

fn verdict(examined: &Examined, vpd: &Vpd, exit: Exit, text: &mut String) {
    let verdict = match (exit, vpd.outcome) {
        (Exit::Good, Outcome::Unchecked) => "good, but nothing protects all of it",
        (Exit::Good, _) => "good",
        (Exit::Recovered, _) => "RECOVERED from damage that its code could repair",
        (Exit::PartlyBad, _) => "PARTLY BAD",
        _ => "UNUSABLE",
    };
    let _ = writeln!(
        text,
        "{}: {verdict} ({}, {} of {} bytes read)\n",
        examined.name,
        words(vpd.format),
        vpd.bytes_read,
        vpd.image_size
    );
}

fn show_ipz(image: &ipz::Image, text: &mut String) {
    use Align::{Left, Right};
    let mut table = Table::new([
        ("record", Left),
        ("offset", Right),
        ("length", Right),
        ("outcome", Left),
        ("corrected", Right),
        ("keywords", Right),
        ("reason", Left),
    ]);
    let mut row = |entry: &TocEntry, outcome: Outcome, bits: u32, keywords: Option<usize>, reason: String| {
        table.row([
            entry.name.to_string(),
            entry.offset.to_string(),
            entry.length.to_string(),
            outcome.to_string(),
            bits.to_string(),
            keywords.map(|count| count.to_string()).unwrap_or_default(),
            reason,
        ]);
    };
    for area in [&image.header, &image.toc] {
        row(&area.entry, area.outcome, area.correction.bits(), None, String::new());
    }
    for record in &image.records {
        let reason = record.reason.as_ref().map(ToString::to_string).unwrap_or_default();
        let keywords = record.reason.is_none().then(|| record.keywords().count());
        row(&record.entry, record.outcome, record.recovered_bits(), keywords, reason);
    }
    table.print(text);
    remarks(&sentences(&image.remarks), "remark", text);
}

fn show_keyword(image: &keyword::Image, text: &mut String) {
    let _ = writeln!(text, "identifier  {}", value::for_people(image.identifier()));
    names("keywords", image.keywords(), text);
    show_checksums(&image.checksums, text);
    remarks(&sentences(&image.remarks), "remark", text);
    remarks(&sentences(&image.problems), "problem", text);
}

fn show_memory(module: &memory::Module, text: &mut String) {
    let _ = writeln!(text, "module    {}", module.kind);
    match module.memory_size_kb {
        Some(size) => {
            let _ = writeln!(text, "size      {size} KiB ({} GiB)", size as f64 / f64::from(1 << 20));
        }
        None => text.push_str("size      unknown\n"),
    }
    names("keywords", module.keywords(), text);
    if !module.not_programmed.is_empty() {
        let names: Vec<_> = module.not_programmed.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "never programmed  {}", names.join(" "));
    }
    show_checksums(&module.checksums, text);
    remarks(&sentences(&module.remarks), "remark", text);
    remarks(&sentences(&module.problems), "problem", text);
}

fn names<'a>(heading: &str, keywords: impl Iterator<Item = vpd_format::Keyword<'a>>, text: &mut String) {
    let names: Vec<String> = keywords.map(|keyword| keyword.name.to_string()).collect();
    let _ = writeln!(text, "{heading}  {} ({})", names.len(), names.join(" "));
}

fn show_checksums(checksums: &[Checksum], text: &mut String) {
    use Align::{Left, Right};
    text.push('\n');
    if checksums.is_empty() {
        text.push_str("no checksum\n");
        return;
    }
    let mut table = Table::new([
        ("checksum", Left),
        ("covers", Right),
        ("offset", Right),
        ("outcome", Left),
        ("stored", Right),
        ("computed", Right),
    ]);
    for checksum in checksums {
        table.row([
            checksum.name.to_owned(),
            format!("{}..{}", checksum.range.start, checksum.range.end),
            checksum.offset.to_string(),
            checksum.outcome.to_string(),
            format!("0x{:02x}", checksum.stored),
            format!("0x{:02x}", checksum.computed),
        ]);
    }
    table.print(text);
}

fn remarks(sentences: &[String], kind: &str, text: &mut String) {
    for sentence in sentences {
        let _ = writeln!(text, "{kind}: {sentence}");
    }
}
