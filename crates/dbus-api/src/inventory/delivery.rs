//! How a notification gets into an inventory that may refuse it, or drop it without a word. Knows no connection.
//!
//! phosphor-inventory-manager throws at a value of another type than its property's: what came before it is in force, and no
//! reply is ever sent. It takes calls in order. So an empty `Notify` that is sent behind a silent one and answered says that
//! the silent one was dropped; while neither is answered, the manager is slow, and is waited for.

use super::notification::{Notification, Object};
use crate::call::CallError;
use std::borrow::Cow;
use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

/// How long nothing may come for a call before the empty one is sent behind it. An inventory on flash has others' calls to
/// write first, so this is no limit.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of the inventory that is called: whether it drops calls. One for each connection.
///
/// Once it has dropped one, the empty call goes out at once behind each that follows: twenty dropped objects take no longer
/// than one.
#[derive(Debug, Default)]
pub struct Manner {
    drops: AtomicBool,
}

impl Manner {
    /// How long to wait before the empty call is sent.
    pub(super) fn patience(&self) -> Duration {
        if self.drops.load(Ordering::Relaxed) { Duration::ZERO } else { PATIENCE }
    }
}

/// Why something is not in the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The manager said so.
    Error {
        /// The error's name.
        name: String,
        /// Its text, possibly empty.
        text: String,
    },
    /// The manager did not answer the call, and did answer the empty one behind it.
    Dropped,
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error { name, text } if text.is_empty() => formatter.write_str(name),
            Self::Error { name, text } => write!(formatter, "{name}: {text}"),
            Self::Dropped => formatter.write_str(
                "the manager dropped the call and answered a later one, as phosphor-inventory-manager does with a value \
                 of the wrong type",
            ),
        }
    }
}

/// What is not in the inventory, wholly.
#[derive(Debug)]
pub struct Refusal {
    /// The object; `None` for the notification as a whole.
    pub object: Option<String>,
    /// Why.
    pub cause: Cause,
}

/// A delivery under way: the whole first; where that is refused or dropped, object by object.
#[derive(Debug)]
pub(super) struct Delivery<'n, 'a> {
    notification: &'n Notification<'a>,
    /// Objects that are still to be sent by themselves, once the whole was not taken.
    rest: Option<std::slice::Iter<'n, Object<'a>>>,
    is_taken: bool,
}

impl<'n, 'a> Delivery<'n, 'a> {
    pub(super) fn new(notification: &'n Notification<'a>) -> Self {
        Self { notification, rest: None, is_taken: false }
    }

    /// What is to be sent next, with the path of an object that goes by itself; nothing at the end.
    pub(super) fn next(&mut self) -> Option<(Option<&'n str>, Cow<'n, Notification<'a>>)> {
        match &mut self.rest {
            _ if self.is_taken => None,
            None => Some((None, Cow::Borrowed(self.notification))),
            Some(rest) => rest.next().map(|object| {
                (Some(&*object.path), Cow::Owned(Notification { objects: vec![object.clone()] }))
            }),
        }
    }

    /// What came of it: an answer, or nothing for a call that was dropped. The result is what was not taken: the whole, or an
    /// object that is at fault.
    ///
    /// Errors: the inventory could not be reached, or fell silent.
    pub(super) fn take(
        &mut self,
        path: Option<&str>,
        answer: Option<Result<(), CallError>>,
        manner: &Manner,
    ) -> Result<Option<Refusal>, CallError> {
        let cause = match answer {
            Some(Ok(())) => {
                self.is_taken = path.is_none();
                return Ok(None);
            }
            Some(Err(CallError::Refused { name, text, .. })) => Cause::Error { name, text },
            Some(Err(error)) => return Err(error),
            None => {
                manner.drops.store(true, Ordering::Relaxed);
                Cause::Dropped
            }
        };
        if path.is_none() {
            self.rest = Some(self.notification.objects.iter());
        }
        Ok(Some(Refusal { object: path.map(str::to_owned), cause }))
    }
}

/// The answer to a call; nothing for one that was dropped.
///
/// Once the silence is over, the call behind begins to be polled, which sends it; it tells whether it was answered. Both are
/// polled in one task and the first one first, so that it is sent first.
pub(super) async fn watched<A>(
    call: impl Future<Output = A>,
    silence: impl Future<Output = ()>,
    behind: impl Future<Output = bool>,
) -> Option<A> {
    enum Stage {
        Called,
        Asked,
        /// The call behind has failed, as the first one is going to.
        Alone,
    }
    let (mut call, mut silence, mut behind) = (pin!(call), pin!(silence), pin!(behind));
    let mut stage = Stage::Called;
    std::future::poll_fn(|context| {
        loop {
            if let Poll::Ready(answer) = call.as_mut().poll(context) {
                return Poll::Ready(Some(answer));
            }
            match stage {
                Stage::Called if silence.as_mut().poll(context).is_ready() => stage = Stage::Asked,
                Stage::Asked => match behind.as_mut().poll(context) {
                    // The answer to the first, if there is one, came before this.
                    Poll::Ready(true) => {
                        return match call.as_mut().poll(context) {
                            Poll::Ready(answer) => Poll::Ready(Some(answer)),
                            Poll::Pending => Poll::Ready(None),
                        };
                    }
                    Poll::Ready(false) => stage = Stage::Alone,
                    Poll::Pending => return Poll::Pending,
                },
                Stage::Called | Stage::Alone => return Poll::Pending,
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests;
