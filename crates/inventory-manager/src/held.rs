//! Calls whose large reply may not be sent yet, as clients of the same user have not read what they were sent before.
//!
//! Pure: whether a reply may be sent is asked of the caller.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Calls of a client that may wait while its user is not known.
const UNKNOWN: usize = 4;

/// How many may wait.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls of one user.
    pub of_user: usize,
    /// Calls of all users but root, and of those whose user is not known yet.
    pub of_users: usize,
    /// How long a call waits until it is refused: less than clients wait for their answer, which is 25 s.
    pub hold: Duration,
}

impl Limits {
    /// Calls of 4 KiB at most: 1 MiB of users', 1 MiB of those not known yet, and root's.
    pub const BUS: Self = Self { of_user: 64, of_users: 256, hold: Duration::from_secs(10) };
}

/// What is asked of the connection.
pub trait Room {
    /// The user of a client, where it is known.
    fn user_of(&self, client: &str) -> Option<u32>;
    /// Whether a reply of so many bytes may be sent to a client now.
    fn fits(&self, client: &str, bytes: usize) -> bool;
}

/// A call that waits.
#[derive(Debug)]
struct Waiting<C> {
    client: String,
    bytes: usize,
    until: Duration,
    call: C,
}

/// The calls that wait, in the order in which they came.
#[derive(Debug)]
pub struct Held<C> {
    limits: Limits,
    waiting: VecDeque<Waiting<C>>,
}

impl<C> Held<C> {
    /// Nothing waits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, waiting: VecDeque::new() }
    }

    /// A call came whose reply has so many bytes, at most; it is given back when no more may wait.
    pub fn push(
        &mut self,
        client: &str,
        bytes: usize,
        call: C,
        now: Duration,
        room: &impl Room,
    ) -> Option<C> {
        if is_full(&self.waiting, client, room, &self.limits) {
            return Some(call);
        }
        let until = now.saturating_add(self.limits.hold);
        self.waiting.push_back(Waiting { client: client.to_owned(), bytes, until, call });
        None
    }

    /// A call that was taken waits again, before the others: its reply has become larger.
    pub fn push_again(&mut self, client: &str, bytes: usize, call: C, now: Duration) {
        let until = now.saturating_add(self.limits.hold);
        self.waiting.push_front(Waiting { client: client.to_owned(), bytes, until, call });
    }

    /// Takes the first call whose reply may be sent, with the bytes that it was counted with; one that may not holds up later
    /// ones of its client, and no other.
    pub fn take(&mut self, room: &impl Room) -> Option<(C, usize)> {
        let mut waits = BTreeSet::new();
        let place = self.waiting.iter().position(|waiting| {
            let client = waiting.client.as_str();
            let fits = !waits.contains(client) && room.fits(client, waiting.bytes);
            if !fits {
                waits.insert(client);
            }
            fits
        })?;
        self.waiting.remove(place).map(|waiting| (waiting.call, waiting.bytes))
    }

    /// Takes those out that may not wait: for too long, or since it has become known that they are one user's.
    pub fn refused(&mut self, now: Duration, room: &impl Room) -> Vec<C> {
        let mut refused = Vec::new();
        let mut kept = VecDeque::with_capacity(self.waiting.len());
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.until <= now || is_full(&kept, &waiting.client, room, &self.limits) {
                refused.push(waiting.call);
            } else {
                kept.push_back(waiting);
            }
        }
        self.waiting = kept;
        refused
    }

    /// When [`Self::refused`] has something to take out.
    pub fn due(&self) -> Option<Duration> {
        self.waiting.iter().map(|waiting| waiting.until).min()
    }
}

/// Whether no more calls of a client may wait behind these.
fn is_full<C>(waiting: &VecDeque<Waiting<C>>, client: &str, room: &impl Room, limits: &Limits) -> bool {
    let count =
        |which: &dyn Fn(&str) -> bool| waiting.iter().filter(|waiting| which(&waiting.client)).count();
    let Some(user) = room.user_of(client) else {
        let unknown = count(&|other| room.user_of(other).is_none());
        return unknown >= limits.of_users || count(&|other| other == client) >= UNKNOWN;
    };
    let of_users = || count(&|other| room.user_of(other).is_some_and(|user| user != 0));
    count(&|other| room.user_of(other) == Some(user)) >= limits.of_user
        || (user != 0 && of_users() >= limits.of_users)
}

#[cfg(test)]
mod tests;
