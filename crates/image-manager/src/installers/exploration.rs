//! Random walks through what other services can say in which order, against a model of the bus: connections that come, take
//! and give up names, show Activations and go; lists of objects that are answered late or never; users that the bus tells late.
//!
//! In the end, when all was heard, the claims must be what the connections show that may be believed.

use super::tests::{DRIVES, OBJECT, added, changed, drive, properties, removed};
use super::*;
use std::collections::{HashMap, VecDeque};
use test_random::Numbers as Dice;
use zbus::OwnedObjectPath;

/// Bus names; the first is given drives by the settings.
const NAMES: [&str; 2] = [DRIVES, "a.b"];
const STATES: [Activation; 4] =
    [Activation::NotReady, Activation::Ready, Activation::Activating, Activation::Active];

#[derive(Debug, Clone)]
struct Peer {
    unique: String,
    is_root: bool,
    shown: Option<Activation>,
    names: BTreeSet<&'static str>,
    /// It was root's, or has had the name that settings give drives.
    may_be_believed: bool,
}

struct Bus {
    installers: Installers<u32>,
    peers: Vec<Peer>,
    position: u32,
    count: usize,
    /// What the bus has sent us and we have not heard yet.
    sent: VecDeque<(u32, Event<u32>)>,
    /// Questions that are not answered yet.
    scans: Vec<String>,
    users: Vec<String>,
    /// Answers that have come and are not taken yet.
    answers: Vec<Event<u32>>,
    log: Vec<String>,
}

impl Bus {
    fn new(facts: Facts, dice: &mut Dice) -> Self {
        let mut installers = super::tests::installers();
        installers.add(OBJECT, facts);
        let mut bus = Self {
            installers,
            peers: Vec::new(),
            position: 0,
            count: 0,
            sent: VecDeque::new(),
            scans: Vec::new(),
            users: Vec::new(),
            answers: Vec::new(),
            log: Vec::new(),
        };
        // Some were there before us.
        for _ in 0..dice.below(3) {
            bus.connect(dice);
            bus.change_name(dice);
            bus.show(dice);
        }
        bus.sent.clear();
        let names = bus.peers.iter().flat_map(|peer| {
            peer.names.iter().map(|name| ((*name).to_owned(), peer.unique.clone())).collect::<Vec<_>>()
        });
        let present = Event::Present(names.collect());
        // One without a name is not looked for.
        for peer in bus.peers.iter_mut().filter(|peer| peer.names.is_empty()) {
            peer.shown = None;
        }
        bus.installers.step(Event::Restart, Duration::ZERO);
        bus.answers.push(present);
        bus
    }

    fn say(&mut self, event: Event<u32>) {
        self.position += 1;
        self.log.push(format!("{}: {event:?}", self.position));
        self.sent.push_back((self.position, event));
    }

    fn connect(&mut self, dice: &mut Dice) {
        if self.peers.len() < 3 {
            self.count += 1;
            let (unique, is_root) = (format!(":1.{}", self.count), dice.one_in(2));
            self.log.push(format!("{unique} comes, root: {is_root}"));
            self.peers.push(Peer {
                unique,
                is_root,
                shown: None,
                names: BTreeSet::new(),
                may_be_believed: is_root,
            });
        }
    }

    fn any(&self, dice: &mut Dice) -> Option<usize> {
        (!self.peers.is_empty()).then(|| dice.below(self.peers.len()))
    }

    fn change_name(&mut self, dice: &mut Dice) {
        let (Some(at), name) = (self.any(dice), NAMES[dice.below(NAMES.len())]) else { return };
        let unique = self.peers[at].unique.clone();
        if self.peers[at].names.remove(name) {
            return self.say(Event::NameFreed { name: name.to_owned() });
        }
        // It may be taken from another.
        for peer in &mut self.peers {
            peer.names.remove(name);
        }
        self.peers[at].names.insert(name);
        self.peers[at].may_be_believed |= name == DRIVES;
        self.say(Event::Came { name: name.to_owned(), owner: unique });
    }

    fn show(&mut self, dice: &mut Dice) {
        let Some(at) = self.any(dice) else { return };
        let state = STATES[dice.below(STATES.len())];
        let (said, shown) = match self.peers[at].shown {
            None => (added(state), Some(state)),
            Some(_) if dice.one_in(3) => (removed(ACTIVATION), None),
            Some(_) => (changed(state), Some(state)),
        };
        self.peers[at].shown = shown;
        let (sender, path) = (self.peers[at].unique.clone(), format!("{ROOT}/{OBJECT}"));
        let position = self.position + 1;
        self.say(Event::Said(Announcement { sender, path, said }, position));
    }

    fn leave(&mut self, dice: &mut Dice) {
        let Some(at) = self.any(dice) else { return };
        let peer = self.peers.remove(at);
        for name in peer.names {
            self.say(Event::NameFreed { name: name.to_owned() });
        }
        self.say(Event::Gone(peer.unique));
    }

