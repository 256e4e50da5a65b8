//! A sink for the `log` facade: `<priority>text` lines on standard error, which journald reads.

use log::{Level, LevelFilter, Log, Metadata, Record};
use std::io::Write as _;

struct Sink;

impl Log for Sink {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // One write for the whole line, so that lines of several tasks never mix.
            let line = format!("<{}>{}\n", priority(record.level()), one_line(&record.args().to_string()));
            // Standard error may be closed; there is nowhere left to complain.
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

/// Installs the sink at level info. Calling it twice is harmless.
pub(crate) fn install() {
    if log::set_logger(&Sink).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// Priorities of `syslog(3)`, as journald parses them at the start of a line.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// The level of this process's log, as `org.freedesktop.LogControl1` shows and changes it.
#[cfg(feature = "daemon")]
#[derive(Debug, Clone, Copy)]
pub struct RuntimeLevel;

#[cfg(feature = "daemon")]
impl dbus_api::log_control::LogLevel for RuntimeLevel {
    fn level(&self) -> &'static str {
        match log::max_level() {
            LevelFilter::Off | LevelFilter::Error => "err",
            LevelFilter::Warn => "warning",
            LevelFilter::Info => "info",
            LevelFilter::Debug | LevelFilter::Trace => "debug",
        }
    }

    fn set_level(&self, name: &str) -> bool {
        let level = match name {
            // We have nothing between an error and the end of the process.
            "emerg" | "alert" | "crit" | "err" => LevelFilter::Error,
            "warning" => LevelFilter::Warn,
            "notice" | "info" => LevelFilter::Info,
            "debug" => LevelFilter::Debug,
            _ => return false,
        };
        log::set_max_level(level);
        true
    }
}

/// What comes from a device may hold line breaks; a log line must not become two.
fn one_line(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "daemon")]
    #[test]
    fn every_level_of_syslog_is_taken_and_nothing_else() {
        use dbus_api::log_control::{LEVELS, LogLevel as _};
        for name in LEVELS {
            assert!(RuntimeLevel.set_level(name), "{name}");
        }
        assert_eq!(RuntimeLevel.level(), "debug");
        assert!(!RuntimeLevel.set_level("loud"));
        assert!(RuntimeLevel.set_level("info"));
        assert_eq!(RuntimeLevel.level(), "info");
    }

    #[test]
    fn control_characters_cannot_forge_a_second_line() {
        assert_eq!(one_line("SN=\n<0>all is well\r"), "SN=\\n<0>all is well\\r");
        assert_eq!(one_line("größer"), "größer");
    }
}
