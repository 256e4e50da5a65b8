//! What is said on the bus, in the order in which the bus has passed it on.

use anyhow::Context as _;
use house_tests::Monitor;
use std::collections::BTreeMap;
use std::fmt;
use zbus::message::Type;
use zbus::{Connection, Message, OwnedObjectPath, OwnedVariant};

/// The signal by which a test knows how far the ear has heard.
const MARK: &str = "io.vivianite.test.Mark";
const RULES: [&str; 4] = [
    "type='signal',path_namespace='/xyz/openbmc_project/software'",
    "type='signal',interface='io.vivianite.test.Mark'",
    "type='method_call',member='Create'",
    "type='method_call',member='Set'",
];

/// Properties as text: texts as they are, others as GVariant has them.
pub type Properties = BTreeMap<String, String>;

#[derive(Clone, PartialEq, Eq)]
pub enum Said {
    Added(BTreeMap<String, Properties>),
    Removed(Vec<String>),
    Changed(String, Properties),
    /// The event log is asked for an entry.
    Event(String, String, Properties),
    /// Somebody wants a property set: interface, property, value.
    Set(String, String, String),
}

/// One message.
#[derive(Clone)]
pub struct Heard {
    /// Unique name of whoever says it.
    pub sender: String,
    /// The object.
    pub path: String,
    pub said: Said,
}

impl fmt::Debug for Heard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |name: &String| name.rsplit('.').next().unwrap_or_default().to_owned();
        write!(formatter, "{} {}: ", self.sender, self.path)?;
        match &self.said {
            Said::Added(interfaces) => {
                write!(formatter, "+ {:?}", interfaces.keys().map(short).collect::<Vec<_>>())
            }
            Said::Removed(interfaces) => {
                write!(formatter, "- {:?}", interfaces.iter().map(short).collect::<Vec<_>>())
            }
            Said::Changed(interface, changed) => write!(formatter, "{} {changed:?}", short(interface)),
            Said::Event(id, _, data) => write!(formatter, "{id} {data:?}"),
            Said::Set(_, property, value) => write!(formatter, "set {property} = {value}"),
        }
    }
}

impl Heard {
    /// The value that a property of an interface has got by this.
    pub fn value(&self, interface: &str, property: &str) -> Option<&str> {
        let properties = match &self.said {
            Said::Added(interfaces) => interfaces.get(interface)?,
            Said::Changed(changed, properties) if changed == interface => properties,
            _ => return None,
        };
        properties.get(property).map(String::as_str)
    }

    pub fn adds(&self, interface: &str) -> bool {
        matches!(&self.said, Said::Added(interfaces) if interfaces.contains_key(interface))
    }

    pub fn removes(&self, interface: &str) -> bool {
        matches!(&self.said, Said::Removed(interfaces) if interfaces.iter().any(|name| name == interface))
    }
}

/// Hears all that is said of firmware, what the event log is asked for, and which properties are set.
pub struct Ear {
    monitor: Monitor,
    pub heard: Vec<Heard>,
    marks: u32,
}

impl Ear {
    pub async fn listen(address: &str) -> anyhow::Result<Self> {
        Ok(Self { monitor: Monitor::listen(address, &RULES).await?, heard: Vec::new(), marks: 0 })
    }

    /// Hears on until all is there that should be; gives what is told by `find`.
    pub async fn until<T>(&mut self, mut find: impl FnMut(&[Heard]) -> Option<T>) -> anyhow::Result<T> {
        loop {
            if let Some(found) = find(&self.heard) {
                return Ok(found);
            }
            let next = self.monitor.next().await;
            let message = next.with_context(|| format!("what was awaited never came: {:#?}", self.heard))?;
            self.keep(&message);
        }
    }

    /// Hears all that the bus has passed on before now.
    pub async fn catch_up(&mut self, client: &Connection) -> anyhow::Result<()> {
        self.marks += 1;
        client.emit_signal(None::<&str>, "/mark", MARK, "Mark", &self.marks).await?;
        loop {
            let message = self.monitor.next().await?;
            if message.header().interface().is_some_and(|interface| interface.as_str() == MARK) {
                if message.body().deserialize::<u32>()? == self.marks {
                    return Ok(());
                }
                continue;
            }
            self.keep(&message);
        }
    }

    fn keep(&mut self, message: &Message) {
        if let Some(heard) = read(message) {
            self.heard.push(heard);
        }
    }
}

fn read(message: &Message) -> Option<Heard> {
    let (header, body) = (message.header(), message.body());
    let sender = header.sender()?.to_string();
    let mut path = header.path()?.as_str().to_owned();
    let said = match (message.message_type(), header.member()?.as_str()) {
        (Type::Signal, "InterfacesAdded") => {
            type Interfaces = BTreeMap<String, BTreeMap<String, OwnedVariant>>;
            let (object, interfaces): (OwnedObjectPath, Interfaces) = body.deserialize().ok()?;
            path = object.as_str().to_owned();
            Said::Added(interfaces.into_iter().map(|(name, values)| (name, texts(values))).collect())
        }
        (Type::Signal, "InterfacesRemoved") => {
            let (object, interfaces): (OwnedObjectPath, Vec<String>) = body.deserialize().ok()?;
            path = object.as_str().to_owned();
            Said::Removed(interfaces)
        }
        (Type::Signal, "PropertiesChanged") => {
            let (interface, changed, _): (String, BTreeMap<String, OwnedVariant>, Vec<String>) =
                body.deserialize().ok()?;
            Said::Changed(interface, texts(changed))
        }
        (Type::MethodCall, "Create") => {
            let (id, severity, data): (String, String, Properties) = body.deserialize().ok()?;
            Said::Event(id, severity, data)
        }
        (Type::MethodCall, "Set") => {
            let (interface, property, value): (String, String, OwnedVariant) = body.deserialize().ok()?;
            Said::Set(interface, property, text(&value))
        }
        _ => return None,
    };
    Some(Heard { sender, path, said })
}

fn texts(values: BTreeMap<String, OwnedVariant>) -> Properties {
    values.into_iter().map(|(name, value)| (name, text(&value))).collect()
}

/// A value as text.
pub fn text(value: &OwnedVariant) -> String {
    if let Ok(number) = value.downcast_ref::<u8>() {
        return number.to_string();
    }
    value.downcast_ref::<&str>().map_or_else(|_| value.to_string(), str::to_owned)
}
