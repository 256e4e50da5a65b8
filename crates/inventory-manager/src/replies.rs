//! How much of what was sent is not read yet: large replies, by client and user.
//!
//! A bus keeps a reply until its client reads it, and counts it against the sender: dbus-daemon takes nothing more from a
//! service of whose messages it keeps 127 MiB. So a client that has been sent a large reply is asked a `Peer.Ping` right behind
//! it, whose answer says that it has read so far, as messages between two connections keep their order. Clients that do not
//! answer it are sent no more than their share; a client that goes frees it.
//!
//! Pure: calls, the bus's answers and the time go in, what is to be done comes out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

/// Replies of so many bytes at most are not counted: the bus keeps 8,000 of them.
pub const SMALL: usize = 16 * 1024;

/// How much may be under way.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes to clients of one user.
    pub user: usize,
    /// Bytes to all users but root: three users have their share.
    pub users: usize,
    /// Bytes to root's clients.
    pub root: usize,
    /// Clients of one user that may be asked at once, and of all users: dbus-daemon lets a service wait for 128 answers.
    pub asked_of_user: usize,
    /// See `asked_of_user`.
    pub asked: usize,
    /// Calls of one user that may wait, and of all users.
    pub held_of_user: usize,
    /// See `held_of_user`.
    pub held: usize,
    /// How long a call waits until it is refused: less than clients wait for their answer, which is 25 s.
    pub hold: Duration,
}

impl Limits {
    /// What fits dbus-daemon's limits of the system bus, with room for signals: 96 MiB of 127.
    pub const BUS: Self = Self {
        user: 16 * 1024 * 1024,
        users: 48 * 1024 * 1024,
        root: 48 * 1024 * 1024,
        asked_of_user: 16,
        asked: 64,
        held_of_user: 64,
        held: 256,
        hold: Duration::from_secs(10),
    };
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect<C> {
    /// Ask the bus for the user of this client; [`Replies::user`] takes the answer.
    AskUser(String),
    /// Send the call's reply now. It counts as under way.
    Serve(C),
    /// Ask this client for an answer, behind what it was sent; [`Replies::asked`] takes the number of the question.
    Ping(String),
    /// Refuse the call: too much is under way to its user.
    Refuse(C),
}

/// A client that large replies are under way to, or that has asked for one.
#[derive(Debug, Default)]
struct Client {
    /// Not known yet while the bus is asked.
    user: Option<u32>,
    /// Bytes that it may not have read.
    under_way: usize,
    /// The question that it has not answered.
    question: Option<NonZeroU32>,
    /// Of the bytes under way, those that were sent before the question.
    before: usize,
}

/// A call that waits.
#[derive(Debug)]
struct Held<C> {
    client: String,
    bytes: usize,
    until: Duration,
    call: C,
}

/// All that is under way, and the calls that wait for it.
#[derive(Debug)]
pub struct Replies<C> {
    limits: Limits,
    clients: BTreeMap<String, Client>,
    held: VecDeque<Held<C>>,
}

impl<C> Replies<C> {
    /// Nothing is under way.
    pub fn new(limits: Limits) -> Self {
        Self { limits, clients: BTreeMap::new(), held: VecDeque::new() }
    }

    /// A call came whose reply has so many bytes, at most.
    pub fn call(&mut self, client: &str, bytes: usize, call: C, now: Duration) -> Vec<Effect<C>> {
        let is_known = self.clients.contains_key(client);
        let user = self.clients.get(client).and_then(|client| client.user);
        let of_user = self.held.iter().filter(|held| self.user_of(&held.client) == user).count();
        if self.held.len() >= self.limits.held || of_user >= self.limits.held_of_user {
            return vec![Effect::Refuse(call)];
        }
        let client = client.to_owned();
        self.clients.entry(client.clone()).or_default();
        self.held.push_back(Held { client: client.clone(), bytes, until: now + self.limits.hold, call });
        if is_known { self.serve() } else { vec![Effect::AskUser(client)] }
    }

    /// The bus has said which user a client is of; nothing when there is no such client any more.
    pub fn user(&mut self, client: &str, user: Option<u32>) -> Vec<Effect<C>> {
        match (user, self.clients.get_mut(client)) {
            (Some(user), Some(known)) => {
                known.user = Some(user);
                self.serve()
            }
            _ => self.gone(client),
        }
    }

    /// A client was asked, by a call of this number.
    pub fn asked(&mut self, client: &str, question: NonZeroU32) {
        if let Some(client) = self.clients.get_mut(client) {
            (client.question, client.before) = (Some(question), client.under_way);
        }
    }

