use crate::IndexError;
use fru_publication::EepromKey;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What is done about one place for a part: steps in list order, for each phase.
///
/// Shape: TOML, one list of inline tables per phase; see `configs/README.md`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Slot {
    /// Before the EEPROM is read: what it takes to see it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before_collection: Vec<Step>,
    /// After it was read and is usable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_collection: Vec<Step>,
    /// When a step before failed, nothing is there, or what was read is of no use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_failure: Vec<Step>,
    /// When the part is to be taken out: first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before_removal: Vec<Step>,
    /// Then; without such a list, what `before-collection` did is undone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_removal: Vec<Step>,
    /// When a step of the two before failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_removal_failure: Vec<Step>,
    /// How it is noticed that a part comes or goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll: Option<Poll>,
}

/// A line that is looked at again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Poll {
    /// The line.
    pub line: LineName,
    /// Its level while a part is there.
    pub level: Level,
    /// Between two looks, milliseconds, at least 100.
    #[serde(default = "poll_interval")]
    pub interval_ms: u32,
}

impl Poll {
    /// Between two looks.
    pub fn interval(&self) -> Duration {
        Duration::from_millis(u64::from(self.interval_ms))
    }
}

/// As upstream does.
fn poll_interval() -> u32 {
    5_000
}

/// One step, and for which parts it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StepTable", into = "StepTable")]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// The part has to have one of these CCINs; any part when there is none.
    pub ccin: Vec<Ccin>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Looks whether a part is there; if it is not, the phase ends here.
    Presence(LineName, Level),
    /// Drives a line.
    Set(LineName, Level),
    /// Makes an I²C client of a part: the name by which its driver knows it, and its address.
    NewDevice(KernelName, DeviceAddress),
    /// Removes one.
    DeleteDevice(DeviceAddress),
    /// Gives a device to a driver.
    Bind(DeviceAddress, KernelName),
    /// Takes it away.
    Unbind(DeviceAddress, KernelName),
    /// Writes a text to an attribute below `/sys`.
    WriteSysfs(SysfsPath, AttributeValue),
}

impl Action {
    /// What takes it back; `None` for what leaves nothing behind, or nothing that could be known.
    pub fn undone(&self) -> Option<Self> {
        Some(match self {
            Self::Set(line, level) => Self::Set(line.clone(), level.other()),
            Self::NewDevice(_, address) => Self::DeleteDevice(address.clone()),
            Self::Bind(address, driver) => Self::Unbind(address.clone(), driver.clone()),
            Self::Presence(..) | Self::DeleteDevice(_) | Self::Unbind(..) | Self::WriteSysfs(..) => {
                return None;
            }
        })
    }
}

/// A step as people would say it.
impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Presence(line, level) => write!(formatter, "presence {line} {level}"),
            Self::Set(line, level) => write!(formatter, "set {line} {level}"),
            Self::NewDevice(part, address) => write!(formatter, "new-device {part} {address}"),
            Self::DeleteDevice(address) => write!(formatter, "delete-device {address}"),
            Self::Bind(address, driver) => write!(formatter, "bind {address} {driver}"),
            Self::Unbind(address, driver) => write!(formatter, "unbind {address} {driver}"),
            Self::WriteSysfs(path, value) => write!(formatter, "write-sysfs {path} {value}"),
        }
    }
}

/// The level of a line, as the kernel counts it: 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Level {
    /// 0
    Low,
    /// 1
    High,
}

impl Level {
    /// The one that it is not.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", u8::from(*self))
    }
}

impl TryFrom<u8> for Level {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            0 => Ok(Self::Low),
            1 => Ok(Self::High),
            _ => Err(format!("{number} is no level of a line (0 or 1)")),
        }
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        match level {
            Level::Low => 0,
            Level::High => 1,
        }
    }
}

/// The address of a chip: an EEPROM's key that is no file's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceAddress(EepromKey);

impl DeviceAddress {
    /// Its bus type's folder in sysfs: `i2c` or `spi`.
    pub fn bus_type(&self) -> &'static str {
        if self.0.as_str().starts_with("spi") { "spi" } else { "i2c" }
    }

    /// For an I²C chip: the number of its bus, and its address on it, as four hex digits.
    pub fn i2c(&self) -> Option<(&str, &str)> {
        (self.bus_type() == "i2c").then(|| self.0.as_str().split_once('-')).flatten()
    }

    /// The device's name in sysfs.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Texts that reach the kernel, each checked to be of its kind.
macro_rules! checked_text {
    ($(#[$documentation:meta])* $name:ident, $is_valid:expr, $complaint:literal) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(&text) { Ok(Self(text)) } else { Err(format!("{text:?} {}", $complaint)) }
            }
        }

        text_of!($name);
    };
}

macro_rules! text_of {
    ($name:ident) => {
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

text_of!(DeviceAddress);

impl TryFrom<String> for DeviceAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let key = EepromKey::parse(&text).ok().filter(|key| key.sysfs_path().is_some());
        key.map(Self).ok_or_else(|| format!("{text:?} is no address of a chip (20-0050, spi12.0)"))
    }
}

