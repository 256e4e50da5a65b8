//! The peers on a private bus: what they answer, how they misbehave, what they remember.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};
use test_bus::{Daemon, PrivateBus};
use tokio::runtime::Runtime;
use zbus::{Connection, DynamicType, Message, OwnedObjectPath, OwnedVariant, Variant};

const LOG: [&str; 3] =
    ["xyz.openbmc_project.Logging", "/xyz/openbmc_project/logging", "xyz.openbmc_project.Logging.Create"];
const MAPPER: [&str; 3] = [
    "xyz.openbmc_project.ObjectMapper",
    "/xyz/openbmc_project/object_mapper",
    "xyz.openbmc_project.ObjectMapper",
];
const CHASSIS: [&str; 3] = [
    "xyz.openbmc_project.State.Chassis",
    "/xyz/openbmc_project/state/chassis0",
    "org.freedesktop.DBus.Properties",
];
const CONTROL: [&str; 3] =
    ["io.vivianite.Test.Peers", "/io/vivianite/test/peers", "io.vivianite.Test.Peers1"];

/// A bus with peers on it, and two clients.
struct Bed {
    runtime: Runtime,
    client: Connection,
    /// Gives every call up after a second.
    impatient: Connection,
    _peers: Daemon,
    _bus: PrivateBus,
    _folder: tempfile::TempDir,
}

impl Bed {
    fn with(plan: &str) -> Option<Self> {
        if !test_bus::can_run() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let bus = PrivateBus::start(folder.path()).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_test-peers"));
        let peers = bus.start_peers(program, folder.path(), plan).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connect = async |limit| {
            let builder = zbus::connection::Builder::address(bus.address());
            builder.method_timeout(limit).build().await.unwrap()
        };
        let client = runtime.block_on(connect(test_bus::LIMIT));
        let impatient = runtime.block_on(connect(Duration::from_secs(1)));
        Some(Self { runtime, client, impatient, _peers: peers, _bus: bus, _folder: folder })
    }

