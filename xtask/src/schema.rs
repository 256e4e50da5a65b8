//! `cargo xtask schema`: the files of the tree that are generated from others.
//!
//! The facts about the inventory's interfaces become four: the inventory manager's schema, which is data; the table in
//! `dbus-api` that says which keywords of which record have a property; the properties that our programs send, with their
//! types; and the order of properties in what upstream's inventory manager kept. The demo system becomes the udev rules that
//! its image would get.

mod demo_rules;
mod order;
mod sent;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::output;
use crate::workspace::Workspace;

/// The facts, kept by hand.
const FACTS: &str = "xtask/data/inventory-facts.toml";

/// The inventory manager's schema.
const SCHEMA: &str = "configs/inventory-schema.d/10-openbmc.toml";

/// The table of records and their keywords.
const RECORDS: &str = "crates/dbus-api/src/generated/record_keywords.rs";

/// Interfaces of IPZ records; the record's name follows.
const RECORD_PREFIX: &str = "com.ibm.ipzvpd.";

/// Widest line of a generated Rust file.
const WIDTH: usize = 110;

/// What to do with the generated files.
#[derive(clap::Args)]
pub struct Arguments {
    /// Write nothing, and fail when a generated file is not what its source gives
    #[arg(long)]
    check: bool,
}

/// Interfaces and their properties, by name.
type Facts = BTreeMap<String, BTreeMap<String, Fact>>;

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Fact {
    Signature(String),
    Detailed(Detailed),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Detailed {
    #[serde(rename = "type")]
    signature: String,
    #[serde(rename = "enum")]
    enumeration: Option<String>,
    #[serde(default)]
    values: Vec<String>,
    default: Option<toml::Value>,
    access: Option<String>,
    /// What a client sets is kept over restarts.
    #[serde(default)]
    owner: bool,
}

impl Fact {
    fn signature(&self) -> &str {
        match self {
            Self::Signature(signature) => signature,
            Self::Detailed(detailed) => &detailed.signature,
        }
    }

    fn is_owners(&self) -> bool {
        matches!(self, Self::Detailed(detailed) if detailed.owner)
    }
}

impl Detailed {
    /// The default as TOML, without the enumeration's name; nothing for what has no place in a property.
    fn default_text(&self) -> Option<String> {
        match self.default.as_ref()? {
            toml::Value::Boolean(value) => Some(value.to_string()),
            toml::Value::Integer(value) => Some(value.to_string()),
            toml::Value::Float(value) if value.is_nan() => Some("nan".to_owned()),
            toml::Value::Float(value) => Some(format!("{value:?}")),
            toml::Value::String(text) => {
                let prefix = self.enumeration.as_ref().map(|name| format!("{name}."));
                let word = prefix.and_then(|prefix| text.strip_prefix(&prefix)).unwrap_or(text);
                (!word.contains(['"', '\\', '\n'])).then(|| format!("\"{word}\""))
            }
            _ => None,
        }
    }
}

/// Writes the files that differ, or with `--check` fails because of them.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    if arguments.check {
        return check(&workspace.root);
    }
    for (path, text) in stale(&workspace.root)? {
        let target = workspace.root.join(path);
        let folder = target.parent().context("a generated file lies in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        fs::write(&target, text).with_context(|| format!("writing {path}"))?;
        output::line(format!("wrote {path}"));
    }
    Ok(())
}

/// Fails when a generated file is not what its source gives.
pub fn check(root: &Path) -> Result<()> {
    let stale: Vec<&str> = stale(root)?.into_iter().map(|(path, _)| path).collect();
    ensure!(stale.is_empty(), "stale, run `cargo xtask schema`: {}", stale.join(", "));
    output::line("schema: the generated files are what their sources give");
    Ok(())
}

/// The generated files that differ from the committed ones, with what they should hold.
fn stale(root: &Path) -> Result<Vec<(&'static str, String)>> {
    let text = fs::read_to_string(root.join(FACTS)).with_context(|| format!("reading {FACTS}"))?;
    let facts: Facts = toml::from_str(&text).with_context(|| format!("parsing {FACTS}"))?;
    validate(&facts)?;
    let text =
        fs::read_to_string(root.join(order::SOURCE)).with_context(|| format!("reading {}", order::SOURCE))?;
    let orders = order::parse(&text, &facts).with_context(|| format!("checking {}", order::SOURCE))?;
    let wanted = [
        (SCHEMA, schema_text(&facts)),
        (RECORDS, records_text(&facts)),
        (sent::TARGET, sent::text(&facts)?),
        (order::TARGET, order::text(&orders)),
        (demo_rules::TARGET, demo_rules::text(root)?),
    ];
    let differs =
        |(path, text): &(&str, String)| fs::read_to_string(root.join(path)).ok().as_ref() != Some(text);
    Ok(wanted.into_iter().filter(differs).collect())
}

