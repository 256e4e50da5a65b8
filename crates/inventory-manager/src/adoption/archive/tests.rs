use super::*;
use crate::schema::Schema;

/// What a program of ours wrote with cereal 1.3.2, an object with one property of each kind.
const NAMED: &str = r#"{
    "value0": {
        "cereal_class_version": 2,
        "RT": [
            86,
            73,
            78,
            73
        ],
        "PDD": [],
        "Text": "a\"bé\n",
        "Present": true,
        "Size": 18446744073709551615,
        "Signed": -5,
        "Short": 65535,
        "Byte": 200,
        "None": NaN,
        "Infinite": -Infinity,
        "Half": 1.5,
        "Kind": 2,
        "Texts": [
            "u",
            "v"
        ],
        "Triples": [
            {
                "tuple_element0": "a",
                "tuple_element1": "b",
                "tuple_element2": "/c"
            }
        ],
        "Kinds": [
            1
        ]
    }
}"#;

/// The same program, with a version of before there were names.
const POSITIONS: &str = r#"{
    "value0": {
        "cereal_class_version": 1,
        "value0": [
            86,
            73
        ],
        "value1": "a\"bé\n",
        "value2": true
    }
}"#;

const KINDS: &str = "[\"a.B\"]\nRT = \"ay\"\nPD_D = \"ay\"\nText = \"s\"\nPresent = \"b\"\nSize = \"t\"\nSigned = \"x\"\n\
    Short = \"q\"\nByte = \"y\"\nNone = { type = \"d\", default = nan }\nInfinite = { type = \"d\", default = 3 }\n\
    Half = \"d\"\nKind = { type = \"s\", enum = \"a.K\", values = [\"A\", \"B\", \"C\"], default = \"B\" }\n\
    Texts = \"as\"\nTriples = \"a(sss)\"\nKinds = { type = \"as\", enum = \"a.K\", values = [\"A\"] }\nLater = \"s\"\n";

const THREE: &str = "[\"a.B\"]\nN_20 = \"ay\"\nText = \"s\"\nPresent = \"b\"\n";

fn interface(text: &str) -> InterfaceSchema {
    let schema = Schema::from_fragment(&toml::from_str(text).unwrap()).unwrap();
    schema.interface("a.B").unwrap().clone()
}

fn order(text: &str) -> Order {
    toml::from_str(text).unwrap()
}

fn three(fewest: usize) -> Order {
    order(&format!("order = [\"N_20\", \"Text\", \"Present\"]\nfewest = {fewest}"))
}

#[test]
fn named_values_of_every_kind_are_taken_by_name_and_what_does_not_fit_stays_as_it_starts() {
    let contents = read(NAMED.as_bytes(), &interface(KINDS), None).unwrap();
    for (name, value) in [
        ("RT", Value::Bytes((*b"VINI").into())),
        ("PD_D", Value::Bytes(Box::default())),
        ("Text", Value::Text("a\"bé\n".into())),
        ("Present", Value::Bool(true)),
        ("Size", Value::Integer(i128::from(u64::MAX).into())),
        ("Signed", Value::Integer((-5).into())),
        ("Short", Value::Integer(65_535.into())),
        ("Byte", Value::Integer(200.into())),
        ("Infinite", Value::Double(3.0)),
        ("Half", Value::Double(1.5)),
        ("Kind", Value::Text("a.K.B".into())),
        ("Texts", Value::Texts(["u", "v"].into_iter().collect())),
        ("Triples", Value::Triples(Default::default())),
        ("Kinds", Value::Texts(Default::default())),
        ("Later", Value::Text("".into())),
    ] {
        assert_eq!(contents.values[name], value, "{name}");
    }
    assert!(matches!(contents.values["None"], Value::Double(value) if value.is_nan()));
    assert_eq!(contents.left_out, 3, "two enumerations and the associations");
}

#[test]
fn values_without_names_are_taken_in_the_order_of_their_interface() {
    for text in [POSITIONS.to_owned(), POSITIONS.replace("\"cereal_class_version\": 1,", "")] {
        let contents = read(text.as_bytes(), &interface(THREE), Some(&three(3))).unwrap();
        assert_eq!(contents.values["N_20"], Value::Bytes((*b"VI").into()));
        assert_eq!(contents.values["Text"], Value::Text("a\"bé\n".into()));
        assert_eq!(contents.values["Present"], Value::Bool(true));
        assert_eq!(contents.left_out, 0);
    }
}

#[test]
fn a_shorter_file_is_a_prefix_only_where_that_is_known() {
    let two = "{\"value0\": {\"value0\": [1], \"value1\": \"x\"}}";
    let contents = read(two.as_bytes(), &interface(THREE), Some(&three(2))).unwrap();
    assert_eq!(contents.values["Text"], Value::Text("x".into()));
    assert_eq!(contents.values["Present"], Value::Bool(false));
    let refused = read(two.as_bytes(), &interface(THREE), Some(&three(3))).unwrap_err();
    assert_eq!(refused, "2 values without names, which is no known revision");
}

