//! What the system EEPROMs say about the system.

use device_io::{Eeprom, EepromError};
use fru_publication::EepromKey;
use plain_text::is_programmed;
use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use system_index::{HardwareLevel, MachineIndex, SystemEeprom, SystemType};
use vpd_format::{
    Content, Format, KeywordName, ReadAt, ReadError, ReadOptions, RecordName, Wanted, Window, ipz,
};

const VSBP: RecordName = RecordName(*b"VSBP");
const IM: KeywordName = KeywordName(*b"IM");
const HW: KeywordName = KeywordName(*b"HW");

/// What came of reading the system EEPROMs in order.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// The first that said what system this is.
    pub(crate) identity: Option<Identity>,
    /// Those before it that did not.
    pub(crate) troubles: Vec<Trouble>,
}

/// What a system EEPROM says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) eeprom: EepromKey,
    pub(crate) im: SystemType,
    /// `None` when it says nothing about it, and no system needs to know.
    pub(crate) hw: Option<HardwareLevel>,
}

/// Why a system EEPROM says nothing.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) eeprom: EepromKey,
    pub(crate) kind: Kind,
    pub(crate) reason: String,
}

/// Whose fault it is, in rising order of how little a later run could change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It is not there, or does not answer.
    Absent,
    /// Its bytes are of no use.
    Bad,
    /// A writer holds it.
    Locked,
    /// It may not be opened.
    Denied,
}

/// Longest wait for writers, of all system EEPROMs together: boot waits for the choice, and the unit's own limit is longer.
pub(crate) const LOCK_LIMIT: Duration = Duration::from_secs(20);

/// Reads system EEPROMs, in order of preference, until one says what system this is; writers are waited for no longer than
/// the limit.
pub(crate) fn read(index: &MachineIndex, root: &Path, limit: Duration) -> Reading {
    let until = Instant::now() + limit;
    let mut reading = Reading::default();
    for eeprom in &index.system_eeproms {
        match identify(index, eeprom, root, until.saturating_duration_since(Instant::now())) {
            Ok(identity) => {
                reading.identity = Some(identity);
                break;
            }
            Err((kind, reason)) => {
                reading.troubles.push(Trouble { eeprom: eeprom.key.clone(), kind, reason });
            }
        }
    }
    reading
}

fn identify(
    index: &MachineIndex,
    eeprom: &SystemEeprom,
    root: &Path,
    limit: Duration,
) -> Result<Identity, (Kind, String)> {
    let path = path_of(eeprom, root).ok_or_else(|| (Kind::Denied, "the index names no file".to_owned()))?;
    let source = Eeprom::open_within(&path, limit).map_err(|error| explain(&error))?;
    let image = read_image(source, eeprom)?;
    let (im, hw) = facts(&image).map_err(|reason| (Kind::Bad, reason))?;
    if hw.is_none() && index.knows(im) && index.choose(im, hw).is_none() {
        let reason = format!("VINI.HW does not say which of the systems with im {im} this is");
        return Err((Kind::Bad, reason));
    }
    Ok(Identity { eeprom: eeprom.key.clone(), im, hw })
}

fn path_of(eeprom: &SystemEeprom, root: &Path) -> Option<PathBuf> {
    let path = match &eeprom.file {
        Some(file) => file.clone(),
        None => eeprom.key.sysfs_path()?.into(),
    };
    // Joined as it is, an absolute path would replace the root.
    Some(root.join(path.strip_prefix("/").unwrap_or(&path)))
}

fn explain(error: &EepromError) -> (Kind, String) {
    let kind = match error {
        EepromError::Absent { .. } => Kind::Absent,
        EepromError::Locked { .. } => Kind::Locked,
        EepromError::Unreadable { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            Kind::Denied
        }
        _ => Kind::Bad,
    };
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    (kind, format!("{error}{cause}"))
}

/// Reads header, table of contents and two records, and no more.
fn read_image<R: ReadAt>(source: R, eeprom: &SystemEeprom) -> Result<ipz::Image, (Kind, String)> {
    let options = ReadOptions {
        format: Some(Format::Ipz),
        policy: eeprom.policy,
        ecc: eeprom.ecc,
        wanted: Wanted::Records(&[RecordName::VINI, VSBP]),
        ..ReadOptions::default()
    };
    let mut window = Window::new(source, eeprom.offset, eeprom.size);
    match vpd_format::read(&mut window, &options) {
        Ok(vpd) => match vpd.content {
            Content::Ipz(image) => Ok(image),
            _ => Err((Kind::Bad, format!("the format is {}", vpd.format))),
        },
        Err(ReadError::Format(error)) => {
            let shortfall = window.shortfall().map(|shortfall| format!(": {shortfall}")).unwrap_or_default();
            Err((Kind::Bad, format!("{error}{shortfall}")))
        }
        Err(error) => Err((Kind::Absent, format!("it does not answer: {error}"))),
    }
}

fn facts(image: &ipz::Image) -> Result<(SystemType, Option<HardwareLevel>), String> {
    let (vsbp, vini) = (usable(image, VSBP)?, usable(image, RecordName::VINI)?);
    let im = vsbp.keyword(IM).ok_or_else(|| "VSBP.IM is missing".to_owned())?;
    if !is_programmed(im.data) {
        return Err("VSBP.IM was never programmed".to_owned());
    }
    let im = SystemType::of_keyword(im.data)
        .ok_or_else(|| format!("VSBP.IM has {} bytes instead of 4", im.data.len()))?;
    let hw = vini.keyword(HW).and_then(|hw| HardwareLevel::of_keyword(hw.data));
    Ok((im, hw))
}

fn usable(image: &ipz::Image, name: RecordName) -> Result<&ipz::Record, String> {
    let record = image.record(name).ok_or_else(|| format!("record {name} is missing"))?;
    match &record.reason {
        Some(reason) => Err(reason.to_string()),
        None => Ok(record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eeprom_that_a_writer_holds_is_locked_and_not_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("planar");
        std::fs::write(&path, [0xff; 64]).unwrap();
        let index = "[[system-eeprom]]\nkey = \"file:planar\"\nfile = \"/planar\"\n";
        let index = MachineIndex::parse(index).unwrap();
        let kind = || {
            let reading = read(&index, folder.path(), Duration::ZERO);
            (reading.troubles[0].kind, reading.troubles[0].reason.clone())
        };
        let writer = std::fs::File::options().write(true).open(&path).unwrap();
        writer.try_lock().unwrap();
        let (locked, reason) = kind();
        assert_eq!(locked, Kind::Locked);
        assert!(reason.ends_with("planar is locked by a writer"), "{reason}");
        drop(writer);
        assert_eq!(kind().0, Kind::Bad);
    }
}
