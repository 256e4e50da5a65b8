//! Asks other programs what the view of installers wants to know, off the bus's task; the answers come as events.

use super::{Effect, Event, calls};
use crate::image_rules;
use crate::settings::{Policy, Settings};
use dbus_api::software;
use service_runtime::tasks;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use zbus::Connection;

/// When the object mapper is asked about a change: at once, and when it must have heard of it too.
const MAPPER_WAITS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(8)];

/// What was asked came to this.
#[derive(Debug)]
pub enum Answer {
    /// For the view of installers.
    Installers(Event),
    /// Whether the machine is in field mode.
    FieldMode(bool),
}

/// What is being asked.
#[derive(Debug)]
pub struct Asking {
    connection: Connection,
    answers: mpsc::UnboundedSender<Answer>,
    asks_field_mode: bool,
    /// One question at a time each: signals that come fast keep no crowd of tasks busy.
    marker: Option<AbortHandle>,
    field_mode: Option<AbortHandle>,
}

impl Asking {
    /// Nothing is asked yet; answers come through the receiver.
    pub fn new(connection: &Connection, settings: &Settings) -> (Self, mpsc::UnboundedReceiver<Answer>) {
        let (answers, given) = mpsc::unbounded_channel();
        let (connection, asks_field_mode) = (connection.clone(), settings.policy == Policy::FieldMode);
        (Self { connection, answers, asks_field_mode, marker: None, field_mode: None }, given)
    }

    /// Asks what an effect wants to know, if it is a question.
    pub fn ask(&mut self, effect: &Effect) {
        let (connection, answers) = (self.connection.clone(), self.answers.clone());
        // The receiver is gone only when the service ends.
        match effect {
            Effect::Scan(owner) => {
                let owner = owner.clone();
                tasks::spawn(async move {
                    let asked = calls::objects(&connection, &owner).await;
                    if asked.is_err() {
                        let _ = answers.send(Answer::Installers(Event::HasNoList));
                    }
                    let _ =
                        answers.send(Answer::Installers(Event::Scanned(owner, asked.unwrap_or_default())));
                });
            }
            Effect::AskUser(owner) => {
                let owner = owner.clone();
                tasks::spawn(async move {
                    let is_root = calls::is_trusted(&connection, &owner).await;
                    let _ = answers.send(Answer::Installers(Event::User { owner, is_root }));
                });
            }
            Effect::AskPresent => {
                tasks::spawn(async move {
                    let present = calls::present(&connection).await;
                    let _ = answers.send(Answer::Installers(Event::Present(present)));
                });
            }
            Effect::AskMarker => {
                let asking = tasks::spawn(async move {
                    // The object mapper takes a while to find out what a newcomer has.
                    for wait in MAPPER_WAITS {
                        tokio::time::sleep(wait).await;
                        let asked = calls::multipart_elsewhere(&connection, software::IMAGE_MANAGER);
                        let is_elsewhere = asked.await;
                        let _ = answers.send(Answer::Installers(Event::Marker { is_elsewhere }));
                    }
                });
                abort(self.marker.replace(asking.abort_handle()));
            }
            Effect::AskFieldMode if !self.asks_field_mode => {}
            Effect::AskFieldMode => {
                let asking = tasks::spawn(async move {
                    for wait in MAPPER_WAITS {
                        tokio::time::sleep(wait).await;
                        // One that does not say may be about to come back: what was taken in is not thrown away for that.
                        if let Some(is_enabled) = image_rules::field_mode(&connection).await {
                            let _ = answers.send(Answer::FieldMode(is_enabled));
                        }
                    }
                });
                abort(self.field_mode.replace(asking.abort_handle()));
            }
            Effect::ShowMarker(_) | Effect::Changed(_) | Effect::NotBelieved { .. } => {}
        }
    }
}

fn abort(earlier: Option<AbortHandle>) {
    if let Some(earlier) = earlier {
        earlier.abort();
    }
}
