use anyhow::Context as _;
use fru_publication::EepromKey;
use lexopt::Arg;
use service_runtime::{Exit, Invocation};
use std::path::PathBuf;
use system_index::Phase;

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// The occasion.
    pub occasion: Occasion,
    /// Where the slots are described.
    pub slots: PathBuf,
    /// What it takes for `/`.
    pub root: PathBuf,
}

/// On which occasion.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Before all slots.
    Start,
    /// In the life of one slot.
    Slot { phase: Phase, key: EepromKey, ccin: String },
}

impl Arguments {
    /// `None` when the call was answered already (`--help`, `--version`).
    pub(crate) fn parse(invocation: &Invocation) -> anyhow::Result<Option<Self>> {
        let root = service_runtime::root();
        let mut slots = root.join("run/vivianite/vpd/active/slots");
        let mut given = None;
        let goes_on = invocation.parse(HELP, |argument, values| {
            match argument {
                Arg::Long("slots") => slots = values.value()?.into(),
                Arg::Value(value) if given.is_none() => given = Some(value.to_string_lossy().into_owned()),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if !goes_on {
            return Ok(None);
        }
        let given = given.context("name an occasion").context(Exit::Usage)?;
        let occasion = Occasion::parse(&given)
            .with_context(|| format!("{given:?} is no occasion (see --help)"))
            .context(Exit::Usage)?;
        Ok(Some(Self { occasion, slots, root }))
    }
}

impl Occasion {
    /// Takes a unit's instance apart. The key may have colons of its own; the CCIN, which has none, comes last.
    fn parse(text: &str) -> Option<Self> {
        if text == "start" {
            return Some(Self::Start);
        }
        let (word, rest) = text.split_once(':')?;
        let phase = Phase::ALL.into_iter().find(|phase| phase.as_str() == word)?;
        let (key, ccin) = if phase == Phase::After { rest.rsplit_once(':')? } else { (rest, "") };
        Some(Self::Slot { phase, key: EepromKey::parse(key).ok()?, ccin: ccin.to_owned() })
    }
}

const HELP: &str = "Usage: vpd-slot [-v] [--slots DIR] OCCASION\n\n\
    Does what a slot needs; every step may be done again.\n\n  \
    start              what comes before all slots\n  \
    prepare:KEY        what it takes to see the EEPROM\n  \
    after:KEY:CCIN     once it was read; CCIN may be empty\n  \
    failed:KEY         once it could not be read\n  \
    remove:KEY         before its part is taken out\n      \
    --slots DIR    slots are DIR/KEY.toml (/run/vivianite/vpd/active/slots)\n  \
    -v, --verbose      log debug lines too\n  \
    -h, --help         this text\n  \
    -V, --version      the version\n\n\
    Exit status: 0 done, 64 usage, 69 no part is there or none answers, 70 internal,\n\
    71 a driver or attribute refused, 74 a line refused, 75 its EEPROM is being read or written,\n\
    78 configuration.\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_says_phase_key_and_part() {
        let slot = |phase, key: &str, ccin: &str| {
            Some(Occasion::Slot { phase, key: EepromKey::parse(key).unwrap(), ccin: ccin.to_owned() })
        };
        for (text, expected) in [
            ("start", Some(Occasion::Start)),
            ("prepare:20-0050", slot(Phase::Prepare, "20-0050", "")),
            ("after:20-0050:2CE2", slot(Phase::After, "20-0050", "2CE2")),
            ("after:20-0050:", slot(Phase::After, "20-0050", "")),
            ("remove:file:a:b", slot(Phase::Remove, "file:a:b", "")),
            ("after:file:a:b:2CE2", slot(Phase::After, "file:a:b", "2CE2")),
            ("after:20-0050", None),
            ("failed:../x", None),
            ("prepare", None),
            ("begin:20-0050", None),
            ("", None),
        ] {
            assert_eq!(Occasion::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn every_unit_of_a_slot_is_understood() {
        let key = EepromKey::parse("spi12.0").unwrap();
        for phase in Phase::ALL {
            let unit = system_index::units::slot_unit(phase, &key, "2CE2");
            let instance =
                unit.strip_prefix("vpd-slot@").and_then(|rest| rest.strip_suffix(".service")).unwrap();
            let ccin = if phase == Phase::After { "2CE2" } else { "" };
            let expected = Occasion::Slot { phase, key: key.clone(), ccin: ccin.to_owned() };
            assert_eq!(Occasion::parse(instance), Some(expected), "{unit}");
        }
    }
}
