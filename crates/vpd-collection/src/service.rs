//! The owner of the collection: one task, one thing at a time.

use crate::NAME;
use crate::announcer::Announcer;
use crate::bus::{Line, Request};
use crate::collection::{Collection, Effect, Event, Now, Plan, Presence, Reread, Sight, Unread, Wish};
use crate::departed::{self, Objects};
use crate::devices::{self, Devices, News};
use crate::events::{Facts, Wrongs};
use crate::images::Images;
use crate::inventory::Inventory;
use crate::lines;
use crate::performer::{CALL_LIMIT, Performer, Turns};
use crate::records::Records;
use crate::reporter::{self, Reporters};
use crate::settings;
use crate::status::{self, Choice};
use crate::watchers;
use anyhow::Context as _;
use dbus_api::inventory::manager::{self, Manner};
use dbus_api::vpd::collection::{self, CollectionObject, Outcome, Refusal};
use event_log::EventLog;
use fru_publication::{EepromKey, Fragment};
use peer::Peer;
use service_runtime::bus::Accepts;
use service_runtime::daemon::{self, Lifecycle, Start, Turn};
use service_runtime::{Exit, bus, clock, folders};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use system_index::{Cause, MachineIndex, SystemFru, SystemIndex, places};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use unit_jobs::{JobNews, Jobs};
use zbus::Connection;

/// A report has up to 64 KiB of a damaged image, and a line for each record; the bus's policy lets parsers and root make it.
const ACCEPTS: Accepts =
    Accepts { large: &[((collection::INTERFACE, collection::REPORT), 256 * 1024)], ..Accepts::SHORT };
/// Calls that may wait for us; a parser waits for its answer, so there is one per EEPROM at most.
const CALLS_KEPT: usize = 64;

/// Reads what the system should have, takes the name, and collects until told to stop.
pub async fn start(start: Start) -> anyhow::Result<()> {
    let Some(fragment) = start.settings::<settings::Fragment>()? else { return Ok(()) };
    let limits = fragment.limits();
    let active = places::active(&start.root);
    let choice = Choice::load(&start.root);
    let index = load_index(&active)?;
    let is_known =
        index.is_some() && (choice.cause != Cause::NoChoice.to_string() || !has_choice(&start.root));
    let SystemIndex { own_inventory, fru: frus, .. } = index.unwrap_or_default();
    let mut collection = Collection::new(limits, frus.iter().map(Plan::from));
    let (records, earlier) = Records::open(folders::runtime());
    if let Some(known) = earlier {
        collection.resume(known);
        collection.succeed(Now { elapsed: Duration::ZERO, wall: clock::wall() });
    }
    let mut current = BTreeSet::new();
    current.extend(frus.iter().flat_map(|fru| fru.objects.iter().cloned()));
    let state = folders::state();
    let objects = Objects::load(state.clone(), current, is_known);
    if !objects.departed.is_empty() {
        collection.add_departed(departed::KEY);
    }
    let files = frus.iter().map(|fru| (fru.key.clone(), file_of(&active, &fru.key), fru.redundant.clone()));
    let devices = Devices::watch(files);

    let (connection, _) = bus::connect_as_service(CALL_LIMIT, &ACCEPTS).await?;
    let (requests, calls) = mpsc::channel(CALLS_KEPT);
    let jobs = Jobs::follow(&connection).await?;
    let inventory = Peer::follow(&connection, manager::BUS_NAME, []).await?;
    serve(&connection, requests).await?;
    let (events, answers) = mpsc::unbounded_channel();
    let settled = events.clone();
    std::thread::spawn(move || {
        devices::wait_until_settled(limits.settle);
        // The receiver is gone when the service ends.
        let _ = settled.send(Event::Settled);
    });
    listen_to_others(&connection, &frus, &events);
    let mut systems = BTreeSet::new();
    systems.extend(frus.iter().filter(|fru| fru.system).map(|fru| fru.key.to_string()));
    let performer = Performer {
        connection: connection.clone(),
        inventory: Arc::new(Inventory {
            connection: connection.clone(),
            is_own: own_inventory,
            manner: Manner::default(),
        }),
        fragments: active.join("frus"),
        departed: objects.departed.clone(),
        systems,
        events,
        slots: Performer::slots(),
        turns: Turns::default(),
    };
    let mut index = BTreeMap::new();
    index.extend(frus.into_iter().map(|fru| (fru.key.to_string(), fru)));
    let service = Service {
        announcer: Announcer::start(&connection, &collection.statuses()),
        rereads: BTreeMap::new(),
        calls: 0,
        event_log: EventLog::start(&connection, state.clone(), event_log::Limits::default()),
        images: Images::below(state),
        wrongs: Wrongs::new(choice.is_locked),
        index,
        collection,
        choice,
        records,
        objects,
        devices,
        performer,
        began: Instant::now(),
        started: clock::wall(),
    };
    service.run(start.lifecycle, Sources { jobs, inventory, calls, answers }).await
}

