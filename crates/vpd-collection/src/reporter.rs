//! Who may report for an EEPROM: a process of its parser's unit, as PID 1 tells, and for any EEPROM root and the user
//! that this service runs as, since parsers are run by hand too.
//!
//! A parser has read hostile bytes. One that was taken over says of its own EEPROM what it likes, and of no other.

use dbus_api::call::{self, CallError};
use dbus_api::systemd::unit_path;
use dbus_api::vpd::collection::Refusal;
use fru_publication::EepromKey;
use std::time::Duration;
use system_index::Parser;
use system_index::units::unit_name;
use zbus::Connection;

/// Longest wait for bus and PID 1, all questions together. A parser waits ten seconds for its answer; one that is refused
/// prints its report, and its unit is run again as after any report that was lost.
pub const LIMIT: Duration = Duration::from_secs(5);

/// Tells who may report.
#[derive(Debug)]
pub struct Reporters {
    /// Whether processes of a user, by its number, may report for any EEPROM.
    pub trusts: fn(u32) -> bool,
    /// Longest wait, all questions together.
    pub limit: Duration,
}

impl Reporters {
    /// Judges a connection by its unique name. Costs one question to the bus for those who may report for any EEPROM, else
    /// three, and one to PID 1.
    ///
    /// Errors: it may not, or that cannot be told within the limit.
    pub async fn judge(&self, connection: &Connection, caller: &str, key: &str) -> Result<(), Refusal> {
        let judged = tokio::time::timeout(self.limit, self.ask(connection, caller, key)).await;
        let unclear = |reason: String| Refusal::Unclear(key.to_owned(), reason);
        match judged {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(who))) => Err(Refusal::NotTheirs(key.to_owned(), who)),
            Ok(Err(error)) => Err(unclear(error.to_string())),
            Err(_) => Err(unclear("PID 1 or the bus does not answer".to_owned())),
        }
    }

    /// Who the caller is, if it may not report.
    async fn ask(
        &self,
        connection: &Connection,
        caller: &str,
        key: &str,
    ) -> Result<Option<String>, CallError> {
        let user = call::unix_user(connection, caller).await?;
        if (self.trusts)(user) {
            return Ok(None);
        }
        let process = call::unix_process(connection, caller).await?;
        let unit = unit_jobs::unit_of_process(connection, process).await?;
        // Another process may have the number by now, unless the connection is there: a parser's unit lets it start no process,
        // so that its connection ends with it.
        let still = call::unix_process(connection, caller).await?;
        // The one parser may have replaced itself by the other, in the unit of the first.
        let is_its_parsers = |unit: &str| {
            let units = EepromKey::parse(key)
                .map(|key| [Parser::Ipz, Parser::Keyword].map(|parser| unit_name(parser, &key)));
            units.is_ok_and(|units| units.iter().any(|name| unit_path(name) == unit))
        };
        if still == process && unit.as_deref().is_some_and(is_its_parsers) {
            return Ok(None);
        }
        let unit = unit.unwrap_or_else(|| "no unit".to_owned());
        Ok(Some(format!("process {process} of user {user}, of {unit},")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::{Line, Request};
    use dbus_api::vpd::collection::{self, CollectionObject, Report};
    use std::sync::{Arc, Mutex};
    use test_bus::PrivateBus;
    use tokio::sync::mpsc;
    use zbus::connection::Builder;

    const UNIT: &str = "/org/freedesktop/systemd1/unit/";

    #[derive(Debug, zbus::DBusError)]
    #[zbus(prefix = "org.freedesktop.systemd1")]
    enum Error {
        #[zbus(error)]
        Bus(zbus::Error),
        NoUnitForPID(String),
    }

    /// What PID 1 says of the test's own process; nothing when it does not answer.
    #[derive(Debug, Clone, Default)]
    struct Process1(Arc<Mutex<Option<Option<String>>>>);

    #[zbus::interface(name = "org.freedesktop.systemd1.Manager")]
    impl Process1 {
        #[zbus(name = "GetUnitByPID")]
        async fn get_unit_by_pid(&self, process: u32) -> Result<zbus::OwnedObjectPath, Error> {
            assert_eq!(process, std::process::id());
            let unit = self.0.lock().unwrap().clone();
            match unit {
                Some(Some(unit)) => Ok(unit.try_into().unwrap()),
                Some(None) => {
                    Err(Error::NoUnitForPID(format!("PID {process} does not belong to any loaded unit")))
                }
                None => std::future::pending().await,
            }
        }
    }

    /// What became of a report for a key, by the name of the error, and whether the owner has heard of it.
    async fn report(line: &mut mpsc::Receiver<Request>, client: &Connection, key: &str) -> (String, bool) {
        let report = Report { key: key.to_owned(), ..Report::default() };
        let reporting = collection::report(client, &report, &[]);
        let mut has_heard = false;
        let answer = async {
            while let Some(Request::Report(_, _, answer)) = line.recv().await {
                has_heard = true;
                let _ = answer.send(());
            }
        };
        let refusal = tokio::select! {
            answer = reporting => match answer {
                Ok(()) => String::new(),
                Err(CallError::Refused { name, .. }) => name,
                Err(error) => panic!("{error}"),
            },
            () = answer => panic!("the service has gone"),
        };
        (refusal, has_heard)
    }

    #[tokio::test]
    async fn only_a_process_of_the_eeproms_own_parser_unit_reports_for_it() {
        if !test_bus::can_run() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let bus = PrivateBus::start(folder.path()).unwrap();
        let connect = || Builder::address(bus.address());
        let process_1 = Process1::default();
        let systemd = connect().name("org.freedesktop.systemd1");
        let _systemd =
            systemd.serve_at("/org/freedesktop/systemd1", process_1.clone()).build().await.unwrap();
        let client = connect().build().await.unwrap();
        let refused = |name: &str| (format!("xyz.openbmc_project.Common.Error.{name}"), false);
        let taken = (String::new(), true);
        let serve = async |trusts: fn(u32) -> bool| {
            let (requests, line) = mpsc::channel(1);
            let object = CollectionObject(Line::new(
                requests,
                Reporters { trusts, limit: Duration::from_millis(500) },
            ));
            let service = connect().serve_at(collection::PATH, object);
            (service.name(collection::BUS_NAME).build().await.unwrap(), line)
        };

        let (service, mut line) = serve(|_| false).await;
        for (unit, key, expected) in [
            ("ipz_2dvpd_2dparser_408_5cx2d0050_2eservice", "8-0050", &taken),
            ("keyword_2dvpd_2dparser_408_5cx2d0050_2eservice", "8-0050", &taken),
            ("ipz_2dvpd_2dparser_40file_3ax_2eservice", "file:x", &taken),
            ("ipz_2dvpd_2dparser_408_5cx2d0051_2eservice", "8-0050", &refused("InsufficientPermission")),
            ("vpd_2dslot_408_5cx2d0050_2eservice", "8-0050", &refused("InsufficientPermission")),
            ("user_401000_2eservice", "8-0050", &refused("InsufficientPermission")),
            ("ipz_2dvpd_2dparser_40_2eservice", "", &refused("InsufficientPermission")),
        ] {
            *process_1.0.lock().unwrap() = Some(Some(format!("{UNIT}{unit}")));
            assert_eq!(report(&mut line, &client, key).await, *expected, "{unit} {key}");
        }
        *process_1.0.lock().unwrap() = Some(None);
        assert_eq!(report(&mut line, &client, "8-0050").await, refused("InsufficientPermission"));
        *process_1.0.lock().unwrap() = None;
        assert_eq!(report(&mut line, &client, "8-0050").await, refused("Unavailable"));
        drop((service, line));

        let (_service, mut line) = serve(peer::is_privileged_user).await;
        assert_eq!(report(&mut line, &client, "8-0050").await, taken, "PID 1 is not asked");
    }
}
