//! Stand-ins for the services that a BMC has beside ours: object mapper, event log, chassis, host and BMC state, field
//! mode, an installer of firmware, a device that takes firmware itself, and phosphor-inventory-manager.
//!
//! Each peer has a connection and a bus name of its own, and a [`Mode`] that can change while it runs: normal, absent,
//! slow, hanging, or refusing. Every call that it gets is kept, with its arguments, answered or not. A test talks to
//! `io.vivianite.Test.Peers`, object `/io/vivianite/test/peers`, interface `io.vivianite.Test.Peers1`:
//!
//! | method | what it does |
//! |---|---|
//! | `SetMode(s peer, s mode)` | `normal`, `absent`, `hanging`, `refusing`, `slow 500` (milliseconds) |
//! | `Calls(s peer) → s` | a line for each call: object, interface and method, arguments |
//! | `Forget(s peer)` | forgets the calls so far |
//! | `SetText(s peer, s property, s value)` | changes a text of a state object, with its signal |
//! | `Behave(s peer, s way)` | what installer or device does when it is told to begin: `install`, `fail`, `stay` Activating, `refuse`, or `vanish Staged`: it comes to that state and has nothing to do with the image any more |
//! | | the software manager: `install`, `fail`, `stay`; `busy`: it refuses the call; `invalid`: the image is, and goes; `old`: it answers with an object that was there; `force`: it wants a third argument |
//! | `Settle(s peer, s path, s state)` | an image of the installer's comes to a state: `Active`, `Failed`, ... |
//! | `Leave(s peer)` | the peer's connection ends, as if it had crashed |
//! | `Replace(s peer)` | the same, and another comes in its place that knows nothing |
//! | `Map(s path, s service, as interfaces)`, `Unmap(s path)` | what the object mapper knows |
//!
//! The object mapper also knows what services of firmware say of their objects and associations; others it must be told of. The installer
//! is one for power supplies: it claims an image whose version, purpose and path come in one message. The device is the
//! object `/xyz/openbmc_project/software/device_1`, and takes what is to be installed at once. The BMC updater is
//! phosphor-image-updater, the software manager phosphor-software-manager with `/xyz/openbmc_project/software/1a2b3c4d` as
//! what runs. `phosphor-inventory` is phosphor-inventory-manager, which never answers a call with a value of a wrong type.
//!
//! Which peers there are is said by `/etc/bed/peers.toml`, see [`Plan`]. The names here are written out once more on
//! purpose: stand-ins that took them from our own tables would agree with any mistake there.
//!
//! Sources: `xyz.openbmc_project.{ObjectMapper,Logging.Create,Logging.Entry,State.*,Software.*}` of phosphor-dbus-interfaces, and
//! the behaviour of phosphor-objmgr and phosphor-psu-code-manager.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod call;
mod control;
mod mode;
mod objects;
mod peer;
mod plan;
mod roles;

pub use mode::Mode;
pub use plan::Plan;

use anyhow::Context as _;
use peer::Peer;
use service_runtime::Exit;
use service_runtime::daemon::Start;
use std::collections::BTreeMap;

/// Where the plan lies below the root.
const PLAN: &str = "etc/bed/peers.toml";

/// Starts the planned peers, each in its mode, and serves until told to stop.
///
/// Errors: no plan, or a wrong one; a bus that cannot be reached, or does not grant a name.
pub async fn start(mut start: Start) -> anyhow::Result<()> {
    let path = start.root.join(PLAN);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string());
    let text = text.context(Exit::Configuration)?;
    let plan = Plan::parse(&text).with_context(|| path.display().to_string()).context(Exit::Configuration)?;
    let mut peers = BTreeMap::new();
    for (kind, mode) in &plan.peers {
        let peer = Peer::start(*kind, *mode, &plan).await.with_context(|| format!("starting {kind}"))?;
        peers.insert(*kind, peer);
    }
    let names: Vec<&str> = peers.keys().map(|kind| kind.word()).collect();
    start.lifecycle.status(&names.join(", "));
    let _control = control::serve(peers, plan).await?;
    start.lifecycle.ready();
    // Without a moment to wait for, it ends with the wish that the process end.
    start.lifecycle.turn(None).await;
    Ok(())
}
