//! Chassis, host and BMC state, field mode, settings: objects with a few values. Nothing follows from a requested transition.

use super::Role;
use crate::call::{Call, Outcome};
use crate::objects::{Interfaces, Objects};
use zbus::Variant;

/// A state service.
#[derive(Debug)]
pub(crate) struct States(Objects);

/// The chassis is off.
pub(crate) fn chassis() -> States {
    single(
        "/xyz/openbmc_project/state/chassis0",
        "xyz.openbmc_project.State.Chassis",
        &[
            ("CurrentPowerState", "xyz.openbmc_project.State.Chassis.PowerState.Off"),
            ("RequestedPowerTransition", "xyz.openbmc_project.State.Chassis.Transition.Off"),
        ],
    )
}

/// The host is off.
pub(crate) fn host() -> States {
    single(
        "/xyz/openbmc_project/state/host0",
        "xyz.openbmc_project.State.Host",
        &[
            ("CurrentHostState", "xyz.openbmc_project.State.Host.HostState.Off"),
            ("RequestedHostTransition", "xyz.openbmc_project.State.Host.Transition.Off"),
        ],
    )
}

/// The BMC is ready.
pub(crate) fn bmc() -> States {
    single(
        "/xyz/openbmc_project/state/bmc0",
        "xyz.openbmc_project.State.BMC",
        &[
            ("CurrentBMCState", "xyz.openbmc_project.State.BMC.BMCState.Ready"),
            ("RequestedBMCTransition", "xyz.openbmc_project.State.BMC.Transition.None"),
        ],
    )
}

/// Field mode is off. An object mapper has to be told of it.
pub(crate) fn field_mode() -> States {
    let properties = [("FieldModeEnabled", Variant::from(false))].into();
    let interfaces = Interfaces::from([("xyz.openbmc_project.Control.FieldMode", properties)]);
    States(Objects([("/xyz/openbmc_project/software".to_owned(), interfaces)].into()))
}

/// The system's settings, as far as they are about firmware. An object mapper has to be told of them.
pub(crate) fn settings() -> States {
    single(
        "/xyz/openbmc_project/software/apply_time",
        "xyz.openbmc_project.Software.ApplyTime",
        &[("RequestedApplyTime", "xyz.openbmc_project.Software.ApplyTime.RequestedApplyTimes.OnReset")],
    )
}

fn single(path: &str, interface: &'static str, texts: &[(&'static str, &str)]) -> States {
    let properties = texts.iter().map(|(name, text)| (*name, Variant::from((*text).to_owned()))).collect();
    let interfaces = Interfaces::from([(interface, properties)]);
    States(Objects([(path.to_owned(), interfaces)].into()))
}

impl Role for States {
    fn objects(&mut self) -> &mut Objects {
        &mut self.0
    }

    fn perform(&mut self, _call: &Call<'_>) -> Option<Outcome> {
        None
    }
}
