//! What a write of VPD takes in a machine whose EEPROMs have wires and write cycles, and what the recovery's condition costs its boot.
//!
//! Times of single writes are those of the service's system calls, as the kernel's tracing gives them: the journal is durable when
//! the last `fsync` before the first byte is over, the write is verified when the last page was read back, and answered by
//! the last message. By default the machine counts instructions for time, so that its figures do not hang on what else the host
//! does; a processor lies at a thousand million of them in a second.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{Arguments, row};
use crate::packages::{self, Part};
use crate::vm;
use crate::workspace::Workspace;

/// What is measured here.
pub const COSTS: [&str; 5] =
    [WRITTEN, ANSWERED, "100 writes : busiest wire's bound", "100 writes: parser runs : FRUs", CONDITION];
const WRITTEN: &str = "journal durable to verified : write cycles + wire time, us";
const ANSWERED: &str = "verified to reply : one parser unit run, us";
const CONDITION: &str =
    "boot with : without the recovery's condition, millions of instructions of PID 1 and parsers";

/// Length of a write cycle in single writes, microseconds.
const CYCLE_US: f64 = 5_000.0;
/// Bits per microsecond, of a wire at 400 kHz.
const WIRE: f64 = 0.4;
/// The driver reads so many bytes at a time.
const READ_AT_ONCE: u64 = 128;
/// Units that say what is pending.
const PARSERS: [&str; 2] = ["ipz-vpd-parser@.service", "keyword-vpd-parser@.service"];

/// Measures in machines.
pub fn rows(workspace: &Workspace, arguments: &Arguments) -> Result<Vec<Vec<String>>> {
    packages::require(Part::Machines)?;
    ensure!(arguments.boots > 0, "a machine boots at least once");
    let results = vm::bench(workspace, "writer", Vec::new(), arguments.clock, arguments.profile)?;
    let mut table = single(&results)?;
    table.extend(storms(&read(&results, "storms")?, &read(&results, "wires")?)?);
    table.push(boots(workspace, arguments)?);
    Ok(table)
}

/// Single writes, each from its own trace.
fn single(results: &Path) -> Result<Vec<Vec<String>>> {
    let (mut written, mut bounds, mut answered) = (Vec::new(), Vec::new(), Vec::new());
    for line in read(results, "cycles")?.lines() {
        let [number, cycles_before, bytes_before, cycles, bytes] = numbers(line)?;
        let trace = Write::of(&read(results, &format!("traces/{number}"))?)
            .with_context(|| format!("in the trace of write {number}"))?;
        let (cycles, bytes) = (cycles - cycles_before, bytes - bytes_before);
        ensure!(cycles > 0 && bytes > 0, "write {number} has written nothing");
        written.push(trace.verified - trace.durable);
        bounds.push(cycles as f64 * CYCLE_US + wire_us(cycles, bytes, &trace.read_back));
        answered.push(trace.replied - trace.verified);
    }
    let mut parsers = Vec::new();
    for line in read(results, "parsers")?.lines() {
        let [began, ended] = numbers(line)?;
        parsers.push((ended - began) as f64);
    }
    let pair = |what: &str, ours: f64, baseline: f64| {
        row(what, &format!("{ours:.0}"), &format!("{baseline:.0}"), ours / baseline, 1.5)
    };
    Ok(vec![
        pair(WRITTEN, median(&mut written)?, median(&mut bounds)?),
        pair(ANSWERED, median(&mut answered)?, median(&mut parsers)?),
    ])
}

/// What the wire takes for pages that are written, and for those that are read: START, STOP, and nine bits for each byte, of which
/// one is the device's address and two are the cells'; a read is addressed twice.
fn wire_us(cycles: u64, bytes: u64, read_back: &[u64]) -> f64 {
    let written = cycles * (2 + 9 * 3) + 9 * bytes;
    let read: u64 =
        read_back.iter().map(|bytes| bytes.div_ceil(READ_AT_ONCE) * (3 + 9 * 4) + 9 * bytes).sum();
    (written + read) as f64 / WIRE
}

/// Many writes at once: the time of all against that which the busiest wire is in use, and runs of parsers.
fn storms(storms: &str, wires: &str) -> Result<Vec<Vec<String>>> {
    let mut table = Vec::new();
    for line in storms.lines() {
        let (name, figures) = line.split_once(' ').context("a storm without a name")?;
        let [cycle, all, runs, frus] = numbers(figures)?;
        let mut busiest = 0;
        for line in wires.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')) {
            let [_bus, wire, cycles] = numbers(line)?;
            busiest = busiest.max(wire + cycles * cycle);
        }
        ensure!(busiest > 0 && frus > 0, "no wire was used in the storm {name}");
        let order = name.split('-').next().unwrap_or(name).replace('_', " ");
        let what = format!("100 writes, {order}, cycles of {cycle} us : busiest wire's bound, us");
        table.push(row(&what, &all.to_string(), &busiest.to_string(), all as f64 / busiest as f64, 1.3));
        let what = format!("100 writes, {order}, cycles of {cycle} us: parser runs : FRUs");
        table.push(row(&what, &runs.to_string(), &frus.to_string(), runs as f64 / frus as f64, 2.0));
    }
    Ok(table)
}

