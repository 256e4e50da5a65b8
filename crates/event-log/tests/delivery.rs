//! Events on a private bus, with a logging service that is absent, slow, silent or refusing.

use dbus_api::logging::{Severity, data_key, message_id};
use event_log::{Event, EventLog, Limits, Notice};
use peer::BackOff;
use std::time::Duration;
use tempfile::TempDir;
use test_bus::{Daemon, PrivateBus};
use zbus::Connection;

const CONTROL: [&str; 3] =
    ["io.vivianite.Test.Peers", "/io/vivianite/test/peers", "io.vivianite.Test.Peers1"];

/// The connection's own limit for calls, which events must outlast.
const CALL_LIMIT: Duration = Duration::from_millis(200);
/// Long enough for a repetition to show itself.
const NOTHING_COMES: Duration = Duration::from_millis(700);

/// A bus with a logging service on it.
struct Bed {
    owner: Connection,
    control: Connection,
    state: TempDir,
    _peers: Daemon,
    _bus: PrivateBus,
    _folder: TempDir,
}

impl Bed {
    async fn with(mode: &str) -> Option<Self> {
        if !test_bus::can_run() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let bus = PrivateBus::start(folder.path()).unwrap();
        let program = test_bus::built("test-peers").unwrap();
        let plan = format!("peers = [\"event-log {mode}\"]\n");
        let peers = bus.start_peers(&program, folder.path(), &plan).unwrap();
        let connect = |limit| zbus::connection::Builder::address(bus.address()).method_timeout(limit).build();
        Some(Self {
            owner: connect(CALL_LIMIT).await.unwrap(),
            control: connect(test_bus::LIMIT).await.unwrap(),
            state: tempfile::tempdir().unwrap(),
            _peers: peers,
            _bus: bus,
            _folder: folder,
        })
    }

    /// The events of a service that starts, or starts again.
    fn start(&self) -> EventLog {
        let back_off = BackOff::new(Duration::from_millis(10), Duration::from_millis(50));
        let folder = Some(self.state.path().to_owned());
        EventLog::start_with(&self.owner, folder, Limits::default(), back_off)
    }

    async fn set_mode(&self, mode: &str) {
        let [name, path, interface] = CONTROL;
        let body = ("event-log", mode);
        self.control.call_method(Some(name), path, Some(interface), "SetMode", &body).await.unwrap();
    }

    /// The subjects of the entries that were asked for, in order.
    async fn asked(&self) -> Vec<String> {
        let [name, path, interface] = CONTROL;
        let reply =
            self.control.call_method(Some(name), path, Some(interface), "Calls", &"event-log").await.unwrap();
        let calls: String = reply.body().deserialize().unwrap();
        let subject =
            |line: &str| line.split("\"UserData1\": \"").nth(1)?.split('"').next().map(str::to_owned);
        calls.lines().map(|line| subject(line).unwrap_or_else(|| line.to_owned())).collect()
    }
}

fn event(subject: &str) -> Event {
    Event::new(subject, "bad", message_id::INVALID_VPD, Severity::Warning)
        .with(data_key::USER_DATA_1, subject)
}

/// Lets events go their way until a notice comes that is wanted.
async fn until(events: &mut EventLog, wanted: impl Fn(&Notice) -> bool) {
    let waiting = async {
        loop {
            let notice = events.notice().await;
            let is_wanted = wanted(&notice);
            events.take(notice);
            if is_wanted {
                break;
            }
        }
    };
    tokio::time::timeout(test_bus::LIMIT, waiting).await.unwrap();
}

async fn until_delivered(events: &mut EventLog) {
    until(events, |notice| matches!(notice, Notice::Delivered(_))).await;
}

/// Lets events go their way as long as a repetition would take.
async fn until_nothing_more_comes(events: &mut EventLog) {
    while let Ok(notice) = tokio::time::timeout(NOTHING_COMES, events.notice()).await {
        events.take(notice);
    }
}

