//! The life of an image from its arrival to its end: taken in, offered, claimed by the service that installs it, told to
//! begin, removed.
//!
//! Time is an argument; what the bus, the log and the disk must be told is the result. Source: the project's rules IM-60
//! to IM-62, made after openbmc/phosphor-bmc-code-mgmt.

use handed_on::HandedOn;
use stages::{Begun, Next, Request, Stage};
use std::time::Duration;
use update_state::{Activation, ApplyTime};
use vocabulary::has_ended;

#[cfg(test)]
mod exploration;
mod handed_on;
mod stages;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use vocabulary::{Claim, Effect, Event};

/// How long is waited after an installer did not accept that it is told to begin.
const BEGIN_AGAIN: Duration = Duration::from_secs(1);

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    /// An image stays `NotReady` so long after the reply, so that its client can listen before it changes.
    pub hold: Duration,
    /// An image waits so long for an installer.
    pub claim: Duration,
    /// An installer that has claimed it may take so long to become ready.
    pub ready: Duration,
    /// It is tried so long to tell an installer to begin.
    pub begin: Duration,
    /// An image that came by `StartUpdate` is shown so long after its end.
    pub linger: Duration,
    /// An image whose installation failed, and a dropped one that came to its end, is kept so long.
    pub kept: Duration,
    /// A dropped image is kept so long though no installer claims it.
    pub unclaimed: Duration,
}

/// How an image has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// As a file in the drop folder. It has no Activation of ours.
    Dropped,
    /// By a client's `StartUpdate`: any installer may claim it.
    Client,
    /// By an installer's `StartUpdate`: that installer alone may claim it.
    Installer,
}

/// The life of one image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HandOver {
    limits: Limits,
    origin: Origin,
    stage: Stage,
    request: Request,
    begun: Begun,
    replied: Option<Duration>,
    /// It was said that no installer has claimed it.
    is_reported: bool,
    /// It is known which installers there are: of an image of an earlier run that takes a while.
    others_known: bool,
    claims: Vec<Claim>,
    activation: Activation,
}

impl HandOver {
    /// An image that a client or an installer has just handed over.
    pub fn new(origin: Origin, apply: ApplyTime, limits: Limits) -> Self {
        let request = match apply {
            ApplyTime::Immediate | ApplyTime::OnReset => Request::Pending,
            ApplyTime::OnActivationRequest => Request::None,
        };
        Self {
            limits,
            origin,
            stage: Stage::TakingIn,
            request,
            begun: Begun::No,
            replied: None,
            is_reported: false,
            others_known: true,
            claims: Vec::new(),
            activation: Activation::NotReady,
        }
    }

    /// One that was dropped and taken in.
    pub fn dropped(limits: Limits, now: Duration) -> Self {
        let new = Self::new(Origin::Dropped, ApplyTime::OnActivationRequest, limits);
        Self { stage: Stage::Offered { since: now }, ..new }
    }

    /// One that an earlier run had offered; `was_begun` when an installer was told to begin then, or had begun. Its times begin
    /// once it is known which installers there are.
    pub fn restored(origin: Origin, apply: ApplyTime, was_begun: bool, limits: Limits) -> Self {
        let new = Self::new(origin, apply, limits);
        let (request, begun) =
            if was_begun { (Request::Past, Begun::EarlierRun) } else { (new.request, Begun::No) };
        let activation = if origin == Origin::Dropped { Activation::NotReady } else { Activation::Ready };
        let stage = Stage::Offered { since: Duration::ZERO };
        Self { stage, request, begun, activation, others_known: false, ..new }
    }

    /// The same, of which was said before that no installer has claimed it.
    pub fn reported(self) -> Self {
        Self { is_reported: true, ..self }
    }

    /// One that an earlier run did not finish taking in.
    pub fn broken(origin: Origin, apply: ApplyTime, limits: Limits, now: Duration) -> Self {
        let new = Self::new(origin, apply, limits);
        Self { stage: Stage::Over { since: now }, activation: Activation::Invalid, ..new }
    }

    /// One of an earlier run that is to be removed, and does nothing more by itself.
    pub fn to_be_removed(origin: Origin, limits: Limits) -> Self {
        let new = Self::new(origin, ApplyTime::OnActivationRequest, limits);
        Self { stage: Stage::Removed, activation: Activation::Invalid, ..new }
    }