/// Begins to listen to whoever says something about parts, or about what they depend on.
fn listen_to_others(connection: &Connection, frus: &[SystemFru], events: &mpsc::UnboundedSender<Event>) {
    watchers::watch_power(connection, events.clone());
    watchers::watch_host(connection, events.clone());
    let mut watched = BTreeMap::new();
    for fru in frus {
        watched.extend(fru.watch.iter().map(|path| (path.clone(), fru.key.to_string())));
    }
    watchers::watch_presence(connection, watched, events.clone());
    let polls = frus.iter().filter_map(|fru| Some((fru.key.to_string(), fru.poll.clone()?)));
    lines::watch(polls.collect(), events.clone());
}

/// Some EEPROM says what system this is. Where none does, what all systems have in common is the system.
fn has_choice(root: &Path) -> bool {
    let text = std::fs::read_to_string(places::machine_index(root)).unwrap_or_default();
    MachineIndex::parse(&text).is_ok_and(|index| !index.system_eeproms.is_empty())
}

/// Without a chosen system there is nothing to collect, and the choice's own unit has failed.
fn load_index(active: &Path) -> anyhow::Result<Option<SystemIndex>> {
    let path = places::system_index(active);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let index = SystemIndex::parse(&text).with_context(|| path.display().to_string());
            Ok(Some(index.context(Exit::Configuration)?))
        }
        Err(error) => {
            log::error!(
                "no system was chosen, so nothing is collected: cannot read {}: {error}",
                path.display()
            );
            Ok(None)
        }
    }
}

/// The file of a key `file:NAME`, which only its fragment knows.
fn file_of(active: &Path, key: &EepromKey) -> Option<PathBuf> {
    if key.sysfs_path().is_some() {
        return None;
    }
    let text = std::fs::read_to_string(places::fragment(active, key)).ok()?;
    Fragment::parse(&text).ok()?.file
}

/// Objects first, name last.
async fn serve(connection: &Connection, requests: mpsc::Sender<Request>) -> anyhow::Result<()> {
    let line = Line::new(requests, Reporters { trusts: peer::is_privileged_user, limit: reporter::LIMIT });
    connection.object_server().at(collection::PATH, CollectionObject(line)).await?;
    daemon::serve(connection, NAME, collection::BUS_NAME).await
}

/// What the service waits for, beside what its own parts have to say.
struct Sources {
    /// Jobs of PID 1.
    jobs: Jobs,
    /// The inventory, when it comes and goes.
    inventory: Peer,
    /// Calls of clients and parsers.
    calls: mpsc::Receiver<Request>,
    /// What came of effects, and what watchers have seen.
    answers: mpsc::UnboundedReceiver<Event>,
}

struct Service {
    announcer: Announcer,
    /// Who waits for a reading, by the number of the call.
    rereads: BTreeMap<u64, (String, oneshot::Sender<Result<Outcome, Refusal>>)>,
    /// Calls of that kind so far.
    calls: u64,
    event_log: EventLog,
    images: Images,
    wrongs: Wrongs,
    /// What the system's index says of each EEPROM.
    index: BTreeMap<String, SystemFru>,
    collection: Collection,
    choice: Choice,
    records: Records,
    objects: Objects,
    devices: Devices,
    performer: Performer,
    began: Instant,
    started: i64,
}

