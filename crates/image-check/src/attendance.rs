/// Watches the bytes of an image go by.
pub trait Attendance {
    /// Whether to go on, `read` bytes having been read so far.
    fn goes_on(&self, read: u64) -> bool;
}

/// It goes on to the end.
impl Attendance for () {
    fn goes_on(&self, _read: u64) -> bool {
        true
    }
}
