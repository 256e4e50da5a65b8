//! A sink for the `log` facade: `<priority>text` lines on standard error, which journald reads.

use crate::text::one_line;
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
            // Standard error may be closed; there is nowhere left to complain.
            let _ = std::io::stderr().lock().write_all(line(record).as_bytes());
        }
    }

    fn flush(&self) {}
}

/// What comes from a device, an image or another service may hold anything.
fn line(record: &Record<'_>) -> String {
    format!("<{}>{}\n", priority(record.level()), one_line(&record.args().to_string()))
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
    fn hidden_characters_can_neither_forge_a_second_line_nor_turn_this_one_round() {
        let record = |text| line(&Record::builder().level(Level::Warn).args(format_args!("{text}")).build());
        assert_eq!(record("SN=\n<0>all is well\r"), "<4>SN=\\n<0>all is well\\r\n");
        assert_eq!(record("SN=\u{202e}lla\u{200b} größer"), "<4>SN=\\u{202e}lla\\u{200b} größer\n");
    }
}
