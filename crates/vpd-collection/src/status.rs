//! What a person or a script is told: one line, a table, JSON, an exit status.

use dbus_api::call::CallError;
use dbus_api::vpd::collection::{
    self, CollectionState, Followed, FruState, FruStatus, InventoryAnswer, Outcome, Redundant, Report, Status,
};
use lexopt::Arg;
use service_runtime::bus::Accepts;
use service_runtime::{Exit, Invocation, bus};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;
use system_index::{Selection, places};

/// Longest wait for the service.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// Which system was chosen, as the record of the choice says.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Its name; empty when there is no record.
    pub system: String,
    /// Why it, in a word.
    pub cause: String,
    /// Why it, in a sentence; empty when it was simply recognised.
    pub reason: String,
    /// It was made without the system EEPROM, since a writer held that.
    pub is_locked: bool,
}

impl Choice {
    /// Reads the record; without one, says so.
    pub fn load(root: &Path) -> Self {
        let path = places::selection(root);
        let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        let record = read.and_then(|text| Selection::parse(&text).map_err(|error| error.to_string()));
        match record {
            Ok(selection) => Self {
                system: selection.system.to_string(),
                cause: selection.cause.to_string(),
                reason: selection.reason,
                is_locked: selection.is_locked,
            },
            Err(error) => {
                Self { reason: format!("cannot read {}: {error}", path.display()), ..Self::default() }
            }
        }
    }
}

/// In one word, how an EEPROM stands: its state until it was read, then the outcome.
fn word(fru: &FruStatus) -> &'static str {
    match fru.state {
        FruState::Collected => fru.report.outcome.as_str(),
        state => state.as_str(),
    }
}

/// Whether somebody should look at it. An empty slot is in order.
fn is_well(fru: &FruStatus) -> bool {
    let is_in_order = match fru.state {
        FruState::Collected => is_good(fru.report.outcome),
        state => matches!(state, FruState::Absent | FruState::Kept),
    };
    is_in_order && fru.reason.is_empty()
}

fn is_good(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Ok | Outcome::Unchecked | Outcome::Recovered | Outcome::Absent)
}

/// Those that a line does not name: as they should be.
const ORDINARY: [&str; 4] =
    [Outcome::Ok.as_str(), Outcome::Unchecked.as_str(), FruState::Absent.as_str(), FruState::Kept.as_str()];

/// All of it in one line.
pub fn one_line(status: &Status) -> String {
    let mut counts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for fru in &status.frus {
        counts.entry(word(fru)).or_default().push(&fru.key);
    }
    let mut text = format!("{}: {} EEPROMs of {}", status.state, status.frus.len(), status.system);
    if status.collected > 0 {
        let _ = write!(text, " in {}", seconds(status.started, status.collected));
    }
    for (word, keys) in &counts {
        let _ = write!(text, ", {} {word}", keys.len());
        // Those that somebody should look at are named, as far as a line goes.
        if !ORDINARY.contains(word) && keys.len() <= 4 {
            let _ = write!(text, " ({})", keys.join(" "));
        }
    }
    if status.collected > 0 && !status.complete {
        text.push_str(", not all in time");
    }
    if status.selection != "matched" {
        let _ = write!(text, "; system not recognised: {}", status.selection);
    }
    text
}

/// `vpd-collection status`.
pub fn show(invocation: Invocation) -> anyhow::Result<Exit> {
    let mut as_json = false;
    let goes_on = parse(&invocation, STATUS_HELP, |argument| {
        let is_json = matches!(argument, Arg::Long("json"));
        as_json |= is_json;
        is_json
    })?;
    if !goes_on {
        return Ok(Exit::Done);
    }
    let status = service_runtime::runtime()?.block_on(async {
        let connection = bus::connect(CALL_LIMIT, &Accepts::SHORT).await?;
        collection::status(&connection).await.map_err(unavailable)
    })?;
    let text = if as_json { format!("{}\n", serde_json::to_string(&status)?) } else { table(&status) };
    service_runtime::print(&text)?;
    let is_well = status.frus.iter().all(is_well) && status.selection == "matched";
    Ok(match status.state {
        CollectionState::Collected if is_well => Exit::Done,
        CollectionState::Collected => Exit::BadData,
        _ => Exit::PeerUnavailable,
    })
}

/// `vpd-collection recollect [KEY]…`.
pub fn recollect(invocation: Invocation) -> anyhow::Result<Exit> {
    let Some(keys) = keys(&invocation, RECOLLECT_HELP)? else { return Ok(Exit::Done) };
    ask(async |connection| collection::recollect(connection, &keys).await)
}

/// `vpd-collection remove KEY…`.
pub fn remove(invocation: Invocation) -> anyhow::Result<Exit> {
    let Some(keys) = keys(&invocation, REMOVE_HELP)? else { return Ok(Exit::Done) };
    anyhow::ensure!(!keys.is_empty(), anyhow::anyhow!("name the EEPROMs of the parts").context(Exit::Usage));
    ask(async |connection| collection::remove(connection, &keys).await)
}

