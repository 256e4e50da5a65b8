//! The `openssl` and `tar` command lines in a folder of their own.

use image_signature::PrivateKey;
use std::process::Command;
use tempfile::TempDir;

/// A folder where both run.
pub struct Tools {
    folder: TempDir,
}

impl Tools {
    /// Both programs, or nothing where one is missing, which is said aloud and fails where `CI=true`.
    #[expect(clippy::print_stdout, reason = "the test harness shows it")]
    pub fn find() -> Option<Self> {
        for (program, argument) in [("openssl", "version"), ("tar", "--version")] {
            if let Err(error) = Command::new(program).arg(argument).output() {
                let sentence =
                    format!("SKIPPED {program}: it cannot be started (Debian package {program}): {error}");
                assert!(std::env::var("CI").as_deref() != Ok("true"), "{sentence}");
                println!("{sentence}");
                return None;
            }
        }
        Some(Self { folder: tempfile::tempdir().unwrap() })
    }

    /// Runs a command; it must end well, and what it says on its standard output.
    pub fn run(&self, command: &str) -> String {
        let mut words = command.split(' ');
        let mut program = Command::new(words.next().unwrap());
        let output = program.args(words).env("TZ", "UTC").current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap()
    }

    /// A key that openssl makes, as `NAME.key` and `NAME.pub`.
    pub fn key(&self, name: &str, options: &str) -> PrivateKey {
        self.run(&format!("openssl genpkey {options} -out {name}.key"));
        self.run(&format!("openssl pkey -in {name}.key -pubout -out {name}.pub"));
        PrivateKey::from_pem(&self.read(&format!("{name}.key"))).unwrap()
    }
}

pub const RSA: &str = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
pub const P384: &str = "-algorithm EC -pkeyopt ec_paramgen_curve:P-384";
