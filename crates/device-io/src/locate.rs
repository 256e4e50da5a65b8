use fru_publication::EepromKey;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Which EEPROM is meant, and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The EEPROM's key; `None` when the path has no name to take one from.
    pub key: Option<EepromKey>,
    /// The file that holds its bytes; `None` for a key `file:NAME`, whose file only its fragment knows.
    pub file: Option<PathBuf>,
}

/// Makes sense of what a person or a unit gives: a key, a device folder, an `eeprom` attribute, or a file.
///
/// Links are followed, so that every path to a chip gives the same key. A path that does not
/// exist is taken as it is written: the device may be absent.
pub fn locate(given: &OsStr) -> Location {
    let text = given.to_string_lossy();
    if !text.contains('/')
        && !Path::new(given).exists()
        && let Ok(key) = EepromKey::parse(&text)
    {
        return Location { file: key.sysfs_path().map(PathBuf::from), key: Some(key) };
    }
    let path = std::fs::canonicalize(given).unwrap_or_else(|_| PathBuf::from(given));
    let key = EepromKey::of_path(&path);
    let is_folder =
        path.is_dir() || (!path.exists() && path.file_name() != Some(OsStr::new("eeprom")) && is_chip(&key));
    Location { key, file: Some(if is_folder { path.join("eeprom") } else { path }) }
}

/// A chip's key rather than a file's: the path names its folder.
fn is_chip(key: &Option<EepromKey>) -> bool {
    key.as_ref().is_some_and(|key| key.sysfs_path().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(given: impl AsRef<OsStr>) -> String {
        locate(given.as_ref()).key.unwrap().to_string()
    }

    #[test]
    fn a_driver_link_and_the_device_it_leads_to_are_the_same_eeprom() {
        let root = tempfile::tempdir().unwrap();
        let device = root.path().join("devices/i2c-8/8-0050");
        let driver = root.path().join("bus/i2c/drivers/at24");
        std::fs::create_dir_all(&device).unwrap();
        std::fs::create_dir_all(&driver).unwrap();
        std::fs::write(device.join("eeprom"), b"x").unwrap();
        std::os::unix::fs::symlink(&device, driver.join("8-0050")).unwrap();
        let expected = Location {
            key: Some(EepromKey::parse("8-0050").unwrap()),
            file: Some(std::fs::canonicalize(&device).unwrap().join("eeprom")),
        };
        for given in
            [device.clone(), device.join("eeprom"), driver.join("8-0050"), driver.join("8-0050/eeprom")]
        {
            assert_eq!(locate(given.as_os_str()), expected, "{}", given.display());
        }
    }

    #[test]
    fn keys_absent_devices_and_plain_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("card.bin");
        std::fs::write(&image, b"x").unwrap();
        assert_eq!(key_of(&image), "file:card.bin");
        assert_eq!(key_of("13-005a"), "13-005a");
        assert_eq!(
            locate(OsStr::new("spi12.0")).file.unwrap(),
            Path::new("/sys/bus/spi/devices/spi12.0/eeprom")
        );
        assert_eq!(locate(OsStr::new("file:board")).file, None);
        let absent = locate(OsStr::new("/nonexistent/devices/9-0051"));
        assert_eq!(absent.file.unwrap(), Path::new("/nonexistent/devices/9-0051/eeprom"));
        assert_eq!(key_of("/nonexistent/9-0051/eeprom"), "9-0051");
    }
}
