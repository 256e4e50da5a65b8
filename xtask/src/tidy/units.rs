//! Rules about units.

use super::{Finding, House};

/// Under dbus-daemon a unit that is only after the socket has no bus from its first call after SIGTERM at power-off.
pub fn daemons_have_the_bus_to_their_end(house: &House<'_>) -> Vec<Finding> {
    let units = house.tree.with_suffix(".service").filter(|(path, _)| path.starts_with("units/"));
    let daemons = units.filter(|(path, text)| !path.starts_with("units/dbus/") && is_daemon(text));
    let lacking = daemons.filter(|(_, text)| !values(text, "After").any(|unit| unit == "dbus.service"));
    lacking
        .map(|(path, text)| {
            let line = text.lines().position(|line| line.starts_with("After=")).map_or(1, |index| index + 1);
            let sentence = "a daemon is After=dbus.service, or it has no bus when it is stopped at power-off";
            Finding::error(path, line, sentence)
        })
        .collect()
}

/// A conflict with another name of a unit of ours stops that unit, at each start of the one that has it.
pub fn no_unit_of_ours_conflicts_with_another(house: &House<'_>) -> Vec<Finding> {
    let units = || house.tree.with_suffix(".service").filter(|(path, _)| path.starts_with("units/"));
    let mut ours: Vec<&str> = units().filter_map(|(path, _)| path.rsplit('/').next()).collect();
    ours.extend(units().flat_map(|(_, text)| values(text, "Alias")));
    let conflicts = |text: &str| values(text, "Conflicts").any(|unit| ours.contains(&unit));
    let mut findings = Vec::new();
    for (path, text) in units() {
        let lines = text.lines().enumerate().filter(|(_, line)| conflicts(line));
        findings.extend(lines.map(|(index, _)| {
            Finding::error(path, index + 1, "this conflicts with a unit of ours, by its name or an alias")
        }));
    }
    findings
}

/// Whether a unit's process stays and is on the bus: it tells its readiness, or its name is its readiness.
fn is_daemon(text: &str) -> bool {
    values(text, "Type").any(|kind| ["dbus", "notify", "notify-reload"].contains(&kind))
        || values(text, "BusName").next().is_some()
}

/// The words of all values of a key.
fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    let assigned = text.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='));
    assigned.flat_map(str::split_whitespace)
}
