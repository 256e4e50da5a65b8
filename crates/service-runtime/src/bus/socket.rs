//! The socket to the bus, under zbus: what a service does not take never becomes a message in its memory.
//!
//! zbus's own socket keeps every descriptor that a message carries until the message is dropped, and the connection breaks
//! with the first message whose descriptors the kernel could not give. It reads messages of any length, too.

use super::Accepts;
use super::incoming::{self, LONGEST_HEAD, Lengths, PRIMARY, Verdict, Watch};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, recvmsg, sendmsg, shutdown,
};
use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::UnixStream;
use zbus::Message;
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};
use zbus::export::async_trait::async_trait;
use zbus::message::{Flags, Type};

/// Bytes that are read at once, unless a message is longer.
const BUFFER: usize = 8 * 1024;
/// Room for control messages of a read: of more descriptors than fit, the kernel closes the rest.
const CONTROL: usize = rustix::cmsg_space!(ScmRights(Accepts::PER_CALL));
/// The same of a write: as many as a message of a client of ours has.
const SENT_CONTROL: usize = rustix::cmsg_space!(ScmRights(16));
/// Messages and bytes that go out with one write.
const MESSAGES_PER_WRITE: usize = 16;
const BYTES_PER_WRITE: usize = 16 * 1024;

/// A connected socket that no message was read from yet.
#[derive(Debug)]
pub(super) struct BusSocket {
    stream: UnixStream,
    accepts: &'static Accepts,
    watch: Option<Arc<dyn Watch>>,
}

impl BusSocket {
    pub(super) fn new(stream: UnixStream, accepts: &'static Accepts, watch: Option<Arc<dyn Watch>>) -> Self {
        Self { stream, accepts, watch }
    }
}

impl Socket for BusSocket {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        let stream = Arc::new(self.stream);
        let passes_descriptors = self.accepts.passes_descriptors();
        let writer = Writer { stream: stream.clone(), passes_descriptors, watch: self.watch.clone() };
        Split::new(Reader(Messages::new(stream, self.accepts, self.watch)), writer)
    }
}

/// Reads as it is until zbus has done the handshake, which it says by asking for the first message.
#[derive(Debug)]
pub(super) struct Reader(Messages);

#[async_trait]
impl ReadHalf for Reader {
    async fn receive_message(
        &mut self,
        sequence: u64,
        read_already: &mut Vec<u8>,
        descriptors_already: &mut Vec<OwnedFd>,
    ) -> zbus::Result<Message> {
        self.0.take_over(std::mem::take(read_already), std::mem::take(descriptors_already));
        loop {
            match self.0.receive_message(sequence, &mut Vec::new(), &mut Vec::new()).await {
                Err(error) if !matches!(error, zbus::Error::InputOutput(_)) => self.0.pass_over(&error),
                received => {
                    if let (Some(watch), Ok(message)) = (&self.0.watch, &received) {
                        tell_taken(watch.as_ref(), message);
                    }
                    return received;
                }
            }
        }
    }

    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let (read, descriptors) = receive(&self.0.stream, buffer).await?;
        Ok((read, descriptors.unwrap_or_default()))
    }

    fn can_pass_unix_fd(&self) -> bool {
        self.0.accepts.passes_descriptors()
    }
}

/// Tells the watch of a call that zbus takes too.
fn tell_taken(watch: &dyn Watch, message: &Message) {
    let primary = message.primary_header();
    if primary.msg_type() == Type::MethodCall
        && !primary.flags().contains(Flags::NO_REPLY_EXPECTED)
        && let Some(client) = message.header().sender()
    {
        watch.taken(client.as_str(), primary.serial_num());
    }
}

/// Descriptors, and the bytes of the stream with whose reading they came.
#[derive(Debug)]
struct Set {
    came_with: Range<u64>,
    descriptors: Vec<OwnedFd>,
}

/// Gives out the bytes of the messages that are taken, and with the first of a message its descriptors.
#[derive(Debug)]
struct Messages {
    stream: Arc<UnixStream>,
    accepts: &'static Accepts,
    watch: Option<Arc<dyn Watch>>,
    /// What was read and not given out: `buffer[start..end]`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where in the stream `buffer[start]` is.
    position: u64,
    /// Bytes of the message at hand that are to be given out yet.
    left: usize,
    /// Its descriptors, until its first byte is given out.
    descriptors: Vec<OwnedFd>,
    /// Bytes after that which are passed over.
    skipped: usize,
    sets: VecDeque<Set>,
}

/// Sets that may wait for their message. One read brings one at most, and none is made while there is a whole message.
const SETS: usize = 8;

impl Messages {
    fn new(stream: Arc<UnixStream>, accepts: &'static Accepts, watch: Option<Arc<dyn Watch>>) -> Self {
        let (buffer, descriptors, sets) = (vec![0; BUFFER], Vec::new(), VecDeque::new());
        let (start, end, position, left, skipped) = (0, 0, 0, 0, 0);
        Self { stream, accepts, watch, buffer, start, end, position, left, descriptors, skipped, sets }
    }

