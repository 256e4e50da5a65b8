//! Services that come, go and speak on a private bus, and strangers that pretend to be them.

use peer::{Namespace, NamespaceNews, News, Peer};
use std::num::NonZeroUsize;
use test_bus::PrivateBus;
use zbus::fdo::RequestNameFlags;
use zbus::message::Type;
use zbus::{Connection, MatchRule};

const NAME: &str = "io.vivianite.Test.Fan";
const PATH: &str = "/io/vivianite/test/fan";
const INTERFACE: &str = "io.vivianite.Test.Fan1";

fn rule(member: &'static str) -> MatchRule<'static> {
    let builder = MatchRule::builder().msg_type(Type::Signal).interface(INTERFACE);
    builder.member(member).build().unwrap()
}

async fn client(bus: &PrivateBus) -> Connection {
    zbus::connection::Builder::address(bus.address()).build().await.unwrap()
}

async fn say(connection: &Connection, member: &str, number: u32) {
    connection.emit_signal(None::<&str>, PATH, INTERFACE, member, &number).await.unwrap();
}

async fn take(connection: &Connection) {
    connection.request_name_with_flags(NAME, RequestNameFlags::DO_NOT_QUEUE).await.unwrap();
}

async fn next(peer: &mut Peer) -> String {
    match tokio::time::timeout(test_bus::LIMIT, peer.next()).await.unwrap().unwrap() {
        News::Came => format!("came {}", peer.owner().unwrap()),
        News::Went => "went".to_owned(),
        News::Said(signal) => {
            let number: u32 = signal.body().deserialize().unwrap();
            format!("{} {number}", signal.header().member().unwrap())
        }
    }
}

fn on_a_bus(test: impl AsyncFnOnce(&PrivateBus)) {
    if !test_bus::can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bus = PrivateBus::start(folder.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test(&bus));
}

#[test]
fn news_come_in_the_order_of_the_bus_whichever_rule_they_are_of() {
    on_a_bus(async |bus| {
        let (listener, first, second) = (client(bus).await, client(bus).await, client(bus).await);
        let mut peer = Peer::follow(&listener, NAME, [rule("Slow"), rule("Fast")]).await.unwrap();
        assert_eq!(peer.owner(), None);
        take(&first).await;
        for number in 0..20 {
            say(&first, if number % 3 == 0 { "Slow" } else { "Fast" }, number).await;
        }
        first.release_name(NAME).await.unwrap();
        take(&second).await;
        say(&second, "Slow", 99).await;
        assert_eq!(next(&mut peer).await, format!("came {}", first.unique_name().unwrap()));
        for number in 0..20 {
            let member = if number % 3 == 0 { "Slow" } else { "Fast" };
            assert_eq!(next(&mut peer).await, format!("{member} {number}"));
        }
        assert_eq!(next(&mut peer).await, "went");
        assert_eq!(next(&mut peer).await, format!("came {}", second.unique_name().unwrap()));
        assert_eq!(next(&mut peer).await, "Slow 99");
    });
}

#[test]
fn only_the_service_itself_is_heard_and_only_the_bus_says_who_that_is() {
    on_a_bus(async |bus| {
        let (listener, service, stranger) = (client(bus).await, client(bus).await, client(bus).await);
        take(&service).await;
        let mut peer = Peer::follow(&listener, NAME, [rule("Fast")]).await.unwrap();
        assert_eq!(peer.owner(), service.unique_name().map(|name| name.as_str()));
        say(&stranger, "Fast", 1).await;
        let own = stranger.unique_name().unwrap().as_str();
        let old = service.unique_name().unwrap().as_str();
        let to = listener.unique_name().cloned();
        let bus_interface = "org.freedesktop.DBus";
        let forged = (NAME, old, own);
        let path = "/org/freedesktop/DBus";
        stranger.emit_signal(to, path, bus_interface, "NameOwnerChanged", &forged).await.unwrap();
        say(&stranger, "Fast", 2).await;
        say(&service, "Fast", 3).await;
        assert_eq!(next(&mut peer).await, "Fast 3");
    });
}

#[test]
fn a_service_that_another_process_replaces_has_come_anew() {
    on_a_bus(async |bus| {
        let (listener, first, second) = (client(bus).await, client(bus).await, client(bus).await);
        let flags = RequestNameFlags::ALLOW_REPLACEMENT;
        first.request_name_with_flags(NAME, flags).await.unwrap();
        let mut peer = Peer::follow(&listener, NAME, []).await.unwrap();
        second.request_name_with_flags(NAME, RequestNameFlags::REPLACE_EXISTING).await.unwrap();
        assert_eq!(next(&mut peer).await, format!("came {}", second.unique_name().unwrap()));
    });
}

#[test]
fn services_below_a_name_are_told_apart_from_connections_and_from_ourselves() {
    on_a_bus(async |bus| {
        let (listener, service) = (client(bus).await, client(bus).await);
        let kept = NonZeroUsize::MIN.saturating_add(63);
        let prefix = "io.vivianite.Test";
        let mut services = Namespace::follow(&listener, prefix, [rule("Fast")], kept).await.unwrap();
        listener.request_name("io.vivianite.Test.Own").await.unwrap();
        service.request_name("io.vivianite.TestOther").await.unwrap();
        take(&service).await;
        let owner = service.unique_name().unwrap().to_string();
        let present = Namespace::present(&listener, prefix).await.unwrap();
        assert_eq!(present, [(NAME.to_owned(), owner.clone())]);
        say(&service, "Fast", 1).await;
        service.release_name(NAME).await.unwrap();
        service.close().await.unwrap();
        let mut heard = Vec::new();
        while heard.len() < 4 {
            let news = tokio::time::timeout(test_bus::LIMIT, services.next()).await.unwrap().unwrap();
            heard.push(match news {
                NamespaceNews::Said(_) => "said".to_owned(),
                NamespaceNews::Came { name, owner: new } if new == owner => format!("came {name}"),
                NamespaceNews::Left { name, owner: old } if old == owner => format!("left {name}"),
                NamespaceNews::Gone { owner: gone } if gone == owner => "gone".to_owned(),
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(heard, [format!("came {NAME}"), "said".into(), format!("left {NAME}"), "gone".into()]);
        assert!(services.waiting().await.unwrap().is_none());
    });
}
