//! Waiting until the earlier owner of a bus name has left.

use super::next;
use crate::Exit;
use anyhow::Context as _;
use dbus_api::call;
use std::time::Duration;
use zbus::{Connection, MessageStream};

/// Longest wait for a bus name. A service that was killed is started again within 100 ms, while the bus may still have its
/// connection: 5 of 646 such starts met it. Three seconds are many times what a busy bus needs to see it closed, and short
/// for the one who has started a second instance by mistake and waits for its refusal.
const LIMIT: Duration = Duration::from_secs(3);

/// Asks whether a bus name is to be had, and again whenever it gets another owner or none, for [`LIMIT`] at most; whether it
/// was to be had at the end. A name that is free at once costs one question.
///
/// Errors: as asking has; the bus refused to tell of the name's owners, or went away.
pub(super) async fn until_free(
    connection: &Connection,
    name: &str,
    ask: impl AsyncFn() -> anyhow::Result<bool>,
) -> anyhow::Result<bool> {
    if ask().await? {
        return Ok(true);
    }
    log::info!("{name} has an owner, it may be about to leave: waiting for {} s", LIMIT.as_secs());
    let waiting = async {
        // Before the next question, so that no change is missed between its answer and the wait.
        let rule = call::owner_rule(name)?;
        let following = MessageStream::for_match_rule(rule, connection, None).await;
        let mut changes = following.context(Exit::PeerUnavailable)?;
        while !ask().await? {
            while !is_about(&next(&mut changes).await?, name) {}
        }
        Ok::<_, anyhow::Error>(())
    };
    match tokio::time::timeout(LIMIT, waiting).await {
        Ok(waited) => waited.with_context(|| format!("cannot wait for {name}")).map(|()| true),
        Err(_) => Ok(false),
    }
}

fn is_about(message: &zbus::Message, name: &str) -> bool {
    call::change_of_owner(message).is_some_and(|(changed, _, _)| changed == name)
}
