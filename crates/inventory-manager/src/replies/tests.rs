use super::*;
use test_random::Numbers;

const LIMITS: Limits = Limits {
    user: 100,
    users: 250,
    root: 300,
    asked_of_user: 3,
    asked: 8,
    remembered: 6,
    held_of_user: 5,
    held: 20,
    hold: Duration::from_secs(10),
};

/// A bus and its clients: what each was sent and has not read.
#[derive(Default)]
struct World {
    clients: BTreeMap<String, Peer>,
    next_serial: u32,
    /// Clients whose user the bus was asked for and has not said.
    asked: VecDeque<String>,
    now: Duration,
    served: usize,
    refused: usize,
    dropped: usize,
}

struct Peer {
    user: u32,
    /// Whether it answers what it reads.
    answers: bool,
    unread: VecDeque<Sent>,
    calls: usize,
}

enum Sent {
    Reply(usize),
    Question(NonZeroU32),
}

/// Its client, and the bytes of its reply.
type Call = (String, usize);

impl World {
    fn unread(&self, which: impl Fn(u32) -> bool) -> usize {
        let of = |peer: &Peer| {
            peer.unread
                .iter()
                .map(|sent| if let Sent::Reply(bytes) = sent { *bytes } else { 0 })
                .sum::<usize>()
        };
        self.clients.values().filter(|peer| which(peer.user)).map(of).sum()
    }

    /// Performs effects as the service does; what the bus answers at once comes back by itself.
    fn perform(&mut self, core: &mut Replies<Call>, effects: Vec<Effect<Call>>) {
        let mut gone = Vec::new();
        for effect in effects {
            match effect {
                Effect::Serve((client, bytes), counted) => {
                    assert_eq!(counted, bytes);
                    self.served += 1;
                    if let Some(peer) = self.clients.get_mut(&client) {
                        peer.calls -= 1;
                        peer.unread.push_back(Sent::Reply(bytes));
                    }
                }
                Effect::Refuse((client, _)) => {
                    self.refused += 1;
                    if let Some(peer) = self.clients.get_mut(&client) {
                        peer.calls -= 1;
                    }
                }
                Effect::Ping(client) => {
                    self.next_serial += 1;
                    let serial = NonZeroU32::new(self.next_serial).unwrap();
                    core.asked(&client, serial);
                    match self.clients.get_mut(&client) {
                        Some(peer) => peer.unread.push_back(Sent::Question(serial)),
                        None => gone.push(client),
                    }
                }
                Effect::AskUser(client) => self.asked.push_back(client),
            }
        }
        self.check(core);
        for client in gone {
            let effects = core.gone(&client);
            self.perform(core, effects);
        }
    }

    /// The bus answers the oldest question for a user.
    fn say_user(&mut self, core: &mut Replies<Call>) {
        let Some(client) = self.asked.pop_front() else { return };
        let effects = core.user(&client, self.clients.get(&client).map(|peer| peer.user));
        self.perform(core, effects);
    }

    fn read(&mut self, core: &mut Replies<Call>, client: &str) {
        let Some(peer) = self.clients.get_mut(client) else { return };
        let answers = peer.answers;
        if let Some(Sent::Question(serial)) = peer.unread.pop_front()
            && answers
        {
            let effects = core.answered(client, serial);
            self.perform(core, effects);
        }
    }

    fn check(&self, core: &Replies<Call>) {
        for user in 1..5 {
            assert!(self.unread(|other| other == user) <= LIMITS.user);
            assert!(self.unread(|other| other == user) <= core.under_way(user));
        }
        assert!(self.unread(|user| user != 0) <= LIMITS.users);
        assert!(self.unread(|user| user == 0) <= LIMITS.root);
        let asked = self.clients.values().flat_map(|peer| &peer.unread);
        assert!(
            asked.filter(|sent| matches!(sent, Sent::Question(_))).count() <= LIMITS.asked + LIMITS.asked / 2
        );
        for user in 0..5 {
            let held = core.held.iter().filter(|held| core.user_of(&held.client) == Some(user)).count();
            assert!(held <= LIMITS.held_of_user, "{held} of {user}");
        }
        assert!(core.held.len() <= 2 * LIMITS.held + LIMITS.held_of_user);
    }
}

