//! What is known of one client.

use std::num::NonZeroU32;

/// Bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes {
    pub small: usize,
    pub large: usize,
}

impl Bytes {
    pub fn all(self) -> usize {
        self.small.saturating_add(self.large)
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
pub(super) enum User {
    #[default]
    Unknown,
    /// The bus is being asked.
    Asked,
    /// The bus did not say; it is asked once more later, unless the client is gone by then.
    Unsaid,
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
    pub refused: usize,
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
}
