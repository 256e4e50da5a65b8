//! The payload of `Notify`, borrowed from wherever the values are.

use super::property::{Kind, Property};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::borrow::Cow;
use zbus::{Signature, Type, as_variant, wire};

/// The in-signature of `Notify`.
pub const SIGNATURE: &str = "a{oa{sa{sv}}}";

/// Objects with their interfaces and properties, ready to be sent.
///
/// Shape: `a{oa{sa{sv}}}`; object paths relative to [`super::ROOT`], each with a leading slash.
/// A name must not be given twice on any level: the receiver's dictionary keeps one of them.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Notification<'a> {
    /// The objects, in the order in which they are to be sent.
    pub objects: Vec<Object<'a>>,
}

/// One object of a [`Notification`].
#[derive(Debug, Clone, PartialEq)]
pub struct Object<'a> {
    /// Path relative to the inventory's root.
    pub path: Cow<'a, str>,
    /// Interfaces in sending order.
    pub interfaces: Vec<Interface<'a>>,
}

/// One interface of an [`Object`]; without properties it is a type marker.
#[derive(Debug, Clone, PartialEq)]
pub struct Interface<'a> {
    /// Full interface name.
    pub name: Cow<'a, str>,
    /// Property names and values in sending order.
    pub properties: Vec<(Cow<'a, str>, Value<'a>)>,
}

/// A property value of the types that the inventory accepts.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `b`
    Bool(bool),
    /// PDI's `size`: `u` on 32-bit, `t` on 64-bit machines. Fails to serialise when it does not fit.
    Size(u64),
    /// `t`, on machines of every width. A manager that was built for 32 bits takes it only if it is ours.
    Unsigned(u64),
    /// `x`
    Signed(i64),
    /// `q`
    Short(u16),
    /// `s`
    Text(Cow<'a, str>),
    /// `ay`
    Bytes(Cow<'a, [u8]>),
    /// `as`
    Texts(Vec<Cow<'a, str>>),
}

impl Value<'_> {
    /// Its type, as facts and schema spell it: PDI's `size` is one.
    pub fn signature(&self) -> &'static str {
        match self {
            Self::Bool(_) => "b",
            Self::Size(_) => "size",
            Self::Unsigned(_) => "t",
            Self::Signed(_) => "x",
            Self::Short(_) => "q",
            Self::Text(_) => "s",
            Self::Bytes(_) => "ay",
            Self::Texts(_) => "as",
        }
    }
}

impl Notification<'_> {
    /// Puts the objects into the order of their paths. Sorting is 2 KiB of code wherever it stands, so it stands here.
    pub fn sort_objects(&mut self) {
        self.objects.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    }
}

impl<'a> Object<'a> {
    /// Sets a property whose type is known; its interface appears if need be, a later value replaces an earlier one.
    pub fn set<K: Kind<'a>>(&mut self, property: &Property<K>, value: K::Given) {
        self.interface(property.interface).set(property.name, K::value(value));
    }

    /// Puts the interfaces into the order of their names.
    pub fn sort_interfaces(&mut self) {
        self.interfaces.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    }

    /// The interface of that name, added at the end when the object has none.
    pub fn interface(&mut self, name: impl Into<Cow<'a, str>>) -> &mut Interface<'a> {
        let name = name.into();
        let position =
            self.interfaces.iter().position(|interface| interface.name == name).unwrap_or_else(|| {
                self.interfaces.push(Interface { name, properties: Vec::new() });
                self.interfaces.len() - 1
            });
        &mut self.interfaces[position]
    }
}

impl<'a> Interface<'a> {
    /// Sets a property; a later value replaces an earlier one.
    pub fn set(&mut self, property: impl Into<Cow<'a, str>>, value: Value<'a>) {
        let property = property.into();
        match self.properties.iter_mut().find(|(name, _)| *name == property) {
            Some((_, old)) => *old = value,
            None => self.properties.push((property, value)),
        }
    }
}

impl Type for Notification<'_> {
    const SIGNATURE: &'static Signature = &const {
        const VALUES: &Signature = &Signature::static_dict(&Signature::Str, &Signature::Variant);
        const INTERFACES: &Signature = &Signature::static_dict(&Signature::Str, VALUES);
        Signature::static_dict(&Signature::ObjectPath, INTERFACES)
    };
}

impl Serialize for Notification<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.objects.len()))?;
        for object in &self.objects {
            map.serialize_entry(&*object.path, &Interfaces(&object.interfaces))?;
        }
        map.end()
    }
}

