//! A folder with keys and payloads, and the tool run in it.

use software_tool::{Face, Screen};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

/// The private key of a machine's key set: P-256, the secret number 1, 2, …, 32 as bytes.
const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\n\
    MDECAQEEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8goAoGCCqGSM49AwEH\n\
    -----END EC PRIVATE KEY-----\n";
/// Another.
const OTHER: &str = "-----BEGIN EC PRIVATE KEY-----\n\
    MDECAQEEICIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIioAoGCCqGSM49AwEH\n\
    -----END EC PRIVATE KEY-----\n";

pub struct Desk(tempfile::TempDir);

/// A run that has ended.
#[derive(Debug)]
pub struct Run {
    pub status: u8,
    pub output: String,
    pub errors: String,
}

impl Desk {
    /// With keys, and a folder `parts` with two payloads.
    pub fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("key.pem", KEY.as_bytes());
        desk.write("other.pem", OTHER.as_bytes());
        fs::create_dir(desk.path("parts")).unwrap();
        desk.write("parts/psu.bin", &[0x55; 3000]);
        desk.write("parts/boot.bin", b"boot");
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs the tool; an argument that begins with @ is a file on the desk.
    pub fn run(&self, arguments: &str) -> Run {
        let words = arguments.split_whitespace().map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).into_os_string(),
            None => word.into(),
        });
        self.run_words(std::iter::once("software-tool".into()).chain(words).collect())
    }

    /// Runs the tool with words as they are.
    pub fn run_words(&self, arguments: Vec<OsString>) -> Run {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let mut screen =
            Screen { output: Box::new(&mut output), errors: Box::new(&mut errors), face: Face::Lines };
        let status = software_tool::run(arguments, &mut screen);
        drop(screen);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { status, output: text(output), errors: text(errors) }
    }

    /// Runs the tool, which has to do what it is told.
    pub fn done(&self, arguments: &str) -> String {
        let run = self.run(arguments);
        assert_eq!(run.status, 0, "{arguments}: {run:?}");
        run.output
    }

    /// A signed image for power supplies, and the trust store that takes it.
    pub fn pack(&self, more: &str) -> String {
        let what = "--purpose PSU --version 1.2 --extended-version model=M,manufacturer=V";
        self.done(&format!(
            "pack @parts --sign @key.pem --output @image.tar --write-trust @trust {what} {more}"
        ))
    }
}
