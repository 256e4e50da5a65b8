//! The chips of a scenario's machine: rows of the same parts, and single ones on whatever bus.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// A part that can be simulated.
struct Part {
    name: &'static str,
    bytes: usize,
    bus: Bus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bus {
    I2c,
    Spi,
}

/// EEPROMs by the names that makers and the at24 driver give them; of other chips, their registers.
const PARTS: [Part; 12] = [
    Part { name: "24c02", bytes: 256, bus: Bus::I2c },
    Part { name: "24c32", bytes: 4096, bus: Bus::I2c },
    Part { name: "24c64", bytes: 8192, bus: Bus::I2c },
    Part { name: "24c128", bytes: 16_384, bus: Bus::I2c },
    Part { name: "24c256", bytes: 32_768, bus: Bus::I2c },
    Part { name: "24c512", bytes: 65_536, bus: Bus::I2c },
    Part { name: "25512", bytes: 65_536, bus: Bus::Spi },
    Part { name: "25m02", bytes: 262_144, bus: Bus::Spi },
    Part { name: "pca9546", bytes: 256, bus: Bus::I2c },
    Part { name: "pca9548", bytes: 256, bus: Bus::I2c },
    Part { name: "pca9551", bytes: 256, bus: Bus::I2c },
    Part { name: "pca9552", bytes: 256, bus: Bus::I2c },
];

/// Buses of the module `i2c_eeprom_sim`, numbered from 10.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct I2c {
    /// How many, all with the same row of parts.
    #[serde(default = "one")]
    pub buses: u32,
    /// The parts at 0x50 upwards, by name.
    pub parts: Vec<String>,
    /// Speed of the wire, 0 for no delay.
    #[serde(default = "usual_khz")]
    pub khz: u32,
    /// Length of a write cycle.
    #[serde(default = "usual_write_cycle")]
    pub write_cycle_us: u32,
    /// Bytes of a page of all parts of the row; 0 for what parts of the size usually have.
    #[serde(default)]
    pub page: u32,
    /// What the cells hold at the first boot, by key; the others are blank. The name of a description in
    /// `tests/data/vpd`.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// The EEPROMs, by key, that are there when udev starts; the script adds the others.
    #[serde(default)]
    pub coldplug: Vec<String>,
}

/// A chip on a bus of any number; `20-0050`, or `spi12.0` for the one of an SPI bus.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Chip {
    /// What it is, by name.
    pub part: String,
    /// What its cells hold at the first boot, as in `[i2c.images]`; otherwise it is blank.
    pub image: Option<String>,
    /// How its client comes about.
    #[serde(default)]
    pub client: Client,
    /// Whether there is a chip in the place.
    #[serde(default = "yes")]
    pub present: bool,
    /// The line that has to have a level for it to have power.
    pub powered_by: Option<Power>,
    /// Bytes of a page, which a write cycle is for and a cut one ruins; 0 for what parts of the size usually have.
    #[serde(default)]
    pub page: u32,
    /// The multiplexer that its bus is behind, if any; the same for all chips of the bus.
    pub behind: Option<Channel>,
}

/// How the client of a chip comes about.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    /// It is there when udev starts, as a device tree makes it. It has a driver only if the chip answers then.
    #[default]
    Coldplug,
    /// As before, and with a driver: its line counts from then on.
    Bound,
    /// It is there when udev starts, with a chip that answers a moment later: it has no driver until somebody binds
    /// it.
    Unbound,
    /// Somebody makes it: a script, or a program of ours.
    Absent,
}

/// What gives a chip power.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Power {
    /// The line of the GPIO chip.
    pub line: String,
    /// 0 or 1.
    pub level: u8,
}

/// A channel of a multiplexer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Channel {
    /// The key of the multiplexer, one of the chips.
    pub mux: String,
    /// From 0.
    pub channel: u8,
}

