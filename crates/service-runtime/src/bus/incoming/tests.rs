use super::*;
use test_random::Numbers;
use zbus::Message;
use zbus::wire::Endian;

const TAKES: Accepts = Accepts {
    descriptors: &[("a.B", "Take")],
    large: &[(("a.B", "Large"), 1_000_000), (("a.B", "Told"), 1_000_000)],
    answers: 3_000_000,
    ..Accepts::SHORT
};

fn bytes(builder: zbus::message::Builder<'_>, body: usize) -> Vec<u8> {
    builder.build(&vec![7_u8; body]).unwrap().data().bytes().to_vec()
}

fn call(member: &'static str, body: usize) -> Vec<u8> {
    bytes(Message::method_call("/a", member).interface("a.B").destination(":1.5"), body)
}

/// A call with so many descriptors.
fn with_descriptors(member: &'static str, count: usize) -> Vec<u8> {
    let file = std::fs::File::open("/dev/null").unwrap();
    let files: Vec<_> = (0..count)
        .map(|_| zbus::OwnedFd::from(std::os::fd::OwnedFd::from(file.try_clone().unwrap())))
        .collect();
    let call = Message::method_call("/a", member).interface("a.B").build(&files).unwrap();
    assert_eq!(call.header().unix_fds(), Some(u32::try_from(count).unwrap()));
    call.data().bytes().to_vec()
}

/// Judges a whole message; what its head is afterwards, and the verdict.
fn judged(message: &[u8], carried: usize) -> (Vec<u8>, Verdict) {
    let Lengths { head, body } = lengths(message).unwrap();
    assert_eq!(head + body, message.len());
    let mut head = message[..head].to_vec();
    let verdict = judge(&mut head, body, carried, &TAKES, None);
    (head, verdict)
}

fn descriptors(head: &[u8]) -> usize {
    Fields::read(head).unwrap().descriptors.map_or(0, |(_, count)| count)
}

#[test]
fn a_call_that_takes_a_descriptor_gets_it_and_no_other_does() {
    for (member, sent, carried, given) in [
        ("Take", 1, 1, 1),
        // More than it takes, and one that the kernel could not give.
        ("Take", 2, 2, 0),
        ("Take", 1, 0, 0),
        ("Other", 1, 1, 0),
        ("Other", 16, 2, 0),
    ] {
        let (head, verdict) = judged(&with_descriptors(member, sent), carried);
        assert!(
            matches!(verdict, Verdict::Take { descriptors, .. } if descriptors == given),
            "{member} {sent}"
        );
        assert_eq!(descriptors(&head), given, "{member} {sent}");
    }
    let signal = Message::signal("/a", "a.B", "Take").build(&()).unwrap();
    assert_eq!(judged(signal.data().bytes(), 1).1, Verdict::Take { body: 0, descriptors: 0 });
}

#[test]
fn a_long_body_is_cut_where_it_was_not_asked_for() {
    let signal = |member: &'static str| Message::signal("/a", "a.B", member);
    let long = Accepts::SMALL + 1;
    let reply = |length| {
        let call = Message::method_call("/a", "Any").build(&()).unwrap();
        bytes(Message::method_return(&call.header()), length)
    };
    for (what, message, is_taken) in [
        ("a short call", call("Any", 100), true),
        ("a long call", call("Any", long), false),
        ("a call that may be long", call("Large", long), true),
        ("one that is longer", call("Large", 1_000_001), false),
        ("a signal that may be long", bytes(signal("Told"), long), true),
        ("another signal that is as long as a call may be", bytes(signal("Any"), Accepts::SMALL / 2), false),
        ("a short signal", bytes(signal("Any"), Accepts::SIGNAL / 2), true),
        ("a long answer", reply(2_000_000), true),
        ("a longer answer", reply(3_000_001), false),
    ] {
        let whole = lengths(&message).unwrap();
        let (head, verdict) = judged(&message, 0);
        let expected = if is_taken { whole.body } else { 0 };
        assert_eq!(verdict, Verdict::Take { body: expected, descriptors: 0 }, "{what}");
        assert_eq!(lengths(&head).unwrap(), Lengths { body: expected, ..whole }, "{what}");
    }
}

#[test]
fn a_signal_for_us_alone_is_taken_of_the_bus_only() {
    let signal = |sender: &'static str| {
        let signal = Message::signal("/a", "a.B", "Told").destination(":1.5").sender(sender);
        signal.build(&()).unwrap().data().bytes().to_vec()
    };
    assert_eq!(judged(&signal("org.freedesktop.DBus"), 0).1, Verdict::Take { body: 0, descriptors: 0 });
    assert!(matches!(judged(&signal(":1.7"), 0).1, Verdict::Skip(_)));
}

#[test]
fn both_byte_orders_are_read() {
    for endian in [Endian::Little, Endian::Big] {
        let call = Message::method_call("/a", "Large").interface("a.B").endian(endian);
        let message = bytes(call, Accepts::SMALL + 1);
        let body = lengths(&message).unwrap().body;
        assert_eq!(judged(&message, 0).1, Verdict::Take { body, descriptors: 0 });
    }
}

#[test]
fn no_bytes_upset_it() {
    let mut random = Numbers::new(0x1157);
    let whole = [call("Take", 3), with_descriptors("Take", 1), with_descriptors("Other", 3)];
    for round in 0..20_000 {
        let mut message = whole[round % whole.len()].clone();
        for _ in 0..random.below(4) {
            let at = random.below(message.len());
            message[at] = random.byte();
        }
        let Some(Lengths { head, body }) = lengths(&message) else { continue };
        message.resize(head.min(4096), 0);
        let head = message.len();
        let before = message.clone();
        match judge(&mut message, body, random.below(3), &TAKES, None) {
            Verdict::Skip(_) => assert_eq!(message, before),
            Verdict::Take { body: given, descriptors } => {
                assert!(given == body || given == 0);
                assert!(descriptors <= Accepts::PER_CALL);
            }
        }
        assert_eq!(message.len(), head);
    }
    for short in 0..PRIMARY {
        assert_eq!(lengths(&whole[0][..short]), None);
    }
}
