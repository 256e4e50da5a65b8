//! `software-tool watch`: what changes, as it changes.

use crate::arguments::Watch;
use crate::catalogue::{Catalogue, id_of, word};
use crate::exit::{Exit, Failure};
use crate::link::{self, Link, News};
use crate::screen::{Screen, one_line};
use crate::trust;
use dbus_api::software::announcement::{Announcement, Properties, Said};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use zbus::Variant;

/// One change.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Event {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<String, Value>,
}

pub(crate) async fn run(arguments: &Watch, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let connection = link::connect().await?;
    let grants = trust::grants(&arguments.settings.root, screen);
    let mut link = Link::listen(&connection, grants.clone()).await?;
    let catalogue = Catalogue::ask(&connection, &grants, screen).await?;
    let known = catalogue.services.into_iter().map(|service| (service.owner, service.name));
    let mut names: BTreeMap<String, String> = known.collect();
    screen.say("watching, Ctrl-C ends it");
    loop {
        for event in events(link.next().await?, &mut names) {
            let line = if arguments.json {
                serde_json::to_string(&event).map_err(|error| Failure::new(Exit::Internal, error))?
            } else {
                event.line()
            };
            if !screen.is_read(&format!("{}\n", one_line(&line)))? {
                return Ok(Exit::Done);
            }
        }
    }
}

fn events(news: News, names: &mut BTreeMap<String, String>) -> Vec<Event> {
    let of_service = |event, service| {
        vec![Event { event, id: None, service, interface: None, properties: BTreeMap::new() }]
    };
    match news {
        News::Said(said) => of_object(said, names),
        News::Came { name, owner } => {
            names.insert(owner, name.clone());
            of_service("service-came", name)
        }
        News::Left { name, owner } => {
            names.remove(&owner);
            of_service("service-left", name)
        }
        News::Gone { .. } => Vec::new(),
    }
}

fn of_object(said: Announcement, names: &BTreeMap<String, String>) -> Vec<Event> {
    let Some(id) = id_of(&said.path) else { return Vec::new() };
    let service = names.get(&said.sender).unwrap_or(&said.sender);
    let event = |event, interface: String, properties: &Properties| Event {
        event,
        id: Some(id.to_owned()),
        service: service.clone(),
        interface: Some(interface),
        properties: properties.iter().map(|(name, value)| (name.clone(), json(value))).collect(),
    };
    match said.said {
        Said::Added(interfaces) => {
            let interfaces: BTreeMap<_, _> = interfaces.into_iter().collect();
            interfaces.into_iter().map(|(name, properties)| event("added", name, &properties)).collect()
        }
        Said::Removed(interfaces) => {
            interfaces.into_iter().map(|name| event("removed", name, &Properties::new())).collect()
        }
        Said::Changed { interface, properties } => vec![event("changed", interface, &properties)],
    }
}

impl Event {
    fn line(&self) -> String {
        let mut words = Vec::from_iter(self.id.clone());
        words.push(self.event.to_owned());
        words.extend(self.interface.as_deref().map(word).map(str::to_owned));
        let shown = |(name, value): (&String, &Value)| match value {
            Value::String(text) => format!("{name}={text:?}"),
            other => format!("{name}={other}"),
        };
        words.extend(self.properties.iter().map(shown));
        words.push(format!("({})", self.service));
        words.join(" ")
    }
}

/// A property's value; members of enumerations by their last word, as everywhere in this tool.
fn json(value: &Variant<'_>) -> Value {
    match value {
        Variant::U8(number) => Value::from(*number),
        Variant::Bool(truth) => Value::from(*truth),
        Variant::U16(number) => Value::from(*number),
        Variant::U32(number) => Value::from(*number),
        Variant::U64(number) => Value::from(*number),
        Variant::I16(number) => Value::from(*number),
        Variant::I32(number) => Value::from(*number),
        Variant::I64(number) => Value::from(*number),
        Variant::Str(text) if is_enumeration(text) => Value::from(word(text)),
        Variant::Str(text) => Value::from(text.as_str()),
        Variant::ObjectPath(path) => Value::from(path.as_str()),
        Variant::Array(array) => array.iter().map(json).collect(),
        other => Value::from(other.to_string()),
    }
}

fn is_enumeration(text: &str) -> bool {
    text.starts_with(dbus_api::software::NAMESPACE)
}
