//! Calls whose large reply may not be sent yet, as clients of the same user have not read what they were sent before.
//!
//! Pure: whether a reply may be sent is asked of the caller.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How many may wait.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls of one user.
    pub of_user: usize,
    /// Calls of all users but root, and of root.
    pub of_users: usize,
    /// Calls of clients whose user is not known yet.
    pub unknown: usize,
    /// How long a call waits until it is refused: less than clients wait for their answer, which is 25 s.
    pub hold: Duration,
}

impl Limits {
    /// Calls of 4 KiB at most: 1 MiB of users', 4 MiB of those not known yet, and root's.
    pub const BUS: Self = Self { of_user: 64, of_users: 256, unknown: 1_024, hold: Duration::from_secs(10) };
}

/// What is asked of the connection.
pub trait Room {
    /// The user of a client, where it is known.
    fn user_of(&self, client: &str) -> Option<u32>;
    /// Whether there is no such client any more.
    fn is_gone(&self, client: &str) -> bool;
    /// Whether a reply of so many bytes may be sent to a client now. Where its user is not known, it is asked for.
    fn fits(&self, client: &str, bytes: usize) -> bool;
}

/// A call that waits.
#[derive(Debug, PartialEq, Eq)]
pub struct Waiting<C> {
    /// Its client.
    pub client: String,
    /// Bytes of its reply, at most.
    pub bytes: usize,
    /// When it is refused.
    pub until: Duration,
    /// The call.
    pub call: C,
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

    /// A call came whose reply has so many bytes, at most. What is to be refused is given back, where no more may wait: this one,
    /// or another of a client whose user is not known either.
    pub fn push(
        &mut self,
        client: &str,
        bytes: usize,
        call: C,
        now: Duration,
        room: &impl Room,
    ) -> Option<C> {
        let counts = Counts::of(&self.waiting, room);
        let is_known = room.user_of(client).is_some();
        if is_known && counts.is_full(client, room, &self.limits) {
            return Some(call);
        }
        let until = now.saturating_add(self.limits.hold);
        self.waiting.push_back(Waiting { client: client.to_owned(), bytes, until, call });
        if is_known || counts.unknown < self.limits.unknown {
            return None;
        }
        let counts = Counts::of(&self.waiting, room);
        // Who has called most often gives way, and of several the latest: others have a call or two.
        let of = |waiting: &Waiting<C>| counts.clients.get(&waiting.client).copied().unwrap_or_default();
        let most = self.waiting.iter().map(of).max()?;
        let place = self.waiting.iter().rposition(|waiting| of(waiting) == most)?;
        self.waiting.remove(place).map(|waiting| waiting.call)
    }

    /// A call that was taken waits on, before the others: its reply has become larger.
    pub fn push_again(&mut self, waiting: Waiting<C>) {
        self.waiting.push_front(waiting);
    }

    /// Takes the first call whose reply may be sent, of root's before others'; one that may not holds up later ones of its
    /// client, and no other.
    pub fn take(&mut self, room: &impl Room) -> Option<Waiting<C>> {
        let mut waits = BTreeSet::new();
        let mut fits = |waiting: &Waiting<C>| {
            let fits = !waits.contains(&waiting.client) && room.fits(&waiting.client, waiting.bytes);
            if !fits {
                waits.insert(waiting.client.clone());
            }
            fits
        };
        let is_roots = |waiting: &Waiting<C>| room.user_of(&waiting.client) == Some(0);
        let first = self.waiting.iter().position(|waiting| is_roots(waiting) && fits(waiting));
        let place = first.or_else(|| self.waiting.iter().position(&mut fits))?;
        self.waiting.remove(place)
    }

    /// Takes those out that may not wait: for too long, or since it has become known that they are one user's. Those of clients
    /// that have gone are forgotten.
    pub fn refused(&mut self, now: Duration, room: &impl Room) -> Vec<C> {
        let (mut refused, mut counts) = (Vec::new(), Counts::default());
        let mut kept = VecDeque::with_capacity(self.waiting.len());
        for waiting in std::mem::take(&mut self.waiting) {
            if room.is_gone(&waiting.client) {
                continue;
            }
            if waiting.until <= now || counts.is_full(&waiting.client, room, &self.limits) {
                refused.push(waiting.call);
            } else {
                counts.add(&waiting.client, room);
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

/// How many calls wait.
#[derive(Debug, Default)]
struct Counts {
    /// By user.
    users: BTreeMap<u32, usize>,
    /// Of clients whose user is not known, and by client.
    unknown: usize,
    clients: BTreeMap<String, usize>,
}

impl Counts {
    fn of<C>(waiting: &VecDeque<Waiting<C>>, room: &impl Room) -> Self {
        let mut counts = Self::default();
        waiting.iter().for_each(|waiting| counts.add(&waiting.client, room));
        counts
    }

    fn add(&mut self, client: &str, room: &impl Room) {
        match room.user_of(client) {
            Some(user) => *self.users.entry(user).or_default() += 1,
            None => {
                self.unknown += 1;
                *self.clients.entry(client.to_owned()).or_default() += 1;
            }
        }
    }

    /// Whether no more calls of a client may wait beside these.
    fn is_full(&self, client: &str, room: &impl Room, limits: &Limits) -> bool {
        let Some(user) = room.user_of(client) else {
            return self.unknown >= limits.unknown;
        };
        let of = |user| self.users.get(&user).copied().unwrap_or_default();
        let of_users = self.users.values().sum::<usize>().saturating_sub(of(0));
        match user {
            0 => of(0) >= limits.of_users,
            _ => of(user) >= limits.of_user || of_users >= limits.of_users,
        }
    }
}

#[cfg(test)]
mod tests;