fn validate(facts: &Facts) -> Result<()> {
    for (interface, properties) in facts {
        ensure!(is_interface_name(interface), "{interface} is not a name that an interface can have");
        for (property, fact) in properties {
            validate_property(property, fact).with_context(|| format!("{interface}.{property}"))?;
        }
        let owned = properties.values().filter(|fact| fact.is_owners()).count();
        ensure!(owned == 0 || owned == properties.len(), "of {interface} all are the owner's, or none");
    }
    Ok(())
}

fn validate_property(property: &str, fact: &Fact) -> Result<()> {
    ensure!(is_member_name(property), "this is not a name that a property can have");
    let detailed = match fact {
        Fact::Signature(signature) => return ensure_signature(signature),
        Fact::Detailed(detailed) => detailed,
    };
    ensure_signature(&detailed.signature)?;
    if let Some(access) = &detailed.access {
        ensure!(access == "read", "the access {access} is not known");
        ensure!(!detailed.owner, "what is read-only no client sets");
    }
    ensure!(
        detailed.enumeration.is_some() != detailed.values.is_empty(),
        "an enumeration has a name and values"
    );
    if let Some(default) = &detailed.default {
        let text = detailed
            .default_text()
            .with_context(|| format!("the default {default:?} is of no known kind"))?;
        let known = detailed.values.iter().any(|value| text == format!("\"{value}\""));
        ensure!(known || detailed.enumeration.is_none(), "the default {text} is not one of the values");
    }
    Ok(())
}

fn ensure_signature(signature: &str) -> Result<()> {
    if signature == "size" {
        return Ok(());
    }
    let rest = complete_type(signature)?;
    ensure!(rest.is_empty(), "{signature} is more than one type");
    Ok(())
}

/// Takes one complete type off the front of a signature and gives what follows.
fn complete_type(signature: &str) -> Result<&str> {
    let mut rest = signature.get(1..).context("a type is missing")?;
    match signature.chars().next() {
        Some('b' | 'y' | 'n' | 'q' | 'i' | 'u' | 'x' | 't' | 'd' | 's' | 'o' | 'g' | 'v') => Ok(rest),
        Some('a') if rest.starts_with('{') => {
            rest = complete_type(complete_type(rest.get(1..).unwrap_or_default())?)?;
            rest.strip_prefix('}').context("a dictionary entry has two types")
        }
        Some('a') => complete_type(rest),
        Some('(') => {
            while !rest.starts_with(')') {
                rest = complete_type(rest)?;
            }
            Ok(rest.get(1..).unwrap_or_default())
        }
        _ => bail!("{signature} does not begin with a type"),
    }
}

fn is_interface_name(name: &str) -> bool {
    name.contains('.') && name.len() <= 255 && name.split('.').all(is_member_name)
}

fn is_member_name(name: &str) -> bool {
    let word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    word && !name.is_empty() && !name.as_bytes().first().is_some_and(u8::is_ascii_digit)
}

fn schema_text(facts: &Facts) -> String {
    let mut text = format!(
        "# Generated from {FACTS} by `cargo xtask schema`; change the facts.\n\
         # The interfaces that the inventory hosts, with the type of each property.\n"
    );
    for (interface, properties) in facts {
        text.push_str(&format!("\n[\"{interface}\"]\n"));
        for (property, fact) in properties {
            text.push_str(&format!("{property} = {}\n", fact_text(fact)));
        }
    }
    text
}

fn fact_text(fact: &Fact) -> String {
    let detailed = match fact {
        Fact::Signature(signature) => return format!("\"{signature}\""),
        Fact::Detailed(detailed) => detailed,
    };
    let mut parts = vec![format!("type = \"{}\"", detailed.signature)];
    if let Some(enumeration) = &detailed.enumeration {
        let values: Vec<String> = detailed.values.iter().map(|value| format!("\"{value}\"")).collect();
        parts.push(format!("enum = \"{enumeration}\", values = [{}]", values.join(", ")));
    }
    parts.extend(detailed.default_text().map(|default| format!("default = {default}")));
    parts.extend(detailed.access.as_ref().map(|access| format!("access = \"{access}\"")));
    parts.extend(detailed.owner.then(|| "owner = true".to_owned()));
    format!("{{ {} }}", parts.join(", "))
}

