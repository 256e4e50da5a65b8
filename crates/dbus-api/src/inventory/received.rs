//! The payload of `Notify` as a manager receives it: taken apart while it is read, borrowed from the message.
//!
//! Nothing is built of it here: a message of some MiB may name hundreds of thousands of things.

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use zbus::message::Body;
use zbus::{DynamicType, Signature, Type};

/// What takes a notification while it is read, in the order in which it was sent.
pub trait Receiver<'a> {
    /// An object follows, by the path that was given.
    fn object(&mut self, path: &'a str) -> Wish;
    /// An interface of that object follows.
    fn interface(&mut self, name: &'a str) -> Wish;
    /// A property of that interface follows.
    fn property(&mut self, name: &'a str) -> Wish;
    /// The value of that property, if it was wished for.
    fn value(&mut self, value: Given<'a>) -> Wish;
}

/// What a [`Receiver`] wants of what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// All of it.
    Take,
    /// Nothing of it, but what comes after it.
    Pass,
    /// Nothing at all any more.
    Stop,
}

/// Takes a message's body apart. Shape: `a{oa{sa{sv}}}`.
///
/// Errors: the body is not of this shape; or the receiver wished to stop, of which it knows why.
pub fn read<'a>(body: &'a Body, receiver: &mut dyn Receiver<'a>) -> zbus::Result<()> {
    if *body.signature() != *SHAPE {
        return Err(zbus::Error::Failure(format!("the signature is {}, not {SHAPE}", body.signature())));
    }
    body.data().deserialize_with_seed(Objects(receiver)).map(drop)
}

const SHAPE: &Signature = super::notification::Notification::SIGNATURE;

/// Texts, kept in one piece: 100,000 empty ones are worth no 100,000 allocations.
///
/// A text on the bus has no NUL, which ends each of them here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextList(Box<str>);

impl TextList {
    /// The texts in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.split_terminator('\0')
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.bytes().filter(|byte| *byte == 0).count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> FromIterator<&'a str> for TextList {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut list = Growing::default();
        texts.into_iter().for_each(|text| list.push(text));
        list.finish()
    }
}

/// A list that grows by a quarter, not to the double, and has the right size at the end.
#[derive(Debug, Default)]
pub struct Growing(String);

impl Growing {
    /// Adds a text at the end.
    pub fn push(&mut self, text: &str) {
        let needed = text.len() + 1;
        if self.0.capacity() - self.0.len() < needed {
            self.0.reserve_exact(needed.max(self.0.len() / 4));
        }
        // None comes over the bus; from elsewhere it would be two texts.
        self.0.extend(text.split('\0'));
        self.0.push('\0');
    }

    /// The list.
    pub fn finish(self) -> TextList {
        TextList(self.0.into_boxed_str())
    }
}

impl<'de> Deserialize<'de> for TextList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = TextList;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<TextList, A::Error> {
        let mut list = Growing::default();
        while let Some(text) = texts.next_element::<&str>()? {
            list.push(text);
        }
        Ok(list.finish())
    }
}

/// `a(sss)`, as a list of three texts each.
struct Triples(TextList);

impl<'de> Deserialize<'de> for Triples {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TriplesVisitor)
    }
}

struct TriplesVisitor;

impl<'de> Visitor<'de> for TriplesVisitor {
    type Value = Triples;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("three texts each")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut triples: A) -> Result<Triples, A::Error> {
        let mut list = Growing::default();
        while let Some((a, b, c)) = triples.next_element::<(&str, &str, &str)>()? {
            [a, b, c].into_iter().for_each(|text| list.push(text));
        }
        Ok(Triples(list.finish()))
    }
}