struct Interfaces<'a>(&'a [Interface<'a>]);

impl Serialize for Interfaces<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for interface in self.0 {
            map.serialize_entry(&*interface.name, &Properties(&interface.properties))?;
        }
        map.end()
    }
}

struct Properties<'a>(&'a [(Cow<'a, str>, Value<'a>)]);

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(&**name, value)?;
        }
        map.end()
    }
}

impl Type for Value<'_> {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

/// `ay`: a byte string that is written in one piece; element by element costs a serialiser call each.
#[derive(Debug, Clone, Copy)]
pub struct ByteString<'a>(pub &'a [u8]);

impl Type for ByteString<'_> {
    const SIGNATURE: &'static Signature = <[u8]>::SIGNATURE;
}

impl Serialize for ByteString<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

#[cfg(target_pointer_width = "64")]
type WireSize = u64;
#[cfg(not(target_pointer_width = "64"))]
type WireSize = u32;

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => as_variant::serialize(value, serializer),
            Self::Size(value) => {
                let value = WireSize::try_from(*value)
                    .map_err(|_| serde::ser::Error::custom("value does not fit this machine's size type"))?;
                as_variant::serialize(&value, serializer)
            }
            Self::Unsigned(value) => as_variant::serialize(value, serializer),
            Self::Signed(value) => as_variant::serialize(value, serializer),
            Self::Short(value) => as_variant::serialize(value, serializer),
            Self::Text(value) => as_variant::serialize(&&**value, serializer),
            Self::Bytes(value) => as_variant::serialize(&ByteString(value), serializer),
            Self::Texts(values) => as_variant::serialize(values, serializer),
        }
    }
}

/// The wire form of a notification, in native byte order, as it stands in a message's body.
///
/// For tests, benches and dumps; [`super::manager::notify`] builds it by itself.
pub fn to_wire(notification: &Notification<'_>) -> Result<Vec<u8>, zbus::Error> {
    let context = wire::serialized::Context::new(wire::NATIVE_ENDIAN, 0);
    Ok(wire::to_bytes(context, notification)?.bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use zbus::{OwnedObjectPath, OwnedVariant, Variant};

    type Received = HashMap<OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>>;

    fn sample() -> Notification<'static> {
        let mut object = Object { path: "/system".into(), interfaces: Vec::new() };
        let item = object.interface("a.Item");
        item.set("Present", Value::Bool(false));
        item.set("Present", Value::Bool(true));
        item.set("PrettyName", Value::Text("Backplane".into()));
        object.interface("a.Marker");
        let all = object.interface("a.All");
        all.set("Size", Value::Size(7));
        all.set("Time", Value::Unsigned(u64::MAX));
        all.set("Signed", Value::Signed(-1));
        all.set("Short", Value::Short(9));
        all.set("Bytes", Value::Bytes(vec![0, 255, 3].into()));
        all.set("Empty", Value::Bytes((&[][..]).into()));
        all.set("Texts", Value::Texts(vec!["x".into(), "y".into()]));
        Notification { objects: vec![object] }
    }

    #[test]
    fn signature_is_the_one_that_the_inventory_declares() {
        assert_eq!(Notification::SIGNATURE, SIGNATURE);
    }

    #[test]
    fn a_receiver_reads_back_every_value_with_its_type() {
        let bytes = to_wire(&sample()).unwrap();
        let context = wire::serialized::Context::new(wire::NATIVE_ENDIAN, 0);
        let data = wire::serialized::Data::new(bytes, context);
        let received: Received = data.deserialize().unwrap().0;
        let object = &received[&OwnedObjectPath::try_from("/system").unwrap()];
        assert!(object["a.Marker"].is_empty());
        assert_eq!(object["a.Item"]["Present"], OwnedVariant::from(true));
        let all = &object["a.All"];
        let of = |name: &str| -> &Variant<'_> { &all[name] };
        assert_eq!(of("Size"), &Variant::from(7u64));
        assert_eq!(of("Time"), &Variant::from(u64::MAX));
        assert_eq!(of("Signed"), &Variant::from(-1i64));
        assert_eq!(of("Short"), &Variant::from(9u16));
        assert_eq!(of("Bytes"), &Variant::from(vec![0u8, 255, 3]));
        assert_eq!(of("Empty"), &Variant::from(Vec::<u8>::new()));
        assert_eq!(of("Texts"), &Variant::from(vec!["x", "y"]));
    }
}
