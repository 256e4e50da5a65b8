//! Which objects have which location code, read at once and then followed by signals.

use super::located::LOCATION_CODE_PROPERTY;
use super::{LOCATION_CODE, ROOT, manager};
use crate::call::{self, CallError, Target};
use crate::skim::{self, Part};
use crate::standard::{OBJECT_MANAGER, PROPERTIES};
use std::collections::BTreeMap;
use zbus::message::Type as MessageType;
use zbus::{Connection, MatchRule, Message, ObjectPath};

/// Longest code that is kept, bytes; a longer one is none.
const LONGEST: usize = 512;

const TARGET: Target = Target { destination: manager::BUS_NAME, path: ROOT, interface: OBJECT_MANAGER };

/// Location codes by paths relative to the root, of all objects that have one.
///
/// Errors: as [`manager::notify`].
pub async fn codes(connection: &Connection) -> Result<BTreeMap<String, String>, CallError> {
    let reply = call::call(connection, &TARGET, "GetManagedObjects", &()).await?;
    codes_in(&reply).map_err(|source| CallError::Bus { destination: manager::BUS_NAME, source })
}

/// What such an answer says. Nothing else of it is built or kept.
///
/// Errors: the message is no such answer.
pub fn codes_in(reply: &Message) -> zbus::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let (mut path, mut is_it) = (None, false);
    skim::objects(reply, &mut |part| match part {
        Part::Object(object) => path = relative(object),
        Part::Interface(name) => is_it = name == LOCATION_CODE,
        Part::Property(name, value) => {
            if is_it
                && name == LOCATION_CODE_PROPERTY
                && let (Some(path), Some(code)) = (&path, value.text().and_then(kept))
            {
                found.insert(path.clone(), code);
            }
        }
    })?;
    Ok(found)
}

/// Which signals tell of a change; see [`Change::of`].
pub fn rules() -> zbus::Result<Vec<MatchRule<'static>>> {
    let signal = || MatchRule::builder().msg_type(MessageType::Signal).sender(manager::BUS_NAME);
    let changed = signal().path_namespace(ROOT).interface(PROPERTIES).member("PropertiesChanged");
    let objects = |member| signal().interface(OBJECT_MANAGER).member(member).build();
    Ok(vec![
        changed.arg0ns(LOCATION_CODE).build()?,
        objects("InterfacesRemoved")?,
        objects("InterfacesAdded")?,
    ])
}

/// What a signal of the inventory says of location codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// An object has this code now, or none.
    Code(String, Option<String>),
    /// Something that cannot be told from the signal: all are to be read again.
    Anything,
}

impl Change {
    /// Reads a signal.
    pub fn of(message: &Message) -> Self {
        let header = message.header();
        match header.member().map(|member| member.as_str()) {
            Some("PropertiesChanged") => changed(message),
            Some("InterfacesAdded") => added(message),
            Some("InterfacesRemoved") => removed(message),
            _ => Self::Nothing,
        }
    }
}

fn changed(message: &Message) -> Change {
    let header = message.header();
    let Some(path) = header.path().and_then(|path| relative(path)) else { return Change::Nothing };
    let (mut is_it, mut code) = (false, None);
    let read = skim::interface(message, &mut |part| match part {
        Part::Interface(name) => is_it = name == LOCATION_CODE,
        Part::Property(LOCATION_CODE_PROPERTY, value) if is_it => code = value.text().map(kept),
        Part::Property(..) | Part::Object(_) => {}
    });
    match (read, is_it, code) {
        (Err(_), ..) | (_, true, None) => Change::Anything,
        (_, true, Some(code)) => Change::Code(path, code),
        (_, false, _) => Change::Nothing,
    }
}

fn added(message: &Message) -> Change {
    let (mut path, mut is_it, mut code) = (None, false, None);
    let read = skim::object(message, &mut |part| match part {
        Part::Object(object) => path = relative(object),
        Part::Interface(name) => is_it = name == LOCATION_CODE,
        Part::Property(LOCATION_CODE_PROPERTY, value) if is_it => code = value.text().map(kept),
        Part::Property(..) => {}
    });
    match (read, path, code) {
        (Err(_), ..) => Change::Anything,
        (_, Some(path), Some(code)) => Change::Code(path, code),
        _ => Change::Nothing,
    }
}

