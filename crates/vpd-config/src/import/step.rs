//! A step of what is done about a place for a part.

use crate::import::words::{list, quoted};
use std::fmt;

/// What a step does; shown as an inline table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Presence { line: String, level: u64 },
    Set { line: String, level: u64 },
    NewDevice { part: String, at: String },
    DeleteDevice { at: String },
    Bind { device: String, driver: String },
    Unbind { device: String, driver: String },
    WriteSysfs { path: String, value: String },
}

/// An action, and the CCINs of the parts that it is for: all when there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) ccin: Vec<String>,
}

impl Action {
    fn pairs(&self) -> String {
        match self {
            Self::Presence { line, level } => format!("presence = {}, level = {level}", quoted(line)),
            Self::Set { line, level } => format!("set = {}, level = {level}", quoted(line)),
            Self::NewDevice { part, at } => format!("new-device = {}, at = {}", quoted(part), quoted(at)),
            Self::DeleteDevice { at } => format!("delete-device = {}", quoted(at)),
            Self::Bind { device, driver } => {
                format!("bind = {}, driver = {}", quoted(device), quoted(driver))
            }
            Self::Unbind { device, driver } => {
                format!("unbind = {}, driver = {}", quoted(device), quoted(driver))
            }
            Self::WriteSysfs { path, value } => {
                format!("write-sysfs = {}, value = {}", quoted(path), quoted(value))
            }
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{ {} }}", self.pairs())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ccin.is_empty() {
            return self.action.fmt(formatter);
        }
        write!(formatter, "{{ {}, ccin = {} }}", self.action.pairs(), list(&self.ccin))
    }
}