    /// How it has come.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Our Activation, shown or not.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// The installer that was told to begin, by its unique name.
    fn begun(&self) -> Option<&str> {
        match &self.begun {
            Begun::By(owner) => Some(owner),
            Begun::No | Begun::EarlierRun => None,
        }
    }

    /// The installer that has claimed it.
    pub fn claimed_by(&self) -> Option<&str> {
        match &self.stage {
            Stage::Claimed { claim, .. } => Some(&claim.owner),
            _ => None,
        }
    }

    /// The installer that is to be told to begin now.
    pub fn to_begin(&self, now: Duration) -> Option<&str> {
        let Stage::Claimed { claim, .. } = &self.stage else { return None };
        let is_due = match &self.request {
            Request::Pending => true,
            Request::Telling { next, .. } => next.is_some_and(|next| next <= now),
            Request::None | Request::Past | Request::GivenUp { .. } => false,
        };
        (is_due && claim.state == Some(Activation::Ready)).then_some(&*claim.owner)
    }

    /// Whether an installer has begun or been told to, by us or by a client, and has not come to an end.
    pub fn is_under_way(&self) -> bool {
        if self.is_handed_on() {
            return self.activation.is_busy();
        }
        let Stage::Claimed { claim, .. } = &self.stage else { return false };
        let was_told = match &self.begun {
            Begun::No => false,
            Begun::EarlierRun => true,
            Begun::By(owner) => *owner == claim.owner,
        };
        let is_busy = claim.state.is_some_and(Activation::is_busy);
        is_busy || was_told && !claim.state.is_some_and(Activation::is_final)
    }

    /// Whether it is being taken in, or about to be, or was and no client could know it yet.
    pub fn is_taking_in(&self) -> bool {
        matches!(self.stage, Stage::TakingIn | Stage::Held { .. })
    }

    /// Whether another service has it, and has not come to an end.
    pub fn is_handed_on(&self) -> bool {
        matches!(self.stage, Stage::HandedOn(_))
    }

    /// Whether it was not taken in yet, so that it can be cancelled.
    pub fn can_be_cancelled(&self) -> bool {
        matches!(self.stage, Stage::TakingIn)
    }

    /// Whether it waits for its turn: an installer has claimed it, and is not told yet.
    pub fn waits_for_its_turn(&self) -> bool {
        matches!(self.stage, Stage::Claimed { .. }) && self.request == Request::Pending
    }

    /// Whether its installation has failed, and a client may ask for it again.
    pub fn has_failed(&self) -> bool {
        matches!(&self.stage, Stage::Claimed { claim, .. } if claim.state == Some(Activation::Failed))
    }

    /// Whether it waits for news of the installers that there are.
    pub fn is_restoring(&self) -> bool {
        !self.others_known
    }

    /// Since when it could make way for a new image: no installer needs its files any more, or none has claimed it for long.
    pub fn is_evictable_since(&self) -> Option<Duration> {
        let is_dropped = self.origin == Origin::Dropped;
        match &self.stage {
            _ if !self.may_go() => None,
            Stage::Claimed { claim, since } => match (claim.state?, &self.request) {
                (Activation::Failed | Activation::Staged, _) => Some(*since),
                (Activation::Invalid, _) if is_dropped => Some(*since),
                (Activation::Ready, Request::GivenUp { since }) => Some(*since),
                _ => None,
            },
            Stage::Offered { since } if is_dropped && self.is_reported => Some(*since),
            Stage::Done { since } if is_dropped => Some(*since),
            _ => None,
        }
    }

    /// Takes what has happened, and tells what is to be done, in this order.
    pub fn step(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        effects.extend(self.take(event, now));
        while let Some(effect) = self.advance(now) {
            effects.push(effect);
        }
        effects
    }

    /// When something is due, unless something happens before.
    pub fn wake_at(&self) -> Option<Duration> {
        let after = |since: &Duration, limit: Duration| Some(since.saturating_add(limit));
        match &self.stage {
            Stage::Held { .. } => after(&self.replied?, self.limits.hold),
            Stage::Claimed { claim, since } if claim.is_coming() => after(since, self.ready_limit()?),
            Stage::Claimed { claim, .. } if claim.state == Some(Activation::Ready) => match self.request {
                Request::Telling { next, .. } => next,
                Request::GivenUp { since } if self.may_go() => after(&since, self.limits.kept),
                _ => None,
            },
            Stage::HandedOn(handed_on) if self.activation == Activation::Ready && handed_on.is_coming() => {
                after(&handed_on.since?, self.limits.ready)
            }
            // Its files are not taken away under an installer; its end is a change that wakes us.
            _ if !self.may_go() => None,
            Stage::Offered { since } => after(since, self.claim_limit()),
            Stage::Over { since } => after(since, self.limits.linger),
            Stage::Done { since } => after(since, self.done_limit()),
            Stage::Claimed { claim, since } if claim.is_refused() => after(since, self.refused_limit(claim)),
            Stage::Claimed { .. } | Stage::TakingIn | Stage::HandedOn(_) | Stage::Removed => None,
        }
    }

