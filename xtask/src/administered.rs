//! A machine whose parts can be administered: collected by our services, with a stand-in for PID 1 that runs their parsers.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use test_bus::process_1::{Process1, Work};
use unit_plan::UnitName;

use crate::fixtures;
use crate::stage::Stage;

/// Where the selection of the system links what applies.
const ACTIVE: &str = "run/vivianite/vpd/active";
/// The unit of a parser.
const PARSER_UNIT: &str = "ipz-vpd-parser@.service";

/// An EEPROM: a file with the key `file:NAME`.
pub struct Part {
    /// Its name.
    pub name: String,
    /// Lines that describe it beside its file and objects.
    pub lines: String,
    /// Its objects, as a fragment has them.
    pub objects: String,
}

impl Part {
    /// Its key.
    pub fn key(&self) -> String {
        format!("file:{}", self.name)
    }
}

/// Describes the system and starts the stand-in, which serves until it is dropped. EEPROMs are files in a folder.
pub fn describe(stage: &Stage<'_>, images: &Path, parts: &[Part], more: &[(&str, &str)]) -> Result<Process1> {
    let active = stage.root().join(ACTIVE);
    let mut works = BTreeMap::new();
    let mut index = String::new();
    for parser in ["ipz-vpd-parser", "keyword-vpd-parser"] {
        stage.install(parser)?;
    }
    for part in parts {
        let key = part.key();
        let file = serde_json::Value::from(images.join(&part.name).to_str().context("a path is not UTF-8")?);
        let fragment = format!("file = {file}\n{}{}", part.lines, part.objects);
        fixtures::write_fragment(&active.join("frus"), &key, &fragment)?;
        index += &format!("[[fru]]\nkey = \"{key}\"\nparser = \"ipz-vpd-parser\"\n");
        let unit = UnitName::instance_of(PARSER_UNIT, &key)?.full();
        works.insert(format!("ipz-vpd-parser@{key}.service"), work(&stage.command(&unit)?));
        for phase in ["prepare", "failed", "remove"] {
            works.insert(format!("vpd-slot@{phase}:{key}.service"), Work::Status(0));
        }
    }
    for (name, text) in [("index.toml", index.as_str())].iter().chain(more) {
        fs::write(active.join(name), text).with_context(|| format!("writing {name}"))?;
    }
    Process1::start(stage.bus().address(), works)
}

/// The same command each time.
fn work(command: &Command) -> Work {
    let program = command.get_program().to_owned();
    let arguments: Vec<OsString> = command.get_args().map(ToOwned::to_owned).collect();
    let folder = command.get_current_dir().map(Path::to_owned);
    let variables: Vec<_> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    Work::Process(Box::new(move || {
        let mut command = Command::new(&program);
        command.args(&arguments);
        for (name, value) in &variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = &folder {
            command.current_dir(folder);
        }
        Ok(command)
    }))
}
