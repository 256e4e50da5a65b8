use crate::text::one_line;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use tokio::time::Instant;

/// Pause before a message is sent again that found systemd's queue full.
const PAUSE: Duration = Duration::from_millis(100);

/// The service's messages to systemd: readiness, status text, watchdog, more time.
///
/// Source: `sd_notify(3)`. Outside systemd every call does nothing. No call waits: what finds systemd's queue full is
/// kept, in order, and sent again by [`Self::send_kept`]. Of messages of one kind, the newest is kept.
#[derive(Debug)]
pub(super) struct Notifier {
    channel: Option<(UnixDatagram, SocketAddr)>,
    status: RefCell<String>,
    kept: RefCell<VecDeque<String>>,
    retry_at: Cell<Option<Instant>>,
}

impl Notifier {
    /// Reads `NOTIFY_SOCKET`.
    pub(super) fn from_environment() -> Self {
        let address = std::env::var_os("NOTIFY_SOCKET").and_then(|name| address(name.as_bytes()));
        Self::new(address.and_then(|address| Some((socket()?, address))))
    }

    fn new(channel: Option<(UnixDatagram, SocketAddr)>) -> Self {
        Self { channel, status: RefCell::default(), kept: RefCell::default(), retry_at: Cell::default() }
    }

    /// Objects and name are in place.
    pub(super) fn ready(&self) {
        self.send("READY=1".to_owned());
    }

    /// One line that `systemctl status` shows; the same again is not sent.
    pub(super) fn status(&self, text: &str) {
        let message = format!("STATUS={}", one_line(&text.replace('\n', " ")));
        if *self.status.borrow() != message {
            self.status.replace(message.clone());
            self.send(message);
        }
    }

    /// The service is about to end.
    pub(super) fn stopping(&self) {
        self.send("STOPPING=1".to_owned());
    }

    /// The owner task is alive.
    pub(super) fn alive(&self) {
        self.send("WATCHDOG=1".to_owned());
    }

    /// The start or stop under way may take this much longer, from now.
    pub(super) fn extend(&self, by: Duration) {
        self.send(format!("EXTEND_TIMEOUT_USEC={}", by.as_micros()));
    }

    /// When [`Self::send_kept`] is to be called, if anything is kept.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at.get()
    }

    /// Sends what systemd had no room for, as far as it has room now.
    pub(super) fn send_kept(&self) {
        let mut kept = self.kept.borrow_mut();
        while let Some(message) = kept.front() {
            if !self.is_taken(message) {
                self.retry_at.set(Some(Instant::now() + PAUSE));
                return;
            }
            kept.pop_front();
        }
        self.retry_at.set(None);
    }

    fn send(&self, message: String) {
        self.send_kept();
        let mut kept = self.kept.borrow_mut();
        if kept.is_empty() && self.is_taken(&message) {
            return;
        }
        kept.retain(|other| kind(other) != kind(&message));
        kept.push_back(message);
        if self.retry_at.get().is_none() {
            self.retry_at.set(Some(Instant::now() + PAUSE));
        }
    }

    /// Whether a message is dealt with: sent, or beyond help.
    fn is_taken(&self, message: &str) -> bool {
        let Some((socket, address)) = &self.channel else { return true };
        match socket.send_to_addr(message.as_bytes(), address) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => {
                log::warn!("cannot send {message} to systemd: {error}");
                true
            }
            Ok(_) => true,
        }
    }
}

/// What stands before `=`.
fn kind(message: &str) -> Option<&str> {
    message.split('=').next()
}

fn socket() -> Option<UnixDatagram> {
    let opened = UnixDatagram::unbound().and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
    opened.inspect_err(|error| log::warn!("systemd will not hear of this service: {error}")).ok()
}

/// `@name` stands for an abstract socket.
fn address(name: &[u8]) -> Option<SocketAddr> {
    match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name).ok(),
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)).ok(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::path::Path;

    pub(in super::super) fn notifier(path: &Path) -> Notifier {
        let address = address(path.as_os_str().as_bytes()).unwrap();
        Notifier::new(Some((socket().unwrap(), address)))
    }

    /// Fills the queue of a systemd that does not read; how many messages went in.
    pub(in super::super) fn fill(path: &Path) -> usize {
        let sender = socket().unwrap();
        (0..).find(|_| sender.send_to(b"x", path).is_err()).unwrap()
    }

    pub(in super::super) fn read(systemd: &UnixDatagram) -> String {
        let mut buffer = [0; 64];
        let length = systemd.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn messages_reach_the_socket_that_systemd_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let notifier = notifier(&path);
        notifier.ready();
        notifier.status("two\nlines\u{202e}");
        notifier.status("two\nlines\u{202e}");
        notifier.extend(Duration::from_secs(2));
        for wanted in ["READY=1", "STATUS=two lines\\u{202e}", "EXTEND_TIMEOUT_USEC=2000000"] {
            assert_eq!(read(&systemd), wanted);
        }
    }

    #[test]
    fn what_systemd_has_no_room_for_is_kept_in_order_and_the_newest_of_each_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let notifier = notifier(&path);
        let filled = fill(&path);
        notifier.ready();
        for count in 0..10_000 {
            notifier.status(&count.to_string());
        }
        notifier.extend(Duration::from_secs(1));
        assert_eq!(notifier.kept.borrow().len(), 3);
        for _ in 0..filled {
            assert_eq!(read(&systemd), "x");
        }
        notifier.send_kept();
        assert!(notifier.retry_at().is_none());
        for wanted in ["READY=1", "STATUS=9999", "EXTEND_TIMEOUT_USEC=1000000"] {
            assert_eq!(read(&systemd), wanted);
        }
    }
}
