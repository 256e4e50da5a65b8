//! A machine with the image manager on its bus, its keys, its peers, and an ear for all that is said of images.

use super::ear::{Ear, Heard, Said, text};
use anyhow::Context as _;
use house_tests::Machine;
use image_builder::{ImageBuilder, Purpose};
use image_signature::PrivateKey;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Instant;
use test_bus::{Daemon, LIMIT};
use tokio::runtime::Runtime;
use zbus::{Connection, DynamicType, Fd, Message, OwnedObjectPath, OwnedVariant, Variant};

pub const NAME: &str = "xyz.openbmc_project.Software.Version";
pub const SOFTWARE_MANAGER: &str = "xyz.openbmc_project.Software.Manager";
pub const ROOT: &str = "/xyz/openbmc_project/software";
pub const MULTIPART: &str = "/xyz/openbmc_project/software/multipart";
pub const VERSION: &str = "xyz.openbmc_project.Software.Version";
pub const EXTENDED_VERSION: &str = "xyz.openbmc_project.Software.ExtendedVersion";
pub const FILE_PATH: &str = "xyz.openbmc_project.Common.FilePath";
pub const COMPATIBLE: &str = "xyz.openbmc_project.Inventory.Decorator.Compatible";
pub const DELETE: &str = "xyz.openbmc_project.Object.Delete";
pub const ACTIVATION: &str = "xyz.openbmc_project.Software.Activation";
pub const UPDATE: &str = "xyz.openbmc_project.Software.Update";
pub const IMAGE: &str = "io.vivianite.Software.Image1";
pub const INSTALLER: &str = "xyz.openbmc_project.Software.Psu.Updater";
pub const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
pub const STATES: &str = "xyz.openbmc_project.Software.Activation.Activations.";
pub const REQUESTED: &str = "xyz.openbmc_project.Software.Activation.RequestedActivations.Active";
pub const IMMEDIATE: &str = "xyz.openbmc_project.Software.ApplyTime.RequestedApplyTimes.Immediate";
pub const ON_RESET: &str = "xyz.openbmc_project.Software.ApplyTime.RequestedApplyTimes.OnReset";
pub const ON_REQUEST: &str = "xyz.openbmc_project.Software.ApplyTime.RequestedApplyTimes.OnActivationRequest";

/// Short times, so that nobody waits.
const TIMES: &str = "settle-ms = 100\nhold-ms = 20\nlinger-s = 1\nclaim-timeout-s = 20\nstall-limit-s = 1\n";
/// The machine's name.
pub const MACHINE: &str = "bed-machine";
const PSU: &str = "model=model-1,manufacturer=maker";

/// The key that the machine trusts.
pub static KEY: LazyLock<PrivateKey> = LazyLock::new(key);
/// One that it does not.
pub static OTHER_KEY: LazyLock<PrivateKey> = LazyLock::new(key);

fn key() -> PrivateKey {
    let mut command = Command::new("openssl");
    command.args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let made = command.stderr(std::process::Stdio::null()).output().unwrap();
    PrivateKey::from_pem(&made.stdout).unwrap()
}

/// Whether the whole of a test is to be tried instead of a sample.
pub fn is_soak() -> bool {
    std::env::var_os("VIVIANITE_SOAK").is_some_and(|value| value == "1")
}

pub struct Bed {
    pub machine: Machine,
    pub runtime: Rc<Runtime>,
    pub client: Connection,
    pub ear: Ear,
    manager: Option<Daemon>,
    peers: Option<Daemon>,
}

