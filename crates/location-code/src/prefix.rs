use crate::Node;
use plain_text::{printable, without_padding};

/// What stands before the place of a part: which enclosure or system it is in.
///
/// Shape: `U78DA.N00.WZS003T` or `U9105.22A.139F230`; printable ASCII without blanks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix(String);

/// Why vital product data give no prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{keyword} {fault}")]
pub struct PrefixError {
    /// The keyword at fault: `FC`, `TM` or `SE`.
    pub keyword: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with the value of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Empty, or of blanks, zeros or ones only.
    #[error("was never programmed")]
    NotProgrammed,
    /// A blank among the characters that a code takes.
    #[error("has a blank in it")]
    Blank,
    /// Fewer characters than a code needs.
    #[error("is too short")]
    TooShort,
    /// More characters than a code can take.
    #[error("is too long")]
    TooLong,
    /// A byte that is not printable ASCII.
    #[error("is no text")]
    NoText,
}

/// How many characters of the feature code count.
const FEATURE: usize = 4;
/// Longest value, bytes, trailing blanks not counted; real ones have eight or fewer.
const LONGEST_VALUE: usize = 32;

impl Prefix {
    /// The prefix of parts in an enclosure: keywords FC (four characters count) and SE of record VCEN.
    ///
    /// Errors: [`PrefixError`] for the first of the two that is at fault.
    pub fn of_enclosure(feature_code: &[u8], node: Node, serial: &[u8]) -> Result<Self, PrefixError> {
        // What stands behind these characters does not count.
        let feature = text("FC", feature_code.get(..FEATURE).unwrap_or(feature_code))?;
        if feature.len() < FEATURE {
            return Err(PrefixError { keyword: "FC", fault: Fault::TooShort });
        }
        let (feature, serial) = (without_blanks("FC", feature)?, identity("SE", serial)?);
        Ok(Self(format!("U{feature}.{node}.{serial}")))
    }

