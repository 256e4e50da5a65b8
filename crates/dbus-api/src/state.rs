//! `xyz.openbmc_project.State.*`: what chassis and host do, as phosphor-state-manager tells it.
//!
//! Source: phosphor-dbus-interfaces, `yaml/xyz/openbmc_project/State`.

use crate::call::{self, CallError, Target};
use crate::skim::{self, Part, Plain};
use crate::standard::PROPERTIES;
use zbus::message::Type as MessageType;
use zbus::{Connection, MatchRule, Message};

/// A text that a state service shows.
#[derive(Debug, Clone, Copy)]
pub struct StateProperty {
    /// Its bus name.
    pub service: &'static str,
    /// The object.
    pub path: &'static str,
    /// The interface.
    pub interface: &'static str,
    /// The property, a full enumeration string.
    pub property: &'static str,
}

/// The power of the chassis.
pub const CHASSIS_POWER: StateProperty = StateProperty {
    service: "xyz.openbmc_project.State.Chassis",
    path: "/xyz/openbmc_project/state/chassis0",
    interface: "xyz.openbmc_project.State.Chassis",
    property: "CurrentPowerState",
};

/// [`CHASSIS_POWER`] when there is none.
pub const POWER_OFF: &str = "xyz.openbmc_project.State.Chassis.PowerState.Off";

/// What the host does.
pub const HOST: StateProperty = StateProperty {
    service: "xyz.openbmc_project.State.Host",
    path: "/xyz/openbmc_project/state/host0",
    interface: "xyz.openbmc_project.State.Host",
    property: "CurrentHostState",
};

/// [`HOST`] when it is off.
pub const HOST_OFF: &str = "xyz.openbmc_project.State.Host.HostState.Off";
/// [`HOST`] when it is about to run.
pub const HOST_STARTING: &str = "xyz.openbmc_project.State.Host.HostState.TransitioningToRunning";

impl StateProperty {
    /// Asks for the text.
    ///
    /// Errors: [`CallError`].
    pub async fn get(&self, connection: &Connection) -> Result<String, CallError> {
        let target = Target { destination: self.service, path: self.path, interface: PROPERTIES };
        let reply = call::call(connection, &target, "Get", &(self.interface, self.property)).await?;
        let body = reply.body();
        let value: Plain<'_> =
            body.deserialize().map_err(|source| CallError::Bus { destination: self.service, source })?;
        Ok(value.text().unwrap_or_default().to_owned())
    }

    /// Which signals tell of a change.
    pub fn changed_rule(&self) -> zbus::Result<MatchRule<'static>> {
        changed_rule(self.path, self.interface)
    }

    /// The text that such a signal tells; whoever takes it checks who sent it.
    pub fn changed(&self, message: &Message) -> Option<String> {
        changed(message, self.interface, self.property, |value| value.text().map(str::to_owned))
    }
}

/// Which signals tell of a change in an interface of an object.
pub fn changed_rule(path: &'static str, interface: &'static str) -> zbus::Result<MatchRule<'static>> {
    MatchRule::builder()
        .msg_type(MessageType::Signal)
        .path(path)
        .interface(PROPERTIES)
        .member("PropertiesChanged")
        .arg0ns(interface)
        .build()
}

/// What `take` makes of the new value of a property that `PropertiesChanged` tells of; nothing when it tells of others only,
/// or of another interface.
pub fn changed<T>(
    message: &Message,
    interface: &str,
    property: &str,
    take: impl Fn(Plain<'_>) -> Option<T>,
) -> Option<T> {
    let header = message.header();
    if header.member().is_none_or(|member| member.as_str() != "PropertiesChanged") {
        return None;
    }
    let (mut is_it, mut taken) = (false, None);
    let read = skim::interface(message, &mut |part| match part {
        Part::Interface(name) => is_it = name == interface,
        Part::Property(name, value) if is_it && name == property => taken = take(value),
        Part::Property(..) | Part::Object(_) => {}
    });
    read.ok().and(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use zbus::Variant;

    #[test]
    fn a_change_is_understood_and_another_interfaces_is_not() {
        let signal = |interface: &str, property: &str, value: Variant<'static>| {
            let changed = HashMap::from([(property.to_owned(), value)]);
            Message::signal(HOST.path, PROPERTIES, "PropertiesChanged")
                .build(&(interface.to_owned(), changed, Vec::<String>::new()))
                .unwrap()
        };
        let text = || Variant::from(HOST_STARTING.to_owned());
        assert_eq!(
            HOST.changed(&signal(HOST.interface, HOST.property, text())).as_deref(),
            Some(HOST_STARTING)
        );
        assert_eq!(HOST.changed(&signal(CHASSIS_POWER.interface, HOST.property, text())), None);
        assert_eq!(HOST.changed(&signal(HOST.interface, "Other", text())), None);
        assert_eq!(HOST.changed(&signal(HOST.interface, HOST.property, Variant::from(7_u32))), None);
    }
}
