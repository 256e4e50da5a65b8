//! The life of an image that came by `StartUpdate`, from its reply to its end: taken in, offered, claimed by whoever
//! installs it, told to begin.
//!
//! Time is an argument; what the world must be told is the result. ImageSource: the project's rules IM-60 to IM-62, made
//! after openbmc/phosphor-bmc-code-mgmt.

use std::time::Duration;
use update_state::{Activation, ApplyTime};

/// How long it is tried to tell an installer to begin.
const ASK_LIMIT: Duration = Duration::from_secs(10);
/// How long is waited after a failed try.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// An image stays `NotReady` so long after the reply, unless somebody has read its state.
    pub hold: Duration,
    /// An image waits so long for an installer.
    pub claim: Duration,
    /// An installer that has it may take so long to become ready.
    pub ready: Duration,
    /// What is over is shown so long.
    pub linger: Duration,
}

/// What the world is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Its Activation is Ready, and it is published.
    Offer,
    /// Its Activation is Invalid.
    Refuse,
    /// Our Activation goes: an installer has one.
    Yield,
    /// Our Activation is back: the installer is gone.
    Resume,
    /// Nobody installs it: its Activation is Invalid.
    Unclaimed,
    /// Its installer does not want it.
    Declined,
    /// Its installer does not become ready.
    Stuck,
    /// It is installed, or as far as its installer goes.
    Installed,
    /// It is removed.
    Remove,
}

/// An installer's Activation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Unique name of the installer.
    pub owner: String,
    /// Its state, once it is known.
    pub state: Option<Activation>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    TakingIn,
    Held {
        is_good: bool,
    },
    Offered {
        since: Duration,
    },
    Claimed {
        claim: Claim,
        /// Since when it is not ready, or says that it never will be.
        since: Duration,
    },
    /// Invalid.
    Over {
        since: Duration,
    },
    /// Installed.
    Done {
        since: Duration,
    },
    Removed,
}

/// Whether an installer is to be told to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    /// Nobody wants it yet.
    None,
    /// As soon as an installer is ready.
    Waiting,
    /// It is being told.
    Asking { since: Duration, next: Option<Duration> },
    /// It was told, or it was given up.
    Past,
}

/// Which installer was told to begin, and has not come to an end.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Nobody,
    /// By an earlier run of ours: it is not known which.
    Somebody,
    /// Its unique name.
    Owner(String),
}

/// The life of one image.
#[derive(Debug)]
pub struct HandOver {
    limits: Limits,
    stage: Stage,
    wish: Wish,
    told: Told,
    replied: Option<Duration>,
    was_read: bool,
    claim: Option<Claim>,
}

impl HandOver {
    /// An image that was just accepted.
    pub fn new(apply: ApplyTime, limits: Limits) -> Self {
        let wish = match apply {
            ApplyTime::Immediate | ApplyTime::OnReset => Wish::Waiting,
            ApplyTime::OnActivationRequest => Wish::None,
        };
        let (stage, told) = (Stage::TakingIn, Told::Nobody);
        Self { limits, stage, wish, told, replied: None, was_read: false, claim: None }
    }

    /// One that an earlier run had offered; `was_asked` when an installer was told to begin then.
    pub fn resumed(apply: ApplyTime, was_asked: bool, limits: Limits, now: Duration) -> Self {
        let new = Self::new(apply, limits);
        let (wish, told) = if was_asked { (Wish::Past, Told::Somebody) } else { (new.wish, Told::Nobody) };
        Self { stage: Stage::Offered { since: now }, wish, told, ..new }
    }

    /// One that an earlier run did not finish taking in.
    pub fn broken(apply: ApplyTime, limits: Limits, now: Duration) -> Self {
        Self { stage: Stage::Over { since: now }, ..Self::new(apply, limits) }
    }

    /// The reply is out.
    pub fn replied(&mut self, now: Duration) {
        self.replied.get_or_insert(now);
    }

    /// Somebody has read its state.
    pub fn was_read(&mut self) {
        self.was_read = true;
    }

    /// It was taken in, or could not be.
    pub fn taken(&mut self, is_good: bool) {
        if self.stage == Stage::TakingIn {
            self.stage = Stage::Held { is_good };
        }
    }

    /// Somebody wants it activated.
    pub fn requested(&mut self) {
        // Also when an earlier installer was told: somebody asks anew, which is not our doing.
        let is_ours = !matches!(self.stage, Stage::Claimed { .. });
        if self.wish == Wish::None || (self.wish == Wish::Past && is_ours) {
            self.wish = Wish::Waiting;
        }
    }

