//! Whether a file is open for writing, asked by a lease.

use nix::errno::Errno;
use nix::libc::{self, c_int};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

/// Chooses the signal that tells of a lease; `fcntl.h` of the kernel has it, libc's for glibc and musl has not.
const F_SETSIG: c_int = 10;

/// Whether some process has a file open for writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenForWriting {
    /// At least one has, this one included. A mapping that may be written counts, and so does an open that waits for a
    /// lease of another process.
    Yes,
    /// None had, at one moment of the call.
    No,
    /// The kernel does not say: the file system or the kind of file has no leases, or the file is another user's and this
    /// process has no `CAP_LEASE`.
    Unknown,
}

/// Asks whether some process has a file open for writing, by taking a lease to read it and giving it back at once.
///
/// - `file` is a regular file, opened by this process itself, to be read only, and its open file description is shared with
///   no other process. Who shares it may choose which signal tells of the lease, and so could end this process. A
///   descriptor that may be written is a writer itself: then the answer is [`OpenForWriting::Yes`].
/// - The signal of the description (`F_SETSIG`) is `SIGURG` from then on, and a lease that the caller had on it is gone.
/// - No signal ends the caller. While the lease is held, some microseconds, the kernel tells the holder of each process
///   that opens the file for writing or truncates it. By default it does so by `SIGIO`, which ends a process. `SIGURG` is
///   ignored, unless the caller has a handler for it.
/// - Such a process waits until the lease is given back. One that opens with `O_NONBLOCK` fails with `EWOULDBLOCK`
///   instead.
/// - A process that is being started holds the descriptors of the one that starts it until it executes its program, and
///   counts as a writer until then.
/// - The answer is about local writers. Network file systems also say yes where the server grants no lease.
///
/// Errors: what `fcntl` refuses for other reasons: `EBADF` for a descriptor with `O_PATH`, `ENOMEM`.
///
/// Source: fcntl(2), "Leases" and `F_SETSIG`; Linux, `fs/locks.c`: a lease to read is refused with `EAGAIN` if the inode
/// has writers, and makes the caller the owner of the signal if the description has none.
pub fn is_open_for_writing(file: &File) -> io::Result<OpenForWriting> {
    // Before the lease: from then on a signal may come at any time.
    fcntl(file, F_SETSIG, libc::SIGURG)?;
    if let Err(errno) = fcntl(file, libc::F_SETLEASE, libc::F_RDLCK) {
        return refused(errno);
    }
    match fcntl(file, libc::F_SETLEASE, libc::F_UNLCK) {
        // The kernel has taken it back, as this process stood still for long, or another thread has asked as well.
        Ok(()) | Err(Errno::EAGAIN) => Ok(OpenForWriting::No),
        Err(errno) => Err(errno.into()),
    }
}

/// What it means that there is no lease.
fn refused(errno: Errno) -> io::Result<OpenForWriting> {
    match errno {
        Errno::EAGAIN => Ok(OpenForWriting::Yes),
        Errno::EINVAL | Errno::EACCES | Errno::ENOLCK | Errno::EOPNOTSUPP => Ok(OpenForWriting::Unknown),
        other => Err(other.into()),
    }
}

/// Calls `fcntl` with one of the commands above.
fn fcntl(file: &File, command: c_int, argument: c_int) -> Result<(), Errno> {
    // SAFETY: each command here takes a number and no pointer, so that the kernel touches no memory of this process. The
    // descriptor is open, as `file` is borrowed.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), command, argument) };
    Errno::result(result).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_an_answer_only_where_it_is_about_leases() {
        for (errno, answer) in [
            (Errno::EAGAIN, Some(OpenForWriting::Yes)),
            (Errno::EINVAL, Some(OpenForWriting::Unknown)),
            (Errno::EACCES, Some(OpenForWriting::Unknown)),
            (Errno::ENOLCK, Some(OpenForWriting::Unknown)),
            (Errno::EOPNOTSUPP, Some(OpenForWriting::Unknown)),
            (Errno::EBADF, None),
            (Errno::ENOMEM, None),
        ] {
            assert_eq!(refused(errno).ok(), answer, "{errno}");
        }
    }
}
