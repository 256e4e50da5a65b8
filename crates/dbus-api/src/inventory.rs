//! The inventory: `xyz.openbmc_project.Inventory.*`, the decorators beside it, and the record
//! interfaces `com.ibm.ipzvpd.*`.

pub mod codes;
pub mod content;
pub mod deletion;
mod delivery;
pub mod located;
pub mod manager;
pub mod notification;
pub mod property;
pub mod received;
pub mod records;
pub mod shown;

/// Where the inventory's objects live. Paths in `Notify` are relative to it.
pub const ROOT: &str = "/xyz/openbmc_project/inventory";

/// A thing in the inventory: `PrettyName` (s), `Present` (b).
pub const ITEM: &str = "xyz.openbmc_project.Inventory.Item";
/// A memory module: `MemorySizeInKB` (size) among others.
pub const ITEM_DIMM: &str = "xyz.openbmc_project.Inventory.Item.Dimm";
/// A processor.
pub const ITEM_CPU: &str = "xyz.openbmc_project.Inventory.Item.Cpu";
/// `PartNumber`, `SerialNumber`, `SparePartNumber`, `Model`, `BuildDate`, … (all s).
pub const ASSET: &str = "xyz.openbmc_project.Inventory.Decorator.Asset";
/// `LocationCode` (s); published by `location-code-updater` alone.
pub const LOCATION_CODE: &str = "xyz.openbmc_project.Inventory.Decorator.LocationCode";
/// The name that a machine's owner gives it.
pub const ASSET_TAG: &str = "xyz.openbmc_project.Inventory.Decorator.AssetTag";
/// The older twin of [`LOCATION_CODE`], same owner.
pub const IBM_LOCATION: &str = "com.ibm.ipzvpd.Location";
/// `Associations` (a(sss)): forward type, reverse type, endpoint.
pub const ASSOCIATION_DEFINITIONS: &str = "xyz.openbmc_project.Association.Definitions";
/// `Functional` (b).
pub const OPERATIONAL_STATUS: &str = "xyz.openbmc_project.State.Decorator.OperationalStatus";
/// `Enabled` (b).
pub const ENABLE: &str = "xyz.openbmc_project.Object.Enable";
/// `Available` (b): whether the host can use it.
pub const AVAILABILITY: &str = "xyz.openbmc_project.State.Decorator.Availability";
/// `Status` (s, enum), `StartTime`, `CompletedTime` (t, microseconds since 1970).
pub const PROGRESS: &str = "xyz.openbmc_project.Common.Progress";

/// Full string forms of `Common.Progress.Status`.
pub mod progress_status {
    /// Nothing has been tried yet.
    pub const NOT_STARTED: &str = "xyz.openbmc_project.Common.Progress.OperationStatus.NotStarted";
    /// The operation is under way.
    pub const IN_PROGRESS: &str = "xyz.openbmc_project.Common.Progress.OperationStatus.InProgress";
    /// The operation ended well.
    pub const COMPLETED: &str = "xyz.openbmc_project.Common.Progress.OperationStatus.Completed";
    /// The operation ended without a usable result.
    pub const FAILED: &str = "xyz.openbmc_project.Common.Progress.OperationStatus.Failed";
}

/// The path below [`ROOT`] that `Notify` expects for a full inventory path.
///
/// Accepts both forms and returns the relative one with its leading slash, or `None` for a path
/// that is neither: `/xyz/openbmc_project/inventory/system` and `/system` both give `/system`.
pub fn relative_path(path: &str) -> Option<&str> {
    let relative = path.strip_prefix(ROOT).unwrap_or(path);
    (relative.len() > 1 && relative.starts_with('/') && !relative.ends_with('/') && !relative.contains("//"))
        .then_some(relative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_inventory_path_are_understood() {
        for (given, expected) in [
            ("/system/chassis", Some("/system/chassis")),
            ("/xyz/openbmc_project/inventory/system", Some("/system")),
            ("/xyz/openbmc_project/inventory", None),
            ("/", None),
            ("", None),
            ("system", None),
            ("/system/", None),
            ("/system//chassis", None),
        ] {
            assert_eq!(relative_path(given), expected, "{given}");
        }
    }
}
