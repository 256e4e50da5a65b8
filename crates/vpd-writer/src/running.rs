//! One job from its turn to its answer, in a task of its own: what its caller does meanwhile counts for nothing.

use crate::caller::Caller;
use crate::history::Entry;
use crate::job::{Done, Job, Mend};
use crate::peers;
use crate::queue::Ticket;
use crate::refusal::{Cause, Refusal};
use crate::service::Heard;
use crate::work::mend::{self, Settled};
use crate::work::{Stores, recovery, write};
use crate::{reading, recover};
use dbus_api::call::CallError;
use dbus_api::vpd::collection;
use dbus_api::vpd::writer::Copies;
use fru_publication::EepromKey;
use peer::{BackOff, persist};
use service_runtime::{clock, tasks};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use zbus::{Connection, Message};

/// Longest wait for the inventory to show what was written; it is answered then all the same.
pub const SHOWN_LIMIT: Duration = Duration::from_secs(10);

/// Longest wait with that for writes that wait for their turn, and for parsers that run: one more run then shows all that was
/// written to an EEPROM meanwhile.
const SHARED_LIMIT: Duration = Duration::from_secs(1);

/// A job that waits for its turn.
#[derive(Debug)]
pub struct Asked {
    /// The call that it answers; none for what the service does by itself.
    pub call: Option<Message>,
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
    pub call: Option<Message>,
    /// The EEPROM.
    pub key: EepromKey,
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

/// What is to be told of a job as soon as it is done with its chips.
#[derive(Debug)]
pub struct Released {
    /// Its ticket.
    pub ticket: Ticket,
    /// For the history.
    pub entry: Option<Entry>,
    /// EEPROMs that have an interrupted write now.
    pub interrupted: Vec<EepromKey>,
    /// For the event log: the EEPROM, and why its redundant one was left as it is.
    pub left_out: Option<(EepromKey, String)>,
    /// The parser is to run again; it does when this is dropped.
    pub reading: Option<oneshot::Sender<()>>,
    /// The EEPROM and its redundant one say the same again.
    pub scrubbed: Option<EepromKey>,
    /// For the event log: how an EEPROM and its backup stand to each other.
    pub backup: Option<(EepromKey, Settled)>,
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
        Self { call: Some(call.clone()), job, caller }
    }

    /// A job that no caller asks for.
    pub fn unasked(job: Job) -> Self {
        Self { call: None, job, caller: None }
    }
}

/// What is kept, of the owner and of all jobs.
pub type SharedStores = Arc<Stores>;

/// Does a job: its chips first, on a thread that may wait, then what follows from it.
pub async fn run(
    connection: Connection,
    ticket: Ticket,
    asked: Asked,
    stores: SharedStores,
    tell: UnboundedSender<Heard>,
) {
    let Asked { call, job, caller } = asked;
    let (working, in_hand) = (job.clone(), Arc::clone(&stores));
    let performed = tokio::task::spawn_blocking(move || perform(&working, &in_hand)).await;
    let performed = performed.unwrap_or_else(|error| {
        log::error!("a job has panicked fru={}: {error}", job.key());
        Err(Cause::Internal.because("the service has a fault; its log says which"))
    });
    let key = job.key().clone();
    let others = performed.as_ref().map(|performed| performed.others.clone()).unwrap_or_default();
    let is_changed =
        matches!(&performed, Ok(Performed { done: Done::Written(written), .. }) if written.changed > 0);
    let is_read_again = is_changed && job.is_shown_by_inventory();
    let (held, goes_on) = oneshot::channel();
    let released = Released {
        ticket,
        reading: is_read_again.then_some(held),
        entry: noted(&job, caller, &performed, &stores).await,
        interrupted: interrupted(&job, &performed, &others, &stores),
        left_out: performed.as_ref().ok().and_then(|performed| left_out(&key, performed)),
        scrubbed: (is_scrub(&job) && performed.as_ref().is_ok_and(Performed::is_whole)).then(|| key.clone()),
        backup: performed
            .as_ref()
            .ok()
            .and_then(|performed| performed.backup.clone())
            .map(|backup| (key.clone(), backup)),
    };
    // The owner has ended if it takes nothing.
    let _ = tell.send(Heard::Released(Box::new(released)));
    // The owner lets go of it by dropping its end.
    let released_at = Instant::now();
    let _ = tokio::time::timeout(SHARED_LIMIT, goes_on).await;
    let limit = SHOWN_LIMIT.saturating_sub(released_at.elapsed());
    let outcome = match performed {
        Ok(performed) => {
            // Of one that is pending, the parser is not run.
            let others = others.into_iter().filter(|other| !stores.journals.holds_up(other)).collect();
            let finished = follow_up(&connection, &job, others, performed.done, (&stores, limit)).await;
            performed.failed.map_or(Ok(finished), Err)
        }
        Err(refusal) => Err(refusal),
    };
    let _ = tell.send(Heard::Ended(Box::new(Ended { ticket, call, key, outcome })));
}