fn call(world: &mut World, core: &mut Replies<Call>, client: &str, bytes: usize) {
    world.clients.get_mut(client).unwrap().calls += 1;
    let effects = core.call(client, bytes, (client.to_owned(), bytes), world.now);
    world.perform(core, effects);
}

/// The same, where the bus answers at once.
fn call_known(world: &mut World, core: &mut Replies<Call>, client: &str, bytes: usize) {
    call(world, core, client, bytes);
    world.say_user(core);
}

fn connect(world: &mut World, name: &str, user: u32, answers: bool) {
    let peer = Peer { user, answers, unread: VecDeque::new(), calls: 0 };
    world.clients.insert(name.to_owned(), peer);
}

fn walk(seed: u64) {
    let mut random = Numbers::silent(seed);
    let (mut world, mut core) = (World::default(), Replies::new(LIMITS));
    let mut connected = 0;
    for _ in 0..600 {
        let names: Vec<String> = world.clients.keys().cloned().collect();
        let some = |random: &mut Numbers| names.get(random.below(names.len())).cloned();
        match random.below(14) {
            12 | 13 => world.say_user(&mut core),
            0 if names.len() < 12 => {
                connected += 1;
                let (user, answers) = (u32::try_from(random.below(5)).unwrap(), !random.one_in(4));
                connect(&mut world, &format!(":1.{connected}"), user, answers);
            }
            1..=4 => {
                if let Some(client) = some(&mut random) {
                    call(&mut world, &mut core, &client, 1 + random.below(60));
                }
            }
            5..=9 => {
                if let Some(client) = some(&mut random) {
                    world.read(&mut core, &client);
                }
            }
            10 if random.one_in(4) => {
                if let Some(client) = some(&mut random) {
                    world.dropped += world.clients.remove(&client).map_or(0, |peer| peer.calls);
                    let effects = core.gone(&client);
                    world.perform(&mut core, effects);
                }
            }
            _ => {
                world.now += Duration::from_secs(random.below(4) as u64);
                let effects = core.tick(world.now);
                world.perform(&mut core, effects);
                assert!(core.due().is_none_or(|due| due > world.now), "seed {seed}");
            }
        }
    }
    while !world.asked.is_empty() {
        world.say_user(&mut core);
    }
    // All read what they have, and answer: nothing is under way, and no call is forgotten.
    for peer in world.clients.values_mut() {
        peer.answers = true;
    }
    world.now += LIMITS.hold;
    let effects = core.tick(world.now);
    world.perform(&mut core, effects);
    let mut is_read = false;
    while !is_read {
        let names: Vec<String> = world.clients.keys().cloned().collect();
        is_read = world.clients.values().all(|peer| peer.unread.is_empty());
        names.iter().for_each(|name| world.read(&mut core, name));
    }
    assert!(world.clients.values().all(|peer| peer.calls == 0), "seed {seed}");
    assert!(core.held.is_empty(), "seed {seed}");
}

#[test]
fn no_order_of_events_lets_more_under_way_than_the_limits_or_forgets_a_call() {
    for seed in 0..300 {
        walk(seed);
    }
}

#[test]
fn a_client_that_does_not_read_costs_its_user_only() {
    let (mut world, mut core) = (World::default(), Replies::new(LIMITS));
    for name in ["a", "b", "c"] {
        connect(&mut world, name, 1, false);
    }
    connect(&mut world, "good", 2, true);
    connect(&mut world, "root", 0, true);
    for _ in 0..10 {
        for name in ["a", "b", "c"] {
            call_known(&mut world, &mut core, name, 40);
        }
    }
    assert_eq!((world.served, world.refused), (2, 23), "two replies, and five calls that wait");
    for name in ["good", "root"] {
        for _ in 0..20 {
            call_known(&mut world, &mut core, name, 90);
            world.read(&mut core, name);
            world.read(&mut core, name);
        }
    }
    assert_eq!((world.served, world.refused), (42, 23));
    world.now += LIMITS.hold;
    let effects = core.tick(world.now);
    world.perform(&mut core, effects);
    assert_eq!((world.served, world.refused), (42, 28));
    let effects = core.gone("a");
    world.clients.remove("a");
    world.perform(&mut core, effects);
    call_known(&mut world, &mut core, "c", 40);
    assert_eq!(world.served, 43, "what was sent to a client that is gone is not under way");
}

