//! A machine with the writer on its bus, EEPROMs that are files, and a client of its own.

use anyhow::Context as _;
use dbus_api::inventory::notification::{Notification, Object, Value};
use dbus_api::inventory::{LOCATION_CODE, located, manager, records};
use house_tests::{Machine, fixture, next};
use serde::Serialize;
use std::fs::File;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use test_bus::Daemon;
use zbus::message::Type as MessageType;
use zbus::{Connection, DynamicType, Message, MessageStream};

pub const NAME: &str = "com.ibm.VPD.Manager";
pub const PATH: &str = "/com/ibm/VPD/Manager";
pub const CARD: &str = "/system/chassis/card";
pub const BOARD: &str = "/system/chassis/board";

const LOCATIONS: &str = "[[object]]\npath = \"/system/chassis/board\"\ncode = \"Ufcs-P0\"\n\
                         [[object]]\npath = \"/system/chassis/card\"\ncode = \"Ufcs-P0-C1\"\n";

pub struct Bed {
    pub machine: Machine,
    service: Option<Daemon>,
}

/// Writes what the chosen system is made of: EEPROMs by their names.
pub fn choose_system(root: &Path, names: &[&str]) -> anyhow::Result<()> {
    let active = root.join("run/vivianite/vpd/active");
    std::fs::create_dir_all(active.join("frus"))?;
    let mut index = String::new();
    for name in names {
        let (key, file) = (format!("file:{name}"), root.join(name));
        index += &format!("[[fru]]\nkey = \"{key}\"\nparser = \"ipz-vpd-parser\"\n");
        let fragment = format!(
            "file = \"{}\"\n[[object]]\npath = \"/system/chassis/{name}\"\nrecords = \"all\"\n",
            file.display()
        );
        let others = if *name == "card" {
            "[[object]]\npath = \"/system/chassis/others\"\nforeign = true\n"
        } else {
            ""
        };
        std::fs::write(active.join("frus").join(format!("{key}.toml")), fragment + others)?;
    }
    std::fs::write(active.join("index.toml"), index)?;
    Ok(std::fs::write(active.join("locations.toml"), LOCATIONS)?)
}

/// Holds a file as a writer does, until it is dropped.
pub fn locked(path: &Path) -> anyhow::Result<File> {
    let file = File::options().write(true).open(path)?;
    file.lock()?;
    Ok(file)
}

/// The name of the error that a call was answered with.
pub fn error_of(answer: anyhow::Result<Message>) -> anyhow::Result<String> {
    match answer {
        Ok(reply) => anyhow::bail!("it was not refused: {reply:?}"),
        Err(error) => match error.downcast::<Refused>() {
            Ok(refused) => Ok(refused.0),
            Err(error) => Err(error),
        },
    }
}

/// An answer that is an error, by its name and its text.
#[derive(Debug, thiserror::Error)]
#[error("{0}: {1}")]
pub struct Refused(String, String);

/// A client that knows its calls by their numbers and hears the replies in their order.
pub struct Client {
    connection: Connection,
    replies: MessageStream,
    /// Replies that came before they were asked for.
    early: Vec<Message>,
}

impl Client {
    pub fn new(connection: Connection) -> Self {
        Self { replies: MessageStream::from(&connection), connection, early: Vec::new() }
    }

    pub async fn begin<B: Serialize + DynamicType>(
        &self,
        method: &str,
        body: &B,
    ) -> anyhow::Result<NonZeroU32> {
        self.begin_of(NAME, method, body).await
    }

    pub async fn begin_of<B: Serialize + DynamicType>(
        &self,
        interface: &str,
        method: &str,
        body: &B,
    ) -> anyhow::Result<NonZeroU32> {
        let call = Message::method_call(PATH, method).destination(NAME).interface(interface).build(body)?;
        self.connection.send(&call).await?;
        Ok(call.primary_header().serial_num())
    }

    pub async fn call<B: Serialize + DynamicType>(
        &mut self,
        method: &str,
        body: &B,
    ) -> anyhow::Result<Message> {
        let call = self.begin(method, body).await?;
        self.reply(call).await
    }

    pub async fn reply(&mut self, call: NonZeroU32) -> anyhow::Result<Message> {
        loop {
            if let Some(at) = self.early.iter().position(|reply| answers(reply) == Some(call)) {
                return outcome(self.early.remove(at));
            }
            let message = next(&mut self.replies).await?;
            self.early.extend(answers(&message).is_some().then_some(message));
        }
    }

