//! Signals to processes that were started here, each by its own pid.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Ends a process of ours and everything that descends from it, each by its own pid.
pub fn end_tree(root: u32) {
    let table = parents();
    let mut doomed = vec![root];
    let mut next = 0;
    while let Some(&parent) = doomed.get(next) {
        doomed.extend(table.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    for pid in doomed {
        send(pid, Signal::SIGKILL);
    }
}

/// Sends a signal to a process of ours that has not been reaped yet.
pub fn send(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Every process with its parent, as `(pid, parent)`.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The command name may hold spaces and brackets; the state and the parent follow the last bracket.
            let parent = stat.rsplit_once(") ")?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect()
}