fn removed(message: &Message) -> Change {
    let body = message.body();
    let read: zbus::Result<(ObjectPath<'_>, Vec<&str>)> = body.deserialize();
    match read {
        Err(_) => Change::Anything,
        Ok((path, interfaces)) => match relative(&path) {
            Some(path) if interfaces.contains(&LOCATION_CODE) => Change::Code(path, None),
            _ => Change::Nothing,
        },
    }
}

fn relative(path: &str) -> Option<String> {
    path.strip_prefix(ROOT).filter(|path| path.starts_with('/')).map(str::to_owned)
}

fn kept(code: &str) -> Option<String> {
    (!code.is_empty() && code.len() <= LONGEST).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus::Variant;

    type Properties = BTreeMap<&'static str, Variant<'static>>;

    fn path(relative: &str) -> ObjectPath<'static> {
        ObjectPath::try_from(format!("{ROOT}{relative}")).unwrap()
    }

    fn code(code: &'static str) -> BTreeMap<&'static str, Properties> {
        let foreign = Properties::from([("LocationCode", Variant::from("Other"))]);
        let ours = Properties::from([("LocationCode", Variant::from(code))]);
        BTreeMap::from([("a.Foreign", foreign), (LOCATION_CODE, ours)])
    }

    fn signal<B: serde::Serialize + zbus::DynamicType>(path: &str, member: &str, body: &B) -> Message {
        let interface = if member == "PropertiesChanged" { PROPERTIES } else { OBJECT_MANAGER };
        Message::signal(path, interface, member).build(body).unwrap()
    }

    #[test]
    fn all_codes_are_found_and_nothing_else() {
        let mut all = BTreeMap::from([(path("/system"), code("U1")), (path("/empty"), code(""))]);
        all.insert(path("/other"), BTreeMap::from([("a.B", Properties::new())]));
        let reply = signal(ROOT, "Any", &all);
        assert_eq!(codes_in(&reply).unwrap(), BTreeMap::from([("/system".to_owned(), "U1".to_owned())]));
    }

    #[test]
    fn signals_tell_of_a_code_that_came_changed_or_went() {
        let now = |code: Option<&str>| Change::Code("/system".to_owned(), code.map(str::to_owned));
        let system = format!("{ROOT}/system");
        let changed = |interface: &str, value: Variant<'static>| {
            let properties = BTreeMap::from([("LocationCode", value)]);
            Change::of(&signal(&system, "PropertiesChanged", &(interface, properties, Vec::<&str>::new())))
        };
        assert_eq!(changed(LOCATION_CODE, Variant::from("U2")), now(Some("U2")));
        assert_eq!(changed(LOCATION_CODE, Variant::from("")), now(None));
        assert_eq!(changed(LOCATION_CODE, Variant::from(5_u32)), Change::Anything);
        assert_eq!(changed("a.Foreign", Variant::from("U2")), Change::Nothing);
        let added = |interfaces| Change::of(&signal(ROOT, "InterfacesAdded", &(path("/system"), interfaces)));
        assert_eq!(added(code("U1")), now(Some("U1")));
        assert_eq!(added(BTreeMap::new()), Change::Nothing);
        let removed =
            |name: &str| Change::of(&signal(ROOT, "InterfacesRemoved", &(path("/system"), vec![name])));
        assert_eq!(removed(LOCATION_CODE), now(None));
        assert_eq!(removed("a.Foreign"), Change::Nothing);
        // Longer than is taken off the bus, so that its body is not there.
        for member in ["PropertiesChanged", "InterfacesAdded", "InterfacesRemoved"] {
            assert_eq!(Change::of(&signal(&system, member, &())), Change::Anything, "{member}");
        }
    }
}
