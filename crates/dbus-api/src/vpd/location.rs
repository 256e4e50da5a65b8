//! The name of the service that publishes location codes. It offers nothing but the standard's log level.

/// Well-known bus name of the service.
pub const BUS_NAME: &str = "io.vivianite.Vpd.Location";
