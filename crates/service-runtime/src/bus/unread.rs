//! Replies that were sent and that their client may not have read: counted by client and user, so that no user can have the
//! bus keep many of them.
//!
//! A bus keeps a reply until its client reads it, and counts it against the sender: dbus-daemon takes nothing more from a
//! service of whose messages it keeps 127 MiB. So a client that was sent more than a little is asked a `Peer.Ping` right
//! behind it. Its answer says that it has read so far, as messages between two connections keep their order. To clients that
//! do not answer no more than their share is sent: further calls of theirs are refused, and at last not answered at all.
//!
//! Pure: calls, replies, answers and what the bus says go in, what is to be done comes out.

mod client;

use client::{Bytes, Client, Question, User};
use dbus_api::standard::error;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU32;

/// Replies of more bytes are large: they have shares of their own. A client that may not have read so much in all is served
/// in any case.
pub const SMALL: usize = 16 * 1024;
/// The user of a client is asked for that may not have read more than so much, bytes: a good while before it matters.
const LITTLE: usize = 4 * 1024;
/// So many parts a user's share has, of which one client gets one, so that a client that does not answer leaves the others
/// theirs.
const CLIENTS: usize = 4;

/// How much may be unread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of small replies, to clients of one user but root.
    pub small_of_user: usize,
    /// The same of all users but root, whose clients are not limited: root may end the service anyway.
    pub small_of_users: usize,
    /// Bytes of large replies, to clients of one user but root.
    pub large_of_user: usize,
    /// The same of all users but root.
    pub large_of_users: usize,
    /// The same of root.
    pub large_of_root: usize,
    /// Clients of one user that may be asked at once, of all users but root, and of root half as many: dbus-daemon lets a
    /// service wait for 128 answers.
    pub asked_of_user: usize,
    /// See `asked_of_user`.
    pub asked: usize,
    /// Calls of one client that may be at work.
    pub at_work_of_client: usize,
    /// Calls that may be at work, unless the client has none.
    pub at_work: usize,
    /// Refusals to a client that does not read; further calls are not answered.
    pub refusals: usize,
    /// Clients that are new until the bus is asked which there are still.
    pub new_clients: usize,
}

impl Limits {
    /// What fits dbus-daemon's limits of the system bus: 88 MiB of 127. The rest is for signals, for root's small replies, and
    /// for the first [`SMALL`] bytes of each client.
    pub(super) const BUS: Self = Self {
        small_of_user: 4 * 1024 * 1024,
        small_of_users: 16 * 1024 * 1024,
        large_of_user: 16 * 1024 * 1024,
        large_of_users: 40 * 1024 * 1024,
        large_of_root: 32 * 1024 * 1024,
        asked_of_user: 16,
        asked: 64,
        // What dbus-daemon has for a client.
        at_work_of_client: 128,
        at_work: 128,
        refusals: 32,
        new_clients: 64,
    };
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Work {
    /// Ask the bus for the user of this client; [`Unread::user`] takes the answer.
    AskUser(String),
    /// Ask this client for an answer, behind what it was sent, by a call that [`Unread::asked`] is told of before.
    Ping(String),
    /// Ask the bus which clients there are; [`Unread::only`] takes the answer.
    Sweep,
    /// Refuse the call of this client that has this number.
    Refuse(String, NonZeroU32),
}

/// Whether a call is taken off the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Take,
    /// It is refused.
    Refuse,
    /// It is not answered.
    PassOver,
}

/// How many clients are asked, by user.
#[derive(Debug, Default)]
struct Questions(BTreeMap<u32, usize>);

impl Questions {
    fn add(&mut self, user: u32) {
        *self.0.entry(user).or_default() += 1;
    }

    /// Whether one more client of a user may be asked.
    fn has_room(&self, user: u32, limits: &Limits) -> bool {
        let of = |user| self.0.get(&user).copied().unwrap_or_default();
        if user == 0 {
            return of(0) < limits.asked / 2;
        }
        let of_users = self.0.values().sum::<usize>().saturating_sub(of(0));
        of(user) < limits.asked_of_user && of_users < limits.asked
    }
}

/// All that is unread, as far as is known.
#[derive(Debug)]
pub(super) struct Unread {
    limits: Limits,
    /// Whether the service asks [`Self::fits`] before a large reply, and takes its calls one by one.
    weighs: bool,
    clients: BTreeMap<String, Client>,
    work: VecDeque<Work>,
    at_work: usize,
    new_clients: usize,
    sweeps: bool,
    has_freed: bool,
}

impl Unread {
    pub(super) fn new(limits: Limits, weighs: bool) -> Self {
        Self {
            limits,
            weighs,
            clients: BTreeMap::new(),
            work: VecDeque::new(),
            at_work: 0,
            new_clients: 0,
            sweeps: false,
            has_freed: false,
        }
    }