    /// Whose Activation there is beside ours, if any.
    pub fn claimed(&mut self, claim: Option<Claim>) {
        self.claim = claim;
    }

    /// The installer that was told to begin, by its unique name.
    pub fn told(&self) -> Option<&str> {
        match &self.told {
            Told::Owner(owner) => Some(owner),
            Told::Nobody | Told::Somebody => None,
        }
    }

    /// The installer that is to be told to begin now.
    pub fn to_ask(&self, now: Duration) -> Option<&str> {
        let Stage::Claimed { claim, .. } = &self.stage else { return None };
        let is_due = match &self.wish {
            Wish::Waiting => true,
            Wish::Asking { next, .. } => next.is_some_and(|next| next <= now),
            Wish::None | Wish::Past => false,
        };
        (is_due && claim.state == Some(Activation::Ready)).then_some(&*claim.owner)
    }

    /// Another is installed at its place: it waits for the end of that.
    pub fn put_off(&mut self) {
        if matches!(self.wish, Wish::Asking { .. }) {
            self.wish = Wish::Waiting;
            self.told = Told::Nobody;
        }
    }

    /// Its files are gone: it is over, also for its installer.
    pub fn spoilt(&mut self, now: Duration) {
        self.stage = Stage::Over { since: now };
    }

    /// It is being told.
    pub fn asking(&mut self, now: Duration) {
        let since = match self.wish {
            Wish::Asking { since, .. } => since,
            _ => now,
        };
        self.wish = Wish::Asking { since, next: None };
        if let Stage::Claimed { claim, .. } = &self.stage {
            self.told = Told::Owner(claim.owner.clone());
        }
    }

    /// It was told, or refused to hear. True when it will not be told again, for that.
    pub fn asked(&mut self, is_told: bool, now: Duration) -> bool {
        let Wish::Asking { since, .. } = self.wish else { return false };
        let is_past = is_told || now >= since.saturating_add(ASK_LIMIT);
        self.wish = if is_told {
            Wish::Past
        } else if is_past {
            // It has not begun, so it is in nobody's way.
            self.told = Told::Nobody;
            Wish::None
        } else {
            Wish::Asking { since, next: Some(now.saturating_add(ASK_AGAIN)) }
        };
        is_past
    }

    /// Whether an installer has begun or been told to, by us or by a client, and has not come to an end.
    pub fn is_under_way(&self) -> bool {
        let Stage::Claimed { claim, .. } = &self.stage else { return false };
        let was_told = match &self.told {
            Told::Nobody => false,
            Told::Somebody => true,
            Told::Owner(owner) => *owner == claim.owner,
        };
        let is_busy = claim.state.is_some_and(Activation::is_busy);
        is_busy || was_told && !claim.state.is_some_and(Activation::is_final)
    }

    /// Whether it waits to be claimed.
    pub fn is_unclaimed(&self) -> bool {
        matches!(self.stage, Stage::Offered { .. })
    }

    /// Whether it is being taken in, or about to be, or was and nobody could know it yet.
    pub fn is_taking_in(&self) -> bool {
        matches!(self.stage, Stage::TakingIn | Stage::Held { .. })
    }

    /// Does what is due.
    pub fn go_on(&mut self, now: Duration) -> Option<Effect> {
        let after = |since: Duration, limit: Duration| now >= since.saturating_add(limit);
        let (stage, effect) = match &self.stage {
            Stage::Held { is_good } if self.hold_is_over(now) => match is_good {
                true => (Stage::Offered { since: now }, Effect::Offer),
                false => (Stage::Over { since: now }, Effect::Refuse),
            },
            Stage::Offered { since } => match self.claim.clone() {
                Some(claim) => (Stage::Claimed { claim, since: now }, Effect::Yield),
                None if after(*since, self.limits.claim) => (Stage::Over { since: now }, Effect::Unclaimed),
                None => return None,
            },
            Stage::Claimed { claim, since } => return self.follow(claim.clone(), *since, now),
            Stage::Over { since } | Stage::Done { since }
                if after(*since, self.limits.linger) && !self.is_at_work() =>
            {
                (Stage::Removed, Effect::Remove)
            }
            _ => return None,
        };
        self.stage = stage;
        Some(effect)
    }

