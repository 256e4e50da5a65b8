use std::fmt;

/// How the part of a code is told that names the node of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeStyle {
    /// Every node is `ND0`.
    Fixed,
    /// It follows from the number of the chassis in the object's path.
    Numbered,
}

/// The node of a machine.
///
/// Shape: `ND0`; or `N00` for a chassis without number, `SC0` for number 0, `N` and two digits from number 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node(Number);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Number {
    Fixed,
    Control,
    At(u8),
}

/// Why a path tells no node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// None of its segments begins with `chassis`.
    #[error("{path} lies in no chassis")]
    NoChassis {
        /// The path.
        path: String,
    },
    /// What follows `chassis` is no number from 0 to 100.
    #[error("{segment} has no number from 0 to 100")]
    NoNumber {
        /// The segment.
        segment: String,
    },
}

impl Node {
    /// The node in which an object lies.
    ///
    /// Errors: [`NodeError`], for [`NodeStyle::Numbered`] only.
    pub fn of_path(style: NodeStyle, path: &str) -> Result<Self, NodeError> {
        if style == NodeStyle::Fixed {
            return Ok(Self(Number::Fixed));
        }
        let numbered = path.split('/').find_map(|segment| Some((segment, segment.strip_prefix(CHASSIS)?)));
        let (segment, number) = numbered.ok_or_else(|| NodeError::NoChassis { path: path.to_owned() })?;
        if number.is_empty() {
            return Ok(Self(Number::At(0)));
        }
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse::<u8>().ok().filter(|number| is_number && *number <= 100);
        let number = number.ok_or_else(|| NodeError::NoNumber { segment: segment.to_owned() })?;
        Ok(Self(number.checked_sub(1).map_or(Number::Control, Number::At)))
    }
}

impl Node {
    /// `ND0`, as [`NodeStyle::Fixed`] has it.
    pub const FIXED: Self = Self(Number::Fixed);

    /// Reads a node's text, as `Display` writes it; `None` for any other.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ND0" => Some(Self(Number::Fixed)),
            "SC0" => Some(Self(Number::Control)),
            _ => {
                let digits = text.strip_prefix('N')?;
                let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
                is_number.then(|| digits.parse().ok().map(|number| Self(Number::At(number)))).flatten()
            }
        }
    }
}

/// How the segment of a path begins that a chassis has.
const CHASSIS: &str = "chassis";

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Number::Fixed => formatter.write_str("ND0"),
            Number::Control => formatter.write_str("SC0"),
            Number::At(number) => write!(formatter, "N{number:02}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_follow_from_the_chassis_in_the_path() {
        for (path, node) in [
            ("/system/chassis", Ok("N00")),
            ("/system/chassis/motherboard/chassis7", Ok("N00")),
            ("/system/chassis0/x", Ok("SC0")),
            ("/system/chassis1", Ok("N00")),
            ("/system/chassis2/motherboard", Ok("N01")),
            ("/system/chassis12", Ok("N11")),
            ("/system/chassis100", Ok("N99")),
            ("/system/chassis101", Err("chassis101 has no number from 0 to 100")),
            ("/system/chassis99999999999999999999", Err("has no number")),
            ("/system/chassis+1", Err("chassis+1 has no number")),
            ("/system/chassis_fan/chassis1", Err("chassis_fan has no number")),
            ("/system", Err("/system lies in no chassis")),
            ("", Err("lies in no chassis")),
        ] {
            let found = Node::of_path(NodeStyle::Numbered, path);
            match (node, found) {
                (Ok(node), found) => assert_eq!(found.unwrap().to_string(), node, "{path}"),
                (Err(text), found) => {
                    let message = found.unwrap_err().to_string();
                    assert!(message.contains(text), "{path}: {message}");
                }
            }
        }
    }

    #[test]
    fn a_node_is_read_as_it_is_written() {
        for text in ["ND0", "SC0", "N00", "N01", "N99"] {
            assert_eq!(Node::parse(text).map(|node| node.to_string()).as_deref(), Some(text));
        }
        for text in ["", "N", "N0", "N000", "N+1", "n00", "ND1", "SC1", "P0", "N0x"] {
            assert_eq!(Node::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_fixed_style_looks_at_no_path() {
        for path in ["/system/chassis3", "", "/x"] {
            assert_eq!(Node::of_path(NodeStyle::Fixed, path).unwrap().to_string(), "ND0");
        }
    }
}
