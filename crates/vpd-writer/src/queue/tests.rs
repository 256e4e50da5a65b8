use super::*;

pub(super) fn wire(name: &str) -> Wire {
    Wire::of_key(&EepromKey::parse(&format!("file:{name}")).unwrap(), &[])
}

pub(super) fn needs(key: &str, wires: &[&str]) -> Needs {
    Needs {
        key: EepromKey::parse(&format!("file:{key}")).unwrap(),
        wires: wires.iter().map(|name| wire(name)).collect(),
        first_reading: false,
        deadline: Duration::from_secs(10),
    }
}

fn begun(queue: &mut Queue<&'static str>, was_read: &dyn Fn(&EepromKey) -> bool) -> Vec<&'static str> {
    std::iter::from_fn(|| queue.next(was_read).map(|(_, job)| job)).collect()
}

#[test]
fn what_is_asked_of_one_eeprom_is_done_in_order_and_one_at_a_time() {
    let mut queue = Queue::default();
    for job in ["first", "second"] {
        queue.push(needs("a", &["1"]), job).unwrap();
    }
    let (ticket, job) = queue.next(&|_| true).unwrap();
    assert_eq!((job, queue.next(&|_| true)), ("first", None));
    queue.answered(ticket);
    assert_eq!(begun(&mut queue, &|_| true), ["second"]);
}

#[test]
fn what_waits_for_the_same_eeprom_goes_first_and_not_for_ever() {
    let mut queue = Queue::default();
    queue.push(needs("a", &["1"]), "a").unwrap();
    queue.push(needs("b", &["1"]), "b").unwrap();
    queue.push(needs("c", &["2"]), "c").unwrap();
    for _ in 0..10 {
        queue.push(needs("a", &["1"]), "a again").unwrap();
    }
    let mut order = Vec::new();
    while let Some((ticket, job)) = queue.next(&|_| true) {
        order.push(job);
        if job != "c" {
            queue.answered(ticket);
        }
    }
    let of_a: Vec<_> = order.iter().take_while(|job| **job != "b").filter(|job| **job != "c").collect();
    assert_eq!(of_a.len(), IN_A_ROW as usize, "{order:?}");
    assert_eq!(order.len(), 13, "{order:?}");
}

#[test]
fn neither_a_recovery_nor_a_job_for_two_wires_is_passed_by_what_goes_on() {
    let mut queue = Queue::default();
    queue.push(needs("a", &["1"]), "a").unwrap();
    let (ticket, _) = queue.next(&|_| true).unwrap();
    queue.answered(ticket);
    queue.push(needs("a", &["1"]), "a again").unwrap();
    queue.push_first(needs("r", &["1"]), "recovery");
    let (ticket, job) = queue.next(&|_| true).unwrap();
    assert_eq!(job, "recovery");
    queue.answered(ticket);
    let mut queue = Queue::default();
    queue.push(needs("a", &["1"]), "a").unwrap();
    let (ticket, _) = queue.next(&|_| true).unwrap();
    queue.answered(ticket);
    queue.push(needs("x", &["1", "2"]), "two wires").unwrap();
    queue.push(needs("a", &["1"]), "a again").unwrap();
    assert_eq!(queue.next(&|_| true).map(|(_, job)| job), Some("two wires"));
}

#[test]
fn a_wire_has_one_job_and_four_wires_are_busy_at_once() {
    let mut queue = Queue::default();
    for (key, wires, job) in [
        ("a", &["1"][..], "a"),
        ("b", &["1"], "same wire"),
        ("c", &["2", "3"], "two wires"),
        ("d", &["4"], "d"),
        ("e", &["5"], "fifth wire"),
    ] {
        queue.push(needs(key, wires), job).unwrap();
    }
    assert_eq!(begun(&mut queue, &|_| true), ["a", "two wires", "d"]);
}

#[test]
fn a_job_for_two_wires_is_not_passed_for_ever_by_those_for_one() {
    let mut queue = Queue::default();
    queue.push(needs("a", &["1"]), "a").unwrap();
    queue.push(needs("b", &["1", "2"]), "two wires").unwrap();
    queue.push(needs("c", &["2"]), "behind").unwrap();
    let (ticket, _) = queue.next(&|_| true).unwrap();
    assert_eq!(queue.next(&|_| true), None);
    queue.answered(ticket);
    assert_eq!(begun(&mut queue, &|_| true), ["two wires"]);
}

#[test]
fn what_waits_for_a_first_reading_holds_its_own_line_and_no_other() {
    let mut queue = Queue::default();
    queue.push(Needs { first_reading: true, ..needs("a", &["1"]) }, "write").unwrap();
    queue.push(needs("a", &["1"]), "read behind it").unwrap();
    queue.push(Needs { first_reading: true, ..needs("b", &["1"]) }, "other").unwrap();
    let is_b = |key: &EepromKey| key.as_str() == "file:b";
    let (ticket, job) = queue.next(&is_b).unwrap();
    assert_eq!((job, queue.next(&is_b)), ("other", None));
    queue.answered(ticket);
    assert_eq!(begun(&mut queue, &|_| true), ["write"]);
}

#[test]
fn what_no_caller_has_asked_for_and_waits_for_a_first_reading_holds_nothing_up() {
    let mut queue = Queue::default();
    queue.push_first(needs("a", &["1"]), "recovery");
    queue.push_first(Needs { first_reading: true, ..needs("a", &["1"]) }, "comparison");
    queue.push(needs("a", &["1"]), "reading").unwrap();
    for job in ["recovery", "reading"] {
        let (ticket, begun) = queue.next(&|_| false).unwrap();
        assert_eq!(begun, job);
        queue.answered(ticket);
    }
    assert_eq!(queue.next(&|_| false), None);
    assert_eq!(begun(&mut queue, &|_| true), ["comparison"]);
}

#[test]
fn the_sixty_fifth_caller_is_refused_until_one_is_answered() {
    let mut queue = Queue::default();
    for _ in 0..CALLERS {
        queue.push(needs("a", &["1"]), "job").unwrap();
    }
    let (ticket, _) = queue.next(&|_| true).unwrap();
    assert_eq!(queue.push(needs("b", &["2"]), "one more"), Err("one more"));
    queue.answered(ticket);
    assert!(queue.push(needs("b", &["2"]), "one more").is_ok());
}

#[test]
fn what_waits_too_long_is_given_back_and_what_is_under_way_goes_on() {
    let mut queue = Queue::default();
    for job in ["under way", "late"] {
        queue.push(needs("a", &["1"]), job).unwrap();
    }
    assert_eq!(queue.wake_at(), Some(Duration::from_secs(10)));
    let (ticket, _) = queue.next(&|_| true).unwrap();
    assert!(queue.overdue(Duration::from_secs(9)).is_empty());
    let late: Vec<_> = queue.overdue(Duration::from_secs(10)).into_iter().map(|(_, job)| job).collect();
    assert_eq!((late, queue.wake_at(), queue.running.len()), (vec!["late"], None, 1));
    queue.answered(ticket);
    assert_eq!(queue.callers(), 0);
}

#[test]
fn what_is_done_with_its_chips_holds_nothing_but_its_callers_place() {
    let mut queue = Queue::default();
    for job in ["first", "second"] {
        queue.push(needs("a", &["1"]), job).unwrap();
    }
    let (ticket, _) = queue.next(&|_| true).unwrap();
    queue.released(ticket);
    assert_eq!(begun(&mut queue, &|_| true), ["second"]);
    assert_eq!((queue.callers(), queue.running.len()), (2, 1));
    queue.answered(ticket);
    assert_eq!(queue.callers(), 1);
    let second = *queue.running.keys().next().unwrap();
    queue.released(second);
    assert!(!queue.is_idle(), "its caller has no answer yet");
    queue.answered(second);
    assert!(queue.is_idle());
}

#[test]
fn a_recovery_goes_before_what_waits_and_takes_no_callers_place() {
    let mut queue = Queue::default();
    for _ in 0..CALLERS {
        queue.push(Needs { first_reading: true, ..needs("a", &["1"]) }, "write").unwrap();
    }
    queue.push_first(needs("a", &["1"]), "recovery");
    let (ticket, job) = queue.next(&|_| false).unwrap();
    assert_eq!((job, queue.callers()), ("recovery", CALLERS));
    assert!(queue.overdue(Duration::ZERO).is_empty());
    queue.answered(ticket);
    assert_eq!((queue.next(&|_| false), queue.callers()), (None, CALLERS));
    queue.push_first(Needs { deadline: Duration::ZERO, ..needs("b", &["1"]) }, "recovery");
    assert!(queue.overdue(Duration::from_secs(1)).is_empty(), "nothing waits for it");
    assert_eq!(queue.drain().len(), CALLERS + 1);
    assert_eq!(queue.callers(), 0);
}

#[test]
fn readings_wait_while_something_can_be_written_and_for_nothing_else() {
    let mut queue = Queue::default();
    let read = |key: &EepromKey| key.as_str() != "file:unread";
    assert!(!queue.has_changes(&read));
    let change = |key| Needs { first_reading: true, ..needs(key, &["1"]) };
    queue.push(change("unread"), "waits for its first reading").unwrap();
    queue.push(needs("a", &["1"]), "a reading").unwrap();
    assert!(!queue.has_changes(&read));
    let (reading, _) = queue.next(&read).unwrap();
    assert!(!queue.is_changed(&needs("a", &[]).key) && !queue.has_changes(&read));
    queue.push_first(change("c"), "a comparison with a backup");
    assert!(!queue.has_changes(&read), "no caller waits for it");
    queue.push(change("b"), "waits for its wire").unwrap();
    assert!(queue.has_changes(&read));
    queue.released(reading);
    let (unasked, _) = queue.next(&read).unwrap();
    queue.released(unasked);
    let (_, job) = queue.next(&read).unwrap();
    assert_eq!(job, "waits for its wire");
    assert!(
        queue.is_changed(&needs("b", &[]).key) && !queue.has_changes(&read),
        "how long it takes, nothing tells"
    );
}
