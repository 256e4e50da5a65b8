//! Which services have which objects below the software root.

use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::trust::About;
use dbus_api::call;
use dbus_api::object_mapper;
use dbus_api::software::announcement::{self, Interfaces, text};
use dbus_api::software::{
    ACTIVATION, ACTIVATION_PROGRESS, EXTENDED_VERSION, IMAGE, IMAGE_MANAGER, MULTIPART_UPDATE, ROOT, UPDATE,
    VERSION, requests,
};
use image_follower::{activation, percent};
use installer_trust::Grants;
use peer::is_privileged;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use update_state::Activation;
use zbus::Connection;

/// A service.
#[derive(Debug)]
pub(crate) struct Service {
    /// Its bus name.
    pub(crate) name: String,
    /// Its connection's name.
    pub(crate) owner: String,
    /// Its objects, by their paths.
    pub(crate) objects: BTreeMap<String, Interfaces>,
}

/// All services of firmware.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) services: Vec<Service>,
}

impl Catalogue {
    /// Asks every service. One that does not answer is told of, and has no objects; what one shows of an image that it is not
    /// believed for is left out.
    pub(crate) async fn ask(
        connection: &Connection,
        grants: &Grants,
        screen: &mut Screen<'_>,
    ) -> Result<Self, Failure> {
        let names = call::names(connection).await.map_err(|error| Failure::new(Exit::Absent, error))?;
        let mut services: Vec<Service> = Vec::new();
        let mut others: BTreeSet<String> = BTreeSet::new();
        for name in names.into_iter().filter(|name| requests::is_firmware(name)) {
            // One that has gone meanwhile is none.
            let Ok(owner) = call::owner(connection, &name).await else { continue };
            let objects = match announcement::managed_objects(connection, &owner).await {
                Ok(objects) => {
                    let objects = objects.into_iter();
                    objects.map(|(path, interfaces)| (path.as_str().to_owned(), interfaces)).collect()
                }
                Err(error) => {
                    screen.say(&format!(
                        "software-tool: {:#}; it is left out",
                        Failure::call(&name, &error).cause
                    ));
                    BTreeMap::new()
                }
            };
            // One that has gone meanwhile is none of root's.
            if !is_privileged(connection, &owner).await.unwrap_or(false) {
                others.insert(owner.clone());
            }
            services.push(Service { name, owner, objects });
        }
        services.sort_by(|one, other| one.name.cmp(&other.name));
        let mut catalogue = Self { services };
        catalogue.leave_out(&others, grants);
        Ok(catalogue)
    }

    /// Leaves out what connections that are not root's show of images, unless settings give them these. What is theirs alone is
    /// no image of image-manager's.
    fn leave_out(&mut self, others: &BTreeSet<String>, grants: &Grants) {
        let is_other = |service: &Service| others.contains(&service.owner);
        let of_root = self.services.iter().filter(|service| !is_other(service));
        let mut shown: BTreeMap<String, Option<About>> = BTreeMap::new();
        for (path, interfaces) in of_root.flat_map(|service| &service.objects) {
            let about = shown.entry(path.clone()).or_default();
            *about = about.take().or_else(|| About::of(interfaces));
        }
        let names = |owner: &str| {
            let own = self.services.iter().filter(|service| service.owner == owner);
            own.map(|service| service.name.clone()).collect::<Vec<_>>()
        };
        let names: BTreeMap<_, _> = others.iter().map(|owner| (owner.clone(), names(owner))).collect();
        for service in &mut self.services {
            let Some(names) = names.get(&service.owner) else { continue };
            let is_given = |about: &About| about.is_given(names.iter().map(String::as_str), grants);
            service
                .objects
                .retain(|path, _| shown.get(path).is_none_or(|about| about.as_ref().is_some_and(is_given)));
        }
    }

    /// The services that have an interface on an object, installers before image-manager.
    pub(crate) fn having(&self, path: &str, interface: &str) -> Vec<&Service> {
        let has = |service: &&Service| {
            service.objects.get(path).is_some_and(|interfaces| interfaces.contains_key(interface))
        };
        let mut having: Vec<&Service> = self.services.iter().filter(has).collect();
        having.sort_by_key(|service| service.name == IMAGE_MANAGER);
        having
    }