fn is_scrub(job: &Job) -> bool {
    matches!(job, Job::Mend(job) if job.what == Mend::Scrub)
}

/// What the chips came to.
struct Performed {
    done: Done,
    left_out: Option<String>,
    backup: Option<Settled>,
    /// FRUs besides the job's own whose content may be another now.
    others: Vec<EepromKey>,
    /// Why not all that was asked for was done, where some of it was.
    failed: Option<Refusal>,
}

impl Performed {
    fn is_whole(&self) -> bool {
        self.failed.is_none()
    }
}

/// EEPROMs with a journal of their own that a job has left: it may have written all, and not been able to let it go.
fn interrupted(
    job: &Job,
    performed: &Result<Performed, Refusal>,
    others: &[EepromKey],
    stores: &Stores,
) -> Vec<EepromKey> {
    let is_known = match performed {
        // Told by what has become of it.
        Ok(performed) => matches!(performed.done, Done::Recovered(_)),
        // An earlier one is in the way.
        Err(refusal) => refusal.cause == Cause::Unavailable,
    };
    let own = (!is_known).then(|| job.key());
    // One that was named by its backup may have the journal under the other's key.
    let other = job.other().filter(|other| !is_known && !others.contains(other));
    let is_left = |key: &&EepromKey| stores.journals.has(key) && stores.journals.owner(key) == **key;
    own.into_iter().chain(other).chain(others).filter(is_left).cloned().collect()
}

fn others(job: &Job, frus: BTreeSet<EepromKey>) -> Vec<EepromKey> {
    frus.into_iter().filter(|fru| fru != job.key()).collect()
}

fn left_out(key: &EepromKey, performed: &Performed) -> Option<(EepromKey, String)> {
    performed.left_out.clone().map(|why| (key.clone(), why))
}

fn perform(job: &Job, stores: &Stores) -> Result<Performed, Refusal> {
    let done = |done| Performed { done, left_out: None, backup: None, others: Vec::new(), failed: None };
    let whole = job;
    match job {
        Job::Read(job) => reading::perform(job, &stores.backups).map(done),
        Job::Write(job) => {
            let outcome = write::perform(job, stores)?;
            let is_one = job.copies == Copies::One && job.on_hardware_only.is_none() && !job.dry_run;
            let alone = is_one && job.chips.len() > 1 && outcome.written.changed > 0;
            let left_out = outcome.left_out.or_else(|| alone.then(|| "as its caller wished".to_owned()));
            let left_out = left_out.filter(|_| !job.dry_run);
            let others = others(whole, outcome.frus);
            Ok(Performed {
                done: Done::Written(outcome.written),
                left_out,
                backup: None,
                others,
                failed: None,
            })
        }
        Job::Recover(job) => {
            let was_unshown = stores.this_boot.unshown(&job.key).is_some();
            let mut frus = BTreeSet::new();
            let when = recovery::When::Serving { is_off: job.is_off };
            let recovered =
                recovery::recover_watched(&job.key, &stores.journals, &stores.backups, when, |found| {
                    found.iter().for_each(|fru| stores.this_boot.written(fru));
                    frus = found;
                });
            recover::log(&job.key, &recovered);
            if recovered.has_settled() {
                // A parser that another job had run meanwhile may have read what was there before.
                frus.iter().for_each(|fru| stores.this_boot.written(fru));
            } else if !was_unshown && stores.journals.has(&job.key) {
                stores.this_boot.shown(&job.key, stores.this_boot.unshown(&job.key));
            }
            let others = others(whole, frus);
            Ok(Performed { others, ..done(Done::Recovered(recovered)) })
        }
        Job::Mend(job) => {
            let (settled, result) = mend::perform(job, stores);
            let is_changed = settled.outcome.written.changed > 0;
            let failed = match result {
                Err(refusal) if is_changed => Some(refusal),
                result => result.map(|()| None)?,
            };
            let left_out = settled.outcome.left_out.clone();
            let others = others(whole, settled.outcome.frus.clone());
            let done = Done::Written(settled.outcome.written);
            let backup = (job.what == Mend::Settle && failed.is_none()).then_some(settled);
            Ok(Performed { done, left_out, backup, others, failed })
        }
    }
}

