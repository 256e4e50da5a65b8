//! What clients ask of services that have to do with firmware. A peer is named by its bus name, whichever it is.

use super::announcement::Properties;
use super::{
    ACTIVATION, APPLY_TIME, APPLY_TIME_OBJECT, DELETE, DELETE_ALL, INTAKE, NAMESPACE, ROOT, START_UPDATE,
    UPDATE, apply_time as time_name, requested_activation,
};
use crate::object_mapper;
use crate::standard::PROPERTIES;
use crate::standard::error::INVALID_ARGS;
use std::os::fd::BorrowedFd;
use update_state::{ApplyTime, RequestedActivation};
use zbus::{Connection, Fd, OwnedObjectPath, Variant};

/// Whether a bus name is that of a service that has to do with firmware.
pub fn is_firmware(name: &str) -> bool {
    name.strip_prefix(NAMESPACE).is_some_and(|rest| rest.starts_with('.'))
}

/// Hands over an image; the result is its object. Some services want to be told too whether to install it even if it does not
/// fit; they are told not to.
///
/// Errors: as the bus or the peer says.
pub async fn start_update(
    connection: &Connection,
    peer: &str,
    object: &str,
    image: BorrowedFd<'_>,
    apply_time: ApplyTime,
) -> zbus::Result<OwnedObjectPath> {
    let (interface, time) = (Some(UPDATE), time_name(apply_time));
    let arguments = (Fd::from(image), &time);
    let asked = connection.call_method(Some(peer), object, interface, START_UPDATE, &arguments).await;
    let reply = match asked {
        // Such a service looks at the arguments' types before it does anything.
        Err(error) if are_invalid_args(&error) => {
            let arguments = (Fd::from(image), &time, false);
            connection.call_method(Some(peer), object, interface, START_UPDATE, &arguments).await?
        }
        asked => asked?,
    };
    reply.body().deserialize()
}

fn are_invalid_args(error: &zbus::Error) -> bool {
    match error {
        zbus::Error::FDO(error) => matches!(**error, zbus::fdo::Error::InvalidArgs(_)),
        zbus::Error::MethodError(name, ..) => name.as_str() == INVALID_ARGS,
        _ => false,
    }
}

/// Hands over an image for one device, whose object's path is `target`; the result is the image's object.
///
/// Errors: as the bus or the peer says.
pub async fn start_update_for(
    connection: &Connection,
    peer: &str,
    image: BorrowedFd<'_>,
    apply_time: ApplyTime,
    target: &str,
) -> zbus::Result<OwnedObjectPath> {
    let arguments = (Fd::from(image), time_name(apply_time), target);
    let reply = connection.call_method(Some(peer), ROOT, Some(INTAKE), START_UPDATE, &arguments).await?;
    reply.body().deserialize()
}

/// Asks for an activation.
///
/// Errors: as the bus or the peer says.
pub async fn activate(connection: &Connection, peer: &str, object: &str) -> zbus::Result<()> {
    let wish = Variant::from(requested_activation(RequestedActivation::Active));
    let arguments = (ACTIVATION, "RequestedActivation", wish);
    connection.call_method(Some(peer), object, Some(PROPERTIES), "Set", &arguments).await.map(drop)
}

/// Sets the apply time of the whole system.
///
/// Errors: as the bus, the object mapper or the settings' owner says; [`zbus::Error::InterfaceNotFound`] when no service has it.
pub async fn set_apply_time(connection: &Connection, time: ApplyTime) -> zbus::Result<()> {
    let asked = object_mapper::get_object(connection, APPLY_TIME_OBJECT, &[APPLY_TIME]).await;
    let services = asked.map_err(|error| zbus::Error::Failure(error.to_string()))?;
    let Some(service) = services.into_keys().next() else { return Err(zbus::Error::InterfaceNotFound) };
    let arguments = (APPLY_TIME, "RequestedApplyTime", Variant::from(time_name(time)));
    let object = APPLY_TIME_OBJECT;
    connection.call_method(Some(&*service), object, Some(PROPERTIES), "Set", &arguments).await.map(drop)
}

/// Asks for an object's removal.
///
/// Errors: as the bus or the peer says.
pub async fn delete(connection: &Connection, peer: &str, object: &str) -> zbus::Result<()> {
    connection.call_method(Some(peer), object, Some(DELETE), "Delete", &()).await.map(drop)
}

/// Asks a peer to remove all that it may.
///
/// Errors: as the bus or the peer says.
pub async fn delete_all(connection: &Connection, peer: &str) -> zbus::Result<()> {
    connection.call_method(Some(peer), ROOT, Some(DELETE_ALL), "DeleteAll", &()).await.map(drop)
}

/// All properties of an object's interface.
///
/// Errors: as the bus or the peer says.
pub async fn properties(
    connection: &Connection,
    peer: &str,
    object: &str,
    interface: &str,
) -> zbus::Result<Properties> {
    let reply = connection.call_method(Some(peer), object, Some(PROPERTIES), "GetAll", &interface).await?;
    reply.body().deserialize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_of_firmware_is_known_by_its_name() {
        assert!(is_firmware("xyz.openbmc_project.Software.Version"));
        assert!(is_firmware("xyz.openbmc_project.Software.Psu.Updater"));
        for other in ["xyz.openbmc_project.Software", "xyz.openbmc_project.SoftwareOther", ":1.7"] {
            assert!(!is_firmware(other), "{other}");
        }
    }
}
