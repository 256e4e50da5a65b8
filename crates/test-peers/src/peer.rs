//! A peer on the bus: takes calls, keeps them, and answers as its mode says.

use crate::call::{Answer, Call, Refusal};
use crate::mode::Mode;
use crate::plan::Plan;
use crate::roles::{Found, Kind, Role};
use futures_core::Stream as _;
use service_runtime::bus::Accepts;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use zbus::message::{Flags, Type};
use zbus::{Connection, Message, MessageStream, OwnedVariant, Structure};

/// Longest wait for the bus itself.
const CALL_LIMIT: Duration = Duration::from_secs(10);
const BUS: &str = "org.freedesktop.DBus";
/// A device may take its images itself, and the inventory large changes.
const ACCEPTS: Accepts = Accepts {
    descriptors: &[("xyz.openbmc_project.Software.Update", "StartUpdate")],
    large: &[(("xyz.openbmc_project.Inventory.Manager", "Notify"), 8 * 1024 * 1024)],
    ..Accepts::SHORT
};
/// Where services of firmware have their object manager.
const FIRMWARE: &str = "/xyz/openbmc_project/software";

/// One peer.
#[derive(Debug)]
pub(crate) struct Peer {
    kind: Kind,
    connection: Connection,
    state: Mutex<State>,
}

/// What changes while it runs.
#[derive(Debug)]
pub(crate) struct State {
    /// How it behaves.
    mode: Mode,
    /// Every call so far.
    pub calls: Vec<String>,
    /// What it is.
    pub role: Box<dyn Role>,
}

impl Peer {
    /// Connects, takes the name unless it is to be absent, and begins to serve.
    pub(crate) async fn start(kind: Kind, mode: Mode, plan: &Plan) -> anyhow::Result<Arc<Self>> {
        let connection = service_runtime::bus::connect(CALL_LIMIT, &ACCEPTS).await?;
        let messages = MessageStream::from(&connection);
        let state = State { mode, calls: Vec::new(), role: kind.role(plan) };
        for rule in state.role.rules() {
            connection.call_method(Some(BUS), "/org/freedesktop/DBus", Some(BUS), "AddMatch", rule).await?;
        }
        let peer = Arc::new(Self { kind, connection, state: Mutex::new(state) });
        tokio::spawn(serve(Arc::clone(&peer), messages));
        peer.enter(mode).await?;
        Ok(peer)
    }

    /// Changes the mode. What was taken before keeps the mode of its time.
    pub(crate) async fn enter(&self, mode: Mode) -> zbus::Result<()> {
        self.state().mode = mode;
        if mode == Mode::Absent {
            self.connection.release_name(self.kind.bus_name()).await.map(drop)
        } else {
            self.connection.request_name(self.kind.bus_name()).await?;
            let service = self.state().role.looks_at();
            match service {
                Some(service) => self.look_at(service).await,
                None => Ok(()),
            }
        }
    }

    /// Leaves the bus at once.
    pub(crate) async fn leave(&self) -> zbus::Result<()> {
        self.connection.clone().close().await
    }

    /// Looks at a service's objects of firmware; one that does not tell has none.
    async fn look_at(&self, service: &str) -> zbus::Result<()> {
        let manager = Some("org.freedesktop.DBus.ObjectManager");
        let asked = self.connection.call_method(Some(service), FIRMWARE, manager, "GetManagedObjects", &());
        let Ok(reply) = asked.await else { return Ok(()) };
        let objects: Found = reply.body().deserialize()?;
        let signals = self.state().role.found(service, objects)?;
        self.connection.send_all(&signals).await
    }

    async fn hear(&self, message: &Message) {
        let reaction = match self.state().role.hear(message) {
            Ok(reaction) => reaction,
            Err(error) => return log::warn!("{} cannot read a signal: {error}", self.kind),
        };
        let mut done = self.connection.send_all(&reaction.signals).await;
        if let (Ok(()), Some(service)) = (&done, reaction.scan) {
            done = self.look_at(&service).await;
        }
        if let Err(error) = done {
            log::warn!("{} cannot react: {error}", self.kind);
        }
    }

    /// What changes.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a signal of this peer.
    pub(crate) async fn send(&self, message: &Message) -> zbus::Result<()> {
        self.connection.send(message).await
    }

