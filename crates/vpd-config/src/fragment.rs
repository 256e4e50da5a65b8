//! A fragment as text: for machines first, so sources are inline tables, which cost the parsers least.

use std::fmt::Write as _;
use toml::{Table, Value};

/// Writes a FRU's table. What does not have the shape of a fragment is left for its check to complain about.
pub(crate) fn text(fru: &Table) -> String {
    let mut text = String::new();
    values(fru, &["common", "object"], &mut text);
    interfaces(fru.get("common"), "common", &mut text);
    for object in fru.get("object").and_then(Value::as_array).into_iter().flatten() {
        text.push_str("\n[[object]]\n");
        if let Some(object) = object.as_table() {
            values(object, &["interfaces"], &mut text);
            interfaces(object.get("interfaces"), "object.interfaces", &mut text);
        }
    }
    text
}

fn interfaces(table: Option<&Value>, prefix: &str, text: &mut String) {
    for (interface, properties) in table.and_then(Value::as_table).into_iter().flatten() {
        // Writing to a String cannot fail, here as below.
        let _ = writeln!(text, "\n[{prefix}.{}]", name(interface));
        if let Some(properties) = properties.as_table() {
            values(properties, &[], text);
        }
    }
}

fn values(table: &Table, but: &[&str], text: &mut String) {
    for (key, value) in table.iter().filter(|(key, _)| !but.contains(&key.as_str())) {
        let _ = writeln!(text, "{} = {value}", name(key));
    }
}

fn name(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !key.is_empty() && key.bytes().all(is_bare) {
        key.to_owned()
    } else {
        Value::String(key.to_owned()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_fragment_gets_lost() {
        let given = "format = \"ipz\"\noffset = 16\n[common.\"a.B\"]\nC = { keyword = \"SN\", record = \"VINI\" }\n\
                     \"odd \\\"name\" = \"a\\\\b\\n\"\n[[object]]\npath = \"/x\"\nrecords = { all-but = [\"UTIL\"] }\n\
                     ccin = [\"7V01\"]\n[object.interfaces.\"a.B\"]\nD = [1, 2]\nE = true\n\
                     [object.interfaces.\"a.Marker\"]\n[[object]]\npath = \"/y\"\n";
        let table: Table = given.parse().unwrap();
        let written = text(&table);
        assert_eq!(written.parse::<Table>().unwrap(), table, "{written}");
        assert!(written.contains("C = { keyword = \"SN\", record = \"VINI\" }\n"), "{written}");
    }
}