    /// When something is due, unless something happens before.
    pub fn wake_at(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Held { .. } => self.replied.map(|replied| replied.saturating_add(self.limits.hold)),
            Stage::Offered { since } => Some(since.saturating_add(self.limits.claim)),
            // Its files are not taken away under an installer; its end is a change that wakes us.
            Stage::Over { .. } | Stage::Done { .. } if self.is_at_work() => None,
            Stage::Over { since } | Stage::Done { since } => Some(since.saturating_add(self.limits.linger)),
            Stage::Claimed { claim, since } if claim.is_coming() => {
                Some(since.saturating_add(self.limits.ready))
            }
            Stage::Claimed { claim, since } if claim.state == Some(Activation::Invalid) => {
                Some(since.saturating_add(self.limits.linger))
            }
            Stage::Claimed { claim, .. } => match self.wish {
                Wish::Asking { next, .. } if claim.state == Some(Activation::Ready) => next,
                _ => None,
            },
            Stage::TakingIn | Stage::Removed => None,
        }
    }

    /// Whether it waits for its turn: an installer has it, and is not told yet.
    pub fn waits_for_its_turn(&self) -> bool {
        matches!(self.stage, Stage::Claimed { .. }) && self.wish == Wish::Waiting
    }

    fn is_at_work(&self) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.state.is_some_and(Activation::is_busy))
    }

    fn hold_is_over(&self, now: Duration) -> bool {
        let has_waited = |replied: Duration| now >= replied.saturating_add(self.limits.hold);
        self.was_read || self.replied.is_some_and(has_waited)
    }

    /// What the installer's Activation came to.
    fn follow(&mut self, before: Claim, since: Duration, now: Duration) -> Option<Effect> {
        let Some(claim) = self.claim.clone() else {
            // It has come to an end with it, whichever, and took its leave.
            if before.state.is_some_and(has_ended) {
                self.stage = Stage::Done { since: now };
                return Some(Effect::Installed);
            }
            // A second installer is not told to begin: what the first has done is not known.
            if matches!(self.wish, Wish::Asking { .. }) {
                self.wish = Wish::Past;
            }
            self.told = Told::Nobody;
            self.stage = Stage::Offered { since: now };
            return Some(Effect::Resume);
        };
        if claim.owner != before.owner && matches!(self.wish, Wish::Asking { .. }) {
            // As if the first were gone: another takes its place while it is not known what it has heard.
            self.wish = Wish::Past;
            self.told = Told::Nobody;
        }
        if self.told == Told::Somebody && claim.state == Some(Activation::Ready) {
            // Whoever was told by an earlier run has not begun, or is not there any more.
            self.told = Told::Nobody;
        }
        let is_refused = claim.state == Some(Activation::Invalid);
        let has_begun = claim.state.is_some_and(|state| state.is_busy() || has_ended(state)) && !is_refused;
        if has_begun && matches!(self.wish, Wish::Asking { .. } | Wish::Waiting) {
            // Whatever it has answered, and whoever told it: once is enough.
            self.wish = Wish::Past;
        }
        if claim.state.is_some_and(Activation::is_final) {
            self.told = Told::Nobody;
        }
        match claim.state {
            Some(Activation::Active) => {
                self.stage = Stage::Done { since: now };
                return Some(Effect::Installed);
            }
            // Another may want it yet.
            Some(Activation::Invalid) => {
                let is_new = (before.state, &before.owner) != (claim.state, &claim.owner);
                let since = if is_new { now } else { since };
                let is_over = now >= since.saturating_add(self.limits.linger);
                self.stage = if is_over { Stage::Removed } else { Stage::Claimed { claim, since } };
                return match (is_over, is_new) {
                    (true, _) => Some(Effect::Remove),
                    (false, true) => Some(Effect::Declined),
                    (false, false) => None,
                };
            }
            _ => {}
        }
        let is_coming = claim.is_coming() && before.is_coming() && claim.owner == before.owner;
        let since = if is_coming { since } else { now };
        if claim.is_coming() && now >= since.saturating_add(self.limits.ready) {
            self.stage = Stage::Over { since: now };
            return Some(Effect::Stuck);
        }
        self.stage = Stage::Claimed { claim, since };
        None
    }
}

impl Claim {
    /// Whether its installer still looks at it.
    fn is_coming(&self) -> bool {
        matches!(self.state, None | Some(Activation::NotReady))
    }
}

