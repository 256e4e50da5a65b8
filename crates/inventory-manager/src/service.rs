//! The owner of the inventory: one task, one message at a time.

use crate::adoption::{self, Orders, Source};
use crate::associations::Associations;
use crate::dbus::Call;
use crate::error::CallFailure;
use crate::inventory::Inventory;
use crate::requests::State;
use crate::schema::{self, Schema};
use crate::settings::{self, Settings};
use crate::store::{Restored, Store};
use anyhow::Context as _;
use dbus_api::inventory::manager;
use durable_state::RealDisk;
use futures_core::Stream;
use service_runtime::daemon::{Start, at};
use service_runtime::{Exit, Readiness, bus};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;
use zbus::message::{Flags, Type as MessageType};
use zbus::{Connection, Message, MessageStream};

/// Longest wait for a reply of the bus itself; the service calls nobody else.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Longest wait for the bus to take what we send; shorter than any watchdog.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// Reads settings, schema and state, takes the name and serves until told to stop.
pub async fn start(mut start: Start) -> anyhow::Result<()> {
    let fragment =
        service_config::load::<settings::Fragment>(&start.root, start.name).context(Exit::Configuration)?;
    if start.print_config {
        return service_runtime::print(&fragment.describe());
    }
    let settings = Settings::new(&fragment.fragment, std::env::var_os("STATE_DIRECTORY").map(Into::into));
    let schema = load_schema(&start)?;
    let mut associations = Associations::load(&start.root).context(Exit::Configuration)?;
    let connection = bus::connect(CALL_LIMIT).await?;
    refuse_a_second_inventory(&connection).await?;
    let (mut store, restored) = Store::open(&settings.state_directory, RealDisk)
        .with_context(|| format!("cannot use {}", settings.state_directory.display()))?;
    let restored = match settings.adopt_from(&start.root) {
        Some(folder) if store.claim(&restored) => adopt(&mut store, folder, &schema, &start.root),
        _ => restored,
    };
    let mut inventory = Inventory::default();
    restore(&schema, &mut inventory, restored);
    inventory.apply(&associations.updates(&schema, &inventory));
    let mut messages = MessageStream::from(&connection);
    bus::own(&connection, manager::BUS_NAME).await?;
    let mut service =
        Service { settings, schema, inventory, associations, store, connection, failed_at: None };
    service.tell_status(&start.readiness);
    start.readiness.ready();
    let outcome = service.serve(&mut messages, &mut start).await;
    start.readiness.stopping();
    service.store.checkpoint().context("cannot carry the journal over")?;
    outcome
}

fn load_schema(start: &Start) -> anyhow::Result<Schema> {
    let fragment = service_config::load::<schema::Fragment>(&start.root, "inventory-schema")
        .context(Exit::Configuration)?
        .fragment;
    let schema = Schema::from_fragment(&fragment).context("inventory-schema").context(Exit::Configuration)?;
    if schema.is_empty() {
        return Err(anyhow::anyhow!(
            "no interface in inventory-schema.d/*.toml below {}",
            start.root.display()
        ))
        .context(Exit::Configuration);
    }
    Ok(schema)
}

/// Takes over what upstream knew; whatever is wrong with it, the inventory starts.
fn adopt(store: &mut Store, folder: PathBuf, schema: &Schema, root: &Path) -> Vec<Restored> {
    let orders = service_config::load::<Orders>(root, "inventory-order").map(|merged| merged.fragment);
    let orders = orders.unwrap_or_else(|error| {
        log::error!("only files that name their values can be adopted: {error}");
        Orders::new()
    });
    adoption::adopt(store, &Source { folder, schema, orders: &orders })
}

/// Two inventories must not share a state folder; the name tells before the folder is touched.
async fn refuse_a_second_inventory(connection: &Connection) -> anyhow::Result<()> {
    let reply = connection
        .call_method(
            Some("org.freedesktop.DBus"),
            "/org/freedesktop/DBus",
            Some("org.freedesktop.DBus"),
            "NameHasOwner",
            &manager::BUS_NAME,
        )
        .await
        .context(Exit::PeerUnavailable)?;
    if reply.body().deserialize()? {
        return Err(anyhow::anyhow!("{} has an owner already", manager::BUS_NAME))
            .context(Exit::Configuration);
    }
    Ok(())
}

/// Puts persisted values back under today's schema.
fn restore(schema: &Schema, inventory: &mut Inventory, restored: Vec<Restored>) {
    let mut unknown = BTreeSet::new();
    for one in restored {
        if dbus_api::inventory::relative_path(&one.path).is_none()
            || crate::dbus::full_path(&one.path).is_err()
        {
            log::warn!("persisted values passed over: no object can be called object={}", one.path);
            continue;
        }
        let Some(properties) = schema.interface(&one.interface) else {
            unknown.insert(one.interface);
            continue;
        };
        let value = |(name, schema): (&String, &schema::PropertySchema)| {
            let kept = one.properties.get(name).and_then(|json| schema.kind.from_json(json));
            (name.clone(), kept.unwrap_or_else(|| schema.initial.clone()))
        };
        inventory.restore(&one.path, &one.interface, properties.iter().map(value).collect());
    }
    for interface in unknown {
        log::warn!(
            "persisted values kept aside: the schema no longer has their interface interface={interface}"
        );
    }
}

