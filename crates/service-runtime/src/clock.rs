//! The clock on the wall, for what people and other services are shown, and the one by which waits are counted.

use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Microseconds since 1970; a clock set before that counts as 1970.
pub fn wall() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

/// Completes at a moment, or never.
pub async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
