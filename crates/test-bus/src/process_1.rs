//! Stands in for PID 1: starts the units of parsers as real processes, answers for others as it is told, and says
//! when their jobs have ended. Names are written out once more on purpose.

use anyhow::Context as _;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedObjectPath};

const PATH: &str = "/org/freedesktop/systemd1";
/// Statuses that its unit counts as a success, beside 0.
const SUCCESSES: [i32; 2] = [65, 69];

/// What a unit runs.
#[expect(missing_debug_implementations, reason = "a closure says nothing of itself")]
pub enum Work {
    /// A process, and the unit stays active.
    Process(Box<dyn Fn() -> anyhow::Result<Command> + Send>),
    /// Nothing: its run ends with this status, and the unit is inactive again.
    Status(i32),
}

#[derive(Debug, Clone, Default)]
struct UnitState {
    active: String,
    result: String,
    status: i32,
    invocation: Vec<u8>,
}

#[derive(Default)]
struct State {
    works: BTreeMap<String, Work>,
    units: BTreeMap<String, UnitState>,
    /// Held while a unit runs: a unit runs once at a time.
    runs: BTreeMap<String, Arc<tokio::sync::Mutex<()>>>,
    numbers: u32,
    /// Jobs that have not ended.
    jobs: u32,
    started: Vec<String>,
}

type Shared = Arc<Mutex<State>>;

fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The stand-in; it serves until it is dropped.
#[expect(missing_debug_implementations, reason = "what units run are closures")]
pub struct Process1 {
    state: Shared,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<anyhow::Result<()>>>,
}