impl I2c {
    /// The part with this key.
    pub fn part(&self, key: &str) -> Result<&str> {
        let (bus, address) = i2c_key(key)?;
        ensure!((10..10 + self.buses).contains(&bus), "{key}: buses are 10 to {}", 9 + self.buses);
        let part = usize::from(address).checked_sub(0x50).and_then(|index| self.parts.get(index));
        Ok(part.with_context(|| format!("{key}: the row of parts does not go that far"))?)
    }

    /// Bytes of each part of the row.
    pub fn sizes(&self) -> Result<Vec<usize>> {
        ensure!((1..=8).contains(&self.parts.len()), "a bus has one to eight parts");
        self.parts.iter().map(|part| size_of_part(part)).collect()
    }

    /// The module's options.
    pub fn options(&self) -> Result<String> {
        let sizes: Vec<String> = self.sizes()?.iter().map(usize::to_string).collect();
        let Self { buses, khz, write_cycle_us, page, .. } = self;
        let sizes = sizes.join(",");
        Ok(format!("buses={buses} size={sizes} khz={khz} twr_us={write_cycle_us} page={page}"))
    }
}

impl Chip {
    /// A blank chip that is there when udev starts.
    pub fn of(part: String) -> Self {
        Self {
            part,
            image: None,
            client: Client::default(),
            present: true,
            powered_by: None,
            page: 0,
            behind: None,
        }
    }

    /// Checks what its form does not say.
    pub fn check(&self, key: &str, lines: &[String]) -> Result<()> {
        ensure!(part(&self.part)?.bus == bus(key)?, "{key}: {} is for another bus", self.part);
        if let Some(power) = &self.powered_by {
            ensure!(lines.contains(&power.line), "{key}: there is no line {}", power.line);
            ensure!(power.level <= 1, "{key}: {} is no level", power.level);
        }
        let fits =
            self.page == 0 || self.page.is_power_of_two() && self.page as usize <= part(&self.part)?.bytes;
        ensure!(fits, "{key}: a page of {} bytes cannot be", self.page);
        Ok(())
    }

    /// The line of `/etc/bed/chips`: what makes the chip.
    pub fn line(&self, key: &str) -> Result<String> {
        let power = self
            .powered_by
            .as_ref()
            .map(|power| format!("{} {}", power.line, power.level))
            .unwrap_or_default();
        let present = if self.present { "Y" } else { "N" };
        let behind = self.behind.as_ref().map(|Channel { mux, channel }| format!("{mux} {channel}"));
        let behind = behind.unwrap_or_else(|| "- -".to_owned());
        let bytes = size_of_part(&self.part)?;
        Ok(format!("{key} {bytes} {} {behind} {present} {power}\n", self.page))
    }

    /// The line of `/etc/bed/eeproms`: what makes its client when the machine starts, if anything does.
    pub fn client(&self, key: &str) -> Result<Option<String>> {
        let kind = if part(&self.part)?.bus == Bus::Spi { "at25" } else { &self.part };
        Ok(match self.client {
            Client::Coldplug => Some(format!("{key} {kind}\n")),
            Client::Bound => Some(format!("{key} {kind} bound\n")),
            Client::Unbound => Some(format!("{key} {kind} unbound\n")),
            Client::Absent => None,
        })
    }
}

/// Checks what chips on the same buses, and multiplexers, say about each other.
pub fn check_buses(chips: &BTreeMap<String, Chip>, row: Option<&I2c>) -> Result<()> {
    let mut joined: BTreeMap<u32, Option<&Channel>> =
        row.iter().flat_map(|i2c| 10..10 + i2c.buses).map(|bus| (bus, None)).collect();
    let mut channels = BTreeMap::new();
    for (key, chip) in chips {
        if bus(key)? == Bus::Spi {
            ensure!(chip.behind.is_none(), "{key}: an SPI bus is behind no multiplexer");
            continue;
        }
        let (number, _) = i2c_key(key)?;
        let behind = chip.behind.as_ref();
        let known = joined.entry(number).or_insert(behind);
        ensure!(*known == behind, "{key}: other chips of bus {number} are not behind the same");
        let Some(Channel { mux, channel }) = behind else { continue };
        ensure!(number > 0, "{key}: the number of a bus behind a multiplexer is not 0");
        let known = *channels.entry((mux, channel)).or_insert(number);
        ensure!(known == number, "{key}: channel {channel} of {mux} is bus {known}");
        let there = chips.get(mux).with_context(|| format!("{key}: there is no chip {mux}"))?;
        let width = channels_of(&there.part);
        ensure!(*channel < width, "{key}: {mux} has {width} channels");
        let is_late = matches!(there.client, Client::Unbound | Client::Absent);
        ensure!(
            chip.client == Client::Absent || !is_late,
            "{key}: its bus comes with the driver of {mux}, which is not there at first"
        );
    }
    in_order(chips).map(|_| ())
}