/// The same machine, whose units look for journals or do not.
fn boots(workspace: &Workspace, arguments: &Arguments) -> Result<Vec<String>> {
    let [mut with, mut without] = [Vec::new(), Vec::new()];
    for _ in 0..arguments.boots {
        for (figures, is_with) in [(&mut with, true), (&mut without, false)] {
            let made = units(workspace, is_with)?;
            let results =
                vm::bench(workspace, "recovery-condition", made, vm::Clock::Instructions, arguments.profile)?;
            figures.push(usage(&read(&results, "usage")?)?);
        }
    }
    let (with, without) = (median(&mut with)?, median(&mut without)?);
    Ok(row(CONDITION, &format!("{with:.1}"), &format!("{without:.1}"), with / without, 1.02))
}

/// Units in place of those that are installed; in both cases as many of them.
fn units(workspace: &Workspace, is_with: bool) -> Result<Vec<(String, String)>> {
    let mut made = Vec::new();
    for name in PARSERS {
        let path = workspace.root.join("units").join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let text = if is_with { text } else { without_condition(&text)? };
        made.push((format!("etc/systemd/system/{name}"), text));
    }
    if !is_with {
        // An empty file masks a unit.
        made.push(("etc/systemd/system/vpd-recover.service".to_owned(), String::new()));
    }
    made.push(("etc/bed/bench/conditions".to_owned(), u8::from(is_with).to_string()));
    Ok(made)
}

fn without_condition(unit: &str) -> Result<String> {
    let is_condition = |line: &&str| line.starts_with("ConditionPathExists=!") && line.contains("journals");
    ensure!(unit.lines().filter(is_condition).count() == 1, "the unit has not one condition about journals");
    Ok(unit.lines().filter(|line| !is_condition(line)).fold(String::new(), |all, line| all + line + "\n"))
}

/// Lines `GROUP MICROSECONDS`, which are thousands of instructions; the sum in millions.
fn usage(text: &str) -> Result<f64> {
    let mut sum = 0.0;
    for line in text.lines() {
        let (_, figure) = line.split_once(' ').with_context(|| format!("no figure: {line}"))?;
        let [figure] = numbers(figure)?;
        sum += figure as f64 / 1e3;
    }
    ensure!(sum > 0.0, "nothing was measured");
    Ok(sum)
}

/// When what happened in one write, microseconds.
#[derive(Debug, PartialEq)]
struct Write {
    durable: f64,
    verified: f64,
    replied: f64,
    /// How many bytes each read had that came after the journal was durable.
    read_back: Vec<u64>,
}

impl Write {
    /// Reads lines of the kernel's tracing: `TASK [CPU] FLAGS SECONDS: sys_NAME(…)`, or `sys_NAME -> RESULT`.
    fn of(trace: &str) -> Result<Self> {
        let calls: Vec<Call<'_>> = trace.lines().filter_map(Call::of).collect();
        let is_page = |call: &&Call<'_>| call.name == "pwrite64";
        let first = calls.iter().position(|call| is_page(&call)).context("nothing was written")?;
        let last = calls.iter().rposition(|call| is_page(&call)).unwrap_or(first);
        let (before, after) = (calls.get(..first).unwrap_or_default(), calls.get(last..).unwrap_or_default());
        let is_flush = |call: &&Call<'_>| call.name.contains("sync") && call.result.is_some();
        let durable = before.iter().rfind(is_flush).context("no journal was made durable")?;
        // Then the journal goes.
        let settled = after.iter().position(|call| call.name.contains("unlink"));
        let until = after.get(..settled.unwrap_or(after.len())).unwrap_or_default();
        let is_read = |call: &&Call<'_>| call.name == "pread64" && call.result.is_some();
        let verified = until.iter().rfind(is_read).context("nothing was read back")?;
        let reply = after.iter().rfind(|call| call.name == "sendmsg").context("there is no reply")?;
        let read_back = calls.iter().skip(first).filter(|call| call.at <= verified.at).filter(is_read);
        Ok(Self {
            durable: durable.at,
            verified: verified.at,
            replied: reply.at,
            read_back: read_back.filter_map(|call| call.result).collect(),
        })
    }
}

