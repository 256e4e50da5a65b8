//! The `openssl` command line in a folder of its own.

use std::process::Command;
use tempfile::TempDir;

/// A folder where openssl runs.
pub struct Openssl {
    folder: TempDir,
}

impl Openssl {
    /// The command line, or nothing where there is none, which is said aloud and fails where `CI=true`.
    #[expect(clippy::print_stdout, reason = "the test harness shows it")]
    pub fn find() -> Option<Self> {
        if let Err(error) = Command::new("openssl").arg("version").output() {
            let sentence = format!("SKIPPED openssl: it cannot be started (Debian package openssl): {error}");
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{sentence}");
            println!("{sentence}");
            return None;
        }
        Some(Self { folder: tempfile::tempdir().unwrap() })
    }

    /// Runs it; it must end well.
    pub fn run(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        let output = command.args(arguments.split(' ')).current_dir(self.folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {said}");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap()
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    /// Makes a private key `NAME.key` and its public key `NAME.pub`; the latter's text.
    pub fn key(&self, name: &str, options: &str) -> Vec<u8> {
        self.run(&format!("genpkey {options} -out {name}.key"));
        self.run(&format!("pkey -in {name}.key -pubout -out {name}.pub"));
        self.read(&format!("{name}.pub"))
    }
}

/// Options for each kind of key that is accepted, and how we name it.
pub const KINDS: [(&str, &str); 5] = [
    ("RSA-2048", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"),
    ("RSA-3072", "-algorithm RSA -pkeyopt rsa_keygen_bits:3072"),
    ("RSA-4096", "-algorithm RSA -pkeyopt rsa_keygen_bits:4096"),
    ("ECDSA P-256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"),
    ("ECDSA P-384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"),
];