impl Bed {
    /// A machine on which nothing runs yet; `None` where there is no dbus-daemon.
    pub fn new(settings: &str) -> anyhow::Result<Option<Self>> {
        let Some(machine) = Machine::bare()? else { return Ok(None) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let address = machine.bus().address().to_owned();
        let (client, ear) = runtime.block_on(async {
            let builder = zbus::connection::Builder::address(&*address).method_timeout(LIMIT);
            Ok::<_, anyhow::Error>((builder.build().await?, Ear::listen(&address).await?))
        })?;
        let runtime = Rc::new(runtime);
        let bed = Self { machine, runtime, client, ear, manager: None, peers: None };
        bed.configure(settings)?;
        bed.trust("OpenBMC", KEY.public_key_pem(), "HashType=SHA256\n")?;
        let release = bed.root().join("etc/os-release");
        std::fs::write(release, format!("OPENBMC_TARGET_MACHINE=\"{MACHINE}\"\n"))?;
        Ok(Some(bed))
    }

    /// A machine on which the service runs.
    pub fn running(settings: &str) -> anyhow::Result<Option<Self>> {
        let Some(mut bed) = Self::new(settings)? else { return Ok(None) };
        bed.start()?;
        Ok(Some(bed))
    }

    pub fn configure(&self, settings: &str) -> anyhow::Result<()> {
        self.machine.configure("image-manager", TIMES)?;
        let folder = self.root().join("etc/vivianite/image-manager.d");
        // After the times, of which some are to be others at times.
        Ok(std::fs::write(folder.join("95-more.toml"), settings)?)
    }

    pub fn trust(&self, set: &str, key: &str, function: &str) -> anyhow::Result<()> {
        let folder = self.root().join("etc/activationdata").join(set);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("publickey"), key)?;
        Ok(std::fs::write(folder.join("hashfunc"), function)?)
    }

    pub fn start(&mut self) -> anyhow::Result<()> {
        self.manager = Some(self.machine.start("image-manager")?);
        Ok(())
    }

    /// The same, with what it logs in a file.
    pub fn start_logged(&mut self) -> anyhow::Result<()> {
        let mut command = self.machine.command("image-manager")?;
        command.stderr(File::create(self.log())?);
        let folder = self.machine.folder();
        self.manager = Some(Daemon::spawn_ready("image-manager", &mut command, folder, LIMIT)?);
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.machine.folder().join("image-manager.log")
    }

    /// How many lines of the log have a text in them.
    pub fn logged(&self, text: &str) -> anyhow::Result<usize> {
        let log = std::fs::read_to_string(self.log())?;
        Ok(log.lines().filter(|line| line.contains(text)).count())
    }

    pub fn stop(&mut self) -> anyhow::Result<()> {
        let status = self.manager.take().context("it does not run")?.stop()?;
        anyhow::ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.manager.take().context("it does not run")?.kill()
    }

    /// Starts peers, each a word and a mode.
    pub fn start_peers(&mut self, peers: &[&str]) -> anyhow::Result<()> {
        self.peers = Some(self.machine.start_peers(peers)?);
        Ok(())
    }

    /// Commands the peers.
    pub fn command<B>(&self, method: &str, body: &B) -> anyhow::Result<Message>
    where
        B: serde::Serialize + DynamicType,
    {
        self.machine.command_peers(method, body)
    }

    pub fn call<B>(&self, [name, path, interface]: [&str; 3], method: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + DynamicType,
    {
        self.runtime.block_on(self.client.call_method(Some(name), path, Some(interface), method, body))
    }

    /// The folder that stands for `/`.
    pub fn root(&self) -> PathBuf {
        self.machine.root()
    }

    /// Where files are dropped.
    pub fn folder(&self) -> PathBuf {
        self.root().join("tmp/images")
    }

    /// Drops a file as most writers do.
    pub fn drop_file(&self, name: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.folder().join(name);
        std::fs::write(&path, content)?;
        Ok(path)
    }

    /// The process of the image manager.
    pub fn manager_process(&self) -> anyhow::Result<u32> {
        Ok(self.manager.as_ref().context("no image manager runs")?.pid())
    }

    /// Hands a file to the service by a descriptor in memory.
    pub fn start_update(&self, content: &[u8], apply: &str) -> anyhow::Result<String> {
        Ok(self.hand_over(memory(content)?, apply)?)
    }

    pub fn hand_over(&self, descriptor: impl AsFd, apply: &str) -> zbus::Result<String> {
        let body = (Fd::from(descriptor.as_fd()), apply);
        let reply = self.call([NAME, MULTIPART, UPDATE], "StartUpdate", &body)?;
        Ok(reply.body().deserialize::<OwnedObjectPath>()?.as_str().to_owned())
    }

    /// A property as text; an error's name where there is none.
    pub fn get(&self, service: &str, path: &str, interface: &str, property: &str) -> Result<String, String> {
        let reply = self.call([service, path, PROPERTIES], "Get", &(interface, property));
        let reply = reply.map_err(error_name)?;
        reply
            .body()
            .deserialize::<OwnedVariant>()
            .map(|value| text(&value))
            .map_err(|error| error.to_string())
    }

    pub fn set_requested(&self, service: &str, path: &str) -> zbus::Result<Message> {
        let arguments = (ACTIVATION, "RequestedActivation", Variant::from(REQUESTED));
        self.call([service, path, PROPERTIES], "Set", &arguments)
    }

    pub fn delete(&self, path: &str) -> Result<(), String> {
        self.call([NAME, path, DELETE], "Delete", &()).map(drop).map_err(error_name)
    }

    /// Everything that the service shows.
    pub fn objects(&self) -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
        self.objects_of(NAME)
    }