/// A value of one of the seven types that `Notify` accepts, or of another.
#[derive(Debug, Clone, PartialEq)]
pub enum Given<'a> {
    /// `b`
    Bool(bool),
    /// `t`; on 32-bit machines `u` too
    Size(u64),
    /// `x`
    Signed(i64),
    /// `q`
    Short(u16),
    /// `s`
    Text(&'a str),
    /// `ay`
    Bytes(&'a [u8]),
    /// `as`
    Texts(TextList),
    /// A type that only a direct `Set` may use.
    Exact(Exact<'a>),
    /// Any other type: its signature; the value is read past.
    Other(String),
}

/// A value of a type that properties have but `Notify` does not accept.
#[derive(Debug, Clone, PartialEq)]
pub enum Exact<'a> {
    /// `y n i`, and `u` on 64-bit machines: the signature and the number.
    Integer(char, i128),
    /// `d`
    Double(f64),
    /// `o`
    Path(&'a str),
    /// `ao`
    Paths(TextList),
    /// `a(sss)`: three texts each.
    Triples(TextList),
}

impl Type for Given<'_> {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

impl<'de: 'a, 'a> Deserialize<'de> for Given<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = deserializer.deserialize_any(VariantVisitor { is_wanted: true })?;
        given.ok_or_else(|| de::Error::custom("a variant without a value"))
    }
}

/// The objects, of which the receiver is told.
struct Objects<'r, 'a>(&'r mut dyn Receiver<'a>);
/// The interfaces of one object; none is told of without a receiver.
struct Interfaces<'r, 'a>(Option<&'r mut dyn Receiver<'a>>);
/// The properties of one interface, likewise.
struct Properties<'r, 'a>(Option<&'r mut dyn Receiver<'a>>);

impl DynamicType for Objects<'_, '_> {
    fn signature(&self) -> Signature {
        SHAPE.clone()
    }
}

/// What the receiver wishes: the receiver for what follows, or an error that ends the reading.
fn wished<'r, 'a, E: de::Error>(
    wish: Wish,
    receiver: &'r mut dyn Receiver<'a>,
) -> Result<Option<&'r mut dyn Receiver<'a>>, E> {
    match wish {
        Wish::Take => Ok(Some(receiver)),
        Wish::Pass => Ok(None),
        Wish::Stop => Err(E::custom("it was read no further")),
    }
}

macro_rules! reads_a_map {
    ($seed:ident) => {
        impl<'a> DeserializeSeed<'a> for $seed<'_, 'a> {
            type Value = ();

            fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_map(self)
            }
        }
    };
}
reads_a_map!(Objects);
reads_a_map!(Interfaces);
reads_a_map!(Properties);

impl<'a> Visitor<'a> for Objects<'_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("objects")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut objects: A) -> Result<(), A::Error> {
        while let Some(path) = objects.next_key::<&'a str>()? {
            let wish = self.0.object(path);
            objects.next_value_seed(Interfaces(wished(wish, &mut *self.0)?))?;
        }
        Ok(())
    }
}

impl<'a> Visitor<'a> for Interfaces<'_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("interfaces")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut interfaces: A) -> Result<(), A::Error> {
        while let Some(name) = interfaces.next_key::<&'a str>()? {
            let receiver = match &mut self.0 {
                Some(receiver) => {
                    let wish = receiver.interface(name);
                    wished(wish, &mut **receiver)?
                }
                None => None,
            };
            interfaces.next_value_seed(Properties(receiver))?;
        }
        Ok(())
    }
}

impl<'a> Visitor<'a> for Properties<'_, 'a> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("properties")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut properties: A) -> Result<(), A::Error> {
        while let Some(name) = properties.next_key::<&'a str>()? {
            let receiver = match &mut self.0 {
                Some(receiver) => {
                    let wish = receiver.property(name);
                    wished(wish, &mut **receiver)?
                }
                None => None,
            };
            let given = properties.next_value_seed(VariantSeed { is_wanted: receiver.is_some() })?;
            if let Some((receiver, given)) = receiver.zip(given) {
                let wish = receiver.value(given);
                wished::<A::Error>(wish, receiver)?;
            }
        }
        Ok(())
    }
}

/// A variant; read past and nothing if it is not wanted.
struct VariantSeed {
    is_wanted: bool,
}

