//! The owner of all state: one task, which takes calls in the order in which they come and waits for nothing but them.

mod calls;

use crate::codes::Codes;
use crate::collection::{Collection, Shown};
use crate::face;
use crate::faults::Faults;
use crate::history::History;
use crate::interrupted::Interrupted;
use crate::job::{Done, Job, Mend};
use crate::known::Known;
use crate::plan;
use crate::queue::{Queue, Ticket};
use crate::refusal::{Cause, Refusal};
use crate::running::{self, Asked, Ended, Finished, Released, SharedStores};
use crate::settings::Settings;
use crate::work::recovery::Recovered;
use crate::{events, peers, reply};
use anyhow::Context as _;
use dbus_api::inventory::codes::{self, Change};
use dbus_api::inventory::manager as inventory;
use dbus_api::state::POWER_OFF;
use dbus_api::vpd::collection::{self, FruState, StateChange, Status};
use event_log::EventLog;
use fru_publication::EepromKey;
use peer::{BackOff, News, Peer, PropertyFollower, persist};
use service_runtime::daemon::{Lifecycle, Turn};
use service_runtime::{bus, clock, tasks};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::time::Instant;
use zbus::{Connection, Message, MessageStream};

/// Longest wait for the bus to take what we send; shorter than any watchdog.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// When interrupted writes are tried again that could not be settled, without anything having happened.
const RETRY: Duration = Duration::from_secs(60);
/// How long what is under way may go on when the service is to end: two locks and a record's write cycles.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// What the tasks beside the owner tell it.
#[derive(Debug)]
pub enum Heard {
    /// A job is done with its chips.
    Released(Box<Released>),
    /// A job has ended.
    Ended(Box<Ended>),
    /// The collection service has answered a wish, or refused it.
    Collected(Message, bool, Result<(), Refusal>),
    /// The inventory has answered with all location codes, or not in time.
    Codes(Option<BTreeMap<String, String>>),
    /// The collection service has said where it stands.
    Status(Box<Status>),
}

/// Where news comes from.
pub struct Peers {
    pub inventory: Peer,
    pub collection: Peer,
    pub power: PropertyFollower,
    pub messages: MessageStream,
    pub heard: UnboundedReceiver<Heard>,
}

/// The owner.
pub struct Service {
    pub settings: Settings,
    pub known: Arc<Known>,
    pub queue: Queue<Asked>,
    /// Wishes to the collection service that are not answered yet.
    pub wishes: usize,
    pub codes: Codes,
    pub collection: Collection,
    pub history: History,
    pub stores: SharedStores,
    pub interrupted: Interrupted,
    pub faults: Faults,
    /// Each holds back the run of a parser, while more is to be written.
    pub readings: Vec<(Ticket, oneshot::Sender<()>)>,
    /// Jobs whose parsers run.
    pub shown: BTreeSet<Ticket>,
    pub events: EventLog,
    /// Whether the chassis has no power, as far as is known.
    pub is_off: Option<bool>,
    /// EEPROMs that are compared with their backups when the chassis is off.
    pub not_compared: BTreeSet<EepromKey>,
    /// When interrupted writes are tried again without anything having happened.
    pub retry_at: Option<Instant>,
    pub connection: Connection,
    pub tell: UnboundedSender<Heard>,
    pub began: Instant,
    /// The service is to end: then at the latest, with jobs under way or not.
    pub ends_at: Option<Instant>,
}

