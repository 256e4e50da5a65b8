//! What the inventory shows of where its objects are, in one call: location codes, the records that they are made of, and
//! whether there is an asset tag, which is made of the same.

use super::received::Given;
use super::records::interface_of;
use super::{ASSET_TAG, LOCATION_CODE, ROOT, manager};
use crate::call::{self, CallError, Target};
use crate::standard::{OBJECT_MANAGER, PROPERTIES};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use zbus::message::Type as MessageType;
use zbus::{Connection, MatchRule, Message, ObjectPath, Signature, Type};

/// The property of [`LOCATION_CODE`].
pub const LOCATION_CODE_PROPERTY: &str = "LocationCode";
/// The property of [`ASSET_TAG`].
pub const ASSET_TAG_PROPERTY: &str = "AssetTag";
/// The record of an enclosure's feature code (FC) and serial number (SE).
pub const ENCLOSURE_RECORD: &str = "VCEN";
/// The record of a system's type and model (TM) and serial number (SE).
pub const SYSTEM_RECORD: &str = "VSYS";

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

/// All objects, by their paths relative to the root; one that shows nothing of this is there all the same.
///
/// Errors: as [`manager::notify`].
pub async fn located(connection: &Connection) -> Result<BTreeMap<String, Located>, CallError> {
    let reply = call::call(connection, &TARGET, "GetManagedObjects", &()).await?;
    let body = reply.body();
    let objects: Objects<'_> =
        body.deserialize().map_err(|source| CallError::Bus { destination: manager::BUS_NAME, source })?;
    Ok(objects.0.into_iter().filter_map(|(path, shown)| Some((relative(&path)?, shown.located()))).collect())
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
    let body = message.body();
    let Added(path, shown) = body.deserialize().ok()?;
    Some((relative(&path)?, shown.others > 0 || shown.enclosure.is_some() || shown.system.is_some()))
}

/// Which signals tell that values of a record have changed; see [`changed`].
pub fn changed_rule(record: &str) -> zbus::Result<MatchRule<'static>> {
    let builder = MatchRule::builder().msg_type(MessageType::Signal).sender(manager::BUS_NAME);
    let builder = builder.path_namespace(ROOT).interface(PROPERTIES).member("PropertiesChanged");
    builder.add_arg(interface_of(record)).build()
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

/// `a{oa{sa{sv}}}`
#[derive(Deserialize)]
struct Objects<'a>(#[serde(borrow)] BTreeMap<ObjectPath<'a>, Shown<'a>>);

/// `(oa{sa{sv}})`
#[derive(Deserialize, Type)]
struct Added<'a>(#[serde(borrow)] ObjectPath<'a>, #[serde(borrow)] Shown<'a>);

impl Type for Objects<'_> {
    const SIGNATURE: &'static Signature = super::notification::Notification::SIGNATURE;
}

/// `a{sa{sv}}`, of which little is kept: the inventory of a machine is large, and this is what its size comes to.
#[derive(Default)]
struct Shown<'a> {
    location_code: Option<Given<'a>>,
    enclosure: Option<(Given<'a>, Given<'a>)>,
    system: Option<(Given<'a>, Given<'a>)>,
    has_asset_tag: bool,
    /// How many interfaces there are beside these.
    others: usize,
}

impl Type for Shown<'_> {
    const SIGNATURE: &'static Signature = &const {
        const VALUES: &Signature = &Signature::static_dict(&Signature::Str, &Signature::Variant);
        Signature::static_dict(&Signature::Str, VALUES)
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for Shown<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ShownVisitor)
    }
}

struct ShownVisitor;

impl<'de> Visitor<'de> for ShownVisitor {
    type Value = Shown<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("interfaces with their properties")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut interfaces: A) -> Result<Shown<'de>, A::Error> {
        let mut shown = Shown::default();
        let (enclosure, system) = (interface_of(ENCLOSURE_RECORD), interface_of(SYSTEM_RECORD));
        while let Some(name) = interfaces.next_key::<&str>()? {
            if name == LOCATION_CODE {
                let [code] = taken(interfaces.next_value()?, [LOCATION_CODE_PROPERTY]);
                shown.location_code = Some(code);
            } else if name == enclosure {
                let [feature, serial] = taken(interfaces.next_value()?, ["FC", "SE"]);
                shown.enclosure = Some((feature, serial));
            } else if name == system {
                let [model, serial] = taken(interfaces.next_value()?, ["TM", "SE"]);
                shown.system = Some((model, serial));
            } else if name == ASSET_TAG {
                interfaces.next_value::<IgnoredAny>()?;
                shown.has_asset_tag = true;
            } else {
                interfaces.next_value::<IgnoredAny>()?;
                shown.others = shown.others.saturating_add(1);
            }
        }
        Ok(shown)
    }
}

/// The named properties; one that is not there is empty.
fn taken<'a, const N: usize>(
    mut properties: BTreeMap<&'a str, Given<'a>>,
    names: [&str; N],
) -> [Given<'a>; N] {
    names.map(|name| properties.remove(name).unwrap_or(Given::Bytes(&[])))
}

impl Shown<'_> {
    fn located(self) -> Located {
        let both = |(first, second)| (bytes(first), bytes(second));
        Located {
            location_code: self.location_code.map(|code| match code {
                Given::Text(text) => text.to_owned(),
                _ => String::new(),
            }),
            enclosure: self.enclosure.map(both),
            system: self.system.map(both),
            has_asset_tag: self.has_asset_tag,
        }
    }
}

/// A value of another type than the record's counts as none.
fn bytes(given: Given<'_>) -> Vec<u8> {
    match given {
        Given::Bytes(bytes) => bytes.to_vec(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::Variant;

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
        let body = body.body();
        let Objects(objects) = body.deserialize().unwrap();
        let (_, shown) = objects.into_iter().next().unwrap();
        let expected = Located {
            location_code: Some("Ufcs-P0".to_owned()),
            enclosure: Some((vec![1, 2], vec![])),
            system: Some((vec![], vec![3])),
            has_asset_tag: true,
        };
        assert_eq!(shown.located(), expected);
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