impl Service {
    async fn run(mut self, mut lifecycle: Lifecycle, mut sources: Sources) -> anyhow::Result<()> {
        if sources.inventory.owner().is_some() {
            self.take(Event::Inventory(Presence::Here), &lifecycle);
        }
        self.look_at_all(&lifecycle);
        loop {
            let wake_at = self.collection.wake_at(self.now()).map(|elapsed| self.began + elapsed);
            tokio::select! {
                turn = lifecycle.turn(wake_at) => match turn {
                    Turn::Stop => break,
                    Turn::Due => self.take(Event::Tick, &lifecycle),
                },
                Some(event) = sources.answers.recv() => self.take(event, &lifecycle),
                Some(request) = sources.calls.recv() => self.answer(request, &lifecycle),
                news = sources.jobs.next() => if let JobNews::Ended(job) = news? {
                    self.take(Event::JobEnded(job), &lifecycle);
                },
                news = sources.inventory.next() => self.hear_of_inventory(&news?, &lifecycle),
                news = self.devices.news() => self.hear(news, &lifecycle),
                notice = self.event_log.notice() => self.event_log.take(notice),
            }
        }
        lifecycle.stopping();
        // Calls are kept meanwhile and answered by nobody, as those that come after the end are.
        self.event_log.end().await;
        Ok(())
    }

    fn now(&self) -> Now {
        Now { elapsed: self.began.elapsed(), wall: clock::wall() }
    }

    /// Lets the collection take an event, and does what follows.
    fn take(&mut self, event: Event, lifecycle: &Lifecycle) {
        log::debug!("event {event:?}");
        let mut effects: Vec<Effect> = self.collection.step(event, self.now());
        while !effects.is_empty() {
            for effect in std::mem::take(&mut effects) {
                log::debug!("effect {effect:?}");
                match effect {
                    Effect::Look(key) => {
                        let sight = self.devices.look(&key);
                        effects.extend(self.collection.step(Event::Device(key, sight), self.now()));
                    }
                    Effect::LookAgain => {
                        for (key, sight) in self.sights() {
                            effects.extend(self.collection.step(Event::Device(key, sight), self.now()));
                        }
                        effects.extend(self.collection.step(Event::LookedAgain, self.now()));
                    }
                    Effect::Answer(call, result) => self.answer_reread(call, result),
                    Effect::Ready => self.become_ready(lifecycle),
                    effect => self.performer.perform(effect, self.collection.power()),
                }
            }
        }
        if self.collection.is_absent(departed::KEY) {
            self.objects.settle();
        }
        let status = self.status();
        self.records.update(&status.frus);
        self.announcer.update(&status.frus);
        lifecycle.status(&status::one_line(&status));
        // Before everything was dealt with once, what is not wrong may just not be known.
        if self.collection.ready().is_some() {
            let wrong = self.wrongs.update(&status, |key| facts(&self.index, &self.collection, key));
            self.event_log.update_known(wrong, |pair| self.wrongs.is_unknown(pair));
        }
    }

    fn become_ready(&self, lifecycle: &Lifecycle) {
        let status = self.status();
        let text = status::one_line(&status);
        if status.complete {
            log::info!("{text}")
        } else {
            log::warn!("{text}")
        }
        lifecycle.status(&text);
        lifecycle.ready();
    }

    fn sights(&self) -> Vec<(String, Sight)> {
        self.collection.keys().map(|key| (key.to_owned(), self.devices.look(key))).collect()
    }

    fn look_at_all(&mut self, lifecycle: &Lifecycle) {
        for (key, sight) in self.sights() {
            self.take(Event::Device(key, sight), lifecycle);
        }
    }

    fn hear(&mut self, news: News, lifecycle: &Lifecycle) {
        match news {
            News::Lost(seen) => {
                self.hear_all(seen, lifecycle);
                self.look_at_all(lifecycle);
            }
            News::Seen(seen) => self.hear_all(seen, lifecycle),
        }
    }

