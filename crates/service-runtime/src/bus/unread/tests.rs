use super::*;
use test_random::Numbers;

const KIB: usize = 1024;
const LIMITS: Limits = Limits {
    small_of_user: 128 * KIB,
    small_of_users: 320 * KIB,
    large_of_user: 400 * KIB,
    large_of_users: 900 * KIB,
    large_of_root: 600 * KIB,
    asked_of_user: 3,
    asked: 8,
    asked_of_root: 4,
    refusals_of_user: 800,
    at_work_of_client: 6,
    at_work_of_user: 8,
    new_clients: 4,
};

fn serial(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// A bus, its clients, and a service that answers them.
struct World {
    core: Unread,
    clients: BTreeMap<String, Peer>,
    last_serial: u32,
    /// Calls that the service has taken.
    at_work: Vec<(String, NonZeroU32)>,
    /// Large replies that may not be sent yet, where the service weighs them.
    held: Vec<(String, usize)>,
    served: usize,
    refused: usize,
}

struct Peer {
    user: u32,
    /// Whether it answers what it reads.
    answers: bool,
    unread: VecDeque<Sent>,
}

enum Sent {
    Reply(usize),
    Question(NonZeroU32),
}

impl World {
    fn new(weighs: bool) -> Self {
        let core = Unread::new(LIMITS, weighs);
        Self {
            core,
            clients: BTreeMap::new(),
            last_serial: 0,
            at_work: Vec::new(),
            held: Vec::new(),
            served: 0,
            refused: 0,
        }
    }

    fn connect(&mut self, name: &str, user: u32, answers: bool) {
        self.clients.insert(name.to_owned(), Peer { user, answers, unread: VecDeque::new() });
    }

    fn call(&mut self, name: &str) -> Verdict {
        self.last_serial += 1;
        let call = serial(self.last_serial);
        let verdict = self.core.call(name, Some(call));
        match verdict {
            Verdict::Take => {
                self.core.taken(name, call);
                self.at_work.push((name.to_owned(), call));
            }
            Verdict::Refuse | Verdict::PassOver => self.refused += 1,
        }
        verdict
    }

    /// The service finishes a call; its reply has so many bytes.
    fn reply(&mut self, place: usize, bytes: usize) {
        let (name, call) = self.at_work.remove(place);
        if self.core.weighs && bytes > SMALL {
            self.held.push((name, bytes));
            return;
        }
        self.send(&name, call, bytes);
    }

    fn send(&mut self, name: &str, call: NonZeroU32, bytes: usize) {
        self.served += 1;
        self.core.sent(name, call, bytes);
        if let Some(peer) = self.clients.get_mut(name) {
            peer.unread.push_back(Sent::Reply(bytes));
        }
    }

    fn serve_held(&mut self) {
        for (name, bytes) in std::mem::take(&mut self.held) {
            if self.core.fits(&name, bytes) {
                self.send(&name, serial(u32::MAX), bytes);
            } else {
                self.held.push((name, bytes));
            }
        }
    }

    /// Does one thing that the core wants.
    fn work(&mut self) -> bool {
        let Some(work) = self.core.next_work() else { return false };
        match work {
            Work::AskUser(name) => {
                let user = self.clients.get(&name).map_or(User::Gone, |peer| User::Known(peer.user));
                self.core.user(&name, user);
            }
            Work::Ping(name) => {
                self.last_serial += 1;
                let question = serial(self.last_serial);
                if self.core.asked(&name, question) {
                    match self.clients.get_mut(&name) {
                        Some(peer) => peer.unread.push_back(Sent::Question(question)),
                        None => assert!(self.core.failed(question, error::SERVICE_UNKNOWN)),
                    }
                }
            }
            Work::Sweep => {
                self.core.listing();
                let names: BTreeSet<&str> = self.clients.keys().map(String::as_str).collect();
                self.core.only(Some(&names));
            }
            Work::Refuse(name, _) => {
                self.core.sent(&name, serial(u32::MAX), 200);
                if let Some(peer) = self.clients.get_mut(&name) {
                    peer.unread.push_back(Sent::Reply(200));
                }
            }
        }
        true
    }

    fn work_off(&mut self) {
        while self.work() {}
    }

    fn read(&mut self, name: &str) {
        let Some(peer) = self.clients.get_mut(name) else { return };
        if let Some(Sent::Question(question)) = peer.unread.pop_front()
            && peer.answers
        {
            assert!(self.core.answered(name, question));
        }
    }

    fn read_all(&mut self, name: &str) {
        while self.clients.get(name).is_some_and(|peer| !peer.unread.is_empty()) {
            self.read(name);
            self.work_off();
        }
    }

    fn leave(&mut self, name: &str) {
        for sent in self.clients.remove(name).map(|peer| peer.unread).unwrap_or_default() {
            if let Sent::Question(question) = sent {
                // As a bus says for a call whose destination has gone; those of one that answers no more are unknown.
                self.core.failed(question, error::NO_REPLY);
            }
        }
    }

    fn unread(&self, which: impl Fn(u32) -> bool) -> Bytes {
        let mut sum = Bytes::default();
        for sent in self.clients.values().filter(|peer| which(peer.user)).flat_map(|peer| &peer.unread) {
            match sent {
                Sent::Reply(bytes) if *bytes > SMALL => sum.large += bytes,
                Sent::Reply(bytes) => sum.small += bytes,
                Sent::Question(_) => {}
            }
        }
        sum
    }

    fn check(&self) {
        for user in 1..5 {
            // What each of its clients may have in any case, and what was at work when the share was used up.
            let clients = self.clients.values().filter(|peer| peer.user == user).count();
            let at_work = if self.core.weighs { 0 } else { LIMITS.at_work_of_user + clients * (OWN + 1) };
            let small = LIMITS.refusals_of_user + clients * (2 * SMALL + 200) + at_work * SMALL;
            let unread = self.unread(|other| other == user);
            assert!(unread.small <= LIMITS.small_of_user + small, "{unread:?}");
            let large = if self.core.weighs { 0 } else { (clients + at_work) * LONGEST };
            assert!(unread.large <= LIMITS.large_of_user.max(LONGEST) + large, "{unread:?}");
        }
        let mut sums = Sums::default();
        for client in self.core.clients.values() {
            sums.add(client.user.known(), client.sum());
        }
        assert_eq!(sums, self.core.sums);
        assert!(self.core.clients.values().all(|client| client.at_work.len() <= LIMITS.at_work_of_client));
        let asked = |user| self.core.sums.of(Some(user)).asked;
        assert!((1..5).all(|user| asked(user) <= LIMITS.asked_of_user));
        assert!(self.core.sums.of_users().asked <= LIMITS.asked && asked(0) <= LIMITS.asked_of_root);
    }
}

const LONGEST: usize = 120 * KIB;

fn length(random: &mut Numbers) -> usize {
    if random.one_in(4) { random.below(LONGEST) } else { random.below(SMALL) }
}

fn walk(seed: u64, weighs: bool) {
    let mut random = Numbers::silent(seed);
    let mut world = World::new(weighs);
    let mut connected = 0;
    for _ in 0..800 {
        let names: Vec<String> = world.clients.keys().cloned().collect();
        let some = |random: &mut Numbers| names.get(random.below(names.len().max(1))).cloned();
        match random.below(20) {
            0 if names.len() < 12 => {
                connected += 1;
                let user = u32::try_from(random.below(5)).unwrap();
                world.connect(&format!(":1.{connected}"), user, !random.one_in(3));
            }
            1..=6 => {
                if let Some(name) = some(&mut random)
                    && world.call(&name) == Verdict::Take
                    && weighs
                {
                    world.reply(0, length(&mut random));
                }
            }
            7..=10 if !world.at_work.is_empty() => {
                let place = random.below(world.at_work.len());
                world.reply(place, length(&mut random));
            }
            11..=14 => {
                if let Some(name) = some(&mut random) {
                    world.read(&name);
                }
            }
            15 if random.one_in(3) => {
                if let Some(name) = some(&mut random) {
                    world.leave(&name);
                }
            }
            16 if random.one_in(4) => world.core.again(),
            17 => {
                if let Some(name) = some(&mut random) {
                    // The bus is short of something, and says so at once.
                    let asked = world.core.clients.get(&name).map(|client| &client.question);
                    if let Some(Question::Asked(question, _)) = asked {
                        let question = *question;
                        world.core.failed(question, error::LIMITS_EXCEEDED);
                        let peer = world.clients.get_mut(&name).unwrap();
                        peer.unread.retain(|sent| !matches!(sent, Sent::Question(_)));
                    }
                }
            }
            18 => world.serve_held(),
            _ => drop(world.work()),
        }
        world.check();
    }
    // All clients read what they have, and answer: each call is taken, and no held one is forgotten.
    while !world.at_work.is_empty() {
        world.reply(0, 100);
    }
    for peer in world.clients.values_mut() {
        peer.answers = true;
    }
    let names: Vec<String> = world.clients.keys().cloned().collect();
    for _ in 0..200 {
        world.core.again();
        world.work_off();
        // A question that was read without an answer is never answered: such a client leaves.
        for name in &names {
            let asked = world.core.clients.get(name).map(|client| &client.question);
            let asked = asked.is_some_and(|question| matches!(question, Question::Asked(..)));
            if asked && world.clients.get(name).is_some_and(|peer| peer.unread.is_empty()) {
                world.leave(name);
                let names: BTreeSet<&str> = world.clients.keys().map(String::as_str).collect();
                world.core.only(Some(&names));
            }
            world.read_all(name);
        }
        world.serve_held();
    }
    let is_there = |name: &String| world.clients.contains_key(name);
    assert!(!world.held.iter().any(|(name, _)| is_there(name)), "seed {seed}: {:?}", world.held);
    for name in names.iter().filter(|name| world.clients.contains_key(*name)) {
        let client = world.core.clients.get(name);
        assert!(client.is_none_or(|client| client.unread.all() <= SMALL), "seed {seed}");
        assert!(!world.core.is_over(name), "seed {seed}");
    }
}

#[test]
fn no_order_of_events_lets_more_be_unread_than_the_limits_or_keeps_a_client_out_that_reads() {
    for seed in 0..150 {
        walk(seed, false);
        walk(seed, true);
    }
}

#[test]
fn a_client_that_does_not_read_is_refused_and_then_not_answered_and_others_are_served() {
    for weighs in [false, true] {
        let mut world = World::new(weighs);
        world.connect("bad", 1, false);
        world.connect("same user", 1, true);
        world.connect("other", 2, true);
        let mut verdicts = Vec::new();
        for _ in 0..20 {
            let verdict = world.call("bad");
            verdicts.push(verdict);
            if verdict == Verdict::Take {
                world.reply(0, 10 * KIB);
            }
            world.work_off();
        }
        // 32 KiB are the client's share, and the reply that oversteps it is sent.
        assert_eq!(verdicts[..4], [Verdict::Take; 4]);
        assert_eq!(verdicts[4..], [Verdict::Refuse; 16]);
        for name in ["same user", "other"] {
            for _ in 0..20 {
                assert_eq!(world.call(name), Verdict::Take);
                world.reply(0, 10 * KIB);
                world.work_off();
                world.read_all(name);
            }
        }
        // It reads at last, and is served again.
        world.clients.get_mut("bad").unwrap().answers = true;
        world.read_all("bad");
        assert_eq!(world.call("bad"), Verdict::Take);
    }
}

#[test]
fn who_calls_once_is_asked_nothing_and_who_is_sent_little_is_not_asked_to_answer() {
    let mut world = World::new(false);
    world.connect("a", 1, true);
    world.call("a");
    world.reply(0, 8 * KIB);
    assert_eq!(world.core.next_work(), None);
    world.call("a");
    assert_eq!(world.core.next_work(), Some(Work::AskUser("a".to_owned())));
    world.core.user("a", User::Known(1));
    world.reply(0, 8 * KIB);
    assert_eq!(world.core.next_work(), None);
    world.call("a");
    world.reply(0, 1);
    assert_eq!(world.core.next_work(), Some(Work::Ping("a".to_owned())));
}

#[test]
fn an_answer_frees_what_was_sent_before_its_question_and_no_more() {
    let mut world = World::new(true);
    world.connect("a", 1, true);
    world.send("a", serial(1), 20 * KIB);
    world.work_off();
    world.send("a", serial(2), 15 * KIB);
    assert!(!world.core.answered("a", serial(77)), "an answer to another call says nothing");
    world.read("a");
    world.read("a");
    assert_eq!(world.core.clients["a"].unread, Bytes { small: 15 * KIB, large: 0 });
    assert!(world.core.take_freed() && !world.core.take_freed());
}

#[test]
fn small_replies_and_large_ones_have_shares_of_their_own_where_the_service_weighs_them() {
    let mut world = World::new(true);
    world.connect("a", 1, false);
    // The bus is asked for the user first.
    assert!(!world.core.fits("a", 100 * KIB));
    world.work_off();
    assert!(world.core.fits("a", 100 * KIB));
    world.send("a", serial(1), 100 * KIB);
    assert!(!world.core.fits("a", 20 * KIB), "the client's share is 100 KiB");
    assert_eq!(world.call("a"), Verdict::Take, "a small reply may follow a large one");
    // One that is larger than the client's share goes where nothing large is unread.
    world.connect("b", 2, false);
    world.core.fits("b", 1);
    world.work_off();
    assert!(world.core.fits("b", 300 * KIB));
}

#[test]
fn calls_at_work_are_bounded_for_a_client_and_for_its_user() {
    let mut world = World::new(false);
    for (name, user) in [("a", 1), ("b", 1), ("c", 1), ("d", 1), ("other", 2), ("root", 0)] {
        world.connect(name, user, true);
    }
    for name in ["a", "b"] {
        for _ in 0..LIMITS.at_work_of_client {
            assert_eq!(world.call(name), Verdict::Take);
            world.work_off();
        }
        assert_eq!(world.call(name), Verdict::Refuse);
    }
    world.reply(0, 10);
    assert_eq!(world.call("a"), Verdict::Take, "one is done");
    for name in ["c", "d"] {
        for _ in 0..OWN {
            assert_eq!(world.call(name), Verdict::Take);
            world.work_off();
        }
        assert_eq!(world.call(name), Verdict::Refuse, "its user has as many as it may");
    }
    for name in ["other", "root"] {
        for _ in 0..LIMITS.at_work_of_client {
            assert_eq!(world.call(name), Verdict::Take);
            world.work_off();
        }
    }
    for _ in 0..100 {
        assert_eq!(world.call("root"), Verdict::Take);
    }
}

#[test]
fn a_call_that_is_taken_and_not_handed_on_is_not_at_work() {
    let mut core = Unread::new(LIMITS, false);
    for number in 1..100 {
        assert_eq!(core.call("a", Some(serial(number))), Verdict::Take);
    }
    assert!(core.clients.is_empty());
}

#[test]
fn a_user_that_has_been_refused_enough_is_not_answered_and_neither_is_a_call_without_reply() {
    let mut world = World::new(true);
    for name in ["a", "b"] {
        world.connect(name, 1, false);
        while world.call(name) == Verdict::Take {
            world.reply(0, 10 * KIB);
            world.work_off();
        }
    }
    assert_eq!(world.core.call("a", None), Verdict::PassOver);
    let mut refused = 0;
    while world.call("a") == Verdict::Refuse {
        world.work_off();
        refused += 1;
        world.send("b", serial(u32::MAX), 4 * KIB);
    }
    assert!((1..40).contains(&refused), "{refused}");
    // Nor do more refusals wait than there is room for, where none is sent.
    let mut world = World::new(true);
    world.connect("a", 1, false);
    for _ in 0..4 {
        world.send("a", serial(1), 10 * KIB);
    }
    let verdicts: Vec<Verdict> = (0..2 * REFUSALS).map(|_| world.call("a")).collect();
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Refuse).count(), REFUSALS);
}