/// A system call's begin, or with its result its end.
struct Call<'a> {
    at: f64,
    name: &'a str,
    result: Option<u64>,
}

impl<'a> Call<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (before, call) = line.split_once(": sys_")?;
        let at = before.split_whitespace().next_back()?.parse::<f64>().ok()? * 1e6;
        let name = call.split(['(', ' ']).next()?;
        let result =
            call.split_once("-> 0x").and_then(|(_, result)| u64::from_str_radix(result.trim(), 16).ok());
        Some(Self { at, name, result })
    }
}

fn numbers<const COUNT: usize>(line: &str) -> Result<[u64; COUNT]> {
    let numbers: Result<Vec<u64>, _> = line.split_whitespace().map(str::parse).collect();
    let numbers = numbers.with_context(|| format!("no figures: {line}"))?;
    numbers.try_into().ok().with_context(|| format!("not {COUNT} figures: {line}"))
}

fn median(values: &mut [f64]) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().context("nothing was measured")
}

fn read(results: &Path, name: &str) -> Result<String> {
    let path = results.join(name);
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_timed_from_its_durable_journal_to_its_last_page_and_to_its_reply() {
        let trace = "# tracer: nop\n\
            a-1 [000] ..... 1.000010: sys_pread64(fd: b, buf: 1, count: 44, pos: 0)\n\
            a-1 [000] ..... 1.000020: sys_pread64 -> 0x44\n\
            a-1 [000] ..... 1.000030: sys_fsync(fd: c)\n\
            a-1 [000] ..... 1.000100: sys_fsync -> 0x0\n\
            a-1 [000] ..... 1.000110: sys_pwrite64(fd: b, buf: 1, count: c, pos: 83)\n\
            b-2 [000] ..... 1.000115: sys_sendmsg(fd: 9, msg: 1, flags: 4000)\n\
            a-1 [000] ..... 1.000120: sys_pwrite64 -> 0xc\n\
            a-1 [000] ..... 1.000121: sys_fdatasync(fd: b)\n\
            a-1 [000] ..... 1.000122: sys_fdatasync -> 0x0\n\
            a-1 [000] ..... 1.000130: sys_pread64(fd: b, buf: 1, count: 20, pos: 80)\n\
            a-1 [000] ..... 1.006100: sys_pread64 -> 0x20\n\
            a-1 [000] ..... 1.006110: sys_unlink(pathname: 1)\n\
            a-1 [000] ..... 1.006120: sys_unlink -> 0x0\n\
            b-2 [000] ..... 1.006200: sys_sendmsg(fd: 9, msg: 1, flags: 4000)\n\
            b-2 [000] ..... 1.106100: sys_sendmsg(fd: 9, msg: 1, flags: 4000)\n";
        let write = Write::of(trace).unwrap();
        assert_eq!(write.read_back, [0x20]);
        let close = |one: f64, other: f64| (one - other).abs() < 0.5;
        assert!(close(write.verified - write.durable, 6_000.0), "{write:?}");
        assert!(close(write.replied - write.verified, 100_000.0), "{write:?}");
        assert!(Write::of("a-1 [000] ..... 1.0: sys_pread64 -> 0x44\n").is_err());
    }

    #[test]
    fn the_busiest_wire_is_the_bound_of_its_own_storm() {
        let rows = storms(
            "usual 5000 1000000 30 20\nslow 10000 1000000 50 20\n",
            "usual 10 300000 40\nusual 11 1 1\nslow 10 0 100\n",
        )
        .unwrap();
        let ratios: Vec<&str> = rows.iter().map(|row| row[3].as_str()).collect();
        assert_eq!(ratios, ["2.000", "1.500", "1.000", "2.500"]);
        assert!(storms("usual 5000 1 1 1\n", "").is_err());
    }

    #[test]
    fn the_wire_takes_nine_bits_for_a_byte_and_its_addresses() {
        // A page of two bytes is written, and 129 bytes are read in two goes.
        assert!((wire_us(1, 2, &[129]) - (29.0 + 18.0 + 2.0 * 39.0 + 9.0 * 129.0) / 0.4).abs() < 1e-9);
    }

    #[test]
    fn the_unit_loses_its_condition_about_journals_and_nothing_else() {
        let unit =
            "[Unit]\n# journals\nConditionPathExists=/run/x\nConditionPathExists=!/var/journals/%I.journal\n";
        assert_eq!(without_condition(unit).unwrap(), "[Unit]\n# journals\nConditionPathExists=/run/x\n");
        assert!(without_condition("[Unit]\n").is_err());
        assert!((usage("init.scope 1500\nvpd.slice 500\n").unwrap() - 2.0).abs() < 1e-9);
    }
}
