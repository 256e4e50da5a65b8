//! Lines that are looked at again and again, as their chips cannot say when they change.

use crate::collection::{Event, Told};
use device_io::lines::{CharacterDevices, Lines as _};
use std::thread;
use std::time::Instant;
use system_index::{Level, Poll};
use tokio::sync::mpsc::UnboundedSender;

/// Looks at lines in a thread of its own, since a chip behind a bus takes its time, until nobody listens.
pub fn watch(polls: Vec<(String, Poll)>, events: UnboundedSender<Event>) {
    if polls.is_empty() {
        return;
    }
    thread::spawn(move || {
        let mut due: Vec<(Instant, String, Poll)> =
            polls.into_iter().map(|(key, poll)| (Instant::now() + poll.interval(), key, poll)).collect();
        while let Some(next) = due.iter().map(|(at, ..)| *at).min() {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            for (at, key, poll) in due.iter_mut().filter(|(at, ..)| *at <= next) {
                *at = Instant::now() + poll.interval();
                if let Some(told) = look(key, poll)
                    && events.send(Event::Line(key.clone(), told)).is_err()
                {
                    return;
                }
            }
        }
    });
}

/// What the line says now; nothing when it cannot be read.
fn look(key: &str, poll: &Poll) -> Option<Told> {
    match CharacterDevices.read(poll.line.as_str()) {
        Ok(is_high) => {
            let is_there = is_high == (poll.level == Level::High);
            Some(if is_there { Told::There } else { Told::Gone })
        }
        Err(error) => {
            log::debug!("a line cannot be read: {error} fru={key}");
            None
        }
    }
}
