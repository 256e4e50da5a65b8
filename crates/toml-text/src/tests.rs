use super::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Debug;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Everything {
    text: String,
    character: char,
    integers: (i8, u16, i64, u64),
    fraction: f64,
    is_so: bool,
    option: Option<u32>,
    #[serde(default)]
    word: Word,
    #[serde(default)]
    words: BTreeMap<Word, Vec<Word>>,
    #[serde(default)]
    tables: Vec<Inner>,
    path: std::path::PathBuf,
    checked: Checked,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Inner {
    a: u8,
    b: Option<Box<Inner>>,
}

#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    #[default]
    Plain,
    OfText(String),
    OfTwo(u8, u8),
    OfFields {
        a: u8,
    },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
struct Checked(String);

impl TryFrom<String> for Checked {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(Self(text)) }
    }
}

const WHOLE: &str = r#"
text = "a\tb"
character = "ä"
integers = [-128, 0xffff, -9223372036854775808, 18446744073709551615]
fraction = 1
is-so = true
option = 7
word = { of-text = "x" }
path = 'C:\x'
checked = """
two
lines"""
[words]
plain = ["plain", { of-two = [1, 2] }, { of-fields = { a = 3 } }]
[[tables]]
a = 1
b = { a = 2 }
[[tables]]
a = 3
"#;

/// The value or the error's text, as the library reads the same.
fn same<T: DeserializeOwned + PartialEq + Debug>(text: &str) -> Result<T, String> {
    let read = from_str::<T>(text).map_err(|error| error.to_string());
    assert_eq!(read, toml::from_str::<T>(text).map_err(|error| error.to_string()), "{text}");
    read
}

#[test]
fn all_that_a_type_can_have_is_read_as_the_library_reads_it() {
    let read = same::<Everything>(WHOLE).unwrap();
    assert_eq!(read.tables[0].b.as_ref().unwrap().a, 2);
    assert_eq!(read.integers.3, u64::MAX);
    let as_table = WHOLE.replace("18446744073709551615", "9223372036854775807");
    assert_eq!(same::<toml::Table>(&as_table).unwrap()["fraction"].as_integer(), Some(1));
}

#[test]
fn errors_say_what_the_library_says_and_point_where_it_points() {
    for (right, wrong) in [
        ("text = \"a\\tb\"", "text = 1"),
        ("text = \"a\\tb\"", "text = "),
        ("text = \"a\\tb\"", "text = true"),
        ("text = \"a\\tb\"", "text = [1, 2.5]"),
        ("text = \"a\\tb\"", "other = 1"),
        ("text = \"a\\tb\"", ""),
        ("\"ä\"", "\"ab\""),
        ("[-128", "[-129"),
        ("[-128", "[\"a\""),
        ("[-128,", "["),
        ("fraction = 1", "fraction = \"1\""),
        ("fraction = 1", "fraction = 1e999"),
        ("is-so = true", "is-so = 1.5"),
        ("option = 7", "option = -1"),
        ("option = 7", "option = 0x1_0000_0000"),
        ("option = 7", "option = { a = 1 }"),
        ("{ of-text = \"x\" }", "\"other\""),
        ("{ of-text = \"x\" }", "{ other = 1 }"),
        ("{ of-text = \"x\" }", "{ of-text = 1 }"),
        ("{ of-text = \"x\" }", "\"of-text\""),
        ("{ of-text = \"x\" }", "{ plain = 1, of-text = \"x\" }"),
        ("{ of-text = \"x\" }", "{}"),
        ("{ of-text = \"x\" }", "1"),
        ("plain = [", "other = ["),
        ("plain = [\"plain\"", "plain = [\"other\""),
        ("{ of-fields = { a = 3 } }", "{ of-fields = { a = 300 } }"),
        ("b = { a = 2 }", "b = { a = \"2\" }"),
        ("b = { a = 2 }", "b = 2"),
        ("b = { a = 2 }", "b = {}"),
        ("\"\"\"\ntwo\nlines\"\"\"", "\"\""),
    ] {
        assert!(WHOLE.contains(right), "{right}");
        let error = same::<Everything>(&WHOLE.replacen(right, wrong, 1)).unwrap_err();
        assert!(error.contains("line "), "{error}");
    }
}

#[test]
fn a_date_is_taken_by_no_type_and_a_list_is_no_struct() {
    let error = from_str::<BTreeMap<String, String>>("a = 1979-05-27").unwrap_err().to_string();
    assert!(error.contains("date or time") && error.contains("line 1"), "{error}");
    let error = from_str::<BTreeMap<String, Inner>>("\na = [1, 2]").unwrap_err().to_string();
    assert!(error.contains("expected struct Inner") && error.contains("line 2"), "{error}");
}

#[test]
fn what_was_parsed_before_is_read_without_its_text() {
    let table = DeTable::parse("a = 1").unwrap();
    assert_eq!(from_table::<Inner>(table).unwrap(), Inner { a: 1, b: None });
    let error = from_table::<Inner>(DeTable::parse("a = true").unwrap()).unwrap_err();
    assert_eq!(error.message(), "invalid type: boolean `true`, expected u8");
}
