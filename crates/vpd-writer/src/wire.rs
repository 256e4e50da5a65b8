//! Which wire a chip is reached by, so that one thing at a time is done on it.

use fru_publication::EepromKey;
use std::fmt;
use std::path::Path;
use system_index::Mux;

/// What chips share that get in each other's way: a controller of an I²C bus with all buses behind its multiplexers, a
/// controller of an SPI bus, a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wire(String);

impl fmt::Display for Wire {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Wire {
    /// The wire of a chip by its path in sysfs with all links followed; `None` for a path that is none of a chip.
    ///
    /// A bus behind a multiplexer lies in sysfs below the bus that the multiplexer is on, so that the first one counts.
    pub fn of_device(real: &Path) -> Option<Self> {
        let parts = real.iter().filter_map(|part| part.to_str());
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let mut controllers = parts
            .filter(|part| ["i2c-", "spi"].iter().any(|bus| part.strip_prefix(bus).is_some_and(is_number)));
        controllers.next().map(|controller| Self(controller.to_owned()))
    }

    /// The wire of a chip that is not there, by its key and the multiplexers that the system is said to have.
    pub fn of_key(key: &EepromKey, muxes: &[Mux]) -> Self {
        let text = key.as_str();
        if text.starts_with("file:") {
            return Self(text.to_owned());
        }
        if let Some((controller, _)) = text.split_once('.') {
            return Self(controller.to_owned());
        }
        let bus = text.split_once('-').and_then(|(bus, _)| bus.parse().ok());
        // A key has a number there.
        bus.map_or_else(|| Self(text.to_owned()), |bus| Self(format!("i2c-{}", Mux::root_of(muxes, bus))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controller_nearest_to_the_machine_counts() {
        for (path, wire) in [
            ("/sys/devices/platform/ahb/ahb:apb/1e78a000.i2c/i2c-8/8-0050/eeprom", Some("i2c-8")),
            (
                "/sys/devices/platform/1e78a000.i2c/i2c-4/4-0070/channel-0/i2c-20/20-0050/eeprom",
                Some("i2c-4"),
            ),
            ("/sys/devices/platform/1e78a000.i2c/i2c-4/i2c-20/i2c-40/40-0050/eeprom", Some("i2c-4")),
            ("/sys/devices/platform/1e630000.spi/spi_master/spi2/spi2.0/eeprom", Some("spi2")),
            ("/var/lib/x/card.bin", None),
            ("/", None),
        ] {
            assert_eq!(
                Wire::of_device(Path::new(path)).map(|wire| wire.to_string()).as_deref(),
                wire,
                "{path}"
            );
        }
    }

    #[test]
    fn without_a_device_key_and_muxes_tell_the_same() {
        let muxes: Vec<Mux> = vec![toml_mux("4-0070", "20"), toml_mux("20-0071", "40")];
        for (key, wire) in [
            ("8-0050", "i2c-8"),
            ("20-0050", "i2c-4"),
            ("40-0050", "i2c-4"),
            ("spi2.0", "spi2"),
            ("file:x", "file:x"),
        ] {
            assert_eq!(Wire::of_key(&EepromKey::parse(key).unwrap(), &muxes).to_string(), wire);
        }
    }

    fn toml_mux(at: &str, bus: &str) -> Mux {
        let index = system_index::SystemIndex::parse(&format!("[[mux]]\nat = \"{at}\"\nbuses = [{bus}]\n"));
        index.unwrap().mux.remove(0)
    }
}