/// What the history says of a job.
async fn noted(
    job: &Job,
    caller: Option<JoinHandle<Caller>>,
    performed: &Result<Performed, Refusal>,
    stores: &SharedStores,
) -> Option<Entry> {
    let caller = match caller {
        Some(caller) => caller.await.unwrap_or_default(),
        None => Caller::default(),
    };
    let mut entry = Entry::of(job, &caller, clock::wall())?;
    let refusal = performed.as_ref().map_or_else(Some, |performed| performed.failed.as_ref());
    entry.outcome = refusal.map_or("done", |refusal| refusal.cause.bus_name()).to_owned();
    let (stores, kept) = (Arc::clone(stores), entry.clone());
    // What the disk refuses is logged there.
    if let Err(error) = tokio::task::spawn_blocking(move || stores.past.keep(kept)).await {
        log::error!("the history of writes is not kept: {error}");
    }
    Some(entry)
}

/// What is done when the chips are free again.
async fn follow_up(
    connection: &Connection,
    job: &Job,
    others: Vec<EepromKey>,
    done: Done,
    (stores, limit): (&SharedStores, Duration),
) -> Finished {
    let with_own = |others: Vec<EepromKey>| std::iter::once(job.key().clone()).chain(others).collect();
    match (job, done) {
        (Job::Read(job), Done::Compared(comparison)) => {
            let compared = peers::compare_inventory(connection, &job.fragment, comparison).await;
            Finished { done: Done::Compared(compared), is_shown: true }
        }
        (_, done @ Done::Written(written)) => {
            let is_shown = match job {
                _ if !job.is_shown_by_inventory() => false,
                _ if written.changed == 0 => true,
                _ => are_shown(connection, with_own(others), stores, limit).await,
            };
            Finished { done, is_shown }
        }
        // What was read before may be neither the old content nor the new one. Another FRU's chips may have arrived though its
        // own have not.
        (_, Done::Recovered(recovered)) => {
            // Whose parser has run since is not asked for once more.
            let keys = if stores.journals.holds_up(job.key()) { others } else { with_own(others) };
            let is_shown = are_shown(connection, keys, stores, limit).await;
            Finished { done: Done::Recovered(recovered), is_shown }
        }
        (_, done) => Finished { done, is_shown: true },
    }
}

/// Has the parser run once more for each of them, which alone publishes a FRU; whether all are shown.
async fn are_shown(
    connection: &Connection,
    keys: Vec<EepromKey>,
    stores: &SharedStores,
    limit: Duration,
) -> bool {
    let shown = |key| tokio::spawn(is_shown(connection.clone(), key, Arc::clone(stores), limit));
    let shown: Vec<_> = keys.into_iter().map(shown).collect();
    let mut all = true;
    for shown in shown {
        all &= shown.await.unwrap_or_default();
    }
    all
}

