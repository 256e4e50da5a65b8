//! Waiting until the earlier owner of a bus name has left.

use super::next;
use crate::Exit;
use anyhow::Context as _;
use dbus_api::call::{self, CallError};
use dbus_api::standard::error;
use std::time::Duration;
use zbus::{Connection, MessageStream};

/// Longest wait for a bus name. A service that was killed is started again within 100 ms, while the bus may still have its
/// connection: 5 of 646 such starts met it. Three seconds are many times what a busy bus needs to see it closed, and short
/// for the one who has started a second instance by mistake and waits for its refusal.
const LIMIT: Duration = Duration::from_secs(3);

/// What is asked of the bus.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    /// Whether the name has no owner.
    IsFree,
    /// Whether it can be ours, which it is then.
    IsOurs,
}

/// Asks, and again whenever the name gets another owner or none, for [`LIMIT`] at most; the last answer. A name that is free
/// at once costs one question.
///
/// Errors: marked [`Exit::Configuration`] when the bus does not let us have the name, [`Exit::PeerUnavailable`] when it does
/// not answer, or went away.
pub(super) async fn until_free(
    connection: &Connection,
    name: &str,
    question: Question,
) -> anyhow::Result<bool> {
    if ask(connection, name, question).await? {
        return Ok(true);
    }
    log::info!("{name} has an owner, it may be about to leave: waiting for {} s", LIMIT.as_secs());
    match tokio::time::timeout(LIMIT, wait(connection, name, question)).await {
        Ok(waited) => waited.map(|()| true),
        Err(_) => Ok(false),
    }
}

async fn wait(connection: &Connection, name: &str, question: Question) -> anyhow::Result<()> {
    // Before the next question, so that no change is missed between its answer and the wait.
    let following = MessageStream::for_match_rule(call::owner_rule(name)?, connection, None).await;
    let mut changes = following.context("cannot wait for it").context(Exit::PeerUnavailable)?;
    // dbus-daemon does not see that a connection was closed while it takes nothing from it, as others do not read what came
    // over it. When it writes to that connection, it does.
    let sent = connection.send(&call::nudge(name)?).await;
    sent.context("cannot wait for it").context(Exit::PeerUnavailable)?;
    while !ask(connection, name, question).await? {
        while !is_about(&next(&mut changes).await?, name) {}
    }
    Ok(())
}

async fn ask(connection: &Connection, name: &str, question: Question) -> anyhow::Result<bool> {
    let answer = match question {
        Question::IsFree => call::has_owner(connection, name).await.map(|has_one| !has_one),
        Question::IsOurs => call::request_name(connection, name).await,
    };
    answer.map_err(|error| {
        // The bus may as well be short of something.
        let exit = if is_final(&error) { Exit::Configuration } else { Exit::PeerUnavailable };
        anyhow::Error::new(error).context(exit)
    })
}

fn is_about(message: &zbus::Message, name: &str) -> bool {
    call::change_of_owner(message).is_some_and(|(changed, _, _)| changed == name)
}

/// The policy forbids the name, or it is none.
fn is_final(error: &CallError) -> bool {
    let CallError::Refused { name, .. } = error else { return false };
    [error::ACCESS_DENIED, error::INVALID_ARGS].contains(&name.as_str())
}
