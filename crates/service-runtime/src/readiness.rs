use std::cell::RefCell;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service's line to systemd: readiness, status text, watchdog.
///
/// Source: `sd_notify(3)`. Outside systemd every call does nothing. Only [`Self::ready`] may wait
/// for a systemd that does not read; a status that finds its queue full is dropped, as the next
/// one says more.
#[derive(Debug)]
pub struct Readiness {
    channel: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
    status: RefCell<String>,
}

impl Readiness {
    /// Reads `NOTIFY_SOCKET` and `WATCHDOG_USEC`.
    pub fn from_environment() -> Self {
        let address = std::env::var_os("NOTIFY_SOCKET").and_then(|name| address(name.as_bytes()));
        let channel = address.and_then(|address| Some((UnixDatagram::unbound().ok()?, address)));
        let watchdog = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        Self::new(channel, watchdog.filter(|limit| *limit > 0).map(Duration::from_micros))
    }

    fn new(channel: Option<(UnixDatagram, SocketAddr)>, watchdog: Option<Duration>) -> Self {
        Self { channel, watchdog, status: RefCell::default() }
    }

    /// Objects and name are in place.
    pub fn ready(&self) {
        self.send("READY=1");
        if let Some((socket, _)) = &self.channel
            && let Err(error) = socket.set_nonblocking(true)
        {
            log::warn!("the line to systemd may block: {error}");
        }
    }

    /// One line that `systemctl status` shows; the same again is not sent.
    pub fn status(&self, text: &str) {
        let message = format!("STATUS={}", text.replace('\n', " "));
        if *self.status.borrow() != message {
            self.send(&message);
            self.status.replace(message);
        }
    }

    /// The service is about to end.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// The owner task is alive; to be sent at [`Self::watchdog_interval`].
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// How often to call [`Self::alive`]: a third of systemd's limit, or nothing without a watchdog.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / 3)
    }

    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.channel
            && let Err(error) = socket.send_to_addr(message.as_bytes(), address)
            && error.kind() != io::ErrorKind::WouldBlock
        {
            log::warn!("cannot tell systemd {message}: {error}");
        }
    }
}

/// `@name` stands for an abstract socket.
fn address(name: &[u8]) -> Option<SocketAddr> {
    match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name).ok(),
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readiness(path: &std::path::Path) -> Readiness {
        let address = address(path.as_os_str().as_bytes()).unwrap();
        Readiness::new(Some((UnixDatagram::unbound().unwrap(), address)), Some(Duration::from_secs(30)))
    }

    #[test]
    fn a_systemd_that_does_not_read_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _systemd = UnixDatagram::bind(&path).unwrap();
        let readiness = readiness(&path);
        readiness.ready();
        for count in 0..10_000 {
            readiness.status(&count.to_string());
        }
    }

    #[test]
    fn messages_reach_the_socket_that_systemd_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let readiness = readiness(&path);
        readiness.ready();
        readiness.status("two\nlines");
        let mut buffer = [0; 64];
        let length = systemd.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1");
        let length = systemd.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"STATUS=two lines");
        assert_eq!(readiness.watchdog_interval(), Some(Duration::from_secs(10)));
    }
}