    fn take(&mut self, event: Event, now: Duration) -> Option<Effect> {
        match event {
            Event::Tick => {}
            Event::Replied => {
                self.replied.get_or_insert(now);
            }
            Event::OthersKnown => {
                if let (false, Stage::Offered { since }) = (self.others_known, &mut self.stage) {
                    *since = now;
                }
                self.others_known = true;
            }
            Event::TakenIn => self.hold(Next::Offer),
            Event::HandOn => self.hold(Next::HandOn),
            Event::NotTakenIn => self.hold(Next::Refuse),
            Event::Cancelled => {
                if self.stage == Stage::TakingIn {
                    self.become_state(Activation::Invalid);
                    self.stage = Stage::Removed;
                    return Some(Effect::Remove);
                }
            }
            Event::Requested if self.is_handed_on() => return Some(Effect::AskRecipient),
            Event::Requested => {
                // Also when an earlier installer was told: a client asks anew.
                let is_ours = !matches!(self.stage, Stage::Claimed { .. });
                let is_open = matches!(self.request, Request::None | Request::GivenUp { .. });
                if is_open || (self.request == Request::Past && is_ours) {
                    self.request = Request::Pending;
                }
            }
            Event::Claimed(claims) => self.claims = claims,
            Event::Begin => {
                let since = match self.request {
                    Request::Telling { since, .. } => since,
                    _ => now,
                };
                self.request = Request::Telling { since, next: None };
                if let Stage::Claimed { claim, .. } = &self.stage {
                    self.begun = Begun::By(claim.owner.clone());
                }
            }
            Event::NotItsTurn => {
                if matches!(self.request, Request::Telling { .. }) {
                    self.request = Request::Pending;
                    self.begun = Begun::No;
                }
            }
            // Another may have taken its place meanwhile.
            Event::Answered { owner, is_accepted } if self.begun() == Some(&*owner) => {
                return self.answered(is_accepted, now);
            }
            Event::Answered { .. } => {}
            Event::FilesLost => {
                self.become_state(Activation::Invalid);
                self.stage = Stage::Over { since: now };
            }
            Event::RecipientHasIt | Event::RecipientShows(_) | Event::RecipientGone => {
                self.hear_recipient(&event, now);
            }
        }
        None
    }

    fn hold(&mut self, next: Next) {
        if self.stage == Stage::TakingIn {
            self.stage = Stage::Held { next };
        }
    }

    fn hear_recipient(&mut self, event: &Event, now: Duration) {
        let Stage::HandedOn(handed_on) = &mut self.stage else { return };
        match event {
            Event::RecipientShows(state) => handed_on.shown = Some(*state),
            Event::RecipientGone => handed_on.is_gone = true,
            _ => handed_on.since = Some(now),
        }
    }

    fn answered(&mut self, is_accepted: bool, now: Duration) -> Option<Effect> {
        let Request::Telling { since, .. } = self.request else { return None };
        if is_accepted {
            self.request = Request::Past;
        } else if now >= since.saturating_add(self.limits.begin) {
            // It has not begun, so the next image for its place need not wait for it.
            self.begun = Begun::No;
            self.request = Request::GivenUp { since: now };
            return Some(Effect::NotBegun);
        } else {
            self.request = Request::Telling { since, next: Some(now.saturating_add(BEGIN_AGAIN)) };
        }
        None
    }

