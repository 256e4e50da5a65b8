//! What is asked of us on the bus, handed on to the service.

use crate::images::removal::Caller;
use crate::images::take_in::StartUpdate;
use crate::installers::calls;
use crate::view::{self, View};
use dbus_api::software::ROOT;
use dbus_api::software::faces::{
    self, Activates, Deletes, DeletesAll, Replies, Source, TakesIn, Updates, Values,
};
use dbus_api::software::refusal::Refusal;
use dbus_api::software::root::Lists;
use dbus_api::software::signals::Objects;
use image_format::VersionId;
use tokio::sync::{mpsc, oneshot, watch};
use update_state::RequestedActivation;
use zbus::{Connection, ObjectPath, OwnedFd, OwnedObjectPath};

/// Calls that may wait for the service.
const COMMANDS_KEPT: usize = 64;

/// Where an answer goes.
type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// What is asked for.
#[derive(Debug)]
pub enum Command {
    /// Take in an image; the answer is its object.
    StartUpdate(StartUpdate, Reply<OwnedObjectPath>),
    /// Take in an image that an installer hands on: the connection, and the bus names that it owns.
    HandOn {
        /// The image; its installer is not filled in.
        request: StartUpdate,
        /// The connection.
        caller: Caller,
        /// Its bus names below that of all services of firmware.
        names: Vec<String>,
        /// The image's object.
        reply: Reply<OwnedObjectPath>,
    },
    /// The reply about an image's object is out.
    Replied(VersionId),
    /// Activate an image.
    Request {
        /// The image.
        id: VersionId,
        /// What is wished.
        wish: RequestedActivation,
        /// Nothing more.
        reply: Reply<()>,
    },
    /// Remove an image, or all that may be removed.
    Delete {
        /// The image; all when there is none.
        id: Option<VersionId>,
        /// The connection that asks.
        caller: Caller,
        /// Nothing more.
        reply: Reply<()>,
    },
    /// List all objects.
    ManagedObjects(Reply<Objects>),
}

/// Where commands go.
#[derive(Debug, Clone)]
pub struct Commands {
    service: mpsc::Sender<Command>,
    connection: Connection,
}

impl Commands {
    /// Commands come through the receiver.
    pub fn new(connection: &Connection) -> (Self, mpsc::Receiver<Command>) {
        let (service, commands) = mpsc::channel(COMMANDS_KEPT);
        (Self { service, connection: connection.clone() }, commands)
    }

    /// Sends a command and waits for the answer.
    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        let ended = || Refusal::Unavailable("the service is about to end".to_owned());
        self.service.send(command(reply)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Whose a connection is, as the bus says.
    async fn caller(&self, name: String) -> Caller {
        // A connection of which the bus does not say is none of root's.
        let is_root = peer::is_privileged(&self.connection, &name).await.unwrap_or(false);
        Caller { name, is_root }
    }

    async fn delete(&self, id: Option<VersionId>, caller: String) -> Result<(), Refusal> {
        let caller = self.caller(caller).await;
        self.ask(|reply| Command::Delete { id, caller, reply }).await
    }
}

impl Lists for Commands {
    async fn objects(&self) -> Result<Objects, Refusal> {
        self.ask(Command::ManagedObjects).await
    }
}

impl DeletesAll for Commands {
    async fn delete_all(&self, caller: String) -> Result<(), Refusal> {
        self.delete(None, caller).await
    }
}

/// Takes images at an object.
#[derive(Debug, Clone)]
pub struct Updater {
    commands: Commands,
    /// The image whose object it is; nothing at the objects that take any image.
    replaces: Option<VersionId>,
}

impl From<Commands> for Updater {
    fn from(commands: Commands) -> Self {
        Self { commands, replaces: None }
    }
}

impl Source<faces::Update> for Updater {
    fn values(&self, _property: &'static str) -> faces::Update {
        view::update()
    }
}

impl Updates for Updater {
    async fn start_update(&self, image: OwnedFd, apply_time: String) -> Result<OwnedObjectPath, Refusal> {
        let (target, replaces) = (String::new(), self.replaces.clone());
        let request = StartUpdate { image, apply_time, target, installer: None, replaces };
        self.commands.ask(|reply| Command::StartUpdate(request, reply)).await
    }
}

impl Replies for Updater {
    async fn replied(&self, object: &OwnedObjectPath) {
        self.commands.replied(object).await;
    }
}

impl Source<faces::Intake> for Commands {
    fn values(&self, _property: &'static str) -> faces::Intake {
        faces::Intake {}
    }
}

impl TakesIn for Commands {
    async fn start_update_for(
        &self,
        image: OwnedFd,
        apply_time: String,
        target: String,
        caller: String,
    ) -> Result<OwnedObjectPath, Refusal> {
        let names = calls::names_of(&self.connection, &caller).await;
        let caller = self.caller(caller).await;
        let request = StartUpdate { image, apply_time, target, installer: None, replaces: None };
        self.ask(|reply| Command::HandOn { request, caller, names, reply }).await
    }
}

impl Replies for Commands {
    async fn replied(&self, object: &OwnedObjectPath) {
        let name = object.as_str().rsplit('/').next().unwrap_or_default();
        if let Ok(id) = VersionId::parse(name) {
            // The receiver is gone only when the service ends.
            let _ = self.service.send(Command::Replied(id)).await;
        }
    }
}

/// What is behind an image's object.
#[derive(Debug, Clone)]
pub struct ImageFace {
    /// Which image.
    pub id: VersionId,
    /// What is known.
    pub view: watch::Receiver<View>,
    /// Where calls go.
    pub commands: Commands,
}

impl<V: Values + for<'view> From<&'view View>> Source<V> for ImageFace {
    fn values(&self, _property: &'static str) -> V {
        V::from(&*self.view.borrow())
    }
}

impl Activates for ImageFace {
    async fn request(&self, wish: RequestedActivation) -> Result<(), Refusal> {
        let id = self.id.clone();
        self.commands.ask(|reply| Command::Request { id, wish, reply }).await
    }
}

impl Deletes for ImageFace {
    async fn delete(&self, caller: String) -> Result<(), Refusal> {
        self.commands.delete(Some(self.id.clone()), caller).await
    }
}

impl ImageFace {
    /// What takes images at the image's object.
    pub fn updater(&self) -> Updater {
        Updater { commands: self.commands.clone(), replaces: Some(self.id.clone()) }
    }
}

/// The object of an image.
pub fn object_path(id: &VersionId) -> ObjectPath<'static> {
    // An id is eight hexadecimal digits.
    ObjectPath::try_from(format!("{ROOT}/{id}")).unwrap_or(ObjectPath::from_static_str_unchecked(ROOT))
}
