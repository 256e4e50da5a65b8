//! The bus face: calls become requests to the owner of the collection.

use dbus_api::vpd::collection::{Collection, Report, Status};
use tokio::sync::{mpsc, oneshot};

/// What a caller wants.
#[derive(Debug)]
pub enum Request {
    /// A parser's report, and the acknowledgement that it waits for.
    Report(Box<Report>, oneshot::Sender<()>),
    /// Where the collection stands.
    Status(oneshot::Sender<Status>),
    /// These are to be read again; the first that the system lacks is the answer.
    Recollect(Vec<String>, oneshot::Sender<Result<(), String>>),
}

/// The way from the bus to the owner.
#[derive(Debug)]
pub struct Line(pub mpsc::Sender<Request>);

impl Line {
    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.0.send(request(answer)).await.ok()?;
        answered.await.ok()
    }
}

// The owner drops a request only at its end, when nobody is answered any more.
impl Collection for Line {
    async fn report(&self, report: Report) {
        self.ask(|answer| Request::Report(Box::new(report), answer)).await;
    }

    async fn status(&self) -> Status {
        self.ask(Request::Status).await.unwrap_or_default()
    }

    async fn recollect(&self, keys: Vec<String>) -> Result<(), String> {
        self.ask(|answer| Request::Recollect(keys, answer)).await.unwrap_or(Ok(()))
    }
}