#[tokio::test]
async fn there_is_one_entry_for_each_subject_across_runs_and_restarts() {
    let Some(bed) = Bed::with("normal").await else { return };
    let mut events = bed.start();
    for _ in 0..3 {
        events.update([event("a"), event("b")]);
    }
    until_delivered(&mut events).await;
    until_delivered(&mut events).await;
    for _ in 0..2 {
        drop(events);
        events = bed.start();
        events.update([event("b"), event("a")]);
        events.update([event("a"), event("b")]);
    }
    events.update([event("a"), event("b"), event("c")]);
    until_delivered(&mut events).await;
    assert_eq!(bed.asked().await, ["a", "b", "c"]);
    // What has cleared is new when it comes back.
    events.update([event("b")]);
    events.update([event("a"), event("b")]);
    until_delivered(&mut events).await;
    assert_eq!(bed.asked().await, ["a", "b", "c", "a"]);
}

#[tokio::test]
async fn a_logging_service_that_comes_late_gets_all_and_what_cleared_before_it_does_not_get() {
    let Some(bed) = Bed::with("absent").await else { return };
    let mut events = bed.start();
    events.update([event("a"), event("b"), event("c")]);
    until_nothing_more_comes(&mut events).await;
    events.update([event("a"), event("c")]);
    bed.set_mode("normal").await;
    until_delivered(&mut events).await;
    until_delivered(&mut events).await;
    assert_eq!(bed.asked().await, ["a", "c"]);
}

#[tokio::test]
async fn a_slow_logging_service_is_asked_once() {
    let Some(bed) = Bed::with("slow 600").await else { return };
    let mut events = bed.start();
    events.update([event("a")]);
    until_delivered(&mut events).await;
    assert_eq!(bed.asked().await, ["a"]);
}

#[tokio::test]
async fn a_silent_logging_service_holds_nobody_up_and_is_asked_again_only_when_it_was_replaced() {
    let Some(bed) = Bed::with("hanging").await else { return };
    let mut events = bed.start();
    events.update([event("a")]);
    until(&mut events, |notice| *notice == Notice::Sent).await;
    events.update([event("a"), event("b")]);
    until_nothing_more_comes(&mut events).await;
    assert_eq!(bed.asked().await, ["a"]);
    bed.set_mode("absent").await;
    until(&mut events, |notice| matches!(notice, Notice::Failed(_))).await;
    bed.set_mode("normal").await;
    until_delivered(&mut events).await;
    until_delivered(&mut events).await;
    assert_eq!(bed.asked().await, ["a", "b", "a"]);
}

#[tokio::test]
async fn what_was_sent_is_not_repeated_by_a_restart_before_the_answer() {
    let Some(bed) = Bed::with("hanging").await else { return };
    let mut events = bed.start();
    events.update([event("a")]);
    until(&mut events, |notice| *notice == Notice::Sent).await;
    drop(events);
    bed.set_mode("normal").await;
    let mut events = bed.start();
    events.update([event("a"), event("b")]);
    until_delivered(&mut events).await;
    until_nothing_more_comes(&mut events).await;
    assert_eq!(bed.asked().await, ["a", "b"]);
}

#[tokio::test]
async fn what_was_sent_when_the_service_ends_is_noted_before_it_does() {
    let Some(bed) = Bed::with("slow 300").await else { return };
    let mut events = bed.start();
    until(&mut events, |notice| *notice == Notice::Free).await;
    events.update([event("a"), event("b")]);
    // It is sent, and the service is told to end before it has taken any notice of that.
    let sent = async { while bed.asked().await.is_empty() {} };
    tokio::time::timeout(test_bus::LIMIT, sent).await.unwrap();
    events.end().await;
    assert_eq!(bed.asked().await, ["a"], "no other is begun");
    let mut events = bed.start();
    events.update([event("a"), event("b")]);
    until_delivered(&mut events).await;
    until_nothing_more_comes(&mut events).await;
    assert_eq!(bed.asked().await, ["a", "b"]);
}

