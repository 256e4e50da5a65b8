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

/// The object of a unit: any name has one, whether there is such a unit or not.
///
/// Source: systemd 252, `bus_label_escape` in `src/basic/bus-label.c`.
pub fn unit_path(name: &str) -> String {
    let mut path = format!("{PATH}/unit/");
    for (index, byte) in name.bytes().enumerate() {
        match byte {
            _ if byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && index > 0) => {
                path.push(char::from(byte))
            }
            _ => path.push_str(&format!("_{byte:02x}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `busctl tree org.freedesktop.systemd1` lists them.
    #[test]
    fn a_units_object_is_the_one_that_systemd_gives_it() {
        for (name, label) in [
            ("dbus.service", "dbus_2eservice"),
            (r"ipz-vpd-parser@10\x2d0050.service", "ipz_2dvpd_2dparser_4010_5cx2d0050_2eservice"),
            ("1-a.service", "_31_2da_2eservice"),
        ] {
            assert_eq!(unit_path(name), format!("/org/freedesktop/systemd1/unit/{label}"));
        }
    }

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
