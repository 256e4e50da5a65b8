//! What the inventory and the bus say by themselves.

use crate::codes::Plan;
use anyhow::Context as _;
use dbus_api::call;
use dbus_api::inventory::{located, manager};
use futures_core::Stream;
use service_runtime::Exit;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use zbus::{Connection, Message, MessageStream};

/// Signals that may wait for us.
const SIGNALS_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

/// What the inventory and the bus say by themselves.
pub struct Signals {
    added: MessageStream,
    enclosures: MessageStream,
    systems: MessageStream,
    owners: MessageStream,
    /// The inventory's own name on the bus, when it is there: others could send signals that look like its.
    owner: Option<String>,
}

/// What was said.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// The inventory has come, or another one.
    Came,
    /// The inventory has gone.
    Went,
    /// Something has changed that codes depend on.
    Changed,
    /// Nothing of interest.
    Nothing,
}

impl Signals {
    /// Begins to listen, and looks whether the inventory is there.
    pub async fn subscribe(connection: &Connection) -> anyhow::Result<Self> {
        let listen = async |rule| MessageStream::for_match_rule(rule, connection, Some(SIGNALS_KEPT)).await;
        // Before the owner is asked for, so that no change of it is missed. What can come in crowds is last: nobody
        // takes it while we wait for the bus here, and a full queue would keep the bus's own answers out.
        let owners = listen(call::owner_rule(manager::BUS_NAME)?).await?;
        let owner = call::owner(connection, manager::BUS_NAME).await.ok();
        let enclosures = listen(located::changed_rule(located::ENCLOSURE_RECORD)?).await?;
        let systems = listen(located::changed_rule(located::SYSTEM_RECORD)?).await?;
        let added = listen(located::added_rule()?).await?;
        Ok(Self { added, enclosures, systems, owners, owner })
    }

    /// Whether the inventory is there, as far as is known.
    pub fn is_here(&self) -> bool {
        self.owner.is_some()
    }

    /// Waits for news; dropping the future loses none.
    ///
    /// Errors: the bus went away.
    pub async fn next(&mut self, plan: &Plan) -> anyhow::Result<News> {
        tokio::select! {
            message = next(&mut self.owners) => {
                let Some(owner) = call::new_owner(&message?) else { return Ok(News::Nothing) };
                self.owner = Some(owner).filter(|owner| !owner.is_empty());
                Ok(if self.owner.is_some() { News::Came } else { News::Went })
            }
            message = next(&mut self.added) => {
                // Our own location codes come back as news, too.
                let is_news = |(path, has_more): (String, bool)| has_more && (plan.has(&path) || plan.is_source(&path));
                Ok(self.if_of_inventory(&message?, |message| located::added(message).is_some_and(is_news)))
            }
            message = next(&mut self.enclosures) => Ok(self.if_changed(&message?, plan)),
            message = next(&mut self.systems) => Ok(self.if_changed(&message?, plan)),
        }
    }

    fn if_changed(&self, message: &Message, plan: &Plan) -> News {
        let is_source = |path: String| plan.is_source(&path);
        self.if_of_inventory(message, |message| located::changed(message).is_some_and(is_source))
    }

    fn if_of_inventory(&self, message: &Message, is_news: impl Fn(&Message) -> bool) -> News {
        let header = message.header();
        let sender = header.sender().map(|sender| sender.as_str());
        if sender.is_some() && sender == self.owner.as_deref() && is_news(message) {
            News::Changed
        } else {
            News::Nothing
        }
    }
}

async fn next(messages: &mut MessageStream) -> anyhow::Result<Message> {
    poll_fn(|context| Pin::new(&mut *messages).poll_next(context))
        .await
        .context("the bus went away")
        .context(Exit::PeerUnavailable)?
        .context("the connection to the bus broke")
        .context(Exit::PeerUnavailable)
}