    async fn answer(self: &Arc<Self>, message: Message) {
        let sent = match self.perform(&message) {
            Ok((outgoing, installed)) => {
                if let Some(image) = installed {
                    let peer = Arc::clone(self);
                    tokio::spawn(async move { peer.finish(&image).await });
                }
                self.connection.send_all(&outgoing).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            log::warn!("{} cannot answer: {error}", self.kind);
        }
    }

    /// What an installer of the BMC's firmware does once an image is written: `Activation::onFlashWriteSuccess` and
    /// `ItemUpdater` of openbmc/phosphor-bmc-code-mgmt.
    async fn finish(&self, image: &str) {
        let services = self.services(image, "xyz.openbmc_project.Software.Version").await;
        let name = "xyz.openbmc_project.Software.Version";
        if services.iter().any(|service| service == name) {
            let delete = Message::method_call(image, "Delete").interface("xyz.openbmc_project.Object.Delete");
            let delete = delete.destination(name).with_flags(Flags::NO_REPLY_EXPECTED).build(&());
            if let Ok(delete) = delete {
                self.sent(self.connection.send(&delete).await);
            }
        }
        let settings = format!("{FIRMWARE}/apply_time");
        let interface = "xyz.openbmc_project.Software.ApplyTime";
        let apply = match self.services(&settings, interface).await.first() {
            Some(service) => {
                let properties = Some("org.freedesktop.DBus.Properties");
                let arguments = (interface, "RequestedApplyTime");
                let asked =
                    self.connection.call_method(Some(&**service), &*settings, properties, "Get", &arguments);
                let value = asked.await.and_then(|reply| reply.body().deserialize::<OwnedVariant>());
                value.ok().and_then(|value| String::try_from(value).ok())
            }
            None => None,
        };
        let signals = self.state().role.installed(image, apply.as_deref());
        match signals {
            Ok(signals) => self.sent(self.connection.send_all(&signals).await),
            Err(error) => self.sent(Err(error)),
        }
    }

    fn sent(&self, sent: zbus::Result<()>) {
        if let Err(error) = sent {
            log::warn!("{} cannot go on: {error}", self.kind);
        }
    }

    /// The services that have an object with an interface, as the object mapper says.
    async fn services(&self, path: &str, interface: &str) -> Vec<String> {
        let mapper = "xyz.openbmc_project.ObjectMapper";
        let interfaces = [interface];
        let arguments = (path, interfaces.as_slice());
        let object = "/xyz/openbmc_project/object_mapper";
        let asked = self.connection.call_method(Some(mapper), object, Some(mapper), "GetObject", &arguments);
        let services = asked
            .await
            .and_then(|reply| reply.body().deserialize::<std::collections::BTreeMap<String, Vec<String>>>());
        services.map(|services| services.into_keys().collect()).unwrap_or_default()
    }

    /// Answers with an error whatever is asked.
    async fn refuse(&self, message: &Message) {
        let name = "xyz.openbmc_project.Common.Error.InternalFailure";
        let refused = match Message::error(&message.header(), name).build(&"as the test wishes") {
            Ok(refusal) => self.connection.send(&refusal).await,
            Err(error) => Err(error),
        };
        if let Err(error) = refused {
            log::warn!("{} cannot refuse: {error}", self.kind);
        }
    }

    /// Does what a call asks for; signals and the reply are the result.
    fn perform(&self, message: &Message) -> zbus::Result<(Vec<Message>, Option<String>)> {
        let state = &mut *self.state();
        let outcome = with_call(message, |call| {
            let own = state.role.perform(call);
            own.unwrap_or_else(|| state.role.objects().perform(call))
        });
        match outcome? {
            Ok(Answer { reply, signals, later, installed }) => {
                Ok((signals.into_iter().chain(reply).chain(later).collect(), installed))
            }
            Err(Refusal { name, text }) => {
                Ok((vec![Message::error(&message.header(), name).build(&text)?], None))
            }
        }
    }
}

/// Hands a message over as a call.
fn with_call<T>(message: &Message, take: impl FnOnce(&Call<'_>) -> T) -> zbus::Result<T> {
    let (header, body) = (message.header(), message.body());
    // An empty body has no structure to be read.
    let arguments =
        if body.is_empty() { Vec::new() } else { body.deserialize::<Structure<'_>>()?.into_fields() };
    let call = Call {
        path: header.path().map_or("", |path| path.as_str()),
        interface: header.interface().map_or("", |interface| interface.as_str()),
        member: header.member().map_or("", |member| member.as_str()),
        header: &header,
        arguments: &arguments,
    };
    Ok(take(&call))
}

/// Has a peer hear a signal, unless it is not there. One that hangs does hear: it is calls that it does not answer.
fn hear(peer: &Arc<Peer>, message: Message) {
    let mode = peer.state().mode;
    if mode == Mode::Absent {
        return;
    }
    let peer = Arc::clone(peer);
    tokio::spawn(async move {
        if let Mode::Slow(time) = mode {
            tokio::time::sleep(time).await;
        }
        peer.hear(&message).await;
    });
}

/// Takes calls until the bus goes away.
async fn serve(peer: Arc<Peer>, mut messages: MessageStream) {
    while let Some(message) = poll_fn(|context| Pin::new(&mut messages).poll_next(context)).await {
        let Ok(message) = message else { break };
        match message.message_type() {
            Type::MethodCall => {}
            Type::Signal => {
                hear(&peer, message);
                continue;
            }
            _ => continue,
        }
        let mode = {
            let mut state = peer.state();
            let line = with_call(&message, |call| call.line());
            state.calls.push(line.unwrap_or_else(|error| format!("what cannot be read: {error}")));
            state.mode
        };
        match mode {
            Mode::Hanging => {}
            Mode::Refusing => peer.refuse(&message).await,
            Mode::Slow(time) => {
                let peer = Arc::clone(&peer);
                tokio::spawn(async move {
                    tokio::time::sleep(time).await;
                    peer.answer(message).await;
                });
            }
            Mode::Normal | Mode::Absent => peer.answer(message).await,
        }
    }
}
