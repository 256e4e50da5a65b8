//! The interfaces of the D-Bus specification that every object offers, and its error names.

/// Reading and writing properties.
pub const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// Describing an object in XML.
pub const INTROSPECTABLE: &str = "org.freedesktop.DBus.Introspectable";
/// Liveness of a peer.
pub const PEER: &str = "org.freedesktop.DBus.Peer";
/// All objects below a path in one call.
pub const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";

/// Names of the errors that a reply may carry.
pub mod error {
    /// The arguments do not fit the method.
    pub const INVALID_ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";
    /// The caller may not do that.
    pub const ACCESS_DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";
    /// The call asks for more than a peer may.
    pub const LIMITS_EXCEEDED: &str = "org.freedesktop.DBus.Error.LimitsExceeded";
    /// The bus knows no owner of the name, nor how to start one.
    pub const SERVICE_UNKNOWN: &str = "org.freedesktop.DBus.Error.ServiceUnknown";
    /// The bus knows no owner of the name.
    pub const NAME_HAS_NO_OWNER: &str = "org.freedesktop.DBus.Error.NameHasNoOwner";
    /// The called connection has gone, or the reply has taken too long.
    pub const NO_REPLY: &str = "org.freedesktop.DBus.Error.NoReply";
    /// There is no such object.
    pub const UNKNOWN_OBJECT: &str = "org.freedesktop.DBus.Error.UnknownObject";
    /// The object has no such interface.
    pub const UNKNOWN_INTERFACE: &str = "org.freedesktop.DBus.Error.UnknownInterface";
    /// The interface has no such method.
    pub const UNKNOWN_METHOD: &str = "org.freedesktop.DBus.Error.UnknownMethod";
    /// The interface has no such property.
    pub const UNKNOWN_PROPERTY: &str = "org.freedesktop.DBus.Error.UnknownProperty";
    /// The property cannot be written.
    pub const PROPERTY_READ_ONLY: &str = "org.freedesktop.DBus.Error.PropertyReadOnly";
    /// The service does not do that.
    pub const NOT_SUPPORTED: &str = "org.freedesktop.DBus.Error.NotSupported";
    /// A file or directory could not be read or written.
    pub const IO_ERROR: &str = "org.freedesktop.DBus.Error.IOError";
    /// OpenBMC: an argument has a value that cannot be accepted.
    pub const OPENBMC_INVALID_ARGUMENT: &str = "xyz.openbmc_project.Common.Error.InvalidArgument";
    /// OpenBMC: not now.
    pub const OPENBMC_UNAVAILABLE: &str = "xyz.openbmc_project.Common.Error.Unavailable";
    /// OpenBMC: not in this state, or never.
    pub const OPENBMC_NOT_ALLOWED: &str = "xyz.openbmc_project.Common.Error.NotAllowed";
    /// OpenBMC: something inside the service failed.
    pub const OPENBMC_INTERNAL_FAILURE: &str = "xyz.openbmc_project.Common.Error.InternalFailure";
}

/// Parts of what an object says of itself (`Introspect`), for services that describe their objects by themselves.
pub mod introspection {
    /// The first lines of a description.
    pub const DOCTYPE: &str = "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n \
                       \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n";

    /// The interfaces that every object has.
    pub const STANDARD: &str = r#"  <interface name="org.freedesktop.DBus.Peer">
    <method name="Ping"/>
    <method name="GetMachineId">
      <arg name="machine_uuid" type="s" direction="out"/>
    </method>
  </interface>
  <interface name="org.freedesktop.DBus.Introspectable">
    <method name="Introspect">
      <arg name="xml_data" type="s" direction="out"/>
    </method>
  </interface>
  <interface name="org.freedesktop.DBus.Properties">
    <method name="Get">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="out"/>
    </method>
    <method name="GetAll">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="properties" type="a{sv}" direction="out"/>
    </method>
    <method name="Set">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="in"/>
    </method>
    <signal name="PropertiesChanged">
      <arg name="interface_name" type="s"/>
      <arg name="changed_properties" type="a{sv}"/>
      <arg name="invalidated_properties" type="as"/>
    </signal>
  </interface>
"#;
}
