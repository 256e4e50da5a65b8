//! Which service takes images of a purpose, and may be believed.

use crate::settings::Settings;
use dbus_api::call::{self, CallError};
use dbus_api::object_mapper;
use dbus_api::software::{BIOS_UPDATEABLE, BMC_UPDATEABLE, UPDATE};
use image_format::Purpose;
use peer::is_privileged;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use zbus::Connection;

/// Longest wait for the object mapper, as a client waits meanwhile.
const MAPPER_LIMIT: Duration = Duration::from_secs(2);

/// A service that takes images of some purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Its bus name.
    pub name: String,
    /// Unique name of its connection.
    pub owner: String,
    /// The object that takes them.
    pub object: String,
}

/// Why no service was found that an image is handed on to.
#[derive(Debug, PartialEq, Eq)]
pub enum NotFound {
    /// There is none.
    None,
    /// There are these, and clients choose none then.
    Several(Vec<String>),
    /// There are these, and none of them may install the image.
    NotBelieved(Vec<String>),
    /// The object mapper did not answer in time.
    NoAnswer,
}

impl NotFound {
    /// What is said of it; nothing where there is none, as on most machines.
    pub(super) fn reason(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Several(names) => Some(format!("several services take such images: {}", names.join(", "))),
            Self::NotBelieved(names) => {
                let names = names.join(", ");
                Some(format!("{names} takes such images, and may not install this one"))
            }
            Self::NoAnswer => {
                let limit = MAPPER_LIMIT.as_secs();
                Some(format!("the object mapper did not say within {limit} s who takes such images"))
            }
        }
    }
}

/// Where the object mapper says who takes images of a purpose; nothing for purposes that are of no such service.
pub fn association_of(purpose: Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::Bmc | Purpose::System => Some(BMC_UPDATEABLE),
        Purpose::Host => Some(BIOS_UPDATEABLE),
        _ => None,
    }
}

/// Which service is looked for.
#[derive(Debug, Clone)]
pub(super) struct Search {
    /// Unique names of our connections.
    pub(super) own: Vec<String>,
    pub(super) settings: Arc<Settings>,
    pub(super) purpose: Purpose,
    pub(super) compatible: Vec<String>,
}

/// The one that may be believed, of services with whether they may. Those that may not do not count, or any user could make
/// them several.
fn choose(services: Vec<(Recipient, bool)>) -> Result<Recipient, NotFound> {
    let names = |services: Vec<Recipient>| services.into_iter().map(|service| service.name).collect();
    let (believed, others): (Vec<_>, Vec<_>) =
        services.into_iter().partition(|(_, is_believed)| *is_believed);
    let mut believed: Vec<_> = believed.into_iter().map(|(service, _)| service).collect();
    match (believed.pop(), others.is_empty()) {
        (Some(service), _) if believed.is_empty() => Ok(service),
        (Some(service), _) => {
            believed.push(service);
            Err(NotFound::Several(names(believed)))
        }
        (None, true) => Err(NotFound::None),
        (None, false) => {
            Err(NotFound::NotBelieved(names(others.into_iter().map(|(service, _)| service).collect())))
        }
    }
}

/// Looks for a service that takes such images, as clients do, and that may be believed for this one.
pub(super) async fn find(connection: &Connection, search: &Search) -> Result<Recipient, NotFound> {
    let found = timeout(MAPPER_LIMIT, services(connection, search)).await;
    found.unwrap_or(Err(NotFound::NoAnswer)).and_then(choose)
}

/// The services that take such images, without ourselves, and whether each may be believed.
async fn services(connection: &Connection, search: &Search) -> Result<Vec<(Recipient, bool)>, NotFound> {
    let Some(association) = association_of(search.purpose) else { return Ok(Vec::new()) };
    let ends = answered(object_mapper::endpoints(connection, association).await)?.unwrap_or_default();
    let mut services = Vec::new();
    for object in ends {
        let found = object_mapper::get_object(connection, &object, &[UPDATE]).await;
        for name in answered(found)?.unwrap_or_default().into_keys() {
            // One that has gone meanwhile is none.
            let Ok(owner) = call::owner(connection, &name).await else { continue };
            if search.own.contains(&owner) {
                continue;
            }
            let Ok(is_privileged) = is_privileged(connection, &owner).await else { continue };
            let grants = &search.settings.installers;
            let is_believed = is_privileged || grants.cover(&name, search.purpose, &search.compatible);
            services.push((Recipient { name, owner, object: object.clone() }, is_believed));
        }
    }
    Ok(services)
}

/// What the object mapper has answered; nothing where it knows none, or is not there.
fn answered<T>(answer: Result<T, CallError>) -> Result<Option<T>, NotFound> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(CallError::Refused { .. } | CallError::Absent { .. }) => Ok(None),
        Err(_) => Err(NotFound::NoAnswer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> Recipient {
        Recipient { name: name.to_owned(), owner: ":1.3".to_owned(), object: "/a".to_owned() }
    }

    #[test]
    fn images_for_the_bmc_and_the_host_alone_are_handed_on() {
        for purpose in Purpose::ALL {
            let expected = match purpose.word() {
                "BMC" | "System" => Some("/xyz/openbmc_project/software/bmc/updateable"),
                "Host" => Some("/xyz/openbmc_project/software/bios/updateable"),
                _ => None,
            };
            assert_eq!(association_of(purpose), expected, "{purpose:?}");
        }
    }

    #[test]
    fn the_one_service_that_may_be_believed_is_chosen() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (services, expected) in [
            (&[][..], Err(NotFound::None)),
            (&[("a", true)], Ok(service("a"))),
            (&[("a", false), ("b", true), ("c", false)], Ok(service("b"))),
            (&[("a", true), ("b", true), ("c", false)], Err(NotFound::Several(names(&["a", "b"])))),
            (&[("a", false)], Err(NotFound::NotBelieved(names(&["a"])))),
        ] {
            let found = services.iter().map(|(name, is_believed)| (service(name), *is_believed)).collect();
            assert_eq!(choose(found), expected, "{services:?}");
        }
    }

    #[test]
    fn why_no_service_was_found_is_said_unless_there_is_none() {
        assert_eq!(NotFound::None.reason(), None);
        for (why, says) in [
            (
                NotFound::Several(vec!["a".to_owned(), "b".to_owned()]),
                "several services take such images: a, b",
            ),
            (
                NotFound::NotBelieved(vec!["a".to_owned()]),
                "a takes such images, and may not install this one",
            ),
            (NotFound::NoAnswer, "the object mapper did not say within 2 s who takes such images"),
        ] {
            assert_eq!(why.reason().as_deref(), Some(says));
        }
    }
}