    /// Does one thing that is due.
    fn advance(&mut self, now: Duration) -> Option<Effect> {
        let is_over = |since: &Duration, limit: Duration| now >= since.saturating_add(limit);
        match &self.stage {
            Stage::Held { next } if self.hold_is_over(now) => {
                let (next, stage, effect) = match next {
                    Next::Offer => (Activation::Ready, Stage::Offered { since: now }, Effect::Offer),
                    Next::HandOn => (Activation::Ready, Stage::HandedOn(HandedOn::default()), Effect::HandOn),
                    Next::Refuse => (Activation::Invalid, Stage::Over { since: now }, Effect::Refuse),
                };
                self.become_state(next);
                self.stage = stage;
                Some(effect)
            }
            Stage::Offered { since } => match self.claim() {
                Some(claim) => Some(self.claimed(claim, now)),
                None if !self.others_known || !is_over(since, self.claim_limit()) => None,
                None if self.origin != Origin::Dropped => Some(self.end_invalid(Effect::Unclaimed, now)),
                None if self.is_reported => {
                    self.stage = Stage::Removed;
                    Some(Effect::Remove)
                }
                None => {
                    self.is_reported = true;
                    Some(Effect::Unclaimed)
                }
            },
            Stage::Claimed { claim, since } => self.follow(claim.clone(), *since, now),
            Stage::HandedOn(handed_on) => self.mirror(handed_on.clone(), now),
            Stage::Over { since } if is_over(since, self.limits.linger) && self.may_go() => {
                self.stage = Stage::Removed;
                Some(Effect::Remove)
            }
            Stage::Done { since } if is_over(since, self.done_limit()) && self.may_go() => {
                self.stage = Stage::Removed;
                Some(Effect::Remove)
            }
            _ => None,
        }
    }

    fn claimed(&mut self, claim: Claim, now: Duration) -> Effect {
        // What its state means is seen next.
        let claim = Claim { state: None, ..claim };
        self.stage = Stage::Claimed { claim, since: now };
        self.is_reported = false;
        Effect::Yield
    }

    /// What the installer's Activation came to.
    fn follow(&mut self, before: Claim, since: Duration, now: Duration) -> Option<Effect> {
        let Some(claim) = self.claim() else { return Some(self.left(&before, now)) };
        let is_new = (before.state, &before.owner) != (claim.state, &claim.owner);
        self.settle_request(&before, &claim);
        if claim.state == Some(Activation::Active) {
            self.stage = Stage::Done { since: now };
            return Some(Effect::Ended(Activation::Active));
        }
        if claim.is_refused() {
            if claim.state == Some(Activation::Invalid) && self.origin == Origin::Installer {
                return Some(self.end_invalid(Effect::Unfit, now));
            }
            // Another may want it yet, or a client may ask for it again.
            let since = if is_new { now } else { since };
            let limit = self.refused_limit(&claim);
            let is_declined = claim.state == Some(Activation::Invalid);
            let is_over = self.may_go() && now >= since.saturating_add(limit);
            self.stage = if is_over { Stage::Removed } else { Stage::Claimed { claim, since } };
            return match (is_over, is_new) {
                (true, _) => Some(Effect::Remove),
                (false, true) => Some(if is_declined { Effect::Declined } else { Effect::Failed }),
                (false, false) => None,
            };
        }
        if let (Some(Activation::Ready), Request::GivenUp { since }) = (claim.state, &self.request)
            && self.may_go()
            && now >= since.saturating_add(self.limits.kept)
        {
            self.stage = Stage::Removed;
            return Some(Effect::Remove);
        }
        let was_coming = claim.is_coming() && before.is_coming() && claim.owner == before.owner;
        let stays = was_coming || !is_new && claim.state == Some(Activation::Staged);
        let since = if stays { since } else { now };
        let limit = self.ready_limit();
        let is_late = claim.is_coming() && limit.is_some_and(|limit| now >= since.saturating_add(limit));
        self.stage = Stage::Claimed { claim, since };
        if before.is_refused() {
            return Some(Effect::Retried);
        }
        is_late.then(|| self.end_invalid(Effect::Stuck, now))
    }

    /// What the service came to that has the image: one transition of ours after the other, then its end.
    fn mirror(&mut self, handed_on: HandedOn, now: Duration) -> Option<Effect> {
        if let Some(theirs) = handed_on.shown
            && let Some(ours) = handed_on::next(self.activation, theirs)
        {
            self.become_state(ours);
            if ours.is_final() {
                self.stage = Stage::Done { since: now };
            }
            return Some(Effect::Mirrored { ours, theirs });
        }
        let late = |since: Duration| now >= since.saturating_add(self.limits.ready);
        match self.activation {
            Activation::Ready if handed_on.is_gone => Some(self.end_invalid(Effect::RecipientLost, now)),
            Activation::Ready if handed_on.is_coming() && handed_on.since.is_some_and(late) => {
                Some(self.end_invalid(Effect::Stuck, now))
            }
            // What it waits for is a reset, which is not its business.
            Activation::Staged if handed_on.is_gone => {
                self.stage = Stage::Done { since: now };
                Some(Effect::Ended(Activation::Staged))
            }
            _ if handed_on.is_gone => {
                self.become_state(Activation::Failed);
                self.stage = Stage::Done { since: now };
                Some(Effect::RecipientLost)
            }
            _ => None,
        }
    }

