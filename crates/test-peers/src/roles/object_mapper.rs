//! The object mapper, over objects that it is told of, and over those of services of firmware, with their associations. An
//! ancestor of a known object counts as known.

use super::{Found, FoundInterfaces, Reaction, Role};
use crate::call::{Call, Outcome, Refusal};
use crate::objects::Objects;
use crate::plan::Mapped;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use zbus::{Message, OwnedObjectPath, OwnedVariant, Variant};

const PATH: &str = "/xyz/openbmc_project/object_mapper";
const INTERFACE: &str = "xyz.openbmc_project.ObjectMapper";

/// What names of services of firmware begin with.
const FIRMWARE: &str = "xyz.openbmc_project.Software.";
const ASSOCIATION: &str = "xyz.openbmc_project.Association";
const DEFINITIONS: &str = "xyz.openbmc_project.Association.Definitions";
const RULES: [&str; 3] = [
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'",
    "type='signal',interface='org.freedesktop.DBus.ObjectManager',path='/xyz/openbmc_project/software'",
    "type='signal',interface='org.freedesktop.DBus.Properties',path_namespace='/xyz/openbmc_project/software',\
     arg0='xyz.openbmc_project.Association.Definitions'",
];

/// Services with their interfaces.
type Services = BTreeMap<String, Vec<String>>;

/// Forward type, reverse type, endpoint.
type Association = (String, String, String);

/// The mapper.
#[derive(Debug)]
pub(crate) struct ObjectMapper {
    objects: Objects,
    mapped: Mapped,
    /// Names of services of firmware by their unique names.
    names: BTreeMap<String, String>,
    /// What connections have said of their objects, by unique names.
    heard: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// What they associate their objects with, by unique names and objects.
    associations: BTreeMap<String, BTreeMap<String, Vec<Association>>>,
}

impl ObjectMapper {
    pub(crate) fn new(mapped: Mapped) -> Self {
        Self {
            objects: Objects::default(),
            mapped,
            names: BTreeMap::new(),
            heard: BTreeMap::new(),
            associations: BTreeMap::new(),
        }
    }

    /// All that is known now.
    fn known(&self) -> Mapped {
        let mut known = self.mapped.clone();
        for (owner, objects) in &self.heard {
            let Some(name) = self.names.get(owner) else { continue };
            for (path, interfaces) in objects {
                let services = known.entry(path.clone()).or_default();
                let told = services.entry(name.clone()).or_default();
                let heard = interfaces.iter().filter(|interface| !told.contains(interface)).cloned();
                told.extend(heard.collect::<Vec<_>>());
            }
        }
        known
    }

    fn name_changed(&mut self, name: String, old: &str, new: String) -> Reaction {
        if name.starts_with(':') && new.is_empty() {
            self.heard.remove(&name);
            self.associations.remove(&name);
            self.names.remove(&name);
        }
        if !name.starts_with(FIRMWARE) {
            return Reaction::default();
        }
        self.names.remove(old);
        if new.is_empty() {
            return Reaction::default();
        }
        self.names.insert(new, name.clone());
        Reaction { scan: Some(name), ..Reaction::default() }
    }

    fn added(&mut self, owner: &str, path: &OwnedObjectPath, interfaces: FoundInterfaces) {
        if let Some(properties) = interfaces.get(DEFINITIONS) {
            self.associated(owner, path.as_str(), properties);
        }
        let objects = self.heard.entry(owner.to_owned()).or_default();
        objects.entry(path.as_str().to_owned()).or_default().extend(interfaces.into_keys());
    }

    fn associated(&mut self, owner: &str, path: &str, properties: &HashMap<String, OwnedVariant>) {
        let Some(Ok(associations)) =
            properties.get("Associations").map(|value| value.try_clone().and_then(Vec::try_from))
        else {
            return;
        };
        self.associations.entry(owner.to_owned()).or_default().insert(path.to_owned(), associations);
    }