    /// Whether anybody has an object.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.services.iter().any(|service| service.objects.contains_key(path))
    }

    /// Where images for anything are handed over, as far as services tell themselves.
    fn multipart(&self) -> Option<(String, String)> {
        let find = |wanted: &str, is_eligible: &dyn Fn(&Service) -> bool| {
            self.services.iter().filter(|service| is_eligible(service)).find_map(|service| {
                let has = |interfaces: &Interfaces| {
                    interfaces.contains_key(UPDATE) && interfaces.contains_key(wanted)
                };
                let (path, _) = service.objects.iter().find(|(_, interfaces)| has(interfaces))?;
                Some((service.name.clone(), path.clone()))
            })
        };
        find(MULTIPART_UPDATE, &|service| service.name != IMAGE_MANAGER)
            .or_else(|| find(UPDATE, &|service| service.name == IMAGE_MANAGER))
    }

    /// Images, by their ids.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut entries: BTreeMap<&str, Entry> = BTreeMap::new();
        for service in &self.services {
            for (path, interfaces) in &service.objects {
                if let Some(id) = id_of(path)
                    && (interfaces.contains_key(VERSION) || interfaces.contains_key(ACTIVATION))
                {
                    let entry = entries.entry(id).or_insert_with(|| Entry::new(id));
                    entry.add(service, interfaces);
                }
            }
        }
        entries.into_values().collect()
    }
}

/// Where an image is handed over: the service's bus name and the object's path.
pub(crate) async fn taker(
    connection: &Connection,
    target: Option<&str>,
    grants: &Grants,
    screen: &mut Screen<'_>,
) -> Result<(String, String), Failure> {
    if let Some(id) = target {
        let path = format!("{ROOT}/{id}");
        let having = object_mapper::get_object(connection, &path, &[UPDATE]).await.unwrap_or_default();
        let mut names: Vec<_> = having.into_keys().collect();
        names.sort_unstable();
        for name in names {
            if is_roots(connection, &name).await || grants.knows(&name) {
                return Ok((name, path));
            }
        }
        let catalogue = Catalogue::ask(connection, grants, screen).await?;
        return match catalogue.having(&path, UPDATE).first() {
            Some(service) => Ok((service.name.clone(), path)),
            None if catalogue.has(&path) => Err(Failure::say(
                Exit::Absent,
                format!("{id} takes no images: without --target the machine chooses"),
            )),
            None => Err(Failure::say(Exit::Absent, no_such(id))),
        };
    }
    let known = object_mapper::get_sub_tree(connection, "/", &[MULTIPART_UPDATE]).await.unwrap_or_default();
    let takers = known.into_iter().flat_map(|(path, services)| {
        services.into_keys().map(move |name| (name == IMAGE_MANAGER, name, path.clone()))
    });
    let mut takers: Vec<_> = takers.collect();
    takers.sort_unstable();
    for (_, name, path) in takers {
        // It gets whatever image there is, and is believed to have installed it.
        if is_roots(connection, &name).await {
            return Ok((name, path));
        }
    }
    let absent = "no service takes images: is image-manager.service running?";
    let catalogue = Catalogue::ask(connection, grants, screen).await?;
    catalogue.multipart().ok_or_else(|| Failure::say(Exit::Absent, absent))
}

/// Whether the owner of a bus name is root's, or our own user's; not where the bus does not say.
async fn is_roots(connection: &Connection, name: &str) -> bool {
    match call::owner(connection, name).await {
        Ok(owner) => is_privileged(connection, &owner).await.unwrap_or(false),
        Err(_) => false,
    }
}

/// What is said when nobody has an object.
pub(crate) fn no_such(id: &str) -> String {
    format!("nobody has {id}; `software-tool list` shows what there is")
}

/// The name of an object one level below the root.
pub(crate) fn id_of(path: &str) -> Option<&str> {
    let id = path.strip_prefix(ROOT)?.strip_prefix('/')?;
    (!id.is_empty() && !id.contains('/')).then_some(id)
}

/// The last word of an enumeration's member as the bus says it.
pub(crate) fn word(text: &str) -> &str {
    text.rsplit('.').next().unwrap_or(text)
}

/// An image or a version, as all its services together show it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Entry {
    /// Its object's name.
    pub(crate) id: String,
    /// What it is for.
    pub(crate) purpose: Option<String>,
    /// Its version.
    pub(crate) version: Option<String>,
    /// More about it.
    pub(crate) extended_version: Option<String>,
    /// Its state.
    pub(crate) activation: Option<&'static str>,
    /// How much of the work that is under way is done, percent.
    pub(crate) progress: Option<u8>,
    /// What image-manager does with it.
    pub(crate) stage: Option<String>,
    /// Why it ended as it did.
    pub(crate) reason: Option<String>,
    /// Bus names of those who have it, image-manager last.
    pub(crate) services: Vec<String>,
}

