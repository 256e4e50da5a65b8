use super::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Everything {
    text: String,
    least: i64,
    byte: u8,
    is_so: bool,
    character: char,
    option: Option<i32>,
    /// A name that TOML knows in quotes only.
    #[serde(rename = "spi12.0")]
    quoted: u32,
    kind: Kind,
    tables: Vec<Inner>,
    lists: Vec<Vec<i64>>,
    map: BTreeMap<String, Inner>,
    newtype: Newtype,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Inner {
    kinds: Vec<Kind>,
    counts: BTreeMap<String, i64>,
    text: Option<String>,
    inner: Option<Box<Inner>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Plain,
    #[serde(rename = "10-0050 é\"")]
    Odd,
    Newtype(String),
    #[serde(rename = "a.b")]
    OddNewtype(BTreeMap<String, bool>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Newtype(Vec<String>);

/// Any text, and those that a key or a line could be spoiled by.
fn text() -> impl Strategy<Value = String> {
    let odd =
        ["", ".", "a.b", "\"", "\\", "#", "[x]", "=", "\n", "\r\n", "\0", "\u{7f}\u{85}", "'''", "true", "1"];
    prop_oneof![any::<String>(), proptest::sample::select(odd.to_vec()).prop_map(str::to_owned)]
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(0)]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Plain),
        Just(Kind::Odd),
        text().prop_map(Kind::Newtype),
        btree_map(text(), any::<bool>(), 0..3).prop_map(Kind::OddNewtype),
    ]
}

fn inner() -> impl Strategy<Value = Inner> {
    let leaf = (vec(kind(), 0..3), btree_map(text(), integer(), 0..3), option::of(text()))
        .prop_map(|(kinds, counts, text)| Inner { kinds, counts, text, inner: None });
    leaf.prop_recursive(3, 6, 1, |inner| {
        (inner.clone(), option::of(inner))
            .prop_map(|(outer, inner)| Inner { inner: inner.map(Box::new), ..outer })
    })
}

fn everything() -> impl Strategy<Value = Everything> {
    let plain = (text(), integer(), any::<u8>(), any::<bool>(), any::<char>(), option::of(any::<i32>()));
    let nested = (
        any::<u32>(),
        kind(),
        vec(inner(), 0..3),
        vec(vec(integer(), 0..3), 0..3),
        btree_map(text(), inner(), 0..3),
        vec(text(), 0..3),
    );
    (plain, nested).prop_map(|((text, least, byte, is_so, character, option), nested)| {
        let (quoted, kind, tables, lists, map, texts) = nested;
        let newtype = Newtype(texts);
        Everything { text, least, byte, is_so, character, option, quoted, kind, tables, lists, map, newtype }
    })
}

#[test]
fn whatever_a_document_holds_is_read_as_it_was_written() {
    let seed = [7; 32];
    println!("seed: {seed:?}");
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner =
        TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, random);
    let judged = runner.run(&everything(), |value| {
        let text = to_text(&value).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let read: Result<Everything, _> = toml::from_str(&text);
        prop_assert!(read.is_ok(), "{}: {:?}", text, read);
        prop_assert_eq!(read.ok(), Some(value));
        Ok(())
    });
    judged.unwrap();
}

#[test]
fn names_that_are_no_bare_keys_are_quoted() {
    #[derive(Serialize)]
    struct Named {
        #[serde(rename = "spi12.0")]
        field: Kind,
    }
    let written = to_text(&Named { field: Kind::OddNewtype(BTreeMap::new()) }).unwrap();
    assert_eq!(written, "\"spi12.0\" = { \"a.b\" = {} }\n");
}

#[test]
fn what_would_not_be_read_as_it_was_is_refused_by_name() {
    #[derive(Serialize)]
    struct Holds<T> {
        it: T,
    }
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    enum Variant {
        Nothing(Option<u8>),
        Fields { a: u8 },
        Two(u8, u8),
    }
    fn refusal(it: impl Serialize) -> String {
        to_text(&Holds { it }).unwrap_err().to_string()
    }
    let nothing = BTreeMap::from([("a", None::<u8>)]);
    for (refusal, expected) in [
        (refusal(()), "a unit"),
        (refusal(Some(())), "a unit"),
        (refusal(Unit), "a unit"),
        (refusal(Some(None::<u8>)), "an option of nothing"),
        (refusal(Variant::Nothing(None)), "a variant of nothing"),
        (refusal(Variant::Fields { a: 1 }), "a variant with fields"),
        (refusal(Variant::Two(1, 2)), "a tuple"),
        (refusal((1, 2)), "a tuple"),
        (refusal([1, 2]), "a tuple"),
        (refusal([None::<u8>].as_slice()), "nothing in a list"),
        (refusal(nothing), "nothing in a map"),
        (refusal(BTreeMap::from([(1, 2)])), "a key that is no text"),
        (refusal(0.5), "a fraction"),
        (refusal(u64::MAX), "an integer above 2^63 - 1"),
        (to_text(&[1].as_slice()).unwrap_err().to_string(), "a list without a name"),
    ] {
        assert_eq!(refusal, format!("a document cannot hold {expected}"));
    }
}
