//! Does what the collection wants done, and tells it how that went. Nothing here holds the owner up.

use crate::collection::{Effect, Event, Extent, Power, Ticket};
use crate::departed;
use crate::inventory::{self, Inventory};
use dbus_api::call::CallError;
use dbus_api::systemd;
use dbus_api::vpd::collection::Report;
use fru_publication::Role;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedMutexGuard, Semaphore, mpsc};
use unit_jobs::Verb;
use zbus::Connection;

/// Longest wait for an answer of process 1 or the inventory, queueing included.
pub const CALL_LIMIT: Duration = Duration::from_secs(90);
/// How many calls to process 1, and how many FRUs with the inventory, are on their way at once.
const AT_ONCE: usize = 8;

/// The way to process 1 and to the inventory.
#[derive(Debug, Clone)]
pub struct Performer {
    /// The bus.
    pub connection: Connection,
    /// The inventory on it.
    pub inventory: Arc<Inventory>,
    /// Folder of the fragments.
    pub fragments: PathBuf,
    /// Objects of an earlier system.
    pub departed: BTreeSet<String>,
    /// The EEPROMs that say what system this is.
    pub systems: BTreeSet<String>,
    /// Where what came of it goes.
    pub events: mpsc::UnboundedSender<Event>,
    /// One for each that may be on its way: [`Performer::slots`].
    pub slots: Arc<Semaphore>,
    /// One for each EEPROM of which the inventory is told.
    pub turns: Turns,
}

/// Emptying takes many calls. What the inventory is told of one EEPROM is told by one task after another, so that a later one
/// does not overtake an earlier one; tasks of the current-thread runtime begin in the order in which they are spawned.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>);

impl Turns {
    /// Waits until all that was begun before for this EEPROM has ended.
    async fn take(&self, key: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(key.to_owned()).or_default())
        };
        turn.lock_owned().await
    }
}

impl Performer {
    /// How many effects are performed at once.
    pub fn slots() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(AT_ONCE))
    }

    /// Begins to do what is done on the bus, with the chassis as it is now. Each effect gives one event.
    pub fn perform(&self, effect: Effect, power: Power) {
        let performer = self.clone();
        tokio::spawn(async move {
            let _turn = match &effect {
                Effect::Tidy(ticket, _) => Some(performer.turns.take(&ticket.key).await),
                _ => None,
            };
            // Closed never, so there is always a permit.
            let _permit = performer.slots.acquire().await;
            let event = match effect {
                Effect::Start(ticket, unit, verb) => performer.start(ticket, &unit, verb).await,
                Effect::Inspect(ticket, unit) => performer.inspect(ticket, &unit).await,
                Effect::Tidy(ticket, report) => performer.tidy(ticket, report.as_deref(), power).await,
                Effect::Prime(wanted, power) => performer.prime(&wanted, power).await,
                Effect::Look(_) | Effect::LookAgain | Effect::Answer(..) | Effect::Ready => return,
            };
            // The receiver is gone when the service ends.
            let _ = performer.events.send(event);
        });
    }

    async fn start(&self, ticket: Ticket, unit: &str, verb: Verb) -> Event {
        let starting = async {
            // A unit that was started too often, by events of its device, must not refuse us.
            unit_jobs::reset_failed(&self.connection, unit).await?;
            unit_jobs::start(&self.connection, unit, verb).await
        };
        match limited(systemd::BUS_NAME, starting).await {
            Ok(job) => Event::JobQueued(ticket, job),
            Err(error) => Event::JobRefused(ticket, error.to_string()),
        }
    }

    async fn inspect(&self, ticket: Ticket, unit: &str) -> Event {
        let state = limited(systemd::BUS_NAME, unit_jobs::inspect(&self.connection, unit)).await;
        Event::Inspected(ticket, state.map_err(|error| error.to_string()))
    }

    async fn prime(&self, wanted: &[(String, Extent)], power: Power) -> Event {
        let priming = inventory::prime(&self.inventory, &self.fragments, wanted, &self.systems, power);
        Event::Primed(match tokio::time::timeout(CALL_LIMIT, priming).await {
            Ok(result) => result.map_err(|error| format!("{error:#}")),
            Err(_) => Err("the inventory did not answer in time".to_owned()),
        })
    }

    async fn tidy(&self, ticket: Ticket, report: Option<&Report>, power: Power) -> Event {
        let role = if self.systems.contains(&ticket.key) { Role::System } else { Role::Part };
        let fragment = self.fragments.join(format!("{}.toml", ticket.key));
        let tidying = async {
            if ticket.key == departed::KEY {
                inventory::retire(&self.inventory, &self.departed).await
            } else {
                inventory::tidy(&self.inventory, &fragment, report, role, power).await
            }
        };
        let result = match tokio::time::timeout(CALL_LIMIT, tidying).await {
            Ok(result) => result.map_err(|error| format!("{error:#}")),
            Err(_) => Err("the inventory did not answer in time".to_owned()),
        };
        Event::Tidied(ticket, result)
    }
}

/// The connection's own limit counts from when a call is sent; a bus that reads nothing never gets there.
async fn limited<T>(
    destination: &'static str,
    calling: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    let limit = CALL_LIMIT + Duration::from_secs(5);
    tokio::time::timeout(limit, calling).await.unwrap_or(Err(CallError::TimedOut { destination }))
}
