//! The bus as the tool hears it: what services say of their images, who comes and goes, and whom to believe.

use crate::exit::{Exit, Failure};
use anyhow::Context as _;
use dbus_api::call;
use dbus_api::software::announcement::{self, Announcement};
use dbus_api::software::requests;
use futures_core::Stream as _;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use zbus::{Connection, Message, MessageStream};

/// Longest wait for a reply; one that checks an image's descriptor answers at once.
const CALL_LIMIT: Duration = Duration::from_secs(25);
/// Signals that may wait for us.
const SIGNALS_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4_095);

/// What was heard.
#[derive(Debug)]
pub(crate) enum News {
    /// Somebody says something of an object.
    Said(Announcement),
    /// A service's bus name has this owner now.
    Came { name: String, owner: String },
    /// A service's bus name has no owner any more.
    Left { name: String, owner: String },
    /// A connection is gone.
    Gone { owner: String },
}

/// Connects to the system bus.
pub(crate) async fn connect() -> Result<Connection, Failure> {
    service_runtime::bus::connect(CALL_LIMIT).await.map_err(|error| {
        // Without the status that it has for services, which comes first.
        let causes = error.chain().skip(1).map(ToString::to_string).collect::<Vec<_>>().join(": ");
        Failure::say(
            Exit::Absent,
            format!("{causes}; this works on a BMC only, `verify` and `pack` anywhere"),
        )
    })
}

/// The signals.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) connection: Connection,
    streams: [MessageStream; 2],
    /// Whether the owner of a unique name may be believed.
    trusted: BTreeMap<String, bool>,
}

impl Link {
    /// Begins to listen.
    pub(crate) async fn listen(connection: &Connection) -> Result<Self, Failure> {
        let listening = async {
            let rules = (announcement::everything_rule()?, call::any_owner_rule()?);
            let said = MessageStream::for_match_rule(rules.0, connection, Some(SIGNALS_KEPT)).await?;
            let owners = MessageStream::for_match_rule(rules.1, connection, Some(SIGNALS_KEPT)).await?;
            Ok::<_, zbus::Error>([said, owners])
        };
        let streams = listening.await.context("cannot listen on the bus");
        let streams = streams.map_err(|cause| Failure::new(Exit::Absent, cause))?;
        Ok(Self { connection: connection.clone(), streams, trusted: BTreeMap::new() })
    }

    /// Waits for what is said next. What comes from somebody who is not to be believed is passed over.
    pub(crate) async fn next(&mut self) -> Result<News, Failure> {
        loop {
            let message = poll_fn(|context| self.poll(context)).await;
            if let Some(news) = self.judge(message).await? {
                return Ok(news);
            }
        }
    }

    /// What has come already and was not heard yet.
    pub(crate) async fn waiting(&mut self) -> Result<Option<News>, Failure> {
        loop {
            let message = poll_fn(|context| {
                Poll::Ready(match self.poll(context) {
                    Poll::Ready(message) => Some(message),
                    Poll::Pending => None,
                })
            });
            let Some(message) = message.await else { return Ok(None) };
            if let Some(news) = self.judge(message).await? {
                return Ok(Some(news));
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<zbus::Result<Message>>> {
        // What somebody says before it leaves is heard before it has left.
        for stream in &mut self.streams {
            if let Poll::Ready(message) = Pin::new(stream).poll_next(context) {
                return Poll::Ready(message);
            }
        }
        Poll::Pending
    }

    async fn judge(&mut self, message: Option<zbus::Result<Message>>) -> Result<Option<News>, Failure> {
        let broken = || Failure::say(Exit::Absent, "the bus went away; the update goes on without this tool");
        let message = message.ok_or_else(broken)?.map_err(|_| broken())?;
        match read(&message) {
            Some(News::Said(said)) if !self.believes(&said.sender).await => Ok(None),
            news => Ok(news),
        }
    }

    /// Anybody can send a signal; only what root or our own user says counts.
    async fn believes(&mut self, owner: &str) -> bool {
        if let Some(is_trusted) = self.trusted.get(owner) {
            return *is_trusted;
        }
        let user = call::unix_user(&self.connection, owner).await;
        // One that has left cannot be asked, and is not remembered.
        let Ok(user) = user else { return false };
        let is_trusted = user == 0 || user == nix::unistd::geteuid().as_raw();
        self.trusted.insert(owner.to_owned(), is_trusted);
        is_trusted
    }

    /// Remembers that somebody may be believed.
    pub(crate) fn believe(&mut self, owner: &str) {
        self.trusted.insert(owner.to_owned(), true);
    }
}

fn read(message: &Message) -> Option<News> {
    if let Some(said) = Announcement::of(message) {
        return Some(News::Said(said));
    }
    let (name, old, new) = call::change_of_owner(message)?;
    if name.starts_with(':') {
        return new.is_empty().then_some(News::Gone { owner: name });
    }
    if !requests::is_firmware(&name) {
        return None;
    }
    Some(if new.is_empty() { News::Left { name, owner: old } } else { News::Came { name, owner: new } })
}
