//! The owner: one task, one thing at a time.

use crate::NAME;
use crate::codes::{Missing, Plan};
use crate::complaints::Complaints;
use crate::round::{self, CALL_LIMIT, Done};
use crate::schedule::Schedule;
use crate::settings;
use crate::signals::{News, Signals};
use anyhow::Context as _;
use dbus_api::call::CallError;
use dbus_api::inventory::ROOT;
use dbus_api::inventory::manager::Manner;
use dbus_api::logging::{Severity, data_key, message_id};
use dbus_api::standard::{OBJECT_MANAGER, PROPERTIES};
use dbus_api::vpd::location;
use event_log::{Event, EventLog, Limits};
use service_runtime::bus::Accepts;
use service_runtime::daemon::{self, Lifecycle, Start, Turn};
use service_runtime::{Exit, bus, folders};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use system_index::{Locations, places};
use tokio::sync::mpsc;
use tokio::time::Instant;
use zbus::Connection;

/// The records that codes are made of lie in EEPROMs of 64 KiB; a longer change is none that a part could bring about. Of a new
/// object the signal may be longer: without its body it counts as news. 256 may wait.
const ACCEPTS: Accepts = Accepts {
    large: &[
        ((OBJECT_MANAGER, "InterfacesAdded"), 64 * 1024),
        ((PROPERTIES, "PropertiesChanged"), 256 * 1024),
    ],
    ..Accepts::SHORT
};

/// How a round ended.
type Outcome = Result<Done, CallError>;

/// Reads the system's location codes, takes the name, and keeps the inventory right until told to stop.
pub async fn start(start: Start) -> anyhow::Result<()> {
    let Some(fragment) = start.settings::<settings::Fragment>()? else { return Ok(()) };
    let mut settings = fragment.settings();
    let plan = load(&places::active(&start.root))?;
    if plan.is_empty() {
        // There is nothing to wait for.
        settings.limits.inventory = Duration::ZERO;
    }
    let (connection, _) = bus::connect_as_service(CALL_LIMIT, &ACCEPTS).await?;
    daemon::serve(&connection, NAME, location::BUS_NAME).await?;
    let signals = Signals::subscribe(&connection).await?;
    let mut schedule = Schedule::new(settings.limits);
    let began = Instant::now();
    if signals.is_here() && !plan.is_empty() {
        schedule.inventory_came(Duration::ZERO);
    }
    let events = EventLog::start(&connection, folders::state(), Limits::default());
    let (ended, outcomes) = mpsc::channel(1);
    let service = Service {
        plan: Arc::new(plan),
        connection,
        schedule,
        complaints: Complaints::new(settings.report_after),
        events,
        manner: Arc::default(),
        ended,
        began,
        state: String::new(),
    };
    service.run(start.lifecycle, signals, outcomes).await
}

/// Without a chosen system, or for one without location codes, there is nothing to publish.
fn load(active: &Path) -> anyhow::Result<Plan> {
    let path = places::locations(active);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            log::info!("the system has no location codes: there is no {}", path.display());
            return Ok(Plan::default());
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let locations = Locations::parse(&text).with_context(|| path.display().to_string());
    let (plan, problems) = Plan::new(&locations.context(Exit::Configuration)?);
    for problem in problems {
        log::warn!("{}: {problem}", path.display());
    }
    Ok(plan)
}

struct Service {
    plan: Arc<Plan>,
    connection: Connection,
    schedule: Schedule,
    complaints: Complaints,
    events: EventLog,
    /// What is known of how the inventory takes calls.
    manner: Arc<Manner>,
    /// How the round under way ended.
    ended: mpsc::Sender<Outcome>,
    began: Instant,
    /// What the last round came to, in words.
    state: String,
}