/// The keys on the command line; `None` when it was answered already.
fn keys(invocation: &Invocation, help: &str) -> anyhow::Result<Option<Vec<String>>> {
    let mut keys = Vec::new();
    let goes_on = parse(invocation, help, |argument| match argument {
        Arg::Value(key) => {
            keys.push(key.to_string_lossy().into_owned());
            true
        }
        _ => false,
    })?;
    Ok(goes_on.then_some(keys))
}

/// Asks the service for something that it may refuse, and shows what follows for each EEPROM.
fn ask(call: impl AsyncFn(&zbus::Connection) -> Result<Followed, CallError>) -> anyhow::Result<Exit> {
    let followed = service_runtime::runtime()?.block_on(async {
        let connection = bus::connect(CALL_LIMIT, &Accepts::SHORT).await?;
        call(&connection).await.map_err(|error| match error {
            CallError::Refused { text, .. } => anyhow::anyhow!(text).context(Exit::Usage),
            error => unavailable(error),
        })
    })?;
    let mut text = String::new();
    for (key, follows) in followed {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key} {follows}");
    }
    service_runtime::print(&text)?;
    Ok(Exit::Done)
}

fn unavailable(error: CallError) -> anyhow::Error {
    anyhow::Error::new(error).context(Exit::PeerUnavailable)
}

/// The command's name is the first argument.
fn parse(
    invocation: &Invocation,
    help: &str,
    mut take: impl FnMut(&Arg<'_>) -> bool,
) -> anyhow::Result<bool> {
    let mut is_first = true;
    invocation.parse(help, |argument, _| {
        let was_first = std::mem::take(&mut is_first);
        Ok((was_first && matches!(argument, Arg::Value(_))) || take(argument))
    })
}

const STATUS_HELP: &str = "Usage: vpd-collection status [--json]\n\n\
    Shows what became of every EEPROM of the system.\n\n\
    Exit status: 0 all collected and well (an empty slot is well), 65 something is not,\n\
    75 still collecting, or nobody answers, 64 usage.\n";

const RECOLLECT_HELP: &str = "Usage: vpd-collection recollect [KEY]...\n\n\
    Has EEPROMs read again, all that may be when none is named, by way of their slots. Shows what follows for each;\n\
    status shows what came of it.\n\n\
    Exit status: 0 accepted, 64 no such EEPROM or not now, 75 nobody answers.\n";

const REMOVE_HELP: &str = "Usage: vpd-collection remove KEY...\n\n\
    Has the parts of these EEPROMs taken out: what their slots do first is done, then they count as absent.\n\
    recollect brings them back. Shows what follows for each.\n\n\
    Exit status: 0 accepted, 64 no such EEPROM or not now, 75 nobody answers.\n";

fn table(status: &Status) -> String {
    let mut text = format!("{}\n", one_line(status));
    if !status.selection_reason.is_empty() {
        let _ = writeln!(text, "{}", status.selection_reason);
    }
    let head = ["EEPROM", "state", "outcome", "format", "read", "of", "took", "runs", "unit"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(status.frus.iter().map(row));
    let widths: Vec<usize> =
        (0..head.len()).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        if let Some(fru) = index.checked_sub(1).and_then(|index| status.frus.get(index)) {
            remarks(fru, &mut text);
        }
    }
    text
}

fn row(fru: &FruStatus) -> [String; 9] {
    let report = &fru.report;
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let has_report = !report.key.is_empty();
    let number = |value: u64| if has_report { value.to_string() } else { "-".to_owned() };
    [
        fru.key.clone(),
        fru.state.to_string(),
        or_dash(&report.outcome),
        or_dash(&report.format),
        number(report.bytes_read),
        number(report.image_size),
        if has_report { seconds(report.started, report.finished) } else { "-".to_owned() },
        fru.attempts.to_string(),
        fru.unit.clone(),
    ]
}

/// What is not in order, a line each.
fn remarks(fru: &FruStatus, text: &mut String) {
    let Report { reason, records, inventory, .. } = &fru.report;
    let mut remark = |line: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {}", line);
    };
    if !fru.reason.is_empty() {
        remark(fru.reason.clone());
    }
    // What is wrong with a record is said with the record.
    if !reason.is_empty() && !records.iter().any(|record| record.reason == *reason) {
        remark(reason.clone());
    }
    if !matches!(fru.report.redundant, Redundant::Nothing | Redundant::Equal) {
        remark(format!("redundant EEPROM: {}", fru.report.redundant));
    }
    if !matches!(inventory, InventoryAnswer::Nothing | InventoryAnswer::Published) {
        remark(format!("inventory: {inventory}"));
    }
    for record in records.iter().filter(|record| record.outcome != Outcome::Ok) {
        let bits = if record.recovered_bits > 0 {
            format!(", {} put right", bits(record.recovered_bits))
        } else {
            String::new()
        };
        let why = if record.reason.is_empty() { String::new() } else { format!(": {}", record.reason) };
        remark(format!("record {} {}{bits}{why}", record.name, record.outcome));
    }
}

fn bits(count: u32) -> String {
    if count == 1 { "1 bit".to_owned() } else { format!("{count} bits") }
}

fn seconds(from: i64, to: i64) -> String {
    let milliseconds = to.saturating_sub(from).max(0) / 1_000;
    format!("{}.{:03} s", milliseconds / 1_000, milliseconds % 1_000)
}
