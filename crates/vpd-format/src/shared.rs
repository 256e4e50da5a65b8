//! Parts of the one buffer that an image was read into.

use core::fmt;
use core::ops::{Deref, Range};
use std::sync::Arc;

/// Some bytes of an image; all parts of it share one buffer, so that none costs a copy.
#[derive(Clone, Default)]
pub(crate) struct SharedBytes {
    buffer: Option<Arc<Vec<u8>>>,
    start: usize,
    length: usize,
}

impl SharedBytes {
    /// A part of a buffer; empty if the buffer ends before.
    pub(crate) fn new(buffer: &Arc<Vec<u8>>, range: Range<usize>) -> Self {
        Self { buffer: Some(Arc::clone(buffer)), start: range.start, length: range.len() }
    }
}

impl Deref for SharedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let end = self.start.saturating_add(self.length);
        self.buffer.as_deref().and_then(|buffer| buffer.get(self.start..end)).unwrap_or_default()
    }
}

/// Compares what can be seen, not what surrounds it.
impl PartialEq for SharedBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for SharedBytes {}

impl fmt::Debug for SharedBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_compared_by_what_they_show() {
        let (first, second) = (Arc::new(b"abcd".to_vec()), Arc::new(b"xxbc".to_vec()));
        assert_eq!(SharedBytes::new(&first, 1..3), SharedBytes::new(&second, 2..4));
        assert_ne!(SharedBytes::new(&first, 1..3), SharedBytes::new(&first, 1..4));
        assert_eq!(SharedBytes::new(&first, 3..5), SharedBytes::default());
        assert_eq!(format!("{:?}", SharedBytes::new(&first, 0..2)), "[97, 98]");
    }
}
