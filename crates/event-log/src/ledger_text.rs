//! The ledger as it is kept over a restart: what was delivered, one line each.

use crate::{Ledger, Limits, Pair};
use std::fmt::Write as _;

/// Before the number of events that found no room.
const DROPPED: &str = "dropped";
/// Before an event that was delivered.
const DELIVERED: &str = "delivered";
/// Largest file that is looked at, bytes.
pub(crate) const LONGEST: usize = 4 << 20;

impl Ledger {
    /// What a restart must know.
    ///
    /// Shape: lines of words; `dropped COUNT`, `delivered SUBJECT CAUSE`. In a word, `%` and two hex digits stand for
    /// a byte that is not printable ASCII, a blank or `%`. What is pending is not in it: it is still wrong after the
    /// restart, or it is not.
    pub fn to_text(&self) -> String {
        let mut text = format!("{DROPPED} {}\n", self.dropped);
        for pair in &self.delivered {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{DELIVERED} {} {}", escaped(&pair.subject), escaped(&pair.cause));
        }
        text
    }

    /// Reads what [`Self::to_text`] wrote. A line that makes no sense is passed over: its event is told once more.
    pub fn parse(text: &str, limits: Limits) -> Self {
        let mut ledger = Self::new(limits);
        for line in text.lines() {
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                [DROPPED, count] => ledger.dropped = count.parse().unwrap_or(ledger.dropped),
                [DELIVERED, subject, cause] if ledger.delivered.len() < limits.raised => {
                    if let (Some(subject), Some(cause)) = (unescaped(subject), unescaped(cause)) {
                        ledger.delivered.insert(Pair { subject, cause });
                    }
                }
                _ => {}
            }
        }
        ledger
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02x}");
        }
    }
    escaped
}

fn unescaped(word: &str) -> Option<String> {
    let mut parts = word.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend(rest.bytes());
    }
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(pairs: &[(&str, &str)]) -> Ledger {
        let mut ledger = Ledger::new(Limits::default());
        for (subject, cause) in pairs {
            ledger.delivered.insert(Pair { subject: (*subject).into(), cause: (*cause).into() });
        }
        ledger
    }

    #[test]
    fn a_ledger_goes_both_ways() {
        let mut ledger = delivered(&[("10-0050", "blank"), ("file:a b%", "größe\r"), ("/system", "x")]);
        ledger.dropped = 7;
        let text = ledger.to_text();
        let lines = [
            "dropped 7",
            "delivered /system x",
            "delivered 10-0050 blank",
            "delivered file:a%20b%25 gr%c3%b6%c3%9fe%0d",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), lines);
        assert_eq!(Ledger::parse(&text, Limits::default()), ledger);
    }

    #[test]
    fn a_damaged_line_costs_only_itself() {
        let text = "dropped x\ndelivered a b\ndelivered\ndelivered a%2\ndelivered a%zz b\ndelivered c%ff d\n\
                    delivered  b\ndelivered a b c\n\u{fffd}\u{0}\nlivered e f\ndelivered g h";
        assert_eq!(Ledger::parse(text, Limits::default()), delivered(&[("a", "b"), ("g", "h")]));
    }

    #[test]
    fn a_file_cannot_fill_the_memory() {
        let text: String = (0..1_000).map(|number| format!("delivered {number} x\n")).collect();
        let limits = Limits { raised: 10, pending: 10 };
        assert_eq!(Ledger::parse(&text, limits).delivered.len(), 10);
    }
}