    fn hear_all(&mut self, seen: Vec<(String, Sight)>, lifecycle: &Lifecycle) {
        for (key, sight) in seen {
            self.take(Event::Device(key, sight), lifecycle);
        }
    }

    fn hear_of_inventory(&mut self, news: &peer::News, lifecycle: &Lifecycle) {
        let (presence, word) = match news {
            peer::News::Came => (Presence::Here, "here"),
            peer::News::Went => (Presence::Away, "away"),
            peer::News::Said(_) => return,
        };
        log::info!("the inventory is {word}");
        self.take(Event::Inventory(presence), lifecycle);
    }

    fn answer(&mut self, request: Request, lifecycle: &Lifecycle) {
        match request {
            Request::Report(report, image, acknowledge) => {
                if self.collection.has(&report.key) {
                    self.images.keep(&report.key, &image);
                } else {
                    log::info!("a report of an EEPROM that the system does not have fru={}", report.key);
                }
                self.take(Event::Report(*report), lifecycle);
                // The parser may have given up waiting.
                let _ = acknowledge.send(());
            }
            Request::Status(answer) => {
                let _ = answer.send(self.status());
            }
            Request::Wish(wish, keys, answer) => {
                let mut judged = self.collection.judge(wish, &keys);
                if wish == Wish::Recollect && matches!(judged, Err(Refusal::Unavailable(_))) {
                    // A file, say, of which no news comes.
                    self.look_at_all(lifecycle);
                    judged = self.collection.judge(wish, &keys);
                }
                if judged.is_ok() {
                    let named = if keys.is_empty() { "all".to_owned() } else { keys.join(" ") };
                    let (what, event) = match wish {
                        Wish::Recollect => ("read again", Event::Recollect(keys)),
                        Wish::Remove => ("taken out", Event::Remove(keys)),
                    };
                    log::info!("to be {what}: {named}");
                    self.take(event, lifecycle);
                }
                let _ = answer.send(judged);
            }
            Request::Reread(key, answer) => {
                self.calls += 1;
                self.rereads.insert(self.calls, (key.clone(), answer));
                self.take(Event::Reread(key, self.calls), lifecycle);
            }
            Request::State(key, answer) => {
                let _ = answer.send(self.collection.standing(&key).ok_or(Refusal::Unknown(key)));
            }
        }
    }

    fn answer_reread(&mut self, call: u64, result: Result<Reread, Unread>) {
        let Some((key, answer)) = self.rereads.remove(&call) else { return };
        let said = match result {
            Ok(Reread { outcome, run }) => {
                log::info!("read again, as it was asked for fru={key} outcome={outcome} run={run}");
                Ok(outcome)
            }
            Err(Unread::Unknown) => Err(Refusal::Unknown(key)),
            Err(Unread::TimedOut) => Err(Refusal::TimedOut(key)),
            Err(Unread::TooMany) => Err(Refusal::TooMany),
            Err(Unread::Unavailable(reason)) => Err(Refusal::Unavailable(format!("{key}: {reason}"))),
        };
        if let Err(refusal) = &said {
            log::warn!("not read again, though it was asked for: {refusal:?}");
        }
        // The caller may have given up waiting.
        let _ = answer.send(said);
    }

    fn status(&self) -> collection::Status {
        let (collected, complete) = self.collection.ready().unwrap_or_default();
        collection::Status {
            state: self.collection.state(),
            system: self.choice.system.clone(),
            selection: self.choice.cause.clone(),
            selection_reason: self.choice.reason.clone(),
            complete,
            started: self.started,
            collected,
            frus: self.collection.statuses(),
        }
    }
}

/// What the event log should know of an EEPROM beside its status.
fn facts(index: &BTreeMap<String, SystemFru>, collection: &Collection, key: &str) -> Facts {
    let Some(fru) = index.get(key) else { return Facts::default() };
    let problem = collection.slot_problem(key);
    Facts {
        object: fru.objects.first().cloned(),
        is_system: fru.system,
        is_needed: fru.essential && collection.is_host_on(),
        is_line: problem.is_some_and(|(_, is_line)| is_line),
        slot: problem.map(|(reason, _)| reason.to_owned()),
    }
}
