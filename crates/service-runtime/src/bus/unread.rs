//! Replies that were sent and that their client may not have read: counted by client and user, so that no user can have the
//! bus keep many of them.
//!
//! A bus keeps a reply until its client reads it. dbus-daemon counts it against the sender, and takes nothing more from a
//! service of whose messages it keeps 127 MiB. So a client that was sent more than a little is asked a `Peer.Ping` right
//! behind it. Its answer says that it has read so far, as messages between two connections keep their order. To clients that
//! do not answer no more than their share is sent: further calls of theirs are refused, and at last not answered at all.
//!
//! dbus-broker counts it against the receiver, and closes the connection of one that has too much. It counts an answer, of up
//! to 128 MiB, against the user of the service that has asked, who may have 512 MiB. So hardly any are asked at once there.
//!
//! Pure: calls, replies, answers and what the bus says go in, what is to be done comes out.

mod client;

pub(super) use client::User;
use client::{Bytes, Client, Question, Sums};
use dbus_api::standard::error;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU32;

/// Replies of more bytes are large: they have shares of their own. For what it has not read, a client is not refused below that.
pub const SMALL: usize = 16 * 1024;
/// So many parts a user's share has, of which one client gets one, so that a client that does not answer leaves the others
/// theirs.
const CLIENTS: usize = 4;
/// Calls of each client that do not count for its user, so that it may have so many at work however many that has.
pub(super) const OWN: usize = 2;
/// Clients whose user the bus is asked for at once.
const USERS_ASKED: usize = 512;
/// Refusals that may wait to be sent.
const REFUSALS: usize = 256;

/// How much may be unread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of small replies, to clients of one user but root.
    pub small_of_user: usize,
    /// The same of all users but root, whose clients are not limited: root may end the service anyway.
    pub small_of_users: usize,
    /// Bytes beyond `small_of_user` that may be refusals; further calls are not answered.
    pub refusals_of_user: usize,
    /// Bytes of large replies, to clients of one user but root.
    pub large_of_user: usize,
    /// The same of all users but root.
    pub large_of_users: usize,
    /// The same of root, where the service weighs them.
    pub large_of_root: usize,
    /// Clients of one user that may be asked at once: dbus-daemon lets a service wait for 128 answers, of which calls to its
    /// peers have their part.
    pub asked_of_user: usize,
    /// The same of all users but root.
    pub asked: usize,
    /// The same of root.
    pub asked_of_root: usize,
    /// Calls of one client that may be at work.
    pub at_work_of_client: usize,
    /// Calls of one user that may be at work, beside [`OWN`] of each client.
    pub at_work_of_user: usize,
    /// Clients that are new until the bus is asked which there are still.
    pub new_clients: usize,
}

