//! What a system answers to: as said, or by the name of upstream's file.

use system_index::{HardwareLevel, Levels, SystemType};

/// The types that upstream knows, and the hardware levels for which it has another file.
///
/// `TYPE_v2` is the file of a type with exceptions, `TYPE` that of its exceptions, or of a type without any.
const TYPES: [(&[&str], &[&str]); 3] = [
    (&["50001000", "50001001", "60001000", "60001001"], &["0001"]),
    (&["50003000", "60002000"], &["000A", "000B", "000C", "0014"]),
    (&["50001002", "50004000", "60001002", "60004000", "76002000", "76002001", "70001000"], &[]),
];

/// The types and levels of a system, as `[[match]]` has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matching {
    pub(crate) types: Vec<String>,
    /// The key and its list.
    pub(crate) levels: Option<(&'static str, Vec<String>)>,
}

impl Matching {
    /// What was said counts; what was not is told from the file's name without its ending.
    ///
    /// `None`: no type was said, and the name is none that upstream knows.
    pub(crate) fn new(stem: &str, types: &[SystemType], levels: &Levels) -> Option<Self> {
        let known = if types.is_empty() { Some(Self::of_stem(stem)?) } else { None };
        let mut said: Vec<String> = types.iter().map(ToString::to_string).collect();
        said.sort();
        said.dedup();
        let texts = |levels: &[HardwareLevel]| levels.iter().map(ToString::to_string).collect();
        let levels = match levels {
            Levels::Only(levels) => Some(("hw", texts(levels))),
            Levels::AllBut(levels) => Some(("not-hw", texts(levels))),
            Levels::Any => known.as_ref().and_then(|known| known.levels.clone()),
        };
        Some(Self { types: known.map_or(said, |known| known.types), levels })
    }

    fn of_stem(stem: &str) -> Option<Self> {
        let (im, is_second) = stem.strip_suffix("_v2").map_or((stem, false), |im| (im, true));
        let (_, exceptions) = TYPES.iter().find(|(types, _)| types.contains(&im))?;
        let key = match (exceptions.is_empty(), is_second) {
            (true, true) => return None,
            (true, false) => None,
            (false, true) => Some("not-hw"),
            (false, false) => Some("hw"),
        };
        let list = || exceptions.iter().map(|level| (*level).to_owned()).collect();
        Some(Self { types: vec![im.to_owned()], levels: key.map(|key| (key, list())) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(stem: &str, types: &[&str], levels: &Levels) -> String {
        let types: Vec<SystemType> = types.iter().map(|text| text.parse().unwrap()).collect();
        match Matching::new(stem, &types, levels) {
            None => "none".to_owned(),
            Some(Matching { types, levels: None }) => types.join(" "),
            Some(Matching { types, levels: Some((key, levels)) }) => {
                format!("{} {key} {}", types.join(" "), levels.join(" "))
            }
        }
    }

    #[test]
    fn the_files_that_upstream_knows_answer_to_what_it_says() {
        for (stem, expected) in [
            ("50001001_v2", "50001001 not-hw 0001"),
            ("50001001", "50001001 hw 0001"),
            ("60002000_v2", "60002000 not-hw 000A 000B 000C 0014"),
            ("50003000", "50003000 hw 000A 000B 000C 0014"),
            ("76002001", "76002001"),
            ("76002001_v2", "none"),
            ("50001001_v3", "none"),
            ("vpd_inventory", "none"),
            ("", "none"),
        ] {
            assert_eq!(shown(stem, &[], &Levels::Any), expected, "{stem}");
        }
    }

    #[test]
    fn what_is_said_counts_more_than_the_name() {
        let levels = |text: &str| vec![text.parse().unwrap()];
        for (stem, types, levels, expected) in [
            ("50001001_v2", &["7f000001"][..], Levels::Any, "7F000001"),
            ("x", &["60001000", "50001000", "60001000"], Levels::Any, "50001000 60001000"),
            ("x", &["50001000"], Levels::Only(levels("0002")), "50001000 hw 0002"),
            ("50001001_v2", &[], Levels::AllBut(levels("000a")), "50001001 not-hw 000A"),
        ] {
            assert_eq!(shown(stem, types, &levels), expected, "{stem}");
        }
    }
}
