//! The bus face: calls become requests to the owner of the collection.

use crate::collection::Wish;
use crate::reporter::Reporters;
use dbus_api::vpd::collection::{
    Collection, Followed, FruState, Outcome, RecordReport, Refusal, Report, Status,
};
use plain_text::is_hidden;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use zbus::Connection;

/// What a caller wants.
#[derive(Debug)]
pub enum Request {
    /// A parser's report, what it has read of a damaged image, and the acknowledgement that it waits for.
    Report(Box<Report>, Vec<u8>, oneshot::Sender<()>),
    /// Where the collection stands.
    Status(oneshot::Sender<Status>),
    /// Something is wished for these.
    Wish(Wish, Vec<String>, oneshot::Sender<Result<Followed, Refusal>>),
    /// This one is to be read again without its slot, by a run that begins after this.
    Reread(String, oneshot::Sender<Result<Outcome, Refusal>>),
    /// How it stands with one EEPROM.
    State(String, oneshot::Sender<Result<(FruState, Outcome), Refusal>>),
}

/// The way from the bus to the owner.
#[derive(Debug)]
pub struct Line {
    requests: mpsc::Sender<Request>,
    reporters: Reporters,
    /// One for each report that may be at work.
    reports: Semaphore,
    callers: Callers,
}

/// Connections that have a report under way.
#[derive(Debug, Default)]
struct Callers(Mutex<BTreeSet<String>>);

impl Callers {
    /// Until the result is dropped; nothing for one that is in already, or where so many are.
    fn enter(&self, caller: &str) -> Option<impl Drop + use<'_>> {
        struct Entered<'a>(&'a Callers, String);
        impl Drop for Entered<'_> {
            fn drop(&mut self) {
                self.0.names().remove(&self.1);
            }
        }
        let mut names = self.names();
        (names.len() < CALLERS && names.insert(caller.to_owned())).then(|| Entered(self, caller.to_owned()))
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    pub fn new(requests: mpsc::Sender<Request>, reporters: Reporters) -> Self {
        Self { requests, reporters, reports: Semaphore::new(REPORTS), callers: Callers::default() }
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(request(answer)).await.ok()?;
        answered.await.ok()
    }
}

// The owner drops a request only at its end, when nobody is answered any more.
impl Collection for Line {
    async fn report(
        &self,
        connection: &Connection,
        caller: &str,
        report: Report,
        mut image: Vec<u8>,
    ) -> Result<(), Refusal> {
        let report = tamed(report);
        image.truncate(IMAGE_KEPT);
        image.shrink_to_fit();
        let unclear = |reason: &str| Refusal::Unclear(report.key.clone(), reason.to_owned());
        // A parser has one report, and lanes run fewer parsers at once.
        let Some(_caller) = self.callers.enter(caller) else {
            return Err(unclear("the caller has another report under way, or too many others have"));
        };
        let turn = tokio::time::timeout(TURN_LIMIT, self.reports.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(unclear("too many reports come at once")) };
        // Here, in a task of the call's own: the owner waits for no peer.
        if let Err(refusal) = self.reporters.judge(connection, caller, &report.key).await {
            if let Refusal::NotTheirs(_, why) | Refusal::Unclear(_, why) = &refusal {
                log::warn!("a report was refused: {why} fru={}", report.key);
            }
            return Err(refusal);
        }
        self.ask(|answer| Request::Report(Box::new(report), image, answer)).await;
        Ok(())
    }

    async fn status(&self) -> Status {
        self.ask(Request::Status).await.unwrap_or_default()
    }

    async fn recollect(&self, keys: Vec<String>) -> Result<Followed, Refusal> {
        self.ask(|answer| Request::Wish(Wish::Recollect, keys, answer)).await.unwrap_or_else(|| Err(ending()))
    }

    async fn remove(&self, keys: Vec<String>) -> Result<Followed, Refusal> {
        self.ask(|answer| Request::Wish(Wish::Remove, keys, answer)).await.unwrap_or_else(|| Err(ending()))
    }

    async fn reread(&self, key: String) -> Result<Outcome, Refusal> {
        self.ask(|answer| Request::Reread(key, answer)).await.unwrap_or_else(|| Err(ending()))
    }