/// The chips, none before the multiplexer that it is behind.
pub fn in_order(chips: &BTreeMap<String, Chip>) -> Result<Vec<(&String, &Chip)>> {
    let mut ordered: Vec<(usize, &String, &Chip)> = Vec::new();
    for (key, chip) in chips {
        let above = |chip: &&Chip| chips.get(&chip.behind.as_ref()?.mux);
        let depth = std::iter::successors(Some(chip), above).take(chips.len() + 1).count();
        ensure!(depth <= chips.len(), "{key} is behind itself");
        ordered.push((depth, key, chip));
    }
    // Those of the same depth keep their order.
    ordered.sort_by_key(|(depth, ..)| *depth);
    Ok(ordered.into_iter().map(|(_, key, chip)| (key, chip)).collect())
}

/// How many buses can be behind a part.
fn channels_of(part: &str) -> u8 {
    match part {
        "pca9546" => 4,
        "pca9548" => 8,
        _ => 0,
    }
}

/// Bytes of a part.
pub fn size_of_part(name: &str) -> Result<usize> {
    Ok(part(name)?.bytes)
}

/// The smallest EEPROM for a key that is no smaller than the usual one and holds so many bytes.
pub fn smallest_part(key: &str, usual: &str, bytes: usize) -> Result<&'static str> {
    let bus = bus(key)?;
    let least = bytes.max(size_of_part(usual)?);
    let fits = |part: &&Part| part.bus == bus && part.bytes >= least && part.name.starts_with("2");
    let part = PARTS.iter().filter(fits).min_by_key(|part| part.bytes);
    Ok(part.with_context(|| format!("{key}: no part has {least} bytes"))?.name)
}

/// The modules that these chips need, beside those of every machine with chips.
pub fn modules(chips: &BTreeMap<String, Chip>) -> Result<Vec<&'static str>> {
    let mut modules = vec!["i2c_eeprom_sim", "at24"];
    for (key, chip) in chips {
        let part = part(&chip.part)?;
        if bus(key)? == Bus::Spi {
            modules.extend(["spi_eeprom_sim", "at25"]);
        } else if part.name.starts_with("pca") {
            modules.push("chip_drivers_sim");
        }
    }
    modules.sort_unstable();
    modules.dedup();
    Ok(modules)
}

fn part(name: &str) -> Result<&'static Part> {
    let known = PARTS.iter().find(|part| part.name == name);
    known.with_context(|| format!("{name} is no part that can be simulated"))
}

fn bus(key: &str) -> Result<Bus> {
    if let Some(number) = key.strip_prefix("spi").and_then(|rest| rest.strip_suffix(".0")) {
        number.parse::<u16>().with_context(|| format!("{key} has no bus number"))?;
        return Ok(Bus::Spi);
    }
    i2c_key(key).map(|_| Bus::I2c)
}

