//! The payload of `Notify` as a manager receives it, borrowed from the message.

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use zbus::{Signature, Type};

/// Objects by path, interfaces and properties by name: the order in which they are applied.
///
/// Shape: `a{oa{sa{sv}}}`.
#[derive(Debug, Deserialize)]
pub struct Received<'a>(#[serde(borrow)] pub BTreeMap<&'a str, BTreeMap<&'a str, Properties<'a>>>);

/// Property names and the values given for them.
pub type Properties<'a> = BTreeMap<&'a str, Given<'a>>;

/// A value of one of the seven types that `Notify` accepts, or of another.
#[derive(Debug, Clone, PartialEq)]
pub enum Given<'a> {
    /// `b`
    Bool(bool),
    /// `t` on 64-bit, `u` on 32-bit machines
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
    Texts(Vec<&'a str>),
    /// A type that only a direct `Set` may use.
    Exact(Exact<'a>),
    /// Any other type: its signature; the value is read past.
    Other(String),
}

/// A value of a type that properties have but `Notify` does not accept.
#[derive(Debug, Clone, PartialEq)]
pub enum Exact<'a> {
    /// `y n i u`, and `t` on 32-bit machines: the signature and the number.
    Integer(char, i128),
    /// `d`
    Double(f64),
    /// `o`
    Path(&'a str),
    /// `ao`
    Paths(Vec<&'a str>),
    /// `a(sss)`
    Triples(Vec<(&'a str, &'a str, &'a str)>),
}

impl Type for Received<'_> {
    const SIGNATURE: &'static Signature = super::notification::Notification::SIGNATURE;
}

impl Type for Given<'_> {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

impl<'de: 'a, 'a> Deserialize<'de> for Given<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VariantVisitor)
    }
}

struct VariantVisitor;

impl<'de> Visitor<'de> for VariantVisitor {
    type Value = Given<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a variant")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Given<'de>, A::Error> {
        let signature: Signature =
            parts.next_element()?.ok_or_else(|| de::Error::custom("variant without a signature"))?;
        parts
            .next_element_seed(Content(signature))?
            .ok_or_else(|| de::Error::custom("variant without a value"))
    }
}

/// The content of a variant, whose type only its signature tells.
struct Content(Signature);

#[cfg(target_pointer_width = "64")]
const SIZE: &str = "t";
#[cfg(not(target_pointer_width = "64"))]
const SIZE: &str = "u";

impl<'de> DeserializeSeed<'de> for Content {
    type Value = Given<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Given<'de>, D::Error> {
        let signature = self.0.to_string();
        Ok(match signature.as_str() {
            "b" => Given::Bool(bool::deserialize(deserializer)?),
            "t" if SIZE == "t" => Given::Size(u64::deserialize(deserializer)?),
            "u" if SIZE == "u" => Given::Size(u32::deserialize(deserializer)?.into()),
            "x" => Given::Signed(i64::deserialize(deserializer)?),
            "q" => Given::Short(u16::deserialize(deserializer)?),
            "s" => Given::Text(Deserialize::deserialize(deserializer)?),
            "ay" => Given::Bytes(Deserialize::deserialize(deserializer)?),
            "as" => Given::Texts(Vec::deserialize(deserializer)?),
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
        "t" => Exact::Integer('t', u64::deserialize(from)?.into()),
        "d" => Exact::Double(f64::deserialize(from)?),
        "o" => Exact::Path(Deserialize::deserialize(from)?),
        "ao" => Exact::Paths(Vec::deserialize(from)?),
        "a(sss)" => Exact::Triples(Vec::deserialize(from)?),
        _ => {
            IgnoredAny::deserialize(from)?;
            return Ok(None);
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use zbus::{ObjectPath, Variant, wire};

    #[test]
    fn every_type_is_read_and_a_foreign_one_does_not_derail_its_neighbours() {
        let foreign = HashMap::from([("k", Variant::from((1u8, "x")))]);
        let properties: BTreeMap<&str, Variant<'_>> = BTreeMap::from([
            ("A", Variant::from(true)),
            ("B", Variant::from(5i32)),
            ("C", Variant::from(vec![1u8, 2])),
            ("D", Variant::from(foreign)),
            ("E", Variant::from(vec!["p", "q"])),
            ("F", Variant::from("text")),
            ("G", Variant::from(-4i64)),
            ("H", Variant::from(3u16)),
            ("I", Variant::from(9u64)),
            ("J", Variant::from(Vec::<u8>::new())),
        ]);
        let objects =
            HashMap::from([(ObjectPath::try_from("/system").unwrap(), HashMap::from([("a.B", properties)]))]);
        let context = wire::serialized::Context::new(wire::NATIVE_ENDIAN, 0);
        let data = wire::to_bytes(context, &objects).unwrap();
        let received: Received<'_> = data.deserialize().unwrap().0;
        let given: Vec<_> = received.0["/system"]["a.B"].values().cloned().collect();
        let expected = [
            Given::Bool(true),
            Given::Exact(Exact::Integer('i', 5)),
            Given::Bytes(&[1, 2]),
            Given::Other("a{sv}".into()),
            Given::Texts(vec!["p", "q"]),
            Given::Text("text"),
            Given::Signed(-4),
            Given::Short(3),
            Given::Size(9),
            Given::Bytes(&[]),
        ];
        assert_eq!(given, expected);
    }
}