#[test]
fn where_the_asker_pays_one_client_of_a_user_is_asked_at_a_time() {
    let mut world = World::new(true);
    world.core.bus_has_spoken(true);
    // The first counts.
    world.core.bus_has_spoken(false);
    for (name, user) in [("a", 1), ("b", 1), ("c", 2), ("d", 3), ("root", 0), ("root's", 0)] {
        world.connect(name, user, true);
        world.core.fits(name, 1);
        world.work_off();
        let is_first = !["b", "d"].contains(&name);
        assert_eq!(world.core.fits(name, 50 * KIB), is_first, "{name}");
        if is_first {
            world.send(name, serial(1), 50 * KIB);
            world.work_off();
        }
    }
    world.read_all("a");
    assert!(world.core.fits("b", 50 * KIB) && world.core.fits("d", 50 * KIB));
}

#[test]
fn clients_whose_user_is_not_known_yet_have_one_users_share_together() {
    let mut world = World::new(false);
    let mut taken = 0;
    for number in 0..50 {
        let name = format!(":1.{number}");
        while world.call(&name) == Verdict::Take {
            taken += 1;
            world.reply(0, 10 * KIB);
        }
    }
    // Each has two replies in any case.
    assert!(taken * 10 * KIB <= LIMITS.small_of_user + 50 * 20 * KIB, "{taken}");
}

