//! An installer of firmware that a test plays: what it hands on, claims and says, and what it is told. Names are written out
//! once more on purpose.

use super::bed::{ACTIVATION, Bed, DELETE, NAME, PROPERTIES, ROOT, STATES, error_name, memory};
use std::collections::{BTreeMap, HashMap};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use test_bus::LIMIT;
use tokio::runtime::Runtime;
use zbus::connection::Builder;
use zbus::fdo::ObjectManager;
use zbus::{Connection, Fd, OwnedObjectPath, Variant};

pub const INTAKE: &str = "io.vivianite.Software.Intake1";
pub const DRIVES: &str = "xyz.openbmc_project.Software.Drives";
pub const DRIVE: &str = "/xyz/openbmc_project/software/drive_1";

/// What it shows at an image's object.
struct Activation {
    state: Arc<Mutex<String>>,
    told: Arc<Mutex<Vec<String>>>,
    object: String,
}

#[zbus::interface(name = "xyz.openbmc_project.Software.Activation")]
impl Activation {
    #[zbus(property)]
    fn activation(&self) -> String {
        self.state.lock().unwrap().clone()
    }

    #[zbus(property)]
    fn requested_activation(&self) -> String {
        "xyz.openbmc_project.Software.Activation.RequestedActivations.None".to_owned()
    }

    #[zbus(property)]
    fn set_requested_activation(&mut self, value: String) {
        assert_eq!(value, super::bed::REQUESTED);
        self.told.lock().unwrap().push(self.object.clone());
    }
}

pub struct Installer {
    runtime: Rc<Runtime>,
    pub connection: Connection,
    states: HashMap<String, Arc<Mutex<String>>>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Installer {
    /// One of root's.
    pub fn start(bed: &Bed, name: &str) -> anyhow::Result<Self> {
        Self::connect(bed, name, Builder::address(bed.machine.bus().address()))
    }

    /// One of another user; nothing where there is none to be had.
    pub fn start_by_another_user(bed: &Bed, name: &str) -> anyhow::Result<Option<Self>> {
        let Some(stream) = bed.machine.stream_of_another_user()? else { return Ok(None) };
        Self::connect(bed, name, Builder::unix_stream(stream).user_id(house_tests::NOBODY)).map(Some)
    }

    fn connect(bed: &Bed, name: &str, builder: Builder<'_>) -> anyhow::Result<Self> {
        let runtime = Rc::clone(&bed.runtime);
        let connection = runtime.block_on(async {
            let connection = builder.method_timeout(LIMIT).build().await?;
            connection.object_server().at(ROOT, ObjectManager).await?;
            if !name.is_empty() {
                connection.request_name(name).await?;
            }
            Ok::<_, zbus::Error>(connection)
        })?;
        Ok(Self { runtime, connection, states: HashMap::new(), told: Arc::default() })
    }

    /// Hands on what a client has given it.
    pub fn hand_on(&self, content: &[u8], apply: &str, target: &str) -> anyhow::Result<String> {
        Ok(self.hand_on_from(memory(content)?, apply, target)?)
    }

    pub fn hand_on_from(&self, image: impl AsFd, apply: &str, target: &str) -> zbus::Result<String> {
        let body = (Fd::from(image.as_fd()), apply, target);
        let asked = self.connection.call_method(Some(NAME), ROOT, Some(INTAKE), "StartUpdate", &body);
        let reply = self.runtime.block_on(asked)?;
        Ok(reply.body().deserialize::<OwnedObjectPath>()?.as_str().to_owned())
    }

    /// Shows an Activation of an image.
    pub fn claim(&mut self, path: &str, state: &str) -> anyhow::Result<()> {
        let state = Arc::new(Mutex::new(format!("{STATES}{state}")));
        self.states.insert(path.to_owned(), Arc::clone(&state));
        let activation = Activation { state, told: Arc::clone(&self.told), object: path.to_owned() };
        self.runtime.block_on(self.connection.object_server().at(path, activation))?;
        Ok(())
    }

    /// Its Activation of an image comes to another state.
    pub fn come_to(&self, path: &str, state: &str) -> anyhow::Result<()> {
        let state = format!("{STATES}{state}");
        self.states[path].lock().unwrap().clone_from(&state);
        let body = (ACTIVATION, BTreeMap::from([("Activation", Variant::from(state))]), [""; 0].as_slice());
        let signal = self.connection.emit_signal(None::<&str>, path, PROPERTIES, "PropertiesChanged", &body);
        Ok(self.runtime.block_on(signal)?)
    }

    /// Takes its Activation of an image away.
    pub fn give_up(&mut self, path: &str) -> anyhow::Result<()> {
        self.states.remove(path);
        self.runtime.block_on(self.connection.object_server().remove::<Activation, _>(path))?;
        Ok(())
    }

    /// How often it was told to begin with an image.
    pub fn told(&self, path: &str) -> usize {
        self.told.lock().unwrap().iter().filter(|told| *told == path).count()
    }

    /// Waits until it was told to begin with an image for so many times.
    pub fn await_told(&self, bed: &Bed, path: &str, count: usize) -> anyhow::Result<()> {
        bed.wait("it is told to begin", || Ok(self.told(path) >= count))?;
        assert_eq!(self.told(path), count);
        Ok(())
    }

    /// After this, image-manager has heard what was said before.
    pub fn was_heard(&self) -> anyhow::Result<()> {
        let manager = Some("org.freedesktop.DBus.ObjectManager");
        let asked = self.connection.call_method(Some(NAME), ROOT, manager, "GetManagedObjects", &());
        self.runtime.block_on(asked)?;
        Ok(())
    }

    pub fn delete(&self, path: &str) -> Result<(), String> {
        let asked = self.connection.call_method(Some(NAME), path, Some(DELETE), "Delete", &());
        self.runtime.block_on(asked).map(drop).map_err(error_name)
    }

    /// It dies: another call of its waits for what it has said, and is not answered any more.
    pub fn die(self) -> anyhow::Result<()> {
        Ok(self.runtime.block_on(self.connection.close())?)
    }
}