impl<'de> DeserializeSeed<'de> for VariantSeed {
    type Value = Option<Given<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(VariantVisitor { is_wanted: self.is_wanted })
    }
}

struct VariantVisitor {
    is_wanted: bool,
}

impl<'de> Visitor<'de> for VariantVisitor {
    type Value = Option<Given<'de>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a variant")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
        let signature: Signature =
            parts.next_element()?.ok_or_else(|| de::Error::custom("variant without a signature"))?;
        let no_value = || de::Error::custom("variant without a value");
        if self.is_wanted {
            return parts.next_element_seed(Content(signature))?.ok_or_else(no_value).map(Some);
        }
        parts.next_element::<IgnoredAny>()?.ok_or_else(no_value)?;
        Ok(None)
    }
}

/// The content of a variant, whose type only its signature tells.
struct Content(Signature);

/// Whether PDI's `size` is `u` on a machine with pointers of so many bits. `t`, which phosphor-inventory-manager takes on
/// 64-bit machines only, is taken on all: it is the type of times.
fn is_u_size(pointer_bits: u32) -> bool {
    pointer_bits < u64::BITS
}

impl<'de> DeserializeSeed<'de> for Content {
    type Value = Given<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Given<'de>, D::Error> {
        let signature = self.0.to_string();
        Ok(match signature.as_str() {
            "b" => Given::Bool(bool::deserialize(deserializer)?),
            "t" => Given::Size(u64::deserialize(deserializer)?),
            "u" if is_u_size(usize::BITS) => Given::Size(u32::deserialize(deserializer)?.into()),
            "x" => Given::Signed(i64::deserialize(deserializer)?),
            "q" => Given::Short(u16::deserialize(deserializer)?),
            "s" => Given::Text(Deserialize::deserialize(deserializer)?),
            "ay" => Given::Bytes(Deserialize::deserialize(deserializer)?),
            "as" => Given::Texts(TextList::deserialize(deserializer)?),
            _ => match exact(&signature, deserializer)? {
                Some(exact) => Given::Exact(exact),
                None => Given::Other(signature),
            },
        })
    }
}

