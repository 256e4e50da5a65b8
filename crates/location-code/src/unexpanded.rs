use crate::{Node, Prefix};
use std::fmt;

/// What a code is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// `Ufcs`: an enclosure, known by feature code and serial number.
    Enclosure,
    /// `Umts`: the system, known by machine type, model and serial number.
    System,
}

/// A location code as a description of a system has it.
///
/// Shape: `Ufcs` or `Umts`, then nothing, or `-` and the place: printable ASCII without blanks, 128 bytes in all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unexpanded {
    form: Form,
    /// Empty, or with its `-`.
    place: String,
}

/// Why a text is no unexpanded location code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// It begins otherwise, or goes on otherwise after its first four letters.
    #[error("{0:?} is neither Ufcs nor Umts, alone or followed by -")]
    Form(String),
    /// It has a character in it that is a blank or no printable ASCII.
    #[error("{0:?} has other characters in it than printable ASCII")]
    Character(String),
    /// It is longer than 128 bytes.
    #[error("a location code of {0} bytes is longer than 128")]
    Long(usize),
}

/// Longest unexpanded code, bytes; with the longest prefix it stays below [`crate::LONGEST`].
const LONGEST: usize = 128;

impl Unexpanded {
    /// Reads a code.
    ///
    /// Errors: [`CodeError`].
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        if text.len() > LONGEST {
            return Err(CodeError::Long(text.len()));
        }
        let (form, place) = [Form::Enclosure, Form::System]
            .into_iter()
            .find_map(|form| Some((form, text.strip_prefix(form.as_str())?)))
            .filter(|(_, place)| place.is_empty() || place.starts_with('-'))
            .ok_or_else(|| CodeError::Form(text.to_owned()))?;
        if !place.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(CodeError::Character(text.to_owned()));
        }
        Ok(Self { form, place: place.to_owned() })
    }

    /// What it is relative to, and so which prefix it needs.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The node that the place of a code in an enclosure begins with, and the code without it; `None` where it begins with none.
    ///
    /// The node stands before the enclosure's serial number, and nothing makes a place of it: who writes it into a code that
    /// is to be expanded (files of openpower-vpd-parser of 2026 have `Ufcs-N00-P0`) gets it twice.
    pub fn without_node(&self) -> Option<(Node, Self)> {
        let place = self.place.strip_prefix('-').filter(|_| self.form == Form::Enclosure)?;
        let (first, rest) = place.split_at(place.find('-').unwrap_or(place.len()));
        Some((Node::parse(first)?, Self { form: self.form, place: rest.to_owned() }))
    }

    /// The code of the part in the machine that the prefix stands for.
    pub fn expand(&self, prefix: &Prefix) -> String {
        format!("{}{}", prefix.as_str(), self.place)
    }
}

impl Form {
    /// The letters that stand for it in an unexpanded code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enclosure => "Ufcs",
            Self::System => "Umts",
        }
    }
}

impl fmt::Display for Unexpanded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.form.as_str(), self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_known_alone_and_with_a_place_and_nothing_else_is() {
        let long = format!("Ufcs-{}", "P".repeat(200));
        for (text, form) in [
            ("Ufcs", Some(Form::Enclosure)),
            ("Ufcs-P0-C1", Some(Form::Enclosure)),
            ("Umts", Some(Form::System)),
            ("Umts-D1", Some(Form::System)),
            ("Ufcs-Pfcs", Some(Form::Enclosure)),
            ("Ufcsx-P0", None),
            ("Ufcs.P0", None),
            ("ufcs-P0", None),
            ("U78DA.N00.WZS003T-P0", None),
            ("xUfcs", None),
            ("U", None),
            ("", None),
            ("Ufcs-P0 C1", None),
            ("Ufcs-P0\n", None),
            ("Ufcs-größe", None),
            (&long, None),
        ] {
            let code = Unexpanded::parse(text);
            assert_eq!(code.as_ref().ok().map(Unexpanded::form), form, "{text:?}: {code:?}");
            if let Ok(code) = code {
                assert_eq!(code.to_string(), text);
            }
        }
    }

    #[test]
    fn a_node_in_a_code_is_found_at_the_beginning_of_its_place_only() {
        for (text, split) in [
            ("Ufcs-N00-P0-C0", Some(("N00", "Ufcs-P0-C0"))),
            ("Ufcs-ND0-P0", Some(("ND0", "Ufcs-P0"))),
            ("Ufcs-SC0-OPL1", Some(("SC0", "Ufcs-OPL1"))),
            ("Ufcs-N00", Some(("N00", "Ufcs"))),
            ("Ufcs-N00-N01-P0", Some(("N00", "Ufcs-N01-P0"))),
            ("Ufcs-P0-N00", None),
            ("Ufcs-N0-P0", None),
            ("Ufcs-NVME1", None),
            ("Ufcs", None),
            ("Umts-N00-P0", None),
        ] {
            let found = Unexpanded::parse(text).unwrap().without_node();
            let found = found.map(|(node, code)| (node.to_string(), code.to_string()));
            assert_eq!(found.as_ref().map(|(node, code)| (&**node, &**code)), split, "{text}");
        }
    }

    #[test]
    fn a_prefix_takes_the_place_of_the_first_four_letters() {
        let system = Prefix::of_system(b"9105-22A", b"139F230").unwrap();
        for (code, expanded) in [
            ("Umts", "U9105.22A.139F230"),
            ("Umts-D1", "U9105.22A.139F230-D1"),
            ("Umts-Pmts", "U9105.22A.139F230-Pmts"),
        ] {
            assert_eq!(Unexpanded::parse(code).unwrap().expand(&system), expanded);
        }
    }

    #[test]
    fn the_longest_code_is_no_longer_than_promised() {
        let longest = format!("Ufcs-{}", "P".repeat(LONGEST - 5));
        let node = crate::Node::of_path(crate::NodeStyle::Fixed, "").unwrap();
        let prefix = Prefix::of_enclosure(&[b'x'; 32], node, &[b'y'; 32]).unwrap();
        let expanded = Unexpanded::parse(&longest).unwrap().expand(&prefix);
        assert!(expanded.len() <= crate::LONGEST, "{}", expanded.len());
        let system = Prefix::of_system(&[b'x'; 32], &[b'y'; 32]).unwrap();
        assert!(Unexpanded::parse(&longest).unwrap().expand(&system).len() <= crate::LONGEST);
    }
}
