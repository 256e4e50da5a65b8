//! The stand-ins of `test-peers` on a machine's bus. Names are written out once more on purpose.

use crate::Machine;
use std::collections::HashMap;
use test_bus::Daemon;
use zbus::{DynamicType, Message, OwnedObjectPath, OwnedVariant};

const LOG: [&str; 2] = ["xyz.openbmc_project.Logging", "/xyz/openbmc_project/logging"];

impl Machine {
    /// Starts peers, each a word and a mode; they end with the result.
    pub fn start_peers(&self, peers: &[&str]) -> anyhow::Result<Daemon> {
        self.start_peers_by(&format!("peers = {peers:?}\n"))
    }

    /// Starts peers by a plan of their own form; they end with the result.
    pub fn start_peers_by(&self, plan: &str) -> anyhow::Result<Daemon> {
        self.bus.start_peers(&test_bus::built("test-peers")?, self.folder.path(), plan)
    }

    /// Commands the peers.
    pub fn command_peers<B>(&self, method: &str, body: &B) -> anyhow::Result<Message>
    where
        B: serde::Serialize + DynamicType,
    {
        let (name, path) = ("io.vivianite.Test.Peers", "/io/vivianite/test/peers");
        let interface = Some("io.vivianite.Test.Peers1");
        self.run(async |connection| {
            Ok(connection.call_method(Some(name), path, interface, method, body).await?)
        })
    }

    /// How many entries the event log has at this moment, however slow or silent it was so far; it is neither from here
    /// on.
    pub fn entries(&self) -> anyhow::Result<usize> {
        type Objects = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;
        self.command_peers("SetMode", &("event-log", "normal"))?;
        let [name, path] = LOG;
        let manager = Some("org.freedesktop.DBus.ObjectManager");
        self.run(async |connection| {
            let reply = connection.call_method(Some(name), path, manager, "GetManagedObjects", &()).await?;
            let body = reply.body();
            Ok(body.deserialize::<Objects>()?.len())
        })
    }
}