/// The bus and the address of a key.
fn i2c_key(key: &str) -> Result<(u32, u8)> {
    let (bus, address) = key.split_once("-00").with_context(|| format!("{key} is no key like 10-0050"))?;
    let bus = bus.parse().with_context(|| format!("{key} has no bus number"))?;
    let address = u8::from_str_radix(address, 16).with_context(|| format!("{key} has no address"))?;
    Ok((bus, address))
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

fn usual_khz() -> u32 {
    400
}

fn usual_write_cycle() -> u32 {
    5000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chips(text: &str) -> BTreeMap<String, Chip> {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_chip_becomes_the_lines_that_the_bed_reads() {
        for (key, text, line, client) in [
            ("20-0050", "part = \"24c64\"", "20-0050 8192 0 - - Y \n", Some("20-0050 24c64\n")),
            ("spi12.0", "part = \"25m02\"", "spi12.0 262144 0 - - Y \n", Some("spi12.0 at25\n")),
            (
                "20-0060",
                "part = \"pca9552\"\nclient = \"unbound\"\npowered-by = { line = \"A\", level = 0 }",
                "20-0060 256 0 - - Y A 0\n",
                Some("20-0060 pca9552 unbound\n"),
            ),
            (
                "417-0050",
                "part = \"24c32\"\nclient = \"absent\"\npresent = false",
                "417-0050 4096 0 - - N \n",
                None,
            ),
            (
                "30-0050",
                "part = \"24c512\"\npage = 256\nbehind = { mux = \"4-0070\", channel = 2 }",
                "30-0050 65536 256 4-0070 2 Y \n",
                Some("30-0050 24c512\n"),
            ),
        ] {
            let chip: Chip = toml::from_str(text).unwrap();
            chip.check(key, &["A".to_owned()]).unwrap();
            assert_eq!(chip.line(key).unwrap(), line);
            assert_eq!(chip.client(key).unwrap().as_deref(), client, "{key}");
        }
    }

    #[test]
    fn multiplexers_come_before_what_is_behind_them() {
        let nested = chips(
            "\"2-0050\" = { part = \"24c64\", behind = { mux = \"3-0071\", channel = 7 } }\n\
             \"3-0071\" = { part = \"pca9548\", behind = { mux = \"9-0070\", channel = 3 } }\n\
             \"9-0070\" = { part = \"pca9546\" }",
        );
        let order: Vec<_> = in_order(&nested).unwrap().into_iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(order, ["9-0070", "3-0071", "2-0050"]);
    }

    #[test]
    fn what_chips_say_about_buses_has_to_fit() {
        let mux = "\"4-0070\" = { part = \"pca9546\" }";
        let at = |key: &str, mux: &str, channel: u8| {
            format!("\"{key}\" = {{ part = \"24c64\", behind = {{ mux = \"{mux}\", channel = {channel} }} }}")
        };
        let check = |lines: &[&str]| check_buses(&chips(&lines.join("\n")), None);
        check(&[mux, &at("30-0050", "4-0070", 0), &at("30-0051", "4-0070", 0), &at("31-0050", "4-0070", 3)])
            .unwrap();
        for (lines, complaint) in [
            (vec![at("30-0050", "4-0070", 0)], "no chip 4-0070"),
            (vec![mux.to_owned(), at("30-0050", "4-0070", 4)], "has 4 channels"),
            (vec![mux.to_owned(), at("30-0050", "4-0070", 0), at("31-0050", "4-0070", 0)], "is bus 30"),
            (vec![mux.to_owned(), at("4-0050", "4-0070", 0)], "not behind the same"),
            (vec![at("30-0050", "30-0050", 0)], "has 0 channels"),
            (
                vec![mux.replace(" }", ", client = \"unbound\" }"), at("30-0050", "4-0070", 0)],
                "not there at first",
            ),
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let error = format!("{:#}", check(&lines).unwrap_err());
            assert!(error.contains(complaint), "{lines:?}: {error}");
        }
    }

    #[test]
    fn only_what_the_chips_need_is_loaded() {
        assert_eq!(modules(&BTreeMap::new()).unwrap(), ["at24", "i2c_eeprom_sim"]);
        let all = chips("\"4-0070\" = { part = \"pca9546\" }\n\"spi1.0\" = { part = \"25512\" }");
        let modules = modules(&all).unwrap();
        assert_eq!(modules, ["at24", "at25", "chip_drivers_sim", "i2c_eeprom_sim", "spi_eeprom_sim"]);
    }
}