struct Service {
    settings: Settings,
    schema: Schema,
    inventory: Inventory,
    associations: Associations,
    store: Store<RealDisk>,
    connection: Connection,
    /// When a checkpoint failed last, so that a sick disk is not asked at every call.
    failed_at: Option<Instant>,
}

impl Service {
    async fn serve(&mut self, messages: &mut MessageStream, start: &mut Start) -> anyhow::Result<()> {
        let watchdog = start.readiness.watchdog_interval();
        let mut alive_at = watchdog.map(|interval| Instant::now() + interval);
        // A start may have left something to carry over.
        let mut checkpoint_at = self.checkpoint_due();
        loop {
            tokio::select! {
                () = start.termination.requested() => return Ok(()),
                message = next(messages) => {
                    let message = message.context("the bus went away").context(Exit::PeerUnavailable)?
                        .context("the connection to the bus broke").context(Exit::PeerUnavailable)?;
                    let written = self.store.journal_length();
                    let outgoing = self.take(&message, &start.readiness)?;
                    tokio::select! {
                        () = start.termination.requested() => return Ok(()),
                        sent = self.send(&outgoing) => sent?,
                    }
                    // Who only reads must not put the checkpoint off for ever.
                    if self.store.journal_length() != written || checkpoint_at.is_none() {
                        checkpoint_at = self.checkpoint_due();
                    }
                }
                () = at(checkpoint_at) => {
                    self.checkpoint();
                    checkpoint_at = self.checkpoint_due();
                }
                () = at(alive_at) => {
                    start.readiness.alive();
                    alive_at = watchdog.map(|interval| Instant::now() + interval);
                }
            }
        }
    }

    fn checkpoint_due(&self) -> Option<Instant> {
        (!self.store.is_settled()).then(|| Instant::now() + self.settings.checkpoint_idle)
    }

    fn checkpoint(&mut self) {
        self.failed_at = match self.store.checkpoint() {
            Ok(()) => None,
            Err(error) => {
                log::warn!("cannot carry the journal over, trying again later: {error}");
                Some(Instant::now())
            }
        };
    }

    fn tell_status(&self, readiness: &Readiness) {
        let objects = self.inventory.objects().len();
        readiness.status(&format!("{objects} objects, {} interfaces known", self.schema.len()));
    }

    /// Performs a call; what is to be sent is the result.
    fn take(&mut self, message: &Message, readiness: &Readiness) -> anyhow::Result<Vec<Message>> {
        if message.message_type() != MessageType::MethodCall {
            return Ok(Vec::new());
        }
        let (mut outgoing, reply) = self.answer(message);
        if !outgoing.is_empty() {
            self.tell_status(readiness);
        }
        if !message.primary_header().flags().contains(Flags::NO_REPLY_EXPECTED) {
            outgoing.push(reply.context("cannot build a reply")?);
        }
        let is_full = self.store.journal_length() > self.settings.journal_limit;
        if is_full && self.failed_at.is_none_or(|at| at.elapsed() > self.settings.checkpoint_idle) {
            self.checkpoint();
        }
        Ok(outgoing)
    }

    /// Hands messages to the bus; a bus that takes nothing must not hold the service.
    async fn send(&self, outgoing: &[Message]) -> anyhow::Result<()> {
        tokio::time::timeout(SEND_LIMIT, self.connection.send_all(outgoing))
            .await
            .context("the bus does not take our messages")
            .context(Exit::PeerUnavailable)?
            .context("cannot send")
            .context(Exit::PeerUnavailable)
    }

    /// The signals that a call causes, and its reply.
    fn answer(&mut self, message: &Message) -> (Vec<Message>, zbus::Result<Message>) {
        let (header, body) = (message.header(), message.body());
        let mut state = State {
            schema: &self.schema,
            inventory: &mut self.inventory,
            associations: &mut self.associations,
            store: &mut self.store,
        };
        let mut signals = Vec::new();
        let reply = Call::new(&header, &body)
            .ok_or_else(CallFailure::headless)
            .and_then(|call| state.perform(&call, &header, &mut signals));
        let reply = reply.unwrap_or_else(|failure| {
            log::debug!("call refused: {failure}");
            Message::error(&header, failure.name()).build(&failure.to_string())
        });
        // Too large for a message, most likely; the caller is told rather than everybody served no more.
        let reply = reply.or_else(|error| {
            log::warn!("a reply cannot be built: {error}");
            let text = format!("the reply cannot be built: {error}");
            Message::error(&header, dbus_api::standard::error::LIMITS_EXCEEDED).build(&text)
        });
        (signals, reply)
    }
}

async fn next(messages: &mut MessageStream) -> Option<zbus::Result<Message>> {
    poll_fn(|context| Pin::new(&mut *messages).poll_next(context)).await
}
