//! The owner of all state: one task, which takes calls in the order in which they come and waits for nothing but them.

use crate::NAME;
use crate::codes::Codes;
use crate::collection::{Collection, Shown};
use crate::face::{self, Kind};
use crate::history::{Entry, History};
use crate::known::Known;
use crate::peers;
use crate::plan::{self, Planned};
use crate::queue::{CALLERS, Queue, Ticket};
use crate::refusal::{Cause, Refusal};
use crate::reply;
use crate::request::{Collect, LookUp, Request};
use crate::running::{self, Asked, Ended};
use crate::settings::{self, Settings};
use anyhow::Context as _;
use dbus_api::inventory::codes::{self, Change};
use dbus_api::inventory::manager as inventory;
use dbus_api::standard::OBJECT_MANAGER;
use dbus_api::vpd::collection::{self, StateChange, Status};
use dbus_api::vpd::{manager, writer};
use durable_state::RealDisk;
use peer::{BackOff, News, Peer, persist};
use service_runtime::bus::Accepts;
use service_runtime::daemon::{Lifecycle, Start, Turn, raw};
use service_runtime::{Exit, bus, clock, folders, tasks};
use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::Instant;
use zbus::message::{Flags, Type as MessageType};
use zbus::{Connection, MatchRule, Message, MessageStream};

/// A keyword may have 65,535 bytes; the bus's policy lets root and the administrators of VPD write them. Of new objects, location
/// codes are wanted, and without its body such a signal has all of them read again.
const ACCEPTS: Accepts = Accepts {
    large: &[
        ((manager::INTERFACE, manager::WRITE_KEYWORD), 128 * 1024),
        ((manager::INTERFACE, manager::UPDATE_KEYWORD), 128 * 1024),
        ((manager::INTERFACE, manager::WRITE_KEYWORD_ON_HARDWARE), 128 * 1024),
        ((writer::INTERFACE, writer::WRITE), 256 * 1024),
        ((OBJECT_MANAGER, "InterfacesAdded"), 64 * 1024),
    ],
    ..Accepts::SHORT
};
/// Longest wait for an answer to a call of ours. A collection of all takes no longer to be begun.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Longest wait for the bus to take what we send; shorter than any watchdog.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// How long what is under way may go on when the service is to end: two locks and a record's write cycles.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// What the tasks beside the owner tell it.
#[derive(Debug)]
pub enum Heard {
    /// A job is done with its chips.
    Released(Ticket, Option<Entry>),
    /// A job has ended.
    Ended(Ended),
    /// The collection service has answered a wish, or refused it.
    Collected(Message, bool, Result<(), Refusal>),
    /// The inventory has answered with all location codes, or not in time.
    Codes(Option<BTreeMap<String, String>>),
    /// The collection service has said where it stands.
    Status(Box<Status>),
}

/// Reads settings and the chosen system, takes the name and serves until told to stop.
pub async fn start(start: Start) -> anyhow::Result<()> {
    let Some(fragment) = start.settings::<settings::Fragment>()? else { return Ok(()) };
    let settings = fragment.settings().context(Exit::Configuration)?;
    let known = Known::load(&start.root)?;
    let (connection, _replies) = bus::connect_as_service(CALL_LIMIT, &ACCEPTS).await?;
    // Two writers must not share a state folder; the name tells before the folder is touched.
    bus::refuse_second(&connection, manager::BUS_NAME).await?;
    let history = History::load(RealDisk, folders::state());
    let rules = codes::rules().context("a rule of ours is wrong")?;
    let inventory = Peer::follow(&connection, inventory::BUS_NAME, rules).await?;
    let rules = [state_changed_rule().context("a rule of ours is wrong")?];
    let collection = Peer::follow(&connection, collection::BUS_NAME, rules).await?;
    let mut messages = MessageStream::from(&connection);
    let early = own(&connection, &mut messages).await?;
    let (tell, heard) = mpsc::unbounded_channel();
    let service = Service {
        settings,
        known: Arc::new(known),
        queue: Queue::default(),
        wishes: 0,
        codes: Codes::default(),
        collection: Collection::default(),
        history,
        connection,
        tell,
        began: Instant::now(),
        ends_at: None,
    };
    service.run(start.lifecycle, Peers { inventory, collection, messages, heard }, early).await
}

