//! The machine's inventory at a glance: a line for each object, below the one that it is part of.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// The path below which the inventory lies.
const ROOT: &str = "/xyz/openbmc_project/inventory/";
/// Where the columns come from: interface and property.
const PRESENT: [&str; 2] = ["xyz.openbmc_project.Inventory.Item", "Present"];
const NAME: [&str; 2] = ["xyz.openbmc_project.Inventory.Item", "PrettyName"];
const SERIAL: [&str; 2] = ["xyz.openbmc_project.Inventory.Decorator.Asset", "SerialNumber"];
const LOCATION: [&str; 2] = ["xyz.openbmc_project.Inventory.Decorator.LocationCode", "LocationCode"];

/// Turns busctl's JSON of `GetManagedObjects` into a tree, parts that are not there marked as such.
pub fn draw(reply: &[u8]) -> Result<String> {
    let reply: Value =
        serde_json::from_slice(reply).context("busctl answered with something else than JSON")?;
    let objects =
        reply.pointer("/data/0").and_then(Value::as_object).context("the reply holds no objects")?;
    let sorted: BTreeMap<&str, &Value> =
        objects.iter().filter_map(|(path, shown)| Some((path.strip_prefix(ROOT)?, shown))).collect();
    let mut rows = vec![["object", "there", "name", "serial number", "location"].map(str::to_owned)];
    rows.extend(sorted.iter().map(|(path, shown)| row(path, shown)));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let line = |row: &[String; 5]| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    Ok(rows.iter().map(line).collect())
}

fn row(path: &str, shown: &Value) -> [String; 5] {
    let depth = path.matches('/').count();
    let name = path.rsplit('/').next().unwrap_or(path);
    let present = match shown.as_object().and_then(|shown| value(shown, PRESENT)) {
        Some(Value::Bool(true)) => "yes",
        Some(Value::Bool(false)) => "no",
        _ => "",
    };
    let text = |place| match shown.as_object().and_then(|shown| value(shown, place)) {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    [format!("{}{name}", "  ".repeat(depth)), present.to_owned(), text(NAME), text(SERIAL), text(LOCATION)]
}

fn value<'a>(shown: &'a Map<String, Value>, [interface, property]: [&str; 2]) -> Option<&'a Value> {
    shown.get(interface)?.get(property)?.get("data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_below_what_they_are_part_of() {
        let reply = br#"{"type":"a{oa{sa{sv}}}","data":[{
            "/xyz/openbmc_project/inventory/system/card":{
                "xyz.openbmc_project.Inventory.Item":{
                    "Present":{"type":"b","data":false},"PrettyName":{"type":"s","data":"Card"}}},
            "/xyz/openbmc_project/inventory/system":{
                "xyz.openbmc_project.Inventory.Decorator.Asset":{"SerialNumber":{"type":"s","data":"SN1"}},
                "xyz.openbmc_project.Inventory.Decorator.LocationCode":{"LocationCode":{"type":"s","data":"Umts"}}}}]}"#;
        assert_eq!(
            draw(reply).unwrap(),
            "object  there  name  serial number  location\nsystem               SN1            Umts\n  card  no     Card\n"
        );
    }
}
