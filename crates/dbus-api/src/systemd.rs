//! `org.freedesktop.systemd1`: names; `unit-jobs` calls it.
//!
//! Source: systemd 252, `org.freedesktop.systemd1(5)`.

use zbus::message::Type as MessageType;
use zbus::{MatchRule, OwnedObjectPath};

/// Bus name of PID 1.
pub const BUS_NAME: &str = "org.freedesktop.systemd1";
/// Its object.
pub const PATH: &str = "/org/freedesktop/systemd1";
/// Interface of units' starting and stopping.
pub const MANAGER: &str = "org.freedesktop.systemd1.Manager";
/// Properties that every unit has.
pub const UNIT: &str = "org.freedesktop.systemd1.Unit";
/// Properties of service units.
pub const SERVICE: &str = "org.freedesktop.systemd1.Service";
/// `JobRemoved(uoss)`: id, job, unit, result. Who asked for the job gets it without subscribing.
pub const JOB_REMOVED: &str = "JobRemoved";

/// Which signals are [`JOB_REMOVED`]; the receiver checks that PID 1 sent it.
pub fn job_removed_rule() -> zbus::Result<MatchRule<'static>> {
    MatchRule::builder()
        .msg_type(MessageType::Signal)
        .path(PATH)
        .interface(MANAGER)
        .member(JOB_REMOVED)
        .build()
}

/// Job, unit and result of a [`JOB_REMOVED`]; `done` is the result of a success.
pub fn job_removed(message: &zbus::Message) -> Option<(String, String, String)> {
    let (_, job, unit, result): (u32, OwnedObjectPath, String, String) = message.body().deserialize().ok()?;
    Some((job.as_str().to_owned(), unit, result))
}

/// Text as part of a unit's name, as `systemd-escape` prints it: an instance of a template has any text so.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'/' => escaped.push('-'),
            b'.' if index == 0 => escaped.push_str(r"\x2e"),
            b':' | b'_' | b'.' => escaped.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!(r"\x{byte:02x}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by `systemd-escape` of systemd 252.
    const ESCAPED: [(&str, &str); 9] = [
        ("8-0050", r"8\x2d0050"),
        ("spi12.0", "spi12.0"),
        ("file:card.bin", "file:card.bin"),
        ("file:a b", r"file:a\x20b"),
        ("file:é%", r"file:\xc3\xa9\x25"),
        (".lead", r"\x2elead"),
        (r"file:back\slash", r"file:back\x5cslash"),
        ("file:a-b_c@d", r"file:a\x2db_c\x40d"),
        ("a/b", "a-b"),
    ];

    #[test]
    fn text_is_escaped_as_systemd_does_it() {
        for (text, escaped) in ESCAPED {
            assert_eq!(escape(text), escaped);
        }
    }
}
