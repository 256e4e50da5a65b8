//! Every order of events that an image, two installers, a service that it is handed on to, a client and a restart can have, tried out: all states that can be
//! reached are visited, and in each of them what must be true is checked.
//!
//! Times are small numbers of seconds, and each stored time is kept as its age, so that the states are finitely many.

use super::*;
use std::collections::{HashSet, VecDeque};

const LIMITS: Limits = Limits {
    hold: seconds(1),
    claim: seconds(2),
    ready: seconds(2),
    begin: seconds(2),
    linger: seconds(1),
    kept: seconds(2),
    unclaimed: seconds(3),
};
/// It is always this late; what is older than this is as old as this.
const NOW: Duration = seconds(4);
const SECOND: Duration = seconds(1);
/// As `installer 0`, `1`, and its successor under the same bus name.
const NAMES: [&str; 3] = [":1.0", ":1.1", ":1.2"];

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// What an installer shows: no Activation, or one whose state may not be known yet.
type Shown = Option<Option<Activation>>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    image: HandOver,
    /// What each installer shows; those that are gone do not come back.
    installers: [Shown; 3],
    gone: [bool; 3],
    /// Calls to begin that are under way: how many to which installer.
    calls: [u8; 3],
    /// Of which installers it is known what they show: after a restart of those that have said something since.
    heard: [bool; 3],
    /// What is kept over a restart.
    was_begun: bool,
    /// How often an installer has begun as we told it to.
    begun_by_us: u8,
    /// How often a client has asked us.
    requests: u8,
    /// How often a client may still ask an installer by itself.
    quick_clients: u8,
    restarts: u8,
    /// Another service may have it.
    was_handed_on: bool,
    /// Activation became Invalid and it was said why.
    is_explained: bool,
    is_removed: bool,
}

/// What may happen next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Image(Event),
    Second,
    /// Another image is being installed at its place, or not.
    Turn {
        has_come: bool,
    },
    Installer(usize, Shown),
    Dies(usize),
    /// A call arrives: the installer begins, refuses, or says nothing.
    Arrives(usize, Answer),
    ClientTells(usize),
    Restart,
    /// Installers have told what they show.
    Heard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Begins,
    Refuses,
    IsSilent,
}

impl World {
    /// `rivals` when a second installer may come beside the first.
    fn new(origin: Origin, apply: ApplyTime, rivals: bool) -> Self {
        let image = match origin {
            Origin::Dropped => HandOver::dropped(LIMITS, NOW),
            _ => HandOver::new(origin, apply, LIMITS),
        };
        Self {
            image,
            installers: [None; 3],
            gone: [false, !rivals || origin == Origin::Installer, false],
            calls: [0; 3],
            heard: [true; 3],
            was_begun: false,
            begun_by_us: 0,
            requests: 0,
            quick_clients: 1,
            restarts: 1,
            was_handed_on: false,
            is_explained: false,
            is_removed: false,
        }
    }

    /// All that may happen now.
    fn steps(&self) -> Vec<Step> {
        let mut steps = vec![Step::Second];
        if self.is_removed {
            return Vec::new();
        }
        if self.image.origin != Origin::Dropped {
            steps.push(Step::Image(Event::Replied));
            if self.image.stage == Stage::TakingIn {
                steps.extend([Event::TakenIn, Event::NotTakenIn, Event::Cancelled].map(Step::Image));
            }
            if self.image.stage == Stage::TakingIn && self.image.origin == Origin::Client {
                steps.push(Step::Image(Event::HandOn));
            }
            if let Stage::HandedOn(handed_on) = &self.image.stage {
                // It may show what it wants, in any order, also before it has answered.
                steps.extend(Activation::ALL.map(Event::RecipientShows).map(Step::Image));
                steps.push(Step::Image(Event::RecipientGone));
                steps.extend(handed_on.since.is_none().then_some(Step::Image(Event::RecipientHasIt)));
            }
            if self.requests == 0 && self.image.activation == Activation::Ready {
                steps.push(Step::Image(Event::Requested));
            }
        }
        if self.is_deaf() {
            steps.push(Step::Heard);
        }
        // One that is silent is waited for if an installer had begun; else for as long as it takes one that works.
        if self.image.is_restoring() && (!self.is_deaf() || !self.was_begun && !self.is_at_work()) {
            steps.push(Step::Image(Event::OthersKnown));
        }
        if self.image.to_begin(NOW).is_some() {
            steps.extend([Step::Turn { has_come: true }, Step::Turn { has_come: false }]);
            steps.push(Step::Image(Event::FilesLost));
        }
        for (at, shown) in self.installers.iter().enumerate() {
            // The successor comes once the first is gone.
            let is_shown = !self.image.is_taking_in() && (at == 0 || !self.image.is_handed_on());
            let may_come = !self.gone[at] && (at != 2 || self.gone[0]) && is_shown;
            steps.extend(self.installer_steps(at, *shown, may_come));
            if self.calls[at] > 0 {
                let answers = [Answer::Begins, Answer::Refuses, Answer::IsSilent];
                steps.extend(answers.map(|answer| Step::Arrives(at, answer)));
            }
        }
        if self.restarts > 0 {
            steps.push(Step::Restart);
        }
        steps
    }

