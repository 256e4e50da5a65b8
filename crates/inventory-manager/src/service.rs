//! The owner of the inventory: one task, one message at a time.

use crate::adoption::{self, Orders, Source};
use crate::associations::Associations;
use crate::dbus::{self, Call};
use crate::error::CallFailure;
use crate::held::{Held, Limits, Room, Waiting};
use crate::inventory::{Inventory, Told};
use crate::requests::{Outgoing, State};
use crate::restoring::Restoring;
use crate::schema::{self, Schema};
use crate::settings::{self, Settings};
use crate::store::Store;
use crate::{NAME, limits};
use anyhow::Context as _;
use dbus_api::inventory::{deletion, manager};
use dbus_api::standard::PROPERTIES;
use durable_state::RealDisk;
use service_runtime::bus::{Accepts, Replies, SMALL};
use service_runtime::daemon::{Lifecycle, Start, Turn, raw};
use service_runtime::{Exit, bus, folders};
use std::collections::VecDeque;
use std::future::ready;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;
use tokio::time::Instant;
use zbus::message::{Flags, Type as MessageType};
use zbus::{Connection, Message, MessageStream};

/// What may be long: changes, which the bus's policy lets the parsers' user and root make.
const ACCEPTS: Accepts = Accepts {
    large: &[
        ((manager::INTERFACE, manager::NOTIFY), limits::BODY),
        // Of one object at most; what is more is refused by that name.
        ((PROPERTIES, "Set"), 2 * limits::OBJECT),
        // Each object that there may be, by a path of 250 bytes.
        ((deletion::INTERFACE, deletion::DELETE), 1024 * 1024),
    ],
    // The service calls no other than the bus; the answers to its pings are passed over.
    answers: Accepts::SMALL,
    weighs_replies: true,
    // Each may be a `Notify` of 8 MiB.
    waiting: NonZeroUsize::MIN.saturating_add(3),
    ..Accepts::SHORT
};
/// So many messages are taken, where there are so many, before the next large reply is sent: who asks for little does not wait
/// for all who ask for much. It is sent before when so much time has passed, and four times what the one before has taken: some
/// messages take long, and so do large replies on a slow machine.
const TAKEN_BEFORE_LARGE: usize = 64;
const TIME_BEFORE_LARGE: Duration = Duration::from_millis(100);
const LARGE_SHARE: u32 = 4;
/// Longest call that may wait for its reply's turn, bytes: it names an interface at most.
const LONGEST_HELD: usize = 4 * 1024;
/// Longest wait for a reply of the bus itself; the service waits for no other.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Longest wait for the bus to take what we send; shorter than any watchdog.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// Reads settings, schema and state, takes the name and serves until told to stop.
pub async fn start(start: Start) -> anyhow::Result<()> {
    let Some(fragment) = start.settings::<settings::Fragment>()? else { return Ok(()) };
    let settings = Settings::new(&fragment, folders::state());
    let schema = load_schema(&start.root)?;
    let mut associations = Associations::load(&start.root, &schema);
    let (connection, replies) = bus::connect_as_service(CALL_LIMIT, &ACCEPTS).await?;
    // Two inventories must not share a state folder; the name tells before the folder is touched.
    bus::refuse_second(&connection, manager::BUS_NAME).await?;
    let mut inventory = Inventory::default();
    let mut restoring = Restoring::new(&schema, &mut inventory);
    let mut store = Store::open(&settings.state_directory, RealDisk, &mut |entry| restoring.take(entry))
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
    let early = own(&connection, &mut messages).await?;
    let mut lifecycle = start.lifecycle;
    let mut service = Service {
        settings,
        schema,
        inventory,
        associations,
        store,
        connection,
        failed_at: None,
        replies,
        held: Held::new(Limits::BUS),
        may_serve: false,
        began: Instant::now(),
    };
    service.tell_status(&lifecycle);
    lifecycle.ready();
    let outcome = service.serve(early, &mut messages, &mut lifecycle).await;
    lifecycle.stopping();
    service.store.checkpoint().context("cannot carry the journal over")?;
    outcome
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
                // Before the name is ours, few may call us at all.
                if message.message_type() == MessageType::MethodCall && early.len() < ACCEPTS.waiting.get() {
                    early.push_back(message);
                }
            }
        }
    }
}

