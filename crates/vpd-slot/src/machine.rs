//! The steps themselves: lines, and what the kernel offers in sysfs.

use device_io::lines::{LineError, Lines};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use system_index::{Action, DeviceAddress, KernelName, Level, LineName};

/// What steps are done to.
pub(crate) struct Machine<'a, L> {
    /// What it takes for `/`.
    pub root: &'a Path,
    /// The lines.
    pub lines: &'a L,
}

/// What became of a step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// It is as it should be.
    Yes,
    /// The machine says that no part is there, or none answers.
    Absent(String),
}

/// Why a step could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// A line.
    #[error(transparent)]
    Line(#[from] LineError),
    /// An attribute, a driver.
    #[error("cannot write {value:?} to {}", .path.display())]
    Refused {
        path: PathBuf,
        value: String,
        #[source]
        source: io::Error,
    },
}

impl<L: Lines> Machine<'_, L> {
    /// Does one step. One that has been done before is done.
    pub(crate) fn perform(&self, action: &Action) -> Result<Done, StepError> {
        match action {
            Action::Presence(line, level) => Ok(self.look(line, *level)),
            Action::Set(line, level) => self
                .lines
                .drive(line.as_str(), *level == Level::High)
                .map(|()| Done::Yes)
                .map_err(StepError::Line),
            Action::NewDevice(part, address) => self.new_device(part, address),
            Action::DeleteDevice(address) => self.delete_device(address).map(|()| Done::Yes),
            Action::Bind(address, driver) => self.bind(address, driver),
            Action::Unbind(address, driver) => self.unbind(address, driver).map(|()| Done::Yes),
            Action::WriteSysfs(path, value) => {
                self.write(&self.absolute(path.as_str()), value.as_str()).map(|()| Done::Yes)
            }
        }
    }

    /// A line that cannot be read says nothing; then the part is looked for all the same.
    fn look(&self, line: &LineName, level: Level) -> Done {
        match self.lines.read(line.as_str()) {
            Ok(is_high) if is_high == (level == Level::High) => Done::Yes,
            Ok(_) => Done::Absent(format!("line {line} is not {level}")),
            Err(error) => {
                log::warn!("whether a part is there cannot be told, so it is looked for: {error}");
                Done::Yes
            }
        }
    }

    fn new_device(&self, part: &KernelName, address: &DeviceAddress) -> Result<Done, StepError> {
        let Some((bus, number)) = address.i2c() else { return Ok(Done::Yes) };
        let device = self.device(address);
        if has_driver(&device) {
            return Ok(Done::Yes);
        }
        if device.exists() {
            // Left over from a time when nothing answered.
            self.delete_device(address)?;
        }
        let path = self.absolute(&format!("/sys/bus/i2c/devices/i2c-{bus}/new_device"));
        self.write(&path, &format!("{part} 0x{number}"))?;
        if has_driver(&device) {
            return Ok(Done::Yes);
        }
        // A client that no driver has would stand in the way of the next try.
        self.delete_device(address)?;
        Ok(Done::Absent(format!("nothing that is a {part} answers at {address}")))
    }

    fn delete_device(&self, address: &DeviceAddress) -> Result<(), StepError> {
        let Some((bus, number)) = address.i2c() else { return Ok(()) };
        if !self.device(address).exists() {
            return Ok(());
        }
        let path = self.absolute(&format!("/sys/bus/i2c/devices/i2c-{bus}/delete_device"));
        self.write(&path, &format!("0x{number}"))
    }

    fn bind(&self, address: &DeviceAddress, driver: &KernelName) -> Result<Done, StepError> {
        let folder = self.driver(address, driver);
        if folder.join(address.as_str()).exists() {
            return Ok(Done::Yes);
        }
        match self.write(&folder.join("bind"), address.as_str()) {
            Ok(()) => Ok(Done::Yes),
            // What drivers say when nothing answers at a place that the machine has.
            Err(StepError::Refused { source, .. })
                if is_silence(&source) && self.device(address).exists() =>
            {
                Ok(Done::Absent(format!("driver {driver} gets no answer at {address}: {source}")))
            }
            Err(error) => Err(error),
        }
    }

    fn unbind(&self, address: &DeviceAddress, driver: &KernelName) -> Result<(), StepError> {
        let folder = self.driver(address, driver);
        if !folder.join(address.as_str()).exists() {
            return Ok(());
        }
        self.write(&folder.join("unbind"), address.as_str())
    }

    fn device(&self, address: &DeviceAddress) -> PathBuf {
        self.absolute(&format!("/sys/bus/{}/devices/{address}", address.bus_type()))
    }

    fn driver(&self, address: &DeviceAddress, driver: &KernelName) -> PathBuf {
        self.absolute(&format!("/sys/bus/{}/drivers/{driver}", address.bus_type()))
    }

    fn absolute(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// An attribute takes a value with one write, and is never made.
    fn write(&self, path: &Path, value: &str) -> Result<(), StepError> {
        log::debug!("writing {value:?} to {}", path.display());
        let written =
            File::options().write(true).open(path).and_then(|mut file| file.write_all(value.as_bytes()));
        written.map_err(|source| StepError::Refused {
            path: path.to_owned(),
            value: value.to_owned(),
            source,
        })
    }
}

fn has_driver(device: &Path) -> bool {
    fs::symlink_metadata(device.join("driver")).is_ok()
}

