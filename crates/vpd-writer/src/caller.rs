//! Who has called, as the bus knows it.

use dbus_api::call;
use plain_text::is_hidden;
use std::fmt;
use zbus::Connection;

/// A caller. What the bus did not say any more, as the caller has gone, is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The number of its user.
    pub user: Option<u32>,
    /// The number of its process.
    pub process: Option<u32>,
    /// What the kernel calls that process, where we may see it; as the process calls itself, so it proves nothing.
    pub name: String,
}

impl Caller {
    /// Asks the bus.
    pub async fn of(connection: &Connection, client: &str) -> Self {
        let user = call::unix_user(connection, client).await.ok();
        let process = call::unix_process(connection, client).await.ok();
        Self { user, process, name: process.map(name_of).unwrap_or_default() }
    }
}

fn name_of(process: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    name.chars().filter(|character| !is_hidden(*character)).collect()
}

impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u32>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        write!(formatter, "user={} process={}", number(self.user), number(self.process))?;
        if self.name.is_empty() { Ok(()) } else { write!(formatter, " name={:?}", self.name) }
    }
}