/// One string per record rather than a slice of strings: a third of the size, and nothing to relocate per keyword.
fn records_text(facts: &Facts) -> String {
    let mut text = format!(
        "//! Generated from `{FACTS}` by `cargo xtask schema`; change the facts.\n\n\
         /// The records that have an interface, in byte order, each with the properties of its keywords.\n\
         ///\n\
         /// Shape: record name, then property names (as `property_of` gives them) in byte order with one space \
         between.\n\
         #[rustfmt::skip]\n\
         pub const RECORD_KEYWORDS: &[(&str, &str)] = &[\n"
    );
    for (record, properties) in records(facts) {
        text.push_str(&format!("    (\"{record}\", \"{}\"),\n", wrapped(&properties)));
    }
    text.push_str("];\n");
    text
}

fn records(facts: &Facts) -> Vec<(&str, Vec<&str>)> {
    let is_record =
        |name: &&str| name.len() == 4 && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    facts
        .iter()
        .filter_map(|(interface, properties)| {
            let record = interface.strip_prefix(RECORD_PREFIX).filter(is_record)?;
            Some((record, properties.keys().map(String::as_str).collect()))
        })
        .collect()
}

/// Joins with spaces, and with line continuations where a line would grow too long.
fn wrapped(words: &[&str]) -> String {
    let mut text = String::new();
    let mut column = "    (\"VINI\", \"".len();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            text.push(' ');
            column += 1;
            if column + word.len() + 4 > WIDTH {
                text.push_str("\\\n        ");
                column = 8;
            }
        }
        text.push_str(word);
        column += word.len();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Facts {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn committed_facts_are_valid_and_generated_files_fresh() {
        check(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).unwrap();
    }

    #[test]
    fn the_schema_holds_the_facts_and_nothing_else() {
        let text = "[\"a.B\"]\nZ = \"s\"\n# why\nC = { type = \"s\", enum = \"a.B.K\", values = [\"X\", \"Y\"], \
            default = \"a.B.K.Y\", access = \"read\" }\nD = { type = \"d\", default = nan }\n[\"a.A\"]\n[\"a.C\"]\nT = { type = \"s\", owner = true }\n";
        let schema = schema_text(&facts(text));
        let expected = "[\"a.A\"]\n\n[\"a.B\"]\nC = { type = \"s\", enum = \"a.B.K\", values = [\"X\", \"Y\"], \
            default = \"Y\", access = \"read\" }\nD = { type = \"d\", default = nan }\nZ = \"s\"\n\n[\"a.C\"]\nT = { type = \"s\", owner = true }\n";
        assert!(schema.ends_with(expected), "{schema}");
        assert_eq!(schema_text(&facts(&schema)), schema);
    }

    #[test]
    fn records_are_the_interfaces_of_four_capitals() {
        let text =
            "[\"com.ibm.ipzvpd.VINI\"]\nRT = \"ay\"\nCC = \"ay\"\n[\"com.ibm.ipzvpd.Location\"]\nL = \"s\"\n";
        let table = records_text(&facts(text));
        assert!(table.contains("    (\"VINI\", \"CC RT\"),\n];\n"), "{table}");
        assert!(!table.contains("Location"));
    }

    #[test]
    fn long_rows_are_wrapped_without_changing_their_words() {
        let words: Vec<String> = (0..100).map(|n| format!("W{n}")).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let text = wrapped(&words);
        assert!(text.lines().all(|line| line.len() <= WIDTH));
        assert_eq!(text.replace("\\\n        ", ""), words.join(" "));
    }

    #[test]
    fn facts_that_cannot_be_are_refused_by_name() {
        for (text, part) in [
            ("[\"a.B\"]\nC = \"ss\"", "a.B.C"),
            ("[\"a.B\"]\nC = \"a{s\"", "a.B.C"),
            ("[\"a.B\"]\nC = \"k\"", "a.B.C"),
            ("[\"a.B\"]\nC = { type = \"s\", access = \"write\" }", "a.B.C"),
            ("[\"a.B\"]\nC = { type = \"s\", access = \"read\", owner = true }", "a.B.C"),
            ("[\"a.B\"]\nC = { type = \"s\", enum = \"a.K\" }", "a.B.C"),
            ("[\"a.B\"]\nC = { type = \"s\", enum = \"a.K\", values = [\"X\"], default = \"Y\" }", "a.B.C"),
            ("[\"a.B\"]\n\"2C\" = \"s\"", "a.B.2C"),
            ("[\"a.B\"]\nC = { type = \"s\", owner = true }\nD = \"s\"", "of a.B all are"),
            ("[\"a\"]\n", "a is not a name"),
        ] {
            let error = validate(&facts(text)).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{error:#}");
        }
        let good = "[\"a.B\"]\nC = \"a(sss)\"\nD = \"a{sv}\"\n";
        assert!(validate(&facts(good)).is_ok());
    }
}
