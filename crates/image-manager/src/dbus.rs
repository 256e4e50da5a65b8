//! The bus face: what is asked of us, handed on to the owner of it all.

use crate::view::{self, View};
use dbus_api::software::faces::{self, Activates, Deletes, DeletesAll, Replies, Source, Updates, Values};
use dbus_api::software::refusal::Refusal;
use dbus_api::software::root::Lists;
use dbus_api::software::signals::Objects;
use dbus_api::software::{ACTIVATION, ROOT};
use image_format::VersionId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use update_state::RequestedActivation;
use zbus::{ObjectPath, OwnedFd, OwnedObjectPath};

/// Where an answer goes.
type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// What somebody asks for.
#[derive(Debug)]
pub enum Command {
    /// Take in an image.
    StartUpdate {
        /// The image.
        image: OwnedFd,
        /// When it is to be applied, as the bus says it.
        apply_time: String,
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
        /// Unique name of whoever asks.
        caller: String,
        /// Nothing more.
        reply: Reply<()>,
    },
    /// Tell all objects.
    ManagedObjects(Reply<Objects>),
}

/// Where commands go.
#[derive(Debug, Clone)]
pub struct Commands(pub mpsc::Sender<Command>);

impl Commands {
    /// Sends a command and waits for the answer.
    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        let ended = || Refusal::Unavailable("the service is about to end".to_owned());
        self.0.send(command(reply)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

impl Lists for Commands {
    async fn objects(&self) -> Result<Objects, Refusal> {
        self.ask(Command::ManagedObjects).await
    }
}

impl DeletesAll for Commands {
    async fn delete_all(&self, caller: String) -> Result<(), Refusal> {
        self.ask(|reply| Command::Delete { id: None, caller, reply }).await
    }
}

impl Source<faces::Update> for Commands {
    fn values(&self, _property: &'static str) -> faces::Update {
        view::update()
    }
}

impl Updates for Commands {
    async fn start_update(&self, image: OwnedFd, apply_time: String) -> Result<OwnedObjectPath, Refusal> {
        self.ask(|reply| Command::StartUpdate { image, apply_time, reply }).await
    }
}

impl Replies for Commands {
    async fn replied(&self, object: &OwnedObjectPath) {
        let name = object.as_str().rsplit('/').next().unwrap_or_default();
        if let Ok(id) = VersionId::parse(name) {
            // Nobody listens at the service's end.
            let _ = self.0.send(Command::Replied(id)).await;
        }
    }
}

/// What is behind an image's object.
#[derive(Debug, Clone)]
pub struct Face {
    /// Whose face.
    pub id: VersionId,
    /// What is known.
    pub view: watch::Receiver<View>,
    /// Where calls go.
    pub commands: Commands,
    /// Set when somebody has read the activation.
    pub was_read: Arc<AtomicBool>,
    /// Told of that.
    pub reads: Arc<Notify>,
}

impl<V: Values + for<'view> From<&'view View>> Source<V> for Face {
    fn values(&self, property: &'static str) -> V {
        // Not who asks for an activation, after which zbus reads RequestedActivation itself.
        if (V::NAME, property) == (ACTIVATION, "Activation") {
            self.was_read.store(true, Ordering::Relaxed);
            self.reads.notify_one();
        }
        V::from(&*self.view.borrow())
    }
}

impl Activates for Face {
    async fn request(&self, wish: RequestedActivation) -> Result<(), Refusal> {
        let id = self.id.clone();
        self.commands.ask(|reply| Command::Request { id, wish, reply }).await
    }
}

impl Deletes for Face {
    async fn delete(&self, caller: String) -> Result<(), Refusal> {
        let id = Some(self.id.clone());
        self.commands.ask(|reply| Command::Delete { id, caller, reply }).await
    }
}

/// The object of an image.
pub fn object_path(id: &VersionId) -> ObjectPath<'static> {
    // An id is eight hexadecimal digits.
    ObjectPath::try_from(format!("{ROOT}/{id}")).unwrap_or(ObjectPath::from_static_str_unchecked(ROOT))
}