#[test]
fn root_is_sent_as_many_small_replies_as_it_wants() {
    let mut world = World::new(false);
    world.connect("root", 0, false);
    for _ in 0..100 {
        assert_eq!(world.call("root"), Verdict::Take);
        world.reply(0, 10 * KIB);
        world.work_off();
    }
}

#[test]
fn a_program_of_roots_that_waits_for_each_reply_need_not_answer_pings() {
    let mut world = World::new(true);
    world.connect("root", 0, false);
    world.core.fits("root", 1);
    world.work_off();
    let large = LIMITS.large_of_root / CLIENTS;
    for number in 1..100 {
        world.core.taken("root", serial(number));
        assert!(world.core.fits("root", large));
        world.send("root", serial(number), large);
        world.work_off();
    }
    // One that calls again before it has its reply may not have read.
    world.core.taken("root", serial(100));
    world.send("root", serial(u32::MAX), large);
    world.core.taken("root", serial(101));
    assert!(!world.core.fits("root", large));
    // What it answers late says nothing of what came since.
    let mut world = World::new(true);
    world.connect("root", 0, true);
    world.core.fits("root", 1);
    world.work_off();
    world.core.taken("root", serial(1));
    world.send("root", serial(1), large);
    world.work_off();
    world.core.taken("root", serial(2));
    assert!(world.core.take_freed());
    world.send("root", serial(2), large);
    world.read("root");
    world.read("root");
    assert_eq!(world.core.sums.of(Some(0)).unread.large, large);
}

