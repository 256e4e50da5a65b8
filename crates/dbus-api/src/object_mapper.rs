//! `xyz.openbmc_project.ObjectMapper`: which service has which object.
//!
//! Source: openbmc/phosphor-dbus-interfaces `yaml/xyz/openbmc_project/ObjectMapper.interface.yaml`.

use crate::call::{CallError, Target, call_running};
use std::collections::HashMap;
use zbus::Connection;

/// Its bus name.
pub const BUS_NAME: &str = "xyz.openbmc_project.ObjectMapper";

const TARGET: Target = Target {
    destination: BUS_NAME,
    path: "/xyz/openbmc_project/object_mapper",
    interface: "xyz.openbmc_project.ObjectMapper",
};

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
