//! Images as they come: a file read from its start, or a stream that may dry up.

use crate::drop_folder::folder::DroppedFile;
use crate::pace::Pace;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};
use nix::sys::stat::{SFlag, fstat};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a stream is waited for before it is looked whether to go on.
const PATIENCE: Duration = Duration::from_millis(200);

/// An image as it comes.
#[derive(Debug)]
pub enum ImageSource {
    /// A file, whatever the position that its descriptor has.
    File {
        /// The file.
        file: File,
        /// Where reading goes on.
        position: u64,
    },
    /// A pipe, a socket or the like.
    Stream {
        /// Its descriptor.
        stream: File,
        /// It is a socket.
        is_socket: bool,
        /// How long it is read from.
        patience: Patience,
        /// When it was read from first.
        began: Option<Instant>,
        /// How fast it comes.
        pace: Pace,
        /// Set when no more of it is wanted.
        stop: Arc<AtomicBool>,
    },
}

/// How long a stream is read from.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long it may give nothing.
    pub stall: Duration,
    /// How long it may take as a whole: who gives a byte now and then would keep all others waiting.
    pub whole: Duration,
    /// How many bytes per second must come at least, judged over each `stall` that it is waited for; 0 for no such floor.
    pub rate: u64,
}

/// Why a descriptor is no image.
#[derive(Debug, thiserror::Error)]
pub enum InvalidImage {
    /// It cannot be read.
    #[error("the descriptor cannot be read")]
    Unreadable,
    /// It is something without content.
    #[error("the descriptor is that of {0}")]
    Kind(&'static str),
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
    /// The kernel refuses.
    #[error("the descriptor cannot be used: {0}")]
    Refused(#[from] Errno),
}

impl ImageSource {
    /// A dropped file.
    pub fn upload(upload: DroppedFile) -> Self {
        Self::File { file: upload.file, position: 0 }
    }

    /// A descriptor that was handed over, and its length if it has one.
    pub fn descriptor(
        descriptor: OwnedFd,
        patience: Patience,
        stop: Arc<AtomicBool>,
    ) -> Result<(Self, Option<u64>), InvalidImage> {
        let flags = OFlag::from_bits_truncate(fcntl(&descriptor, FcntlArg::F_GETFL)?);
        if flags.contains(OFlag::O_PATH) || flags & OFlag::O_ACCMODE == OFlag::O_WRONLY {
            return Err(InvalidImage::Unreadable);
        }
        let found = fstat(&descriptor)?;
        match SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => {
                let size = u64::try_from(found.st_size).unwrap_or_default();
                if size == 0 {
                    return Err(InvalidImage::Empty);
                }
                Ok((Self::File { file: descriptor.into(), position: 0 }, Some(size)))
            }
            SFlag::S_IFIFO | SFlag::S_IFCHR => {
                Ok((Self::stream(opened_anew(descriptor), false, patience, stop), None))
            }
            SFlag::S_IFSOCK => Ok((Self::stream(descriptor.into(), true, patience, stop), None)),
            SFlag::S_IFDIR => Err(InvalidImage::Kind("a folder")),
            _ => Err(InvalidImage::Kind("a device")),
        }
    }

    /// The file, once more, where it is one; what comes as a stream can be read once.
    pub fn original(&self) -> Option<File> {
        match self {
            Self::File { file, .. } => file.try_clone().ok(),
            Self::Stream { .. } => None,
        }
    }

    fn stream(stream: File, is_socket: bool, patience: Patience, stop: Arc<AtomicBool>) -> Self {
        let pace = Pace::new(patience.rate, patience.stall);
        Self::Stream { stream, is_socket, patience, began: None, pace, stop }
    }
}

/// The same pipe, but not to be blocked by.
fn opened_anew(descriptor: OwnedFd) -> File {
    let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    let opened = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    opened.unwrap_or_else(|_| descriptor.into())
}

impl Read for ImageSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File { file, position } => {
                let count = file.read_at(buffer, *position)?;
                *position = position.saturating_add(count as u64);
                Ok(count)
            }
            Self::Stream { stream, is_socket, patience, began, pace, stop } => {
                let began = *began.get_or_insert_with(Instant::now);
                let left = patience.whole.saturating_sub(began.elapsed());
                let (limit, late) = if left < patience.stall {
                    (left, format!("it did not come within {} s", patience.whole.as_secs()))
                } else {
                    (patience.stall, format!("nothing came for {} s", patience.stall.as_secs()))
                };
                let asked = Instant::now();
                let came = read_stream(stream, *is_socket, limit, stop, buffer)?;
                let count = came.ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, late))?;
                // An end comes in its own time: there is nothing more to wait for.
                if count > 0 && !pace.keeps_up(asked.elapsed(), count) {
                    let (rate, window) = (patience.rate, patience.stall.as_secs());
                    let slow = format!("it came slower than {rate} bytes a second for {window} s");
                    return Err(io::Error::new(io::ErrorKind::TimedOut, slow));
                }
                Ok(count)
            }
        }
    }
}

