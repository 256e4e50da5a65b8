//! Reading JSON so that nothing can be passed over: what nobody takes is left, and is listed.

use crate::import::json::Value;
use crate::import::words;
use std::fmt;

/// Where in the JSON something is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Place {
    path: String,
    name: String,
}

impl Place {
    /// The value of a key of the object at this place.
    pub(crate) fn key(&self, key: &str) -> Self {
        let key = words::shortened(key);
        let dot = if self.path.is_empty() { "" } else { "." };
        // An interface is known by its last word; a path has no such thing.
        let last = if key.contains('/') { &key } else { key.rsplit('.').next().unwrap_or_default() };
        Self { path: format!("{}{dot}{}", self.path, words::key(&key)), name: words::key(last) }
    }

    /// A value of the list at this place.
    pub(crate) fn index(&self, index: usize) -> Self {
        Self { path: format!("{}[{index}]", self.path), name: self.name.clone() }
    }

    /// The path alone.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at {}", self.name, self.path)
    }
}

/// What is not carried over, one line each.
#[derive(Debug, Default)]
pub(crate) struct Losses(Vec<String>);

impl Losses {
    /// Says what is lost, why, and what can be done about it. Texts of the JSON have to be quoted.
    pub(crate) fn add(&mut self, place: &Place, why: impl fmt::Display) {
        self.0.push(format!("{place}: {why}"));
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.0
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Field<'a> {
    pub(crate) place: Place,
    pub(crate) value: &'a Value,
}

impl<'a> Field<'a> {
    /// Each of these lists a value of another type and gives nothing.
    pub(crate) fn object(&self, losses: &mut Losses) -> Option<Fields<'a>> {
        let fields = Fields::of(self);
        if fields.is_none() {
            self.is_no::<()>("object", losses);
        }
        fields
    }

    pub(crate) fn list(&self, losses: &mut Losses) -> Vec<Field<'a>> {
        let Value::List(values) = self.value else {
            self.is_no::<()>("list", losses);
            return Vec::new();
        };
        let field = |(index, value)| Field { place: self.place.index(index), value };
        values.iter().enumerate().map(field).collect()
    }

    pub(crate) fn text(&self, losses: &mut Losses) -> Option<&'a str> {
        match self.value {
            Value::Text(text) => Some(text),
            _ => self.is_no("text", losses),
        }
    }

    pub(crate) fn flag(&self, losses: &mut Losses) -> Option<bool> {
        match self.value {
            Value::Bool(flag) => Some(*flag),
            _ => self.is_no("truth value", losses),
        }
    }

    /// A number that TOML can hold.
    pub(crate) fn number(&self, losses: &mut Losses) -> Option<u64> {
        match self.value {
            Value::Number(number) if i64::try_from(*number).is_ok() => Some(*number),
            _ => self.is_no("number from 0 to 9223372036854775807", losses),
        }
    }

    fn is_no<T>(&self, wanted: &str, losses: &mut Losses) -> Option<T> {
        losses.add(&self.place, format!("{} is no {wanted}; correct the JSON", self.value));
        None
    }
}

/// The keys of an object that nobody has taken yet, in its order.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    pub(crate) place: Place,
    left: Vec<(&'a str, &'a Value)>,
}

impl<'a> Fields<'a> {
    /// `None` for what is no object.
    pub(crate) fn of(field: &Field<'a>) -> Option<Self> {
        let Value::Object(entries) = field.value else { return None };
        let left = entries.iter().map(|(key, value)| (key.as_str(), value)).collect();
        Some(Self { place: field.place.clone(), left })
    }

    pub(crate) fn take(&mut self, key: &str) -> Option<Field<'a>> {
        let index = self.left.iter().position(|(name, _)| *name == key)?;
        let (_, value) = self.left.remove(index);
        Some(Field { place: self.place.key(key), value })
    }

    pub(crate) fn take_text(&mut self, key: &str, losses: &mut Losses) -> Option<&'a str> {
        self.take(key)?.text(losses)
    }

    pub(crate) fn take_flag(&mut self, key: &str, losses: &mut Losses) -> Option<bool> {
        self.take(key)?.flag(losses)
    }

    pub(crate) fn take_number(&mut self, key: &str, losses: &mut Losses) -> Option<u64> {
        self.take(key)?.number(losses)
    }

    /// Takes all that is left.
    pub(crate) fn rest(self) -> impl Iterator<Item = (&'a str, Field<'a>)> {
        let Self { place, left } = self;
        left.into_iter().map(move |(key, value)| (key, Field { place: place.key(key), value }))
    }

    /// Lists all that is left.
    pub(crate) fn list_unknown(self, losses: &mut Losses) {
        for (_, field) in self.rest() {
            losses.add(&field.place, "nothing is known by this name");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_like_an_expression() {
        let place =
            Place::default().key("frus").key("/sys/x").index(4).key("extraInterfaces").key("a.b.State");
        assert_eq!(place.to_string(), "State at frus.\"/sys/x\"[4].extraInterfaces.\"a.b.State\"");
        assert_eq!(Place::default().key("a\nb\"").path(), r#""a\u000Ab\"""#);
    }

    #[test]
    fn what_nobody_takes_or_has_another_type_is_listed() {
        let value = Value::read(br#"{"a": 1, "b": "x", "c": -1, "d": {}, "e": 18446744073709551615}"#, "");
        let value = value.unwrap();
        let field = Field { place: Place::default(), value: &value };
        let (mut losses, mut fields) = (Losses::default(), Fields::of(&field).unwrap());
        assert_eq!(fields.take_number("a", &mut losses), Some(1));
        assert_eq!(fields.take_flag("b", &mut losses), None);
        assert_eq!(fields.take_number("c", &mut losses), None);
        assert_eq!(fields.take_number("e", &mut losses), None);
        assert_eq!(fields.take_text("absent", &mut losses), None);
        fields.list_unknown(&mut losses);
        let lines = losses.into_lines();
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert_eq!(lines[0], "b at b: \"x\" is no truth value; correct the JSON");
        assert_eq!(lines[3], "d at d: nothing is known by this name");
    }
}