#[test]
fn an_answer_frees_what_was_sent_before_its_question_and_no_more() {
    let (mut world, mut core) = (World::default(), Replies::new(LIMITS));
    connect(&mut world, "a", 1, true);
    call_known(&mut world, &mut core, "a", 10);
    call_known(&mut world, &mut core, "a", 15);
    assert_eq!(core.under_way(1), 25);
    world.read(&mut core, "a");
    world.read(&mut core, "a");
    assert_eq!(core.under_way(1), 15, "the second reply was not read yet");
    assert!(core.answered("a", NonZeroU32::MIN).is_empty(), "nor does an old answer say so");
    world.read(&mut core, "a");
    world.read(&mut core, "a");
    assert_eq!(core.under_way(1), 0);
    assert!(core.clients.is_empty());
}

#[test]
fn many_connections_of_a_user_keep_no_other_from_waiting_for_its_turn() {
    let (mut world, mut core) = (World::default(), Replies::new(LIMITS));
    connect(&mut world, "root", 0, true);
    for number in 0..20 {
        let name = format!("a{number}");
        connect(&mut world, &name, 1, false);
        for _ in 0..LIMITS.held_of_user {
            call(&mut world, &mut core, &name, 90);
        }
        world.say_user(&mut core);
    }
    let (served, refused) = (world.served, world.refused);
    call_known(&mut world, &mut core, "root", 90);
    assert_eq!((world.served, world.refused), (served + 1, refused));
}

#[test]
fn a_question_that_the_bus_refuses_is_put_again_and_does_not_hold_its_user_for_ever() {
    let (mut world, mut core) = (World::default(), Replies::new(LIMITS));
    connect(&mut world, "a", 1, true);
    call_known(&mut world, &mut core, "a", 90);
    core.not_asked("a", world.now);
    assert_eq!(core.due(), Some(world.now + LIMITS.hold));
    world.now += LIMITS.hold;
    assert_eq!(core.tick(world.now), [Effect::Ping("a".to_owned())]);
}

#[test]
fn a_reply_larger_than_every_share_goes_where_nothing_else_is_under_way() {
    let (mut world, mut core) = (World::default(), Replies::new(LIMITS));
    connect(&mut world, "a", 1, true);
    let effects = core.call("a", 1_000, ("a".to_owned(), 1_000), world.now);
    assert_eq!(effects, [Effect::AskUser("a".to_owned())]);
    assert!(matches!(core.user("a", Some(1))[..], [Effect::Serve(_, 1_000), Effect::Ping(_)]));
    core.grown("a", 1_000, 1_500);
    assert_eq!(core.under_way(1), 1_500);
}

#[test]
fn a_reply_that_has_grown_while_its_call_waited_waits_again() {
    let (mut world, mut core) = (World::default(), Replies::new(LIMITS));
    connect(&mut world, "a", 1, true);
    connect(&mut world, "b", 1, true);
    call_known(&mut world, &mut core, "a", 90);
    assert_eq!(core.call("b", 5, ("b".to_owned(), 5), world.now), [Effect::AskUser("b".to_owned())]);
    assert!(matches!(core.user("b", Some(1))[..], [Effect::Serve(_, 5), Effect::Ping(_)]));
    // It comes to 50 when it is built, which is more than the share has left.
    assert_eq!(core.recalled("b", 5, 50, ("b".to_owned(), 50), world.now), []);
    assert_eq!(core.under_way(1), 90);
    let effects = core.gone("a");
    assert!(matches!(effects[..], [Effect::Serve(_, 50), ..]), "{effects:?}");
}

#[test]
fn who_is_forgotten_and_comes_again_is_of_the_same_user() {
    let (mut world, mut core) = (World::default(), Replies::new(LIMITS));
    connect(&mut world, "a", 1, false);
    call_known(&mut world, &mut core, "a", 90);
    for number in 0..2 * LIMITS.remembered {
        let name = format!("b{number}");
        connect(&mut world, &name, 2, true);
        call_known(&mut world, &mut core, &name, 5);
        world.read(&mut core, &name);
        world.read(&mut core, &name);
    }
    call(&mut world, &mut core, "a", 20);
    assert_eq!(core.under_way(1), 90, "its user's share is under way");
    assert!(core.users.len() <= LIMITS.remembered);
}
