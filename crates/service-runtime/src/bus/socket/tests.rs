use super::*;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream as Peer;
use test_random::Numbers;

const TAKES: Accepts =
    Accepts { descriptors: &[("a.B", "Take")], large: &[(("a.B", "Large"), 1 << 20)], ..Accepts::SHORT };

/// The reading end as a service has it, and the bus's.
fn pair() -> (Messages, Peer) {
    let (ours, bus) = Peer::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (Messages::new(Arc::new(UnixStream::from_std(ours).unwrap()), &TAKES, None), bus)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

async fn next(messages: &mut Messages) -> Message {
    messages.receive_message(1, &mut Vec::new(), &mut Vec::new()).await.unwrap()
}

fn call(member: &'static str, body: usize) -> Message {
    Message::method_call("/a", member).interface("a.B").build(&vec![7_u8; body]).unwrap()
}

fn with_descriptors(member: &'static str, count: usize) -> Message {
    let file = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
    let files: Vec<_> = (0..count).map(|_| zbus::OwnedFd::from(file())).collect();
    Message::method_call("/a", member).interface("a.B").build(&files).unwrap()
}

/// As a bus does: one write for each message, its descriptors with the first byte; the rest in pieces if it is cut.
fn put(bus: &Peer, message: &Message, first: usize) {
    let bytes = message.data().bytes();
    let descriptors: Vec<_> = message.data().fds().iter().map(|fd| fd.as_fd()).collect();
    let mut control = [MaybeUninit::uninit(); SENT_CONTROL];
    let mut control = SendAncillaryBuffer::new(&mut control);
    assert!(descriptors.is_empty() || control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    let first = first.clamp(1, bytes.len());
    let sent = sendmsg(bus, &[IoSlice::new(&bytes[..first])], &mut control, SendFlags::empty()).unwrap();
    std::io::Write::write_all(&mut &*bus, &bytes[sent..]).unwrap();
}

#[test]
fn descriptors_reach_the_call_that_takes_them_whatever_is_sent_around_it() {
    let mut random = Numbers::new(0x50c4);
    let sent: Vec<Message> = (0..1_000)
        .map(|_| match random.below(7) {
            0 => with_descriptors("Take", 1),
            1 => with_descriptors("Take", 2),
            2 => with_descriptors("Other", 16),
            3 => call("Large", random.below(100_000)),
            4 => call("Other", Accepts::SMALL + random.below(100_000)),
            _ => call("Other", random.below(300)),
        })
        .collect();
    let (ours, bus) = Peer::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let copies = sent.clone();
    let mut cuts = Numbers::new(0xc4);
    let sender = std::thread::spawn(move || {
        for message in &copies {
            let first = if cuts.one_in(2) { usize::MAX } else { cuts.below(200) };
            put(&bus, message, first);
        }
        bus
    });
    run(async {
        let stream = UnixStream::from_std(ours).unwrap();
        let mut messages = Messages::new(Arc::new(stream), &TAKES, None);
        for message in &sent {
            let came = next(&mut messages).await;
            assert_eq!(came.primary_header().serial_num(), message.primary_header().serial_num());
            let member = message.header().member().unwrap().to_string();
            let whole = message.body().len();
            let is_cut = member != "Large" && whole > Accepts::SMALL;
            assert_eq!(came.body().len(), if is_cut { 0 } else { whole });
            let given = usize::from(member == "Take" && message.data().fds().len() == 1);
            assert_eq!(came.data().fds().len(), given);
        }
        let bus = sender.join().unwrap();
        assert!(messages.sets.is_empty());
        drop(bus);
        let end = messages.receive_message(1, &mut Vec::new(), &mut Vec::new()).await;
        assert!(end.is_err());
    });
}

#[test]
fn a_descriptor_of_a_message_that_is_passed_over_goes_to_no_later_one() {
    run(async {
        let (mut messages, bus) = pair();
        let long = format!("/{}", "a".repeat(LONGEST_HEAD));
        let file = zbus::OwnedFd::from(OwnedFd::from(std::fs::File::open("/dev/zero").unwrap()));
        let hostile = Message::method_call(long.as_str(), "Take").interface("a.B").build(&file).unwrap();
        let good = with_descriptors("Take", 1);
        put(&bus, &hostile, usize::MAX);
        put(&bus, &good, usize::MAX);
        let came = next(&mut messages).await;
        assert_eq!(came.primary_header().serial_num(), good.primary_header().serial_num());
        let target = |number| std::fs::read_link(format!("/proc/self/fd/{number}")).unwrap();
        let [given] = came.data().fds() else { panic!("{came:?}") };
        assert_eq!(target(given.as_fd().as_raw_fd()), std::path::Path::new("/dev/null"));
    });
}

#[test]
fn a_message_longer_than_the_buffer_is_given_out_and_the_buffer_shrinks_again() {
    run(async {
        let (mut messages, bus) = pair();
        let path = format!("/{}", "a".repeat(3 * BUFFER));
        let long = Message::method_call(path.as_str(), "Other").build(&"text").unwrap();
        put(&bus, &long, usize::MAX);
        let came = next(&mut messages).await;
        assert_eq!(came.data().bytes(), long.data().bytes());
        assert_eq!(messages.buffer.len(), BUFFER);
    });
}

#[test]
fn what_the_handshake_has_read_comes_first() {
    run(async {
        let (messages, bus) = pair();
        let mut reader = Reader(messages);
        let (first, second) = (call("Other", 10), call("Other", 20));
        let (early, late) = first.data().bytes().split_at(5);
        put(&bus, &second, usize::MAX);
        let mut already = early.to_vec();
        already.extend_from_slice(late);
        for expected in [&first, &second] {
            let came = reader.receive_message(1, &mut already, &mut Vec::new()).await.unwrap();
            assert_eq!(came.data().bytes(), expected.data().bytes());
            assert!(already.is_empty());
        }
    });
}

#[test]
fn all_of_many_messages_is_sent_in_order() {
    run(async {
        let (ours, bus) = Peer::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let stream = Arc::new(UnixStream::from_std(ours).unwrap());
        let mut writer = Writer { stream, passes_descriptors: true, watch: None };
        let mut random = Numbers::new(0x3e4d);
        let mut sent: Vec<Message> = (0..200).map(|_| call("Other", random.below(40_000))).collect();
        sent.insert(90, with_descriptors("Take", 1));
        let whole: Vec<u8> = sent.iter().flat_map(|message| message.data().bytes().to_vec()).collect();
        let length = whole.len();
        let reader = std::thread::spawn(move || {
            let mut read = vec![0; length];
            std::io::Read::read_exact(&mut &bus, &mut read).unwrap();
            read
        });
        writer.send_messages(&sent).await.unwrap();
        assert!(reader.join().unwrap() == whole);
    });
}

#[test]
fn a_message_that_zbus_refuses_costs_that_message_only() {
    let good = call("Other", 100);
    let position = |of: &[u8]| good.data().bytes().windows(of.len()).position(|bytes| bytes == of).unwrap();
    // The field's code, one byte, before its signature "s" or "g".
    let member = position(b"\x01s\0\x05\0\0\0Other\0") - 1;
    let signature = position(b"\x01g\0") - 1;
    let odd = |at: usize, byte: u8| {
        let mut bytes = good.data().bytes().to_vec();
        bytes[at] = byte;
        bytes
    };
    run(async {
        let (mut messages, bus) = pair();
        let mut reader = Reader(messages);
        for (what, bytes) in [
            ("a field that nothing knows", odd(signature, 200)),
            ("a field twice", odd(member, 2)),
            ("no member", odd(member, 3 + 64)),
            ("a name that is none", odd(member + 8, b'-')),
            ("a type that nothing knows", odd(1, 5)),
            ("another version of the protocol", odd(3, 9)),
        ] {
            std::io::Write::write_all(&mut &bus, &bytes).unwrap();
            put(&bus, &good, usize::MAX);
            let came = reader.receive_message(1, &mut Vec::new(), &mut Vec::new()).await.unwrap();
            assert_eq!(came.data().bytes(), good.data().bytes(), "{what}");
        }
        messages = reader.0;
        assert_eq!(messages.left, 0);
    });
}
