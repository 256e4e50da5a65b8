use super::*;
use test_random::Numbers;

const LIMITS: Limits = Limits { of_user: 5, of_users: 12, unknown: 20, hold: Duration::from_secs(10) };

/// What the connection knows of clients, and how many bytes fit.
#[derive(Default)]
struct Bus {
    users: BTreeMap<String, u32>,
    fits: BTreeMap<String, usize>,
    gone: BTreeSet<String>,
}

impl Room for Bus {
    fn user_of(&self, client: &str) -> Option<u32> {
        self.users.get(client).copied()
    }

    fn is_gone(&self, client: &str) -> bool {
        self.gone.contains(client)
    }

    fn fits(&self, client: &str, bytes: usize) -> bool {
        self.users.contains_key(client) && self.fits.get(client).is_some_and(|fits| bytes <= *fits)
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_call_waits_until_its_reply_fits_and_holds_up_its_own_client_only() {
    let mut bus = Bus::default();
    let mut held = Held::new(LIMITS);
    for (client, user) in [("a", 1), ("b", 2)] {
        bus.users.insert(client.to_owned(), user);
        bus.fits.insert(client.to_owned(), 50);
    }
    for (client, bytes, call) in [("a", 60, 1), ("a", 10, 2), ("b", 20, 3)] {
        assert_eq!(held.push(client, bytes, call, seconds(0), &bus), None);
    }
    let next = |held: &mut Held<i32>, bus: &Bus| held.take(bus).map(|waiting| waiting.call);
    assert_eq!((next(&mut held, &bus), next(&mut held, &bus)), (Some(3), None));
    bus.fits.insert("a".to_owned(), 60);
    let mut first = held.take(&bus).unwrap();
    assert_eq!(first.call, 1);
    // It has become larger meanwhile: it is the next again, and its time goes on.
    first.bytes = 70;
    held.push_again(first);
    assert_eq!((next(&mut held, &bus), held.due()), (None, Some(LIMITS.hold)));
    bus.fits.insert("a".to_owned(), 70);
    assert_eq!((next(&mut held, &bus), next(&mut held, &bus)), (Some(1), Some(2)));
}

#[test]
fn of_clients_that_are_not_known_yet_the_one_with_most_calls_gives_way() {
    let (mut bus, mut held) = (Bus::default(), Held::new(LIMITS));
    for number in 0..LIMITS.unknown {
        assert_eq!(held.push(&format!("a{}", number / 3), 90, number, seconds(0), &bus), None);
    }
    for number in 0..2 {
        let refused = held.push("new", 90, 100 + number, seconds(0), &bus).unwrap();
        assert!(refused < LIMITS.unknown, "{refused}");
    }
    // Those that have gone are forgotten, and not refused.
    bus.gone.extend((0..LIMITS.unknown).map(|number| format!("a{number}")));
    assert!(held.refused(seconds(0), &bus).is_empty());
    bus.users.insert("new".to_owned(), 0);
    bus.fits.insert("new".to_owned(), 100);
    let calls: Vec<usize> = std::iter::from_fn(|| held.take(&bus)).map(|waiting| waiting.call).collect();
    assert_eq!(calls, [100, 101]);
}

#[test]
fn of_clients_with_one_call_each_the_latest_gives_way_and_root_is_served_first() {
    let (mut bus, mut held) = (Bus::default(), Held::new(LIMITS));
    for number in 0..LIMITS.unknown {
        assert_eq!(held.push(&format!("a{number}"), 90, number, seconds(0), &bus), None);
    }
    assert_eq!(held.push("a", 90, 100, seconds(0), &bus), Some(100));
    for (number, user) in [(3, 1), (7, 0)] {
        bus.users.insert(format!("a{number}"), user);
        bus.fits.insert(format!("a{number}"), 100);
    }
    let next = |held: &mut Held<usize>| held.take(&bus).map(|waiting| waiting.call);
    assert_eq!((next(&mut held), next(&mut held), next(&mut held)), (Some(7), Some(3), None));
}

#[test]
fn a_call_that_has_waited_too_long_is_refused() {
    let bus = Bus::default();
    let mut held = Held::new(LIMITS);
    held.push("a", 10, 1, seconds(0), &bus);
    held.push("b", 10, 2, seconds(3), &bus);
    assert_eq!(held.due(), Some(seconds(10)));
    assert!(held.refused(seconds(9), &bus).is_empty());
    assert_eq!(held.refused(seconds(10), &bus), [1]);
    assert_eq!(held.due(), Some(seconds(13)));
}

#[test]
fn many_connections_of_a_user_keep_no_other_from_waiting() {
    let mut bus = Bus::default();
    let mut held = Held::new(LIMITS);
    let names: Vec<String> = (0..10).map(|number| format!("a{number}")).collect();
    for name in names.iter().chain(&names).chain(&names) {
        held.push(name, 90, (), seconds(0), &bus);
    }
    assert_eq!(held.waiting.len(), LIMITS.unknown);
    // It becomes known that they are one user's.
    bus.users.extend(names.into_iter().map(|name| (name, 1)));
    assert_eq!(held.refused(seconds(0), &bus).len(), LIMITS.unknown - LIMITS.of_user);
    for (client, user) in [("root", 0), ("other", 2)] {
        bus.users.insert(client.to_owned(), user);
        assert_eq!(held.push(client, 90, (), seconds(0), &bus), None);
    }
}

#[test]
fn no_order_of_events_forgets_a_call_or_has_one_client_overtake_itself() {
    for seed in 0..200 {
        let mut random = Numbers::silent(seed);
        let (mut bus, mut held) = (Bus::default(), Held::new(LIMITS));
        let (mut now, mut next, mut open) = (seconds(0), 0, BTreeMap::<usize, String>::new());
        for _ in 0..300 {
            let client = format!("c{}", random.below(6));
            match random.below(8) {
                0 => drop(bus.users.insert(client.clone(), u32::try_from(random.below(3)).unwrap())),
                1 => drop(bus.fits.insert(client, random.below(100))),
                2..=4 => {
                    open.insert(next, client.clone());
                    if let Some(refused) = held.push(&client, random.below(120), next, now, &bus) {
                        assert!(open.remove(&refused).is_some(), "seed {seed}");
                    }
                    next += 1;
                }
                5 => {
                    if let Some(Waiting { bytes, call, .. }) = held.take(&bus) {
                        let client = open.remove(&call).unwrap();
                        assert!(bus.fits(&client, bytes), "seed {seed}");
                        assert!(
                            !open.iter().any(|(other, of)| *of == client && *other < call),
                            "seed {seed}"
                        );
                    }
                }
                6 => now += seconds(random.below(3) as u64),
                _ => {
                    for call in held.refused(now, &bus) {
                        assert!(open.remove(&call).is_some(), "seed {seed}");
                    }
                    assert!(held.due().is_none_or(|due| due > now), "seed {seed}");
                }
            }
            assert_eq!(held.waiting.len(), open.len(), "seed {seed}");
        }
    }
}