    fn installer_steps(&self, at: usize, shown: Shown, may_come: bool) -> Vec<Step> {
        use Activation::{Activating, Active, Failed, Invalid, NotReady, Ready, Staged};
        let to = |states: &[Activation]| {
            states.iter().map(|state| Step::Installer(at, Some(Some(*state)))).collect::<Vec<_>>()
        };
        let mut steps = match shown {
            None if may_come => {
                let mut steps = to(&[NotReady, Ready, Invalid, Activating, Active]);
                steps.push(Step::Installer(at, Some(None)));
                steps
            }
            None => return Vec::new(),
            Some(None | Some(NotReady)) => to(&[Ready, Invalid]),
            Some(Some(Activating)) => to(&[Active, Failed, Staged]),
            Some(Some(Staged)) => to(&[Active, Failed]),
            Some(_) => Vec::new(),
        };
        if matches!(shown, Some(Some(Ready | Failed))) && self.quick_clients > 0 {
            steps.push(Step::ClientTells(at));
        }
        if shown.is_some() {
            steps.extend([Step::Installer(at, None), Step::Dies(at)]);
        }
        steps
    }

    fn claims(&self) -> Vec<Claim> {
        let known = self.installers.iter().zip(NAMES).zip(self.heard).filter(|(_, is_heard)| *is_heard);
        let claims =
            known.filter_map(|((shown, owner), _)| Some(Claim { owner: owner.to_owned(), state: (*shown)? }));
        claims.collect()
    }

    fn is_deaf(&self) -> bool {
        self.heard.contains(&false)
    }

    fn is_at_work(&self) -> bool {
        self.installers.iter().any(|shown| shown.flatten().is_some_and(Activation::is_busy))
    }

    /// The shell: hands an event to the core, and does what it says.
    fn hand(&mut self, event: Event) -> Result<(), String> {
        let mut before = self.image.activation;
        let effects = self.image.step(event, NOW);
        // Of several steps each is shown.
        let mirrored = effects.iter().filter_map(|effect| match effect {
            Effect::Mirrored { ours, .. } => Some(*ours),
            _ => None,
        });
        for after in mirrored.chain([self.image.activation]) {
            if before != after && !before.may_become(after) {
                return Err(format!("{before} has become {after}"));
            }
            before = after;
        }
        for effect in effects {
            self.perform(effect)?;
        }
        self.was_begun |= self.claims().iter().any(Claim::has_begun);
        Ok(())
    }

