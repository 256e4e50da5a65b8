//! The crate graph: floors, the direction of edges, and what the lowest floor may not know.

use super::{Finding, House};
use crate::workspace::{Crate, Dependency};

/// Packages that a pure crate cannot have.
const IMPURE: [&str; 6] = ["tokio", "zbus", "nix", "log", "serde", "toml"];

/// The floor of programs, which never depend on each other.
const PROGRAMS: u8 = 3;

pub fn every_crate_states_its_floor(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in own(house) {
        match member.house.floor {
            None => findings.push(at_top(member, "[package.metadata.house] states no floor".to_owned())),
            Some(floor) if floor > PROGRAMS => {
                findings
                    .push(at_top(member, format!("floor {floor} does not exist, the highest is {PROGRAMS}")));
            }
            Some(_) => {}
        }
    }
    findings
}

pub fn edges_point_down(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (member, edge, other) in shipped_edges(house) {
        let (Some(from), Some(to)) = (member.house.floor, other.house.floor) else { continue };
        if to > from {
            let sentence = format!("floor {from} depends on {} of floor {to}, edges point down", other.name);
            findings.push(at_edge(house, member, edge, sentence));
        } else if from == PROGRAMS && to == PROGRAMS {
            let sentence =
                format!("a program depends on the program {}, programs meet on the bus", other.name);
            findings.push(at_edge(house, member, edge, sentence));
        }
    }
    findings
}

pub fn floor_zero_is_pure(house: &House<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in own(house).filter(|member| member.house.floor == Some(0)) {
        for edge in
            member.dependencies.iter().filter(|edge| !edge.dev && IMPURE.contains(&edge.name.as_str()))
        {
            let sentence = format!("floor 0 is pure and cannot depend on {}", edge.name);
            findings.push(at_edge(house, member, edge, sentence));
        }
    }
    findings
}

pub fn test_only_crates_stay_out_of_products(house: &House<'_>) -> Vec<Finding> {
    shipped_edges(house)
        .filter(|(member, _, other)| other.house.dev_only && !member.house.dev_only)
        .map(|(member, edge, other)| {
            let sentence = format!("{} is for tests only, depend on it under [dev-dependencies]", other.name);
            at_edge(house, member, edge, sentence)
        })
        .collect()
}

/// The crates that the floors are about.
pub fn own<'a>(house: &'a House<'_>) -> impl Iterator<Item = &'a Crate> {
    house.crates.iter().filter(|member| member.folder.starts_with("crates/"))
}

/// Every edge between our crates that reaches a product, as opposed to a test.
fn shipped_edges<'a>(house: &'a House<'_>) -> impl Iterator<Item = (&'a Crate, &'a Dependency, &'a Crate)> {
    own(house).flat_map(move |member| {
        let edges = member.dependencies.iter().filter(|edge| !edge.dev);
        edges.filter_map(move |edge| {
            let other = own(house).find(|other| other.name == edge.name)?;
            Some((member, edge, other))
        })
    })
}

fn at_top(member: &Crate, sentence: String) -> Finding {
    Finding::error(&format!("{}/Cargo.toml", member.folder), 1, sentence)
}

fn at_edge(house: &House<'_>, member: &Crate, edge: &Dependency, sentence: String) -> Finding {
    let path = format!("{}/Cargo.toml", member.folder);
    let names_it = |line: &str| {
        line.strip_prefix(edge.name.as_str()).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    let text = house.tree.text(&path).unwrap_or_default();
    let line = text.lines().position(names_it).map_or(1, |index| index + 1);
    Finding::error(&path, line, sentence)
}
