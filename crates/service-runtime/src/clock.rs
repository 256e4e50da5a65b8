//! The clock on the wall, for what people and other services are shown. Waits are counted by another.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970; a clock set before that counts as 1970.
pub fn wall() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}
