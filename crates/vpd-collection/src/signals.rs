//! What process 1 and the bus say by themselves.

use crate::collection::Event;
use anyhow::Context as _;
use dbus_api::call;
use dbus_api::inventory::manager;
use dbus_api::systemd;
use futures_core::Stream;
use service_runtime::Exit;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use zbus::{Connection, Message, MessageStream};

/// Signals of process 1 that may wait for us; a machine has fewer units than that.
const SIGNALS_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4_095);

/// What process 1 and the bus say by themselves.
pub struct Signals {
    /// Ends of jobs.
    pub jobs: MessageStream,
    /// Owners of the inventory's name.
    pub owners: MessageStream,
    /// Process 1's own name on the bus: others could send signals that look like its.
    systemd: String,
    /// When it gets another one, as it does when it executes itself anew.
    systemd_owners: MessageStream,
}

impl Signals {
    /// Begins to listen.
    pub async fn subscribe(connection: &Connection) -> anyhow::Result<Self> {
        let jobs = systemd::job_removed_rule()?;
        let owners = call::owner_rule(manager::BUS_NAME)?;
        let systemd_owners = call::owner_rule(systemd::BUS_NAME)?;
        Ok(Self {
            // Before the name is asked for, so that no change of it is missed.
            systemd_owners: MessageStream::for_match_rule(systemd_owners, connection, None).await?,
            jobs: MessageStream::for_match_rule(jobs, connection, Some(SIGNALS_KEPT)).await?,
            owners: MessageStream::for_match_rule(owners, connection, None).await?,
            systemd: call::owner(connection, systemd::BUS_NAME).await?,
        })
    }

    /// The bus says what process 1 is called before process 1 says anything, so what is there already is enough.
    fn follow_systemd(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(Ok(message))) = Pin::new(&mut self.systemd_owners).poll_next(&mut context)
        {
            if let Some(owner) = call::new_owner(&message).filter(|owner| !owner.is_empty()) {
                log::debug!("process 1 is now {owner}");
                self.systemd = owner;
            }
        }
    }

    /// The end of a job, if process 1 says so.
    pub fn job_removed(&mut self, message: &Message) -> Option<Event> {
        self.follow_systemd();
        if message.header().sender().is_none_or(|sender| sender.as_str() != self.systemd) {
            return None;
        }
        let (job, unit, result) = systemd::job_removed(message)?;
        Some(Event::JobRemoved(job, unit, result))
    }
}

/// Waits for a message; without a bus there is none.
pub async fn next(messages: &mut MessageStream) -> anyhow::Result<Message> {
    poll_fn(|context| Pin::new(&mut *messages).poll_next(context))
        .await
        .context("the bus went away")
        .context(Exit::PeerUnavailable)?
        .context("the connection to the bus broke")
        .context(Exit::PeerUnavailable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_bus::PrivateBus;

    /// A client of the bus that may own a name, with what it can say.
    struct Client(Connection);

    impl Client {
        async fn new(bus: &PrivateBus) -> Self {
            let builder = zbus::connection::Builder::address(bus.address());
            Self(builder.build().await.unwrap())
        }

        /// Says to one client that a job has ended.
        async fn job_removed(&self, listener: &Connection, job: u32) {
            let path = zbus::ObjectPath::try_from(format!("/job/{job}")).unwrap();
            let to = listener.unique_name().unwrap().to_owned();
            self.0
                .emit_signal(
                    Some(to),
                    systemd::PATH,
                    systemd::MANAGER,
                    systemd::JOB_REMOVED,
                    &(job, path, "a.service", "done"),
                )
                .await
                .unwrap();
        }
    }

    async fn heard(signals: &mut Signals) -> Option<String> {
        let message = tokio::time::timeout(test_bus::LIMIT, next(&mut signals.jobs)).await.unwrap().unwrap();
        match signals.job_removed(&message) {
            Some(Event::JobRemoved(job, ..)) => Some(job),
            _ => None,
        }
    }

    #[tokio::test]
    async fn process_1_is_heard_under_each_name_that_it_has_and_nobody_else_is() {
        if !test_bus::can_run() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let bus = PrivateBus::start(folder.path()).unwrap();
        let (first, second) = (Client::new(&bus).await, Client::new(&bus).await);
        let listener = Client::new(&bus).await.0;
        first.0.request_name(systemd::BUS_NAME).await.unwrap();
        let mut signals = Signals::subscribe(&listener).await.unwrap();
        first.job_removed(&listener, 1).await;
        assert_eq!(heard(&mut signals).await.as_deref(), Some("/job/1"));
        second.job_removed(&listener, 2).await;
        assert_eq!(heard(&mut signals).await, None);
        // As it does when it executes itself anew.
        first.0.release_name(systemd::BUS_NAME).await.unwrap();
        second.0.request_name(systemd::BUS_NAME).await.unwrap();
        second.job_removed(&listener, 3).await;
        assert_eq!(heard(&mut signals).await.as_deref(), Some("/job/3"));
        first.job_removed(&listener, 4).await;
        assert_eq!(heard(&mut signals).await, None);
    }
}
