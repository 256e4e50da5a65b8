//! The owner of the inventory: one task, one message at a time.

use crate::adoption::{self, Orders, Source};
use crate::associations::Associations;
use crate::dbus::Call;
use crate::error::CallFailure;
use crate::inventory::{Inventory, Told};
use crate::requests::{Outgoing, State};
use crate::restoring::Restoring;
use crate::schema::{self, Schema};
use crate::settings::{self, Settings};
use crate::store::Store;
use crate::{NAME, limits};
use anyhow::Context as _;
use dbus_api::inventory::{deletion, manager};
use durable_state::RealDisk;
use service_runtime::bus::Accepts;
use service_runtime::daemon::{Lifecycle, Start, Turn, raw};
use service_runtime::{Exit, bus, folders};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;
use zbus::message::{Flags, Type as MessageType};
use zbus::{Connection, Message, MessageStream};

/// What may be long: changes, which the bus's policy lets the parsers' user and root make.
const ACCEPTS: Accepts = Accepts {
    large: &[
        ((manager::INTERFACE, manager::NOTIFY), limits::BODY),
        // Each object that there may be, by a path of 250 bytes.
        ((deletion::INTERFACE, deletion::DELETE), 1024 * 1024),
    ],
    ..Accepts::SHORT
};
/// Longest wait for a reply of the bus itself; the service calls nobody else.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Longest wait for the bus to take what we send; shorter than any watchdog.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// Reads settings, schema and state, takes the name and serves until told to stop.
pub async fn start(start: Start) -> anyhow::Result<()> {
    let Some(fragment) = start.settings::<settings::Fragment>()? else { return Ok(()) };
    let settings = Settings::new(&fragment, folders::state());
    let schema = load_schema(&start)?;
    let mut associations = Associations::load(&start.root).context(Exit::Configuration)?;
    let connection = bus::connect(CALL_LIMIT, &ACCEPTS).await?;
    // Two inventories must not share a state folder; the name tells before the folder is touched.
    bus::refuse_second(&connection, manager::BUS_NAME).await?;
    let mut inventory = Inventory::default();
    let mut restoring = Restoring::new(&schema, &mut inventory);
    let mut store = Store::open(&settings.state_directory, RealDisk, &mut |entry| restoring.take(&entry))
        .with_context(|| format!("cannot use {}", settings.state_directory.display()))?;
    restoring.finish();
    if let Some(folder) = settings.adopt_from(&start.root)
        && store.claim()
    {
        adopt(&mut store, folder, &schema, &start.root, &mut inventory);
    }
    associations.apply(&schema, &mut inventory);
    // Calls are answered in the order in which they come, and what a call has changed is told before its reply: zbus's
    // object server has a task per call, and keeps neither.
    let mut messages = MessageStream::from(&connection);
    bus::own(&connection, manager::BUS_NAME).await?;
    let mut lifecycle = start.lifecycle;
    let mut service =
        Service { settings, schema, inventory, associations, store, connection, failed_at: None };
    service.tell_status(&lifecycle);
    lifecycle.ready();
    let outcome = service.serve(&mut messages, &mut lifecycle).await;
    lifecycle.stopping();
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
fn adopt(store: &mut Store, folder: PathBuf, schema: &Schema, root: &Path, inventory: &mut Inventory) {
    let orders = service_config::load::<Orders>(root, "inventory-order").map(|merged| merged.fragment);
    let orders = orders.unwrap_or_else(|error| {
        log::error!("only files that name their values can be adopted: {error}");
        Orders::new()
    });
    adoption::adopt(store, &Source { folder, schema, orders: &orders }, inventory);
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
    async fn serve(&mut self, messages: &mut MessageStream, lifecycle: &mut Lifecycle) -> anyhow::Result<()> {
        // A start may have left something to carry over.
        let mut checkpoint_at = self.checkpoint_due();
        loop {
            tokio::select! {
                turn = lifecycle.turn(checkpoint_at) => match turn {
                    Turn::Stop => return Ok(()),
                    Turn::Due => {
                        self.checkpoint();
                        checkpoint_at = self.checkpoint_due();
                    }
                },
                message = bus::next(messages) => {
                    let written = self.store.journal_length();
                    let mut outgoing = self.take(&message?, lifecycle)?;
                    loop {
                        let messages = outgoing.next_messages(&self.schema, &self.inventory);
                        if messages.is_empty() {
                            break;
                        }
                        tokio::select! {
                            _stop = lifecycle.turn(None) => return Ok(()),
                            sent = self.send(&messages) => sent?,
                        }
                    }
                    // Who only reads must not put the checkpoint off for ever.
                    if self.store.journal_length() != written || checkpoint_at.is_none() {
                        checkpoint_at = self.checkpoint_due();
                    }
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

    fn tell_status(&self, lifecycle: &Lifecycle) {
        let objects = self.inventory.objects().len();
        lifecycle.status(&format!("{objects} objects, {} interfaces known", self.schema.len()));
    }

    /// Performs a call; what is to be sent is the result.
    fn take(&mut self, message: &Message, lifecycle: &Lifecycle) -> anyhow::Result<Outgoing> {
        if message.message_type() != MessageType::MethodCall {
            return Ok(Outgoing::default());
        }
        let (told, reply) = self.answer(message);
        let is_wanted = !message.primary_header().flags().contains(Flags::NO_REPLY_EXPECTED);
        let reply = is_wanted.then_some(reply).transpose().context("cannot build a reply")?;
        let outgoing = Outgoing::new(told, reply);
        if outgoing.has_signals() {
            self.tell_status(lifecycle);
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

    /// What is to be told of a call, and its reply.
    fn answer(&mut self, message: &Message) -> (Vec<Told>, zbus::Result<Message>) {
        if let Some(reply) = raw::log_control(message, NAME) {
            return (Vec::new(), reply);
        }
        let (header, body) = (message.header(), message.body());
        let mut state = State {
            schema: &self.schema,
            inventory: &mut self.inventory,
            associations: &mut self.associations,
            store: &mut self.store,
        };
        let mut told = Vec::new();
        let reply = Call::new(&header, &body)
            .ok_or_else(CallFailure::headless)
            .and_then(|call| state.perform(&call, &header, &mut told));
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
        (told, reply)
    }
}
