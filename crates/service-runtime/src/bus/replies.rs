//! Asks clients whether they read, and refuses the calls of those that do not.

use super::incoming::Watch;
use super::unread::{Limits, Unread, User, Verdict, Work};
use dbus_api::call::{self, CallError};
use dbus_api::standard::error::{ACCESS_DENIED, LIMITS_EXCEEDED};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use zbus::{Connection, Message};

/// After so long what the bus did not let or did not say is asked once more.
const AGAIN: Duration = Duration::from_secs(10);
/// What is wrong makes one line in the log in so long.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
/// The number of every message that dbus-broker itself sends; dbus-daemon counts from 1.
const OF_BROKER: usize = u32::MAX as usize;
/// What a client is told whose call is refused.
pub(super) const REFUSAL: &str =
    "too many replies to this connection, or to others of its user, are under way or not read yet";

/// The replies of a service that their clients have not read yet, as far as is known.
///
/// A client that may not have read more than 16 KiB is asked a `Peer.Ping`, which D-Bus libraries answer by themselves when
/// their program reads. Of the clients of a user other than root, 8 MiB of small replies may be unread and 16 MiB of large
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
    /// When the log was told last.
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
        // The one that asks again later waits for no moment unless it knows of one.
        if unread.has_work() || unread.take_new_later() {
            self.0.work.notify_one();
        }
        if unread.take_freed() {
            self.0.freed.notify_one();
        }
        result
    }

    /// Whether the bus has said that there is no such client any more.
    pub fn is_gone(&self, client: &str) -> bool {
        self.with(|unread| unread.is_gone(client))
    }

    /// Does what the count of unread replies asks for, for as long as the program runs.
    pub(super) async fn look_after(self, connection: Connection) {
        let mut again_at = None;
        loop {
            if !self.with(|unread| unread.has_later()) {
                again_at = None;
                self.0.work.notified().await;
            } else {
                let due = *again_at.get_or_insert_with(|| Instant::now() + AGAIN);
                // Whether there is work or not.
                let _ = tokio::time::timeout_at(due, self.0.work.notified()).await;
            }
            while let Some(work) = self.with(Unread::next_work) {
                let message = match work {
                    // The answer stands behind all calls that wait for the service; what others wait for does not wait for it.
                    Work::AskUser(_) | Work::Sweep => {
                        crate::tasks::spawn(self.clone().ask_bus(connection.clone(), work));
                        continue;
                    }
                    Work::Ping(client) => self.ping(&client),
                    Work::Refuse(client, call) => refusal(client, call).map(Some),
                };
                match message {
                    Ok(Some(message)) => connection.send(&message).await.unwrap_or_else(not_sent),
                    Ok(None) => {}
                    Err(error) => not_sent(error),
                }
                if again_at.take_if(|due| *due <= Instant::now()).is_some() {
                    self.with(Unread::again);
                }
            }
            if again_at.take_if(|due| *due <= Instant::now()).is_some() {
                self.with(Unread::again);
            }
        }
    }

    async fn ask_bus(self, connection: Connection, work: Work) {
        let Work::AskUser(client) = work else {
            self.with(Unread::listing);
            let names = call::names(&connection).await;
            let names = names.inspect_err(|error| log::debug!("the clients of the bus: {error}"));
            let names = names.as_ref().ok().map(|names| names.iter().map(String::as_str).collect());
            return self.with(|unread| unread.only(names.as_ref()));
        };
        let user = match call::unix_user(&connection, &client).await {
            Ok(user) => User::Known(user),
            Err(CallError::Absent { .. }) => User::Gone,
            Err(error) => {
                log::debug!("the user of {client}: {error}");
                User::Unsaid
            }
        };
        self.with(|unread| unread.user(&client, user));
    }

    /// What asks a client for an answer, if it is to be asked still.
    fn ping(&self, client: &str) -> zbus::Result<Option<Message>> {
        let serial = unguessable();
        let is_due = self.with(|unread| unread.asked(client, serial));
        is_due.then(|| call::ping(client, serial)).transpose()
    }

    /// Says in the log that not all is as it should be, once in a while.
    fn warn(&self, what: std::fmt::Arguments<'_>) {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= LOG_INTERVAL) {
            *told = Some(Instant::now());
            log::warn!("{what}");
        }
    }
}

fn refusal(client: String, serial: NonZeroU32) -> zbus::Result<Message> {
    let call = Message::method_call("/", "Refused").sender(client).serial(serial).build(&())?;
    Message::error(&call.header(), LIMITS_EXCEEDED).build(&REFUSAL)
}

fn not_sent(error: zbus::Error) {
    log::debug!("unread replies: {error}");
}

impl Watch for Replies {
    fn takes(&self, client: &str, call: Option<NonZeroU32>) -> bool {
        let verdict = self.with(|unread| unread.call(client, call));
        if verdict != Verdict::Take {
            self.warn(format_args!(
                "calls of {client} are refused: too many replies to it or its user are under way or not read"
            ));
        }
        verdict == Verdict::Take
    }

    fn taken(&self, client: &str, call: NonZeroU32) {
        self.with(|unread| unread.taken(client, call));
    }

    fn bus_has_spoken(&self, serial: usize) {
        self.with(|unread| unread.bus_has_spoken(serial == OF_BROKER));
    }

    fn answered(&self, client: &str, call: NonZeroU32) -> bool {
        self.with(|unread| unread.answered(client, call))
    }

    fn failed(&self, call: NonZeroU32, error: &str) -> bool {
        let is_question = self.with(|unread| unread.failed(call, error));
        if is_question && error == ACCESS_DENIED {
            self.warn(format_args!(
                "the bus's policy forbids Peer.Ping: replies that are not read are not bounded"
            ));
        }
        is_question
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