#[tokio::test]
async fn a_silent_logging_service_does_not_keep_a_service_from_ending() {
    let Some(bed) = Bed::with("hanging").await else { return };
    let mut events = bed.start();
    events.update([event("a")]);
    until(&mut events, |notice| *notice == Notice::Sent).await;
    tokio::time::timeout(test_bus::LIMIT, events.end()).await.unwrap();
    bed.set_mode("normal").await;
    let mut events = bed.start();
    events.update([event("a")]);
    until_nothing_more_comes(&mut events).await;
    assert_eq!(bed.asked().await, ["a"]);
}

#[tokio::test]
async fn what_was_refused_is_tried_again_until_it_is_taken() {
    let Some(bed) = Bed::with("refusing").await else { return };
    let mut events = bed.start();
    events.update([event("a"), event("b")]);
    for _ in 0..3 {
        until(&mut events, |notice| matches!(notice, Notice::Refused(_))).await;
    }
    let refused = bed.asked().await;
    assert_eq!(refused[..3], ["a", "b", "a"]);
    bed.set_mode("normal").await;
    until_delivered(&mut events).await;
    until_delivered(&mut events).await;
    until_nothing_more_comes(&mut events).await;
    let asked = bed.asked().await;
    let mut last: Vec<&str> = asked[asked.len() - 2..].iter().map(String::as_str).collect();
    last.sort_unstable();
    assert_eq!(last, ["a", "b"]);
}

#[tokio::test]
async fn what_has_happened_is_told_once_when_the_logging_service_comes_after_a_restart_too() {
    let Some(bed) = Bed::with("absent").await else { return };
    let mut events = bed.start();
    for subject in ["first", "second"] {
        events.happened(event(subject));
    }
    until_nothing_more_comes(&mut events).await;
    drop(events);
    let mut events = bed.start();
    events.happened(event("third"));
    bed.set_mode("normal").await;
    for _ in 0..3 {
        until_delivered(&mut events).await;
    }
    drop(events);
    let mut events = bed.start();
    until_nothing_more_comes(&mut events).await;
    assert_eq!(bed.asked().await, ["first", "second", "third"]);
}

#[tokio::test]
async fn what_is_too_old_to_be_told_takes_no_room_from_what_may_come_late() {
    let Some(bed) = Bed::with("absent").await else { return };
    let limits = Limits { happenings: 1, ..Limits::default() };
    let folder = Some(bed.state.path().to_owned());
    let mut events = EventLog::start(&bed.owner, folder, limits);
    events.happened(event("old").within(Duration::ZERO));
    events.happened(event("lasting"));
    let waiting: Vec<&str> = events.ledger().happenings().map(|event| &*event.pair.subject).collect();
    assert_eq!(waiting, ["lasting"]);
}

/// As bmcweb has to hear of the fate of the upload that is under way.
#[tokio::test]
async fn what_is_refused_for_long_keeps_nothing_from_being_told_in_time() {
    let Some(bed) = Bed::with("refusing").await else { return };
    let folder = Some(bed.state.path().to_owned());
    let pauses = BackOff::new(Duration::from_secs(600), Duration::from_secs(600));
    let mut events = EventLog::start_with(&bed.owner, folder, Limits::default(), pauses);
    events.happened(event("refused"));
    until(&mut events, |notice| matches!(notice, Notice::Refused(_))).await;
    bed.set_mode("normal").await;
    events.happened(event("in time").within(test_bus::LIMIT));
    until_delivered(&mut events).await;
    assert_eq!(bed.asked().await, ["refused", "in time"]);
}

#[tokio::test]
async fn what_was_refused_is_told_at_once_to_another_logging_service() {
    let Some(bed) = Bed::with("refusing").await else { return };
    let folder = Some(bed.state.path().to_owned());
    let pauses = BackOff::new(Duration::from_secs(600), Duration::from_secs(600));
    let mut events = EventLog::start_with(&bed.owner, folder, Limits::default(), pauses);
    events.happened(event("a"));
    events.update([event("b")]);
    for _ in 0..2 {
        until(&mut events, |notice| matches!(notice, Notice::Refused(_))).await;
    }
    bed.set_mode("absent").await;
    bed.set_mode("normal").await;
    until_delivered(&mut events).await;
    until_delivered(&mut events).await;
    assert_eq!(bed.asked().await, ["a", "b", "a", "b"]);
}
