//! `xyz.openbmc_project.ObjectMapper`: which service has which object.
//!
//! Source: openbmc/phosphor-dbus-interfaces `yaml/xyz/openbmc_project/ObjectMapper.interface.yaml`.

use crate::call::{CallError, Target, call_running};
use crate::standard::PROPERTIES;
use std::collections::HashMap;
use zbus::{Connection, OwnedVariant};

/// Its bus name.
pub const BUS_NAME: &str = "xyz.openbmc_project.ObjectMapper";

const TARGET: Target = Target {
    destination: BUS_NAME,
    path: "/xyz/openbmc_project/object_mapper",
    interface: "xyz.openbmc_project.ObjectMapper",
};

/// `endpoints` (as), on the mapper's own objects of associations.
const ASSOCIATION: &str = "xyz.openbmc_project.Association";

/// Services with the interfaces that each has on an object.
pub type Services = HashMap<String, Vec<String>>;

/// The services that have an object with one of the interfaces; any, when none are given. Starts no mapper.
///
/// Errors: [`CallError::Refused`] also when nobody has it.
pub async fn get_object(
    connection: &Connection,
    path: &str,
    interfaces: &[&str],
) -> Result<Services, CallError> {
    let reply = call_running(connection, &TARGET, "GetObject", &(path, interfaces)).await?;
    reply.body().deserialize().map_err(|source| CallError::Bus { destination: BUS_NAME, source })
}

/// The objects below a path that have one of the interfaces, and whose they are. Starts no mapper.
pub async fn get_sub_tree(
    connection: &Connection,
    path: &str,
    interfaces: &[&str],
) -> Result<HashMap<String, Services>, CallError> {
    let every_depth = 0_i32;
    let reply = call_running(connection, &TARGET, "GetSubTree", &(path, every_depth, interfaces)).await?;
    reply.body().deserialize().map_err(|source| CallError::Bus { destination: BUS_NAME, source })
}

/// The other ends of an association, which is an object of the mapper's own. Starts no mapper.
///
/// Errors: [`CallError::Refused`] also when there are none.
pub async fn endpoints(connection: &Connection, association: &'static str) -> Result<Vec<String>, CallError> {
    let target = Target { destination: BUS_NAME, path: association, interface: PROPERTIES };
    let reply = call_running(connection, &target, "Get", &(ASSOCIATION, "endpoints")).await?;
    let value: zbus::Result<OwnedVariant> = reply.body().deserialize();
    let endpoints = value.and_then(Vec::try_from);
    endpoints.map_err(|source| CallError::Bus { destination: BUS_NAME, source })
}
