use crate::Ordered;
use anyhow::Context as _;
use dbus_api::call::{self, CallError};
use service_runtime::Exit;
use std::num::NonZeroUsize;
use zbus::{Connection, MatchRule, Message};

/// Signals of one rule that may wait for us, unless a follower says otherwise.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

/// One service, followed by its bus name.
#[derive(Debug)]
pub struct Peer {
    name: &'static str,
    messages: Ordered,
    /// The unique name of the service, when it is there.
    owner: Option<String>,
}

/// What has become of a service.
#[derive(Debug)]
pub enum News {
    /// It has come, or another process has taken its place: what it shows is to be asked for.
    Came,
    /// It has gone.
    Went,
    /// It has sent this signal, by one of the rules.
    Said(Message),
}

impl Peer {
    /// Begins to follow the service of a bus name and its signals by these rules, and asks whether it is there.
    ///
    /// Errors: the bus refused or went away; marked [`Exit::PeerUnavailable`].
    pub fn follow(
        connection: &Connection,
        name: &'static str,
        rules: impl IntoIterator<Item = MatchRule<'static>>,
    ) -> impl Future<Output = anyhow::Result<Self>> {
        Self::follow_all(connection, name, rules.into_iter().collect(), KEPT)
    }

    /// As [`Self::follow`], with room for so many signals of each rule.
    ///
    /// Errors: as [`Self::follow`].
    pub fn follow_keeping(
        connection: &Connection,
        name: &'static str,
        rules: impl IntoIterator<Item = MatchRule<'static>>,
        kept: NonZeroUsize,
    ) -> impl Future<Output = anyhow::Result<Self>> {
        Self::follow_all(connection, name, rules.into_iter().collect(), kept)
    }

    /// Once in a program, while the two above are there again for each kind of iterator.
    async fn follow_all(
        connection: &Connection,
        name: &'static str,
        rules: Vec<MatchRule<'static>>,
        kept: NonZeroUsize,
    ) -> anyhow::Result<Self> {
        let following = async move {
            let mut messages =
                Ordered::subscribe(connection, vec![call::owner_rule(name)?], Some(kept)).await?;
            // After that subscription, so that no change of the owner is missed; before the service's signals, which may
            // come in crowds: no task takes them yet, and a full queue would keep this very answer out.
            let owner = match call::owner(connection, name).await {
                Ok(owner) => Some(owner),
                Err(CallError::Absent { .. }) => None,
                // It may be there all the same, and no news of it would come.
                Err(error) => return Err(error.into()),
            };
            messages.add(connection, rules, Some(kept)).await?;
            Ok::<_, anyhow::Error>(Self { name, messages, owner })
        };
        following.await.with_context(|| format!("cannot follow {name}")).context(Exit::PeerUnavailable)
    }

    /// Its bus name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its unique name, when it is there as far as the news went that were taken.
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// Waits for news. Dropping the future loses none.
    ///
    /// Errors: the bus went away; marked [`Exit::PeerUnavailable`].
    pub async fn next(&mut self) -> anyhow::Result<News> {
        loop {
            let message = self.messages.next().await?;
            if let Some(news) = self.judge(message) {
                return Ok(news);
            }
        }
    }

    fn judge(&mut self, message: Message) -> Option<News> {
        if let Some((name, _, owner)) = call::change_of_owner(&message) {
            // The owner may have been known from the answer already.
            let owner = Some(owner).filter(|owner| !owner.is_empty());
            if name != self.name || owner == self.owner {
                return None;
            }
            self.owner = owner;
            return Some(if self.owner.is_some() { News::Came } else { News::Went });
        }
        let is_its_own = self.owner.is_some()
            && message.header().sender().map(|sender| sender.as_str()) == self.owner.as_deref();
        is_its_own.then_some(News::Said(message))
    }
}