    /// A question is answered as things are now; the answer is not taken yet.
    fn answer(&mut self, dice: &mut Dice) {
        if !self.scans.is_empty() && dice.one_in(2) {
            let unique = self.scans.remove(dice.below(self.scans.len()));
            self.position += 1;
            let peer = self.peers.iter().find(|peer| peer.unique == unique);
            let objects = peer.map(|peer| objects_of(peer.shown));
            self.log.push(format!("{}: {unique} lists {:?}", self.position, peer.map(|peer| peer.shown)));
            let answer = objects.map(|objects| (objects, self.position));
            self.answers.push(Event::Scanned(unique, answer));
        } else if !self.users.is_empty() {
            let owner = self.users.remove(dice.below(self.users.len()));
            let peer = self.peers.iter().find(|peer| peer.unique == owner);
            let is_root = peer.is_some_and(|peer| peer.is_root);
            self.answers.push(Event::User { owner, is_root });
        }
    }

    /// We hear what was sent, or take an answer, whichever comes to pass.
    fn hear(&mut self, dice: &mut Dice) {
        let event = if !self.answers.is_empty() && (self.sent.is_empty() || dice.one_in(3)) {
            self.answers.remove(0)
        } else if let Some((_, event)) = self.sent.pop_front() {
            event
        } else {
            return;
        };
        self.log.push(format!("    heard {event:?}"));
        for effect in self.installers.step(event, Duration::ZERO) {
            match effect {
                Effect::Scan(owner) => self.scans.push(owner),
                Effect::AskUser(owner) => self.users.push(owner),
                _ => {}
            }
        }
    }

    fn happen(&mut self, dice: &mut Dice) {
        match dice.below(12) {
            0 => self.connect(dice),
            1 | 2 => self.change_name(dice),
            3..=5 => self.show(dice),
            6 => self.leave(dice),
            7 | 8 => self.answer(dice),
            _ => self.hear(dice),
        }
    }

    fn calm_down(&mut self, dice: &mut Dice) {
        for _ in 0..2_000 {
            self.answer(dice);
            self.hear(dice);
        }
    }

    /// What is claimed, what must be, and what may be: of a connection that was believed before.
    fn compare(&self, facts: &Facts) -> [BTreeMap<String, Activation>; 3] {
        let claims = self.installers.claims(OBJECT);
        let claims = claims.into_iter().filter_map(|claim| Some((claim.owner, claim.state?))).collect();
        let must = |peer: &&Peer| {
            let is_its = facts.installer.as_deref().is_none_or(|name| peer.names.contains(name));
            is_its && (peer.is_root || peer.names.contains(DRIVES))
        };
        let shown = |peer: &Peer| Some((peer.unique.clone(), peer.shown?));
        let must = self.peers.iter().filter(must).filter_map(shown).collect();
        let may = self.peers.iter().filter(|peer| peer.may_be_believed).filter_map(shown).collect();
        [claims, must, may]
    }
}

fn objects_of(shown: Option<Activation>) -> Objects {
    let path = OwnedObjectPath::try_from(format!("{ROOT}/{OBJECT}")).unwrap();
    let interfaces = shown.map(|state| (ACTIVATION.to_owned(), properties(state)));
    HashMap::from([(path, interfaces.into_iter().collect())])
}

fn walk(seed: u64, facts: &Facts) {
    let mut dice = Dice::silent(seed);
    let mut bus = Bus::new(facts.clone(), &mut dice);
    for _ in 0..dice.below(120) {
        bus.happen(&mut dice);
    }
    bus.calm_down(&mut dice);
    let [claims, must, may] = bus.compare(facts);
    let is_missing = must.iter().any(|(owner, state)| claims.get(owner) != Some(state));
    let is_wrong = claims.iter().any(|(owner, state)| may.get(owner) != Some(state));
    let log = || bus.log.join("\n");
    assert!(!is_missing && !is_wrong, "seed {seed}: {claims:?}, must {must:?}, may {may:?}\n{}", log());
    assert!(
        bus.installers.scans.is_empty() && bus.installers.have_answered(true, Duration::ZERO),
        "seed {seed}"
    );
    let known = bus.installers.users.len();
    assert!(
        known <= bus.peers.len(),
        "seed {seed}: {known} connections are kept in mind\n{}",
        bus.log.join("\n")
    );
}

#[test]
fn whatever_is_said_in_whatever_order_the_claims_are_what_believed_installers_show() {
    let is_soak = std::env::var_os("VIVIANITE_SOAK").is_some_and(|value| value == "1");
    let handed_on = Facts { installer: Some(DRIVES.to_owned()), ..drive("a.Drive") };
    for seed in 0..if is_soak { 50_000 } else { 1_000 } {
        walk(seed, &drive("a.Drive"));
        walk(seed, &handed_on);
    }
}
