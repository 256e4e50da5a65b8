use crate::{Event, Pair};
use peer::BackOff;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How much a [`Ledger`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Events that stand at one time, delivered or not.
    pub raised: usize,
    /// Of these, events that wait for delivery.
    pub pending: usize,
    /// Happenings that wait for delivery.
    pub happenings: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { raised: 1_024, pending: 256, happenings: 64 }
    }
}

/// What an update has changed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    /// What is wrong now and was not before.
    pub raised: Vec<Pair>,
    /// What was wrong before and is not now.
    pub cleared: Vec<Pair>,
    /// What is wrong now and found no room; it counts as new at the next update.
    pub dropped: usize,
}

/// Which events stand, and which of them the event log has; and what has happened and waits to be told.
///
/// Of what is wrong, a pair is delivered once until it clears. A happening is delivered once, after those before it unless
/// they were refused, and is kept until then. Without I/O and clock; the owner keeps [`Ledger::kept`] in a file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Ledger {
    limits: Limits,
    /// Those that were sent, and so are not sent again.
    pub(crate) delivered: BTreeSet<Pair>,
    pending: VecDeque<Event>,
    /// What has happened and was not sent yet, in order.
    pub(crate) happenings: VecDeque<Happening>,
    in_hand: Option<InHand>,
    /// Pending faults that were refused.
    refused: BTreeMap<Pair, Refused>,
    /// Of what was refused, nothing is sent before that.
    retry_from: Duration,
    /// How often in a row something was refused that had been refused before.
    retries: u32,
    /// How often an event found no room, ever since the file was new.
    pub(crate) dropped: u64,
}

/// The event that is on its way; it is not answered for yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct InHand {
    event: Event,
    is_sent: bool,
    whose: Whose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Something is wrong.
    Fault {
        /// It may clear meanwhile.
        is_current: bool,
    },
    /// The first of the happenings, until it is sent.
    Happening(Waiting),
}

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Happening {
    pub(crate) event: Event,
    waiting: Waiting,
}

/// How a happening waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Waiting {
    /// Until then.
    until: Option<Duration>,
    /// A logging service has refused it.
    refused: Option<Refused>,
}

/// What a logging service has refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refused {
    /// How often.
    times: u32,
    /// When first.
    first: Duration,
    /// When last.
    last: Duration,
}

impl Refused {
    fn again(before: Option<Self>, now: Duration) -> Self {
        let times = before.map_or(0, |before| before.times).saturating_add(1);
        Self { times, first: before.map_or(now, |before| before.first), last: now }
    }

    fn is_final(&self, now: Duration) -> bool {
        self.times >= REFUSALS.0 && now.saturating_sub(self.first) >= REFUSALS.1
    }
}

/// How often a logging service may refuse a happening, and for how long. One that has just started or has no room gets over
/// it; what it refuses for what it is would be sent for ever.
const REFUSALS: (u32, Duration) = (3, Duration::from_secs(600));

impl From<Event> for Happening {
    fn from(event: Event) -> Self {
        Self { event, waiting: Waiting::default() }
    }
}

