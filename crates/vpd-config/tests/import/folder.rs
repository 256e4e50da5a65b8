//! A folder with a JSON, and one to import it to.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

pub struct Folder {
    folder: tempfile::TempDir,
    name: String,
}

pub struct Run {
    pub status: u8,
    pub output: String,
    pub errors: String,
}

impl Run {
    /// The lines under a heading.
    pub fn list(&self, heading: &str) -> Vec<&str> {
        let lines = self.output.lines().skip_while(|line| !line.starts_with(heading)).skip(1);
        lines.map_while(|line| line.strip_prefix("- ")).collect()
    }

    /// The list of what is not carried over.
    pub fn losses(&self) -> Vec<&str> {
        self.list("Not carried over")
    }
}

impl Folder {
    /// A JSON by a name that upstream knows.
    pub fn with(json: impl AsRef<[u8]>) -> Self {
        Self::named("50001001_v2.json", json)
    }

    pub fn named(name: &str, json: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), json).unwrap();
        Self { folder, name: name.to_owned() }
    }

    pub fn json(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    pub fn output(&self) -> PathBuf {
        self.folder.path().join("configs")
    }

    pub fn file(&self) -> PathBuf {
        self.output().join("systems/50001001_v2/10-50001001_v2.toml")
    }

    pub fn import(&self, more: &[&str]) -> Run {
        let (json, output) = (self.json(), self.output());
        let arguments = ["import", json.to_str().unwrap(), "--output", output.to_str().unwrap()];
        run(&[&arguments, more].concat())
    }

    /// Arguments for a schema of little more than nothing, which is read a thousand times as fast as the shipped one.
    pub fn small_schema(&self) -> [String; 2] {
        let schema = self.folder.path().join("schema");
        fs::create_dir_all(&schema).unwrap();
        fs::write(
            schema.join("10-openbmc.toml"),
            "[\"xyz.openbmc_project.Inventory.Item\"]\nPrettyName = \"s\"\n",
        )
        .unwrap();
        ["--schema".to_owned(), schema.to_str().unwrap().to_owned()]
    }

    /// What the compiler says of what was imported.
    pub fn check(&self, more: &[String]) -> Run {
        let output = self.output();
        let arguments = ["check", output.to_str().unwrap()];
        run(&arguments.into_iter().chain(more.iter().map(String::as_str)).collect::<Vec<_>>())
    }

    /// Imports what has to be right; gives the report and the text.
    pub fn imported(&self) -> (Run, String) {
        let run = self.import(&[]);
        assert_eq!((run.status, run.errors.as_str()), (0, ""));
        let text = fs::read_to_string(self.file()).unwrap();
        let _: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
        (run, text)
    }
}

/// Entries of one EEPROM as a whole JSON; it says what the system is.
pub fn entries(entries: &str) -> String {
    let is_said = entries.contains("isSystemVpd");
    let entries =
        if is_said { entries.to_owned() } else { entries.replacen('{', "{\"isSystemVpd\": true, ", 1) };
    format!("{{\"frus\": {{\"/sys/bus/i2c/drivers/at24/8-0050/eeprom\": [{entries}]}}}}")
}

/// One entry with more keys.
pub fn entry(keys: &str) -> String {
    let comma = if keys.is_empty() { "" } else { ", " };
    entries(&format!("{{\"inventoryPath\": \"/system\"{comma}{keys}}}"))
}

pub fn run(arguments: &[&str]) -> Run {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let arguments = ["vpd-config"].iter().chain(arguments).map(OsString::from);
    let status = vpd_config::run(arguments, &mut output, &mut errors);
    Run { status, output: String::from_utf8(output).unwrap(), errors: String::from_utf8(errors).unwrap() }
}
