//! A small service that installs whatever image is published, and one that takes images itself.

use anyhow::Context as _;
use dbus_api::software::announcement::{Announcement, Said, everything_rule};
use dbus_api::software::{
    ACTIVATION, ROOT, VERSION, activation, parse_requested_activation, requested_activation,
};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::mpsc as threads;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use update_state::{Activation as State, RequestedActivation};
use zbus::export::futures_core::Stream;
use zbus::{Connection, MessageStream, OwnedFd, OwnedObjectPath, fdo, interface};

/// Its bus name.
pub const NAME: &str = "xyz.openbmc_project.Software.Test.Updater";
/// The object that takes images itself.
pub const DEVICE: &str = "device_1";

/// Ends when this goes out of scope.
pub struct Installer {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

/// What an installation comes to.
#[derive(Debug, Clone, Copy)]
pub enum Comes {
    To(State),
    ToNoEnd,
}

impl Installer {
    pub fn start(address: &str, comes: Comes) -> anyhow::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = threads::channel();
        let address = address.to_owned();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run(&address, comes, ready, stopped))
        });
        is_ready.recv_timeout(test_bus::LIMIT).context("the installer does not come up")?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Installer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn run(
    address: &str,
    comes: Comes,
    ready: threads::Sender<()>,
    mut stopped: oneshot::Receiver<()>,
) -> anyhow::Result<()> {
    let (wish, mut wishes) = mpsc::unbounded_channel();
    let connection = zbus::connection::Builder::address(address)
        .serve_at(ROOT, fdo::ObjectManager)
        .serve_at(format!("{ROOT}/{DEVICE}"), Update { wish: wish.clone() })
        .build()
        .await?;
    let mut heard = MessageStream::for_match_rule(everything_rule()?, &connection, None).await?;
    connection.request_name(NAME).await?;
    for path in published(&connection).await {
        claim(&connection, &path, &wish).await?;
    }
    ready.send(())?;
    loop {
        let next = poll_fn(|context| Pin::new(&mut heard).poll_next(context));
        tokio::select! {
            _ = &mut stopped => return Ok(()),
            Some(path) = wishes.recv() => install(&connection, &path, comes).await?,
            message = next => {
                let message = message.context("the bus is gone")??;
                let Some(Announcement { path, said: Said::Added(interfaces), .. }) = Announcement::of(&message) else {
                    continue;
                };
                if interfaces.contains_key(VERSION) {
                    claim(&connection, &path, &wish).await?;
                }
            }
        }
    }
}

/// Images that were there before.
async fn published(connection: &Connection) -> Vec<String> {
    let objects =
        dbus_api::software::announcement::managed_objects(connection, dbus_api::software::IMAGE_MANAGER);
    let objects = objects.await.unwrap_or_default().into_iter();
    objects
        .filter(|(_, shown)| shown.contains_key(VERSION))
        .map(|(path, _)| path.as_str().to_owned())
        .collect()
}

async fn claim(
    connection: &Connection,
    path: &str,
    wish: &mpsc::UnboundedSender<String>,
) -> zbus::Result<()> {
    let activation = Activation { state: State::Ready, path: path.to_owned(), wish: wish.clone() };
    connection.object_server().at(path, activation).await.map(drop)
}

async fn install(connection: &Connection, path: &str, comes: Comes) -> anyhow::Result<()> {
    let server = connection.object_server();
    let set = async |state| {
        let activation = server.interface::<_, Activation>(path).await?;
        activation.get_mut().await.state = state;
        activation.get().await.activation_changed(activation.signal_emitter()).await
    };
    set(State::Activating).await?;
    server.at(path, Progress(0)).await?;
    for percent in [50, 100] {
        let progress = server.interface::<_, Progress>(path).await?;
        progress.get_mut().await.0 = percent;
        progress.get().await.progress_changed(progress.signal_emitter()).await?;
    }
    if let Comes::To(state) = comes {
        set(state).await?;
        // As soon as it is over, so that whoever follows must have read the signals in their order.
        server.remove::<Progress, _>(path).await?;
        server.remove::<Activation, _>(path).await?;
    }
    Ok(())
}

struct Activation {
    state: State,
    path: String,
    wish: mpsc::UnboundedSender<String>,
}

#[interface(name = "xyz.openbmc_project.Software.Activation")]
impl Activation {
    #[zbus(property)]
    fn activation(&self) -> String {
        activation(self.state)
    }

    #[zbus(property)]
    fn requested_activation(&self) -> String {
        requested_activation(RequestedActivation::None)
    }

    #[zbus(property)]
    fn set_requested_activation(&mut self, value: String) -> fdo::Result<()> {
        if parse_requested_activation(&value) == Some(RequestedActivation::Active) {
            let _ = self.wish.send(self.path.clone());
        }
        Ok(())
    }
}

struct Progress(u8);

#[interface(name = "xyz.openbmc_project.Software.ActivationProgress")]
impl Progress {
    #[zbus(property)]
    fn progress(&self) -> u8 {
        self.0
    }
}

struct Update {
    wish: mpsc::UnboundedSender<String>,
}

#[interface(name = "xyz.openbmc_project.Software.Update")]
impl Update {
    async fn start_update(
        &self,
        #[zbus(connection)] connection: &Connection,
        _image: OwnedFd,
        apply_time: String,
    ) -> fdo::Result<OwnedObjectPath> {
        if apply_time != dbus_api::software::apply_time(update_state::ApplyTime::Immediate) {
            return Err(fdo::Error::InvalidArgs(format!("{ACTIVATION} is immediate only")));
        }
        let path = format!("{ROOT}/{DEVICE}_1");
        claim(connection, &path, &self.wish).await?;
        let _ = self.wish.send(path.clone());
        Ok(OwnedObjectPath::try_from(path)?)
    }
}
