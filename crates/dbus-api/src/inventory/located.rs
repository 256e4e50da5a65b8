//! What the inventory shows of where its objects are, in one call: location codes, the records that they are made of, and
//! whether there is an asset tag, which is made of the same.

use super::records::interface_of;
use super::{ASSET_TAG, LOCATION_CODE, ROOT, manager};
use crate::call::{self, CallError, Target};
use crate::skim::{self, Part, Plain};
use crate::standard::{OBJECT_MANAGER, PROPERTIES};
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use zbus::message::Type as MessageType;
use zbus::{Connection, MatchRule, Message};

/// The property of [`LOCATION_CODE`].
pub const LOCATION_CODE_PROPERTY: &str = "LocationCode";
/// The property of [`ASSET_TAG`].
pub const ASSET_TAG_PROPERTY: &str = "AssetTag";
/// The record of an enclosure's feature code (FC) and serial number (SE).
pub const ENCLOSURE_RECORD: &str = "VCEN";
/// The record of a system's type and model (TM) and serial number (SE).
pub const SYSTEM_RECORD: &str = "VSYS";

/// Bytes of a value that are kept, blanks at its end not counted. A longer one is none of which codes are made, nor a code of
/// ours, and is seen to be too long all the same.
const KEPT: usize = 512;

fn kept(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1);
    bytes.get(..end.min(KEPT)).unwrap_or_default().to_vec()
}

const TARGET: Target = Target { destination: manager::BUS_NAME, path: ROOT, interface: OBJECT_MANAGER };

/// What an object shows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Located {
    /// Its location code, if it has the interface.
    pub location_code: Option<String>,
    /// FC and SE of its record VCEN, if it has that; a keyword that it lacks is empty.
    pub enclosure: Option<(Vec<u8>, Vec<u8>)>,
    /// TM and SE of its record VSYS.
    pub system: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether it has an asset tag, whatever that says.
    pub has_asset_tag: bool,
}

/// The wanted objects as far as they exist, by their paths relative to the root; one that shows nothing of this is there all
/// the same.
///
/// Errors: as [`manager::notify`].
pub async fn located(
    connection: &Connection,
    wanted: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Located>, CallError> {
    let reply = call::call(connection, &TARGET, "GetManagedObjects", &()).await?;
    located_in(&reply, wanted).map_err(|source| CallError::Bus { destination: manager::BUS_NAME, source })
}

/// What such an answer says. What is not wanted is neither built nor kept: an inventory may be as large as the bus lets an
/// answer be.
///
/// Errors: the message is no such answer.
pub fn located_in(reply: &Message, wanted: &BTreeSet<&str>) -> zbus::Result<BTreeMap<String, Located>> {
    let mut found = BTreeMap::new();
    let mut reading: Option<Reading> = None;
    let mut end = |reading: Option<Reading>| {
        found.extend(reading.map(|reading| (reading.path, reading.located)));
    };
    skim::objects(reply, &mut |part| match (part, &mut reading) {
        (Part::Object(path), reading) => {
            let path = relative(path).filter(|path| wanted.contains(path.as_str()));
            end(mem::replace(reading, path.map(|path| Reading { path, ..Reading::default() })));
        }
        (Part::Interface(name), Some(reading)) => reading.interface(name),
        (Part::Property(name, value), Some(reading)) => reading.property(name, value),
        (_, None) => {}
    })?;
    end(reading);
    Ok(found)
}

/// Which signals tell that an object has a new interface; see [`added`].
pub fn added_rule() -> zbus::Result<MatchRule<'static>> {
    let builder = MatchRule::builder().msg_type(MessageType::Signal).sender(manager::BUS_NAME);
    builder.interface(OBJECT_MANAGER).member("InterfacesAdded").build()
}

/// The object of such a signal, relative to the root, and whether it has got more than a location code or an asset tag.
pub fn added(message: &Message) -> Option<(String, bool)> {
    if message.header().member().is_none_or(|member| member.as_str() != "InterfacesAdded") {
        return None;
    }
    let (mut object, mut has_more) = (None, false);
    let read = skim::object(message, &mut |part| match part {
        Part::Object(path) => object = relative(path),
        Part::Interface(name) => {
            has_more |= !matches!(Interface::of(name), Interface::LocationCode | Interface::AssetTag);
        }
        Part::Property(..) => {}
    });
    read.ok().and(object).map(|path| (path, has_more))
}

/// Which signals tell that values of a record have changed; see [`changed`].
pub fn changed_rule(record: &str) -> zbus::Result<MatchRule<'static>> {
    let builder = MatchRule::builder().msg_type(MessageType::Signal).sender(manager::BUS_NAME);
    let builder = builder.path_namespace(ROOT).interface(PROPERTIES).member("PropertiesChanged");
    builder.arg0ns(interface_of(record)).build()
}

/// The object of such a signal, relative to the root.
pub fn changed(message: &Message) -> Option<String> {
    let header = message.header();
    let is_change = header.member().is_some_and(|member| member.as_str() == "PropertiesChanged");
    header.path().filter(|_| is_change).and_then(|path| relative(path))
}

fn relative(path: &str) -> Option<String> {
    path.strip_prefix(ROOT).filter(|path| path.starts_with('/')).map(str::to_owned)
}

/// An object of an answer, as far as it has been read.
#[derive(Debug, Default)]
struct Reading {
    path: String,
    located: Located,
    interface: Interface,
}

/// An interface of interest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Interface {
    LocationCode,
    Enclosure,
    System,
    AssetTag,
    #[default]
    Other,
}

impl Interface {
    fn of(name: &str) -> Self {
        match name {
            LOCATION_CODE => Self::LocationCode,
            ASSET_TAG => Self::AssetTag,
            _ if name == interface_of(ENCLOSURE_RECORD) => Self::Enclosure,
            _ if name == interface_of(SYSTEM_RECORD) => Self::System,
            _ => Self::Other,
        }
    }
}

