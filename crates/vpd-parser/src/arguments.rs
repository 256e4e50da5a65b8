use anyhow::Context as _;
use device_io::{Location, locate};
use fru_publication::EepromKey;
use lexopt::Arg;
use service_runtime::{Exit, Invocation};
use std::ffi::OsString;
use std::path::PathBuf;

/// What a parser is asked to do.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// The EEPROM's key; decides which fragment applies.
    pub key: EepromKey,
    /// Where its bytes are, unless the fragment says.
    pub file: Option<PathBuf>,
    /// Where the fragments are.
    pub fragments: PathBuf,
    /// Show instead of publish.
    pub print: bool,
}

impl Arguments {
    /// `None` when the call was answered already (`--help`, `--version`).
    pub(crate) fn parse(invocation: &Invocation) -> anyhow::Result<Option<Self>> {
        let mut given: Option<OsString> = None;
        let mut key: Option<String> = None;
        let mut fragments = service_runtime::root().join("run/vivianite/vpd/active/frus");
        let mut print = false;
        let goes_on = invocation.parse(&help(invocation.name), |argument, values| {
            match argument {
                Arg::Long("key") => key = Some(values.text()?),
                Arg::Long("fragments") => fragments = values.value()?.into(),
                Arg::Long("print") => print = true,
                Arg::Value(value) if given.is_none() => given = Some(value.clone()),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        if !goes_on {
            return Ok(None);
        }
        let given = given.context("name an EEPROM: its key or its path").context(Exit::Usage)?;
        let Location { key: found, file } = locate(&given);
        let key = match key {
            Some(text) => Some(EepromKey::parse(&text).context(Exit::Usage)?),
            None => found,
        };
        let key = key.with_context(|| format!("{} names no EEPROM", given.display())).context(Exit::Usage)?;
        Ok(Some(Self { key, file, fragments, print }))
    }
}

fn help(name: &str) -> String {
    format!(
        "Usage: {name} [-v] [--fragments DIR] [--key KEY] [--print] PATH|KEY\n\n\
         Reads one EEPROM and publishes its FRU to the inventory.\n\n  \
         PATH             a device folder of sysfs, its eeprom attribute, or a file\n  \
         KEY              8-0050, spi12.0 or file:NAME\n      \
         --fragments DIR  fragments are DIR/KEY.toml (/run/vivianite/vpd/active/frus)\n      \
         --key KEY        use this key's fragment whatever PATH is\n      \
         --print          show what would be published and send nothing\n  \
         -v, --verbose        log debug lines too\n  \
         -h, --help           this text\n  \
         -V, --version        the version\n\n\
         Exit status: 0 published, 64 usage, 65 bad data, 69 device absent or silent,\n\
         70 internal, 75 no inventory or no bus, 78 configuration.\n"
    )
}
