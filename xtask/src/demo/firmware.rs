//! Firmware images: packed, checked, handed over, refused, dropped, removed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use test_random::Numbers;

use super::acts::{heading, missing};
use super::signing_key;
use crate::output;
use crate::stage::Stage;
use crate::step::Captured;

/// The service, and the tool for people.
const SERVICE: &str = "image-manager";
const TOOL: &str = "software-tool";

/// Of the image's payload, bytes; enough for the service to be seen at work.
const PAYLOAD: usize = 12 * 1024 * 1024;

/// Longest wait for something to be told.
const LIMIT: Duration = Duration::from_secs(60);

/// The tool in a folder with the parts of an image.
struct Desk<'a> {
    stage: &'a Stage<'a>,
    tool: PathBuf,
    folder: PathBuf,
    /// Where a machine has the keys that it trusts.
    trust: PathBuf,
}

/// Plays it.
pub fn play(stage: &mut Stage<'_>) -> Result<()> {
    heading("11. Firmware images: packed on a desk, signed, and checked without a machine");
    for name in [SERVICE, TOOL] {
        if !stage.offers(name) {
            return missing("firmware", name);
        }
    }
    stage.start(SERVICE)?;
    let desk = Desk::set_up(stage)?;
    desk.pack()?;
    heading("12. Handed over to image-manager, and followed");
    output::line("No installer is part of this demonstration, so the image is asked to wait for one.");
    let id = desk.install()?;
    heading("13. One wrong byte");
    desk.refuse()?;
    heading("14. An upload that hangs, and is cancelled");
    desk.cancel()?;
    heading("15. Dropped into a folder, as scp does, beside one that a program still writes");
    let dropped = desk.drop_in()?;
    heading("16. Removed");
    desk.remove(&id, &dropped)
}

impl<'a> Desk<'a> {
    fn set_up(stage: &'a Stage<'a>) -> Result<Self> {
        let (folder, trust) = (stage.scratch().join("firmware"), stage.root().join("etc/activationdata"));
        fs::create_dir_all(folder.join("parts")).context("creating a folder for firmware")?;
        fs::create_dir_all(&trust).context("creating a folder for keys")?;
        fs::write(stage.root().join("etc/os-release"), "OPENBMC_TARGET_MACHINE=\"demo\"\n")?;
        fs::write(folder.join("key.pem"), signing_key::new()?).context("writing a key")?;
        fs::set_permissions(folder.join("key.pem"), fs::Permissions::from_mode(0o600))?;
        fs::write(folder.join("parts/psu.bin"), payload()).context("writing a payload")?;
        Ok(Self { stage, tool: stage.install(TOOL)?, folder, trust })
    }

    /// Runs the tool, and shows what is typed and what comes out.
    fn run(&self, arguments: &str) -> Result<Captured> {
        let shown = arguments.replace("@trust", "/etc/activationdata");
        output::line(format!("$ {TOOL} {shown}"));
        let words = arguments
            .split(' ')
            .map(|word| if word == "@trust" { self.trust.as_path() } else { Path::new(word) });
        let captured = self.stage.step(&self.tool).dir(&self.folder).args(words).capture()?;
        for text in [&captured.stderr, &String::from_utf8_lossy(&captured.stdout).into_owned()] {
            text.lines().for_each(|line| output::line(format!("    {line}")));
        }
        Ok(captured)
    }

    /// Runs the tool, which has to do what it is told; its output.
    fn done(&self, arguments: &str) -> Result<String> {
        let captured = self.run(arguments)?;
        ensure!(captured.status.success(), "`{TOOL} {arguments}` ended with {}", captured.status);
        Ok(String::from_utf8_lossy(&captured.stdout).into_owned())
    }

    /// The images that the bus shows, by their ids.
    fn listed(&self) -> Result<Vec<Value>> {
        let list = self.stage.step(&self.tool).args(["list", "--json"]).output()?;
        serde_json::from_slice(&list).context("the list is no JSON")
    }

    fn pack(&self) -> Result<()> {
        self.done(
            "pack parts --machine demo --purpose PSU --version demo-1.0 --extended-version model=M1,manufacturer=V1 \
             --sign key.pem --write-trust @trust --compress bzip2 --output psu.tar.bz2",
        )?;
        let said = self.done("verify psu.tar.bz2 --trust @trust")?;
        ensure!(said.contains("PSU demo-1.0, signed"), "the image is not what was packed");
        Ok(())
    }

    fn install(&self) -> Result<String> {
        let said = self.done("install psu.tar.bz2 --apply on-request")?;
        let id = said.split_whitespace().next().context("there is no id")?.to_owned();
        let listed = self.done("list")?;
        ensure!(listed.contains(&id) && listed.contains("Ready"), "{id} is not listed as ready");
        Ok(id)
    }