impl Reading {
    fn interface(&mut self, name: &str) {
        self.interface = Interface::of(name);
        match self.interface {
            Interface::LocationCode => self.located.location_code = Some(String::new()),
            Interface::Enclosure => self.located.enclosure = Some(Default::default()),
            Interface::System => self.located.system = Some(Default::default()),
            Interface::AssetTag => self.located.has_asset_tag = true,
            Interface::Other => {}
        }
    }

    /// A value of another type than the property's counts as none.
    fn property(&mut self, name: &str, value: Plain<'_>) {
        let located = &mut self.located;
        match (self.interface, name, value) {
            (Interface::LocationCode, LOCATION_CODE_PROPERTY, Plain::Text(code)) => {
                located.location_code = Some(code.chars().take(KEPT).collect());
            }
            (Interface::Enclosure, "FC", Plain::Bytes(bytes)) => {
                located.enclosure.get_or_insert_default().0 = kept(bytes);
            }
            (Interface::Enclosure, "SE", Plain::Bytes(bytes)) => {
                located.enclosure.get_or_insert_default().1 = kept(bytes);
            }
            (Interface::System, "TM", Plain::Bytes(bytes)) => {
                located.system.get_or_insert_default().0 = kept(bytes);
            }
            (Interface::System, "SE", Plain::Bytes(bytes)) => {
                located.system.get_or_insert_default().1 = kept(bytes);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::{ObjectPath, Variant};

    type Properties = BTreeMap<&'static str, Variant<'static>>;

    fn interfaces() -> BTreeMap<&'static str, Properties> {
        let foreign = BTreeMap::from([("k", Variant::from((1u8, "x")))]);
        BTreeMap::from([
            ("a.Foreign", Properties::from([("A", Variant::from(foreign)), ("B", Variant::from(vec!["x"]))])),
            ("a.Marker", Properties::new()),
            (ASSET_TAG, Properties::from([("AssetTag", Variant::from(""))])),
            (LOCATION_CODE, Properties::from([("LocationCode", Variant::from("Ufcs-P0"))])),
            (
                "com.ibm.ipzvpd.VCEN",
                Properties::from([("FC", Variant::from(vec![1u8, 2])), ("SE", Variant::from("no bytes"))]),
            ),
            ("com.ibm.ipzvpd.VSYS", Properties::from([("SE", Variant::from(vec![3u8]))])),
        ])
    }

    fn signal<B: serde::Serialize + zbus::DynamicType>(path: &str, body: &B) -> Message {
        Message::signal(path, OBJECT_MANAGER, "InterfacesAdded").build(body).unwrap()
    }

    #[test]
    fn what_is_of_interest_is_found_among_all_the_rest() {
        let path = ObjectPath::try_from(format!("{ROOT}/system")).unwrap();
        let body = signal(ROOT, &BTreeMap::from([(path, interfaces())]));
        let found = located_in(&body, &BTreeSet::from(["/system"])).unwrap();
        let expected = Located {
            location_code: Some("Ufcs-P0".to_owned()),
            enclosure: Some((vec![1, 2], vec![])),
            system: Some((vec![], vec![3])),
            has_asset_tag: true,
        };
        assert_eq!(found, BTreeMap::from([("/system".to_owned(), expected)]));
        assert_eq!(located_in(&body, &BTreeSet::from(["/system/chassis"])).unwrap(), BTreeMap::new());
    }

    #[test]
    fn of_a_long_value_no_more_is_kept_than_it_takes_to_see_that_it_is_too_long() {
        let path = ObjectPath::try_from(format!("{ROOT}/system")).unwrap();
        let mut blank = b"78DA".to_vec();
        blank.resize(30_000, b' ');
        let long =
            Properties::from([("FC", Variant::from(blank)), ("SE", Variant::from(vec![7_u8; 30_000]))]);
        let code = Properties::from([("LocationCode", Variant::from("ö".repeat(30_000)))]);
        let body = BTreeMap::from([("com.ibm.ipzvpd.VCEN", long), (LOCATION_CODE, code)]);
        let reply = signal(ROOT, &BTreeMap::from([(path, body)]));
        let found = located_in(&reply, &BTreeSet::from(["/system"])).unwrap().remove("/system").unwrap();
        assert_eq!(found.enclosure, Some((b"78DA".to_vec(), vec![7; KEPT])));
        assert_eq!(found.location_code.map(|code| code.chars().count()), Some(KEPT));
    }

    #[test]
    fn a_location_code_that_was_added_is_told_from_other_interfaces() {
        let path = ObjectPath::try_from(format!("{ROOT}/system/chassis")).unwrap();
        let all = interfaces();
        let only = |name: &'static str| BTreeMap::from([(name, all[name].try_clone_all())]);
        for (names, has_more) in [
            (LOCATION_CODE, false),
            (ASSET_TAG, false),
            ("a.Marker", true),
            ("com.ibm.ipzvpd.VCEN", true),
            ("com.ibm.ipzvpd.VSYS", true),
        ] {
            let signal = signal(ROOT, &(&path, only(names)));
            assert_eq!(added(&signal), Some(("/system/chassis".to_owned(), has_more)), "{names}");
        }
        assert_eq!(added(&signal(ROOT, &"text")), None);
        assert_eq!(changed(&signal("/elsewhere", &())), None);
    }

    trait CloneAll {
        fn try_clone_all(&self) -> Properties;
    }

    impl CloneAll for Properties {
        fn try_clone_all(&self) -> Properties {
            self.iter().map(|(name, value)| (*name, value.try_clone().unwrap())).collect()
        }
    }
}
