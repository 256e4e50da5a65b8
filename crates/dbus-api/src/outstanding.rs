//! A call whose answer may come at any time.

use crate::call::{CallError, Target, answered_with_error};
use futures_core::Stream as _;
use serde::Serialize;
use std::future::poll_fn;
use std::io;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll};
use zbus::message::Type as MessageType;
use zbus::{Connection, DynamicType, MatchRule, Message, MessageStream};

/// A call that was sent and not answered yet; the connection's method time limit does not end it.
///
/// For peers whose work must not be asked for twice: after a time limit, nobody could tell whether it was done.
#[derive(Debug)]
pub struct Outstanding {
    destination: &'static str,
    serial: NonZeroU32,
    results: MessageStream,
    errors: MessageStream,
}

impl Outstanding {
    /// Sends a call to one connection, given by its unique name, so that the bus starts nobody for it.
    ///
    /// Errors: [`CallError::Bus`] when it was not sent.
    pub async fn send<B>(
        connection: &Connection,
        target: &Target,
        owner: &str,
        method: &'static str,
        body: &B,
    ) -> Result<Self, CallError>
    where
        B: Serialize + DynamicType,
    {
        let sending = async {
            let builder = Message::method_call(target.path, method);
            let message = builder.destination(owner).interface(target.interface).build(body)?;
            // Listening begins before, since the answer may be quick.
            let outstanding = Self {
                destination: target.destination,
                serial: message.primary_header().serial_num(),
                results: replies(connection, MessageType::MethodReturn).await?,
                errors: replies(connection, MessageType::Error).await?,
            };
            connection.send(&message).await?;
            Ok(outstanding)
        };
        sending.await.map_err(|source| CallError::Bus { destination: target.destination, source })
    }

    /// Waits for the answer, however long that takes. Dropping this future loses nothing.
    ///
    /// Errors: [`CallError::Refused`] when the peer itself answers with an error, under any name: many services hand on an
    /// error of a service that they have asked. Else [`CallError::Absent`] when the peer left the bus, [`CallError::Bus`].
    pub async fn answer(&mut self) -> Result<Message, CallError> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, CallError>> {
        let (serial, destination) = (self.serial, self.destination);
        let broken = |source| Poll::Ready(Err(CallError::Bus { destination, source }));
        for replies in [&mut self.results, &mut self.errors] {
            // Answers to other calls pass through here too, and must not pile up.
            while let Poll::Ready(message) = Pin::new(&mut *replies).poll_next(context) {
                let Some(message) = message else {
                    return broken(io::Error::from(io::ErrorKind::BrokenPipe).into());
                };
                match message {
                    Ok(message) if message.header().reply_serial() != Some(serial) => {}
                    Ok(message) if message.message_type() == MessageType::Error => {
                        return Poll::Ready(Err(answered_with_error(destination, &message)));
                    }
                    Ok(message) => return Poll::Ready(Ok(message)),
                    Err(error) => return broken(error),
                }
            }
        }
        Poll::Pending
    }
}

/// Nothing is asked of the bus for this: what is sent to us is ours in any case.
async fn replies(connection: &Connection, kind: MessageType) -> zbus::Result<MessageStream> {
    let rule = MatchRule::builder().msg_type(kind).build()?;
    MessageStream::for_match_rule(rule, connection, None).await
}
