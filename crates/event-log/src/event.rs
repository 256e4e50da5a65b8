use dbus_api::logging::Severity;
use plain_text::is_hidden;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Longest text of an event, characters; an object path may have so many.
const TEXT_KEPT: usize = 1_000;
/// Most additional data that an event carries.
const DATA_KEPT: usize = 32;

/// What an event is known by: as long as both stay wrong, it is the same event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// What it is about: an EEPROM's key, an object, `system`.
    pub subject: String,
    /// What is wrong with it, in a short word.
    pub cause: String,
}

impl fmt::Display for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "subject={} cause={}", self.subject, self.cause)
    }
}

/// Something that is wrong, or has happened, and what the event log is to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is known by.
    pub pair: Pair,
    /// Its message id, one of `dbus_api::logging::message_id`.
    pub id: Cow<'static, str>,
    /// How bad it is.
    pub severity: Severity,
    /// Additional data, by the keys of `dbus_api::logging::data_key`.
    pub data: BTreeMap<String, String>,
    /// Of a happening: told so long after it or not at all; not kept over a restart then. `None`: whenever that can be.
    pub told_within: Option<Duration>,
}

impl Event {
    /// An event without additional data.
    pub fn new(
        subject: impl Into<String>,
        cause: impl Into<String>,
        id: impl Into<Cow<'static, str>>,
        severity: Severity,
    ) -> Self {
        let pair = Pair { subject: subject.into(), cause: cause.into() };
        Self { pair, id: id.into(), severity, data: BTreeMap::new(), told_within: None }
    }

    /// The same with one more piece of data; of two with one key, the later counts.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.data.insert(key.into(), value.into());
        self
    }

    /// The same, of no use to those who read it later than this.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { told_within: Some(limit), ..self }
    }

    /// The same with texts as they may be sent and kept: what an EEPROM says may have got into them.
    pub(crate) fn tamed(self) -> Self {
        let mut data = BTreeMap::new();
        data.extend(self.data.into_iter().take(DATA_KEPT).map(|(key, value)| (tamed(key), tamed(value))));
        let pair = Pair { subject: tamed(self.pair.subject), cause: tamed(self.pair.cause) };
        Self { pair, data, ..self }
    }
}

/// No hidden characters, which the bus or a terminal would not take well, and no endless texts.
fn tamed(text: String) -> String {
    if text.len() <= TEXT_KEPT && !text.chars().any(is_hidden) {
        return text;
    }
    text.chars().take(TEXT_KEPT).map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_control_characters_nor_endless_texts_are_sent_or_kept() {
        let wild = "\0\u{1b}\n".to_owned() + &"x".repeat(10_000);
        let mut event = Event::new(wild.clone(), wild.clone(), "a.Id", Severity::Error).with("A", wild);
        for number in 0..1_000 {
            event = event.with(format!("N{number}"), "value");
        }
        let event = event.tamed();
        assert_eq!(event.data.len(), DATA_KEPT);
        for text in [&event.pair.subject, &event.pair.cause, &event.data["A"]] {
            assert!(text.starts_with("\u{fffd}\u{fffd}\u{fffd}xx"));
            assert_eq!(text.chars().count(), TEXT_KEPT);
        }
        let plain = Event::new("10-0050", "größer", "a.Id", Severity::Error).with("A", "b");
        assert_eq!(plain.clone().tamed(), plain);
    }
}