impl Limits {
    /// What fits dbus-daemon's limits of the system bus: 96 MiB of 127. The rest is for signals, for root's small replies, and
    /// for the first [`SMALL`] bytes and the last reply of each client, which is small: what other services have of large ones
    /// is for root.
    pub(super) const BUS: Self = Self {
        // A client's share is as much as dbus-daemon lets it wait for: 128 small replies.
        small_of_user: 8 * 1024 * 1024,
        small_of_users: 24 * 1024 * 1024,
        refusals_of_user: 1024 * 1024,
        large_of_user: 16 * 1024 * 1024,
        large_of_users: 40 * 1024 * 1024,
        large_of_root: 32 * 1024 * 1024,
        asked_of_user: 8,
        asked: 32,
        asked_of_root: 16,
        at_work_of_client: 128,
        at_work_of_user: 128,
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
    /// Ask the bus which clients there are, after telling [`Unread::listing`]; [`Unread::only`] takes the answer.
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

/// All that is unread, as far as is known.
#[derive(Debug)]
pub(super) struct Unread {
    limits: Limits,
    /// Whether the service asks [`Self::fits`] before a large reply, and takes its calls one by one.
    weighs: bool,
    /// Whether the bus has sent something yet.
    has_spoken: bool,
    clients: BTreeMap<String, Client>,
    /// What the clients come to.
    sums: Sums,
    work: VecDeque<Work>,
    /// Refusals among the work.
    refusals: usize,
    /// Clients whose user is to be asked for, and how many the bus is being asked for.
    strangers: VecDeque<String>,
    users_asked: usize,
    has_new_later: bool,
    new_clients: usize,
    /// How many lists of the bus's clients were asked for.
    lists: u64,
    is_listing: bool,
    has_freed: bool,
}

impl Unread {
    pub(super) fn new(limits: Limits, weighs: bool) -> Self {
        Self {
            limits,
            weighs,
            has_spoken: false,
            clients: BTreeMap::new(),
            sums: Sums::default(),
            work: VecDeque::new(),
            refusals: 0,
            strangers: VecDeque::new(),
            users_asked: 0,
            has_new_later: false,
            new_clients: 0,
            lists: 0,
            is_listing: false,
            has_freed: false,
        }
    }

    /// The bus has sent something, by which its kind is seen: whether it counts answers against the user of who has asked. The
    /// first counts.
    pub(super) fn bus_has_spoken(&mut self, askers_pay: bool) {
        if !std::mem::replace(&mut self.has_spoken, true) && askers_pay {
            (self.limits.asked_of_user, self.limits.asked) = (1, 2);
        }
    }

    /// A call has come; `None` for its number when it wants no reply.
    pub(super) fn call(&mut self, name: &str, serial: Option<NonZeroU32>) -> Verdict {
        // Of one that calls again more may be to come; most that do not live long call once.
        self.ask_user(name);
        if !self.is_over(name) {
            return Verdict::Take;
        }
        let user = self.clients.get(name).and_then(|client| client.user.known());
        let most = self.limits.small_of_user.saturating_add(self.limits.refusals_of_user);
        match serial {
            Some(serial) if self.refusals < REFUSALS && self.sums.of(user).unread.small < most => {
                self.refusals += 1;
                self.work.push_back(Work::Refuse(name.to_owned(), serial));
                Verdict::Refuse
            }
            _ => Verdict::PassOver,
        }
    }

    /// A call that wants a reply is handed to the service.
    pub(super) fn taken(&mut self, name: &str, serial: NonZeroU32) {
        let limit = self.limits.at_work_of_client;
        self.add(name);
        let is_cleared = self.change(name, |client| {
            // Root's program waits for each reply, as it seems, and so has read the last: it need not answer a ping.
            let is_cleared = client.at_work.is_empty()
                && client.user == User::Known(0)
                && std::mem::take(&mut client.unread) != Bytes::default();
            if let Question::Asked(_, before) = &mut client.question
                && is_cleared
            {
                *before = Bytes::default();
            }
            if client.at_work.len() < limit && !client.at_work.contains(&serial) {
                client.at_work.push(serial);
            }
            is_cleared
        });
        self.has_freed |= is_cleared == Some(true);
    }

    /// Whether a client is sent no more for now.
    fn is_over(&self, name: &str) -> bool {
        let limits = &self.limits;
        let is_limited = |client: &&Client| !client.is_barred && client.user != User::Known(0);
        let Some(client) = self.clients.get(name).filter(is_limited) else { return false };
        let of_user = self.sums.of(client.user.known());
        let at_work = if self.weighs { 0 } else { client.at_work.len() };
        if at_work >= limits.at_work_of_client
            || (at_work >= OWN && of_user.at_work >= limits.at_work_of_user)
        {
            return true;
        }
        let unread = client.unread;
        if unread.all() <= SMALL {
            return false;
        }
        let of_users = self.sums.of_users();
        unread.small >= limits.small_of_user / CLIENTS
            || of_user.unread.small >= limits.small_of_user
            || of_users.unread.small >= limits.small_of_users
            || (!self.weighs
                && (unread.large >= limits.large_of_user / CLIENTS
                    || of_user.unread.large >= limits.large_of_user
                    || of_users.unread.large >= limits.large_of_users))
    }

    /// Whether a large reply of so many bytes may be sent to a client now. One larger than a share goes where nothing else is
    /// unread.
    ///
    /// Where the client's user is not known, it is asked for.
    pub(super) fn fits(&mut self, name: &str, bytes: usize) -> bool {
        self.add(name);
        self.ask_user(name);
        let Some(client) = self.clients.get(name) else { return false };
        let Some(user) = client.user.known() else { return false };
        let within =
            |unread: Bytes, limit: usize| unread.large == 0 || unread.large.saturating_add(bytes) <= limit;
        let limits = &self.limits;
        let share = if user == 0 { limits.large_of_root } else { limits.large_of_user };
        client.is_barred
            || (within(client.unread, share / CLIENTS)
                && (user == 0 || client.question != Question::None || self.may_ask(user))
                && within(self.sums.of(Some(user)).unread, share)
                && (user == 0 || within(self.sums.of_users().unread, limits.large_of_users)))
    }

    /// The user of a client, where it is known.
    pub(super) fn user_of(&self, name: &str) -> Option<u32> {
        self.clients.get(name)?.user.known()
    }

    /// Whether the bus has said that there is no such client any more.
    pub(super) fn is_gone(&self, name: &str) -> bool {
        self.clients.get(name).is_some_and(|client| client.user == User::Gone)
    }

    /// A reply was sent, of so many bytes.
    pub(super) fn sent(&mut self, name: &str, call: NonZeroU32, bytes: usize) {
        self.add(name);
        self.change(name, |client| {
            client.at_work.retain(|serial| *serial != call);
            if client.user != User::Gone {
                let is_large = bytes > SMALL;
                let sent = if is_large {
                    Bytes { small: 0, large: bytes }
                } else {
                    Bytes { small: bytes, large: 0 }
                };
                client.unread = client.unread.with(sent);
            }
        });
        self.ask(name);
    }

    /// Asks a client, or for its user, where it may not have read more than a little.
    fn ask(&mut self, name: &str) {
        let Some(client) = self.clients.get(name).filter(|client| !client.is_barred) else { return };
        let unread = client.unread.all();
        match client.user {
            User::Known(user)
                if unread > SMALL && client.question == Question::None && self.may_ask(user) =>
            {
                self.change(name, |client| client.question = Question::Due);
                self.work.push_back(Work::Ping(name.to_owned()));
            }
            User::Unknown if unread > SMALL => self.ask_user(name),
            _ => {}
        }
    }

    /// Whether one more client of a user may be asked.
    fn may_ask(&self, user: u32) -> bool {
        let of_user = self.sums.of(Some(user)).asked;
        match user {
            0 => of_user < self.limits.asked_of_root,
            _ => of_user < self.limits.asked_of_user && self.sums.of_users().asked < self.limits.asked,
        }
    }

    fn ask_user(&mut self, name: &str) {
        if let Some(client) = self.clients.get_mut(name).filter(|client| client.user == User::Unknown) {
            client.user = User::Asked;
            self.strangers.push_back(name.to_owned());
        }
    }

    /// The bus has said which user a client is of, or that there is no such client; or it has not answered.
    pub(super) fn user(&mut self, name: &str, user: User) {
        self.users_asked = self.users_asked.saturating_sub(1);
        self.has_new_later |= user == User::Unsaid;
        self.change(name, |client| {
            client.user = user;
            if user == User::Gone {
                (client.unread, client.question) = (Bytes::default(), Question::None);
            }
        });
        self.ask(name);
        self.has_freed = true;
    }

    /// A client is about to be asked, by a call of this number; whether it is to be asked still.
    pub(super) fn asked(&mut self, name: &str, serial: NonZeroU32) -> bool {
        let is_asked = self.change(name, |client| {
            let is_due = client.question == Question::Due;
            if is_due {
                client.question = Question::Asked(serial, client.unread);
            }
            is_due
        });
        is_asked == Some(true)
    }

    /// An answer to a call has come from a client; whether it is one to a question.
    pub(super) fn answered(&mut self, name: &str, serial: NonZeroU32) -> bool {
        let is_answer = self.change(name, |client| match client.question {
            Question::Asked(asked, before) if asked == serial => {
                client.unread = client.unread.without(before);
                client.question = Question::None;
                true
            }
            _ => false,
        });
        if is_answer != Some(true) {
            return false;
        }
        if self.clients.get(name).is_some_and(Client::is_blank) {
            self.remove(name);
        }
        self.freed();
        true
    }

    /// The bus has not let a call through, or no answer can come any more; whether the call was a question.
    pub(super) fn failed(&mut self, serial: NonZeroU32, error: &str) -> bool {
        let is_asked =
            |client: &Client| matches!(client.question, Question::Asked(asked, _) if asked == serial);
        let Some(name) =
            self.clients.iter().find(|(_, client)| is_asked(client)).map(|(name, _)| name.clone())
        else {
            return false;
        };
        match error {
            error::SERVICE_UNKNOWN | error::NAME_HAS_NO_OWNER => self.remove(&name),
            error::ACCESS_DENIED => {
                self.change(&name, |client| {
                    (client.is_barred, client.question) = (true, Question::None);
                    client.unread = Bytes::default();
                });
            }
            // It has gone, and the next question says so; or the bus waits for answers for a time only.
            error::NO_REPLY => {
                self.change(&name, |client| client.question = Question::None);
            }
            _ => {
                self.has_new_later = true;
                self.change(&name, |client| client.question = Question::Later);
            }
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
        let is_later = |client: &&Client| client.question == Question::Later || client.user == User::Unsaid;
        let later: Vec<String> = self
            .clients
            .iter()
            .filter(|(_, client)| is_later(client))
            .map(|(name, _)| name.clone())
            .collect();
        for name in later {
            self.change(&name, |client| {
                if client.question == Question::Later {
                    client.question = Question::None;
                }
                if client.user == User::Unsaid {
                    client.user = User::Unknown;
                }
            });
            if self.clients.get(&name).is_some_and(Client::is_blank) {
                self.remove(&name);
            }
        }
        self.freed();
    }

    /// The bus is asked for its clients now.
    pub(super) fn listing(&mut self) {
        self.lists += 1;
    }

    /// The bus has said which clients there are; nothing when it does not say. Those that have come since it was asked stay.
    pub(super) fn only(&mut self, names: Option<&BTreeSet<&str>>) {
        self.is_listing = false;
        let Some(names) = names else { return };
        let lists = self.lists;
        let is_gone = |name: &str, client: &Client| {
            client.is_blank() || (client.since < lists && !names.contains(name))
        };
        let gone: Vec<String> = self
            .clients
            .iter()
            .filter(|(name, client)| is_gone(name, client))
            .map(|(name, _)| name.clone())
            .collect();
        gone.iter().for_each(|name| self.remove(name));
        self.freed();
    }

    /// There is room: others may be asked, and what waits may fit.
    fn freed(&mut self) {
        self.has_freed = true;
        let waits = |client: &Client| {
            client.question == Question::None
                && client.unread.all() > SMALL
                && match client.user {
                    User::Known(user) => !client.is_barred && self.may_ask(user),
                    user => user == User::Unknown,
                }
        };
        let waiting: Vec<String> =
            self.clients.iter().filter(|(_, client)| waits(client)).map(|(name, _)| name.clone()).collect();
        waiting.iter().for_each(|name| self.ask(name));
    }

    /// Whether [`Self::fits`] may say otherwise than before; told once.
    pub(super) fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.has_freed)
    }

    /// Whether [`Self::has_later`] may say otherwise than before; told once.
    pub(super) fn take_new_later(&mut self) -> bool {
        std::mem::take(&mut self.has_new_later)
    }

    /// What is to be done next.
    pub(super) fn next_work(&mut self) -> Option<Work> {
        // Before refusals, of which there may always be more.
        while self.users_asked < USERS_ASKED
            && let Some(stranger) = self.strangers.pop_front()
        {
            // It may have gone.
            if self.clients.get(&stranger).is_some_and(|client| client.user == User::Asked) {
                self.users_asked += 1;
                return Some(Work::AskUser(stranger));
            }
        }
        let work = self.work.pop_front();
        if matches!(work, Some(Work::Refuse(..))) {
            self.refusals = self.refusals.saturating_sub(1);
        }
        work
    }

    /// Whether there is something to be done.
    pub(super) fn has_work(&self) -> bool {
        !self.work.is_empty() || (!self.strangers.is_empty() && self.users_asked < USERS_ASKED)
    }

    /// Changes a client, and the sums with it.
    fn change<T>(&mut self, name: &str, change: impl FnOnce(&mut Client) -> T) -> Option<T> {
        let client = self.clients.get_mut(name)?;
        self.sums.subtract(client.user.known(), client.sum());
        let result = change(client);
        self.sums.add(client.user.known(), client.sum());
        Some(result)
    }

    fn remove(&mut self, name: &str) {
        if let Some(client) = self.clients.remove(name) {
            self.sums.subtract(client.user.known(), client.sum());
            if client.user == User::Asked {
                self.strangers.retain(|stranger| stranger != name);
            }
        }
    }

    /// Has a client known.
    fn add(&mut self, name: &str) {
        if self.clients.contains_key(name) {
            return;
        }
        self.clients.insert(name.to_owned(), Client { since: self.lists, ..Client::default() });
        self.new_clients += 1;
        if self.new_clients >= self.limits.new_clients && !self.is_listing {
            (self.new_clients, self.is_listing) = (0, true);
            self.work.push_back(Work::Sweep);
        }
    }
}

#[cfg(test)]
mod tests;
