//! The inventory as its clients see it.

use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::{ASSET_TAG, ITEM, OPERATIONAL_STATUS, ROOT, deletion, manager, property};
use dbus_api::standard::{OBJECT_MANAGER, PROPERTIES};
use dbus_api::vpd::location;
use house_tests::{Machine, Monitor, kept, next};
use std::collections::HashMap;
use zbus::{Connection, MessageStream, OwnedObjectPath, OwnedVariant, Variant};

type Objects = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;

fn item<'a>(path: &'a str, name: &'a str, present: bool) -> Notification<'a> {
    let mut object = Object { path: path.into(), interfaces: Vec::new() };
    object.interface(ITEM).set("PrettyName", Value::Text(name.into()));
    object.interface(ITEM).set("Present", Value::Bool(present));
    Notification { objects: vec![object] }
}

async fn objects(connection: &Connection) -> anyhow::Result<Objects> {
    let name = Some(manager::BUS_NAME);
    let reply = connection.call_method(name, ROOT, Some(OBJECT_MANAGER), "GetManagedObjects", &()).await?;
    Ok(reply.body().deserialize()?)
}

async fn signals(connection: &Connection) -> anyhow::Result<MessageStream> {
    let rule =
        zbus::MatchRule::builder().msg_type(zbus::message::Type::Signal).sender(manager::BUS_NAME).build()?;
    Ok(MessageStream::for_match_rule(rule, connection, None).await?)
}

#[test]
fn clients_hear_of_new_objects_and_of_values_that_differ() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    machine.run(async |connection| {
        let mut stream = signals(&connection).await?;
        manager::notify(&connection, &item("/system/a", "A", true)).await?;
        let added = next(&mut stream).await?;
        assert_eq!(added.header().member().unwrap(), "InterfacesAdded");
        assert_eq!(added.header().path().unwrap().as_str(), ROOT);
        let body = added.body();
        let (path, interfaces): (OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>) =
            body.deserialize()?;
        assert_eq!(path.as_str(), format!("{ROOT}/system/a"));
        assert_eq!(interfaces[ITEM]["PrettyName"], OwnedVariant::try_from(Variant::from("A"))?);

        manager::notify(&connection, &item("/system/a", "A", true)).await?;
        manager::notify(&connection, &item("/system/a", "A", false)).await?;
        let changed = next(&mut stream).await?;
        assert_eq!(changed.header().member().unwrap(), "PropertiesChanged", "the same again is silent");
        let body = changed.body();
        let (interface, values, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
            body.deserialize()?;
        assert_eq!((interface.as_str(), values.len()), (ITEM, 1));
        assert_eq!(values["Present"], OwnedVariant::from(false));
        assert_eq!(objects(&connection).await?.len(), 1);
        Ok(())
    })
}

#[test]
fn what_was_answered_survives_a_crash_and_of_direct_sets_the_owners_do() -> anyhow::Result<()> {
    let Some(mut machine) = Machine::with_inventory()? else { return Ok(()) };
    machine.run(async |connection| {
        let mut notification = item("/system/a", "A", true);
        notification.objects[0].set(&property::ASSET_TAG, "first".into());
        notification.objects[0].set(&property::FUNCTIONAL, true);
        manager::notify(&connection, &notification).await?;
        let path = format!("{ROOT}/system/a");
        let name = Some(manager::BUS_NAME);
        for (interface, property, value) in [
            (ITEM, "PrettyName", Variant::from("live only")),
            (OPERATIONAL_STATUS, "Functional", Variant::from(false)),
            (ASSET_TAG, "AssetTag", Variant::from("the owner's")),
        ] {
            let arguments = (interface, property, value);
            connection.call_method(name, path.as_str(), Some(PROPERTIES), "Set", &arguments).await?;
        }
        Ok(())
    })?;
    assert_eq!(machine.property("/system/a", ITEM, "PrettyName")?.as_deref(), Some("live only"));
    let tag = |machine: &Machine| machine.property("/system/a", ASSET_TAG, "AssetTag");
    assert_eq!(tag(&machine)?.as_deref(), Some("the owner's"));
    machine.kill_inventory()?;
    machine.start_inventory()?;
    assert_eq!(machine.property("/system/a", ITEM, "PrettyName")?.as_deref(), Some("A"));
    assert_eq!(machine.property("/system/a", ITEM, "Present")?.as_deref(), Some("Bool(true)"));
    assert_eq!(
        machine.property("/system/a", OPERATIONAL_STATUS, "Functional")?.as_deref(),
        Some("Bool(true)")
    );
    assert_eq!(tag(&machine)?.as_deref(), Some("the owner's"));
    assert!(machine.stop_inventory()?.success());
    assert_eq!(
        std::fs::metadata(machine.state().join("journal"))?.len(),
        0,
        "a clean end settles the journal"
    );
    Ok(())
}

