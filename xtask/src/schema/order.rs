//! The order in which upstream lists the properties of an interface, checked against the facts.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Facts;

/// The orders, kept by hand.
pub const SOURCE: &str = "xtask/data/inventory-order.toml";

/// What the inventory manager reads when it adopts.
pub const TARGET: &str = "configs/inventory-order.d/10-openbmc.toml";

/// Widest line of a generated configuration file.
const WIDTH: usize = 120;

/// Orders by interface.
pub type Orders = BTreeMap<String, Order>;

/// The order of one interface's properties.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    order: Vec<String>,
    fewest: Option<usize>,
    /// Why properties are missing.
    partial: Option<String>,
}

/// Reads and checks the orders, and adds those that follow from the facts.
pub fn parse(text: &str, facts: &Facts) -> Result<Orders> {
    let mut orders: Orders = toml::from_str(text)?;
    for (interface, order) in &orders {
        let properties = facts.get(interface).with_context(|| format!("{interface} is not in the facts"))?;
        let known: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        order.validate(&known).with_context(|| interface.clone())?;
    }
    for (interface, properties) in facts {
        // One property has one order.
        if properties.len() == 1 {
            let order = Order { order: properties.keys().cloned().collect(), fewest: None, partial: None };
            let known = orders.insert(interface.clone(), order);
            ensure!(known.is_none(), "{interface} has a single property, whose order goes without saying");
        }
    }
    Ok(orders)
}

impl Order {
    fn validate(&self, known: &BTreeSet<&str>) -> Result<()> {
        let listed: BTreeSet<&str> = self.order.iter().map(String::as_str).collect();
        ensure!(listed.len() == self.order.len(), "a property is listed twice");
        if let Some(unknown) = listed.difference(known).next() {
            anyhow::bail!("the facts have no property {unknown}");
        }
        let missing = known.difference(&listed).next();
        ensure!(
            missing.is_some() == self.partial.is_some(),
            "an order lacks properties if and only if `partial` says why; missing: {missing:?}"
        );
        let fewest = self.fewest.unwrap_or(self.order.len());
        ensure!((1..=self.order.len()).contains(&fewest), "`fewest` is not within the order");
        Ok(())
    }
}

/// The generated file.
pub fn text(orders: &Orders) -> String {
    let mut text = format!(
        "# Generated from {SOURCE} by `cargo xtask schema`; change that.\n\
         # The order in which phosphor-inventory-manager kept values before it kept their names too, and how many at least.\n"
    );
    for (interface, order) in orders {
        text.push_str(&format!("\n[\"{interface}\"]\norder = "));
        text.push_str(&list(&order.order));
        if let Some(fewest) = order.fewest {
            text.push_str(&format!("fewest = {fewest}\n"));
        }
    }
    text
}

fn list(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let line = format!("[{}]\n", quoted.join(", "));
    if line.len() + "order = ".len() <= WIDTH {
        return line;
    }
    let mut lines = vec![String::from("   ")];
    for word in quoted {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() + 2 <= WIDTH => line.push_str(&format!(" {word},")),
            _ => lines.push(format!("    {word},")),
        }
    }
    format!("[\n{}\n]\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: &str =
        "[\"a.B\"]\nX = \"s\"\nY = \"ay\"\nZ = \"b\"\n[\"a.One\"]\nV = \"s\"\n[\"a.Marker\"]\n";

    fn parse_with(text: &str) -> Result<Orders> {
        parse(text, &toml::from_str(FACTS).unwrap())
    }

    #[test]
    fn an_order_is_kept_as_it_is_and_a_single_property_needs_none() {
        let orders = parse_with("[\"a.B\"]\norder = [\"Z\", \"X\", \"Y\"]\nfewest = 2\n").unwrap();
        let text = text(&orders);
        let tables =
            "\n[\"a.B\"]\norder = [\"Z\", \"X\", \"Y\"]\nfewest = 2\n\n[\"a.One\"]\norder = [\"V\"]\n";
        assert!(text.ends_with(tables), "{text}");
    }

    #[test]
    fn an_order_that_is_not_that_of_the_facts_is_refused_by_name() {
        for (text, part) in [
            ("[\"a.C\"]\norder = [\"X\"]", "a.C is not in the facts"),
            ("[\"a.B\"]\norder = [\"X\", \"Y\"]", "missing: Some(\"Z\")"),
            ("[\"a.B\"]\norder = [\"X\", \"Y\", \"Z\"]\npartial = \"why\"", "if and only if"),
            ("[\"a.B\"]\norder = [\"X\", \"Y\", \"W\"]", "no property W"),
            ("[\"a.B\"]\norder = [\"X\", \"Y\", \"Z\", \"X\"]", "twice"),
            ("[\"a.B\"]\norder = [\"X\", \"Y\", \"Z\"]\nfewest = 4", "`fewest`"),
            ("[\"a.One\"]\norder = [\"V\"]", "goes without saying"),
        ] {
            let error = parse_with(text).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{error:#}");
        }
    }

    #[test]
    fn long_orders_are_wrapped_without_changing_their_words() {
        let words: Vec<String> = (0..100).map(|number| format!("W{number}")).collect();
        let text = list(&words);
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        let table: BTreeMap<String, Vec<String>> = toml::from_str(&format!("order = {text}")).unwrap();
        assert_eq!(table["order"], words);
    }
}