impl Service {
    async fn run(
        mut self,
        mut lifecycle: Lifecycle,
        mut signals: Signals,
        mut outcomes: mpsc::Receiver<Outcome>,
    ) -> anyhow::Result<()> {
        let plan = Arc::clone(&self.plan);
        loop {
            self.go_on(&lifecycle);
            let wake_at = self.wake_at().map(|elapsed| self.began + elapsed);
            tokio::select! {
                turn = lifecycle.turn(wake_at) => if turn == Turn::Stop { break },
                news = signals.next(&plan) => self.hear(news?),
                Some(outcome) = outcomes.recv() => self.conclude(outcome),
                notice = self.events.notice() => self.events.take(notice),
            }
        }
        lifecycle.stopping();
        self.events.end().await;
        Ok(())
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn wake_at(&self) -> Option<Duration> {
        self.schedule.wake_at().into_iter().chain(self.complaints.wake_at()).min()
    }

    /// Does what is due.
    fn go_on(&mut self, lifecycle: &Lifecycle) {
        let now = self.now();
        if self.schedule.begins(now) {
            self.begin();
        }
        if let Some(missing) = self.complaints.due(now) {
            self.events.update(missing.iter().map(event));
        }
        lifecycle.status(&self.status());
        if self.schedule.becomes_ready(now) {
            log::info!("{}", self.status());
            lifecycle.ready();
        }
    }

    /// A round in a task of its own: the inventory may take its time, and must not stop us from listening.
    fn begin(&self) {
        let (connection, plan, ended) = (self.connection.clone(), Arc::clone(&self.plan), self.ended.clone());
        let manner = Arc::clone(&self.manner);
        tokio::spawn(async move {
            // Nobody listens at the service's end.
            let _ = ended.send(round::perform(&connection, &plan, &manner).await).await;
        });
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Came if self.plan.is_empty() => {}
            News::Came => {
                log::info!("the inventory is here");
                self.schedule.inventory_came(self.now());
            }
            News::Went => {
                log::info!("the inventory is away");
                self.schedule.inventory_went();
                self.complaints.forget();
            }
            News::Changed => self.schedule.changed(self.now()),
            News::Nothing => {}
        }
    }

    fn conclude(&mut self, outcome: Outcome) {
        let now = self.now();
        match outcome {
            Ok(done) => {
                self.schedule.succeeded();
                self.state = in_words(&done);
                let (fresh, gone) = self.complaints.update(&done.codes.missing, now);
                for missing in fresh {
                    log::warn!("location codes stay unexpanded: {missing}");
                }
                if gone > 0 {
                    log::info!("what identifies the machine is there again count={gone}");
                }
            }
            Err(error) => {
                if self.schedule.is_here() {
                    log::warn!("location codes are not published, it is tried again later: {error}");
                }
                self.state = format!("not published: {error}");
                self.schedule.failed(now);
            }
        }
    }

    fn status(&self) -> String {
        if self.plan.is_empty() {
            return "the system has no location codes".to_owned();
        }
        match (self.schedule.is_here(), self.state.is_empty()) {
            (false, _) => "waiting for the inventory".to_owned(),
            (true, true) => "reading the inventory".to_owned(),
            (true, false) => self.state.clone(),
        }
    }
}

fn in_words(done: &Done) -> String {
    let mut words = format!("{} objects have location codes", done.codes.existing);
    if done.codes.unexpanded > 0 {
        words += &format!(", {} of them without what identifies the machine", done.codes.unexpanded);
    }
    if done.refused > 0 {
        words += &format!(", the inventory did not take {}", done.refused);
    }
    words
}

/// What the event log is told of an identity that is missing.
fn event(missing: &Missing) -> Event {
    let record = missing.identity.record();
    Event::new(&*missing.object, format!("blank-{record}"), message_id::BLANK_SYSTEM_VPD, Severity::Error)
        .with(data_key::DESCRIPTION, format!("location codes cannot be expanded: {missing}"))
        .with(data_key::CALLOUT_INVENTORY_PATH, format!("{ROOT}{}", missing.object))
}