impl Process1 {
    /// Starts on a bus, with what its units run.
    ///
    /// Errors: those of the bus.
    pub fn start(address: &str, works: BTreeMap<String, Work>) -> anyhow::Result<Self> {
        let state = Shared::new(Mutex::new(State { works, ..State::default() }));
        let (shared, address) = (Arc::clone(&state), address.to_owned());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || -> anyhow::Result<()> {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
                let builder = zbus::connection::Builder::address(address.as_str());
                let builder = builder.serve_at(PATH, Manager(shared)).name("org.freedesktop.systemd1");
                let _connection = builder.build().await?;
                ready.send(())?;
                // Ends when the other end is dropped.
                let _ = stopped.await;
                Ok(())
            })
        });
        is_ready.recv().context("PID 1 did not start")?;
        Ok(Self { state, stop: Some(stop), thread: Some(thread) })
    }

    /// The units that were started since the last time, with the method.
    pub fn started(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.state).started)
    }

    /// Whether every job that clients have queued has ended.
    pub fn is_idle(&self) -> bool {
        lock(&self.state).jobs == 0
    }

    /// The id of a unit's last run.
    pub fn invocation(&self, unit: &str) -> String {
        let id = lock(&self.state).units.get(unit).map(|known| known.invocation.clone());
        hex(&id.unwrap_or_default())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Drop for Process1 {
    fn drop(&mut self) {
        self.stop.take();
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.freedesktop.systemd1")]
enum UnitError {
    #[zbus(error)]
    Bus(zbus::Error),
    NoSuchUnit(String),
}

struct Manager(Shared);

impl Manager {
    fn begin(
        &self,
        method: &str,
        unit: &str,
        emitter: &SignalEmitter<'_>,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        let mut state = lock(&self.0);
        if !state.works.contains_key(unit) {
            return Err(zbus::fdo::Error::FileNotFound(format!("Unit {unit} not found.")));
        }
        state.numbers += 1;
        state.jobs += 1;
        state.started.push(format!("{method} {unit}"));
        let number = state.numbers;
        let turn = Arc::clone(state.runs.entry(unit.to_owned()).or_default());
        let (shared, unit, emitter) = (Arc::clone(&self.0), unit.to_owned(), emitter.to_owned());
        let is_restart = method == "RestartUnit";
        tokio::spawn(async move {
            let _turn = turn.lock().await;
            let is_active = lock(&shared).units.get(&unit).is_some_and(|known| known.active == "active");
            let runs = !is_active || is_restart;
            let result = if runs { run(&shared, &unit, number).await } else { "done" };
            lock(&shared).jobs -= 1;
            // Nobody listens at the bus's end.
            let _ = Self::job_removed(&emitter, number, job(number), &unit, result).await;
        });
        Ok(job(number))
    }
}

fn job(number: u32) -> OwnedObjectPath {
    path(&format!("{PATH}/job/{number}"))
}

#[expect(clippy::expect_used, reason = "all paths here are of our own making")]
fn path(text: &str) -> OwnedObjectPath {
    OwnedObjectPath::try_from(text.to_owned()).expect("a path")
}

/// Runs a unit to its end; the result of its job.
async fn run(shared: &Shared, unit: &str, number: u32) -> &'static str {
    let invocation = vec![u8::try_from(number % 250).unwrap_or_default(); 16];
    let command = {
        let mut state = lock(shared);
        let known = state.units.entry(unit.to_owned()).or_default();
        (known.active, known.invocation) = ("activating".to_owned(), invocation.clone());
        match state.works.get(unit) {
            Some(Work::Process(command)) => command().map_err(|_| 70),
            Some(Work::Status(status)) => Err(*status),
            None => Err(70),
        }
    };
    let status = match command {
        Ok(mut command) => {
            command.env("INVOCATION_ID", hex(&invocation));
            let ended = tokio::task::spawn_blocking(move || command.output()).await;
            ended.ok().and_then(Result::ok).and_then(|output| output.status.code()).unwrap_or(70)
        }
        Err(status) => status,
    };
    let is_success = status == 0 || SUCCESSES.contains(&status);
    let mut state = lock(shared);
    let known = state.units.entry(unit.to_owned()).or_default();
    known.status = status;
    known.result = if is_success { "success" } else { "exit-code" }.to_owned();
    known.active = if is_success { "active" } else { "failed" }.to_owned();
    if is_success { "done" } else { "failed" }
}

#[zbus::interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    fn start_unit(
        &self,
        name: &str,
        _mode: &str,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        self.begin("StartUnit", name, &emitter)
    }

    fn restart_unit(
        &self,
        name: &str,
        _mode: &str,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<OwnedObjectPath> {
        self.begin("RestartUnit", name, &emitter)
    }

    fn reset_failed_unit(&self, _name: &str) {}

    /// A unit that never ran is in nobody's memory.
    async fn get_unit(
        &self,
        name: &str,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<OwnedObjectPath, UnitError> {
        if !lock(&self.0).units.contains_key(name) {
            return Err(UnitError::NoSuchUnit(format!("Unit {name} not loaded.")));
        }
        let escaped: String = name.bytes().map(|byte| format!("_{byte:02x}")).collect();
        let path = path(&format!("{PATH}/unit/{escaped}"));
        let state = || (Arc::clone(&self.0), name.to_owned());
        let (one, other) = (state(), state());
        // A second time they are there already.
        connection.object_server().at(&path, Unit(one.0, one.1)).await?;
        connection.object_server().at(&path, Service(other.0, other.1)).await?;
        Ok(path)
    }

    #[zbus(signal)]
    async fn job_removed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        job: OwnedObjectPath,
        unit: &str,
        result: &str,
    ) -> zbus::Result<()>;
}

struct Unit(Shared, String);

#[zbus::interface(name = "org.freedesktop.systemd1.Unit")]
impl Unit {
    #[zbus(property)]
    fn active_state(&self) -> String {
        let known = lock(&self.0).units.get(&self.1).cloned().unwrap_or_default();
        if known.active.is_empty() { "inactive".to_owned() } else { known.active }
    }

    #[zbus(property, name = "InvocationID")]
    fn invocation_id(&self) -> Vec<u8> {
        lock(&self.0).units.get(&self.1).cloned().unwrap_or_default().invocation
    }
}

struct Service(Shared, String);

#[zbus::interface(name = "org.freedesktop.systemd1.Service")]
impl Service {
    #[zbus(property)]
    fn result(&self) -> String {
        lock(&self.0).units.get(&self.1).map_or_else(|| "success".to_owned(), |known| known.result.clone())
    }

    #[zbus(property)]
    fn exec_main_status(&self) -> i32 {
        lock(&self.0).units.get(&self.1).map_or(0, |known| known.status)
    }
}
