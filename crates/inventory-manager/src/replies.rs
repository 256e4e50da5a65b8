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

/// Replies of so many bytes at most are not counted.
pub const SMALL: usize = 16 * 1024;
/// So many parts a user's share has, of which one client gets one, so that a client that does not answer leaves the others
/// theirs.
const CLIENTS: usize = 4;
/// Calls of a client that may wait while its user is not known.
const UNKNOWN: usize = 4;

/// How much may be under way.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes to clients of one user.
    pub user: usize,
    /// Bytes to all users but root: three users have their share.
    pub users: usize,
    /// Bytes to root's clients.
    pub root: usize,
    /// Clients of one user that may be asked at once, of all users but root, and of root half as many: dbus-daemon lets a
    /// service wait for 128 answers.
    pub asked_of_user: usize,
    /// See `asked_of_user`.
    pub asked: usize,
    /// Clients whose user is remembered while nothing is under way to them: more than a bus has connections.
    pub remembered: usize,
    /// Calls of one user that may wait, and of all users but root, and of those whose user is not known yet.
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
        remembered: 4_096,
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
    /// Send the call's reply now. It counts as under way, with so many bytes; [`Replies::grown`] takes what it came to.
    Serve(C, usize),
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
    /// When it is asked once more, as the bus has not let the question through.
    again: Option<Duration>,
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
    /// Users of clients, as the bus has said: a name of a connection is never another's.
    users: BTreeMap<String, u32>,
}

impl<C> Replies<C> {
    /// Nothing is under way.
    pub fn new(limits: Limits) -> Self {
        Self { limits, clients: BTreeMap::new(), held: VecDeque::new(), users: BTreeMap::new() }
    }

    /// A call came whose reply has so many bytes, at most.
    pub fn call(&mut self, client: &str, bytes: usize, call: C, now: Duration) -> Vec<Effect<C>> {
        let user = self.users.get(client).copied().or_else(|| self.user_of(client));
        if self.is_full(client, user) {
            return vec![Effect::Refuse(call)];
        }
        let is_known = self.clients.contains_key(client);
        let client = client.to_owned();
        self.clients.entry(client.clone()).or_default().user = user;
        self.held.push_back(Held { client: client.clone(), bytes, until: now + self.limits.hold, call });
        if is_known || user.is_some() { self.serve() } else { vec![Effect::AskUser(client)] }
    }

    /// Whether no more calls of a client may wait.
    fn is_full(&self, client: &str, user: Option<u32>) -> bool {
        let count = |which: &dyn Fn(&Held<C>) -> bool| self.held.iter().filter(|held| which(held)).count();
        let Some(user) = user else {
            let unknown = count(&|held| self.user_of(&held.client).is_none());
            return unknown >= self.limits.held || count(&|held| held.client == client) >= UNKNOWN;
        };
        let of_users = || count(&|held| self.user_of(&held.client).is_some_and(|user| user != 0));
        count(&|held| self.user_of(&held.client) == Some(user)) >= self.limits.held_of_user
            || (user != 0 && of_users() >= self.limits.held)
    }

    /// The bus has said which user a client is of; nothing when it does not.
    pub fn user(&mut self, client: &str, user: Option<u32>) -> Vec<Effect<C>> {
        // In their order, as if they had come now.
        let (calls, others) =
            std::mem::take(&mut self.held).into_iter().partition(|held| held.client == client);
        self.held = others;
        let calls: VecDeque<Held<C>> = calls;
        let mut effects = Vec::new();
        if self.users.len() >= self.limits.remembered {
            self.users.retain(|name, _| self.clients.contains_key(name));
        }
        if let Some(user) = user {
            self.users.insert(client.to_owned(), user);
            self.clients.entry(client.to_owned()).or_default().user = Some(user);
        }
        for held in calls {
            if user.is_none() || self.is_full(client, user) {
                effects.push(Effect::Refuse(held.call));
            } else {
                self.held.push_back(held);
            }
        }
        effects.extend(self.serve());
        self.forget();
        effects
    }

    /// A reply that was served came to so many bytes, where it was counted with less.
    pub fn grown(&mut self, client: &str, counted: usize, bytes: usize) {
        if let Some(client) = self.clients.get_mut(client) {
            client.under_way += bytes.saturating_sub(counted);
        }
    }

    /// A call that was served has not been performed: its reply has become larger. It waits again.
    pub fn recalled(
        &mut self,
        client: &str,
        counted: usize,
        bytes: usize,
        call: C,
        now: Duration,
    ) -> Vec<Effect<C>> {
        if let Some(known) = self.clients.get_mut(client) {
            known.under_way = known.under_way.saturating_sub(counted);
        }
        let client = client.to_owned();
        self.held.push_front(Held { client, bytes, until: now + self.limits.hold, call });
        self.serve()
    }