    /// The installer is gone, or has taken its Activation away.
    fn left(&mut self, before: &Claim, now: Duration) -> Effect {
        // A second installer is not told to begin: what the first has done is not known.
        if matches!(self.request, Request::Telling { .. }) {
            self.request = Request::Past;
        }
        self.begun = Begun::No;
        // The installer has ended, for better or worse, and then taken its Activation away.
        if let Some(state) = before.state.filter(|state| has_ended(*state)) {
            self.stage = Stage::Done { since: now };
            return Effect::Ended(state);
        }
        self.stage = Stage::Offered { since: now };
        Effect::Resume
    }

    /// What a change of the installer's state means for the request to begin.
    fn settle_request(&mut self, before: &Claim, claim: &Claim) {
        if claim.owner != before.owner && matches!(self.request, Request::Telling { .. }) {
            // As if the first were gone: another takes its place while it is not known what it has heard.
            self.request = Request::Past;
            self.begun = Begun::No;
        }
        if self.begun == Begun::EarlierRun && claim.state == Some(Activation::Ready) {
            // The one that was told by an earlier run has not begun, or is not there any more.
            self.begun = Begun::No;
        }
        let has_begun = claim
            .state
            .is_some_and(|state| state.is_busy() || has_ended(state) && state != Activation::Invalid);
        if has_begun && matches!(self.request, Request::Telling { .. } | Request::Pending) {
            // It has begun, so it is not told again, also where it refused the call or a client told it.
            self.request = Request::Past;
        }
        if claim.state.is_some_and(Activation::is_final) {
            self.begun = Begun::No;
        }
    }

    fn end_invalid(&mut self, effect: Effect, now: Duration) -> Effect {
        self.become_state(Activation::Invalid);
        self.stage = Stage::Over { since: now };
        effect
    }

    /// Our Activation changes here alone, along the transitions that `update_state` knows.
    fn become_state(&mut self, next: Activation) {
        let changed = self.activation.change(next);
        debug_assert!(changed.is_ok() || self.activation == next, "{changed:?}");
        self.activation = changed.unwrap_or(self.activation);
    }

    fn claim_limit(&self) -> Duration {
        if self.is_reported { self.limits.unclaimed } else { self.limits.claim }
    }

    /// No client waits for a dropped image, so its installer may take what time it wants.
    fn ready_limit(&self) -> Option<Duration> {
        (self.origin != Origin::Dropped).then_some(self.limits.ready)
    }

    fn refused_limit(&self, claim: &Claim) -> Duration {
        let is_failed = claim.state == Some(Activation::Failed);
        if is_failed { self.limits.kept } else { self.done_limit() }
    }

    fn done_limit(&self) -> Duration {
        if self.origin == Origin::Dropped { self.limits.kept } else { self.limits.linger }
    }

    /// Whether no installer is at work on it, as far as is known of all of them.
    fn may_go(&self) -> bool {
        self.others_known && !self.is_at_work()
    }

    fn is_at_work(&self) -> bool {
        self.claims.iter().any(|claim| claim.state.is_some_and(Activation::is_busy))
    }

    /// Of several installers that show an Activation, the one that counts: which is at work, then which was told to begin,
    /// then which has installed the image, then which would.
    fn claim(&self) -> Option<Claim> {
        let counts = self.claims.iter().max_by_key(|claim| match claim.state {
            Some(state) if state.is_busy() => 4,
            _ if self.begun() == Some(&*claim.owner) => 3,
            Some(Activation::Active | Activation::Staged) => 2,
            Some(Activation::Ready) => 1,
            _ => 0,
        });
        counts.cloned()
    }

    fn hold_is_over(&self, now: Duration) -> bool {
        self.replied.is_some_and(|replied| now >= replied.saturating_add(self.limits.hold))
    }
}
