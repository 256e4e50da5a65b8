//! What others send, read past: nothing is built of what is not wanted.
//!
//! zbus's `Variant` makes one value of some 60 bytes for each byte of an array, and an answer of the inventory may hold as
//! much as the bus passes on. Here texts and bytes are handed on where they lie in the message, and all else is passed over.

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use zbus::{DynamicType, Message, Signature, Type};

/// A part of a message, in the order in which they stand there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Part<'a> {
    /// An object begins.
    Object(&'a str),
    /// An interface of the last object begins.
    Interface(&'a str),
    /// A property of the last interface.
    Property(&'a str, Plain<'a>),
}

/// The content of a variant, where it lies in the message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Plain<'a> {
    /// `b`
    Bool(bool),
    /// `y`, `q`, `u` or `t`
    Number(u64),
    /// `s`
    Text(&'a str),
    /// `ay`
    Bytes(&'a [u8]),
    /// Of another type, and passed over.
    Other,
}

impl<'a> Plain<'a> {
    /// Whether it is true, if it is a truth value.
    pub fn truth(self) -> Option<bool> {
        if let Self::Bool(truth) = self { Some(truth) } else { None }
    }

    /// The number, if it is one.
    pub fn number(self) -> Option<u64> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    /// The text, if it is one.
    pub fn text(self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// Takes the parts one by one.
type Heed<'f> = &'f mut dyn FnMut(Part<'_>);

/// `a{oa{sa{sv}}}`: what an object manager answers.
///
/// Errors: the message says something else, or is malformed; parts before that were handed on.
pub(crate) fn objects(message: &Message, heed: Heed<'_>) -> zbus::Result<()> {
    read(message, Level::Objects, heed)
}

/// `oa{sa{sv}}`: an object and its interfaces.
///
/// Errors: as [`objects`].
pub(crate) fn object(message: &Message, heed: Heed<'_>) -> zbus::Result<()> {
    read(message, Level::Object, heed)
}

/// `sa{sv}as`: an interface and its properties; what follows is passed over.
///
/// Errors: as [`objects`].
pub(crate) fn interface(message: &Message, heed: Heed<'_>) -> zbus::Result<()> {
    read(message, Level::Interface, heed)
}

const PROPERTIES: &Signature = &Signature::static_dict(&Signature::Str, &Signature::Variant);
const INTERFACES: &Signature = &Signature::static_dict(&Signature::Str, PROPERTIES);
const OBJECTS: &Signature = &Signature::static_dict(&Signature::ObjectPath, INTERFACES);
const OBJECT: &Signature = &Signature::static_structure(&[&Signature::ObjectPath, INTERFACES]);
const NAMES: &Signature = &Signature::static_array(&Signature::Str);
const INTERFACE: &Signature = &Signature::static_structure(&[&Signature::Str, PROPERTIES, NAMES]);

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Level {
    /// `a{oa{sa{sv}}}`
    Objects,
    /// `(oa{sa{sv}})`
    Object,
    /// `a{sa{sv}}`
    Interfaces,
    /// `(sa{sv}as)`
    Interface,
    /// `a{sv}`
    Properties,
}

impl Level {
    fn signature(self) -> &'static Signature {
        match self {
            Self::Objects => OBJECTS,
            Self::Object => OBJECT,
            Self::Interfaces => INTERFACES,
            Self::Interface => INTERFACE,
            Self::Properties => PROPERTIES,
        }
    }
}

fn read(message: &Message, level: Level, heed: Heed<'_>) -> zbus::Result<()> {
    let body = message.body();
    if body.signature() != level.signature() {
        return Err(zbus::Error::SignatureMismatch(body.signature().clone(), level.signature().to_string()));
    }
    body.data().deserialize_with_seed(Skim { level, heed }).map(|((), _)| ())
}

struct Skim<'f> {
    level: Level,
    heed: Heed<'f>,
}

impl Skim<'_> {
    fn deeper(&mut self, level: Level) -> Skim<'_> {
        Skim { level, heed: &mut *self.heed }
    }
}

impl DynamicType for Skim<'_> {
    fn signature(&self) -> Signature {
        self.level.signature().clone()
    }
}

