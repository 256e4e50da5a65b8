use ordered_stream::{JoinMultiple, OrderedStream as _, OrderedStreamExt as _, Peekable, PollResult};
use service_runtime::bus;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::Poll;
use zbus::{Connection, MatchRule, Message, MessageStream};

/// Signals of several rules, in the order in which they came over the bus.
///
/// Each rule has a queue of its own in zbus; read one by one, a service's last words could come after the news that it
/// has gone.
#[derive(Debug)]
pub struct Ordered {
    streams: JoinMultiple<Vec<Peekable<MessageStream>>>,
}

impl Ordered {
    /// Subscribes to each rule, in their order. `kept` signals of each may wait for us; more keep the whole connection
    /// waiting, answers included, so rules whose signals come in crowds stand last: a subscription behind a full queue hangs
    /// for good.
    ///
    /// Errors: the bus refused, or went away.
    pub async fn subscribe(
        connection: &Connection,
        rules: Vec<MatchRule<'static>>,
        kept: Option<NonZeroUsize>,
    ) -> zbus::Result<Self> {
        let mut ordered = Self { streams: JoinMultiple(Vec::new()) };
        ordered.add(connection, rules, kept).await?;
        Ok(ordered)
    }

    /// Subscribes to more rules.
    ///
    /// Errors: as [`Self::subscribe`].
    pub async fn add(
        &mut self,
        connection: &Connection,
        rules: Vec<MatchRule<'static>>,
        kept: Option<NonZeroUsize>,
    ) -> zbus::Result<()> {
        for rule in rules {
            let stream = MessageStream::for_match_rule(rule, connection, kept).await?;
            self.streams.0.push(stream.peekable());
        }
        Ok(())
    }

    /// Waits for the next signal. Dropping the future loses none.
    ///
    /// Errors: the bus went away; marked with the exit status for that.
    pub async fn next(&mut self) -> anyhow::Result<Message> {
        bus::received(self.streams.next().await)
    }

    /// A signal that has come already and was not taken yet.
    ///
    /// Errors: as [`Self::next`].
    pub async fn waiting(&mut self) -> anyhow::Result<Option<Message>> {
        let polled = poll_fn(|context| {
            Poll::Ready(match Pin::new(&mut self.streams).poll_next_before(context, None) {
                Poll::Ready(PollResult::Item { data, .. }) => Some(Some(data)),
                Poll::Ready(PollResult::Terminated) => Some(None),
                Poll::Ready(PollResult::NoneBefore) | Poll::Pending => None,
            })
        });
        polled.await.map(bus::received).transpose()
    }
}