#[test]
fn values_without_names_that_are_not_certain_are_refused_together() {
    for (text, order, reason) in [
        ("{\"value0\": {\"value0\": [1]}}", None, "their order is not known"),
        (
            "{\"value0\": {\"value0\": [1], \"value1\": true, \"value2\": \"x\"}}",
            Some(three(3)),
            "value 1 is no Text",
        ),
        (
            "{\"value0\": {\"value0\": [1], \"value1\": \"x\", \"value3\": true}}",
            Some(three(3)),
            "value 2 is no Present",
        ),
        ("{\"value0\": {\"a\": 1, \"b\": 1, \"c\": 1, \"d\": 1}}", Some(three(1)), "4 values"),
        ("{\"value0\": {}}", Some(three(1)), "0 values"),
        ("{\"value0\": {\"value0\": 1}}", Some(order("order = [\"Gone\"]")), "value 0 is no Gone"),
    ] {
        let refused = read(text.as_bytes(), &interface(THREE), order.as_ref()).unwrap_err();
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn an_empty_file_says_that_the_interface_is_there_and_nothing_more() {
    let marker = interface("[\"a.B\"]\n");
    for text in ["", "{\"value0\": {}}", "{\"value0\": {\"cereal_class_version\": 2}}"] {
        assert_eq!(read(text.as_bytes(), &marker, None).unwrap().values, PropertyValues::new(), "{text}");
    }
    let contents = read(b"", &interface(THREE), None).unwrap();
    assert_eq!(contents.values["Text"], Value::Text("".into()));
}

#[test]
fn what_the_bus_could_not_bring_is_left_out() {
    let schema =
        interface("[\"a.B\"]\nText = \"s\"\nTexts = \"as\"\nPath = \"o\"\nByte = \"y\"\nBytes = \"ay\"\n");
    for (name, json) in [
        ("Text", "\"a\\u0000b\""),
        ("Text", "5"),
        ("Texts", "[\"a\\u0000b\"]"),
        ("Texts", "[5]"),
        ("Path", "\"no path\""),
        ("Byte", "256"),
        ("Byte", "-1"),
        ("Byte", "1e300"),
        ("Bytes", "\"00ff\""),
        ("Bytes", "[256]"),
        ("Bytes", "[1.5]"),
        ("Bytes", "[[1]]"),
        ("Bytes", "{}"),
    ] {
        let text = format!("{{\"value0\": {{\"cereal_class_version\": 2, \"{name}\": {json}}}}}");
        let contents = read(text.as_bytes(), &schema, None).unwrap();
        assert_eq!(contents.values[name], schema.get(name).unwrap().initial, "{name} {json}");
        assert_eq!(contents.left_out, 1, "{name} {json}");
    }
}

#[test]
fn words_that_json_lacks_are_replaced_outside_of_texts_only() {
    for (text, expected) in [
        ("[NaN, -Infinity,Infinity]", "[null, null,null]"),
        ("[\"NaN\", \"a\\\"NaN\", \"\\\\\", NaN]", "[\"NaN\", \"a\\\"NaN\", \"\\\\\", null]"),
        ("[1, \"NaN", "[1, \"NaN"),
        ("", ""),
        ("\"\\", "\"\\"),
    ] {
        assert_eq!(in_json(text.as_bytes()), expected.as_bytes(), "{text}");
    }
}

#[test]
fn a_damaged_file_is_refused_and_never_more() {
    let schema = interface(KINDS);
    for length in 1..NAMED.len() - 1 {
        assert!(read(&NAMED.as_bytes()[..length], &schema, None).is_err(), "cut at {length}");
    }
    for text in [
        "null".to_owned(),
        "5".to_owned(),
        "{}".to_owned(),
        "{\"value0\": 5}".to_owned(),
        "{\"value0\": [5]}".to_owned(),
        "{\"value1\": {}}".to_owned(),
        format!("{NAMED}{NAMED}"),
        "[".repeat(1_000_000),
        "{\"value0\":".repeat(200_000),
    ] {
        assert!(read(text.as_bytes(), &schema, None).is_err());
    }
    assert!(read(b"{\"value0\": {\"cereal_class_version\": 2, \"Text\": \"\xff\"}}", &schema, None).is_err());
}

#[test]
fn names_are_archived_without_their_underscores() {
    for (property, name) in [
        ("PD_G", "PDG"),
        ("N_20", "N20"),
        ("VINI", "VINI"),
        ("PrettyName", "PrettyName"),
        ("MACAddress", "MACAddress"),
        ("snake_case", "SnakeCase"),
        ("_", ""),
    ] {
        assert_eq!(archived_name(property), name);
    }
}
