/// Whoever watches an ingest go on.
pub trait Attendance {
    /// Whether to go on, `read` bytes of the archive having been read so far.
    fn goes_on(&self, read: u64) -> bool;
}

/// Nobody watches: it goes on to the end.
impl Attendance for () {
    fn goes_on(&self, _read: u64) -> bool {
        true
    }
}