/// Whether an installer has done what it does: what is staged waits for a reset, which is not its business.
fn has_ended(state: Activation) -> bool {
    state.is_final() || state == Activation::Staged
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        hold: Duration::from_millis(500),
        claim: Duration::from_secs(30),
        ready: Duration::from_secs(300),
        linger: Duration::from_secs(30),
    };

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn claim(state: Activation) -> Option<Claim> {
        Some(Claim { owner: ":1.7".to_owned(), state: Some(state) })
    }

    fn offered(apply: ApplyTime) -> HandOver {
        let mut image = HandOver::new(apply, LIMITS);
        image.replied(ms(0));
        image.taken(true);
        assert_eq!(image.go_on(ms(500)), Some(Effect::Offer));
        image
    }

    #[test]
    fn nothing_is_final_before_a_caller_could_listen() {
        for (is_good, effect) in [(true, Effect::Offer), (false, Effect::Refuse)] {
            let mut image = HandOver::new(ApplyTime::Immediate, LIMITS);
            image.taken(is_good);
            assert_eq!((image.go_on(ms(9_000)), image.wake_at()), (None, None), "the reply is not out");
            image.replied(ms(9_000));
            assert_eq!((image.go_on(ms(9_499)), image.wake_at()), (None, Some(ms(9_500))));
            assert_eq!(image.go_on(ms(9_500)), Some(effect));
        }
        let mut image = HandOver::new(ApplyTime::Immediate, LIMITS);
        image.taken(true);
        image.was_read();
        assert_eq!(image.go_on(ms(1)), Some(Effect::Offer), "who has read the state has seen it");
    }

    #[test]
    fn an_installer_is_told_once_when_it_is_ready() {
        let mut image = offered(ApplyTime::OnReset);
        image.claimed(claim(Activation::NotReady));
        assert_eq!(image.go_on(ms(600)), Some(Effect::Yield));
        assert_eq!(image.to_ask(ms(600)), None);
        image.claimed(claim(Activation::Ready));
        image.go_on(ms(700));
        assert_eq!(image.to_ask(ms(700)), Some(":1.7"));
        image.asking(ms(700));
        assert_eq!(image.to_ask(ms(700)), None, "while the call is under way");
        assert!(image.asked(true, ms(800)));
        assert_eq!(image.to_ask(ms(9_000)), None);
        assert!(image.is_under_way());
        image.claimed(claim(Activation::Activating));
        image.go_on(ms(900));
        image.claimed(claim(Activation::Active));
        assert_eq!(image.go_on(ms(1_000)), Some(Effect::Installed));
        assert!(!image.is_under_way());
        assert_eq!(image.go_on(ms(31_000)), Some(Effect::Remove));
        assert_eq!(image.go_on(ms(99_000)), None);
    }

    #[test]
    fn an_installer_that_refuses_is_asked_again_for_a_while() {
        let mut image = offered(ApplyTime::Immediate);
        image.claimed(claim(Activation::Ready));
        image.go_on(ms(600));
        image.asking(ms(600));
        assert!(!image.asked(false, ms(700)));
        assert_eq!((image.to_ask(ms(800)), image.wake_at()), (None, Some(ms(1_700))));
        assert_eq!(image.to_ask(ms(1_700)), Some(":1.7"));
        image.asking(ms(1_700));
        assert!(image.asked(false, ms(10_600)));
        assert_eq!(image.to_ask(ms(20_000)), None);
        assert!(!image.is_under_way(), "the next image for the same place need not wait for it");
        image.claimed(claim(Activation::Activating));
        image.go_on(ms(30_000));
        assert!(image.is_under_way(), "a client has told it");
    }

    #[test]
    fn without_a_wish_an_installer_is_left_alone() {
        let mut image = offered(ApplyTime::OnActivationRequest);
        image.claimed(claim(Activation::Ready));
        image.go_on(ms(600));
        assert_eq!(image.to_ask(ms(600)), None);
        image.requested();
        assert_eq!(image.to_ask(ms(600)), Some(":1.7"));
    }

    #[test]
    fn without_an_installer_it_ends() {
        let mut image = offered(ApplyTime::Immediate);
        assert_eq!((image.go_on(ms(30_499)), image.wake_at()), (None, Some(ms(30_500))));
        assert_eq!(image.go_on(ms(30_500)), Some(Effect::Unclaimed));
        assert_eq!(image.go_on(ms(60_500)), Some(Effect::Remove));
    }

    #[test]
    fn an_installer_that_dies_leaves_the_image_to_the_next() {
        let mut image = offered(ApplyTime::Immediate);
        image.claimed(claim(Activation::Ready));
        image.go_on(ms(600));
        image.asking(ms(600));
        image.asked(true, ms(600));
        image.claimed(None);
        assert_eq!(image.go_on(ms(700)), Some(Effect::Resume));
        assert_eq!(image.wake_at(), Some(ms(30_700)), "the time to be claimed begins anew");
        image.claimed(claim(Activation::Ready));
        assert_eq!(image.go_on(ms(800)), Some(Effect::Yield));
        assert_eq!(image.to_ask(ms(800)), None, "the second is not told to begin");
    }

    #[test]
    fn an_installer_that_leaves_after_its_end_leaves_no_image_to_another() {
        use Activation::{Active, Failed, Invalid, Staged};
        for (state, at_once, at_leave) in [
            (Active, Some(Effect::Installed), None),
            (Staged, None, Some(Effect::Installed)),
            (Failed, None, Some(Effect::Installed)),
            (Invalid, Some(Effect::Declined), Some(Effect::Installed)),
        ] {
            let mut image = offered(ApplyTime::Immediate);
            image.claimed(claim(Activation::Ready));
            image.go_on(ms(600));
            image.claimed(claim(state));
            assert_eq!(image.go_on(ms(700)), at_once, "{state:?}");
            image.claimed(None);
            assert_eq!(image.go_on(ms(800)), at_leave, "{state:?}");
            assert!(!image.is_unclaimed() && !image.is_under_way(), "{state:?}");
            assert_eq!(image.go_on(ms(30_800)), Some(Effect::Remove), "{state:?}");
        }
    }

    #[test]
    fn an_installed_image_ends_even_when_its_installer_goes_at_once() {
        let mut image = offered(ApplyTime::Immediate);
        image.claimed(claim(Activation::Active));
        assert_eq!(image.go_on(ms(600)), Some(Effect::Yield));
        image.claimed(None);
        assert_eq!(image.go_on(ms(700)), Some(Effect::Installed));
        assert_eq!(image.go_on(ms(30_700)), Some(Effect::Remove));
    }

    #[test]
    fn an_installer_that_refuses_and_begins_nevertheless_is_not_asked_again() {
        let mut image = offered(ApplyTime::Immediate);
        image.claimed(claim(Activation::Ready));
        image.go_on(ms(600));
        image.asking(ms(600));
        image.asked(false, ms(700));
        image.claimed(claim(Activation::Activating));
        assert_eq!(image.go_on(ms(800)), None);
        assert_eq!((image.wake_at(), image.to_ask(ms(9_000))), (None, None));
        assert!(image.is_under_way());
    }

    #[test]
    fn no_image_is_removed_under_an_installer_that_is_at_work() {
        let mut given_up = offered(ApplyTime::Immediate);
        assert_eq!(given_up.go_on(ms(30_500)), Some(Effect::Unclaimed));
        let mut installed = offered(ApplyTime::Immediate);
        installed.claimed(claim(Activation::Active));
        installed.go_on(ms(30_000));
        installed.go_on(ms(30_500));
        for mut image in [given_up, installed] {
            image.claimed(claim(Activation::Activating));
            assert_eq!((image.go_on(ms(90_000)), image.wake_at()), (None, None));
            image.claimed(claim(Activation::Active));
            assert_eq!(image.go_on(ms(90_001)), Some(Effect::Remove));
        }
    }

    #[test]
    fn an_image_that_its_installer_refuses_is_another_s_for_a_while() {
        let refused = || {
            let mut image = offered(ApplyTime::Immediate);
            image.claimed(claim(Activation::Ready));
            image.go_on(ms(600));
            image.claimed(claim(Activation::Invalid));
            assert_eq!(image.go_on(ms(700)), Some(Effect::Declined));
            assert_eq!((image.go_on(ms(30_699)), image.wake_at()), (None, Some(ms(30_700))));
            image
        };
        assert_eq!(refused().go_on(ms(30_700)), Some(Effect::Remove));
        let mut image = refused();
        image.claimed(Some(Claim { owner: ":1.9".to_owned(), state: Some(Activation::Ready) }));
        assert_eq!(image.go_on(ms(30_699)), None);
        assert_eq!(image.go_on(ms(99_000)), None);
        assert_eq!(image.to_ask(ms(99_000)), Some(":1.9"), "nobody was told yet");
    }

    #[test]
    fn whoever_was_quicker_than_we_has_told_the_installer() {
        let mut image = offered(ApplyTime::Immediate);
        image.claimed(claim(Activation::Ready));
        image.go_on(ms(600));
        assert!(image.waits_for_its_turn());
        for state in [Activation::Activating, Activation::Failed, Activation::Ready] {
            image.claimed(claim(state));
            image.go_on(ms(700));
            assert!(!image.waits_for_its_turn(), "{state:?}");
        }
        assert_eq!(image.to_ask(ms(800)), None, "what a client has begun is not begun again");
        assert!(!image.is_under_way(), "nor is anybody kept waiting for it");
    }

    #[test]
    fn an_installer_that_does_not_become_ready_is_not_waited_for_for_ever() {
        let mut image = offered(ApplyTime::Immediate);
        image.claimed(Some(Claim { owner: ":1.7".to_owned(), state: None }));
        assert_eq!(image.go_on(ms(1_000)), Some(Effect::Yield));
        image.claimed(claim(Activation::NotReady));
        assert_eq!((image.go_on(ms(200_000)), image.wake_at()), (None, Some(ms(301_000))));
        assert_eq!(image.go_on(ms(301_000)), Some(Effect::Stuck));
        assert_eq!(image.go_on(ms(331_000)), Some(Effect::Remove));
        let mut image = offered(ApplyTime::Immediate);
        image.claimed(claim(Activation::NotReady));
        image.go_on(ms(1_000));
        image.claimed(claim(Activation::Ready));
        assert_eq!(image.go_on(ms(300_999)), None);
        assert_eq!(image.go_on(ms(900_000)), None, "one that is ready may wait for its turn");
    }

    #[test]
    fn a_client_that_asks_anew_is_heard_after_an_installer_died() {
        let mut image = offered(ApplyTime::Immediate);
        image.claimed(claim(Activation::Ready));
        image.go_on(ms(600));
        image.asking(ms(600));
        image.asked(true, ms(600));
        image.claimed(None);
        image.go_on(ms(700));
        image.requested();
        image.claimed(claim(Activation::Ready));
        image.go_on(ms(800));
        assert_eq!(image.to_ask(ms(800)), Some(":1.7"));
    }

    #[test]
    fn an_installer_that_takes_the_place_of_one_that_is_being_told_is_not_told() {
        let mut image = offered(ApplyTime::Immediate);
        image.claimed(claim(Activation::Ready));
        image.go_on(ms(600));
        image.asking(ms(600));
        image.claimed(Some(Claim { owner: ":1.9".to_owned(), state: Some(Activation::Ready) }));
        image.go_on(ms(700));
        assert!(!image.asked(false, ms(800)), "the answer was the first one's");
        assert_eq!(image.to_ask(ms(5_000)), None);
        assert!(!image.is_under_way());
    }

    #[test]
    fn an_image_that_must_wait_for_another_keeps_nobody_awake() {
        let mut image = offered(ApplyTime::Immediate);
        image.claimed(claim(Activation::Ready));
        image.go_on(ms(600));
        image.asking(ms(600));
        image.asked(false, ms(700));
        assert_eq!(image.to_ask(ms(1_700)), Some(":1.7"));
        image.put_off();
        assert_eq!(image.wake_at(), None);
        assert_eq!(image.to_ask(ms(9_000)), Some(":1.7"), "when its turn has come");
    }

    #[test]
    fn an_image_of_an_earlier_run_that_was_told_for_nothing_is_in_nobodys_way() {
        let mut image = HandOver::resumed(ApplyTime::Immediate, true, LIMITS, ms(0));
        image.claimed(claim(Activation::Ready));
        assert_eq!((image.go_on(ms(1)), image.go_on(ms(2))), (Some(Effect::Yield), None));
        assert_eq!((image.to_ask(ms(3)), image.is_under_way()), (None, false));
        image.claimed(claim(Activation::Activating));
        image.go_on(ms(4));
        assert!(image.is_under_way());
    }

    #[test]
    fn a_restart_asks_nobody_twice() {
        let mut image = HandOver::resumed(ApplyTime::Immediate, true, LIMITS, ms(0));
        image.claimed(claim(Activation::Ready));
        assert_eq!(image.go_on(ms(1)), Some(Effect::Yield));
        assert_eq!(image.to_ask(ms(1)), None);
        let mut image = HandOver::resumed(ApplyTime::Immediate, false, LIMITS, ms(0));
        image.claimed(claim(Activation::Ready));
        image.go_on(ms(1));
        assert_eq!(image.to_ask(ms(1)), Some(":1.7"));
    }
}