    /// The prefix of the system as a whole: keywords TM and SE of record VSYS.
    ///
    /// Errors: [`PrefixError`] for the first of the two that is at fault.
    pub fn of_system(type_and_model: &[u8], serial: &[u8]) -> Result<Self, PrefixError> {
        let model = identity("TM", type_and_model)?.replace('-', ".");
        Ok(Self(format!("U{model}.{}", identity("SE", serial)?)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The tag by which a system is known until its owner gives it another: `Server-9105-22A-139F230`, of the keywords TM and
/// SE of record VSYS.
///
/// Errors: as [`Prefix::of_system`].
pub fn asset_tag(type_and_model: &[u8], serial: &[u8]) -> Result<String, PrefixError> {
    Ok(format!("Server-{}-{}", identity("TM", type_and_model)?, identity("SE", serial)?))
}

fn text<'a>(keyword: &'static str, value: &'a [u8]) -> Result<&'a str, PrefixError> {
    let failed = |fault| PrefixError { keyword, fault };
    let value = without_padding(value);
    if value.is_empty() {
        return Err(failed(Fault::NotProgrammed));
    }
    if value.len() > LONGEST_VALUE {
        return Err(failed(Fault::TooLong));
    }
    printable(value).ok_or_else(|| failed(Fault::NoText))
}

/// A value that goes into a code as a whole.
fn identity<'a>(keyword: &'static str, value: &'a [u8]) -> Result<&'a str, PrefixError> {
    without_blanks(keyword, text(keyword, value)?)
}

/// Refuses what a code would be torn apart by.
fn without_blanks<'a>(keyword: &'static str, used: &'a str) -> Result<&'a str, PrefixError> {
    if used.contains(' ') { Err(PrefixError { keyword, fault: Fault::Blank }) } else { Ok(used) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeStyle;
    use proptest::prelude::*;

    fn enclosure(feature: &[u8], serial: &[u8]) -> Result<String, String> {
        let node = Node::of_path(NodeStyle::Numbered, "/system/chassis").unwrap();
        let prefix = Prefix::of_enclosure(feature, node, serial);
        prefix.map(|prefix| prefix.0).map_err(|error| error.to_string())
    }

    #[test]
    fn an_enclosure_is_known_by_its_feature_code_and_serial_number() {
        let long = [b'x'; 65_536];
        for (feature, serial, expected) in [
            (&b"78DA"[..], &b"WZS003T"[..], Ok("U78DA.N00.WZS003T")),
            (b"78DA-001", b"WZS003T  \0\0", Ok("U78DA.N00.WZS003T")),
            (b"78D ", b"WZS003T", Err("FC is too short")),
            (b"", b"WZS003T", Err("FC was never programmed")),
            (b"    ", b"WZS003T", Err("FC was never programmed")),
            (b"78DA", b"\0\0  \0", Err("SE was never programmed")),
            (b"78DA", b"", Err("SE was never programmed")),
            (b"78DA", &[0xff; 7], Err("SE was never programmed")),
            // Four characters count, and these four say nothing.
            (b"    -001", b"WZS003T", Err("FC was never programmed")),
            (b"78 A-001", b"WZS003T", Err("FC has a blank in it")),
            (b"78DA 001", b"WZS003T", Ok("U78DA.N00.WZS003T")),
            (b"78DA\xff\xff\xff\xff", b"WZS003T\xff", Ok("U78DA.N00.WZS003T")),
            (b"78DA", b"W Z/03", Err("SE has a blank in it")),
            (b"78DA", b" WZS03", Err("SE has a blank in it")),
            (b"78DA", b"WZS\x1b[2J", Err("SE is no text")),
            (b"78DA", b"WZS\n", Err("SE is no text")),
            (b"78DA", b"\0WZS", Err("SE is no text")),
            (b"78DA", b"\xff\xfe\xff\xfe", Err("SE is no text")),
            ("7größe".as_bytes(), b"WZS", Err("FC is no text")),
            (b"78DA", &long, Err("SE is too long")),
            (&long, b"WZS", Ok("Uxxxx.N00.WZS")),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(enclosure(feature, serial), expected, "{feature:?}");
        }
    }

    #[test]
    fn a_system_is_known_by_its_type_model_and_serial_number() {
        let system = |model: &[u8], serial: &[u8]| Prefix::of_system(model, serial).map(|prefix| prefix.0);
        assert_eq!(system(b"9105-22A", b"139F230").unwrap(), "U9105.22A.139F230");
        assert_eq!(system(b"9105-22A", b" ").unwrap_err().to_string(), "SE was never programmed");
        assert_eq!(system(b"9105 22A", b"139F230").unwrap_err().to_string(), "TM has a blank in it");
        assert_eq!(system(b"\0", b"139F230").unwrap_err().to_string(), "TM was never programmed");
    }

    #[test]
    fn an_asset_tag_is_made_of_what_identifies_the_system() {
        assert_eq!(asset_tag(b"9105-22A", b"139F230 ").unwrap(), "Server-9105-22A-139F230");
        assert_eq!(asset_tag(b"9105-22A", b"\0").unwrap_err().to_string(), "SE was never programmed");
        assert_eq!(asset_tag(b"9105\x1b", b"139F230").unwrap_err().to_string(), "TM is no text");
    }

    proptest! {
        #[test]
        fn whatever_an_eeprom_holds_a_prefix_is_short_printable_text(
            first in proptest::collection::vec(any::<u8>(), 0..80),
            second in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let node = Node::of_path(NodeStyle::Fixed, "").unwrap();
            let prefixes = [Prefix::of_enclosure(&first, node, &second), Prefix::of_system(&first, &second)];
            for prefix in prefixes.into_iter().flatten() {
                prop_assert!(prefix.as_str().len() <= 2 * LONGEST_VALUE + 2);
                prop_assert!(prefix.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
