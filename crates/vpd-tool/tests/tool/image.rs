//! Images in files, and the tool run on them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

/// Descriptions that the repository ships.
pub const FIXTURES: [&str; 9] = [
    "system-planar",
    "card",
    "keyword",
    "pci-keyword",
    "network-adapter",
    "ddr4-ddimm",
    "ddr5-ddimm",
    "ddr4-isdimm",
    "ddr5-isdimm",
];

/// An image in a file of its own.
#[derive(Debug)]
pub struct Image {
    folder: TempDir,
    bytes: Vec<u8>,
}

impl Image {
    pub fn of(bytes: &[u8]) -> Self {
        let image = Self { folder: tempfile::tempdir().unwrap(), bytes: bytes.to_vec() };
        std::fs::write(image.path(), bytes).unwrap();
        image
    }

    pub fn fixture(name: &str) -> Self {
        Self::of(&vpd_builder::build(&std::fs::read_to_string(description(name)).unwrap()).unwrap())
    }

    /// The same with some bits turned over.
    pub fn flipped(&self, at: usize, bits: &[u8]) -> Self {
        let mut bytes = self.bytes.clone();
        bytes[at..].iter_mut().zip(bits).for_each(|(byte, bits)| *byte ^= bits);
        Self::of(&bytes)
    }

    /// A system planar whose VSYS cannot be read, and whose VINI had to be corrected.
    pub fn planar_with_bad_record() -> Self {
        let planar = Self::fixture("system-planar");
        let find = |what: &[u8]| planar.bytes.windows(what.len()).position(|window| window == what).unwrap();
        planar.flipped(find(b"7VIV001"), &[0xff; 24]).flipped(find(b"YVIV00000001"), &[0x04])
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("image.bin")
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Where a fixture's description is.
pub fn description(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/vpd").join(name).with_extension("toml")
}

/// What a run gave.
#[derive(Debug)]
pub struct Run {
    pub status: u8,
    pub output: String,
    pub errors: String,
}

/// Runs the tool in this process; an image's name in the output becomes `IMAGE`.
pub fn run(arguments: &[&str], files: &[&Path]) -> Run {
    let mut all = vec![OsString::from("vpd-tool")];
    all.extend(arguments.iter().map(OsString::from));
    all.extend(files.iter().map(OsString::from));
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut console = vpd_tool::Console {
        input: Box::new(std::io::empty()),
        output: Box::new(&mut output),
        errors: Box::new(&mut errors),
        is_terminal: false,
    };
    let status = vpd_tool::run(all, &mut console);
    drop(console);
    let text = |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        files.iter().fold(text, |text, file| text.replace(file.to_str().unwrap(), "IMAGE"))
    };
    Run { status, output: text(output), errors: text(errors) }
}

/// What a run prints, as JSON.
pub fn json(arguments: &[&str], image: &Image) -> Value {
    let run = run(arguments, &[&image.path()]);
    serde_json::from_str(&run.output).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}
