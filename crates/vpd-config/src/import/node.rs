//! Nodes in location codes: what the JSON says of them, held against what the inventory's paths tell.

use crate::import::fields::{Losses, Place};
use crate::import::fru::Fru;
use location_code::{Node, NodeStyle, Unexpanded};
use system_index::{LocatedObject, Locations};

/// Lists the codes whose node is told by the path to be another than the JSON says.
///
/// Codes of older files, with inventory paths that are not from the root on, were expanded with `ND0`, as were those that
/// name it: of these the first is listed, with their number.
pub(crate) fn list(frus: &[Fru], losses: &mut Losses) {
    let objects = || frus.iter().flat_map(|fru| &fru.objects);
    let object = objects().filter_map(|object| {
        let location = object.interfaces.location.as_ref()?;
        Some(LocatedObject { path: object.path.clone(), code: location.code.clone() })
    });
    let locations = Locations { object: object.collect(), ..Locations::default() };
    let mut fixed: Vec<(&Place, Node, &str)> = Vec::new();
    for object in objects() {
        let Some(location) = &object.interfaces.location else { continue };
        let Some(told) = node(&locations, &object.path, &location.code) else { continue };
        for (said, place) in &location.nodes {
            match said.or_else(|| object.is_older.then_some(Node::FIXED)) {
                // One code without a node and one with ND0 of an older file say the same of the object.
                Some(Node::FIXED) if fixed.last().is_some_and(|(_, _, of)| *of == object.path) => {}
                Some(Node::FIXED) => fixed.push((place, told, &object.path)),
                Some(said) if said != told => {
                    let why = format!(
                        "the code names the node {said}, and its object lies in {told}, which counts"
                    );
                    losses.add(place, why);
                }
                _ => {}
            }
        }
    }
    if let Some((place, told, _)) = fixed.first() {
        let others = match fixed.len() - 1 {
            0 => String::new(),
            count => format!(", as are {count} more"),
        };
        let why = format!(
            "the code is meant for the node ND0{others}; `numbered` tells it from the path, here {told}; write \
             node = \"fixed\" if codes are to stay as they were"
        );
        losses.add(place, why);
    }
}

/// The node that a code in an enclosure gets.
fn node(locations: &Locations, path: &str, code: &str) -> Option<Node> {
    let code = Unexpanded::parse(code).ok()?;
    if code.form() != location_code::Form::Enclosure {
        return None;
    }
    Node::of_path(NodeStyle::Numbered, &locations.enclosure_of(path)?.node_path).ok()
}
