//! Generated from `xtask/data/inventory-facts.toml` by `cargo xtask schema`; change the facts.

use crate::inventory::property::{Property, Size, Text, Truth, Unsigned};

/// `AssetTag` of `xyz.openbmc_project.Inventory.Decorator.AssetTag`, of type `s`.
#[rustfmt::skip]
pub const ASSET_TAG: Property<Text> =
    Property::new("xyz.openbmc_project.Inventory.Decorator.AssetTag", "AssetTag");

/// `Available` of `xyz.openbmc_project.State.Decorator.Availability`, of type `b`.
#[rustfmt::skip]
pub const AVAILABLE: Property<Truth> =
    Property::new("xyz.openbmc_project.State.Decorator.Availability", "Available");

/// `CompletedTime` of `xyz.openbmc_project.Common.Progress`, of type `t`.
#[rustfmt::skip]
pub const COMPLETED_TIME: Property<Unsigned> =
    Property::new("xyz.openbmc_project.Common.Progress", "CompletedTime");

/// `Enabled` of `xyz.openbmc_project.Object.Enable`, of type `b`.
#[rustfmt::skip]
pub const ENABLED: Property<Truth> =
    Property::new("xyz.openbmc_project.Object.Enable", "Enabled");

/// `Functional` of `xyz.openbmc_project.State.Decorator.OperationalStatus`, of type `b`.
#[rustfmt::skip]
pub const FUNCTIONAL: Property<Truth> =
    Property::new("xyz.openbmc_project.State.Decorator.OperationalStatus", "Functional");

/// `LocationCode` of `xyz.openbmc_project.Inventory.Decorator.LocationCode`, of type `s`.
#[rustfmt::skip]
pub const LOCATION_CODE: Property<Text> =
    Property::new("xyz.openbmc_project.Inventory.Decorator.LocationCode", "LocationCode");

/// `MemorySizeInKB` of `xyz.openbmc_project.Inventory.Item.Dimm`, of type `size`.
#[rustfmt::skip]
pub const MEMORY_SIZE_IN_KB: Property<Size> =
    Property::new("xyz.openbmc_project.Inventory.Item.Dimm", "MemorySizeInKB");

/// `Present` of `xyz.openbmc_project.Inventory.Item`, of type `b`.
#[rustfmt::skip]
pub const PRESENT: Property<Truth> =
    Property::new("xyz.openbmc_project.Inventory.Item", "Present");

/// `PrettyName` of `xyz.openbmc_project.Inventory.Item`, of type `s`.
#[rustfmt::skip]
pub const PRETTY_NAME: Property<Text> =
    Property::new("xyz.openbmc_project.Inventory.Item", "PrettyName");

/// `Status` of `xyz.openbmc_project.Common.Progress`, of type `s`.
#[rustfmt::skip]
pub const PROGRESS_STATUS: Property<Text> =
    Property::new("xyz.openbmc_project.Common.Progress", "Status");

/// `StartTime` of `xyz.openbmc_project.Common.Progress`, of type `t`.
#[rustfmt::skip]
pub const START_TIME: Property<Unsigned> =
    Property::new("xyz.openbmc_project.Common.Progress", "StartTime");

/// Interfaces with the properties of type `q`, in byte order, one space between properties.
#[rustfmt::skip]
pub const SHORT_NUMBERS: &[(&str, &str)] = &[
    ("xyz.openbmc_project.Inventory.Item.Cpu",
     "CoreCount EffectiveFamily EffectiveModel Step ThreadCount"),
    ("xyz.openbmc_project.Inventory.Item.Dimm",
     "CASLatencies MaxMemorySpeedInMhz MemoryConfiguredSpeedInMhz MemoryDataWidth MemoryTotalWidth \
        RevisionCode"),
    ("xyz.openbmc_project.Inventory.Item.PCIeFunction",
     "DeviceId SubsystemId SubsystemVendorId VendorId"),
    ("xyz.openbmc_project.Inventory.Item.PersistentMemory",
     "ModuleManufacturerID ModuleProductID SubsystemDeviceID SubsystemVendorID"),
];