impl Service {
    /// Serves until told to stop.
    pub async fn run(
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
        self.tell_rejected();
        self.settle_backups();
        // Before the comparisons: what they compare may be half written.
        self.recover(None);
        self.show_what_was_written();
        lifecycle.ready();
        for message in early {
            self.handle(&message).await?;
        }
        loop {
            self.begin().await?;
            self.let_parsers_run();
            if self.ends_at.is_some_and(|at| self.queue.is_idle() || at <= Instant::now()) {
                break;
            }
            lifecycle.status(&self.status());
            tokio::select! {
                turn = lifecycle.turn(self.wake_at()) => match turn {
                    Turn::Stop => self.stop(&lifecycle).await?,
                    Turn::Due => self.do_what_is_due().await?,
                },
                notice = self.events.notice() => self.events.take(notice),
                power = peers.power.next() => self.hear_power(power?.as_deref()),
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
        self.events.end().await;
        Ok(())
    }

    fn wake_at(&self) -> Option<Instant> {
        let overdue_at = self.queue.wake_at().and_then(|due| self.began.checked_add(due));
        let retry_at = self.retry_at.filter(|_| self.ends_at.is_none());
        overdue_at.into_iter().chain(self.ends_at).chain(retry_at).min()
    }

    async fn do_what_is_due(&mut self) -> anyhow::Result<()> {
        if self.retry_at.is_some_and(|at| at <= Instant::now()) {
            self.recover(None);
        }
        self.give_back_overdue().await
    }

    fn status(&self) -> String {
        let inventory = if self.codes.is_known() { "" } else { ", waiting for the inventory" };
        let (count, callers) = (self.known.count(), self.queue.callers());
        let pending = self.interrupted.reasons().len();
        let pending = if pending > 0 { format!(", {pending} writes pending") } else { String::new() };
        format!("{count} EEPROMs, {callers} callers{pending}{inventory}")
    }

    /// No job is begun any more. Who waits is told, what is under way goes on.
    async fn stop(&mut self, lifecycle: &Lifecycle) -> anyhow::Result<()> {
        lifecycle.extend(STOP_LIMIT + SEND_LIMIT);
        self.ends_at.get_or_insert(Instant::now() + STOP_LIMIT);
        for (ticket, asked) in self.queue.drain() {
            self.queue.answered(ticket);
            if let Some(call) = asked.call {
                self.refuse(&call, &ending()).await?;
            }
        }
        Ok(())
    }

    async fn give_back_overdue(&mut self) -> anyhow::Result<()> {
        for (_, asked) in self.queue.overdue(self.began.elapsed()) {
            let (key, Some(call)) = (asked.job.key(), &asked.call) else { continue };
            let why = if asked.job.follows_first_reading() && !self.collection.was_read(key) {
                "it has not been collected yet"
            } else {
                "too much is to be done before"
            };
            let text = format!("{key} was not reached in time: {why}");
            self.refuse(call, &Cause::Unavailable.because(text)).await?;
        }
        Ok(())
    }

    /// Has all parsers run that were held back, as soon as no caller waits to write and the parsers of before have run. Callers that
    /// write one value after another so wait for one run of each parser, and not for one for each value.
    fn let_parsers_run(&mut self) {
        if self.shown.is_empty() && !self.queue.has_changes(&|key| self.collection.was_read(key)) {
            // Dropping the sender lets each go on.
            self.shown.extend(self.readings.drain(..).map(|(ticket, _)| ticket));
        }
    }

    /// Begins all jobs that may begin.
    async fn begin(&mut self) -> anyhow::Result<()> {
        while let Some((ticket, mut asked)) = self.queue.next(&|key| self.collection.was_read(key)) {
            if let Job::Recover(job) = &mut asked.job {
                // As it is now, not as it was when it was put into the queue.
                job.is_off = self.is_off == Some(true);
            }
            if asked.job.is_power_off_only() && self.is_off != Some(true) {
                self.queue.answered(ticket);
                let text = format!(
                    "{}, or what keeps its keywords a second time, can be reached only while the chassis is off",
                    asked.job.key()
                );
                match &asked.call {
                    Some(call) => self.refuse(call, &Cause::Unavailable.because(text)).await?,
                    None => drop(self.not_compared.insert(asked.job.key().clone())),
                }
                continue;
            }
            let (connection, tell) = (self.connection.clone(), self.tell.clone());
            tasks::spawn(running::run(connection, ticket, asked, Arc::clone(&self.stores), tell));
        }
        Ok(())
    }

    /// Has interrupted writes settled, of one EEPROM or of all; no more than once at a time.
    fn recover(&mut self, only: Option<&EepromKey>) {
        if self.ends_at.is_some() {
            return;
        }
        for key in self.interrupted.due(only) {
            self.push_recovery(key);
        }
        self.retry_at = (!self.interrupted.is_empty()).then(|| Instant::now() + RETRY);
    }

    /// Has each EEPROM and its backup say the same, once the EEPROM was read.
    fn settle_backups(&mut self) {
        for key in self.known.backed_up() {
            self.settle_backup(&key);
        }
    }

    fn settle_backup(&mut self, key: &EepromKey) {
        match plan::mend(&self.known, &self.settings, key.as_str(), Mend::Settle, Duration::MAX) {
            Ok((needs, job)) => drop(self.queue.push_first(needs, Asked::unasked(job))),
            Err(refusal) => log::error!("its backup is not looked at: {refusal} fru={key}"),
        }
    }

    fn push_recovery(&mut self, key: EepromKey) {
        let (needs, job) = plan::recovery(&self.known, key);
        self.queue.push_first(needs, Asked::unasked(job));
    }

    /// Has those parsers run that an earlier run of the service could not ask for: it was killed when the journals were gone.
    fn show_what_was_written(&self) {
        for key in self.stores.this_boot.all_unshown() {
            // What is interrupted is shown when it was recovered.
            if !self.stores.journals.holds_up(&key) {
                let (connection, stores) = (self.connection.clone(), Arc::clone(&self.stores));
                tasks::spawn(async move {
                    // It has logged what became of it.
                    let _ = running::is_shown(connection, key, stores, running::SHOWN_LIMIT).await;
                });
            }
        }
    }

    fn recovered(&mut self, key: &EepromKey, recovered: &Recovered) {
        if self.interrupted.tried(key, recovered) {
            self.push_recovery(key.clone());
        }
        // What is left for a redundant chip beside another part.
        if matches!(recovered, Recovered::Rejected { .. }) && self.stores.journals.has(key) {
            self.interrupted.found(key.clone());
            self.retry_at.get_or_insert_with(|| Instant::now() + RETRY);
        }
        if let Some(event) = events::of_recovery(key, recovered) {
            self.events.happened(event);
            self.stores.journals.told(key);
        }
    }

    /// Tells of what recovery has rejected before there was a bus.
    fn tell_rejected(&mut self) {
        for (key, why) in self.stores.journals.untold() {
            let kept = self.stores.journals.kept(&key);
            self.recovered(&key, &Recovered::Rejected { why, kept });
        }
    }

    fn hear_power(&mut self, power: Option<&str>) {
        self.is_off = power.map(|power| power == POWER_OFF);
        if self.is_off == Some(true) {
            self.recover(None);
            for key in std::mem::take(&mut self.not_compared) {
                self.settle_backup(&key);
            }
        }
    }

    fn released(&mut self, released: Released) {
        let Released { ticket, entry, interrupted, reading, left_out, scrubbed, backup } = released;
        self.readings.extend(reading.map(|reading| (ticket, reading)));
        self.queue.released(ticket);
        let entry_key = entry.as_ref().and_then(|entry| EepromKey::parse(&entry.fru).ok());
        entry.into_iter().for_each(|entry| self.history.add(entry));
        let has_news = left_out.is_some() || scrubbed.is_some() || backup.is_some();
        scrubbed.into_iter().for_each(|key| self.faults.redundant(key, None));
        left_out.into_iter().for_each(|(key, why)| self.faults.redundant(key, Some(why)));
        backup.into_iter().for_each(|(key, settled)| self.faults.compared(key, settled));
        if has_news {
            self.events.update_known(self.faults.current(), |pair| self.faults.is_unknown(pair));
        } else if entry_key.is_some_and(|key| self.faults.has_backup_fault(&key)) {
            // It may be right now.
            self.settle_backups();
        }
        for key in interrupted {
            self.interrupted.found(key.clone());
            self.recover(Some(&key));
        }
    }

    async fn ended(&mut self, ended: Ended) -> anyhow::Result<()> {
        let Ended { ticket, call, key, outcome } = ended;
        self.queue.answered(ticket);
        // One that was held back for too long has gone on by itself.
        self.readings.retain(|(held, _)| *held != ticket);
        self.shown.remove(&ticket);
        if let Ok(Finished { done: Done::Recovered(recovered), .. }) = &outcome {
            self.recovered(&key, recovered);
        }
        let Some(call) = call else {
            if let Err(refusal) = outcome {
                self.recovered(&key, &Recovered::Pending(refusal.text));
            }
            return Ok(());
        };
        match &outcome {
            Ok(done) => self.send(&call, reply::of_job(&call, done)).await,
            Err(refusal) => {
                if let Some(event) = events::of_failure(&key, refusal).filter(|_| is_write(&call)) {
                    self.events.happened(event);
                }
                self.refuse(&call, refusal).await
            }
        }
    }

    async fn hear(&mut self, heard: Heard) -> anyhow::Result<()> {
        match heard {
            Heard::Released(released) => self.released(*released),
            Heard::Ended(ended) => self.ended(*ended).await?,
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
                    // Another part may have come.
                    if change.state == FruState::Absent
                        && let Ok(key) = EepromKey::parse(&change.key)
                    {
                        self.stores.this_boot.forget_scrubbed(&key);
                    }
                    // Its chip may be there again.
                    if let Ok(key) = EepromKey::parse(&change.key) {
                        self.recover_what_came(&key);
                    }
                    self.collection.changed(change, now());
                }
            }
        }
        self.tell_changes(before).await
    }