#[test]
fn the_bus_is_asked_for_so_many_users_at_once_and_what_it_does_not_say_is_noticed() {
    let mut core = Unread::new(LIMITS, true);
    let names: Vec<String> = (0..2 * USERS_ASKED).map(|number| format!(":1.{number}")).collect();
    assert!(!names.iter().any(|name| core.fits(name, 20 * KIB)));
    let asked = |core: &mut Unread| {
        let work = std::iter::from_fn(|| core.next_work());
        work.filter(|work| matches!(work, Work::AskUser(_))).count()
    };
    assert_eq!((asked(&mut core), core.has_work(), core.take_new_later()), (USERS_ASKED, false, false));
    core.user(&names[0], User::Unsaid);
    assert!(core.has_work() && core.take_new_later() && !core.take_new_later() && core.has_later());
    assert_eq!(asked(&mut core), 1);
    // Nor for those that have gone meanwhile.
    core.listing();
    core.only(Some(&BTreeSet::from([":1.0"])));
    core.user(&names[1], User::Gone);
    assert_eq!((asked(&mut core), core.strangers.len()), (0, 0));
}

#[test]
fn a_client_that_has_gone_counts_no_more() {
    let mut world = World::new(false);
    world.send("a", serial(1), 40 * KIB);
    world.work_off();
    assert!(world.core.is_gone("a"));
    world.send("a", serial(1), 40 * KIB);
    assert_eq!(world.core.sums, Sums::default());
}

