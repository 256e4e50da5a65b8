//! The object mapper, over objects that it is told of. An ancestor of a known object counts as known.

use super::Role;
use crate::call::{Call, Outcome, Refusal};
use crate::objects::Objects;
use crate::plan::Mapped;
use std::collections::BTreeMap;
use zbus::Variant;

const PATH: &str = "/xyz/openbmc_project/object_mapper";
const INTERFACE: &str = "xyz.openbmc_project.ObjectMapper";

/// Services with their interfaces.
type Services<'a> = BTreeMap<&'a str, &'a Vec<String>>;

/// The mapper.
#[derive(Debug)]
pub(crate) struct ObjectMapper {
    objects: Objects,
    mapped: Mapped,
}

impl ObjectMapper {
    pub(crate) fn new(mapped: Mapped) -> Self {
        Self { objects: Objects::default(), mapped }
    }

    fn get_object(&self, call: &Call<'_>) -> Outcome {
        let (path, wanted) = (call.text(0)?, texts(call, 1)?);
        let services = self.mapped.get(path).map(|services| matching(services, &wanted));
        match services.filter(|services| !services.is_empty()) {
            Some(services) => call.reply(&services),
            None => Err(not_found(path)),
        }
    }

    /// Everything strictly below a path, at most so deep, with an interface that is wanted.
    fn sub_tree(&self, call: &Call<'_>) -> Result<BTreeMap<&str, Services<'_>>, Refusal> {
        let (path, wanted) = (call.text(0)?, texts(call, 2)?);
        let depth = match call.arguments.get(1) {
            Some(Variant::I32(depth)) => usize::try_from(*depth).ok().filter(|depth| *depth > 0),
            _ => return Err(call.unknown()),
        };
        let below = format!("{}/", path.trim_end_matches('/'));
        let known = |object: &String| object.starts_with(&below) || *object == path;
        if below != "/" && !self.mapped.keys().any(known) {
            return Err(not_found(path));
        }
        let mut found = BTreeMap::new();
        for (object, services) in &self.mapped {
            let Some(rest) = object.strip_prefix(&below) else { continue };
            let services = matching(services, &wanted);
            if depth.is_none_or(|depth| rest.split('/').count() <= depth) && !services.is_empty() {
                found.insert(object.as_str(), services);
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
            (PATH, INTERFACE, "GetObject") => Some(self.get_object(call)),
            (PATH, INTERFACE, "GetSubTree") => Some(self.sub_tree(call).and_then(|found| call.reply(&found))),
            (PATH, INTERFACE, "GetSubTreePaths") => Some(self.sub_tree_paths(call)),
            _ => None,
        }
    }

    fn mapped(&mut self) -> Option<&mut Mapped> {
        Some(&mut self.mapped)
    }
}

/// The services of an object that have one of the wanted interfaces; all of them when none is named.
fn matching<'a>(services: &'a BTreeMap<String, Vec<String>>, wanted: &[&str]) -> Services<'a> {
    let matches = |interfaces: &[String]| {
        wanted.is_empty() || interfaces.iter().any(|interface| wanted.contains(&interface.as_str()))
    };
    let all = services.iter().map(|(service, interfaces)| (service.as_str(), interfaces));
    all.filter(|(_, interfaces)| matches(interfaces)).collect()
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