    /// The other ends of an association; none of what is not there.
    fn endpoints(&self, association: &str) -> Vec<String> {
        let known = self.known();
        let named = self.associations.iter().filter(|(owner, _)| self.names.contains_key(*owner));
        let all = named.flat_map(|(_, objects)| objects).flat_map(|(path, associations)| {
            let there = associations.iter().filter(|(_, _, end)| known.contains_key(end));
            there.flat_map(move |(forward, reverse, end)| {
                [(format!("{path}/{forward}"), end.clone()), (format!("{end}/{reverse}"), path.clone())]
            })
        });
        let ends = all.filter(|(at, _)| at == association).map(|(_, end)| end);
        ends.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn get_endpoints(&self, call: &Call<'_>) -> Outcome {
        let ends = self.endpoints(call.path);
        if ends.is_empty() || (call.text(0)?, call.text(1)?) != (ASSOCIATION, "endpoints") {
            let text = format!("{} is no association", call.path);
            return Err(Refusal { name: "org.freedesktop.DBus.Error.UnknownObject", text });
        }
        call.reply(&Variant::from(ends))
    }

    fn removed(&mut self, owner: &str, path: &OwnedObjectPath, interfaces: &[String]) {
        if interfaces.iter().any(|interface| interface == DEFINITIONS)
            && let Some(objects) = self.associations.get_mut(owner)
        {
            objects.remove(path.as_str());
        }
        let Some(objects) = self.heard.get_mut(owner) else { return };
        if let Some(known) = objects.get_mut(path.as_str()) {
            known.retain(|interface| !interfaces.contains(interface));
            if known.is_empty() {
                objects.remove(path.as_str());
            }
        }
    }

    fn get_object(&self, call: &Call<'_>) -> Outcome {
        let (path, wanted) = (call.text(0)?, texts(call, 1)?);
        let known = self.known();
        let services = known.get(path).map(|services| matching(services, &wanted));
        match services.filter(|services| !services.is_empty()) {
            Some(services) => call.reply(&services),
            None => Err(not_found(path)),
        }
    }

    /// Everything strictly below a path, at most so deep, with an interface that is wanted.
    fn sub_tree(&self, call: &Call<'_>) -> Result<Mapped, Refusal> {
        let (path, wanted) = (call.text(0)?, texts(call, 2)?);
        let depth = match call.arguments.get(1) {
            Some(Variant::I32(depth)) => usize::try_from(*depth).ok().filter(|depth| *depth > 0),
            _ => return Err(call.unknown()),
        };
        let below = format!("{}/", path.trim_end_matches('/'));
        let is_there = |object: &String| object.starts_with(&below) || *object == path;
        let known = self.known();
        if below != "/" && !known.keys().any(is_there) {
            return Err(not_found(path));
        }
        let mut found = BTreeMap::new();
        for (object, services) in &known {
            let Some(rest) = object.strip_prefix(&below) else { continue };
            let services = matching(services, &wanted);
            if depth.is_none_or(|depth| rest.split('/').count() <= depth) && !services.is_empty() {
                found.insert(object.clone(), services);
            }
        }
        Ok(found)
    }

    fn sub_tree_paths(&self, call: &Call<'_>) -> Outcome {
        call.reply(&self.sub_tree(call)?.into_keys().collect::<Vec<_>>())
    }
}

impl Role for ObjectMapper {
    fn objects(&mut self) -> &mut Objects {
        &mut self.objects
    }

    fn perform(&mut self, call: &Call<'_>) -> Option<Outcome> {
        match (call.path, call.interface, call.member) {
            (_, "org.freedesktop.DBus.Properties", "Get") => Some(self.get_endpoints(call)),
            (PATH, INTERFACE, "GetObject") => Some(self.get_object(call)),
            (PATH, INTERFACE, "GetSubTree") => Some(self.sub_tree(call).and_then(|found| call.reply(&found))),
            (PATH, INTERFACE, "GetSubTreePaths") => Some(self.sub_tree_paths(call)),
            _ => None,
        }
    }

    fn mapped(&mut self) -> Option<&mut Mapped> {
        Some(&mut self.mapped)
    }

    fn rules(&self) -> &'static [&'static str] {
        &RULES
    }

    fn hear(&mut self, signal: &Message) -> zbus::Result<Reaction> {
        let (header, body) = (signal.header(), signal.body());
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        match header.member().map(|member| member.as_str()) {
            Some("NameOwnerChanged") => {
                let (name, old, new): (String, String, String) = body.deserialize()?;
                return Ok(self.name_changed(name, &old, new));
            }
            Some("InterfacesAdded") => {
                let (path, interfaces): (OwnedObjectPath, FoundInterfaces) = body.deserialize()?;
                self.added(&sender, &path, interfaces);
            }
            Some("InterfacesRemoved") => {
                let (path, interfaces): (OwnedObjectPath, Vec<String>) = body.deserialize()?;
                self.removed(&sender, &path, &interfaces);
            }
            Some("PropertiesChanged") => {
                let (_, changed, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
                    body.deserialize()?;
                let path = header.path().map(ToString::to_string).unwrap_or_default();
                self.associated(&sender, &path, &changed);
            }
            _ => {}
        }
        Ok(Reaction::default())
    }

    fn found(&mut self, service: &str, objects: Found) -> zbus::Result<Vec<Message>> {
        let owner = self.names.iter().find(|(_, name)| *name == service).map(|(owner, _)| owner.clone());
        if let Some(owner) = owner {
            for (path, interfaces) in objects {
                self.added(&owner, &path, interfaces);
            }
        }
        Ok(Vec::new())
    }
}

/// The services of an object that have one of the wanted interfaces; all of them when none is named.
fn matching(services: &Services, wanted: &[&str]) -> Services {
    let matches = |interfaces: &[String]| {
        wanted.is_empty() || interfaces.iter().any(|interface| wanted.contains(&interface.as_str()))
    };
    let all = services.iter().filter(|(_, interfaces)| matches(interfaces));
    all.map(|(service, interfaces)| (service.clone(), interfaces.clone())).collect()
}

fn texts<'a>(call: &'a Call<'_>, index: usize) -> Result<Vec<&'a str>, Refusal> {
    let Some(Variant::Array(array)) = call.arguments.get(index) else { return Err(call.unknown()) };
    array.iter().map(|text| text.downcast_ref().map_err(|_| call.unknown())).collect()
}

fn not_found(path: &str) -> Refusal {
    Refusal {
        name: "xyz.openbmc_project.Common.Error.ResourceNotFound",
        text: format!("{path} is not known"),
    }
}
