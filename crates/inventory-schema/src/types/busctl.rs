//! Values with their types as busctl writes them, cut where they would fill a line: `i 80`, `s "x"`, `ay 4 80 0 16 1`.

use super::{PropertyType, TextList, Value};
use dbus_api::inventory::received::{Exact, Given};
use std::fmt::Write as _;

/// So many characters of a text are told, so many bytes, and so many elements of a list.
const CHARACTERS: usize = 100;
const BYTES: usize = 32;
const ELEMENTS: usize = 8;

/// What a caller gave. Of a type that no property has, the type alone is known.
pub fn given(given: &Given<'_>) -> String {
    match given {
        Given::Bool(value) => format!("b {value}"),
        Given::Size(value) => format!("t {value}"),
        Given::Signed(value) => format!("x {value}"),
        Given::Short(value) => format!("q {value}"),
        Given::Text(value) => format!("s {}", quoted(value)),
        Given::Bytes(value) => bytes(value),
        Given::Texts(values) => list("as", values, 1),
        Given::Exact(Exact::Integer(signature, value)) => format!("{signature} {value}"),
        Given::Exact(Exact::Double(value)) => format!("d {value}"),
        Given::Exact(Exact::Path(value)) => format!("o {}", quoted(value)),
        Given::Exact(Exact::Paths(values)) => list("ao", values, 1),
        Given::Exact(Exact::Triples(values)) => list("a(sss)", values, 3),
        Given::Other(signature) => signature.clone(),
    }
}

/// What a property of this type holds.
pub fn value(kind: &PropertyType, value: &Value) -> String {
    let signature = kind.signature();
    match value {
        Value::Bool(value) => format!("b {value}"),
        Value::Integer(value) => format!("{signature} {}", i128::from(*value)),
        Value::Double(value) => format!("d {value}"),
        Value::Text(text) => format!("{signature} {}", quoted(text)),
        Value::Bytes(value) => bytes(value),
        Value::Texts(values) => list(&signature, values, 1),
        Value::Triples(values) => list(&signature, values, 3),
        Value::Empty => format!("{signature} 0"),
    }
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

fn bytes(bytes: &[u8]) -> String {
    let mut line = format!("ay {}", bytes.len());
    for byte in bytes.iter().take(BYTES) {
        // Writing to a String cannot fail, here as below.
        let _ = write!(line, " {byte}");
    }
    line + if bytes.len() > BYTES { " …" } else { "" }
}

/// A list whose elements have so many texts each.
fn list(signature: &str, texts: &TextList, each: usize) -> String {
    let mut line = format!("{signature} {}", texts.len() / each);
    for text in texts.iter().take(ELEMENTS * each) {
        let _ = write!(line, " {}", quoted(text));
    }
    line + if texts.len() > ELEMENTS * each { " …" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> TextList {
        texts.iter().copied().collect()
    }

    #[test]
    fn a_value_is_told_as_busctl_writes_it() {
        for (value, expected) in [
            (Given::Bool(true), "b true"),
            (Given::Exact(Exact::Integer('i', 80)), "i 80"),
            (Given::Exact(Exact::Integer('y', 1)), "y 1"),
            (Given::Size(7), "t 7"),
            (Given::Signed(-7), "x -7"),
            (Given::Short(7), "q 7"),
            (Given::Exact(Exact::Double(0.5)), "d 0.5"),
            (Given::Text("x\n"), "s \"x\\n\""),
            (Given::Bytes(&[80, 0, 16, 1]), "ay 4 80 0 16 1"),
            (Given::Texts(texts(&["a", "b c"])), "as 2 \"a\" \"b c\""),
            (Given::Exact(Exact::Path("/a")), "o \"/a\""),
            (Given::Exact(Exact::Paths(texts(&["/a"]))), "ao 1 \"/a\""),
            (Given::Exact(Exact::Triples(texts(&["a", "b", "/c"]))), "a(sss) 1 \"a\" \"b\" \"/c\""),
            (Given::Other("a{sv}".to_owned()), "a{sv}"),
        ] {
            assert_eq!(given(&value), expected);
        }
        let kind = |signature| PropertyType::parse(signature).unwrap();
        for (signature, held, expected) in [
            ("u", Value::Integer(7.into()), "u 7"),
            ("o", Value::Text("/a".into()), "o \"/a\""),
            ("ay", Value::Bytes([1, 2].into()), "ay 2 1 2"),
            ("a(sss)", Value::Triples(texts(&[])), "a(sss) 0"),
            ("a{sv}", Value::Empty, "a{sv} 0"),
        ] {
            assert_eq!(value(&kind(signature), &held), expected);
        }
    }

    #[test]
    fn what_is_long_is_cut_and_says_how_long_it_is() {
        assert!(given(&Given::Bytes(&[255; 60_000])).len() < 200);
        assert!(given(&Given::Bytes(&[255; 60_000])).starts_with("ay 60000 255 "));
        let long = "x".repeat(60_000);
        assert!(given(&Given::Text(&long)).ends_with("x\"…"));
        assert!(given(&Given::Texts(texts(&[long.as_str(); 1_000]))).len() < 1_000);
    }
}
