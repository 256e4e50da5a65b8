//! The bus face: calls become requests to the owner of the collection.

use crate::reporter::Reporters;
use dbus_api::vpd::collection::{Collection, Refusal, Report, Status};
use service_runtime::text::is_hidden;
use tokio::sync::{Semaphore, mpsc, oneshot};
use zbus::Connection;

/// What a caller wants.
#[derive(Debug)]
pub enum Request {
    /// A parser's report, what it has read of a damaged image, and the acknowledgement that it waits for.
    Report(Box<Report>, Vec<u8>, oneshot::Sender<()>),
    /// Where the collection stands.
    Status(oneshot::Sender<Status>),
    /// These are to be read again.
    Recollect(Vec<String>, oneshot::Sender<Result<(), Refusal>>),
    /// The parts of these are to be taken out.
    Remove(Vec<String>, oneshot::Sender<Result<(), Refusal>>),
}

/// The way from the bus to the owner.
#[derive(Debug)]
pub struct Line {
    requests: mpsc::Sender<Request>,
    reporters: Reporters,
    /// One for each report that may be at work.
    reports: Semaphore,
}

impl Line {
    pub fn new(requests: mpsc::Sender<Request>, reporters: Reporters) -> Self {
        Self { requests, reporters, reports: Semaphore::new(REPORTS) }
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
        let Ok(_at_work) = self.reports.try_acquire() else {
            return Err(Refusal::Unclear(tamed(report).key, "too many reports come at once".to_owned()));
        };
        let report = tamed(report);
        image.truncate(IMAGE_KEPT);
        image.shrink_to_fit();
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

    async fn recollect(&self, keys: Vec<String>) -> Result<(), Refusal> {
        self.ask(|answer| Request::Recollect(keys, answer)).await.unwrap_or(Ok(()))
    }

    async fn remove(&self, keys: Vec<String>) -> Result<(), Refusal> {
        self.ask(|answer| Request::Remove(keys, answer)).await.unwrap_or(Ok(()))
    }
}

/// Reports at work at once. Each parser waits for its own, and fewer lanes run at once; zbus would have any number.
const REPORTS: usize = 64;
/// Longest image that is kept, the largest that the formats can address.
const IMAGE_KEPT: usize = 64 * 1024;
/// Longest text of a report that is kept, characters (an object path may have so many); longest list.
const TEXT_KEPT: usize = 1_000;
const LIST_KEPT: usize = 1_024;

/// A report comes from a process that has read hostile bytes: its texts reach terminals, its lists our memory.
fn tamed(mut report: Report) -> Report {
    report.records.truncate(LIST_KEPT);
    report.excluded.truncate(LIST_KEPT);
    let Report { key, format, reason, ccin, excluded, invocation, records, .. } = &mut report;
    let texts = [key, format, reason, ccin, invocation].into_iter().chain(excluded);
    let of_records = records.iter_mut().flat_map(|record| [&mut record.name, &mut record.reason]);
    for text in texts.chain(of_records) {
        if text.len() > TEXT_KEPT || text.chars().any(is_hidden) {
            *text = text.chars().take(TEXT_KEPT).map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect();
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbus_api::vpd::collection::{Outcome, RecordReport};

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
        assert!(shown.len() < 4 * LIST_KEPT * (TEXT_KEPT + 100), "{}", shown.len());
    }

    #[test]
    fn an_ordinary_report_stays_as_it_is() {
        let report = Report { reason: "größer".to_owned(), outcome: Outcome::Ok, ..Report::default() };
        assert_eq!(tamed(report.clone()), report);
    }
}