/// Has the parser of one FRU run again, unless it has run since the last write. What takes too long goes on: the FRU must not stay
/// as it was.
pub async fn is_shown(connection: Connection, key: EepromKey, stores: SharedStores, limit: Duration) -> bool {
    let Some(write) = stores.this_boot.unshown(&key) else { return true };
    let (mut told, tell) = stores.rereads.join(&key, write);
    if let Some(tell) = tell {
        let read = key.clone();
        tasks::spawn(async move {
            let is_shown = read_again(&connection, &read).await;
            if is_shown {
                stores.this_boot.shown(&read, Some(write));
            }
            // Without receivers, all callers were answered already when their limits had passed.
            let _ = tell.send(Some(is_shown));
        });
    }
    match tokio::time::timeout(limit, told.wait_for(Option::is_some)).await {
        Ok(told) => told.is_ok_and(|told| *told == Some(true)),
        Err(_) => {
            let limit = SHOWN_LIMIT.as_secs();
            log::warn!("written, and not read again within {limit} s fru={key}");
            false
        }
    }
}

/// Whether an EEPROM was read again. A collection service that has ended, or does not answer, is asked again: it may come back and
/// know nothing of this.
async fn read_again(connection: &Connection, key: &EepromKey) -> bool {
    let attempt = async || match collection::reread(connection, key.as_str()).await {
        Err(error @ (CallError::Absent { .. } | CallError::TimedOut { .. })) => {
            Err(anyhow::Error::new(error).context("not read again"))
        }
        answer => Ok(answer),
    };
    match persist(BackOff::new(Duration::from_secs(1), Duration::from_secs(60)), attempt).await {
        Ok(outcome) => {
            log::info!("written and read again fru={key} outcome={outcome}");
            true
        }
        Err(error) => {
            log::warn!("written, and not shown by the inventory yet: {error} fru={key}");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{MendJob, RecoverJob, Written};
    use crate::settings::Locked;
    use durable_state::RealDisk;
    use fru_publication::Fragment;

    #[test]
    fn a_journal_that_any_job_leaves_is_recovered_and_one_that_is_known_is_not_begun_again() {
        let folder = tempfile::tempdir().unwrap();
        let stores = Stores::at(folder.path(), None, RealDisk);
        stores.open().unwrap();
        let (own, other) = (EepromKey::parse("8-0050").unwrap(), EepromKey::parse("7-0050").unwrap());
        let fragment = Arc::new(Fragment::parse("[[object]]\npath = \"/x\"\n").unwrap());
        let (key, chips, partner) = (own.clone(), Vec::new(), None);
        let (locked, types, power_off_only, what) = (Locked::default(), Vec::new(), false, Mend::Scrub);
        let write = Job::Mend(MendJob { key, chips, fragment, power_off_only, partner, locked, types, what });
        let recover = Job::Recover(RecoverJob { key: own.clone(), is_off: true });
        let done =
            |done| Ok(Performed { done, left_out: None, backup: None, others: Vec::new(), failed: None });
        let written = done(Done::Written(Written::default()));
        let found = |job: &Job, performed: &Result<Performed, Refusal>| {
            interrupted(job, performed, std::slice::from_ref(&other), &stores)
        };
        assert_eq!(found(&write, &written), []);
        let journals = folder.path().join("journals");
        std::fs::write(journals.join("8-0050.journal"), "x").unwrap();
        std::os::unix::fs::symlink("8-0050.journal", journals.join("7-0050.journal")).unwrap();
        assert_eq!(found(&write, &written), vec![own.clone()], "its journal could not be let go");
        assert_eq!(found(&write, &Err(Cause::WriteFailure.because(""))), [own]);
        assert_eq!(found(&write, &Err(Cause::Unavailable.because(""))), []);
        let pending = done(Done::Recovered(recovery::Recovered::Pending(String::new())));
        assert_eq!(found(&recover, &pending), []);
        std::fs::remove_file(journals.join("7-0050.journal")).unwrap();
        std::fs::write(journals.join("7-0050.journal"), "x").unwrap();
        assert_eq!(found(&recover, &pending), vec![other.clone()], "what is left of it has a journal now");
    }
}
