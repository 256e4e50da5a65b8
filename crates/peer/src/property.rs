use crate::{BackOff, News, Peer};
use dbus_api::call::CallError;
use dbus_api::state::StateProperty;
use service_runtime::clock::at;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;
use zbus::Connection;

/// Longest wait for the service's answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Shortest and longest pause before a service is asked again that did not answer.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// The call that asks for the value.
type Asking = Pin<Box<dyn Future<Output = Result<String, CallError>> + Send>>;

/// One text property of one service, asked for and followed from then on.
pub struct PropertyFollower {
    connection: Connection,
    peer: Peer,
    property: StateProperty,
    back_off: BackOff,
    /// When the service is to be asked.
    ask_at: Option<Instant>,
    /// It is being asked.
    asking: Option<Asking>,
}

impl std::fmt::Debug for PropertyFollower {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PropertyFollower").field("property", &self.property).finish_non_exhaustive()
    }
}

impl PropertyFollower {
    /// Begins to follow; the first [`Self::next`] asks.
    ///
    /// Errors: as [`Peer::follow`].
    pub async fn follow(connection: &Connection, property: StateProperty) -> anyhow::Result<Self> {
        let peer = Peer::follow(connection, property.service, [property.changed_rule()?]).await?;
        Ok(Self {
            connection: connection.clone(),
            peer,
            property,
            back_off: BackOff::new(PAUSES.0, PAUSES.1),
            ask_at: Some(Instant::now()),
            asking: None,
        })
    }

    /// Waits for the value: the first one, each that the service tells, and each that it has when it comes back. Nothing
    /// when the service is not there, or does not answer; it is asked again then. Dropping the future loses nothing.
    ///
    /// Errors: the bus went away.
    pub async fn next(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            if self.ask_at.is_some_and(|at| at <= Instant::now()) {
                self.ask_at = None;
                if self.peer.owner().is_none() {
                    return Ok(None);
                }
                self.asking = Some(ask(self.connection.clone(), self.property));
            }
            tokio::select! {
                // What the service tells counts more than an answer from before, and must not pile up meanwhile.
                biased;
                news = self.peer.next() => if let Some(value) = self.hear(news?) { return Ok(Some(value)) },
                answer = pending_or(self.asking.as_mut()) => return Ok(self.conclude(answer)),
                () = at(self.ask_at) => {}
            }
        }
    }

    fn hear(&mut self, news: News) -> Option<String> {
        match news {
            News::Came | News::Went => {
                self.back_off.succeeded();
                self.asking = None;
                self.ask_at = Some(Instant::now());
                None
            }
            News::Said(signal) => {
                let value = self.property.changed(&signal)?;
                // A service that tells its value need not be asked for it, and may not answer.
                self.asking = None;
                self.ask_at = None;
                Some(value)
            }
        }
    }

    fn conclude(&mut self, answer: Result<String, CallError>) -> Option<String> {
        self.asking = None;
        match answer {
            Ok(value) => {
                self.back_off.succeeded();
                Some(value)
            }
            Err(error) => {
                log::debug!("{error}, asking again later");
                self.ask_at = Some(Instant::now() + self.back_off.failed());
                None
            }
        }
    }
}

fn ask(connection: Connection, property: StateProperty) -> Asking {
    Box::pin(async move {
        let answer = tokio::time::timeout(ANSWER_LIMIT, property.get(&connection)).await;
        answer.unwrap_or(Err(CallError::TimedOut { destination: property.service }))
    })
}

async fn pending_or(asking: Option<&mut Asking>) -> Result<String, CallError> {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}