/// Reads once; nothing when nothing has come within the limit.
fn read_stream(
    stream: &mut File,
    is_socket: bool,
    limit: Duration,
    stop: &AtomicBool,
    buffer: &mut [u8],
) -> io::Result<Option<usize>> {
    let began = Instant::now();
    let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::ZERO);
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("no more of it is wanted"));
        }
        if began.elapsed() >= limit {
            return Ok(None);
        }
        let mut polled = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
        match poll(&mut polled, patience) {
            Ok(0) | Err(Errno::EINTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        match read_now(stream, is_socket, buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other.map(Some),
        }
    }
}

/// Errors: `WouldBlock` when there is nothing: the program that holds the other descriptor could read what was promised to us.
fn read_now(stream: &mut File, is_socket: bool, buffer: &mut [u8]) -> io::Result<usize> {
    if is_socket {
        Ok(recv(stream.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)?)
    } else {
        stream.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::{self, RecvTimeoutError};
    use std::thread;

    fn take(descriptor: impl Into<OwnedFd>) -> Result<(ImageSource, Option<u64>), InvalidImage> {
        let (stall, whole) = (Duration::from_millis(300), Duration::from_millis(900));
        ImageSource::descriptor(descriptor.into(), Patience { stall, whole, rate: 0 }, Arc::default())
    }

    #[test]
    fn a_file_is_read_from_its_start_wherever_its_descriptor_stands() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"image").unwrap();
        let shared = file.try_clone().unwrap();
        let (mut source, length) = take(file).unwrap();
        assert_eq!(length, Some(5));
        let mut read = String::new();
        source.read_to_string(&mut read).unwrap();
        assert_eq!(read, "image");
        let mut shared = shared;
        assert_eq!(shared.stream_position().unwrap(), 5, "the sender's position is its own business");
    }

    #[test]
    fn what_cannot_be_an_image_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let writable = File::create(&path).unwrap();
        assert!(matches!(take(writable), Err(InvalidImage::Unreadable)));
        assert!(matches!(take(File::open(&path).unwrap()), Err(InvalidImage::Empty)));
        assert!(matches!(take(File::open(folder.path()).unwrap()), Err(InvalidImage::Kind("a folder"))));
    }

    #[test]
    fn a_pipe_that_dries_up_is_given_up() {
        let (reader, mut writer) = io::pipe().unwrap();
        let (mut source, length) = take(reader).unwrap();
        assert_eq!(length, None);
        writer.write_all(b"be").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(source.read(&mut buffer).unwrap(), 2);
        assert_eq!(source.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(writer);
        assert_eq!(source.read(&mut buffer).unwrap(), 0);
    }

    /// The program that holds the other descriptor may have read what `poll` promised.
    #[test]
    fn a_stream_that_holds_nothing_after_all_does_not_block() {
        let (reader, _writer) = io::pipe().unwrap();
        let (ours, _theirs) = UnixStream::pair().unwrap();
        for descriptor in [OwnedFd::from(reader), OwnedFd::from(ours)] {
            let Ok((ImageSource::Stream { mut stream, is_socket, .. }, None)) = take(descriptor) else {
                panic!("not a stream")
            };
            let error = read_now(&mut stream, is_socket, &mut [0; 8]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "is_socket={is_socket}");
        }
    }

    #[test]
    fn a_pipe_that_trickles_is_given_up_too() {
        let (reader, mut writer) = io::pipe().unwrap();
        let (mut source, _) = take(reader).unwrap();
        let began = Instant::now();
        let mut buffer = [0; 1];
        let error = loop {
            writer.write_all(b"x").unwrap();
            if let Err(error) = source.read(&mut buffer) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().starts_with("it did not come within"), "{error}");
        assert!(began.elapsed() >= Duration::from_millis(900));
    }

    /// A pipe that needs 1000 bytes per second over each window.
    fn hurried(reader: io::PipeReader, window: Duration) -> ImageSource {
        let patience = Patience { stall: window, whole: Duration::from_secs(60), rate: 1000 };
        ImageSource::descriptor(reader.into(), patience, Arc::default()).unwrap().0
    }

    #[test]
    fn a_pipe_that_comes_too_slowly_is_given_up_long_before_the_limit_on_the_whole() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut source = hurried(reader, Duration::from_secs(1));
        let (over, is_over) = mpsc::channel::<()>();
        let trickle = thread::spawn(move || {
            while is_over.recv_timeout(Duration::from_millis(10)) == Err(RecvTimeoutError::Timeout) {
                writer.write_all(b"x").unwrap();
            }
        });
        let error = loop {
            if let Err(error) = source.read(&mut [0; 8]) {
                break error;
            }
        };
        drop(over);
        trickle.join().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "it came slower than 1000 bytes a second for 1 s");
    }

    #[test]
    fn time_that_the_reader_takes_for_itself_is_not_held_against_the_writer() {
        let (reader, mut writer) = io::pipe().unwrap();
        let window = Duration::from_millis(200);
        let mut source = hurried(reader, window);
        writer.write_all(&[0; 50]).unwrap();
        // Two windows and a half.
        for _ in 0..50 {
            let busy = Instant::now();
            while busy.elapsed() < window / 20 {
                std::hint::spin_loop();
            }
            assert_eq!(source.read(&mut [0; 1]).unwrap(), 1);
        }
    }
}