impl Ledger {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The same contents under other limits.
    #[must_use]
    pub fn limited(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Takes all that is wrong now. What is not in it has cleared, so it must not be called before that is known.
    ///
    /// Of two events with one pair, the first counts.
    pub fn update(&mut self, current: impl IntoIterator<Item = Event>) -> Changes {
        self.update_known(current, |_| false)
    }

    /// As [`Self::update`], but of some pairs it is not known whether they are still wrong: these stand as they did.
    pub fn update_known(
        &mut self,
        current: impl IntoIterator<Item = Event>,
        is_unknown: impl Fn(&Pair) -> bool,
    ) -> Changes {
        let mut changes = Changes::default();
        let mut new = self.take_current(current, &mut changes);
        let mut current = self.standing();
        current.retain(is_unknown);
        current.extend(new.keys().cloned());
        let cleared = self.clear(&current, &mut changes);
        self.pending.retain(|event| !cleared.contains(&event.pair));
        self.delivered.retain(|pair| !cleared.contains(pair));
        self.refused.retain(|pair, _| !cleared.contains(pair));
        let standing = self.standing();
        new.retain(|pair, _| !standing.contains(pair));
        let mut new: Vec<(usize, Event)> = new.into_values().collect();
        new.sort_unstable_by_key(|(position, _)| *position);
        for (_, event) in new {
            self.raise(event, &mut changes);
        }
        self.dropped = self.dropped.saturating_add(u64::try_from(changes.dropped).unwrap_or(u64::MAX));
        changes
    }

    /// The current events by their pairs, with their places in the list.
    fn take_current(
        &self,
        current: impl IntoIterator<Item = Event>,
        changes: &mut Changes,
    ) -> BTreeMap<Pair, (usize, Event)> {
        let mut taken = BTreeMap::new();
        let standing = self.standing();
        let mut fresh = 0_usize;
        for (position, event) in current.into_iter().enumerate() {
            let event = event.tamed();
            if taken.contains_key(&event.pair) {
                continue;
            }
            if !standing.contains(&event.pair) {
                // More than could ever be kept is not even looked at.
                if fresh >= self.limits.raised {
                    changes.dropped = changes.dropped.saturating_add(1);
                    continue;
                }
                fresh += 1;
            }
            taken.insert(event.pair.clone(), (position, event));
        }
        taken
    }

    /// Which pairs do not stand any more.
    fn clear(&mut self, current: &BTreeSet<Pair>, changes: &mut Changes) -> BTreeSet<Pair> {
        let mut cleared = self.standing();
        cleared.retain(|pair| !current.contains(pair));
        if let Some(InHand { event, is_sent, whose: Whose::Fault { is_current } }) = &mut self.in_hand {
            *is_current = current.contains(&event.pair);
            if *is_current && *is_sent {
                self.delivered.insert(event.pair.clone());
            }
        }
        changes.cleared = cleared.iter().cloned().collect();
        cleared
    }

    fn raise(&mut self, event: Event, changes: &mut Changes) {
        if self.pending.len() >= self.limits.pending || self.count() >= self.limits.raised {
            changes.dropped = changes.dropped.saturating_add(1);
            return;
        }
        changes.raised.push(event.pair.clone());
        self.pending.push_back(event);
    }

    /// Takes what has happened, to be told once. False when too much waits already: then it is not told. `now` is on the
    /// clock of [`Self::expire`].
    pub fn happened(&mut self, event: Event, now: Duration) -> bool {
        let has_room = self.happenings.len() < self.limits.happenings;
        if has_room {
            let until = event.told_within.map(|limit| now.saturating_add(limit));
            let waiting = Waiting { until, ..Waiting::default() };
            self.happenings.push_back(Happening { event: event.tamed(), waiting });
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
        has_room
    }

    /// What has happened and was not sent yet, in order.
    pub fn happenings(&self) -> impl Iterator<Item = &Event> {
        self.happenings.iter().map(|happening| &happening.event)
    }

    /// When an event can be taken next: at once, unless all that wait were refused; never, when none waits.
    pub fn due(&self) -> Option<Duration> {
        let happenings = self.happenings.iter().map(|happening| happening.waiting.refused);
        let faults = self.pending.iter().map(|event| self.refused.get(&event.pair).copied());
        happenings.chain(faults).map(|refused| refused.map_or(Duration::ZERO, |_| self.retry_from)).min()
    }

    /// Another logging service is there: what the one before has refused does not count.
    pub fn begin_anew(&mut self) {
        self.refused.clear();
        self.happenings.iter_mut().for_each(|happening| happening.waiting.refused = None);
        if let Some(InHand { whose: Whose::Happening(waiting), .. }) = &mut self.in_hand {
            waiting.refused = None;
        }
        (self.retry_from, self.retries) = (Duration::ZERO, 0);
    }

    /// Takes out what is too old to be told; to be called before [`Self::take_next`].
    pub fn expire(&mut self, now: Duration) -> Vec<Event> {
        // The first may be on its way, and not known to be sent yet.
        let is_first_safe =
            matches!(self.in_hand, Some(InHand { is_sent: false, whose: Whose::Happening(_), .. }));
        let first = if is_first_safe { self.happenings.pop_front() } else { None };
        let is_old = |happening: &Happening| happening.waiting.until.is_some_and(|until| until < now);
        let (old, young): (VecDeque<_>, VecDeque<_>) = self.happenings.drain(..).partition(is_old);
        self.happenings = first.into_iter().chain(young).collect();
        old.into_iter().map(|happening| happening.event).collect()
    }

    /// Every pair that is known, the one on its way included.
    fn standing(&self) -> BTreeSet<Pair> {
        let in_hand = self.in_hand.as_ref().filter(|in_hand| !matches!(in_hand.whose, Whose::Happening(_)));
        let in_hand = in_hand.map(|in_hand| &in_hand.event.pair);
        let pending = self.pending.iter().map(|event| &event.pair);
        let mut standing = self.delivered.clone();
        standing.extend(pending.chain(in_hand).cloned());
        standing
    }

    /// How many pairs are known, or one more: what is on its way may count as delivered already.
    fn count(&self) -> usize {
        self.delivered.len() + self.pending.len() + usize::from(self.in_hand.is_some())
    }

    /// The next event to be delivered, if none is on its way and one is due: first what was never refused, happenings before
    /// faults and in order, then what was refused longest ago. One of these follows: [`Self::failed`], or [`Self::sent`] and
    /// then [`Self::failed`], [`Self::refused`] or [`Self::answered`]. `now` is on the clock of [`Self::expire`].
    pub fn take_next(&mut self, now: Duration) -> Option<Event> {
        if self.in_hand.is_some() {
            return None;
        }
        let (event, whose) = match self.take_fresh() {
            None if self.retry_from <= now => self.take_refused()?,
            fresh => fresh?,
        };
        self.in_hand = Some(InHand { event: event.clone(), is_sent: false, whose });
        Some(event)
    }

    fn take_fresh(&mut self) -> Option<(Event, Whose)> {
        if let Some(position) =
            self.happenings.iter().position(|happening| happening.waiting.refused.is_none())
        {
            return self.take_happening(position);
        }
        let position = self.pending.iter().position(|event| !self.refused.contains_key(&event.pair))?;
        self.take_fault(position)
    }

    fn take_refused(&mut self) -> Option<(Event, Whose)> {
        let happenings = self.happenings.iter().enumerate();
        let happenings = happenings.filter_map(|(at, happening)| Some((happening.waiting.refused?.last, at)));
        let faults = self.pending.iter().enumerate();
        let faults = faults.filter_map(|(at, event)| Some((self.refused.get(&event.pair)?.last, at)));
        match (happenings.min(), faults.min()) {
            (Some((happening, position)), fault) if fault.is_none_or(|(fault, _)| happening <= fault) => {
                self.take_happening(position)
            }
            (_, fault) => self.take_fault(fault?.1),
        }
    }

    fn take_happening(&mut self, position: usize) -> Option<(Event, Whose)> {
        let happening = self.happenings.remove(position)?;
        let taken = (happening.event.clone(), Whose::Happening(happening.waiting));
        // It is the first until it is sent.
        self.happenings.push_front(happening);
        Some(taken)
    }

    fn take_fault(&mut self, position: usize) -> Option<(Event, Whose)> {
        Some((self.pending.remove(position)?, Whose::Fault { is_current: true }))
    }

    /// The event on its way was sent: it counts as delivered, whenever the answer comes.
    pub fn sent(&mut self) {
        let Some(InHand { event, is_sent, whose }) = &mut self.in_hand else { return };
        let is_first = !std::mem::replace(is_sent, true);
        match whose {
            Whose::Fault { is_current: true } => drop(self.delivered.insert(event.pair.clone())),
            Whose::Fault { is_current: false } => {}
            Whose::Happening(_) if is_first => drop(self.happenings.pop_front()),
            Whose::Happening(_) => {}
        }
    }

    /// The event on its way has arrived. If it had been refused before, so may all others be taken now.
    pub fn answered(&mut self) {
        let Some(InHand { event, whose, .. }) = self.in_hand.take() else { return };
        let was_refused = match whose {
            Whose::Happening(waiting) => waiting.refused.is_some(),
            Whose::Fault { .. } => self.refused.remove(&event.pair).is_some(),
        };
        if was_refused {
            (self.retry_from, self.retries) = (Duration::ZERO, 0);
        }
    }

    /// The event on its way has not arrived: it is pending again, a fault after the others and unless it has cleared, a
    /// happening before the others.
    pub fn failed(&mut self) {
        let Some(InHand { event, is_sent, whose }) = self.in_hand.take() else { return };
        match whose {
            Whose::Fault { is_current } => {
                self.delivered.remove(&event.pair);
                if is_current {
                    self.pending.push_back(event);
                }
            }
            // It is still the first of those that wait.
            Whose::Happening(_) if !is_sent => {}
            Whose::Happening(waiting) => self.happenings.push_front(Happening { event, waiting }),
        }
    }

    /// The event on its way was refused by a logging service that is there. It holds up nothing that was not refused; of what
    /// was, one after the other is tried again, with pauses that grow until one is accepted. A happening that was refused
    /// often and for long is given up, and is the result. `now` is on the clock of [`Self::expire`].
    pub fn refused(&mut self, now: Duration, pauses: BackOff) -> Option<Event> {
        let InHand { event, whose, .. } = self.in_hand.as_ref()?.clone();
        let before = match whose {
            Whose::Happening(waiting) => waiting.refused,
            Whose::Fault { .. } => self.refused.get(&event.pair).copied(),
        };
        let refused = Refused::again(before, now);
        // Many that were never refused may be refused at once by a logging service that has yet to start.
        self.retries = before.map_or(self.retries, |_| self.retries.saturating_add(1));
        self.retry_from = now.saturating_add(pauses.after(self.retries.saturating_add(1)));
        let Whose::Happening(waiting) = whose else {
            self.failed();
            if self.pending.iter().any(|pending| pending.pair == event.pair) {
                self.refused.insert(event.pair, refused);
            }
            return None;
        };
        self.sent();
        self.in_hand = None;
        if refused.is_final(now) {
            return Some(event);
        }
        self.happenings
            .push_back(Happening { event, waiting: Waiting { refused: Some(refused), ..waiting } });
        None
    }

    /// Whether an event is on its way.
    pub fn is_under_way(&self) -> bool {
        self.in_hand.is_some()
    }

    /// The events that the event log does not have yet, the one on its way not counted.
    pub fn pending(&self) -> impl Iterator<Item = &Event> {
        self.pending.iter()
    }

    /// How often an event found no room, ever since.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests;