impl<'de> DeserializeSeed<'de> for Skim<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        // Told by the signature, as a map is, but without code for every other type.
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Skim<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`", self.level.signature())
    }

    /// A structure.
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut parts: A) -> Result<(), A::Error> {
        let name: &str = parts.next_element()?.ok_or_else(|| de::Error::custom("nothing is named"))?;
        let level = if self.level == Level::Object {
            (self.heed)(Part::Object(name));
            Level::Interfaces
        } else {
            (self.heed)(Part::Interface(name));
            Level::Properties
        };
        parts.next_element_seed(self.deeper(level))?;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(name) = entries.next_key::<&str>()? {
            match self.level {
                Level::Objects => {
                    (self.heed)(Part::Object(name));
                    entries.next_value_seed(self.deeper(Level::Interfaces))?;
                }
                Level::Interfaces => {
                    (self.heed)(Part::Interface(name));
                    entries.next_value_seed(self.deeper(Level::Properties))?;
                }
                _ => (self.heed)(Part::Property(name, entries.next_value()?)),
            }
        }
        Ok(())
    }
}

impl Type for Plain<'_> {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

impl<'de: 'a, 'a> Deserialize<'de> for Plain<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PlainVisitor)
    }
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = Plain<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a variant")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Plain<'de>, A::Error> {
        let signature: &str = parts.next_element()?.ok_or_else(|| de::Error::custom("no signature"))?;
        let missing = || de::Error::custom("no value");
        Ok(match signature {
            "b" => Plain::Bool(parts.next_element()?.ok_or_else(missing)?),
            "y" => Plain::Number(parts.next_element::<u8>()?.ok_or_else(missing)?.into()),
            "q" => Plain::Number(parts.next_element::<u16>()?.ok_or_else(missing)?.into()),
            "u" => Plain::Number(parts.next_element::<u32>()?.ok_or_else(missing)?.into()),
            "t" => Plain::Number(parts.next_element()?.ok_or_else(missing)?),
            "s" => Plain::Text(parts.next_element()?.ok_or_else(missing)?),
            "ay" => Plain::Bytes(parts.next_element()?.ok_or_else(missing)?),
            _ => {
                parts.next_element::<IgnoredAny>()?.ok_or_else(missing)?;
                Plain::Other
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashMap};
    use zbus::{ObjectPath, Variant};

    fn message<B: serde::Serialize + DynamicType>(body: &B) -> Message {
        Message::signal("/a", "a.B", "Said").build(body).unwrap()
    }

    fn properties() -> BTreeMap<&'static str, Variant<'static>> {
        let foreign = HashMap::from([("k", Variant::from((1u8, "x")))]);
        BTreeMap::from([
            ("A", Variant::from(true)),
            ("B", Variant::from(foreign)),
            ("C", Variant::from(vec![1u8, 2])),
            ("D", Variant::from(vec!["p", "q"])),
            ("E", Variant::from("text")),
            ("F", Variant::Variant(Box::new(Variant::from(7_i64)))),
            ("G", Variant::from(Vec::<u8>::new())),
            ("H", Variant::from(7_u8)),
            ("I", Variant::from(70_000_u32)),
        ])
    }

    const READ: &str = "Property(\"A\", Bool(true)) Property(\"B\", Other) Property(\"C\", Bytes([1, 2])) \
                        Property(\"D\", Other) Property(\"E\", Text(\"text\")) Property(\"F\", Other) \
                        Property(\"G\", Bytes([])) Property(\"H\", Number(7)) Property(\"I\", Number(70000))";

    fn told(read: fn(&Message, Heed<'_>) -> zbus::Result<()>, message: &Message) -> zbus::Result<String> {
        let mut parts = Vec::new();
        read(message, &mut |part| parts.push(format!("{part:?}")))?;
        Ok(parts.join(" "))
    }

    #[test]
    fn every_part_is_told_in_its_order_and_a_foreign_type_does_not_derail_its_neighbours() {
        let interfaces = BTreeMap::from([("a.Empty", BTreeMap::new()), ("b.Full", properties())]);
        let path = ObjectPath::try_from("/o").unwrap();
        let expected = format!("Interface(\"a.Empty\") Interface(\"b.Full\") {READ}");
        let one = told(object, &message(&(&path, &interfaces))).unwrap();
        assert_eq!(one, format!("Object(\"/o\") {expected}"));
        let all =
            BTreeMap::from([(path, interfaces), (ObjectPath::try_from("/p").unwrap(), BTreeMap::new())]);
        assert_eq!(
            told(objects, &message(&all)).unwrap(),
            format!("Object(\"/o\") {expected} Object(\"/p\")")
        );
        let changed = message(&("b.Full", properties(), vec!["gone"]));
        assert_eq!(told(interface, &changed).unwrap(), format!("Interface(\"b.Full\") {READ}"));
    }

    #[test]
    fn a_message_that_says_something_else_is_refused() {
        let text = message(&"text");
        for read in [objects, object, interface] {
            assert!(told(read, &text).is_err());
        }
        assert!(told(objects, &message(&("b.Full", properties(), vec!["gone"]))).is_err());
    }
}
