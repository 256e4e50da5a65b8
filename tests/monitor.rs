//! What is said on a bus.

use anyhow::Context as _;
use std::collections::HashMap;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use zbus::export::futures_core::Stream;
use zbus::{Connection, Message, MessageStream};

/// Messages that may wait until a test asks for them.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(99_999);

/// Hears all messages that its rules name, in the order in which the bus has passed them on.
#[derive(Debug)]
pub struct Monitor {
    messages: MessageStream,
    _connection: Connection,
}

impl Monitor {
    /// Begins to listen.
    pub async fn listen(address: &str, rules: &[&str]) -> anyhow::Result<Self> {
        let connection = zbus::connection::Builder::address(address).max_queued(KEPT).build().await?;
        let messages = MessageStream::from(&connection);
        let (bus, path) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
        let monitoring = Some("org.freedesktop.DBus.Monitoring");
        connection.call_method(Some(bus), path, monitoring, "BecomeMonitor", &(rules, 0_u32)).await?;
        Ok(Self { messages, _connection: connection })
    }

    /// Waits for the next message.
    pub async fn next(&mut self) -> anyhow::Result<Message> {
        next(&mut self.messages).await
    }
}

/// Waits for the next message of a stream.
pub async fn next(messages: &mut MessageStream) -> anyhow::Result<Message> {
    let next = poll_fn(|context| Pin::new(&mut *messages).poll_next(context));
    let message = tokio::time::timeout(test_bus::LIMIT, next).await?;
    Ok(message.context("the bus went away")??)
}

/// Hears every wish for an entry in the event log.
#[derive(Debug)]
pub struct EventEar {
    monitor: Monitor,
    heard: Vec<String>,
}

impl EventEar {
    /// Begins to listen.
    pub async fn listen(address: &str) -> anyhow::Result<Self> {
        let monitor = Monitor::listen(address, &["type='method_call',member='Create'"]).await?;
        Ok(Self { monitor, heard: Vec::new() })
    }

    /// A line for each wish that was awaited.
    pub fn heard(&self) -> &[String] {
        &self.heard
    }

    /// Waits until the event log has been asked for so many entries in all.
    pub async fn await_events(&mut self, count: usize) -> anyhow::Result<()> {
        while self.heard.len() < count {
            let message = self.monitor.next().await?;
            let body = message.body();
            if let Ok(event) = body.deserialize::<(String, String, HashMap<String, String>)>() {
                self.heard.push(format!("{event:?}"));
            }
        }
        Ok(())
    }
}
