//! Calls: taken from the bus, and answered.

use super::{Heard, SEND_LIMIT, Service, ending};
use crate::face::{self, Kind};
use crate::plan::{self, Planned};
use crate::queue::CALLERS;
use crate::refusal::{Cause, Refusal};
use crate::request::{Collect, LookUp, Request};
use crate::running::Asked;
use crate::{NAME, peers, reply};
use anyhow::Context as _;
use service_runtime::daemon::raw;
use service_runtime::{Exit, tasks};
use std::sync::Arc;
use zbus::Message;
use zbus::message::{Flags, Type as MessageType};

impl Service {
    /// Does what a message asks for, or has it done.
    pub(super) async fn handle(&mut self, message: &Message) -> anyhow::Result<()> {
        // Answers are for those who have called, signals for those who follow.
        if message.message_type() != MessageType::MethodCall {
            return Ok(());
        }
        if let Some(reply) = raw::log_control(message, NAME) {
            return self.send(message, reply).await;
        }
        let header = message.header();
        let taken = face::take(message, &header, &self.collection.shown());
        match taken.and_then(|kind| self.take(message, kind)) {
            Ok(Some(reply)) => self.send(message, reply).await,
            Ok(None) => Ok(()),
            Err(refusal) => self.refuse(message, &refusal).await,
        }
    }

    /// The reply, where there is one at once.
    fn take(&mut self, message: &Message, kind: Kind<'_>) -> Result<Option<zbus::Result<Message>>, Refusal> {
        let method = match kind {
            Kind::Standard(reply) => return Ok(Some(reply)),
            Kind::Ours(method) => method,
        };
        let request = Request::of_call(method, &message.body())?;
        let deadline = self.began.elapsed() + self.settings.wait_limit;
        match request {
            Request::LookUp(wanted) => return self.look_up(message, &wanted).map(Some),
            Request::Read(path, reading) => {
                // A reading is of no use without its reply.
                if wants_reply(message) {
                    let planned = plan::reading(&self.known, &path, reading, deadline);
                    self.push(message, planned)?;
                }
            }
            Request::Collect(wish) => self.collect(message, wish)?,
            Request::Write(path, wanted) => {
                let planned = plan::write(&self.known, &self.settings, &path, wanted, deadline);
                self.push(message, planned)?;
            }
            Request::Mend(path, what) => {
                let planned = plan::mend(&self.known, &self.settings, &path, what, deadline);
                self.push(message, planned)?;
            }
            Request::Pending => {
                let header = message.header();
                return Ok(Some(Message::method_return(&header).build(&self.interrupted.reasons())));
            }
            Request::History => {
                let header = message.header();
                return Ok(Some(Message::method_return(&header).build(&self.history.told())));
            }
        }
        Ok(None)
    }

    fn look_up(&self, message: &Message, wanted: &LookUp) -> Result<zbus::Result<Message>, Refusal> {
        let header = message.header();
        let reply = Message::method_return(&header);
        let locations = self.known.locations();
        Ok(match wanted {
            LookUp::Expanded(code) => reply.build(&self.codes.expanded(locations, code)?),
            LookUp::ByUnexpanded(code) => {
                reply.build(&reply::paths(&self.codes.by_unexpanded(locations, code)?))
            }
            LookUp::ByExpanded(code) => reply.build(&reply::paths(&self.codes.by_expanded(code)?)),
            LookUp::HardwarePath(path) => {
                let chips = self.known.eeprom(path)?.chips;
                let shown: Vec<_> = chips.iter().map(|chip| chip.to_string_lossy().into_owned()).collect();
                reply.build(&shown)
            }
        })
    }

    fn push(&mut self, message: &Message, planned: Planned) -> Result<(), Refusal> {
        let (needs, job) = planned?;
        self.room()?;
        let asked = Asked::new(&self.connection, message, job);
        self.queue.push(needs, asked).map(drop).map_err(|_| crowded())
    }

    /// Errors: the service ends, or too many wait already.
    fn room(&self) -> Result<(), Refusal> {
        if self.ends_at.is_some() {
            return Err(ending());
        }
        if self.queue.callers() + self.wishes < CALLERS { Ok(()) } else { Err(crowded()) }
    }

    fn collect(&mut self, message: &Message, wish: Collect) -> Result<(), Refusal> {
        self.room()?;
        let progress = self.collection.shown().progress;
        if matches!(wish, Collect::All | Collect::RemoveAll) && !progress.has_ended() {
            let text = "the collection is under way, or its service is not there";
            return Err(Cause::Unavailable.because(text));
        }
        // What names no EEPROM is told in the order of the calls.
        if let Collect::One(path) | Collect::Remove(path) = &wish {
            self.known.find(path)?;
        }
        self.wishes += 1;
        let says_whether = wish == Collect::All;
        let (connection, known) = (self.connection.clone(), Arc::clone(&self.known));
        let (tell, call) = (self.tell.clone(), message.clone());
        tasks::spawn(async move {
            let answer = peers::collect(&connection, &known, wish).await;
            let _ = tell.send(Heard::Collected(call, says_whether, answer));
        });
        Ok(())
    }

    pub(super) async fn refuse(&self, call: &Message, refusal: &Refusal) -> anyhow::Result<()> {
        let header = call.header();
        let method = header.member().map_or("", |name| name.as_str());
        if wants_reply(call) {
            log::debug!("{method} refused: {refusal}");
        } else {
            log::warn!("{method} refused, and its caller wants no reply: {refusal}");
        }
        let reply = Message::error(&header, refusal.cause.bus_name()).build(&refusal.text);
        self.send(call, reply).await
    }

    /// Sends a reply, if one is wanted.
    pub(super) async fn send(&self, call: &Message, reply: zbus::Result<Message>) -> anyhow::Result<()> {
        if !wants_reply(call) {
            return Ok(());
        }
        let reply = reply.or_else(|error| {
            // Too large for a message, most likely; the caller is told rather than everybody served no more.
            log::warn!("a reply cannot be built: {error}");
            let text = format!("the reply cannot be built: {error}");
            Message::error(&call.header(), Cause::Internal.bus_name()).build(&text)
        });
        self.send_all(&[reply.context("cannot build a reply")?]).await
    }

    /// Hands messages to the bus; a bus that takes nothing must not hold the service.
    pub(super) async fn send_all(&self, messages: &[Message]) -> anyhow::Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        tokio::time::timeout(SEND_LIMIT, self.connection.send_all(messages))
            .await
            .context("the bus does not take our messages")
            .context(Exit::PeerUnavailable)?
            .context("cannot send")
            .context(Exit::PeerUnavailable)
    }
}

fn wants_reply(call: &Message) -> bool {
    !call.primary_header().flags().contains(Flags::NO_REPLY_EXPECTED)
}

fn crowded() -> Refusal {
    Cause::TooManyResources.because(format!("{CALLERS} callers wait already"))
}