/// Without the image's schema there is no inventory, without a site's addition to it some interfaces are not hosted; their
/// values stay on disk.
fn load_schema(root: &Path) -> anyhow::Result<Schema> {
    let fits = |fragment: &schema::Fragment| {
        Schema::from_fragment(fragment).map(drop).map_err(|error| error.to_string())
    };
    let loaded = service_config::load_leaving_out(root, "inventory-schema", &fits);
    let (merged, left_out) = loaded.context(Exit::Configuration)?;
    for error in left_out {
        log::warn!(
            "left out, so that its interfaces are not hosted as it says: {:#}",
            anyhow::Error::new(error)
        );
    }
    let schema = Schema::from_fragment(&merged.fragment).context("inventory-schema");
    let schema = schema.context(Exit::Configuration)?;
    if schema.is_empty() {
        let reason = format!("no interface in inventory-schema.d/*.toml below {}", root.display());
        return Err(anyhow::anyhow!(reason)).context(Exit::Configuration);
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
    /// What clients have not read.
    replies: Replies,
    /// Calls that wait until clients of their user have read.
    held: Held<Message>,
    /// Whether one of them may be served, as far as is known.
    may_serve: bool,
    /// The time of `held` counts from here.
    began: Instant,
}

/// What became of a call.
enum Taken {
    /// It was performed, and this is to be sent.
    Done(Outgoing),
    /// Its reply has so many bytes, at most, and nothing was changed.
    Large(usize),
}

/// A refusal quotes what it was given, which may be long.
fn shortened(mut text: String) -> String {
    const LIMIT: usize = 2_000;
    if text.len() > LIMIT {
        text.truncate((0..=LIMIT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default());
        text.push('…');
    }
    text
}

impl Room for Replies {
    fn user_of(&self, client: &str) -> Option<u32> {
        Self::user_of(self, client)
    }

    fn is_gone(&self, client: &str) -> bool {
        Self::is_gone(self, client)
    }

    fn fits(&self, client: &str, bytes: usize) -> bool {
        Self::fits(self, client, bytes)
    }
}

impl Service {
    async fn serve(
        &mut self,
        early: VecDeque<Message>,
        messages: &mut MessageStream,
        lifecycle: &mut Lifecycle,
    ) -> anyhow::Result<()> {
        for message in early {
            if !self.handle(&message, lifecycle).await? {
                return Ok(());
            }
        }
        // A start may have left something to carry over.
        let mut checkpoint_at = self.checkpoint_due();
        // Messages since a large reply was sent, and when the next one goes before further messages.
        let (mut taken, mut large_at) = (0, Instant::now());
        loop {
            let refuse_at = self.held.due().map(|due| self.began + due);
            let is_large_due =
                self.may_serve && (taken >= TAKEN_BEFORE_LARGE || (taken > 0 && large_at <= Instant::now()));
            tokio::select! {
                biased;
                turn = lifecycle.turn(checkpoint_at.into_iter().chain(refuse_at).min()) => match turn {
                    Turn::Stop => return Ok(()),
                    Turn::Due => {
                        if !self.refuse_held(lifecycle).await? {
                            return Ok(());
                        }
                        // What stood behind those may fit.
                        self.may_serve = true;
                        if checkpoint_at.is_some_and(|at| at <= Instant::now()) {
                            self.checkpoint();
                            self.tell_unmet();
                            checkpoint_at = self.checkpoint_due();
                        }
                    }
                },
                () = self.replies.freed() => {
                    if !self.refuse_held(lifecycle).await? {
                        return Ok(());
                    }
                    self.may_serve = true;
                }
                () = ready(()), if is_large_due => {
                    let Some(next) = self.serve_held(lifecycle).await? else { return Ok(()) };
                    (taken, large_at) = (0, next);
                }
                message = bus::next(messages) => {
                    taken += 1;
                    let written = self.store.journal_length();
                    if !self.handle(&message?, lifecycle).await? {
                        return Ok(());
                    }
                    // Who only reads must not put the checkpoint off for ever.
                    if self.store.journal_length() != written || checkpoint_at.is_none() {
                        checkpoint_at = self.checkpoint_due();
                    }
                }
                // Behind what the connection has ready, which it can only hand on meanwhile.
                () = tokio::task::yield_now(), if self.may_serve => {
                    let Some(next) = self.serve_held(lifecycle).await? else { return Ok(()) };
                    (taken, large_at) = (0, next);
                }
            }
        }
    }

    /// Does what a message asks for; whether the service goes on.
    async fn handle(&mut self, message: &Message, lifecycle: &mut Lifecycle) -> anyhow::Result<bool> {
        // Answers of the bus are for the connection.
        if message.message_type() != MessageType::MethodCall {
            return Ok(true);
        }
        match self.take(message, lifecycle)? {
            Taken::Done(outgoing) => self.deliver(outgoing, lifecycle).await,
            Taken::Large(bytes) => self.hold(message, bytes, lifecycle).await,
        }
    }

    /// Sends what a call has brought about; whether the service goes on.
    async fn deliver(&self, mut outgoing: Outgoing, lifecycle: &mut Lifecycle) -> anyhow::Result<bool> {
        loop {
            let messages = outgoing.next_messages(&self.schema, &self.inventory);
            if messages.is_empty() {
                return Ok(true);
            }
            tokio::select! {
                _stop = lifecycle.turn(None) => return Ok(false),
                sent = self.send(&messages) => sent?,
            }
        }
    }

    /// Has a call with a large reply wait for its turn, and until its client and its user have read; whether the service goes on.
    async fn hold(
        &mut self,
        call: &Message,
        bytes: usize,
        lifecycle: &mut Lifecycle,
    ) -> anyhow::Result<bool> {
        let header = call.header();
        // The bus puts it in.
        let Some(client) = header.sender() else { return Ok(true) };
        if call.data().len() > LONGEST_HELD {
            return self.refuse(call, lifecycle).await;
        }
        let now = self.began.elapsed();
        if let Some(refused) = self.held.push(client.as_str(), bytes, call.clone(), now, &self.replies)
            && !self.refuse(&refused, lifecycle).await?
        {
            return Ok(false);
        }
        self.may_serve = true;
        Ok(true)
    }

    /// Refuses what has waited for too long, and what may not wait by what is known now; whether the service goes on.
    async fn refuse_held(&mut self, lifecycle: &mut Lifecycle) -> anyhow::Result<bool> {
        for call in self.held.refused(self.began.elapsed(), &self.replies) {
            if !self.refuse(&call, lifecycle).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Serves the first call that waits and whose reply may be sent. Result: when the next goes before further messages; nothing
    /// where the service is to end.
    async fn serve_held(&mut self, lifecycle: &mut Lifecycle) -> anyhow::Result<Option<Instant>> {
        let began = Instant::now();
        let goes_on = match self.next_held() {
            Some(waiting) => {
                let reply = self.answer(&waiting.call).1.context("cannot build a reply")?;
                self.deliver(Outgoing::new(Vec::new(), Some(reply)), lifecycle).await?
            }
            None => {
                self.may_serve = false;
                true
            }
        };
        let wait = TIME_BEFORE_LARGE.max(began.elapsed().saturating_mul(LARGE_SHARE));
        Ok(goes_on.then(|| Instant::now() + wait))
    }

    /// The first call that waits and whose reply may be sent. It counts once it is sent.
    fn next_held(&mut self) -> Option<Waiting<Message>> {
        loop {
            let mut waiting = self.held.take(&self.replies)?;
            // A reply may be as large as the inventory, which may have grown.
            let all = dbus::all_asked_for(&waiting.call, &self.schema, &self.inventory);
            let Some(bytes) = all.filter(|bytes| *bytes > waiting.bytes) else { return Some(waiting) };
            waiting.bytes = bytes;
            self.held.push_again(waiting);
        }
    }

    /// Refuses a call whose large reply may not be sent; whether the service goes on.
    async fn refuse(&self, call: &Message, lifecycle: &mut Lifecycle) -> anyhow::Result<bool> {
        let failure = CallFailure::Unread;
        let refusal = Message::error(&call.header(), failure.name()).build(&failure.to_string());
        let refusal = refusal.context("cannot build a reply")?;
        self.deliver(Outgoing::new(Vec::new(), Some(refusal)), lifecycle).await
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

    /// Says which conditions of associations cannot be judged, when nothing has been written for a while, so that the parsers
    /// are done, most likely.
    fn tell_unmet(&mut self) {
        for line in self.associations.unmet(&self.schema, &self.inventory) {
            log::warn!("associations: {line}");
        }
    }

    fn tell_status(&self, lifecycle: &Lifecycle) {
        let objects = self.inventory.objects().len();
        lifecycle.status(&format!("{objects} objects, {} interfaces known", self.schema.len()));
    }

    /// Performs a call, unless its reply is large: that is not under way unasked.
    fn take(&mut self, message: &Message, lifecycle: &Lifecycle) -> anyhow::Result<Taken> {
        let is_wanted = !message.primary_header().flags().contains(Flags::NO_REPLY_EXPECTED);
        if !is_wanted && !dbus::changes(message) {
            return Ok(Taken::Done(Outgoing::default()));
        }
        // Not built before it is known whether it may be sent.
        if let Some(bytes) =
            dbus::all_asked_for(message, &self.schema, &self.inventory).filter(|bytes| *bytes > SMALL)
        {
            return Ok(Taken::Large(bytes));
        }
        let (told, reply) = self.answer(message);
        let reply = is_wanted.then_some(reply).transpose().context("cannot build a reply")?;
        let length = reply.as_ref().map_or(0, |reply| reply.data().len());
        if length > SMALL {
            // Only what changes nothing has a large reply, so that it can be asked for once more.
            return Ok(Taken::Large(length));
        }
        let outgoing = Outgoing::new(told, reply);
        if outgoing.has_signals() {
            self.tell_status(lifecycle);
        }
        let is_full = self.store.journal_length() > self.settings.journal_limit;
        if is_full && self.failed_at.is_none_or(|at| at.elapsed() > self.settings.checkpoint_idle) {
            self.checkpoint();
        }
        Ok(Taken::Done(outgoing))
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
            Message::error(&header, failure.name()).build(&shortened(failure.to_string()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_schema_of_a_site_leaves_the_images_and_one_of_the_image_is_no_inventory() {
        let root = tempfile::tempdir().unwrap();
        let write = |tree: &str, text: &str| {
            let folder = root.path().join(tree).join("vivianite/inventory-schema.d");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("10-{}.toml", text.len())), text).unwrap();
        };
        write("usr/share", "[\"a.B\"]\nC = \"s\"\n");
        write("etc", "[\"a.C\"]\nD = \"h\"\n[\"a.D\"]\n");
        write("etc", "[\"a.E\"\n");
        write("etc", "[\"a.Good\"]\n");
        let schema = load_schema(root.path()).unwrap();
        assert!(schema.interface("a.B").is_some() && schema.interface("a.Good").is_some());
        assert!(schema.interface("a.D").is_none() && schema.len() == 2);
        write("usr/share", "broken");
        let error = load_schema(root.path()).unwrap_err();
        assert_eq!(error.downcast_ref::<Exit>(), Some(&Exit::Configuration));
    }
}