#[test]
fn deletion_is_all_or_none_announced_and_lasting() -> anyhow::Result<()> {
    let Some(mut machine) = Machine::with_inventory()? else { return Ok(()) };
    machine.run(async |connection| {
        for path in ["/system/a", "/system/a/b"] {
            manager::notify(&connection, &item(path, "x", true)).await?;
        }
        let name = Some(manager::BUS_NAME);
        let delete = async |paths: &[&str]| {
            connection.call_method(name, ROOT, Some(deletion::INTERFACE), deletion::DELETE, &paths).await
        };
        assert!(delete(&["/system/a", "/system/nowhere"]).await.is_err());
        assert_eq!(objects(&connection).await?.len(), 2);
        let mut stream = signals(&connection).await?;
        let removed: u32 = delete(&["/system/a"]).await?.body().deserialize()?;
        assert_eq!(removed, 1);
        assert_eq!(next(&mut stream).await?.header().member().unwrap(), "InterfacesRemoved");
        Ok(())
    })?;
    machine.kill_inventory()?;
    machine.start_inventory()?;
    let left = machine.run(async |connection| objects(&connection).await)?;
    assert_eq!(left.keys().map(|path| path.as_str()).collect::<Vec<_>>(), [format!("{ROOT}/system/a/b")]);
    Ok(())
}

#[test]
fn errors_have_the_names_that_clients_look_for() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    machine.run(async |connection| {
        manager::notify(&connection, &item("/system/a", "A", true)).await?;
        let (a, nowhere) = (format!("{ROOT}/system/a"), format!("{ROOT}/nowhere"));
        let present = (ITEM, "Present", Variant::from("text"));
        let cases: [(&str, &str, &str, Variant<'_>, &str); 8] = [
            (&nowhere, PROPERTIES, "GetAll", Variant::from(ITEM), "UnknownObject"),
            (&a, PROPERTIES, "GetAll", Variant::from("a.B"), "UnknownInterface"),
            (&a, PROPERTIES, "GetAll", Variant::from(PROPERTIES), "no error"),
            (&a, PROPERTIES, "Get", Variant::from((ITEM, "Nonsense")), "UnknownProperty"),
            (&a, PROPERTIES, "Nonsense", Variant::from(ITEM), "UnknownMethod"),
            (&a, PROPERTIES, "GetAll", Variant::from(5u32), "InvalidArgs"),
            (&a, OBJECT_MANAGER, "GetManagedObjects", Variant::from(ITEM), "UnknownMethod"),
            (&a, PROPERTIES, "Set", Variant::from(present), "Common.Error.InvalidArgument"),
        ];
        for (path, interface, method, body, expected) in cases {
            let error = call_with(&connection, path, interface, method, body).await;
            assert!(error.ends_with(expected), "{path} {method}: {error}");
        }
        Ok(())
    })
}

#[test]
fn what_would_exceed_a_bound_is_refused_by_name_and_changes_nothing() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    machine.run(async |connection| {
        manager::notify(&connection, &item("/system/a", "A", true)).await?;
        let before = objects(&connection).await?;
        let text = |length: usize| "\u{1}".repeat(length);
        for (length, bound) in [(1 << 20, "1048576 bytes of one object"), (12 << 20, "longer than it takes")]
        {
            let refused = manager::notify(&connection, &item("/system/a", &text(length), true)).await;
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains("LimitsExceeded") && refused.contains(bound), "{refused}");
        }
        let (name, path) = (Some(manager::BUS_NAME), format!("{ROOT}/system/a"));
        let arguments = (ITEM, "PrettyName", Variant::from(text(1 << 20)));
        let set = connection.call_method(name, path.as_str(), Some(PROPERTIES), "Set", &arguments).await;
        let refused = set.unwrap_err().to_string();
        assert!(refused.contains("1048576 bytes of one object"), "{refused}");
        assert_eq!(objects(&connection).await?, before);
        Ok(())
    })
}