/// What the collection service says of its own accord.
fn state_changed_rule() -> zbus::Result<MatchRule<'static>> {
    let signal = MatchRule::builder().msg_type(MessageType::Signal).sender(collection::BUS_NAME);
    signal.path(collection::PATH).interface(collection::INTERFACE).member(collection::STATE_CHANGED).build()
}

/// Takes the name. What comes meanwhile is read, or the bus's answer would not be.
async fn own(connection: &Connection, messages: &mut MessageStream) -> anyhow::Result<VecDeque<Message>> {
    let mut early = VecDeque::new();
    let mut owning = pin!(bus::own(connection, manager::BUS_NAME));
    loop {
        tokio::select! {
            biased;
            owned = &mut owning => return owned.map(|()| early),
            message = bus::next(messages) => {
                let message = message?;
                if message.message_type() == MessageType::MethodCall && early.len() < ACCEPTS.waiting.get() {
                    early.push_back(message);
                }
            }
        }
    }
}

/// Where news comes from.
struct Peers {
    inventory: Peer,
    collection: Peer,
    messages: MessageStream,
    heard: UnboundedReceiver<Heard>,
}

struct Service {
    settings: Settings,
    known: Arc<Known>,
    queue: Queue<Asked>,
    /// Wishes to the collection service that are not answered yet.
    wishes: usize,
    codes: Codes,
    collection: Collection,
    history: History<RealDisk>,
    connection: Connection,
    tell: UnboundedSender<Heard>,
    began: Instant,
    /// The service is to end: then at the latest, with jobs under way or not.
    ends_at: Option<Instant>,
}

impl Service {
    async fn run(
        mut self,
        mut lifecycle: Lifecycle,
        mut peers: Peers,
        early: VecDeque<Message>,
    ) -> anyhow::Result<()> {
        if peers.inventory.owner().is_some() && self.codes.came() {
            self.ask_codes();
        }
        if peers.collection.owner().is_some() {
            self.ask_status();
        }
        lifecycle.ready();
        for message in early {
            self.handle(&message).await?;
        }
        loop {
            self.begin();
            if self.ends_at.is_some_and(|at| self.queue.running() == 0 || at <= Instant::now()) {
                break;
            }
            lifecycle.status(&self.status());
            let overdue_at = self.queue.wake_at().map(|due| self.began + due);
            tokio::select! {
                turn = lifecycle.turn(overdue_at.into_iter().chain(self.ends_at).min()) => match turn {
                    Turn::Stop => self.stop(&lifecycle).await?,
                    Turn::Due => self.give_back_overdue().await?,
                },
                Some(heard) = peers.heard.recv() => self.hear(heard).await?,
                news = peers.inventory.next() => self.hear_inventory(news?),
                news = peers.collection.next() => self.hear_collection(news?).await?,
                message = bus::next(&mut peers.messages) => self.handle(&message?).await?,
            }
        }
        lifecycle.stopping();
        // What was done with its chips before is told all the same.
        while let Ok(heard) = peers.heard.try_recv() {
            self.hear(heard).await?;
        }
        self.history.flush();
        Ok(())
    }

    fn status(&self) -> String {
        let inventory = if self.codes.is_known() { "" } else { ", waiting for the inventory" };
        let (count, callers) = (self.known.count(), self.queue.callers());
        format!("{count} EEPROMs, {callers} callers{inventory}")
    }

    /// No job is begun any more. Who waits is told, what is under way goes on.
    async fn stop(&mut self, lifecycle: &Lifecycle) -> anyhow::Result<()> {
        lifecycle.extend(STOP_LIMIT + SEND_LIMIT);
        self.ends_at.get_or_insert(Instant::now() + STOP_LIMIT);
        for (ticket, asked) in self.queue.drain() {
            self.queue.answered(ticket);
            self.refuse(&asked.call, &ending()).await?;
        }
        Ok(())
    }

    async fn give_back_overdue(&mut self) -> anyhow::Result<()> {
        for (_, asked) in self.queue.overdue(self.began.elapsed()) {
            let key = asked.job.key();
            let why = if asked.job.follows_first_reading() && !self.collection.was_read(key) {
                "it has not been collected yet"
            } else {
                "too much is to be done before"
            };
            let text = format!("{key} was not reached in time: {why}");
            self.refuse(&asked.call, &Cause::Unavailable.because(text)).await?;
        }
        Ok(())
    }

