//! How the service comes up: everything in place before its name.

use crate::codes::Codes;
use crate::collection::Collection;
use crate::faults::Faults;
use crate::history::History;
use crate::interrupted::Interrupted;
use crate::known::Known;
use crate::queue::Queue;
use crate::recover;
use crate::service::{Peers, Service};
use crate::settings;
use crate::work::Stores;
use anyhow::Context as _;
use dbus_api::inventory::codes;
use dbus_api::inventory::manager as inventory;
use dbus_api::standard::OBJECT_MANAGER;
use dbus_api::state::CHASSIS_POWER;
use dbus_api::vpd::{collection, manager, writer};
use durable_state::RealDisk;
use event_log::{EventLog, Limits};
use peer::{Peer, PropertyFollower};
use service_runtime::bus::Accepts;
use service_runtime::daemon::Start;
use service_runtime::{Exit, bus, folders};
use std::collections::{BTreeSet, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use zbus::message::Type as MessageType;
use zbus::{Connection, MatchRule, Message, MessageStream};

/// A keyword may have 65,535 bytes; the bus's policy lets root and the administrators of VPD write them. Of new objects, location
/// codes are wanted, and without its body such a signal has all of them read again.
const ACCEPTS: Accepts = Accepts {
    large: &[
        ((manager::INTERFACE, manager::WRITE_KEYWORD), 128 * 1024),
        ((manager::INTERFACE, manager::UPDATE_KEYWORD), 128 * 1024),
        ((manager::INTERFACE, manager::WRITE_KEYWORD_ON_HARDWARE), 128 * 1024),
        ((writer::INTERFACE, writer::WRITE), 256 * 1024),
        ((writer::INTERFACE, writer::REPAIR_FROM), 256 * 1024),
        ((OBJECT_MANAGER, "InterfacesAdded"), 64 * 1024),
    ],
    ..Accepts::SHORT
};
/// Longest wait for an answer to a call of ours: of the collection service for a parser's run, which it gives up itself after a
/// minute, unless configured otherwise.
const CALL_LIMIT: Duration = Duration::from_secs(70);
/// Reads settings and the chosen system, takes the name and serves until told to stop.
pub async fn start(start: Start) -> anyhow::Result<()> {
    let Some(fragment) = start.settings::<settings::Fragment>()? else { return Ok(()) };
    let settings = fragment.settings().context(Exit::Configuration)?;
    let known = Known::load(&start.root)?;
    let (connection, _replies) = bus::connect_as_service(CALL_LIMIT, &ACCEPTS).await?;
    // Two writers must not share a state folder; the name tells before the folder is touched.
    bus::refuse_second(&connection, manager::BUS_NAME).await?;
    let state = folders::state().unwrap_or_else(|| start.root.join(recover::STATE));
    let this_boot = folders::runtime().unwrap_or_else(|| start.root.join(recover::RUNTIME));
    let stores = Stores::at(&state, Some(this_boot), RealDisk);
    stores.open().with_context(|| format!("cannot use {}", state.display()))?;
    let mut interrupted = Interrupted::default();
    let pending =
        stores.journals.keys().with_context(|| format!("cannot read the journals in {}", state.display()))?;
    pending.into_iter().for_each(|key| interrupted.found(key));
    let rules = codes::rules().context("a rule of ours is wrong")?;
    let inventory = Peer::follow(&connection, inventory::BUS_NAME, rules).await?;
    let rules = [state_changed_rule().context("a rule of ours is wrong")?];
    let collection = Peer::follow(&connection, collection::BUS_NAME, rules).await?;
    let power = PropertyFollower::follow(&connection, CHASSIS_POWER).await?;
    let events = EventLog::start(&connection, Some(state), Limits::default());
    let mut messages = MessageStream::from(&connection);
    let early = own(&connection, &mut messages).await?;
    let (tell, heard) = mpsc::unbounded_channel();
    let service = Service {
        settings,
        known: Arc::new(known),
        queue: Queue::default(),
        wishes: 0,
        codes: Codes::default(),
        collection: Collection::default(),
        history: History::of(stores.past.entries()),
        stores: Arc::new(stores),
        interrupted,
        faults: Faults::default(),
        readings: Vec::new(),
        shown: BTreeSet::new(),
        events,
        is_off: None,
        not_compared: BTreeSet::new(),
        retry_at: None,
        connection,
        tell,
        began: Instant::now(),
        ends_at: None,
    };
    service.run(start.lifecycle, Peers { inventory, collection, power, messages, heard }, early).await
}

/// What the collection service says of its own accord.
fn state_changed_rule() -> zbus::Result<MatchRule<'static>> {
    let signal = MatchRule::builder().msg_type(MessageType::Signal).sender(collection::BUS_NAME);
    signal.path(collection::PATH).interface(collection::INTERFACE).member(collection::STATE_CHANGED).build()
}

/// Takes the name. What comes meanwhile is read, or the bus's answer would not be.
async fn own(connection: &Connection, messages: &mut MessageStream) -> anyhow::Result<VecDeque<Message>> {
    let mut early = VecDeque::new();
    let mut owning = pin!(bus::own(connection, manager::BUS_NAME));
    loop {
        tokio::select! {
            biased;
            owned = &mut owning => return owned.map(|()| early),
            message = bus::next(messages) => {
                let message = message?;
                if message.message_type() == MessageType::MethodCall && early.len() < ACCEPTS.waiting.get() {
                    early.push_back(message);
                }
            }
        }
    }
}
