use crate::{BackOff, News, Peer};
use dbus_api::call::CallError;
use dbus_api::state::StateProperty;
use std::time::Duration;
use tokio::time::Instant;
use zbus::Connection;

/// Longest wait for the service's answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Shortest and longest pause before a service is asked again that did not answer.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// One text property of one service, asked for and followed from then on.
#[derive(Debug)]
pub struct PropertyFollower {
    connection: Connection,
    peer: Peer,
    property: StateProperty,
    back_off: BackOff,
    /// When the service is to be asked.
    ask_at: Option<Instant>,
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
        })
    }

    /// Waits for the value: the first one, each that the service tells, and each that it has when it comes back. Nothing
    /// when the service is not there, or does not answer; it is asked again then. Dropping the future loses no change.
    ///
    /// Errors: the bus went away.
    pub async fn next(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            if self.ask_at.is_some_and(|at| at <= Instant::now()) {
                return Ok(self.ask().await);
            }
            let ask_at = self.ask_at;
            let pause = async {
                match ask_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                news = self.peer.next() => if let Some(value) = self.hear(news?) { return Ok(Some(value)) },
                () = pause => {}
            }
        }
    }

    fn hear(&mut self, news: News) -> Option<String> {
        match news {
            News::Came | News::Went => {
                self.back_off.succeeded();
                self.ask_at = Some(Instant::now());
                None
            }
            News::Said(signal) => {
                let value = self.property.changed(&signal)?;
                // A service that tells its value need not be asked for it, and may not answer.
                self.ask_at = None;
                Some(value)
            }
        }
    }

    async fn ask(&mut self) -> Option<String> {
        if self.peer.owner().is_none() {
            self.ask_at = None;
            return None;
        }
        let asking = self.property.get(&self.connection);
        let answer = tokio::time::timeout(ANSWER_LIMIT, asking).await;
        match answer.unwrap_or(Err(CallError::TimedOut { destination: self.property.service })) {
            Ok(value) => {
                self.back_off.succeeded();
                self.ask_at = None;
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