checked_text!(
    /// The name of a GPIO line. The kernel keeps 31 bytes of it.
    LineName,
    |text| (1..=31).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()),
    "is no name of a line (1 to 31 visible characters)"
);

checked_text!(
    /// A name that the kernel gives to a driver or to a kind of chip.
    KernelName,
    |text| (1..=31).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && !text.starts_with('.'),
    "is no name of a driver or a kind of chip"
);

checked_text!(
    /// An attribute below `/sys`.
    SysfsPath,
    |text| text.len() <= 255
        && text.strip_prefix("/sys/").is_some_and(|rest| {
            rest.split('/').all(|part| !matches!(part, "" | "." | ".."))
                && rest.bytes().all(|byte| byte.is_ascii_graphic())
        }),
    "is no path below /sys"
);

checked_text!(
    /// What an attribute takes.
    AttributeValue,
    |text| text.len() <= 64 && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()),
    "is no value for an attribute (at most 64 printable characters)"
);

checked_text!(
    /// A CCIN: four characters, of which case does not count.
    Ccin,
    |text| text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    "is no CCIN (four letters or digits)"
);

impl Ccin {
    /// Whether a part's CCIN is this one.
    pub fn is(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

/// A [`Step`] as TOML has it.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct StepTable {
    #[serde(skip_serializing_if = "Option::is_none")]
    presence: Option<LineName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<LineName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<Level>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_device: Option<KernelName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<DeviceAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_device: Option<DeviceAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bind: Option<DeviceAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unbind: Option<DeviceAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<KernelName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_sysfs: Option<SysfsPath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<AttributeValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ccin: Vec<Ccin>,
}

impl TryFrom<StepTable> for Step {
    type Error = String;

    fn try_from(table: StepTable) -> Result<Self, String> {
        let StepTable {
            presence,
            set,
            level,
            new_device,
            at,
            delete_device,
            bind,
            unbind,
            driver,
            write_sysfs,
            value,
            ccin,
        } = table;
        // What goes together is taken; whatever is left over afterwards belongs to another kind of step.
        let action = match (
            presence,
            set,
            level,
            new_device,
            at,
            delete_device,
            bind,
            unbind,
            driver,
            write_sysfs,
            value,
        ) {
            (Some(line), None, Some(level), None, None, None, None, None, None, None, None) => {
                Action::Presence(line, level)
            }
            (None, Some(line), Some(level), None, None, None, None, None, None, None, None) => {
                Action::Set(line, level)
            }
            (None, None, None, Some(part), Some(at), None, None, None, None, None, None) => {
                if at.i2c().is_none() {
                    return Err(format!("new-device: {at} is not on an I²C bus"));
                }
                Action::NewDevice(part, at)
            }
            (None, None, None, None, None, Some(at), None, None, None, None, None) => {
                if at.i2c().is_none() {
                    return Err(format!("delete-device: {at} is not on an I²C bus"));
                }
                Action::DeleteDevice(at)
            }
            (None, None, None, None, None, None, Some(at), None, Some(driver), None, None) => {
                Action::Bind(at, driver)
            }
            (None, None, None, None, None, None, None, Some(at), Some(driver), None, None) => {
                Action::Unbind(at, driver)
            }
            (None, None, None, None, None, None, None, None, None, Some(path), Some(value)) => {
                Action::WriteSysfs(path, value)
            }
            _ => return Err(FORMS.to_owned()),
        };
        Ok(Self { action, ccin })
    }
}

const FORMS: &str = "a step is one of { presence, level }, { set, level }, { new-device, at }, { delete-device }, \
                     { bind, driver }, { unbind, driver }, { write-sysfs, value }";

impl From<Step> for StepTable {
    fn from(step: Step) -> Self {
        let empty = Self { ccin: step.ccin, ..Self::default() };
        match step.action {
            Action::Presence(line, level) => Self { presence: Some(line), level: Some(level), ..empty },
            Action::Set(line, level) => Self { set: Some(line), level: Some(level), ..empty },
            Action::NewDevice(part, at) => Self { new_device: Some(part), at: Some(at), ..empty },
            Action::DeleteDevice(at) => Self { delete_device: Some(at), ..empty },
            Action::Bind(at, driver) => Self { bind: Some(at), driver: Some(driver), ..empty },
            Action::Unbind(at, driver) => Self { unbind: Some(at), driver: Some(driver), ..empty },
            Action::WriteSysfs(path, value) => Self { write_sysfs: Some(path), value: Some(value), ..empty },
        }
    }
}

impl Slot {
    /// Reads a slot.
    ///
    /// Errors: [`IndexError::Syntax`], [`IndexError::Slot`].
    pub fn parse(text: &str) -> Result<Self, IndexError> {
        let slot: Self = crate::parse(text)?;
        slot.check()?;
        Ok(slot)
    }

    /// Writes it.
    pub fn to_text(&self) -> String {
        crate::text_of(self)
    }