/// No device, no such address, nobody acknowledges, a time-out: the ways in which buses and drivers say it.
fn is_silence(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let code = error.raw_os_error().map(Errno::from_raw);
    matches!(code, Some(Errno::ENODEV | Errno::ENXIO | Errno::EREMOTEIO | Errno::ETIMEDOUT | Errno::EIO))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    /// Lines with levels; what is not among them cannot be reached.
    #[derive(Debug, Default)]
    pub(crate) struct Wires(pub RefCell<BTreeMap<String, bool>>);

    impl Lines for Wires {
        fn read(&self, name: &str) -> Result<bool, LineError> {
            self.0.borrow().get(name).copied().ok_or_else(|| LineError::Unknown { name: name.to_owned() })
        }

        fn drive(&self, name: &str, level: bool) -> Result<(), LineError> {
            match self.0.borrow_mut().get_mut(name) {
                Some(line) => *line = level,
                None => return Err(LineError::Unknown { name: name.to_owned() }),
            }
            Ok(())
        }
    }

    fn address(text: &str) -> DeviceAddress {
        DeviceAddress::try_from(text.to_owned()).unwrap()
    }

    fn name(text: &str) -> KernelName {
        KernelName::try_from(text.to_owned()).unwrap()
    }

    /// Attributes as files: what was written to them last is in them.
    struct Tree(tempfile::TempDir);

    impl Tree {
        fn with(attributes: &[&str]) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            attributes.iter().for_each(|path| tree.make(path));
            tree
        }

        fn make(&self, path: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }

        fn written(&self, path: &str) -> String {
            fs::read_to_string(self.0.path().join(path)).unwrap()
        }

        fn perform(&self, action: &Action) -> Result<Done, StepError> {
            Machine { root: self.0.path(), lines: &Wires::default() }.perform(action)
        }
    }

    #[test]
    fn a_device_is_given_to_its_driver_and_taken_away_once() {
        let tree = Tree::with(&["sys/bus/i2c/drivers/at24/bind", "sys/bus/i2c/drivers/at24/unbind"]);
        let bind = Action::Bind(address("20-0050"), name("at24"));
        let unbind = bind.undone().unwrap();
        assert_eq!(tree.perform(&unbind).unwrap(), Done::Yes);
        assert_eq!(tree.written("sys/bus/i2c/drivers/at24/unbind"), "", "it was not bound");
        assert_eq!(tree.perform(&bind).unwrap(), Done::Yes);
        assert_eq!(tree.written("sys/bus/i2c/drivers/at24/bind"), "20-0050");
        tree.make("sys/bus/i2c/drivers/at24/20-0050/eeprom");
        tree.make("sys/bus/i2c/drivers/at24/bind");
        assert_eq!(tree.perform(&bind).unwrap(), Done::Yes);
        assert_eq!(tree.written("sys/bus/i2c/drivers/at24/bind"), "", "it is bound already");
        assert_eq!(tree.perform(&unbind).unwrap(), Done::Yes);
        assert_eq!(tree.written("sys/bus/i2c/drivers/at24/unbind"), "20-0050");
    }

    #[test]
    fn spi_devices_are_looked_for_where_they_are() {
        let tree = Tree::with(&["sys/bus/spi/drivers/at25/bind"]);
        tree.perform(&Action::Bind(address("spi12.0"), name("at25"))).unwrap();
        assert_eq!(tree.written("sys/bus/spi/drivers/at25/bind"), "spi12.0");
    }

    #[test]
    fn a_client_that_no_driver_takes_is_an_absent_part_and_does_not_stay() {
        let tree = Tree::with(&[
            "sys/bus/i2c/devices/i2c-111/new_device",
            "sys/bus/i2c/devices/i2c-111/delete_device",
            // As the kernel leaves it when the driver gets no answer.
            "sys/bus/i2c/devices/111-0050/name",
        ]);
        let action = Action::NewDevice(name("24c32"), address("111-0050"));
        assert!(matches!(tree.perform(&action), Ok(Done::Absent(reason)) if reason.contains("24c32")));
        assert_eq!(tree.written("sys/bus/i2c/devices/i2c-111/new_device"), "24c32 0x0050");
        assert_eq!(tree.written("sys/bus/i2c/devices/i2c-111/delete_device"), "0x0050");
    }

    #[test]
    fn a_client_that_is_there_is_not_made_again() {
        let tree =
            Tree::with(&["sys/bus/i2c/devices/i2c-111/new_device", "sys/bus/i2c/devices/111-0050/driver"]);
        tree.perform(&Action::NewDevice(name("24c32"), address("111-0050"))).unwrap();
        assert_eq!(tree.written("sys/bus/i2c/devices/i2c-111/new_device"), "");
    }

    #[test]
    fn what_the_kernel_does_not_offer_is_refused_and_not_made() {
        let tree = Tree::with(&["sys/bus/i2c/drivers/other/bind"]);
        for action in [
            Action::Bind(address("20-0050"), name("at24")),
            Action::NewDevice(name("24c32"), address("111-0050")),
            Action::WriteSysfs(
                "/sys/idle".to_owned().try_into().unwrap(),
                "0".to_owned().try_into().unwrap(),
            ),
        ] {
            assert!(matches!(tree.perform(&action), Err(StepError::Refused { .. })), "{action}");
        }
        assert!(!tree.0.path().join("sys/idle").exists());
    }

    #[test]
    fn a_line_that_says_nothing_does_not_make_a_part_absent_but_cannot_be_driven() {
        let tree = Tree::with(&[]);
        let line = || LineName::try_from("NO_LINE".to_owned()).unwrap();
        assert_eq!(tree.perform(&Action::Presence(line(), Level::Low)).unwrap(), Done::Yes);
        assert!(matches!(tree.perform(&Action::Set(line(), Level::Low)), Err(StepError::Line(_))));
    }
}