    /// A call has come that wants a reply.
    pub(super) fn call(&mut self, name: &str, serial: NonZeroU32) -> Verdict {
        if self.is_over(name) {
            return self.refused(name, serial);
        }
        if let Some(client) = self.clients.get_mut(name) {
            client.refused = 0;
        }
        if !self.weighs {
            let limit = self.limits.at_work_of_client;
            let client = self.entry(name);
            if client.at_work.len() < limit && !client.at_work.contains(&serial) {
                client.at_work.push(serial);
                self.at_work += 1;
            }
        }
        Verdict::Take
    }

    fn refused(&mut self, name: &str, serial: NonZeroU32) -> Verdict {
        let limit = self.limits.refusals;
        let Some(client) = self.clients.get_mut(name).filter(|client| client.refused < limit) else {
            return Verdict::PassOver;
        };
        client.refused += 1;
        self.work.push_back(Work::Refuse(name.to_owned(), serial));
        Verdict::Refuse
    }

    /// Whether a client is sent no more for now.
    fn is_over(&self, name: &str) -> bool {
        let limits = &self.limits;
        let Some(client) =
            self.clients.get(name).filter(|client| !client.is_barred && client.user != User::Known(0))
        else {
            return false;
        };
        let at_work = client.at_work.len();
        if at_work >= limits.at_work_of_client || (at_work > 0 && self.at_work >= limits.at_work) {
            return true;
        }
        let unread = client.unread;
        if unread.all() <= SMALL {
            return false;
        }
        // Those whose user is not known yet count as one user's.
        let user = client.user.known();
        let of_user = self.sum(|other| other == user);
        let of_users = self.sum(|user| user != Some(0));
        unread.small >= limits.small_of_user / CLIENTS
            || of_user.small >= limits.small_of_user
            || of_users.small >= limits.small_of_users
            || (!self.weighs
                && (unread.large >= limits.large_of_user / CLIENTS
                    || of_user.large >= limits.large_of_user
                    || of_users.large >= limits.large_of_users))
    }

    /// Whether a large reply of so many bytes may be sent to a client now. One larger than a share goes where nothing else is
    /// unread.
    ///
    /// Where the client's user is not known, it is asked for.
    pub(super) fn fits(&mut self, name: &str, bytes: usize) -> bool {
        let client = self.entry(name);
        let (is_barred, unread, is_asked) =
            (client.is_barred, client.unread.large, client.question != Question::None);
        let Some(user) = client.user.known() else {
            self.ask_user(name);
            return false;
        };
        if is_barred {
            return true;
        }
        let limits = self.limits;
        let within = |unread: usize, limit: usize| unread == 0 || unread.saturating_add(bytes) <= limit;
        let share = if user == 0 { limits.large_of_root } else { limits.large_of_user };
        (is_asked || self.questions().has_room(user, &self.limits))
            && within(unread, share / CLIENTS)
            && within(self.sum(|other| other == Some(user)).large, share)
            && (user == 0 || within(self.sum(|user| user != Some(0)).large, limits.large_of_users))
    }

    /// The user of a client, where it is known.
    pub(super) fn user_of(&self, name: &str) -> Option<u32> {
        self.clients.get(name)?.user.known()
    }

    /// A reply was sent, of so many bytes.
    pub(super) fn sent(&mut self, name: &str, call: NonZeroU32, bytes: usize) {
        let client = self.entry(name);
        let is_large = bytes > SMALL;
        let unread = if is_large { &mut client.unread.large } else { &mut client.unread.small };
        *unread = unread.saturating_add(bytes);
        let position = client.at_work.iter().position(|serial| *serial == call);
        if let Some(position) = position {
            client.at_work.swap_remove(position);
            self.at_work = self.at_work.saturating_sub(1);
        }
        self.ask(name);
    }

    /// Asks a client, or for its user, where it may not have read more than a little.
    fn ask(&mut self, name: &str) {
        let Some(client) = self.clients.get(name).filter(|client| !client.is_barred) else { return };
        let unread = client.unread.all();
        let Some(user) = client.user.known() else {
            if unread > LITTLE {
                self.ask_user(name);
            }
            return;
        };
        if unread > SMALL
            && client.question == Question::None
            && self.questions().has_room(user, &self.limits)
            && let Some(client) = self.clients.get_mut(name)
        {
            client.question = Question::Due;
            self.work.push_back(Work::Ping(name.to_owned()));
        }
    }

    fn ask_user(&mut self, name: &str) {
        if let Some(client) = self.clients.get_mut(name).filter(|client| client.user == User::Unknown) {
            client.user = User::Asked;
            self.work.push_back(Work::AskUser(name.to_owned()));
        }
    }

    /// The bus has said which user a client is of; nothing when it does not say.
    pub(super) fn user(&mut self, name: &str, user: Option<u32>) {
        if let Some(client) = self.clients.get_mut(name) {
            client.user = user.map_or(User::Unsaid, User::Known);
        }
        self.ask(name);
        self.has_freed = true;
    }

    /// A client is about to be asked, by a call of this number; whether it is to be asked still.
    pub(super) fn asked(&mut self, name: &str, serial: NonZeroU32) -> bool {
        let client = self.clients.get_mut(name).filter(|client| client.question == Question::Due);
        let is_due = client.is_some();
        if let Some(client) = client {
            client.question = Question::Asked(serial, client.unread);
        }
        is_due
    }

