//! An installer of another user than root's, which claims one image and installs it when it is told to.

use anyhow::Context as _;
use house_tests::{Machine, NOBODY};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::thread::JoinHandle;
use test_bus::LIMIT;
use tokio::sync::mpsc;
use zbus::connection::Builder;
use zbus::fdo::ObjectManager;
use zbus::{Connection, Variant};

pub const DRIVES: &str = "xyz.openbmc_project.Software.Drives";
const ACTIVATION: &str = "xyz.openbmc_project.Software.Activation";
const ROOT: &str = "/xyz/openbmc_project/software";

struct Activation {
    state: Arc<Mutex<String>>,
    states: mpsc::UnboundedSender<Option<&'static str>>,
    told: Arc<AtomicUsize>,
}

#[zbus::interface(name = "xyz.openbmc_project.Software.Activation")]
impl Activation {
    #[zbus(property)]
    fn activation(&self) -> String {
        self.state.lock().unwrap().clone()
    }

    #[zbus(property)]
    fn requested_activation(&self) -> String {
        format!("{ACTIVATION}.RequestedActivations.None")
    }

    #[zbus(property)]
    fn set_requested_activation(&mut self, _value: String) {
        self.told.fetch_add(1, Ordering::Relaxed);
        for state in ["Activating", "Active"] {
            self.states.send(Some(state)).unwrap();
        }
    }
}

/// It ends when this goes out of scope.
pub struct Installer {
    states: mpsc::UnboundedSender<Option<&'static str>>,
    told: Arc<AtomicUsize>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Installer {
    /// Claims an image by its object, in this state; nothing where there is no other user.
    pub fn start(machine: &Machine, path: &str, state: &'static str) -> anyhow::Result<Option<Self>> {
        let Some(stream) = machine.stream_of_another_user()? else { return Ok(None) };
        let (states, mut to_come) = mpsc::unbounded_channel();
        let told = Arc::<AtomicUsize>::default();
        let (ready, is_ready) = std_mpsc::channel();
        let path = path.to_owned();
        let state = Arc::new(Mutex::new(format!("{ACTIVATION}.Activations.{state}")));
        let shown = Activation { state: Arc::clone(&state), states: states.clone(), told: Arc::clone(&told) };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let builder = Builder::unix_stream(stream).user_id(NOBODY).method_timeout(LIMIT);
                let connection = builder.build().await?;
                connection.object_server().at(ROOT, ObjectManager).await?;
                connection.request_name(DRIVES).await?;
                connection.object_server().at(&*path, shown).await?;
                ready.send(())?;
                while let Some(Some(next)) = to_come.recv().await {
                    change(&connection, &path, &state, next).await?;
                }
                Ok(())
            })
        });
        is_ready.recv_timeout(LIMIT).context("the installer has not come")?;
        Ok(Some(Self { states, told, thread: Some(thread) }))
    }

    /// It says a state of itself.
    pub fn come_to(&self, state: &'static str) -> anyhow::Result<()> {
        Ok(self.states.send(Some(state))?)
    }

    /// How often it was told to begin.
    pub fn told(&self) -> usize {
        self.told.load(Ordering::Relaxed)
    }
}

impl Drop for Installer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.states.send(None);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn change(
    connection: &Connection,
    path: &str,
    shown: &Mutex<String>,
    state: &str,
) -> anyhow::Result<()> {
    let state = format!("{ACTIVATION}.Activations.{state}");
    shown.lock().unwrap().clone_from(&state);
    let body = (ACTIVATION, BTreeMap::from([("Activation", Variant::from(state))]), [""; 0].as_slice());
    let properties = "org.freedesktop.DBus.Properties";
    Ok(connection.emit_signal(None::<&str>, path, properties, "PropertiesChanged", &body).await?)
}