    /// The number of the call that is answered next.
    pub async fn next_reply(&mut self) -> anyhow::Result<NonZeroU32> {
        loop {
            let message = next(&mut self.replies).await?;
            if let Some(call) = answers(&message) {
                return outcome(message).map(|_| call);
            }
        }
    }
}

fn answers(message: &Message) -> Option<NonZeroU32> {
    let kinds = [MessageType::MethodReturn, MessageType::Error];
    kinds.contains(&message.message_type()).then(|| message.header().reply_serial()).flatten()
}

fn outcome(reply: Message) -> anyhow::Result<Message> {
    if reply.message_type() == MessageType::MethodReturn {
        return Ok(reply);
    }
    let name = reply.header().error_name().map(ToString::to_string).unwrap_or_default();
    let text = reply.body().deserialize::<&str>().unwrap_or_default().to_owned();
    Err(Refused(name, text).into())
}

impl Bed {
    pub fn new() -> anyhow::Result<Option<Self>> {
        let Some(machine) = Machine::bare()? else { return Ok(None) };
        choose_system(&machine.root(), &["card", "board", "flat", "blank", "absent"])?;
        let bed = Self { machine, service: None };
        for (name, image) in [
            ("card", fixture("card")),
            ("board", fixture("card")),
            ("flat", fixture("keyword")),
            ("blank", vec![0xff; 512]),
        ] {
            std::fs::write(bed.image(name), image)?;
        }
        Ok(Some(bed))
    }

    /// What an EEPROM holds.
    pub fn image(&self, name: &str) -> PathBuf {
        self.machine.root().join(name)
    }

    pub fn start(&mut self) -> anyhow::Result<()> {
        self.service = Some(self.machine.start("vpd-writer")?);
        Ok(())
    }

    pub fn take_service(&mut self) -> anyhow::Result<Daemon> {
        self.service.take().context("it does not run")
    }

    /// Runs a client.
    pub fn run<T>(&self, act: impl AsyncFnOnce(&mut Client) -> anyhow::Result<T>) -> anyhow::Result<T> {
        self.machine.run(async |connection| act(&mut Client::new(connection)).await)
    }

    pub fn call<B: Serialize + DynamicType>(&self, method: &str, body: &B) -> anyhow::Result<Message> {
        self.run(async |client| client.call(method, body).await)
    }

    pub fn verify(&self, path: &str) -> anyhow::Result<Message> {
        self.run(async |client| {
            let call = client.begin_of("io.vivianite.Vpd.Writer1", "Verify", &path).await?;
            client.reply(call).await
        })
    }

    /// The paths that a call is answered with.
    pub fn paths<B: Serialize + DynamicType>(&self, method: &str, body: &B) -> anyhow::Result<Vec<String>> {
        let reply = self.call(method, body)?;
        let paths: Vec<zbus::OwnedObjectPath> = reply.body().deserialize()?;
        Ok(paths.iter().map(ToString::to_string).collect())
    }

    pub fn texts<B: Serialize + DynamicType>(&self, method: &str, body: &B) -> anyhow::Result<Vec<String>> {
        Ok(self.call(method, body)?.body().deserialize()?)
    }

    fn publish(&self, object: Object<'_>) -> anyhow::Result<()> {
        let notification = Notification { objects: vec![object] };
        self.machine.run(async |connection| Ok(manager::notify(&connection, &notification).await?))
    }

    /// Has the inventory show a location code.
    pub fn show_code(&self, path: &str, code: &str) -> anyhow::Result<()> {
        let mut object = Object { path: path.into(), interfaces: Vec::new() };
        let property = located::LOCATION_CODE_PROPERTY;
        object.interface(LOCATION_CODE).set(property, Value::Text(code.into()));
        self.publish(object)
    }

    /// Has the inventory show a keyword of VINI.
    pub fn show_keyword(&self, path: &str, keyword: &str, value: &[u8]) -> anyhow::Result<()> {
        let mut object = Object { path: path.into(), interfaces: Vec::new() };
        object.interface(records::interface_of("VINI")).set(keyword, Value::Bytes(value.into()));
        self.publish(object)
    }

    /// Waits until a code is expanded so; what the inventory has said may not have been heard yet.
    pub fn await_code(&self, code: &str, expanded: &str) -> anyhow::Result<()> {
        let asked = std::time::Instant::now();
        loop {
            let found = self.call("GetExpandedLocationCode", &(code, 0_u16));
            let found = found.and_then(|reply| Ok(reply.body().deserialize::<String>()?));
            match found {
                Ok(found) if found == expanded => return Ok(()),
                found => anyhow::ensure!(asked.elapsed() < test_bus::LIMIT, "it stays {found:?}"),
            }
        }
    }
}
