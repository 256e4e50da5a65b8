//! Asks clients whether they read, and refuses the calls of those that do not.

use super::incoming::Watch;
use super::unread::{Limits, Unread, Verdict, Work};
use dbus_api::call::{self, CallError};
use dbus_api::standard::error::LIMITS_EXCEEDED;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use zbus::{Connection, Message};

/// After so long what the bus did not let or did not say is asked once more.
const AGAIN: Duration = Duration::from_secs(10);
/// Calls that are not taken make one line in the log in so long.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
/// What a client is told whose call is refused.
pub(super) const REFUSAL: &str =
    "too many replies to this connection, or to others of its user, are not read yet";

/// The replies of a service that their clients have not read yet, as far as is known.
///
/// A client that may not have read more than 16 KiB is asked a `Peer.Ping`, which D-Bus libraries answer by themselves when
/// their program reads. Of the clients of a user other than root, 4 MiB of small replies may be unread and 16 MiB of large
/// ones, a quarter of that by one client; calls beyond are refused with `LimitsExceeded`, and at last passed over.
#[derive(Debug, Clone)]
pub struct Replies(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    unread: Mutex<Unread>,
    /// There is work.
    work: Notify,
    /// [`Replies::fits`] may say otherwise than before.
    freed: Notify,
    /// When the log was told last of a call that was not taken.
    told: Mutex<Option<Instant>>,
}

impl Replies {
    pub(super) fn new(weighs: bool) -> Self {
        Self(Arc::new(Shared {
            unread: Mutex::new(Unread::new(Limits::BUS, weighs)),
            work: Notify::new(),
            freed: Notify::new(),
            told: Mutex::new(None),
        }))
    }

    /// Whether a reply of so many bytes, more than [`super::SMALL`], may be sent to a client now.
    ///
    /// It may not before the client's user is known; that it is, [`Self::freed`] tells too.
    pub fn fits(&self, client: &str, bytes: usize) -> bool {
        self.with(|unread| unread.fits(client, bytes))
    }

    /// The user of a client, where it is known.
    pub fn user_of(&self, client: &str) -> Option<u32> {
        self.with(|unread| unread.user_of(client))
    }

    /// Waits until more may fit than before. For one task; one that comes late is told all the same.
    pub async fn freed(&self) {
        self.0.freed.notified().await;
    }

    fn with<T>(&self, act: impl FnOnce(&mut Unread) -> T) -> T {
        let mut unread = self.0.unread.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut unread);
        if unread.has_work() {
            self.0.work.notify_one();
        }
        if unread.take_freed() {
            self.0.freed.notify_one();
        }
        result
    }

    /// Does what the count of unread replies asks for, until the connection breaks.
    pub(super) async fn look_after(self, connection: Connection) {
        loop {
            if self.with(|unread| unread.has_later()) {
                if tokio::time::timeout(AGAIN, self.0.work.notified()).await.is_err() {
                    self.with(Unread::again);
                }
            } else {
                self.0.work.notified().await;
            }
            while let Some(work) = self.with(Unread::next_work) {
                let done = self.perform(&connection, work).await;
                if let Err(error) = done {
                    log::debug!("unread replies: {error}");
                }
            }
        }
    }

    async fn perform(&self, connection: &Connection, work: Work) -> zbus::Result<()> {
        match work {
            Work::AskUser(client) => {
                let user = call::unix_user(connection, &client).await;
                let user = user.inspect_err(|error| log::debug!("the user of {client}: {error}"));
                self.with(|unread| unread.user(&client, user.ok()));
            }
            Work::Ping(client) => {
                let serial = unguessable();
                if self.with(|unread| unread.asked(&client, serial)) {
                    connection.send(&call::ping(&client, serial)?).await?;
                }
            }
            Work::Sweep => {
                let names = call::names(connection).await.inspect_err(not_said);
                let names = names.as_ref().ok().map(|names| names.iter().map(String::as_str).collect());
                self.with(|unread| unread.only(names.as_ref()));
            }
            Work::Refuse(client, serial) => {
                let call = Message::method_call("/", "Refused").sender(client);
                let call = call.serial(serial).build(&())?;
                connection.send(&Message::error(&call.header(), LIMITS_EXCEEDED).build(&REFUSAL)?).await?;
            }
        }
        Ok(())
    }

    /// Says in the log that a client's calls are not taken, once in a while.
    fn tell(&self, client: &str) {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= LOG_INTERVAL) {
            *told = Some(Instant::now());
            log::warn!(
                "calls of {client} are refused: too many replies to it or its user are under way or unread"
            );
        }
    }
}

fn not_said(error: &CallError) {
    log::debug!("the clients of the bus: {error}");
}

impl Watch for Replies {
    fn takes(&self, client: &str, call: NonZeroU32) -> bool {
        let verdict = self.with(|unread| unread.call(client, call));
        if verdict == Verdict::Take {
            return true;
        }
        self.tell(client);
        false
    }

    fn answered(&self, client: &str, call: NonZeroU32) -> bool {
        self.with(|unread| unread.answered(client, call))
    }

    fn failed(&self, call: NonZeroU32, error: &str) -> bool {
        self.with(|unread| unread.failed(call, error))
    }

    fn sent(&self, client: &str, call: NonZeroU32, bytes: usize) {
        self.with(|unread| unread.sent(client, call, bytes));
    }
}

/// A number that no client knows before it has read it, as the hash of nothing by a random key.
fn unguessable() -> NonZeroU32 {
    let hash = RandomState::new().build_hasher().finish();
    // Half of it is taken.
    NonZeroU32::new(hash as u32).unwrap_or(NonZeroU32::MIN)
}
