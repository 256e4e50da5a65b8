use anyhow::{Context as _, Result, ensure};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io::{BufRead as _, BufReader, IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::num::NonZeroU32;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use zbus::Message;

/// A client of a bus that reads nothing but what connecting takes.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    serial: u32,
}

impl Client {
    /// Connects to a bus, given as `unix:path=…`, with descriptors negotiated.
    pub fn connect(address: &str) -> Result<Self> {
        let path = address.split(',').next().and_then(|address| address.strip_prefix("unix:path="));
        let path = path.with_context(|| format!("{address} is no path of a socket"))?;
        let mut stream = UnixStream::connect(path).with_context(|| format!("connecting to {path}"))?;
        let user = rustix::process::getuid().as_raw().to_string();
        let user: String = user.bytes().map(|digit| format!("{digit:02x}")).collect();
        write!(stream, "\0AUTH EXTERNAL {user}\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")?;
        let mut reader = BufReader::with_capacity(1, stream.try_clone()?);
        for wanted in ["OK ", "AGREE_UNIX_FD"] {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            ensure!(line.starts_with(wanted), "the bus says {line:?}");
        }
        let mut client = Self { stream, serial: 0 };
        let bus = "org.freedesktop.DBus";
        let hello = Message::method_call("/org/freedesktop/DBus", "Hello").interface(bus).destination(bus);
        client.send(&hello.build(&())?)?;
        client.read_is_answer()?;
        Ok(client)
    }

    /// Sends a message, under a serial of its own. Waits as long as the bus takes nothing.
    pub fn send(&mut self, message: &Message) -> Result<()> {
        self.send_bytes(message.data().bytes().to_vec(), message.data().fds())
    }

    /// The same of a message's bytes.
    pub fn send_bytes(&mut self, mut bytes: Vec<u8>, descriptors: &[zbus::Fd<'_>]) -> Result<()> {
        self.serial += 1;
        let serial = NonZeroU32::new(self.serial).context("no more serials")?;
        // Bytes 8 to 11 of a message, in its own byte order, which is this machine's.
        bytes.get_mut(8..12).context("a short message")?.copy_from_slice(&serial.get().to_ne_bytes());
        let descriptors: Vec<_> = descriptors.iter().map(|fd| fd.as_fd()).collect();
        let mut control = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
        let mut control = SendAncillaryBuffer::new(&mut control);
        ensure!(
            descriptors.is_empty() || control.push(SendAncillaryMessage::ScmRights(&descriptors)),
            "too many descriptors"
        );
        let sent = loop {
            match sendmsg(&self.stream, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL) {
                // The kernel lets a user have so many on their way, until the bus has read them.
                Err(Errno::TOOMANYREFS) => std::thread::sleep(std::time::Duration::from_millis(1)),
                sent => break sent?,
            }
        };
        self.stream.write_all(bytes.get(sent..).unwrap_or_default())?;
        Ok(())
    }

    /// Reads one message, and forgets it; whether it was an answer that is no error.
    pub fn read_is_answer(&mut self) -> Result<bool> {
        let mut head = [0; 16];
        self.stream.read_exact(&mut head)?;
        let number = |at: usize| {
            let bytes = head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
            u32::from_ne_bytes(bytes) as usize
        };
        let rest = number(12).next_multiple_of(8) + number(4);
        std::io::copy(&mut (&self.stream).take(rest as u64), &mut std::io::sink())?;
        let kind = head.get(1).copied().unwrap_or_default();
        ensure!(kind != 3, "the service or the bus answers with an error");
        Ok(kind == 2)
    }
}
