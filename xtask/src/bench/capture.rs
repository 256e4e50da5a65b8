//! What passes over a bus, byte for byte.

use std::io::{BufReader, Read};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use test_bus::Daemon;

/// Longest wait for a message that must come.
const LIMIT: Duration = Duration::from_secs(20);

/// Longest message that D-Bus allows.
const LONGEST: usize = 128 * 1024 * 1024;

/// A monitor of one method's calls.
pub struct Capture {
    _monitor: Daemon,
    messages: Receiver<Message>,
    member: String,
}

/// One message as it stood on the wire.
struct Message {
    header: Vec<u8>,
    body: Vec<u8>,
}

impl Capture {
    /// Starts to watch; returns once the bus has accepted the monitor, so no later call is missed.
    pub fn start(address: &str, member: &str) -> Result<Self> {
        let mut command = Command::new("dbus-monitor");
        command
            .args(["--address", address, "--binary"])
            .arg(format!("type='method_call',member='{member}'"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut monitor = Daemon::spawn("dbus-monitor", &mut command)?;
        let stdout = monitor.take_stdout().context("dbus-monitor has no standard output")?;
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            let mut stream = BufReader::new(stdout);
            while let Ok(message) = Message::read(&mut stream) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let capture = Self { _monitor: monitor, messages, member: member.to_owned() };
        // Becoming a monitor costs a client its name, which the bus tells it last.
        capture.wait_for("NameLost")?;
        Ok(capture)
    }

    /// The body of the next call of the method.
    pub fn next_body(&self) -> Result<Vec<u8>> {
        self.wait_for(&self.member).map(|message| message.body)
    }

    fn wait_for(&self, member: &str) -> Result<Message> {
        loop {
            let message = self
                .messages
                .recv_timeout(LIMIT)
                .with_context(|| format!("no {member} was seen on the bus"))?;
            if message.is_of(member) {
                return Ok(message);
            }
        }
    }
}

impl Message {
    fn read(stream: &mut BufReader<ChildStdout>) -> Result<Self> {
        let mut header = vec![0_u8; 16];
        stream.read_exact(&mut header)?;
        ensure!(header.first() == Some(&b'l'), "a message in foreign byte order");
        let fields = length_at(&header, 12)?.next_multiple_of(8);
        let mut body = vec![0_u8; length_at(&header, 4)?];
        if fields > LONGEST || body.len() > LONGEST {
            bail!("a message longer than D-Bus allows");
        }
        header.resize(16 + fields, 0);
        stream.read_exact(header.get_mut(16..).unwrap_or_default())?;
        stream.read_exact(&mut body)?;
        Ok(Self { header, body })
    }

    /// Whether the header has this string as a field of its own.
    fn is_of(&self, member: &str) -> bool {
        let mut field = u32::try_from(member.len()).unwrap_or(0).to_le_bytes().to_vec();
        field.extend(member.as_bytes());
        field.push(0);
        self.header.windows(field.len()).any(|window| window == field)
    }
}

fn length_at(header: &[u8], position: usize) -> Result<usize> {
    let bytes: [u8; 4] = header.get(position..position + 4).context("header is cut short")?.try_into()?;
    Ok(usize::try_from(u32::from_le_bytes(bytes))?)
}