    /// A client was asked, by a call of this number.
    pub fn asked(&mut self, client: &str, question: NonZeroU32) {
        if let Some(client) = self.clients.get_mut(client) {
            (client.question, client.before, client.again) = (Some(question), client.under_way, None);
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

    /// The client that was asked this question and has not answered it, if there is one.
    pub fn who_was_asked(&self, question: NonZeroU32) -> Option<String> {
        self.clients
            .iter()
            .find(|(_, client)| client.question == Some(question))
            .map(|(name, _)| name.clone())
    }

    /// The bus has not let a client be asked; it is asked again later.
    pub fn not_asked(&mut self, client: &str, now: Duration) {
        if let Some(client) = self.clients.get_mut(client) {
            (client.question, client.again) = (None, Some(now + self.limits.hold));
        }
    }

    /// A client is gone, and what was under way to it; nothing that it has called for is wanted.
    pub fn gone(&mut self, client: &str) -> Vec<Effect<C>> {
        self.clients.remove(client);
        self.users.remove(client);
        self.held.retain(|held| held.client != client);
        self.serve()
    }

    /// Refuses what has waited too long, and asks those again who could not be asked.
    pub fn tick(&mut self, now: Duration) -> Vec<Effect<C>> {
        let (late, held) = std::mem::take(&mut self.held).into_iter().partition(|held| held.until <= now);
        self.held = held;
        let late: VecDeque<Held<C>> = late;
        let mut effects: Vec<Effect<C>> = late.into_iter().map(|held| Effect::Refuse(held.call)).collect();
        let mut again = Vec::new();
        for (name, client) in &mut self.clients {
            if client.again.take_if(|again| *again <= now).is_some() {
                again.push(name.clone());
            }
        }
        // Those behind a call that was too large may fit.
        effects.extend(self.serve());
        again.retain(|name| {
            !effects.iter().any(|effect| matches!(effect, Effect::Ping(asked) if asked == name))
        });
        effects.extend(again.into_iter().map(Effect::Ping));
        self.forget();
        effects
    }

    /// When [`Self::tick`] has something to do.
    pub fn due(&self) -> Option<Duration> {
        let again = self.clients.values().filter_map(|client| client.again);
        self.held.iter().map(|held| held.until).chain(again).min()
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

    /// Serves calls that may be, in their order; one that may not does not hold those of other clients up.
    fn serve(&mut self) -> Vec<Effect<C>> {
        let (mut effects, mut served, mut waits) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        let mut at = 0;
        while let Some(held) = self.held.get(at) {
            let fits = |user| !waits.contains(&held.client) && self.fits(&held.client, user, held.bytes);
            if !self.user_of(&held.client).is_some_and(fits) {
                waits.insert(held.client.clone());
                at += 1;
                continue;
            }
            let Some(Held { client, bytes, call, .. }) = self.held.remove(at) else { break };
            effects.push(Effect::Serve(call, bytes));
            if let Some(known) = self.clients.get_mut(&client) {
                known.under_way += bytes;
            }
            served.insert(client);
        }
        // One question at a time, behind all that the client was sent.
        served.retain(|client| {
            self.clients.get(client).is_some_and(|known| known.question.is_none() && known.again.is_none())
        });
        effects.extend(served.into_iter().map(Effect::Ping));
        effects
    }

    /// Whether so much more may be under way to a client. A reply larger than a share goes where nothing else is under way.
    fn fits(&self, client: &str, user: u32, bytes: usize) -> bool {
        let limits = &self.limits;
        let to_client = self.clients.get(client).map_or(0, |client| client.under_way);
        let asked = |which: &dyn Fn(u32) -> bool| {
            let is_asked = |client: &&Client| client.under_way > 0 && client.user.is_some_and(which);
            self.clients.values().filter(is_asked).count()
        };
        let all_are_asked = || match user {
            0 => asked(&|user| user == 0) >= limits.asked / 2,
            user => {
                asked(&|other| other == user) >= limits.asked_of_user
                    || asked(&|user| user != 0) >= limits.asked
            }
        };
        if to_client == 0 && all_are_asked() {
            return false;
        }
        let within = |under_way: usize, limit: usize| under_way == 0 || under_way + bytes <= limit;
        let share = if user == 0 { limits.root } else { limits.user };
        let of_users = self.clients.values().filter(|client| client.user.is_some_and(|user| user != 0));
        let to_users = of_users.map(|client| client.under_way).sum();
        within(to_client, share / CLIENTS)
            && within(self.under_way(user), share)
            && (user == 0 || within(to_users, limits.users))
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