    async fn state(&self, key: String) -> Result<(FruState, Outcome), Refusal> {
        self.ask(|answer| Request::State(key, answer)).await.unwrap_or_else(|| Err(ending()))
    }
}

fn ending() -> Refusal {
    Refusal::Unavailable("the service is about to end".to_owned())
}

/// Reports at work at once, of which each asks bus and PID 1 one question at a time: dbus-daemon lets a service wait for 128
/// answers. The others wait for their turn, less long than a parser for its answer.
const REPORTS: usize = 48;
/// Reports at work or waiting, each with a message of up to 256 KiB.
const CALLERS: usize = 128;
const TURN_LIMIT: Duration = Duration::from_secs(4);
/// Longest image that is kept, the largest that the formats can address.
const IMAGE_KEPT: usize = 64 * 1024;
/// Longest text of a report that is kept, characters (an object path may have so many); longest list.
const TEXT_KEPT: usize = 1_000;
const LIST_KEPT: usize = 1_024;
/// Bytes of a report's lists that are kept: 64 records with long reasons have a quarter of it. `Status` carries them all.
const REPORT_KEPT: usize = 16 * 1024;

/// A report comes from a process that has read hostile bytes: its texts reach terminals, its lists our memory.
fn tamed(mut report: Report) -> Report {
    report.records.truncate(LIST_KEPT);
    report.records.shrink_to_fit();
    report.excluded.truncate(LIST_KEPT);
    report.excluded.shrink_to_fit();
    let Report { key, format, reason, ccin, excluded, invocation, records, .. } = &mut report;
    let texts = [key, format, reason, ccin, invocation].into_iter().chain(excluded);
    let of_records = records.iter_mut().flat_map(|record| [&mut record.name, &mut record.reason]);
    for text in texts.chain(of_records) {
        if text.len() > TEXT_KEPT || text.chars().any(is_hidden) {
            *text = text.chars().take(TEXT_KEPT).map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect();
        }
    }
    let mut whole: usize = report.excluded.iter().map(|path| path.len() + PATH_OVERHEAD).sum();
    whole += report.records.iter().map(length).sum::<usize>();
    while whole > REPORT_KEPT {
        let cut = report.records.pop().map(|record| length(&record));
        let Some(cut) = cut.or_else(|| report.excluded.pop().map(|path| path.len() + PATH_OVERHEAD)) else {
            break;
        };
        whole -= cut;
    }
    report
}

/// Bytes that a path and a record have on the bus beside their texts.
const PATH_OVERHEAD: usize = 8;
const RECORD_OVERHEAD: usize = 32;

/// Bytes of a record.
fn length(record: &RecordReport) -> usize {
    record.name.len() + record.reason.len() + RECORD_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbus_api::vpd::collection::Outcome;

    #[test]
    fn a_connection_has_one_report_under_way() {
        let callers = Callers::default();
        let first = callers.enter(":1.1");
        assert!(first.is_some() && callers.enter(":1.1").is_none());
        assert!(callers.enter(":1.2").is_some());
        drop(first);
        assert!(callers.enter(":1.1").is_some());
    }

    #[test]
    fn a_report_reaches_no_terminal_with_control_characters_and_no_memory_with_endless_texts() {
        let text = "\u{1b}[2J".to_owned() + &"x".repeat(10_000);
        let record = RecordReport { name: text.clone(), reason: text.clone(), ..RecordReport::default() };
        let report = Report {
            format: text.clone(),
            reason: text.clone(),
            excluded: vec![text; 5_000],
            records: vec![record; 5_000],
            ..Report::default()
        };
        let shown = format!("{:?}", tamed(report));
        assert!(!shown.contains("\\u{1b}") && !shown.contains('\u{1b}'));
        assert!(shown.len() < REPORT_KEPT + 20_000, "{}", shown.len());
    }

    #[test]
    fn an_ordinary_report_stays_as_it_is() {
        let report = Report { reason: "größer".to_owned(), outcome: Outcome::Ok, ..Report::default() };
        assert_eq!(tamed(report.clone()), report);
    }
}
