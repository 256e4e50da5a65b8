//! The event log: entries are created, shown, and deleted one by one or all at once.

use super::Role;
use crate::call::{Call, Outcome};
use crate::objects::{Interfaces, Objects, Properties};
use std::collections::BTreeMap;
use std::time::SystemTime;
use zbus::{Message, ObjectPath, Variant};

const ROOT: &str = "/xyz/openbmc_project/logging";
const ENTRY: &str = "xyz.openbmc_project.Logging.Entry";
const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";

/// The log.
#[derive(Debug, Default)]
pub(crate) struct EventLog {
    objects: Objects,
    /// The number of the newest entry; numbers are not used again.
    newest: u32,
}

impl EventLog {
    fn create(&mut self, call: &Call<'_>) -> Outcome {
        let (message, severity) = (call.text(0)?.to_owned(), call.text(1)?.to_owned());
        let data = match call.arguments.get(2) {
            Some(data @ Variant::Dict(dict)) if dict.signature() == "a{ss}" => data.try_to_owned()?,
            _ => return Err(call.unknown()),
        };
        self.newest += 1;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let properties = Properties::from([
            ("Id", Variant::from(self.newest)),
            ("Timestamp", Variant::from(now)),
            ("UpdateTimestamp", Variant::from(now)),
            ("Severity", Variant::from(severity)),
            ("Message", Variant::from(message)),
            ("AdditionalData", Variant::from(data)),
            ("Resolved", Variant::from(false)),
        ]);
        let path = ObjectPath::try_from(format!("{ROOT}/entry/{}", self.newest))?;
        let interfaces = Interfaces::from([(ENTRY, properties)]);
        let signal = Message::signal(ROOT, OBJECT_MANAGER, "InterfacesAdded").build(&(&path, &interfaces))?;
        self.objects.0.insert(path.to_string(), interfaces);
        call.reply_after(vec![signal], &path)
    }

    fn delete(&mut self, call: &Call<'_>, whether: impl Fn(&str) -> bool) -> Outcome {
        let (gone, kept): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.objects.0).into_iter().partition(|(path, _)| whether(path));
        self.objects.0 = kept;
        let mut signals = Vec::new();
        for (path, interfaces) in gone {
            let names: Vec<&str> = interfaces.into_keys().collect();
            let body = (ObjectPath::try_from(path)?, names);
            signals.push(Message::signal(ROOT, OBJECT_MANAGER, "InterfacesRemoved").build(&body)?);
        }
        call.reply_after(signals, &())
    }
}

impl Role for EventLog {
    fn objects(&mut self) -> &mut Objects {
        &mut self.objects
    }

    fn perform(&mut self, call: &Call<'_>) -> Option<Outcome> {
        match (call.path, call.interface, call.member) {
            (ROOT, "xyz.openbmc_project.Logging.Create", "Create") => Some(self.create(call)),
            (ROOT, "xyz.openbmc_project.Collection.DeleteAll", "DeleteAll") => {
                Some(self.delete(call, |_| true))
            }
            (path, "xyz.openbmc_project.Object.Delete", "Delete") if self.objects.0.contains_key(path) => {
                Some(self.delete(call, |entry| entry == path))
            }
            _ => None,
        }
    }
}