    /// Puts what the handshake has read beyond its end before all else.
    fn take_over(&mut self, mut bytes: Vec<u8>, descriptors: Vec<OwnedFd>) {
        if !descriptors.is_empty() {
            self.sets.push_back(Set { came_with: 0..bytes.len() as u64, descriptors });
        }
        if !bytes.is_empty() {
            self.end = bytes.len();
            bytes.resize(self.end.max(BUFFER), 0);
            (self.buffer, self.start) = (bytes, 0);
        }
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.position += bytes as u64;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    fn keep(&mut self, from: u64, read: usize, descriptors: Option<Vec<OwnedFd>>) -> io::Result<()> {
        if let Some(descriptors) = descriptors {
            self.sets.retain(|set| set.came_with.end > self.position);
            if self.sets.len() == SETS {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "descriptors of no message"));
            }
            self.sets.push_back(Set { came_with: from..from + read as u64, descriptors });
        }
        Ok(())
    }

    /// Reads until so many bytes are in the buffer.
    async fn fill(&mut self, wanted: usize) -> io::Result<()> {
        while self.end - self.start < wanted {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.end, self.start) = (self.end - self.start, 0);
            }
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted, 0);
            }
            let (stream, room) = (&self.stream, self.buffer.get_mut(self.end..).unwrap_or_default());
            let (read, descriptors) = receive(stream, room).await?;
            let from = self.position + (self.end - self.start) as u64;
            self.end += read;
            self.keep(from, read, descriptors)?;
        }
        Ok(())
    }

    /// Goes on behind a message that zbus does not take. dbus-broker hands on header fields that nothing knows, as D-Bus has
    /// it, and perhaps names that are none.
    fn pass_over(&mut self, error: &zbus::Error) {
        log::debug!("a message is passed over: {error}");
        self.skipped += self.left;
        self.left = 0;
    }

    /// Passes over what is not taken.
    async fn skip(&mut self) -> io::Result<()> {
        while self.skipped > 0 {
            self.fill(1).await?;
            let bytes = self.buffered().len().min(self.skipped);
            self.consume(bytes);
            self.skipped -= bytes;
        }
        Ok(())
    }

    /// Looks at the head of the next message.
    async fn begin(&mut self) -> io::Result<()> {
        self.fill(PRIMARY).await?;
        let Some(Lengths { head, body }) = incoming::lengths(self.buffered()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "what the bus sends is no message"));
        };
        if head > LONGEST_HEAD {
            log::debug!("a message is passed over: its header fields have {head} bytes");
            self.skipped = head + body;
            return Ok(());
        }
        self.fill(head).await?;
        let carried = self.carried(head + body);
        let taken = self.buffer.get_mut(self.start..self.start + head).unwrap_or_default();
        match incoming::judge(taken, body, carried.len(), self.accepts, self.watch.as_deref()) {
            Verdict::Take { body: given, descriptors } => {
                if descriptors == 0 && !carried.is_empty() {
                    log::debug!("descriptors that the call does not take are closed: {}", carried.len());
                }
                if given < body {
                    log::debug!("the body of a message is passed over: it has {body} bytes");
                }
                self.descriptors = if descriptors == 0 { Vec::new() } else { carried };
                self.left = head + given;
                self.skipped = body - given;
            }
            Verdict::Skip(reason) => {
                log::debug!("a message is passed over: {reason}");
                self.skipped = head + body;
            }
        }
        Ok(())
    }

    /// The descriptors of the message that begins here and has so many bytes.
    ///
    /// The bus sends them with the first bytes of their message, by a write that has nothing else in it, and a read ends with
    /// what one such write has brought: so they are those of the last message that begins in the bytes of that read. Those of
    /// a message that was passed over belong to none after it.
    fn carried(&mut self, length: usize) -> Vec<OwnedFd> {
        let end = self.position + length as u64;
        self.sets.retain(|set| set.came_with.end > self.position);
        match self.sets.front() {
            Some(set) if set.came_with.start <= self.position && end >= set.came_with.end => {
                self.sets.pop_front().map(|set| set.descriptors).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// Gives out bytes of the message at hand.
    async fn give(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(self.left);
        let given = self.buffered().get(..wanted.min(self.buffered().len())).unwrap_or_default();
        let bytes = given.len();
        if bytes > 0 {
            buffer.get_mut(..bytes).unwrap_or_default().copy_from_slice(given);
            self.consume(bytes);
            self.left -= bytes;
            if self.start == self.end && self.buffer.len() > BUFFER {
                self.buffer = vec![0; BUFFER];
            }
            return Ok(bytes);
        }
        // The rest of a long body, straight to where it belongs.
        let (read, descriptors) = receive(&self.stream, buffer.get_mut(..wanted).unwrap_or_default()).await?;
        self.keep(self.position, read, descriptors)?;
        self.position += read as u64;
        self.left -= read;
        Ok(read)
    }
}

#[async_trait]
impl ReadHalf for Messages {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        while self.left == 0 {
            self.skip().await?;
            self.begin().await?;
        }
        let descriptors = std::mem::take(&mut self.descriptors);
        Ok((self.give(buffer).await?, descriptors))
    }
}

/// Sends what it is given.
#[derive(Debug)]
pub(super) struct Writer {
    stream: Arc<UnixStream>,
    passes_descriptors: bool,
    watch: Option<Arc<dyn Watch>>,
}

impl Writer {
    /// Tells the watch of replies that were sent.
    fn tell(&self, messages: &[Message]) {
        let Some(watch) = &self.watch else { return };
        for message in messages {
            let header = message.header();
            // A signal answers no call.
            if let Some((client, call)) = header.destination().zip(header.reply_serial()) {
                watch.sent(client.as_str(), call, message.data().len());
            }
        }
    }

    /// Sends several messages without descriptors, all of them.
    async fn send_bare(&self, messages: &[Message]) -> io::Result<()> {
        let mut sent = 0;
        let whole: usize = messages.iter().map(|message| message.data().len()).sum();
        while sent < whole {
            let mut passed = sent;
            let mut slices = Vec::with_capacity(messages.len());
            for message in messages {
                let bytes = message.data().bytes();
                let from = passed.min(bytes.len());
                passed -= from;
                slices.extend(bytes.get(from..).filter(|bytes| !bytes.is_empty()).map(IoSlice::new));
            }
            sent += send(&self.stream, &slices, &[]).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl WriteHalf for Writer {
    async fn send_message(&mut self, message: &Message) -> zbus::Result<()> {
        let (bytes, descriptors) = (message.data().bytes(), message.data().fds());
        let descriptors: Vec<BorrowedFd<'_>> =
            descriptors.iter().map(|descriptor| descriptor.as_fd()).collect();
        let mut sent = send(&self.stream, &[IoSlice::new(bytes)], &descriptors).await?;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            sent += send(&self.stream, &[IoSlice::new(rest)], &[]).await?;
        }
        self.tell(std::slice::from_ref(message));
        Ok(())
    }

    async fn send_messages(&mut self, messages: &[Message]) -> zbus::Result<()> {
        let mut rest = messages;
        while let Some(first) = rest.first() {
            if !first.data().fds().is_empty() {
                self.send_message(first).await?;
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let mut bytes = 0;
            let is_bare = |message: &&Message| message.data().fds().is_empty();
            let count = rest
                .iter()
                .take(MESSAGES_PER_WRITE)
                .take_while(is_bare)
                .take_while(|message| {
                    let goes = bytes < BYTES_PER_WRITE;
                    bytes += message.data().len();
                    goes
                })
                .count();
            let (together, others) = rest.split_at(count);
            self.send_bare(together).await?;
            self.tell(together);
            rest = others;
        }
        Ok(())
    }

    async fn sendmsg(&mut self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
        send(&self.stream, &[IoSlice::new(bytes)], descriptors).await
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(shutdown(self.stream.as_fd(), Shutdown::Both)?)
    }

    fn can_pass_unix_fd(&self) -> bool {
        self.passes_descriptors
    }
}

/// Longest wait for the bus to take anything of what we send; shorter than any watchdog.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// Reads once; `Some` when descriptors came, or did and the kernel could not give them.
async fn receive(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<(usize, Option<Vec<OwnedFd>>)> {
    let read = stream.async_io(Interest::READABLE, || {
        let mut control = [MaybeUninit::uninit(); CONTROL];
        let mut control = RecvAncillaryBuffer::new(&mut control);
        let mut slices = [IoSliceMut::new(buffer)];
        let received = recvmsg(stream, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        let is_cut = received.flags.contains(ReturnFlags::CTRUNC);
        let mut descriptors = is_cut.then(Vec::new);
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(given) = message {
                descriptors.get_or_insert_default().extend(given);
            }
        }
        Ok((received.bytes, descriptors))
    });
    match read.await? {
        (0, _) => Err(io::ErrorKind::UnexpectedEof.into()),
        read => Ok(read),
    }
}

/// Writes once, descriptors with the first byte.
async fn send(
    stream: &UnixStream,
    slices: &[IoSlice<'_>],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let writing = stream.async_io(Interest::WRITABLE, || {
        let mut control = [MaybeUninit::uninit(); SENT_CONTROL];
        let mut control = SendAncillaryBuffer::new(&mut control);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors"));
        }
        // A peer that is gone is an error here, not a signal.
        Ok(sendmsg(stream, slices, &mut control, SendFlags::NOSIGNAL)?)
    });
    if let Ok(sent) = tokio::time::timeout(SEND_LIMIT, writing).await {
        return sent;
    }
    // No sender may wait for ever, and what was begun can go on nowhere else: the readers hear that the bus is gone.
    log::error!("the bus has taken nothing of what we send for {} s", SEND_LIMIT.as_secs());
    shutdown(stream.as_fd(), Shutdown::Both)?;
    Err(io::ErrorKind::TimedOut.into())
}

#[cfg(test)]
mod tests;