impl Entry {
    fn new(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// Adds what a service says. Of the state, an installer knows more than image-manager.
    fn add(&mut self, service: &Service, interfaces: &Interfaces) {
        let is_ours = service.name == IMAGE_MANAGER;
        let said = |interface: &str, property: &str| {
            text(interfaces.get(interface)?, property).filter(|text| !text.is_empty())
        };
        let fill = |own: &mut Option<String>, said: Option<String>| *own = own.take().or(said);
        fill(&mut self.purpose, said(VERSION, "Purpose").map(|text| word(&text).to_owned()));
        fill(&mut self.version, said(VERSION, "Version"));
        fill(&mut self.extended_version, said(EXTENDED_VERSION, "ExtendedVersion"));
        fill(&mut self.stage, said(IMAGE, "Stage"));
        fill(&mut self.reason, said(IMAGE, "Reason"));
        if let Some(state) = interfaces.get(ACTIVATION).and_then(activation)
            && (self.activation.is_none() || !is_ours)
        {
            self.activation = Some(state.word());
            let percent = |interface: &str| interfaces.get(interface).and_then(percent);
            self.progress = match state {
                Activation::NotReady => percent(IMAGE),
                Activation::Activating | Activation::Staging => percent(ACTIVATION_PROGRESS),
                _ => None,
            };
        }
        if is_ours {
            self.services.push(service.name.clone());
        } else {
            self.services.insert(0, service.name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbus_api::software::COMPATIBLE;
    use dbus_api::software::announcement::Properties;
    use installer_trust::Tables;
    use zbus::{OwnedVariant, Variant};

    fn variant(text: &str) -> OwnedVariant {
        OwnedVariant::try_from(Variant::from(text.to_owned())).unwrap()
    }

    fn service(name: &str, state: &str, version: &str) -> Service {
        let state = variant(&format!("{ACTIVATION}.Activations.{state}"));
        let activation = Properties::from([("Activation".to_owned(), state)]);
        let about = Properties::from([("Version".to_owned(), variant(version))]);
        let interfaces = Interfaces::from([(ACTIVATION.to_owned(), activation), (VERSION.to_owned(), about)]);
        let objects = BTreeMap::from([(format!("{ROOT}/1a2b3c4d"), interfaces)]);
        Service { name: name.to_owned(), owner: ":1.1".to_owned(), objects }
    }

    #[test]
    fn an_installer_knows_the_state_and_anybody_the_version() {
        let (ours, theirs) = (
            service(IMAGE_MANAGER, "Ready", "1.2"),
            service("xyz.openbmc_project.Software.Z", "Activating", ""),
        );
        for services in [vec![&ours, &theirs], vec![&theirs, &ours]] {
            let services = services.into_iter().map(|service| Service {
                name: service.name.clone(),
                owner: service.owner.clone(),
                objects: service.objects.clone(),
            });
            let catalogue = Catalogue { services: services.collect() };
            let entries = catalogue.entries();
            assert_eq!(entries.len(), 1);
            assert_eq!(
                (entries[0].activation, entries[0].version.as_deref()),
                (Some("Activating"), Some("1.2"))
            );
            assert_eq!(entries[0].services, ["xyz.openbmc_project.Software.Z", IMAGE_MANAGER]);
            let having = catalogue.having(&format!("{ROOT}/1a2b3c4d"), ACTIVATION);
            assert_eq!(having.last().map(|service| &*service.name), Some(IMAGE_MANAGER));
        }
    }

    #[test]
    fn what_others_show_of_an_image_is_left_out_unless_it_is_given_to_them() {
        let tables = "[\"a.Drives\"]\npurposes = [\"PSU\"]\ncompatible = [\"one\"]";
        let grants = toml::from_str::<Tables>(tables).unwrap().grants().unwrap();
        for (purpose, compatible, is_left) in
            [("PSU", "one", true), ("PSU", "two", false), ("BMC", "one", false), ("", "one", false)]
        {
            let mut ours = service(IMAGE_MANAGER, "Ready", "1.2");
            let names = OwnedVariant::try_from(Variant::from(vec![compatible])).unwrap();
            let interfaces = ours.objects.values_mut().next().unwrap();
            let purpose = variant(&format!("{VERSION}.VersionPurpose.{purpose}"));
            interfaces.get_mut(VERSION).unwrap().insert("Purpose".to_owned(), purpose.try_clone().unwrap());
            interfaces.insert(COMPATIBLE.to_owned(), Properties::from([("Names".to_owned(), names)]));
            let own = service("a.Drives", "Active", "1.1").objects.into_values().next().unwrap();
            let mut theirs = service("a.Drives", "Active", "1.1");
            theirs.owner = ":1.6".to_owned();
            theirs.objects.insert(format!("{ROOT}/drive"), own);
            let mut catalogue = Catalogue { services: vec![ours, theirs] };
            catalogue.leave_out(&BTreeSet::from([":1.6".to_owned()]), &grants);
            let having = catalogue.having(&format!("{ROOT}/1a2b3c4d"), ACTIVATION);
            assert_eq!(having.len(), if is_left { 2 } else { 1 }, "{purpose:?} {compatible}");
            assert!(catalogue.has(&format!("{ROOT}/drive")), "what is its own alone");
        }
    }

    #[test]
    fn only_objects_right_below_the_root_are_images() {
        assert_eq!(id_of("/xyz/openbmc_project/software/1a2b3c4d"), Some("1a2b3c4d"));
        for other in ["/xyz/openbmc_project/software", "/xyz/openbmc_project/software/a/b", "/a"] {
            assert_eq!(id_of(other), None, "{other}");
        }
    }
}