    fn refuse(&self) -> Result<()> {
        self.done(
            "pack parts --purpose PSU --version demo-1.1 --extended-version model=M1,manufacturer=V1 \
             --sign key.pem --output psu.tar",
        )?;
        let mut archive = fs::read(self.folder.join("psu.tar"))?;
        // The first member's content begins behind its header.
        let byte = archive.get_mut(512).context("the archive is too short")?;
        *byte ^= 1;
        fs::write(self.folder.join("tampered.tar"), archive)?;
        let refused = self.run("install tampered.tar")?;
        ensure!(refused.status.code() == Some(65), "the tampered image ended with {}", refused.status);
        ensure!(
            refused.stderr.contains("psu.bin.sig: the signature does not match"),
            "another reason is given"
        );
        let listed = self.done("list")?;
        ensure!(listed.contains("Invalid"), "the refused image is not listed with its reason");
        Ok(())
    }

    fn cancel(&self) -> Result<()> {
        output::line(format!("$ sleep infinity | {TOOL} install - &"));
        let mut command = self.stage.bus().client(&self.tool);
        command.args(["install", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("starting the tool")?;
        let hanging = child.stdin.take();
        let said = BufReader::new(child.stderr.take().context("the tool has no output")?);
        let mut lines = said.lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("unpacking")).context("it is not taken in")?;
        output::line(format!("    {line}"));
        let is_at_work = |image: &&Value| image["stage"] == "unpacking";
        let listed = self.listed()?;
        let image = listed.iter().find(is_at_work).context("no image is at work")?;
        self.done(&format!("delete {}", image["id"].as_str().unwrap_or_default()))?;
        lines.for_each(|line| output::line(format!("    {line}")));
        let status = child.wait().context("waiting for the tool")?;
        drop(hanging);
        ensure!(status.code() == Some(65), "the tool that was cancelled ended with {status}");
        Ok(())
    }

    fn drop_in(&self) -> Result<String> {
        let upload = self.stage.root().join("tmp/images");
        let watch = Watch::start(self)?;
        let slow = fs::read(self.folder.join("psu.tar.bz2"))?;
        let (first, rest) = slow.split_at(slow.len() / 2);
        output::line(
            "$ (head -c 6M psu.tar.bz2; sleep 5; tail -c +6291457 psu.tar.bz2) > /tmp/images/slow &",
        );
        let mut writer = fs::File::create(upload.join("slow"))?;
        writer.write_all(first)?;
        output::line("$ : >> /tmp/images/slow   # another program opens and closes it");
        drop(fs::OpenOptions::new().append(true).open(upload.join("slow"))?);
        output::line("$ cp psu.tar /tmp/images/.psu.part && mv /tmp/images/.psu.part /tmp/images/psu");
        fs::copy(self.folder.join("psu.tar"), upload.join(".psu.part"))?;
        fs::rename(upload.join(".psu.part"), upload.join("psu"))?;
        let line = watch.await_line("demo-1.1")?;
        let id = line.split(' ').next().context("there is no id")?.to_owned();
        let listed = self.done("list")?;
        ensure!(listed.contains(&id), "{id} is not listed");
        ensure!(upload.join(&id).join("psu.bin").is_file(), "{id} is not unpacked");
        ensure!(upload.join("slow").exists(), "a file was removed that a program still writes");
        writer.write_all(rest)?;
        drop(writer);
        watch.await_line("demo-1.0")?;
        Ok(id)
    }

    fn remove(&self, id: &str, dropped: &str) -> Result<()> {
        self.done(&format!("delete {id}"))?;
        ensure!(!self.listed()?.iter().any(|image| image["id"] == id), "{id} is still listed");
        self.done("delete --all")?;
        ensure!(!self.listed()?.iter().any(|image| image["id"] == dropped), "{dropped} is still listed");
        let gone = self.run(&format!("delete {id}"))?;
        ensure!(gone.status.code() == Some(69), "what is not there was removed: {}", gone.status);
        Ok(())
    }
}

/// The tool, watching; it ends when this goes out of scope.
struct Watch {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Watch {
    /// Starts, and waits until it hears all.
    fn start(desk: &Desk<'_>) -> Result<Self> {
        let mut command = desk.stage.bus().client(&desk.tool);
        command.arg("watch").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("starting the tool")?;
        let (sender, lines) = mpsc::channel();
        for stream in [
            child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
            child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        ] {
            let (stream, sender) = (stream.context("the tool has no output")?, sender.clone());
            thread::spawn(move || {
                // Who does not listen any more does not need the rest.
                let _ = BufReader::new(stream)
                    .lines()
                    .map_while(Result::ok)
                    .try_for_each(|line| sender.send(line));
            });
        }
        output::line(format!("$ {TOOL} watch &"));
        let watch = Self { child, lines };
        watch.await_line("watching")?;
        Ok(watch)
    }

    /// Shows lines until one has these words.
    fn await_line(&self, words: &str) -> Result<String> {
        loop {
            let Ok(line) = self.lines.recv_timeout(LIMIT) else { bail!("nothing was told of {words}") };
            output::line(format!("    {line}"));
            if line.contains(words) {
                return Ok(line);
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It has ended by itself, or does now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes that no compression makes smaller, the same each time.
fn payload() -> Vec<u8> {
    Numbers::silent(0x5eed_0033).bytes(PAYLOAD)
}