#[test]
fn a_client_that_the_policy_does_not_let_be_asked_is_not_limited() {
    let mut world = World::new(false);
    world.connect("a", 1, true);
    for number in 0..100 {
        assert_eq!(world.call("a"), Verdict::Take);
        world.reply(0, 10 * KIB);
        world.work_off();
        if let Some(Question::Asked(question, _)) = world.core.clients.get("a").map(|client| &client.question)
        {
            let question = *question;
            assert!(number < 3 && world.core.failed(question, error::ACCESS_DENIED));
        }
    }
}

#[test]
fn clients_that_have_gone_are_forgotten_and_those_that_came_since_stay() {
    let mut world = World::new(false);
    for number in 0..100 {
        let name = format!(":1.{number}");
        world.connect(&name, 1, true);
        world.call(&name);
        world.reply(0, 12 * KIB);
        world.work_off();
        world.leave(&name);
        assert!(world.core.clients.len() <= LIMITS.new_clients);
    }
    world.core.listing();
    world.connect("late", 1, true);
    world.call("late");
    world.core.only(Some(&BTreeSet::new()));
    assert_eq!(world.core.clients.keys().collect::<Vec<_>>(), ["late"]);
    // The bus may not say.
    world.core.only(None);
    assert!(!world.core.clients.is_empty());
}

#[test]
fn a_user_that_the_bus_does_not_say_is_asked_for_again_later_and_of_one_that_has_gone_never() {
    for (said, is_later) in [(User::Unsaid, true), (User::Gone, false)] {
        let mut core = Unread::new(LIMITS, true);
        assert!(!core.fits("a", 20 * KIB));
        assert_eq!(core.next_work(), Some(Work::AskUser("a".to_owned())));
        core.user("a", said);
        for _ in 0..3 {
            assert!(!core.fits("a", 20 * KIB) && !core.has_work());
        }
        assert_eq!((core.has_later(), core.is_gone("a")), (is_later, !is_later));
        core.again();
        assert!(!core.fits("a", 20 * KIB) && core.has_work() == is_later && !core.has_later());
    }
}
