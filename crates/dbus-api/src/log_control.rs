//! `org.freedesktop.LogControl1`: how much a service logs, changed while it runs.
//!
//! `systemctl service-log-level` speaks it with every service whose unit has `BusName=`.
//! Source: systemd 252, `org.freedesktop.LogControl1(5)`.

/// The object that every service has for it.
pub const PATH: &str = "/org/freedesktop/LogControl1";
/// Its interface: `LogLevel` (s, read-write), `LogTarget` (s, read-write), `SyslogIdentifier` (s).
pub const INTERFACE: &str = "org.freedesktop.LogControl1";
/// The properties, in the order in which they are shown: name and whether it can be written.
pub const PROPERTIES: [(&str, bool); 3] =
    [("LogLevel", true), ("LogTarget", true), ("SyslogIdentifier", false)];

/// The one target that a service of ours has: its standard error, which the journal reads.
pub const TARGET: &str = "console";

/// A log level by its name in `syslog(3)`.
pub const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// Where the level is kept.
pub trait LogLevel: Send + Sync + 'static {
    /// The present one of [`LEVELS`].
    fn level(&self) -> &'static str;
    /// Takes one of [`LEVELS`]; false for anything else.
    fn set_level(&self, name: &str) -> bool;
}

#[cfg(feature = "service")]
pub use serve::LogControl;

#[cfg(feature = "service")]
mod serve {
    use super::{LogLevel, TARGET};
    use zbus::fdo;

    /// The object, for services that are served by an object server.
    #[derive(Debug)]
    pub struct LogControl<L> {
        /// Where the level is kept.
        pub level: L,
        /// The service's name.
        pub name: String,
    }

    #[zbus::interface(name = "org.freedesktop.LogControl1")]
    impl<L: LogLevel> LogControl<L> {
        #[zbus(property)]
        fn log_level(&self) -> &str {
            self.level.level()
        }

        #[zbus(property)]
        fn set_log_level(&mut self, name: &str) -> zbus::Result<()> {
            if self.level.set_level(name) {
                return Ok(());
            }
            Err(fdo::Error::InvalidArgs(format!("{name:?} is no log level")).into())
        }

        #[zbus(property)]
        fn log_target(&self) -> &str {
            TARGET
        }

        #[zbus(property)]
        fn set_log_target(&mut self, name: &str) -> zbus::Result<()> {
            if matches!(name, TARGET | "auto") {
                return Ok(());
            }
            Err(fdo::Error::NotSupported(format!("this service logs to its {TARGET} only")).into())
        }

        #[zbus(property)]
        fn syslog_identifier(&self) -> &str {
            &self.name
        }
    }
}