    fn call<B>(&self, [name, path, interface]: [&str; 3], method: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + DynamicType,
    {
        self.runtime.block_on(self.client.call_method(Some(name), path, Some(interface), method, body))
    }

    fn set_mode(&self, peer: &str, mode: &str) {
        self.call(CONTROL, "SetMode", &(peer, mode)).unwrap();
    }

    fn calls(&self, peer: &str) -> String {
        self.call(CONTROL, "Calls", &peer).unwrap().body().deserialize().unwrap()
    }

    fn create(&self, message: &str) -> zbus::Result<Message> {
        self.create_by(&self.client, message)
    }

    fn create_by(&self, client: &Connection, message: &str) -> zbus::Result<Message> {
        let data = BTreeMap::from([("FRU", "10-0050")]);
        let body = (message, "xyz.openbmc_project.Logging.Entry.Level.Error", data);
        let [name, path, interface] = LOG;
        self.runtime.block_on(client.call_method(Some(name), path, Some(interface), "Create", &body))
    }
}

fn text(value: &OwnedVariant) -> String {
    value.downcast_ref::<&str>().unwrap().to_owned()
}

fn error_name(result: zbus::Result<Message>) -> String {
    match result.unwrap_err() {
        zbus::Error::MethodError(name, ..) => name.to_string(),
        zbus::Error::FDO(error) => zbus::DBusError::name(&*error).to_string(),
        other => other.to_string(),
    }
}

#[test]
fn events_become_entries_until_they_are_deleted() {
    let Some(bed) = Bed::with("peers = [\"event-log\"]") else { return };
    let path: OwnedObjectPath = bed.create("com.example.Failed").unwrap().body().deserialize().unwrap();
    assert_eq!(path.as_str(), "/xyz/openbmc_project/logging/entry/1");
    bed.create("com.example.Failed.Again").unwrap();
    let entry = [LOG[0], path.as_str(), "org.freedesktop.DBus.Properties"];
    let reply = bed.call(entry, "GetAll", &"xyz.openbmc_project.Logging.Entry").unwrap();
    let properties: HashMap<String, OwnedVariant> = reply.body().deserialize().unwrap();
    assert_eq!(text(&properties["Message"]), "com.example.Failed");
    let data = BTreeMap::<String, String>::try_from(properties["AdditionalData"].clone()).unwrap();
    assert_eq!(data["FRU"], "10-0050");
    let manager = [LOG[0], LOG[1], "org.freedesktop.DBus.ObjectManager"];
    let managed = || -> Vec<OwnedObjectPath> {
        let reply = bed.call(manager, "GetManagedObjects", &()).unwrap();
        let objects: HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>> =
            reply.body().deserialize().unwrap();
        objects.into_keys().collect()
    };
    assert_eq!(managed().len(), 2);
    bed.call([LOG[0], path.as_str(), "xyz.openbmc_project.Object.Delete"], "Delete", &()).unwrap();
    assert_eq!(managed().len(), 1);
    bed.call([LOG[0], LOG[1], "xyz.openbmc_project.Collection.DeleteAll"], "DeleteAll", &()).unwrap();
    assert!(managed().is_empty());
    assert_eq!(error_name(bed.call(LOG, "Creat", &())), "org.freedesktop.DBus.Error.UnknownMethod");
}

#[test]
fn an_object_mapper_finds_what_it_was_told_of() {
    let Some(bed) = Bed::with("peers = [\"object-mapper\"]\n[mapped.\"/a/b\"]\n\"org.x\" = [\"i.One\"]\n")
    else {
        return;
    };
    bed.call(CONTROL, "Map", &("/a/b/c/d", "org.y", vec!["i.One", "i.Two"])).unwrap();
    let paths = |path: &str, depth: i32, interfaces: &[&str]| -> zbus::Result<Vec<String>> {
        bed.call(MAPPER, "GetSubTreePaths", &(path, depth, interfaces))?.body().deserialize()
    };
    assert_eq!(paths("/", 0, &[]).unwrap(), ["/a/b", "/a/b/c/d"]);
    assert_eq!(paths("/a/b", 0, &["i.Two", "i.Three"]).unwrap(), ["/a/b/c/d"]);
    assert_eq!(paths("/a/b/", 1, &[]).unwrap(), [""; 0]);
    assert_eq!(paths("/a", 0, &["i.Three"]).unwrap(), [""; 0]);
    let missing = "xyz.openbmc_project.Common.Error.ResourceNotFound";
    assert_eq!(error_name(bed.call(MAPPER, "GetSubTreePaths", &("/none", 0, [""; 0].as_slice()))), missing);
    assert_eq!(error_name(bed.call(MAPPER, "GetObject", &("/a/b", ["i.Two"].as_slice()))), missing);
    let reply = bed.call(MAPPER, "GetObject", &("/a/b/c/d", ["i.Two"].as_slice())).unwrap();
    let services: BTreeMap<String, Vec<String>> = reply.body().deserialize().unwrap();
    assert_eq!(services["org.y"], ["i.One", "i.Two"]);
    let reply = bed.call(MAPPER, "GetSubTree", &("/a", 0, [""; 0].as_slice())).unwrap();
    let tree: BTreeMap<String, BTreeMap<String, Vec<String>>> = reply.body().deserialize().unwrap();
    assert_eq!(tree.keys().collect::<Vec<_>>(), ["/a/b", "/a/b/c/d"]);
    bed.call(CONTROL, "Unmap", &"/a/b/c/d").unwrap();
    assert_eq!(paths("/", 0, &[]).unwrap(), ["/a/b"]);
}

#[test]
fn states_are_texts_that_a_test_changes() {
    let Some(bed) = Bed::with("peers = [\"chassis-state\", \"host-state\", \"bmc-state\"]") else { return };
    let power = || -> String {
        let reply = bed.call(CHASSIS, "Get", &("xyz.openbmc_project.State.Chassis", "CurrentPowerState"));
        text(&reply.unwrap().body().deserialize().unwrap())
    };
    assert_eq!(power(), "xyz.openbmc_project.State.Chassis.PowerState.Off");
    bed.call(CONTROL, "SetText", &("chassis-state", "CurrentPowerState", "on")).unwrap();
    assert_eq!(power(), "on");
    let asked = ("xyz.openbmc_project.State.Chassis", "RequestedPowerTransition", Variant::from("up"));
    bed.call(CHASSIS, "Set", &asked).unwrap();
    let unknown = "org.freedesktop.DBus.Error.UnknownProperty";
    assert_eq!(error_name(bed.call(CONTROL, "SetText", &("chassis-state", "Weather", "fine"))), unknown);
}

#[test]
fn a_peer_is_absent_slow_hanging_or_refusing_as_it_is_told_and_remembers_every_call() {
    let Some(bed) = Bed::with("peers = [\"event-log hanging\", \"chassis-state\"]") else { return };
    let timed_out = error_name(bed.create_by(&bed.impatient, "lost"));
    assert!(timed_out.contains("timed out"), "{timed_out}");
    bed.set_mode("event-log", "absent");
    assert_eq!(error_name(bed.create("nobody")), "org.freedesktop.DBus.Error.ServiceUnknown");
    bed.set_mode("event-log", "refusing");
    let failure = "xyz.openbmc_project.Common.Error.InternalFailure";
    assert_eq!(error_name(bed.create("refused")), failure);
    bed.set_mode("event-log", "slow 300");
    let asked = Instant::now();
    bed.create("late").unwrap();
    assert!(asked.elapsed() >= Duration::from_millis(300));
    bed.set_mode("event-log", "normal");
    bed.create("two\nlines").unwrap();
    let line = |message| {
        format!(
            "/xyz/openbmc_project/logging xyz.openbmc_project.Logging.Create.Create {message} \
             \"xyz.openbmc_project.Logging.Entry.Level.Error\" {{\"FRU\": \"10-0050\"}}"
        )
    };
    let expected = ["\"lost\"", "\"refused\"", "\"late\"", "\"two\\nlines\""].map(line);
    assert_eq!(bed.calls("event-log").lines().collect::<Vec<_>>(), expected);
    bed.call(CONTROL, "Forget", &"event-log").unwrap();
    assert_eq!(bed.calls("event-log"), "");
    let wrong = "org.freedesktop.DBus.Error.InvalidArgs";
    assert_eq!(error_name(bed.call(CONTROL, "SetMode", &("event-log", "quick"))), wrong);
    assert_eq!(error_name(bed.call(CONTROL, "Calls", &"object-mapper")), wrong);
}

const INSTALLER: &str = "xyz.openbmc_project.Software.Psu.Updater";
const ACTIVATION: &str = "xyz.openbmc_project.Software.Activation";

#[test]
fn an_installer_claims_what_one_message_says_whole_and_installs_when_it_is_told() {
    let Some(bed) = Bed::with("peers = [\"object-mapper\", \"installer\"]") else { return };
    let root = "/xyz/openbmc_project/software";
    let version = "xyz.openbmc_project.Software.Version";
    let image = |name: &str| format!("{root}/{name}");
    let say = |name: &str, parts: &[(&str, &[(&str, &str)])]| {
        let body: BTreeMap<_, BTreeMap<_, _>> = parts
            .iter()
            .map(|(interface, texts)| {
                (*interface, texts.iter().map(|(name, text)| (*name, Variant::from(*text))).collect())
            })
            .collect();
        let body = (zbus::ObjectPath::try_from(image(name)).unwrap(), body);
        let manager = "org.freedesktop.DBus.ObjectManager";
        let emitted = bed.client.emit_signal(None::<&str>, root, manager, "InterfacesAdded", &body);
        bed.runtime.block_on(emitted).unwrap();
    };
    let purpose = ("Purpose", "xyz.openbmc_project.Software.Version.VersionPurpose.PSU");
    let path: &[(&str, &str)] = &[("Path", "/images/b")];
    say("a", &[(version, &[("Version", "1"), purpose])]);
    say("a", &[("xyz.openbmc_project.Common.FilePath", path)]);
    say("b", &[(version, &[("Version", "1"), purpose]), ("xyz.openbmc_project.Common.FilePath", path)]);
    let get = |name: &str, property: &str| {
        let at = image(name);
        let reply =
            bed.call([INSTALLER, &at, "org.freedesktop.DBus.Properties"], "Get", &(ACTIVATION, property));
        reply.map(|reply| text(&reply.body().deserialize().unwrap()))
    };
    let began = Instant::now();
    while get("b", "Activation").is_err() {
        assert!(began.elapsed() < test_bus::LIMIT);
    }
    assert!(get("a", "Activation").is_err(), "a part of what must be known is not enough");
    assert_eq!(get("b", "Activation").unwrap(), format!("{ACTIVATION}.Activations.Ready"));
    let reply = bed.call(MAPPER, "GetObject", &(image("b"), [ACTIVATION].as_slice())).unwrap();
    let services: BTreeMap<String, Vec<String>> = reply.body().deserialize().unwrap();
    assert_eq!(services.keys().collect::<Vec<_>>(), [INSTALLER]);
    let begin = || {
        let wish = Variant::from(format!("{ACTIVATION}.RequestedActivations.Active"));
        let at = image("b");
        let at = [INSTALLER, &*at, "org.freedesktop.DBus.Properties"];
        bed.call(at, "Set", &(ACTIVATION, "RequestedActivation", wish))
    };
    let behave = |way: &str| bed.call(CONTROL, "Behave", &("installer", way)).unwrap();
    behave("refuse");
    assert_eq!(error_name(begin()), "xyz.openbmc_project.Common.Error.NotAllowed");
    behave("stay");
    begin().unwrap();
    assert_eq!(get("b", "Activation").unwrap(), format!("{ACTIVATION}.Activations.Activating"));
    bed.call(CONTROL, "Settle", &("installer", image("b"), "Failed")).unwrap();
    behave("install");
    begin().unwrap();
    assert_eq!(get("b", "Activation").unwrap(), format!("{ACTIVATION}.Activations.Active"));
    bed.call(CONTROL, "Settle", &("installer", image("b"), "Failed")).unwrap();
    behave("vanish Staged");
    begin().unwrap();
    let gone = "org.freedesktop.DBus.Error.UnknownObject";
    assert_eq!(error_name(begin()), gone, "it has nothing to do with it any more");
    let wrong = "org.freedesktop.DBus.Error.InvalidArgs";
    assert_eq!(error_name(bed.call(CONTROL, "Behave", &("installer", "vanish"))), wrong);
    say("b", &[(version, &[("Version", "1"), purpose]), ("xyz.openbmc_project.Common.FilePath", path)]);
    let began = Instant::now();
    while get("b", "Activation").is_err() {
        assert!(began.elapsed() < test_bus::LIMIT);
    }
    bed.call(CONTROL, "Replace", &"installer").unwrap();
    assert!(get("b", "Activation").is_err(), "another one knows nothing of it");
    bed.call(CONTROL, "Leave", &"installer").unwrap();
    assert_eq!(error_name(begin()), "org.freedesktop.DBus.Error.ServiceUnknown");
}

#[test]
fn a_device_takes_images_itself_at_once_only() {
    let plan = "peers = [\"object-mapper\", \"device absent\"]\n[mapped.\"/xyz/openbmc_project/software/device_1\"]\n\
                \"xyz.openbmc_project.Software.Device.Updater\" = [\"i.Marker\"]\n";
    let Some(bed) = Bed::with(plan) else { return };
    bed.set_mode("device", "normal");
    let service = "xyz.openbmc_project.Software.Device.Updater";
    let update = "xyz.openbmc_project.Software.Update";
    let object = "/xyz/openbmc_project/software/device_1";
    let start = |time: &str| {
        let image = std::fs::File::open("/dev/null").unwrap();
        let time = format!("xyz.openbmc_project.Software.ApplyTime.RequestedApplyTimes.{time}");
        bed.call([service, object, update], "StartUpdate", &(zbus::Fd::from(&image), time))
    };
    assert_eq!(error_name(start("OnReset")), "org.freedesktop.DBus.Error.InvalidArgs");
    let image: OwnedObjectPath = start("Immediate").unwrap().body().deserialize().unwrap();
    assert_eq!(image.as_str(), format!("{object}_1"));
    let at = [service, image.as_str(), "org.freedesktop.DBus.Properties"];
    let state = bed.call(at, "Get", &(ACTIVATION, "Activation")).unwrap();
    assert_eq!(text(&state.body().deserialize().unwrap()), format!("{ACTIVATION}.Activations.Active"));
    // What the mapper hears of an object does not hide what it was told of it.
    let began = Instant::now();
    while bed.call(MAPPER, "GetObject", &(object, [update].as_slice())).is_err() {
        assert!(began.elapsed() < test_bus::LIMIT);
    }
    let reply = bed.call(MAPPER, "GetObject", &(object, ["i.Marker"].as_slice())).unwrap();
    let services: BTreeMap<String, Vec<String>> = reply.body().deserialize().unwrap();
    assert_eq!(services[service], ["i.Marker", update]);
}

/// What phosphor-inventory-manager is sent: objects with the properties of one interface each.
type Sent<'a> = BTreeMap<zbus::ObjectPath<'a>, BTreeMap<&'a str, BTreeMap<&'a str, Variant<'a>>>>;

#[test]
fn the_inventory_never_answers_a_call_with_a_wrong_type_and_keeps_what_came_before() {
    let Some(bed) = Bed::with("peers = [\"phosphor-inventory\"]\n") else { return };
    let name = "xyz.openbmc_project.Inventory.Manager";
    let root = "/xyz/openbmc_project/inventory";
    let object = |path: &'static str, interface, property, value| {
        let properties = BTreeMap::from([(property, value)]);
        (zbus::ObjectPath::try_from(path).unwrap(), BTreeMap::from([(interface, properties)]))
    };
    let (item, progress) = ("xyz.openbmc_project.Inventory.Item", "xyz.openbmc_project.Common.Progress");
    let notify = |client: &Connection, sent: Sent<'_>| {
        bed.runtime.block_on(client.call_method(Some(name), root, Some(name), "Notify", &sent)).map(drop)
    };
    let shown = || {
        let [name, manager] = [name, "org.freedesktop.DBus.ObjectManager"];
        let reply = bed.call([name, root, manager], "GetManagedObjects", &()).unwrap();
        let objects: HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>> =
            reply.body().deserialize().unwrap();
        let mut paths: Vec<String> = objects.into_keys().map(|path| path.to_string()).collect();
        paths.sort();
        paths
    };
    let wrong = Sent::from([
        object("/a", item, "Present", Variant::from(true)),
        object("/b", progress, "StartTime", Variant::from(0_i64)),
        object("/c", item, "Present", Variant::from(true)),
    ]);
    assert!(notify(&bed.impatient, wrong).is_err());
    assert_eq!(shown(), [format!("{root}/a")]);
    // An empty one is answered, and so is a right one; what it does not host is passed over.
    notify(&bed.client, Sent::new()).unwrap();
    let right = Sent::from([
        object("/b", progress, "StartTime", Variant::from(0_u64)),
        object("/c", "a.Unknown", "Any", Variant::from(0_i32)),
    ]);
    notify(&bed.client, right).unwrap();
    assert_eq!(shown(), [format!("{root}/a"), format!("{root}/b")]);
}