    /// An answer came from a client. One to another question changes nothing.
    pub fn answered(&mut self, client: &str, question: NonZeroU32) -> Vec<Effect<C>> {
        let Some(known) = self.clients.get_mut(client).filter(|known| known.question == Some(question))
        else {
            return Vec::new();
        };
        known.under_way = known.under_way.saturating_sub(known.before);
        (known.question, known.before) = (None, 0);
        let is_behind = known.under_way > 0;
        let mut effects = self.serve();
        if is_behind && !effects.iter().any(|effect| matches!(effect, Effect::Ping(asked) if asked == client))
        {
            effects.push(Effect::Ping(client.to_owned()));
        }
        self.forget();
        effects
    }

    /// The bus has said in place of a client that it is gone: what was sent to it is gone as well.
    ///
    /// The client's name, if the question was one that is open.
    pub fn who_was_asked(&self, question: NonZeroU32) -> Option<String> {
        self.clients
            .iter()
            .find(|(_, client)| client.question == Some(question))
            .map(|(name, _)| name.clone())
    }

    /// A client is gone, and what was under way to it; nothing that it has called for is wanted.
    pub fn gone(&mut self, client: &str) -> Vec<Effect<C>> {
        self.clients.remove(client);
        self.held.retain(|held| held.client != client);
        self.serve()
    }

    /// Refuses what has waited too long.
    pub fn tick(&mut self, now: Duration) -> Vec<Effect<C>> {
        let mut refused = Vec::new();
        while self.held.front().is_some_and(|held| held.until <= now) {
            refused.extend(self.held.pop_front().map(|held| Effect::Refuse(held.call)));
        }
        self.forget();
        refused
    }

    /// When [`Self::tick`] has something to do.
    pub fn due(&self) -> Option<Duration> {
        self.held.front().map(|held| held.until)
    }

    /// Bytes under way to clients of one user.
    pub fn under_way(&self, user: u32) -> usize {
        self.of_user(user).map(|client| client.under_way).sum()
    }

    fn of_user(&self, user: u32) -> impl Iterator<Item = &Client> {
        self.clients.values().filter(move |client| client.user == Some(user))
    }

    fn user_of(&self, client: &str) -> Option<u32> {
        self.clients.get(client)?.user
    }

    /// Serves calls that may be, in their order; one that may not does not hold those of other users up.
    fn serve(&mut self) -> Vec<Effect<C>> {
        let (mut effects, mut served, mut waits) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        let mut at = 0;
        while let Some(held) = self.held.get(at) {
            let user = self.user_of(&held.client);
            let fits = |user| !waits.contains(&user) && self.fits(&held.client, user, held.bytes);
            if !user.is_some_and(fits) {
                waits.extend(user);
                at += 1;
                continue;
            }
            let Some(Held { client, bytes, call, .. }) = self.held.remove(at) else { break };
            effects.push(Effect::Serve(call));
            if let Some(known) = self.clients.get_mut(&client) {
                known.under_way += bytes;
            }
            served.insert(client);
        }
        // One question at a time, behind all that the client was sent.
        served.retain(|client| self.clients.get(client).is_some_and(|known| known.question.is_none()));
        effects.extend(served.into_iter().map(Effect::Ping));
        effects
    }

    fn fits(&self, client: &str, user: u32, bytes: usize) -> bool {
        let limits = &self.limits;
        let is_counted = |client: &&Client| client.under_way > 0;
        let asked = self.clients.values().filter(is_counted).count();
        let asked_of_user = self.of_user(user).filter(is_counted).count();
        let is_asked = self.clients.get(client).is_some_and(|client| client.under_way > 0);
        let can_be_asked = is_asked || (asked < limits.asked && asked_of_user < limits.asked_of_user);
        let to_user = self.under_way(user) + bytes;
        if user == 0 {
            return can_be_asked && to_user <= limits.root;
        }
        let to_users: usize = self
            .clients
            .values()
            .filter(|client| client.user.is_some_and(|user| user != 0))
            .map(|client| client.under_way)
            .sum();
        can_be_asked && to_user <= limits.user && to_users + bytes <= limits.users
    }

    /// Clients that have read all and have called for nothing.
    fn forget(&mut self) {
        let held = &self.held;
        self.clients.retain(|name, client| {
            client.under_way > 0 || client.question.is_some() || held.iter().any(|held| held.client == *name)
        });
    }
}

#[cfg(test)]
mod tests;