    /// Everything that a service of firmware shows.
    pub fn objects_of(&self, name: &str) -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
        type Objects = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;
        let manager = [name, ROOT, "org.freedesktop.DBus.ObjectManager"];
        let objects: Objects = self.call(manager, "GetManagedObjects", &())?.body().deserialize()?;
        let names = |interfaces: HashMap<String, _>| interfaces.into_keys().collect();
        Ok(objects
            .into_iter()
            .map(|(path, interfaces)| (path.as_str().to_owned(), names(interfaces)))
            .collect())
    }

    /// The objects of images.
    pub fn images(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.objects()?.into_keys().filter(|path| path != MULTIPART).collect())
    }

    /// What lies in the upload folder, but for the marks of images that are there.
    pub fn files(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.folder())? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        let all = names.clone();
        let is_mark_of =
            |mark: &str, name: &String| mark.strip_prefix(name).is_some_and(|end| end.starts_with('-'));
        let is_mark = |mark: &str| all.iter().any(|name| is_mark_of(mark, name));
        names.retain(|name| !name.strip_prefix(".made-").is_some_and(is_mark));
        Ok(names)
    }

    /// Whether the upload folder is on a file system that outlives a boot.
    pub fn is_lasting(&self) -> anyhow::Result<bool> {
        let system = nix::sys::statfs::statfs(&self.folder())?;
        Ok(system.filesystem_type() != nix::sys::statfs::TMPFS_MAGIC)
    }

    /// Asks until something is so.
    pub fn wait(&self, what: &str, mut is_so: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let began = Instant::now();
        while !is_so()? {
            anyhow::ensure!(began.elapsed() < LIMIT, "{what}: that never comes");
            // The service has had a turn then.
            let peer = [NAME, ROOT, "org.freedesktop.DBus.Peer"];
            let _ = self.call(peer, "Ping", &());
        }
        Ok(())
    }

    pub fn until<T>(&mut self, find: impl FnMut(&[Heard]) -> Option<T>) -> anyhow::Result<T> {
        self.runtime.block_on(self.ear.until(find))
    }

    /// All that was said up to now.
    pub fn heard(&mut self) -> anyhow::Result<&[Heard]> {
        self.runtime.block_on(self.ear.catch_up(&self.client))?;
        Ok(&self.ear.heard)
    }

    /// Forgets what was said up to now.
    pub fn forget(&mut self) -> anyhow::Result<()> {
        self.heard()?;
        self.ear.heard.clear();
        Ok(())
    }

    /// Waits for the announcement of the image of a version, and gives its object.
    pub fn await_image(&mut self, version: &str) -> anyhow::Result<String> {
        self.until(|heard| {
            let found = heard.iter().find(|heard| heard.value(VERSION, "Version") == Some(version));
            found.map(|heard| heard.path.clone())
        })
    }

    /// Waits until an Activation at an object has been told to be in a state.
    pub fn await_state(&mut self, path: &str, state: &str) -> anyhow::Result<()> {
        let state = format!("{STATES}{state}");
        self.until(|heard| {
            let is_it =
                |heard: &Heard| heard.path == path && heard.value(ACTIVATION, "Activation") == Some(&*state);
            heard.iter().any(is_it).then_some(())
        })
    }

    /// Waits for an event, and gives its data.
    pub fn await_event(&mut self, id: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let id = format!("xyz.openbmc_project.Software.{id}");
        self.until(|heard| {
            heard.iter().find_map(|heard| match &heard.said {
                Said::Event(event, _, data) if *event == id => Some(data.clone()),
                _ => None,
            })
        })
    }

    /// Waits until the event log has been asked for so many entries in all.
    pub fn await_events(&mut self, count: usize) -> anyhow::Result<()> {
        let is_event = |heard: &&Heard| matches!(heard.said, Said::Event(..));
        self.until(|heard| (heard.iter().filter(is_event).count() >= count).then_some(()))
    }

    /// The names of all events so far, without what they have in common.
    pub fn events(&mut self) -> anyhow::Result<Vec<String>> {
        let id = |heard: &Heard| match &heard.said {
            Said::Event(id, ..) => Some(id.replace("xyz.openbmc_project.Software.", "")),
            _ => None,
        };
        Ok(self.heard()?.iter().filter_map(id).collect())
    }

    /// How often an installer was told to begin with an image, by others than this test.
    pub fn requests(&mut self, path: &str) -> anyhow::Result<usize> {
        let own = self.client.unique_name().map(ToString::to_string).unwrap_or_default();
        let is_one = |heard: &&Heard| {
            let is_set =
                matches!(&heard.said, Said::Set(_, property, _) if property == "RequestedActivation");
            is_set && heard.path == path && heard.sender != own
        };
        Ok(self.heard()?.iter().filter(is_one).count())
    }
}

