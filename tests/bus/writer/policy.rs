//! Who may do what, by the policy that is installed.

use super::bed::{Client, NAME, choose_system, error_of};
use house_tests::{NOBODY, fixture, repository, stream_as_nobody};
use test_bus::{Daemon, LIMIT, PrivateBus};
use zbus::Variant;

#[test]
fn everybody_looks_up_and_only_root_and_administrators_do_the_rest() -> anyhow::Result<()> {
    if !test_bus::can_run() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let policy = repository().join("units/dbus/vivianite-vpd-writer.conf");
    let bus = PrivateBus::start_with_policies(folder.path(), &[&policy])?;
    let root = folder.path().join("root");
    choose_system(&root, &["card"])?;
    std::fs::write(root.join("card"), fixture("card"))?;
    let mut command = bus.client(test_bus::built("vpd-writer")?);
    command.arg("--root").arg(&root);
    let Some(stream) = stream_as_nobody(bus.address(), folder.path())? else { return Ok(()) };
    let _service = Daemon::spawn_ready("vpd-writer", &mut command, folder.path(), LIMIT)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let card = "/system/chassis/card";
        let read = (card, Variant::from(("VINI", "SN")));
        let builder = zbus::connection::Builder::address(bus.address());
        let mut ours = Client::new(builder.build().await?);
        ours.call("ReadKeyword", &read).await?;
        let builder = zbus::connection::Builder::unix_stream(stream).user_id(NOBODY);
        let mut others = Client::new(builder.build().await?);
        let object = zbus::ObjectPath::try_from(card)?;
        others.call("GetHardwarePath", &object).await?;
        others.call("GetFRUsByUnexpandedLocationCode", &("Ufcs-P0", 0_u16)).await?;
        let properties = "org.freedesktop.DBus.Properties";
        let call = others.begin_of(properties, "Get", &(NAME, "CollectionStatus")).await?;
        others.reply(call).await?;
        let denied = "org.freedesktop.DBus.Error.AccessDenied";
        for (interface, method) in [
            (NAME, "ReadKeyword"),
            (NAME, "WriteKeyword"),
            (NAME, "GetParsedVPD"),
            (NAME, "deleteFRUVPD"),
            (NAME, "DeleteAllFRUVPD"),
            ("io.vivianite.Vpd.Writer1", "Verify"),
            ("io.vivianite.Vpd.Writer1", "Write"),
            (properties, "Set"),
            ("org.freedesktop.LogControl1", "Any"),
        ] {
            let call = others.begin_of(interface, method, &()).await?;
            assert_eq!(error_of(others.reply(call).await)?, denied, "{interface}.{method}");
        }
        anyhow::Ok(())
    })
}