/// A value of the types beside the seven; anything else is read past.
fn exact<'de, D: Deserializer<'de>>(signature: &str, from: D) -> Result<Option<Exact<'de>>, D::Error> {
    Ok(Some(match signature {
        "y" => Exact::Integer('y', u8::deserialize(from)?.into()),
        "n" => Exact::Integer('n', i16::deserialize(from)?.into()),
        "i" => Exact::Integer('i', i32::deserialize(from)?.into()),
        "u" => Exact::Integer('u', u32::deserialize(from)?.into()),
        "d" => Exact::Double(f64::deserialize(from)?),
        "o" => Exact::Path(Deserialize::deserialize(from)?),
        "ao" => Exact::Paths(TextList::deserialize(from)?),
        "a(sss)" => Exact::Triples(Triples::deserialize(from)?.0),
        _ => {
            IgnoredAny::deserialize(from)?;
            return Ok(None);
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashMap};
    use zbus::{Message, ObjectPath, Variant};

    /// Writes down what it is told, and passes over what is called so.
    #[derive(Default)]
    struct Ear<'a> {
        heard: Vec<String>,
        values: Vec<Given<'a>>,
        passes: &'static str,
        stops: &'static str,
    }

    impl Ear<'_> {
        fn wish(&mut self, name: &str) -> Wish {
            self.heard.push(name.to_owned());
            match name {
                name if name == self.passes => Wish::Pass,
                name if name == self.stops => Wish::Stop,
                _ => Wish::Take,
            }
        }
    }

    impl<'a> Receiver<'a> for Ear<'a> {
        fn object(&mut self, path: &'a str) -> Wish {
            self.wish(path)
        }
        fn interface(&mut self, name: &'a str) -> Wish {
            self.wish(name)
        }
        fn property(&mut self, name: &'a str) -> Wish {
            self.wish(name)
        }
        fn value(&mut self, value: Given<'a>) -> Wish {
            self.values.push(value);
            Wish::Take
        }
    }

    fn message(properties: BTreeMap<&str, Variant<'_>>) -> Message {
        let path = ObjectPath::try_from("/system").unwrap();
        let objects =
            HashMap::from([(path, BTreeMap::from([("a.B", properties), ("a.C", BTreeMap::new())]))]);
        Message::method_call("/", "Notify").build(&objects).unwrap()
    }

    #[test]
    fn every_type_is_read_and_a_foreign_one_does_not_derail_its_neighbours() {
        let foreign = HashMap::from([("k", Variant::from((1u8, "x")))]);
        let message = message(BTreeMap::from([
            ("A", Variant::from(true)),
            ("B", Variant::from(5i32)),
            ("C", Variant::from(vec![1u8, 2])),
            ("D", Variant::from(foreign)),
            ("E", Variant::from(vec!["p", "", "q"])),
            ("F", Variant::from("text")),
            ("G", Variant::from(-4i64)),
            ("H", Variant::from(3u16)),
            ("I", Variant::from(9u64)),
            ("J", Variant::from(Vec::<u8>::new())),
            ("K", Variant::from(vec![("a", "b", "c")])),
        ]));
        let body = message.body();
        let mut ear = Ear::default();
        read(&body, &mut ear).unwrap();
        let expected = [
            Given::Bool(true),
            Given::Exact(Exact::Integer('i', 5)),
            Given::Bytes(&[1, 2]),
            Given::Other("a{sv}".into()),
            Given::Texts(["p", "", "q"].into_iter().collect()),
            Given::Text("text"),
            Given::Signed(-4),
            Given::Short(3),
            Given::Size(9),
            Given::Bytes(&[]),
            Given::Exact(Exact::Triples(["a", "b", "c"].into_iter().collect())),
        ];
        assert_eq!(ear.values, expected);
        assert_eq!(ear.heard.first().map(String::as_str), Some("/system"));
    }

    #[test]
    fn a_number_of_32_bits_is_a_size_only_where_pointers_have_as_many() {
        assert!(is_u_size(32) && !is_u_size(64));
    }

    #[test]
    fn what_is_not_wished_for_is_passed_over_and_what_comes_after_it_is_not() {
        let properties = || {
            BTreeMap::from([
                ("A", Variant::from(vec!["x"])),
                ("B", Variant::from(HashMap::from([("k", 1u8)]))),
            ])
        };
        for (passes, heard, values) in [
            ("/system", vec!["/system"], 0),
            ("a.B", vec!["/system", "a.B", "a.C"], 0),
            ("A", vec!["/system", "a.B", "A", "B", "a.C"], 1),
        ] {
            let message = message(properties());
            let body = message.body();
            let mut ear = Ear { passes, ..Ear::default() };
            read(&body, &mut ear).unwrap();
            assert_eq!(
                (ear.heard, ear.values.len()),
                (heard.into_iter().map(str::to_owned).collect(), values)
            );
        }
        let message = message(properties());
        let body = message.body();
        let mut ear = Ear { stops: "a.B", ..Ear::default() };
        assert!(read(&body, &mut ear).is_err());
        assert_eq!(ear.heard, ["/system", "a.B"]);
    }

    #[test]
    fn another_body_is_refused() {
        let message = Message::method_call("/", "Notify").build(&"text").unwrap();
        let body = message.body();
        assert!(read(&body, &mut Ear::default()).unwrap_err().to_string().contains("signature"));
    }

    #[test]
    fn a_list_of_texts_keeps_each_of_them() {
        for texts in [vec![], vec![""], vec!["", ""], vec!["a", "", "bc"]] {
            let list: TextList = texts.iter().copied().collect();
            assert_eq!(list.iter().collect::<Vec<_>>(), texts);
            assert_eq!((list.len(), list.is_empty()), (texts.len(), texts.is_empty()));
        }
    }
}