    fn perform(&mut self, effect: Effect) -> Result<(), String> {
        if self.is_removed {
            return Err(format!("{effect:?} after its removal"));
        }
        match effect {
            // A service that it was handed on to has the archive.
            Effect::Remove if self.is_at_work() && !self.was_handed_on => {
                return Err("removed under an installer".to_owned());
            }
            Effect::Remove => self.is_removed = true,
            Effect::HandOn if std::mem::replace(&mut self.was_handed_on, true) => {
                return Err("handed on twice".to_owned());
            }
            Effect::Offer | Effect::Yield if self.was_handed_on => {
                return Err(format!("{effect:?}, and another service may have it"));
            }
            Effect::Refuse | Effect::Unfit | Effect::Stuck | Effect::Unclaimed | Effect::RecipientLost => {
                let was_explained = std::mem::replace(&mut self.is_explained, true);
                return if was_explained {
                    Err(format!("{effect:?}, and it was said before why"))
                } else {
                    Ok(())
                };
            }
            // Of a dropped image it is said each time that it has been without an installer for long.
            Effect::Yield if self.image.origin == Origin::Dropped => self.is_explained = false,
            Effect::Offer if self.image.activation != Activation::Ready => {
                return Err("offered and not Ready".to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    fn tell_of_claims(&mut self) -> Result<(), String> {
        let claims = self.claims();
        self.hand(Event::Claimed(claims))
    }

    fn happen(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Second => {
                self.age();
                self.hand(Event::Tick)
            }
            Step::Image(event) => {
                self.requests += u8::from(*event == Event::Requested);
                self.is_explained |= *event == Event::FilesLost;
                let was_handed_on = self.image.is_handed_on();
                self.hand(event.clone())?;
                match event {
                    Event::RecipientGone if self.image.is_handed_on() => {
                        Err("it waits for nothing".to_owned())
                    }
                    Event::RecipientShows(Activation::Active)
                        if was_handed_on && self.image.activation != Activation::Active =>
                    {
                        Err("it is active, and that is not shown".to_owned())
                    }
                    _ => Ok(()),
                }
            }
            Step::Turn { has_come: false } => self.hand(Event::NotItsTurn),
            Step::Turn { has_come: true } => {
                let owner = self.image.to_begin(NOW).map(str::to_owned);
                let at =
                    NAMES.iter().position(|name| owner.as_deref() == Some(name)).ok_or("who is that?")?;
                if self.installers[at] != Some(Some(Activation::Ready)) {
                    return Err("an installer is told to begin that is not ready".to_owned());
                }
                self.was_begun = true;
                self.calls[at] += 1;
                self.hand(Event::Begin)
            }
            Step::Installer(at, shown) => {
                self.installers[*at] = *shown;
                self.heard[*at] = true;
                self.gone[*at] |= shown.is_none();
                self.tell_of_claims()
            }
            Step::Dies(at) => {
                self.installers[*at] = None;
                self.heard[*at] = true;
                self.gone[*at] = true;
                self.tell_of_claims()
            }
            Step::ClientTells(at) => {
                self.quick_clients -= 1;
                self.installers[*at] = Some(Some(Activation::Activating));
                self.heard[*at] = true;
                self.tell_of_claims()
            }
            Step::Arrives(at, answer) => self.arrive(*at, *answer),
            Step::Restart => self.restart(),
            Step::Heard => {
                self.heard = [true; 3];
                self.tell_of_claims()
            }
        }
    }

    fn arrive(&mut self, at: usize, answer: Answer) -> Result<(), String> {
        self.calls[at] -= 1;
        let can_begin = matches!(self.installers[at], Some(Some(Activation::Ready | Activation::Failed)));
        if can_begin && answer == Answer::Begins {
            self.begun_by_us += 1;
            if self.begun_by_us > 1 + self.requests {
                return Err("told to begin twice".to_owned());
            }
            self.installers[at] = Some(Some(Activation::Activating));
            self.heard[at] = true;
            // Its signal comes before its reply.
            self.tell_of_claims()?;
        }
        let is_accepted = answer == Answer::IsSilent || can_begin && answer == Answer::Begins;
        self.hand(Event::Answered { owner: NAMES[at].to_owned(), is_accepted })
    }

    fn restart(&mut self) -> Result<(), String> {
        self.restarts -= 1;
        let (origin, apply) = (self.image.origin, ApplyTime::OnReset);
        self.image = match (&self.image.stage, origin) {
            // What has become of it at the other service is not known.
            (Stage::TakingIn | Stage::HandedOn(_), _) => HandOver::broken(origin, apply, LIMITS, NOW),
            (Stage::Over { .. } | Stage::Done { .. } | Stage::Removed, _) => {
                // Its record says so: it is removed once no installer is at work on it.
                self.is_removed = true;
                return Ok(());
            }
            // The record of one that was not taken in is gone.
            (Stage::Held { next: Next::Refuse }, _) => {
                self.is_removed = true;
                return Ok(());
            }
            _ => HandOver::restored(origin, apply, self.was_begun, LIMITS),
        };
        self.is_explained = false;
        // One that shows nothing has nothing to say.
        self.heard = self.installers.map(|shown| shown.is_none());
        Ok(())
    }

    /// Every stored time becomes a second older.
    fn age(&mut self) {
        let old = |time: &mut Duration| *time = time.saturating_sub(SECOND);
        match &mut self.image.stage {
            Stage::Offered { since }
            | Stage::Claimed { since, .. }
            | Stage::Over { since }
            | Stage::Done { since } => old(since),
            Stage::HandedOn(handed_on) => handed_on.since.iter_mut().for_each(old),
            Stage::TakingIn | Stage::Held { .. } | Stage::Removed => {}
        }
        match &mut self.image.request {
            Request::Telling { since, next } => {
                old(since);
                next.iter_mut().for_each(old);
            }
            Request::GivenUp { since } => old(since),
            Request::None | Request::Pending | Request::Past => {}
        }
        self.image.replied.iter_mut().for_each(old);
    }

    /// What must be true of every state by itself.
    fn check(&self) -> Result<(), String> {
        let is_due = self.image.wake_at().is_some_and(|due| due <= NOW);
        if is_due && self.image.to_begin(NOW).is_none() {
            return Err("it is woken for nothing, again and again".to_owned());
        }
        Ok(())
    }

    /// Whether nothing more is to happen by itself: it is over, or a program that is alive has it.
    fn may_rest(&self) -> bool {
        use Activation::{Activating, NotReady, Ready, Staged, Staging};
        let is_claimed = matches!(self.image.stage, Stage::Claimed { .. });
        let rests = match self.image.claim().map(|claim| claim.state) {
            Some(Some(Ready | Activating | Staging | Staged)) => is_claimed || self.is_at_work(),
            // No client waits for a dropped image.
            Some(None | Some(NotReady)) => is_claimed && self.image.origin == Origin::Dropped,
            _ => false,
        };
        let is_elsewhere = match &self.image.stage {
            // How long its answer is waited for is not decided here.
            Stage::HandedOn(handed_on) => {
                let has_begun = self.image.activation != Activation::Ready;
                handed_on.since.is_none() || !handed_on.is_coming() || has_begun
            }
            _ => false,
        };
        self.is_removed || rests || is_elsewhere || self.image.is_taking_in()
    }

    /// From here on only time passes.
    fn calm_down(&self) -> Result<(), String> {
        let mut world = self.clone();
        if matches!(world.image.stage, Stage::Held { .. }) {
            world.happen(&Step::Image(Event::Replied))?;
        }
        if world.is_deaf() {
            world.happen(&Step::Heard)?;
        }
        if world.image.is_restoring() {
            world.happen(&Step::Image(Event::OthersKnown))?;
        }
        for _ in 0..20 {
            if world.is_removed {
                return Ok(());
            }
            if world.image.to_begin(NOW).is_some() {
                world.happen(&Step::Turn { has_come: true })?;
            }
            for at in 0..NAMES.len() {
                while world.calls[at] > 0 {
                    world.arrive(at, Answer::Refuses)?;
                }
            }
            world.happen(&Step::Second)?;
        }
        if world.may_rest() { Ok(()) } else { Err(format!("it stays for ever: {world:?}")) }
    }
}

/// All states, from a beginning; each is checked. How many they are.
fn explore(origin: Origin, apply: ApplyTime, rivals: bool) -> usize {
    let first = World::new(origin, apply, rivals);
    let mut known = HashSet::from([first.clone()]);
    let mut open = VecDeque::from([first]);
    while let Some(world) = open.pop_front() {
        let wrong = |error: String, step: &Step| panic!("{error}\nafter {step:?}\nin {world:#?}");
        for step in world.steps() {
            let mut next = world.clone();
            let happened = next.happen(&step).and_then(|()| next.check());
            happened.unwrap_or_else(|error| wrong(error, &step));
            if known.insert(next.clone()) {
                next.calm_down().unwrap_or_else(|error| wrong(error, &step));
                open.push_back(next);
            }
        }
    }
    known.len()
}

/// Explores from several beginnings, and says how many states there are.
fn explore_all(beginnings: &[(Origin, ApplyTime)], rivals: bool) {
    let mut all = 0;
    for (origin, apply) in beginnings {
        let count = explore(*origin, *apply, rivals);
        println!("{origin:?}, {apply}: {count} states");
        all += count;
    }
    println!("{all} states in all");
}

#[test]
fn in_every_order_of_events_an_image_ends_once_and_its_installer_is_told_once() {
    let beginnings = [
        (Origin::Dropped, ApplyTime::OnActivationRequest),
        (Origin::Client, ApplyTime::OnReset),
        (Origin::Installer, ApplyTime::OnReset),
    ];
    explore_all(&beginnings, false);
}

/// Four million states: `cargo xtask soak`.
#[test]
fn the_same_with_two_installers_at_once() {
    if std::env::var_os("VIVIANITE_SOAK").is_some_and(|value| value == "1") {
        let beginnings = [
            (Origin::Dropped, ApplyTime::OnActivationRequest),
            (Origin::Client, ApplyTime::OnReset),
            (Origin::Client, ApplyTime::OnActivationRequest),
            (Origin::Installer, ApplyTime::OnReset),
            (Origin::Installer, ApplyTime::OnActivationRequest),
        ];
        explore_all(&beginnings, true);
    }
}
