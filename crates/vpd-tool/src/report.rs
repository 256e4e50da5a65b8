//! `vpd-tool report`: all that a fault report needs, in one piece.

use crate::arguments::Report;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::history;
use crate::json;
use crate::machine::Machine;
use crate::show::save;
use crate::time::utc;
use crate::verify::{self, Comparison};
use dbus_api::vpd::client;
use dbus_api::vpd::collection::{self, Status};
use serde::Serialize;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The bundle. What could not be asked is null, and the reason is among the problems: a report is wanted most when something
/// does not answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Bundle {
    /// When it was made, in UTC.
    made: String,
    versions: Versions,
    collection: Option<Status>,
    comparisons: Option<Vec<Comparison>>,
    pending: Option<Vec<Pending>>,
    history: Option<Vec<history::Entry>>,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Versions {
    tool: &'static str,
    /// `PRETTY_NAME` of the image.
    image: Option<String>,
    kernel: Option<String>,
}

/// A write that is not settled.
#[derive(Debug, Serialize)]
struct Pending {
    key: String,
    reason: String,
}

pub(crate) async fn run(
    arguments: &Report,
    machine: &Machine,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let bus = machine.bus().await?;
    let mut problems = Vec::new();
    let mut note = |what: &str, failure: Failure| problems.push(format!("{what}: {:#}", failure.cause));
    let collection = collection::status(bus).await.map_err(Failure::call);
    let collection = collection.map_err(|failure| note("collection", failure)).ok();
    let pending = client::pending(bus).await.map_err(Failure::call);
    let pending = pending.map_err(|failure| note("pending", failure)).ok();
    let history = history::entries(machine).await.map_err(|failure| note("history", failure)).ok();
    let compared = verify::all(&[], machine, console).await;
    let comparisons = compared.map_err(|failure| note("comparisons", failure)).ok().map(|(all, _)| all);
    let pending = pending
        .map(|pending| pending.into_iter().map(|(key, reason)| Pending { key, reason }).collect::<Vec<_>>());
    let versions = Versions { tool: env!("CARGO_PKG_VERSION"), image: image(), kernel: kernel() };
    let made = utc(service_runtime::clock::wall());
    let bundle = Bundle { made, versions, collection, comparisons, pending, history, problems };
    let text = if arguments.json { json::lines(&bundle)? } else { text(&bundle) };
    match &arguments.output {
        Some(path) => save(path, &text)?,
        None => console.print(&text)?,
    }
    Ok(Exit::Good)
}

fn image() -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches('"').to_owned())
}

fn kernel() -> Option<String> {
    Some(fs::read_to_string(Path::new("/proc/sys/kernel/osrelease")).ok()?.trim().to_owned())
}

fn text(bundle: &Bundle) -> String {
    let mut text = String::new();
    let unknown = || "unknown".to_owned();
    let versions = &bundle.versions;
    let (image, kernel) = (versions.image.clone(), versions.kernel.clone());
    let _ = writeln!(text, "made      {}", bundle.made);
    let _ = writeln!(text, "vpd-tool  {}", versions.tool);
    let _ = writeln!(text, "image     {}", image.unwrap_or_else(unknown));
    let _ = writeln!(text, "kernel    {}", kernel.unwrap_or_else(unknown));
    for problem in &bundle.problems {
        let _ = writeln!(text, "problem   {problem}");
    }
    if let Some(status) = &bundle.collection {
        let _ = writeln!(text, "\n== collection ==");
        let _ = writeln!(text, "system {} ({}) {}", status.system, status.selection, status.selection_reason);
        let _ = writeln!(text, "state {}", status.state);
        for fru in &status.frus {
            let report = &fru.report;
            let _ = writeln!(
                text,
                "{} {} {} {} {}",
                fru.key, fru.state, report.outcome, fru.reason, report.reason
            );
            for record in report.records.iter().filter(|record| record.outcome != "ok") {
                let _ = writeln!(text, "  {} {} {}", record.name, record.outcome, record.reason);
            }
        }
    }
    if let Some(comparisons) = &bundle.comparisons {
        let _ = writeln!(text, "\n== {} ==\n{}", verify::summary(comparisons), verify::tables(comparisons));
    }
    if let Some(pending) = &bundle.pending {
        let _ = writeln!(text, "== writes that are not settled: {} ==", pending.len());
        for Pending { key, reason } in pending {
            let _ = writeln!(text, "{key}: {reason}");
        }
    }
    if let Some(history) = &bundle.history {
        let _ = writeln!(text, "\n== the last {} writes ==\n{}", history.len(), history::table(history));
    }
    text
}
