//! What a local user may do to a service over the bus, for tests: as a process of its own, which a test may start as any user.
//!
//! ```text
//! test-attacks descriptors NAME CONNECTIONS CALLS   CALLS times a Ping with 16 descriptors, over each connection
//! test-attacks odd NAME CONNECTIONS CALLS           CALLS times a Ping with a header field that D-Bus does not know
//! test-attacks unread NAME CONNECTIONS CALLS        CALLS times GetManagedObjects of the inventory, read by no one
//! test-attacks small NAME CONNECTIONS CALLS         CALLS times Introspect, read by no one
//! test-attacks signals NAME 1 CALLS                 CALLS signals of 1 MiB by the owner of NAME, which it is itself
//! test-attacks follow NAME CONNECTIONS 0            follows these signals, and reads none
//! ```
//!
//! It says `sent` when all is sent, and keeps its connections until its standard input is closed.
//!
//! Spells out bus names itself, and has a client of its own: zbus's reads all that comes.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod client;

pub use client::Client;

use anyhow::{Context as _, Result, bail};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use zbus::Message;
use zbus::message::Flags;

/// Which attack, on which service, how often.
#[derive(Debug)]
pub struct Attack {
    kind: Kind,
    name: String,
    connections: usize,
    calls: usize,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Descriptors,
    Odd,
    Unread,
    Small,
    Signals,
    Follow,
}

/// A code of a header field that D-Bus does not know, which it has receivers ignore.
const UNKNOWN_FIELD: u8 = 200;
/// Descriptors of one message: as many as dbus-daemon lets through.
const DESCRIPTORS: usize = 16;

impl Attack {
    /// Reads a command line without the program's name.
    pub fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut next = |what: &str| arguments.next().with_context(|| format!("{what} is missing"));
        let kind = match next("the attack")?.as_str() {
            "descriptors" => Kind::Descriptors,
            "odd" => Kind::Odd,
            "unread" => Kind::Unread,
            "small" => Kind::Small,
            "signals" => Kind::Signals,
            "follow" => Kind::Follow,
            other => bail!("{other} is no attack"),
        };
        let (name, connections) = (next("the bus name")?, next("the number of connections")?.parse()?);
        Ok(Self { kind, name, connections, calls: next("the number of calls")?.parse()? })
    }

    /// Connects, says so, sends all, and says so; the connections stay as long as the result.
    ///
    /// A service or a bus that takes no more has us wait.
    pub fn run(&self, address: &str) -> Result<Vec<Client>> {
        let mut clients = Vec::new();
        for _ in 0..self.connections {
            clients.push(Client::connect(address)?);
        }
        let message = self.message()?;
        match self.kind {
            Kind::Odd => return self.run_odd(clients, &message),
            Kind::Signals => own(&mut clients, &self.name)?,
            Kind::Follow => follow(&mut clients)?,
            _ => {}
        }
        for _ in 0..self.calls {
            // A bus that has enough of a client throws it out.
            clients.retain_mut(|client| client.send(&message).is_ok());
        }
        Ok(clients)
    }

    /// Errors: the bus throws out who sends such a message, or the service does not answer what comes behind it.
    fn run_odd(&self, mut clients: Vec<Client>, message: &Message) -> Result<Vec<Client>> {
        let bytes = with_unknown_field(message.data().bytes()).context("a short message")?;
        let last = self.ping().build(&())?;
        for client in &mut clients {
            for _ in 0..self.calls {
                client.send_bytes(bytes.clone(), &[])?;
            }
            client.send(&last)?;
            // The first is of the bus: that the client has a name.
            while !client.read_is_answer()? {}
        }
        Ok(clients)
    }

    fn ping(&self) -> zbus::message::Builder<'_> {
        let ping = Message::method_call("/", "Ping").interface("org.freedesktop.DBus.Peer");
        ping.destination(self.name.as_str())
    }

    fn message(&self) -> Result<Message> {
        Ok(match self.kind {
            Kind::Descriptors => {
                let file = File::open("/dev/null")?;
                let copy = || Ok::<_, std::io::Error>(zbus::OwnedFd::from(OwnedFd::from(file.try_clone()?)));
                let descriptors = (0..DESCRIPTORS).map(|_| copy()).collect::<Result<Vec<_>, _>>()?;
                self.ping().with_flags(Flags::NO_REPLY_EXPECTED).build(&descriptors)?
            }
            Kind::Odd => self.ping().build(&())?,
            Kind::Unread => {
                let call = Message::method_call("/xyz/openbmc_project/inventory", "GetManagedObjects");
                let call = call.interface("org.freedesktop.DBus.ObjectManager");
                call.destination(self.name.as_str()).build(&())?
            }
            Kind::Signals | Kind::Follow => {
                Message::signal("/", "a.B", "Long").build(&vec![0_u8; 1 << 20])?
            }
            Kind::Small => {
                let call = Message::method_call("/", "Introspect");
                let call = call.interface("org.freedesktop.DBus.Introspectable");
                call.destination(self.name.as_str()).build(&())?
            }
        })
    }
}

fn call_of_bus(member: &'static str) -> zbus::message::Builder<'static> {
    let bus = "org.freedesktop.DBus";
    Message::method_call("/org/freedesktop/DBus", member).interface(bus).destination(bus)
}

fn own(clients: &mut [Client], name: &str) -> Result<()> {
    let owner = clients.first_mut().context("no connection")?;
    owner.send(&call_of_bus("RequestName").build(&(name, 0_u32))?)
}

fn follow(clients: &mut [Client]) -> Result<()> {
    for client in clients {
        client.send(&call_of_bus("AddMatch").build(&"type='signal',interface='a.B'")?)?;
        // The first is a signal: that the client has a name.
        while !client.read_is_answer()? {}
    }
    Ok(())
}

/// The same message with one more header field. `None` when it is no message.
fn with_unknown_field(message: &[u8]) -> Option<Vec<u8>> {
    let length = u32::from_ne_bytes(message.get(12..16)?.try_into().ok()?) as usize;
    let end = 16 + length;
    let mut bytes = message.get(..end)?.to_vec();
    bytes.resize(end.next_multiple_of(8), 0);
    // Code, signature, a text of one character.
    bytes.extend([UNKNOWN_FIELD, 1, b's', 0]);
    bytes.extend(1_u32.to_ne_bytes());
    bytes.extend([b'x', 0]);
    let length = u32::try_from(bytes.len() - 16).ok()?;
    bytes.get_mut(12..16)?.copy_from_slice(&length.to_ne_bytes());
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(message.get(end.next_multiple_of(8)..)?);
    Some(bytes)
}

/// The program: attacks the system bus's service that its arguments name.
pub fn main() -> Result<()> {
    let attack = Attack::from_arguments(std::env::args().skip(1))?;
    let address = std::env::var("DBUS_SYSTEM_BUS_ADDRESS");
    let clients =
        attack.run(&address.unwrap_or_else(|_| "unix:path=/run/dbus/system_bus_socket".to_owned()))?;
    #[expect(clippy::print_stdout, reason = "it is what the test waits for")]
    {
        println!("sent");
    }
    // Until the test has seen enough.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(clients);
    Ok(())
}