    fn recover_what_came(&mut self, key: &EepromKey) {
        // The journal of what is being written is no interrupted one.
        let is_written = self.queue.is_changed(&self.stores.journals.owner(key));
        if self.stores.journals.has(key) && !is_written {
            self.interrupted.found(key.clone());
            self.recover(Some(key));
        }
    }

    async fn tell_changes(&self, before: Shown) -> anyhow::Result<()> {
        let signals = face::changes(&before, &self.collection.shown()).context("cannot build a signal")?;
        self.send_all(&signals).await
    }

    fn ask_codes(&self) {
        let (connection, tell) = (self.connection.clone(), self.tell.clone());
        tasks::spawn(async move {
            let asked = peers::in_time(inventory::BUS_NAME, codes::codes(&connection)).await;
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
                match peers::in_time(collection::BUS_NAME, collection::status(&connection)).await {
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
}

/// Whether a call was to change an EEPROM.
fn is_write(call: &Message) -> bool {
    let header = call.header();
    header.member().is_some_and(|method| face::WRITES.contains(&method.as_str()))
}

fn ending() -> Refusal {
    Cause::Unavailable.because("the service ends")
}

/// Microseconds since 1970.
fn now() -> u64 {
    u64::try_from(clock::wall()).unwrap_or_default()
}
