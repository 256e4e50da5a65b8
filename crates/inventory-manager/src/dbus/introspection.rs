use crate::inventory::Inventory;
use crate::schema::{Access, InterfaceSchema, Schema};
use dbus_api::inventory::{ROOT, deletion, manager};
use dbus_api::standard::introspection::{DOCTYPE, STANDARD};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const AT_ROOT: &str = r#"  <interface name="org.freedesktop.DBus.ObjectManager">
    <method name="GetManagedObjects">
      <arg name="objects" type="a{oa{sa{sv}}}" direction="out"/>
    </method>
    <signal name="InterfacesAdded">
      <arg name="object" type="o"/>
      <arg name="interfaces" type="a{sa{sv}}"/>
    </signal>
    <signal name="InterfacesRemoved">
      <arg name="object" type="o"/>
      <arg name="interfaces" type="as"/>
    </signal>
  </interface>
"#;

/// Our own interfaces on the root: name, then the method with its arguments.
const OWN_AT_ROOT: [(&str, &str); 2] = [
    (
        manager::INTERFACE,
        r#"    <method name="Notify">
      <arg name="object" type="a{oa{sa{sv}}}" direction="in"/>
    </method>
"#,
    ),
    (
        deletion::INTERFACE,
        r#"    <method name="Delete">
      <arg name="paths" type="as" direction="in"/>
      <arg name="removed" type="u" direction="out"/>
    </method>
"#,
    ),
];

/// The XML of whatever lives at a full path; `None` when neither it nor anything below it exists.
pub fn describe(schema: &Schema, inventory: &Inventory, path: &str) -> Option<String> {
    let children = children(inventory, path);
    let object = path.strip_prefix(ROOT).and_then(|relative| inventory.objects().get(relative));
    if object.is_none() && children.is_empty() && path != ROOT {
        return None;
    }
    let mut xml = format!("{DOCTYPE}<node>\n{STANDARD}");
    if path == ROOT {
        xml.push_str(AT_ROOT);
        for (interface, methods) in OWN_AT_ROOT {
            // Writing to a String cannot fail.
            let _ = write!(xml, "  <interface name=\"{interface}\">\n{methods}  </interface>\n");
        }
    }
    for hosted in object.into_iter().flat_map(|object| object.interfaces()) {
        if let Some(interface) = schema.at(hosted.interface) {
            describe_interface(interface, &mut xml);
        }
    }
    for child in children {
        let _ = writeln!(xml, "  <node name=\"{child}\"/>");
    }
    xml.push_str("</node>\n");
    Some(xml)
}

fn describe_interface(interface: &InterfaceSchema, xml: &mut String) {
    let _ = writeln!(xml, "  <interface name=\"{}\">", interface.name());
    for (_, name, property) in interface.iter() {
        let access = match property.access {
            Access::ReadWrite => "readwrite",
            Access::Read => "read",
        };
        let signature = property.kind.signature();
        let _ = writeln!(xml, "    <property name=\"{name}\" type=\"{signature}\" access=\"{access}\"/>");
    }
    xml.push_str("  </interface>\n");
}

/// Names one level below a full path, on the way to the root or among the objects.
fn children<'a>(inventory: &'a Inventory, path: &str) -> BTreeSet<&'a str> {
    let prefix = if path == "/" { "/".to_owned() } else { format!("{path}/") };
    if let Some(rest) = ROOT.strip_prefix(&prefix) {
        return rest.split('/').next().into_iter().collect();
    }
    let Some(below_root) = prefix.strip_prefix(ROOT) else { return BTreeSet::new() };
    let names = inventory.objects().range(below_root.to_owned()..);
    names
        .map_while(|(object, _)| object.strip_prefix(below_root))
        .filter_map(|rest| rest.split('/').next())
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::PropertyValues;

    #[test]
    fn the_way_from_the_top_to_every_object_can_be_walked() {
        let schema = Schema::from_fragment(&toml::from_str("[\"a.Marker\"]").unwrap()).unwrap();
        let mut inventory = Inventory::default();
        for path in ["/system/chassis/board", "/system/chassis2", "/system"] {
            inventory.restore(&schema, path, "a.Marker", PropertyValues::new());
        }
        for (path, expected) in [
            ("/", vec!["xyz"]),
            ("/xyz", vec!["openbmc_project"]),
            ("/xyz/openbmc_project", vec!["inventory"]),
            (ROOT, vec!["system"]),
            ("/xyz/openbmc_project/inventory/system", vec!["chassis", "chassis2"]),
            ("/xyz/openbmc_project/inventory/system/chassis", vec!["board"]),
            ("/xyz/openbmc_project/inventory/system/chassis/board", vec![]),
            ("/elsewhere", vec![]),
            ("/xyz/openbmc_project/inventoryx", vec![]),
        ] {
            assert_eq!(children(&inventory, path).into_iter().collect::<Vec<_>>(), expected, "{path}");
        }
        assert!(describe(&schema, &inventory, "/xyz/openbmc_project/inventory/system/chassis").is_some());
        assert!(describe(&schema, &inventory, "/xyz/openbmc_project/inventory/nowhere").is_none());
    }
}