    /// Checks what the form alone cannot show.
    ///
    /// Errors: [`IndexError::Slot`].
    pub fn check(&self) -> Result<(), IndexError> {
        let wrong = |message: &str| Err(IndexError::Slot(message.to_owned()));
        let unread = [
            &self.before_collection,
            &self.on_failure,
            &self.before_removal,
            &self.after_removal,
            &self.on_removal_failure,
        ];
        if unread.iter().any(|steps| steps.iter().any(|step| !step.ccin.is_empty())) {
            return wrong("ccin: only steps of after-collection know which part there is");
        }
        let blind = [&self.after_collection, &self.on_failure, &self.on_removal_failure];
        if blind.iter().any(|steps| steps.iter().any(|step| matches!(step.action, Action::Presence(..)))) {
            return wrong("presence: it is looked for in before-collection and before removal only");
        }
        if self.poll.as_ref().is_some_and(|poll| poll.interval_ms < 100) {
            return wrong("poll: interval-ms is at least 100");
        }
        Ok(())
    }

    /// Whether there is anything to be done before, after, or about a part.
    pub fn has_steps(&self) -> bool {
        let lists = [
            &self.before_collection,
            &self.after_collection,
            &self.on_failure,
            &self.before_removal,
            &self.after_removal,
            &self.on_removal_failure,
        ];
        lists.iter().any(|steps| !steps.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"before-collection = [{ presence = "SLOT0_PRSNT_N", level = 0 }, { set = "SLOT0_EN", level = 1 }, { bind = "20-0050", driver = "at24" }, { new-device = "24c32", at = "111-0050" }]
after-collection = [{ bind = "20-0060", driver = "leds-pca955x", ccin = ["2CE2", "58FF"] }]
on-failure = [{ set = "SLOT0_EN", level = 0 }]
before-removal = [{ unbind = "spi12.0", driver = "at25" }]
after-removal = [{ delete-device = "111-0050" }, { write-sysfs = "/sys/bus/i2c/drivers/pca954x/4-0070/hold_idle", value = "0" }]

[poll]
line = "SLOT0_PRSNT_N"
level = 0
interval-ms = 5000
"#;

    #[test]
    fn a_slot_goes_both_ways() {
        let slot = Slot::parse(TEXT).unwrap();
        assert_eq!(slot.before_collection.len(), 4);
        assert_eq!(Slot::parse(&slot.to_text()), Ok(slot.clone()), "{}", slot.to_text());
        assert_eq!(slot.poll.unwrap().interval(), Duration::from_secs(5));
        assert!(slot.after_collection[0].ccin[1].is("58ff"));
    }

    #[test]
    fn a_step_is_undone_by_its_opposite_and_the_opposite_by_nothing() {
        let slot = Slot::parse(TEXT).unwrap();
        let undone: Vec<_> = slot.before_collection.iter().map(|step| step.action.undone()).collect();
        let shown: Vec<_> = undone.iter().flatten().map(ToString::to_string).collect();
        assert_eq!(shown, ["set SLOT0_EN 0", "unbind 20-0050 at24", "delete-device 111-0050"]);
        assert_eq!(undone.into_iter().flatten().filter_map(|action| action.undone()).count(), 1);
    }

    #[test]
    fn what_is_no_step_is_refused_by_name() {
        for (step, complaint) in [
            ("{ set = \"A\" }", "a step is one of"),
            ("{ }", "a step is one of"),
            ("{ set = \"A\", level = 1, driver = \"x\" }", "a step is one of"),
            ("{ presence = \"A\", set = \"B\", level = 1 }", "a step is one of"),
            ("{ set = \"A\", level = 2 }", "level of a line"),
            ("{ set = \"\", level = 1 }", "no name of a line"),
            ("{ set = \"a line\", level = 1 }", "no name of a line"),
            ("{ bind = \"20-50\", driver = \"at24\" }", "no address of a chip"),
            ("{ bind = \"file:x\", driver = \"at24\" }", "no address of a chip"),
            ("{ bind = \"20-0050\", driver = \"../at24\" }", "no name of a driver"),
            ("{ new-device = \"24c32\", at = \"spi1.0\" }", "not on an I²C bus"),
            ("{ write-sysfs = \"/sys/../etc/passwd\", value = \"x\" }", "no path below /sys"),
            ("{ write-sysfs = \"/etc/passwd\", value = \"x\" }", "no path below /sys"),
            ("{ write-sysfs = \"/sys/a\", value = \"a\\nb\" }", "no value for an attribute"),
            ("{ shell = \"rm\" }", "unknown field `shell`"),
            ("{ set = \"A\", level = 1, ccin = [\"2CE2\"] }", "only steps of after-collection"),
        ] {
            let message = Slot::parse(&format!("before-collection = [{step}]")).unwrap_err().to_string();
            assert!(message.contains(complaint), "{step}: {message}");
        }
        let message = Slot::parse("on-failure = [{ presence = \"A\", level = 1 }]").unwrap_err().to_string();
        assert!(message.contains("looked for"), "{message}");
        let message =
            Slot::parse("[poll]\nline = \"A\"\nlevel = 1\ninterval-ms = 1").unwrap_err().to_string();
        assert!(message.contains("interval-ms"), "{message}");
    }
}
