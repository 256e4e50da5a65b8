//! What is known of clients, and what that comes to for each user.

use super::OWN;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// Bytes of replies.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes {
    pub small: usize,
    pub large: usize,
}

impl Bytes {
    pub fn all(self) -> usize {
        self.small.saturating_add(self.large)
    }

    pub fn with(self, other: Self) -> Self {
        Self { small: self.small.saturating_add(other.small), large: self.large.saturating_add(other.large) }
    }

    pub fn without(self, other: Self) -> Self {
        Self { small: self.small.saturating_sub(other.small), large: self.large.saturating_sub(other.large) }
    }
}

/// Whether a client is asked for an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Question {
    #[default]
    None,
    /// It is to be asked.
    Due,
    /// It was asked by a call of this number, and had not read so much before.
    Asked(NonZeroU32, Bytes),
    /// The bus did not let it be asked now; it is asked once more later.
    Later,
}

/// What is known of a client's user.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum User {
    #[default]
    Unknown,
    /// The bus is being asked.
    Asked,
    /// The bus did not answer; it is asked once more later.
    Unsaid,
    /// The bus knows no such client.
    Gone,
    Known(u32),
}

impl User {
    pub fn known(self) -> Option<u32> {
        if let Self::Known(user) = self { Some(user) } else { None }
    }
}

#[derive(Debug, Default)]
pub(super) struct Client {
    pub user: User,
    pub unread: Bytes,
    pub question: Question,
    /// The bus's policy does not let it be asked, so that nothing is known of it; it is not limited.
    pub is_barred: bool,
    /// Calls that were taken and have no reply yet.
    pub at_work: Vec<NonZeroU32>,
    /// How many lists of the bus's clients had been asked for when it came.
    pub since: u64,
}

impl Client {
    /// Whether nothing is known of it that matters later.
    pub fn is_blank(&self) -> bool {
        self.unread.all() == 0
            && self.question == Question::None
            && self.at_work.is_empty()
            && self.user == User::Unknown
            && !self.is_barred
    }

    /// What it adds to its user's.
    pub fn sum(&self) -> Sum {
        Sum {
            unread: self.unread,
            asked: usize::from(self.question != Question::None),
            at_work: self.at_work.len().saturating_sub(OWN),
        }
    }
}

/// What the clients of a user come to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum {
    pub unread: Bytes,
    /// Clients that are asked.
    pub asked: usize,
    /// Calls that have no reply yet, but [`OWN`] of each client.
    pub at_work: usize,
}

/// The same for each user; clients whose user is not known are one user's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sums(BTreeMap<Option<u32>, Sum>);

impl Sums {
    pub fn of(&self, user: Option<u32>) -> Sum {
        self.0.get(&user).copied().unwrap_or_default()
    }

    /// Of all users but root.
    pub fn of_users(&self) -> Sum {
        let users = self.0.iter().filter(|(user, _)| **user != Some(0));
        users.fold(Sum::default(), |all, (_, sum)| Sum {
            unread: all.unread.with(sum.unread),
            asked: all.asked + sum.asked,
            at_work: all.at_work + sum.at_work,
        })
    }

    pub fn add(&mut self, user: Option<u32>, sum: Sum) {
        if sum == Sum::default() {
            return;
        }
        let all = self.0.entry(user).or_default();
        all.unread = all.unread.with(sum.unread);
        (all.asked, all.at_work) = (all.asked + sum.asked, all.at_work + sum.at_work);
    }

    pub fn subtract(&mut self, user: Option<u32>, sum: Sum) {
        if let Some(all) = self.0.get_mut(&user) {
            all.unread = all.unread.without(sum.unread);
            all.asked = all.asked.saturating_sub(sum.asked);
            all.at_work = all.at_work.saturating_sub(sum.at_work);
            if *all == Sum::default() {
                self.0.remove(&user);
            }
        }
    }
}
