//! One job from its turn to its answer, in a task of its own: what its caller does meanwhile counts for nothing.

use crate::caller::Caller;
use crate::history::Entry;
use crate::job::{Done, Job};
use crate::peers;
use crate::queue::Ticket;
use crate::reading;
use crate::refusal::{Cause, Refusal};
use crate::service::Heard;
use dbus_api::vpd::collection;
use service_runtime::clock;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use zbus::{Connection, Message};

/// Longest wait for the inventory to show what was written; it is answered then all the same.
const SHOWN_LIMIT: Duration = Duration::from_secs(10);

/// A call that has been understood, and waits for its turn.
#[derive(Debug)]
pub struct Asked {
    /// The call.
    pub call: Message,
    /// What it comes to.
    pub job: Job,
    /// Who has called, where that is noted: the bus is asked while the caller is there.
    caller: Option<JoinHandle<Caller>>,
}

/// How a job has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its ticket.
    pub ticket: Ticket,
    /// The call.
    pub call: Message,
    /// What it came to.
    pub outcome: Result<Finished, Refusal>,
}

/// What a job came to, in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// What it came to.
    pub done: Done,
    /// Whether the inventory shows it.
    pub is_shown: bool,
}

impl Asked {
    /// Takes a call; who makes one that changes something is asked at once.
    pub fn new(connection: &Connection, call: &Message, job: Job) -> Self {
        let changes = !matches!(job, Job::Read(_));
        let client = call.header().sender().map(|sender| sender.to_string());
        let caller = client.filter(|_| changes).map(|client| {
            let connection = connection.clone();
            tokio::spawn(async move { Caller::of(&connection, &client).await })
        });
        Self { call: call.clone(), job, caller }
    }
}

/// Does a job: its chips first, on a thread that may wait, then what follows from it.
pub async fn run(connection: Connection, ticket: Ticket, asked: Asked, tell: UnboundedSender<Heard>) {
    let Asked { call, job, caller } = asked;
    let working = job.clone();
    let performed = tokio::task::spawn_blocking(move || perform(&working)).await;
    let performed = performed.unwrap_or_else(|error| {
        log::error!("a job has panicked fru={}: {error}", job.key());
        Err(Cause::Internal.because("the service has a fault; its log says which"))
    });
    let entry = noted(&job, caller, &performed).await;
    // The owner has ended if it takes nothing.
    let _ = tell.send(Heard::Released(ticket, entry));
    let outcome = match performed {
        Ok(done) => Ok(follow_up(&connection, &job, done).await),
        Err(refusal) => Err(refusal),
    };
    let _ = tell.send(Heard::Ended(Ended { ticket, call, outcome }));
}

fn perform(job: &Job) -> Result<Done, Refusal> {
    match job {
        Job::Read(job) => reading::perform(job),
        Job::Write(_) | Job::Mend(_) => Err(not_served()),
    }
}

/// Of a method that is understood and not in the object's table of methods.
pub fn not_served() -> Refusal {
    Cause::UnknownMethod.because("this service does not write")
}

/// What the history says of a job.
async fn noted(
    job: &Job,
    caller: Option<JoinHandle<Caller>>,
    performed: &Result<Done, Refusal>,
) -> Option<Entry> {
    let caller = match caller {
        Some(caller) => caller.await.unwrap_or_default(),
        None => Caller::default(),
    };
    let mut entry = Entry::of(job, &caller, clock::wall())?;
    entry.outcome = match performed {
        Ok(_) => "done".to_owned(),
        Err(refusal) => refusal.cause.bus_name().to_owned(),
    };
    Some(entry)
}

/// What is done when the chips are free again.
async fn follow_up(connection: &Connection, job: &Job, done: Done) -> Finished {
    match (job, done) {
        (Job::Read(job), Done::Compared(comparison)) => {
            let compared = peers::compare_inventory(connection, &job.fragment, comparison).await;
            Finished { done: Done::Compared(compared), is_shown: true }
        }
        (_, done @ Done::Written(written)) => {
            let is_shown = match job {
                Job::Write(job) if job.on_hardware_only.is_some() || job.dry_run => false,
                _ if written.changed == 0 => true,
                _ => is_shown(connection, job).await,
            };
            Finished { done, is_shown }
        }
        (_, done) => Finished { done, is_shown: true },
    }
}

/// Has the parser run once more, which alone publishes the FRU.
async fn is_shown(connection: &Connection, job: &Job) -> bool {
    let key = job.key();
    let reading = collection::reread(connection, key.as_str());
    match tokio::time::timeout(SHOWN_LIMIT, reading).await {
        Ok(Ok(outcome)) => {
            log::info!("written and read again fru={key} outcome={outcome}");
            true
        }
        Ok(Err(error)) => {
            log::warn!("written, and not shown by the inventory yet: {error} fru={key}");
            false
        }
        Err(_) => {
            log::warn!("written, and not read again within {} s fru={key}", SHOWN_LIMIT.as_secs());
            false
        }
    }
}