/// Calls with a body of any type and gives the name of the error that answers.
async fn call_with(
    connection: &Connection,
    path: &str,
    interface: &str,
    method: &str,
    body: Variant<'_>,
) -> String {
    let name = Some(manager::BUS_NAME);
    let result = match body {
        Variant::Structure(body) => connection.call_method(name, path, Some(interface), method, &body).await,
        Variant::Str(body) => connection.call_method(name, path, Some(interface), method, &body).await,
        Variant::U32(body) => connection.call_method(name, path, Some(interface), method, &body).await,
        other => panic!("no case has a body like {other:?}"),
    };
    match result {
        Ok(_) => "no error".to_owned(),
        Err(zbus::Error::MethodError(name, ..)) => name.to_string(),
        Err(zbus::Error::FDO(error)) => zbus::DBusError::name(&*error).to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_second_inventory_ends_after_a_moment_and_leaves_the_first_alone() -> anyhow::Result<()> {
    let Some(mut machine) = Machine::with_inventory()? else { return Ok(()) };
    machine.run(async |connection| Ok(manager::notify(&connection, &item("/system/a", "A", true)).await?))?;
    let before = std::fs::read(machine.state().join("journal"))?;
    let finished = test_bus::run(&mut machine.inventory_command()?)?;
    assert_eq!(finished.status, Some(78), "{}", finished.log);
    assert!(finished.log.contains("has an owner already"), "{}", finished.log);
    // The first may have carried it over to its files meanwhile.
    let after = std::fs::read(machine.state().join("journal"))?;
    assert!(after == before || after.is_empty(), "{}", after.escape_ascii());
    assert_eq!(machine.property("/system/a", ITEM, "PrettyName")?.as_deref(), Some("A"));
    assert!(machine.stop_inventory()?.success());
    Ok(())
}

#[test]
fn a_user_who_does_not_read_his_replies_holds_no_other_up() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    let name = "x".repeat(1_000_000);
    let notification = |path: &'static str| item(path, &name, true);
    machine.run(async |connection| {
        for path in ["/a", "/b", "/c", "/d"] {
            manager::notify(&connection, &notification(path)).await?;
        }
        Ok(())
    })?;
    // 2 GB of replies, of which dbus-daemon keeps 127 MiB before it takes nothing more from the inventory.
    let mut attack = machine.attack(&["unread", manager::BUS_NAME, "4", "125"])?;
    for _ in 0..3 {
        machine.run(async |connection| {
            manager::notify(&connection, &item("/a", "small", true)).await?;
            let all = objects(&connection).await;
            // Who is not root is the attacker's user as well, whose share is under way.
            match all {
                Ok(all) => assert_eq!(all.len(), 4),
                Err(error) if !rustix::process::getuid().is_root() => {
                    assert!(error.to_string().contains("Limits"))
                }
                Err(error) => return Err(error),
            }
            Ok(())
        })?;
    }
    attack.kill()?;
    attack.wait()?;
    assert_eq!(machine.run(async |connection| objects(&connection).await)?.len(), 4);
    Ok(())
}

#[test]
fn a_service_whose_end_dbus_daemon_does_not_see_leaves_its_name_to_the_next() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    // As much as dbus-daemon keeps before it takes nothing more from a sender: it does not look at the connection any more.
    let mut follower = machine.attack(&["follow", manager::BUS_NAME, "1", "0"])?;
    let mut earlier = machine.attack(&["signals", manager::BUS_NAME, "1", "127"])?;
    machine.run(async |connection| {
        let filling = async {
            while kept(&connection, manager::BUS_NAME).await? < 127 << 20 {}
            Ok(())
        };
        tokio::time::timeout(test_bus::LIMIT, filling).await?
    })?;
    earlier.kill()?;
    earlier.wait()?;
    let mut service = machine.start("inventory-manager")?;
    anyhow::ensure!(service.stop()?.success());
    follower.kill()?;
    follower.wait()?;
    Ok(())
}

#[test]
fn an_inventory_stands_what_any_user_may_send() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    machine.expect_steady("inventory-manager", manager::BUS_NAME)
}

#[test]
fn a_service_that_starts_before_the_earlier_one_has_left_the_bus_takes_its_place() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    // One asks before it touches what both would use, the other takes the name when all else is in place.
    for (service, name, question) in [
        ("inventory-manager", manager::BUS_NAME, "NameHasOwner"),
        ("location-code-updater", location::BUS_NAME, "RequestName"),
    ] {
        let earlier = machine.run(async |connection| {
            connection.request_name(name).await?;
            Ok(connection)
        })?;
        let rule = format!("type='method_call',member='{question}',arg0='{name}'");
        let address = machine.bus().address();
        let mut monitor = machine.run(async |_| Monitor::listen(address, &[&rule]).await)?;
        std::thread::scope(|scope| {
            let starting = scope.spawn(|| machine.start(service));
            machine.run(async |_| {
                // It asks, begins to listen, and asks once more.
                monitor.next().await?;
                monitor.next().await?;
                anyhow::ensure!(!starting.is_finished(), "{service} has given up");
                earlier.release_name(name).await?;
                Ok(())
            })?;
            let mut service = starting.join().map_err(|_| anyhow::anyhow!("the thread panicked"))??;
            anyhow::ensure!(service.stop()?.success());
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn an_idle_inventory_wakes_only_for_its_watchdog() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    machine.expect_idle("inventory-manager")
}
