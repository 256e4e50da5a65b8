//! The rows of `bench vpd`.

use anyhow::Result;

use super::measure::{Cost, Subject};
use super::payload::{Objects, Value};
use super::{Workbench, output};
use crate::build::Profile;
use crate::rings::{self, Outcome};
use crate::stage::Stage;
use crate::workspace::Workspace;

/// Measures the parsers of vital product data beside their C twins.
pub fn vpd(workspace: &Workspace) -> Result<()> {
    let bench = Workbench::new(&workspace.root.join("xtask/bench"))?;
    let mut stage = Stage::set(workspace, Profile::Release)?;
    stage.start("inventory-manager")?;
    let mut table = Vec::new();
    for (name, objects) in [("1 object", stand_in(1)), ("43 objects", stand_in(43))] {
        // The twin against itself: what the instruments call equal.
        let subject = bench.twin(&objects, stage.bus().address())?;
        table.extend(compare(&bench, &format!("{name}, twin against itself"), &subject)?);
    }
    output::line(output::table(
        &["row", "instructions", "ratio", "peak KiB", "bytes read", "status"],
        &table,
    ));
    rings::account("bench vpd", &Outcome::Skipped("the workspace has no ipz-vpd-parser".to_owned()))
}

/// Two rows: the subject, and the twin that sends the same bytes.
fn compare(bench: &Workbench, name: &str, subject: &Subject) -> Result<[Vec<String>; 2]> {
    let twin = bench.meter.measure(&bench.twin_of(subject)?)?;
    let ours = bench.meter.measure(subject)?;
    Ok([row(name, &ours, Some(&twin)), row("  C twin", &twin, None)])
}

fn row(name: &str, cost: &Cost, twin: Option<&Cost>) -> Vec<String> {
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people, of counts far below 2^52")]
    let ratio = |twin: &Cost| format!("{:.2}", cost.instructions as f64 / twin.instructions as f64);
    vec![
        name.to_owned(),
        cost.instructions.to_string(),
        twin.map_or_else(String::new, ratio),
        cost.peak_kib.to_string(),
        cost.bytes_read.map_or_else(String::new, |bytes| bytes.to_string()),
        cost.status.to_string(),
    ]
}

/// Objects of about the size and shape of a system's, as long as no parser is here to send real ones.
fn stand_in(count: usize) -> Objects {
    let object = |index: usize| {
        let keywords = (0..8).map(|keyword| (format!("K{keyword}"), Value::Bytes(vec![b'0'; 12]))).collect();
        let item = vec![
            ("Present".to_owned(), Value::Number('b', 1)),
            ("PrettyName".to_owned(), Value::Text(format!("Part {index}"))),
        ];
        let interfaces = vec![
            ("com.ibm.ipzvpd.VINI".to_owned(), keywords),
            ("xyz.openbmc_project.Inventory.Item".to_owned(), item),
        ];
        (format!("/system/chassis/motherboard/part{index}"), interfaces)
    };
    (0..count).map(object).collect()
}