    /// Begins all jobs that may begin.
    fn begin(&mut self) {
        while let Some((ticket, asked)) = self.queue.next(&|key| self.collection.was_read(key)) {
            let (connection, tell) = (self.connection.clone(), self.tell.clone());
            tasks::spawn(running::run(connection, ticket, asked, tell));
        }
    }

    async fn hear(&mut self, heard: Heard) -> anyhow::Result<()> {
        match heard {
            Heard::Released(ticket, entry) => {
                self.queue.released(ticket);
                entry.into_iter().for_each(|entry| self.history.add(entry));
            }
            Heard::Ended(ended) => {
                self.queue.answered(ended.ticket);
                match &ended.outcome {
                    Ok(done) => self.send(&ended.call, reply::of_job(&ended.call, done)).await?,
                    Err(refusal) => self.refuse(&ended.call, refusal).await?,
                }
            }
            Heard::Collected(call, says_whether, answer) => {
                self.wishes = self.wishes.saturating_sub(1);
                let header = call.header();
                let reply = Message::method_return(&header);
                match answer {
                    Ok(()) if says_whether => self.send(&call, reply.build(&true)).await?,
                    Ok(()) => self.send(&call, reply.build(&())).await?,
                    Err(refusal) => self.refuse(&call, &refusal).await?,
                }
            }
            Heard::Codes(codes) => {
                if self.codes.answered(codes) {
                    self.ask_codes();
                }
            }
            Heard::Status(status) => {
                let before = self.collection.shown();
                self.collection.answered(&status, now());
                self.tell_changes(before).await?;
            }
        }
        Ok(())
    }

    fn hear_inventory(&mut self, news: News) {
        let asks = match news {
            News::Came => self.codes.came(),
            News::Went => {
                self.codes.went();
                false
            }
            News::Said(signal) => self.codes.said(Change::of(&signal)),
        };
        if asks {
            self.ask_codes();
        }
    }

    async fn hear_collection(&mut self, news: News) -> anyhow::Result<()> {
        let before = self.collection.shown();
        match news {
            News::Came => {
                self.collection.came();
                self.ask_status();
            }
            News::Went => self.collection.went(),
            News::Said(signal) => {
                if let Ok(change) = signal.body().deserialize::<StateChange>() {
                    self.collection.changed(change, now());
                }
            }
        }
        self.tell_changes(before).await
    }

    async fn tell_changes(&self, before: Shown) -> anyhow::Result<()> {
        let signals = face::changes(&before, &self.collection.shown()).context("cannot build a signal")?;
        self.send_all(&signals).await
    }

    fn ask_codes(&self) {
        let (connection, tell) = (self.connection.clone(), self.tell.clone());
        tasks::spawn(async move {
            let asked = codes::codes(&connection).await;
            let asked = asked.inspect_err(|error| log::warn!("location codes were not read: {error}"));
            // The owner has ended if it does not take it.
            let _ = tell.send(Heard::Codes(asked.ok()));
        });
    }

    fn ask_status(&self) {
        let (connection, tell) = (self.connection.clone(), self.tell.clone());
        tasks::spawn(async move {
            let back_off = BackOff::new(Duration::from_secs(1), Duration::from_secs(60));
            let attempt = async || {
                match collection::status(&connection).await {
                    // It comes back as news.
                    Err(dbus_api::call::CallError::Absent { .. }) => Ok(None),
                    status => status.map(Some).context("the collection was not asked"),
                }
            };
            if let Some(status) = persist(back_off, attempt).await {
                let _ = tell.send(Heard::Status(Box::new(status)));
            }
        });
    }

    /// Does what a message asks for, or has it done.
    async fn handle(&mut self, message: &Message) -> anyhow::Result<()> {
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
            Request::Write(..) | Request::Mend(..) | Request::Pending => {
                return Err(running::not_served());
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

    async fn refuse(&self, call: &Message, refusal: &Refusal) -> anyhow::Result<()> {
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
    async fn send(&self, call: &Message, reply: zbus::Result<Message>) -> anyhow::Result<()> {
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
    async fn send_all(&self, messages: &[Message]) -> anyhow::Result<()> {
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

fn ending() -> Refusal {
    Cause::Unavailable.because("the service ends")
}

fn crowded() -> Refusal {
    Cause::TooManyResources.because(format!("{CALLERS} callers wait already"))
}

/// Microseconds since 1970.
fn now() -> u64 {
    u64::try_from(clock::wall()).unwrap_or_default()
}