    /// An answer to a call has come from a client; whether it is one to a question.
    pub(super) fn answered(&mut self, name: &str, serial: NonZeroU32) -> bool {
        let Some(client) = self.clients.get_mut(name) else { return false };
        let Question::Asked(asked, before) = client.question else { return false };
        if asked != serial {
            return false;
        }
        client.unread = client.unread.without(before);
        client.question = Question::None;
        if client.is_blank() {
            self.clients.remove(name);
        }
        self.freed();
        true
    }

    /// The bus has not let a call through, or no answer can come any more; whether the call was a question.
    pub(super) fn failed(&mut self, serial: NonZeroU32, error: &str) -> bool {
        let is_asked =
            |client: &Client| matches!(client.question, Question::Asked(asked, _) if asked == serial);
        let Some((name, client)) = self.clients.iter_mut().find(|(_, client)| is_asked(client)) else {
            return false;
        };
        match error {
            error::ACCESS_DENIED => {
                (client.is_barred, client.question) = (true, Question::None);
                client.unread = Bytes::default();
            }
            error::SERVICE_UNKNOWN | error::NAME_HAS_NO_OWNER | error::NO_REPLY => {
                let name = name.clone();
                self.remove(&name);
            }
            _ => client.question = Question::Later,
        }
        self.freed();
        true
    }

    /// Whether [`Self::again`] has something to do.
    pub(super) fn has_later(&self) -> bool {
        let is_later = |client: &Client| client.question == Question::Later || client.user == User::Unsaid;
        self.clients.values().any(is_later)
    }

    /// What the bus did not let or did not say is asked once more.
    pub(super) fn again(&mut self) {
        for client in self.clients.values_mut() {
            if client.question == Question::Later {
                client.question = Question::None;
            }
            if client.user == User::Unsaid {
                client.user = User::Unknown;
            }
        }
        self.clients.retain(|_, client| !client.is_blank());
        self.freed();
    }

    /// The bus has said which clients there are; nothing when it does not say.
    pub(super) fn only(&mut self, names: Option<&BTreeSet<&str>>) {
        self.sweeps = false;
        let Some(names) = names else { return };
        let is_gone = |name: &&String| !names.contains(name.as_str());
        let gone: Vec<String> = self.clients.keys().filter(is_gone).cloned().collect();
        for name in &gone {
            self.remove(name);
        }
        self.clients.retain(|_, client| !client.is_blank());
        self.freed();
    }

    fn remove(&mut self, name: &str) {
        if let Some(client) = self.clients.remove(name) {
            self.at_work = self.at_work.saturating_sub(client.at_work.len());
        }
    }

    /// There is room: others may be asked, and what waits may fit.
    fn freed(&mut self) {
        self.has_freed = true;
        // Not by `ask` for each, which counts all others each time.
        let mut asked = self.questions();
        let waits = |client: &Client| {
            client.question == Question::None && !client.is_barred && client.unread.all() > SMALL
        };
        for (name, client) in self.clients.iter_mut().filter(|(_, client)| waits(client)) {
            match client.user {
                User::Known(user) if asked.has_room(user, &self.limits) => {
                    asked.add(user);
                    client.question = Question::Due;
                    self.work.push_back(Work::Ping(name.clone()));
                }
                User::Unknown => {
                    client.user = User::Asked;
                    self.work.push_back(Work::AskUser(name.clone()));
                }
                _ => {}
            }
        }
    }

    /// Clients that are asked.
    fn questions(&self) -> Questions {
        let mut asked = Questions::default();
        for client in self.clients.values().filter(|client| client.question != Question::None) {
            client.user.known().into_iter().for_each(|user| asked.add(user));
        }
        asked
    }

    /// Whether [`Self::fits`] may say otherwise than before; told once.
    pub(super) fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.has_freed)
    }

    /// What is to be done next.
    pub(super) fn next_work(&mut self) -> Option<Work> {
        self.work.pop_front()
    }

    /// Whether there is something to be done.
    pub(super) fn has_work(&self) -> bool {
        !self.work.is_empty()
    }

    /// All that is unread by clients whose user is such a one, or not known.
    fn sum(&self, which: impl Fn(Option<u32>) -> bool) -> Bytes {
        let clients = self.clients.values().filter(|client| which(client.user.known()));
        clients.fold(Bytes::default(), |sum, client| Bytes {
            small: sum.small.saturating_add(client.unread.small),
            large: sum.large.saturating_add(client.unread.large),
        })
    }

    fn entry(&mut self, name: &str) -> &mut Client {
        if !self.clients.contains_key(name) {
            self.new_clients += 1;
            if self.new_clients >= self.limits.new_clients && !self.sweeps {
                (self.new_clients, self.sweeps) = (0, true);
                self.work.push_back(Work::Sweep);
            }
        }
        self.clients.entry(name.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests;