/// A signed image for power supplies.
pub fn image(version: &str) -> Vec<u8> {
    image_of(version, b"firmware")
}

pub fn image_of(version: &str, payload: &[u8]) -> Vec<u8> {
    build(PSU, version, payload)
}

/// One for other power supplies.
pub fn image_for(target: &str, version: &str) -> Vec<u8> {
    build(target, version, b"firmware")
}

/// One of another purpose.
pub fn image_of_purpose(purpose: Purpose, version: &str) -> Vec<u8> {
    let mut archive = Vec::new();
    let builder = ImageBuilder::new(purpose, version).machine_name(MACHINE);
    builder.payload("image.bin", b"firmware").sign(&KEY, None).write(&mut archive).unwrap();
    archive
}

fn build(target: &str, version: &str, payload: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    let builder = ImageBuilder::new(Purpose::Psu, version).extended_version(target).machine_name(MACHINE);
    let builder = builder.compatible_name("org.example.Software.Element.Supply.Type.Psu");
    builder.payload("psu.bin", payload).sign(&KEY, None).write(&mut archive).unwrap();
    archive
}

/// A file in memory, its position at its end.
pub fn memory(content: &[u8]) -> anyhow::Result<File> {
    let mut file = File::from(memfd_create("image", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(content)?;
    file.seek(std::io::SeekFrom::End(0))?;
    Ok(file)
}

/// An error's name on the bus.
pub fn error_name(error: zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(name, ..) => name.to_string(),
        zbus::Error::FDO(error) => zbus::DBusError::name(&*error).to_string(),
        other => other.to_string(),
    }
}

/// Every file below a folder but those of the upload folder, with what would change if it were touched.
pub fn tree(root: &Path, but: &Path) -> anyhow::Result<BTreeMap<PathBuf, (u64, i64, u64)>> {
    use std::os::unix::fs::MetadataExt as _;
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let metadata = std::fs::symlink_metadata(&path)?;
            if metadata.is_dir() && path != but {
                folders.push(path.clone());
            }
            let (size, time) = if metadata.is_dir() { (0, 0) } else { (metadata.len(), metadata.mtime()) };
            found.insert(path, (size, time, metadata.ino()));
        }
    }
    Ok(found)
}
