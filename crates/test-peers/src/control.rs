//! The interface by which tests command the peers and ask what they were told.

use crate::mode::Mode;
use crate::peer::Peer;
use crate::plan::Plan;
use crate::roles::Kind;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use zbus::Connection;
use zbus::fdo::{Error, Result};

/// Longest wait for the bus itself.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// The peers by their words.
struct Control {
    peers: Mutex<BTreeMap<Kind, Arc<Peer>>>,
    plan: Plan,
}

/// Offers control until the connection is dropped.
pub(crate) async fn serve(peers: BTreeMap<Kind, Arc<Peer>>, plan: Plan) -> anyhow::Result<Connection> {
    let connection = service_runtime::bus::connect(CALL_LIMIT, &service_runtime::bus::Accepts::SHORT).await?;
    let control = Control { peers: Mutex::new(peers), plan };
    connection.object_server().at("/io/vivianite/test/peers", control).await?;
    connection.request_name("io.vivianite.Test.Peers").await?;
    Ok(connection)
}

impl Control {
    fn peer(&self, word: &str) -> Result<Arc<Peer>> {
        let kind = Kind::parse(word).map_err(invalid)?;
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = peers.get(&kind).map(Arc::clone);
        peer.ok_or_else(|| Error::InvalidArgs(format!("{word} is not in the plan")))
    }

    fn map_changed(&self, change: impl FnOnce(&mut crate::plan::Mapped)) -> Result<()> {
        let peer = self.peer(Kind::ObjectMapper.word())?;
        if let Some(mapped) = peer.state().role.mapped() {
            change(mapped);
        }
        Ok(())
    }
}

#[zbus::interface(name = "io.vivianite.Test.Peers1")]
impl Control {
    async fn set_mode(&self, peer: &str, mode: &str) -> Result<()> {
        let mode = Mode::parse(mode).map_err(invalid)?;
        self.peer(peer)?.enter(mode).await.map_err(Error::from)
    }

    fn calls(&self, peer: &str) -> Result<String> {
        Ok(self.peer(peer)?.state().calls.join("\n"))
    }

    fn forget(&self, peer: &str) -> Result<()> {
        self.peer(peer)?.state().calls.clear();
        Ok(())
    }

    async fn set_text(&self, peer: &str, property: &str, value: &str) -> Result<()> {
        let peer = self.peer(peer)?;
        let signal = peer.state().role.objects().set_text(property, value);
        match signal {
            Some(signal) => peer.send(&signal?).await.map_err(Error::from),
            None => Err(Error::UnknownProperty(format!("there is no text {property}"))),
        }
    }

    fn behave(&self, peer: &str, way: &str) -> Result<()> {
        let is_known = self.peer(peer)?.state().role.behave(way);
        if is_known { Ok(()) } else { Err(Error::InvalidArgs(format!("{peer} has no way {way}"))) }
    }

    async fn settle(&self, peer: &str, path: &str, state: &str) -> Result<()> {
        let peer = self.peer(peer)?;
        let signals = peer.state().role.settle(path, state)?;
        for signal in signals {
            peer.send(&signal).await?;
        }
        Ok(())
    }

    async fn replace(&self, peer: &str) -> Result<()> {
        let kind = Kind::parse(peer).map_err(invalid)?;
        self.peer(peer)?.leave().await?;
        let new = Peer::start(kind, Mode::Normal, &self.plan).await.map_err(invalid)?;
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, new);
        Ok(())
    }

    async fn leave(&self, peer: &str) -> Result<()> {
        Ok(self.peer(peer)?.leave().await?)
    }

    fn map(&self, path: String, service: String, interfaces: Vec<String>) -> Result<()> {
        self.map_changed(|mapped| {
            mapped.entry(path).or_default().insert(service, interfaces);
        })
    }

    fn unmap(&self, path: &str) -> Result<()> {
        self.map_changed(|mapped| {
            mapped.remove(path);
        })
    }
}

fn invalid(error: anyhow::Error) -> Error {
    Error::InvalidArgs(format!("{error:#}"))
}
