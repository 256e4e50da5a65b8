//! The writer beside the collection: what it shows of it, and what it has done by it.

use super::bed::{Client, error_of};
use super::{NOT_FOUND, UNAVAILABLE};
use crate::collection::bed::{Bed, object};
use dbus_api::inventory::{ITEM, PROGRESS};
use house_tests::{fixture, next};
use std::collections::BTreeMap;
use zbus::message::Type as MessageType;
use zbus::{MatchRule, MessageStream, ObjectPath, OwnedVariant};

const MANAGER: &str = "com.ibm.VPD.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

fn shown(bed: &Bed, interface: &str, property: &str) -> anyhow::Result<OwnedVariant> {
    bed.machine.run(async |connection| {
        let mut client = Client::new(connection);
        let call = client.begin_of(PROPERTIES, "Get", &(interface, property)).await?;
        Ok(client.reply(call).await?.body().deserialize()?)
    })
}

fn text(bed: &Bed, interface: &str, property: &str) -> anyhow::Result<String> {
    Ok(shown(bed, interface, property)?.try_into()?)
}

fn call<B: serde::Serialize + zbus::DynamicType>(
    bed: &Bed,
    method: &str,
    body: &B,
) -> anyhow::Result<zbus::Message> {
    bed.machine.run(async |connection| Client::new(connection).call(method, body).await)
}

#[test]
fn the_collections_progress_is_shown_and_told_and_no_client_sets_it() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("card", "")])? else { return Ok(()) };
    bed.machine.start_inventory()?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    let _writer = bed.machine.start("vpd-writer")?;
    assert_eq!(text(&bed, MANAGER, "CollectionStatus")?, "com.ibm.VPD.Manager.Status.NotStarted");
    let (listener, mut signals) = bed.machine.run(async |connection| {
        let rule = MatchRule::builder().msg_type(MessageType::Signal).interface(PROPERTIES);
        let rule = rule.path("/com/ibm/VPD/Manager").build()?;
        let signals = MessageStream::for_match_rule(rule, &connection, None).await?;
        Ok((connection, signals))
    })?;
    bed.collect()?;
    let completed = "com.ibm.VPD.Manager.Status.Completed";
    bed.machine.run(async |_| {
        loop {
            let signal = next(&mut signals).await?;
            let body = signal.body();
            let (_, changed, _): (&str, BTreeMap<String, OwnedVariant>, Vec<&str>) = body.deserialize()?;
            if changed.get("CollectionStatus").is_some_and(|value| **value == completed.into()) {
                return Ok(());
            }
        }
    })?;
    drop(listener);
    let status = text(&bed, PROGRESS, "Status")?;
    assert_eq!(status, "xyz.openbmc_project.Common.Progress.OperationStatus.Completed");
    let (started, completed): (u64, u64) = (
        shown(&bed, PROGRESS, "StartTime")?.try_into()?,
        shown(&bed, PROGRESS, "CompletedTime")?.try_into()?,
    );
    assert!(0 < started && started < completed, "{started} {completed}");
    let set = bed.machine.run(async |connection| {
        let mut client = Client::new(connection);
        let body = (PROGRESS, "Status", zbus::Variant::from("x"));
        let call = client.begin_of(PROPERTIES, "Set", &body).await?;
        client.reply(call).await
    });
    assert_eq!(error_of(set)?, "org.freedesktop.DBus.Error.PropertyReadOnly");
    bed.stop()?;
    bed.machine.run(async |connection| {
        // The bus tells the writer before us that the collection has gone.
        let mut client = Client::new(connection);
        let call = client.begin_of(PROPERTIES, "Get", &(MANAGER, "CollectionStatus")).await?;
        client.reply(call).await.map(drop)
    })
}

#[test]
fn parts_are_collected_and_taken_out_by_their_objects_and_refusals_are_errors() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("card", ""), ("none", "")])? else { return Ok(()) };
    bed.machine.start_inventory()?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    bed.collect()?;
    let _writer = bed.machine.start("vpd-writer")?;
    let (card, none) = (object("card"), object("none"));
    let (card, none) = (ObjectPath::try_from(&*card)?, ObjectPath::try_from(&*none)?);
    let before = bed.status("card")?.report.started;
    call(&bed, "CollectFRUVPD", &card)?;
    bed.await_status("card", |status| status.state == "collected" && status.report.started > before)?;
    for method in ["CollectFRUVPD", "DeleteFRUVPD", "deleteFRUVPD"] {
        assert_eq!(error_of(call(&bed, method, &none))?, UNAVAILABLE, "{method}");
        let unknown = ObjectPath::try_from("/system/unknown")?;
        assert_eq!(error_of(call(&bed, method, &unknown))?, NOT_FOUND, "{method}");
    }
    call(&bed, "PerformVPDRecollection", &())?;
    call(&bed, "deleteFRUVPD", &card)?;
    bed.await_status("card", |status| status.state == "absent")?;
    let present = bed.machine.property(card.as_str(), ITEM, "Present")?;
    assert_eq!(present.as_deref(), Some("Bool(false)"));
    Ok(())
}

#[test]
fn all_parts_are_collected_at_once_and_not_without_the_collection() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::new(&[("card", "")])? else { return Ok(()) };
    bed.machine.start_inventory()?;
    std::fs::write(bed.image("card"), fixture("card"))?;
    let writer = bed.machine.start("vpd-writer")?;
    for method in ["CollectAllFRUVPD", "DeleteAllFRUVPD"] {
        assert_eq!(error_of(call(&bed, method, &()))?, UNAVAILABLE, "{method}");
    }
    drop(writer);
    bed.collect()?;
    let _writer = bed.machine.start("vpd-writer")?;
    let before = bed.status("card")?.report.started;
    // What the collection says at the writer's start may not have been heard yet.
    while let Err(error) = call(&bed, "CollectAllFRUVPD", &()) {
        assert_eq!(error_of(Err(error))?, UNAVAILABLE);
    }
    bed.await_status("card", |status| status.state == "collected" && status.report.started > before)?;
    Ok(())
}
