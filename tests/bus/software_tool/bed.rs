//! A machine with image-manager, its keys, and images made by the tool.

use anyhow::Context as _;
use house_tests::Machine;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use test_bus::{Daemon, Finished, LIMIT};

/// P-256, the secret number 1, 2, …, 32 as bytes.
const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\n\
    MDECAQEEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8goAoGCCqGSM49AwEH\n\
    -----END EC PRIVATE KEY-----\n";

pub struct Bed {
    // Ends before the bus, which is the machine's.
    pub service: Option<Daemon>,
    pub machine: Machine,
}

impl Bed {
    /// With image-manager on the bus, and an image that it takes.
    pub fn with_service(settings: &str) -> anyhow::Result<Option<Self>> {
        let Some(mut bed) = Self::without_service()? else { return Ok(None) };
        bed.machine.configure("image-manager", settings)?;
        bed.start_service()?;
        Ok(Some(bed))
    }

    /// With an image only.
    pub fn without_service() -> anyhow::Result<Option<Self>> {
        let Some(machine) = Machine::bare()? else { return Ok(None) };
        let bed = Self { service: None, machine };
        fs::create_dir_all(bed.file("parts"))?;
        fs::write(bed.file("key.pem"), KEY)?;
        fs::write(bed.file("parts/psu.bin"), vec![0x55; 300_000])?;
        let what = "--purpose PSU --version 1.2 --extended-version model=M,manufacturer=V";
        let packed = bed.run(&format!(
            "pack @parts --sign @key.pem --output @image.tar --write-trust @etc/activationdata {what}"
        ))?;
        anyhow::ensure!(packed.status == Some(0), "{packed:?}");
        Ok(Some(bed))
    }

    pub fn start_service(&mut self) -> anyhow::Result<()> {
        self.service = Some(self.machine.start("image-manager")?);
        Ok(())
    }

    /// Starts a stand-in that does this with every image; it ends with the result.
    pub fn start_peer(&self, peer: &str, way: &str) -> anyhow::Result<Daemon> {
        let peers = self.machine.start_peers(&[&format!("{peer} absent")])?;
        self.bring(peer, way)?;
        Ok(peers)
    }

    /// Brings a stand-in to the bus that was absent so far and that does this with every image.
    pub fn bring(&self, peer: &str, way: &str) -> anyhow::Result<()> {
        self.machine.command_peers("Behave", &(peer, way))?;
        self.machine.command_peers("SetMode", &(peer, "normal")).map(drop)
    }

    /// A file below the root.
    pub fn file(&self, name: &str) -> PathBuf {
        self.machine.root().join(name)
    }

    /// The same image with one wrong byte in its payload.
    pub fn tamper(&self) -> anyhow::Result<()> {
        let mut archive = fs::read(self.file("image.tar"))?;
        let at = archive.windows(16).position(|window| window == [0x55; 16]).context("no payload")?;
        archive[at] ^= 1;
        Ok(fs::write(self.file("wrong.tar"), archive)?)
    }

    /// The tool; an argument that begins with @ is a file below the root.
    pub fn tool(&self, arguments: &str) -> anyhow::Result<Command> {
        let mut command = self.machine.bus().client(test_bus::built("software-tool")?);
        for word in arguments.split_whitespace() {
            match word.strip_prefix('@') {
                Some(name) => command.arg(self.file(name)),
                None => command.arg(word),
            };
        }
        Ok(command)
    }

    /// Runs the tool to its end.
    pub fn run(&self, arguments: &str) -> anyhow::Result<Finished> {
        test_bus::run(&mut self.tool(arguments)?)
    }

    /// Runs the tool with the image on its standard input, through a pipe.
    pub fn pipe(&self, arguments: &str) -> anyhow::Result<Finished> {
        let (reader, mut writer) = std::io::pipe()?;
        let mut image = File::open(self.file("image.tar"))?;
        let copying = std::thread::spawn(move || std::io::copy(&mut image, &mut writer));
        let mut command = self.tool(arguments)?;
        let finished = test_bus::run(command.stdin(reader));
        // Until this goes, there is somebody who could read.
        drop(command);
        let _ = copying.join();
        finished
    }

    /// Starts the tool, with its lines as they come.
    pub fn begin(&self, arguments: &str) -> anyhow::Result<Running> {
        let mut child = self.tool(arguments)?.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let lines = [
            lines(child.stdout.take().context("no output")?),
            lines(child.stderr.take().context("no errors")?),
        ];
        Ok(Running { child, lines })
    }

    /// Everything that is listed.
    pub fn list(&self) -> anyhow::Result<serde_json::Value> {
        let listed = self.run("list --json")?;
        anyhow::ensure!(listed.status == Some(0), "{listed:?}");
        Ok(serde_json::from_str(&listed.output)?)
    }
}

/// A tool that has not ended; it does when this goes out of scope.
pub struct Running {
    child: std::process::Child,
    lines: [Receiver<String>; 2],
}

impl Running {
    /// Waits for a line on standard output that has a word in it.
    pub fn says(&self, word: &str) -> anyhow::Result<String> {
        await_line(&self.lines[0], word)
    }

    /// The same on standard error.
    pub fn tells(&self, word: &str) -> anyhow::Result<String> {
        await_line(&self.lines[1], word)
    }

    /// Closes the end of standard output, and waits for the end.
    pub fn status(mut self) -> anyhow::Result<Option<i32>> {
        Ok(self.child.wait()?.code())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn await_line(lines: &Receiver<String>, word: &str) -> anyhow::Result<String> {
    let mut heard = Vec::new();
    loop {
        match lines.recv_timeout(LIMIT) {
            Ok(line) if line.contains(word) => return Ok(line),
            Ok(line) => heard.push(line),
            Err(RecvTimeoutError::Timeout) => anyhow::bail!("no line with {word:?} in time, but {heard:#?}"),
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("it ended without {word:?}: {heard:#?}"),
        }
    }
}
