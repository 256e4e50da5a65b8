use crate::Ordered;
use anyhow::Context as _;
use dbus_api::call::{self, CallError};
use service_runtime::Exit;
use std::num::NonZeroUsize;
use zbus::{Connection, MatchRule, Message};

/// All services whose bus names lie below one, and signals of whatever connection.
#[derive(Debug)]
pub struct Namespace {
    prefix: &'static str,
    own: String,
    messages: Ordered,
}

/// What has happened among these services.
#[derive(Debug)]
pub enum NamespaceNews {
    /// A connection has sent this signal, by one of the rules; it need not be one of the services.
    Said(Message),
    /// A service's bus name has an owner, or another one.
    Came {
        /// The bus name.
        name: String,
        /// Unique name of the connection that has it now.
        owner: String,
    },
    /// A service's bus name has no owner any more; the connection may go on.
    Left {
        /// The bus name.
        name: String,
        /// Unique name of the connection that had it.
        owner: String,
    },
    /// A connection is gone, with all the names that it had; of any connection on the bus.
    Gone {
        /// Its unique name.
        owner: String,
    },
}

impl Namespace {
    /// Begins to follow the services below a bus name, and signals by these rules; `kept` of each may wait for us.
    ///
    /// Errors: the bus refused or went away; marked [`Exit::PeerUnavailable`].
    pub async fn follow(
        connection: &Connection,
        prefix: &'static str,
        rules: impl IntoIterator<Item = MatchRule<'static>>,
        kept: NonZeroUsize,
    ) -> anyhow::Result<Self> {
        let own = connection.unique_name().map(ToString::to_string).unwrap_or_default();
        let rules: Vec<_> = rules.into_iter().collect();
        let following = async move {
            let rules = std::iter::once(call::any_owner_rule()?).chain(rules).collect();
            let messages = Ordered::subscribe(connection, rules, Some(kept)).await?;
            Ok::<_, zbus::Error>(Self { prefix, own, messages })
        };
        following.await.with_context(|| format!("cannot follow {prefix}")).context(Exit::PeerUnavailable)
    }

    /// Bus names and owners of the services that are there, without our own.
    ///
    /// Errors: the bus did not list its names.
    pub async fn present(connection: &Connection, prefix: &str) -> Result<Vec<(String, String)>, CallError> {
        let own = connection.unique_name().map(|name| name.as_str());
        let mut present = Vec::new();
        for name in call::names(connection).await? {
            if !is_below(prefix, &name) {
                continue;
            }
            // One that has gone meanwhile is no loss.
            let Ok(owner) = call::owner(connection, &name).await else { continue };
            if Some(owner.as_str()) != own {
                present.push((name, owner));
            }
        }
        Ok(present)
    }

    /// Waits for news; none of it is about ourselves. Dropping the future loses none.
    ///
    /// Errors: the bus went away; marked [`Exit::PeerUnavailable`].
    pub async fn next(&mut self) -> anyhow::Result<NamespaceNews> {
        loop {
            let message = self.messages.next().await?;
            if let Some(news) = self.judge(message) {
                return Ok(news);
            }
        }
    }

    /// News that has come already and was not taken yet.
    ///
    /// Errors: as [`Self::next`].
    pub async fn waiting(&mut self) -> anyhow::Result<Option<NamespaceNews>> {
        while let Some(message) = self.messages.waiting().await? {
            if let Some(news) = self.judge(message) {
                return Ok(Some(news));
            }
        }
        Ok(None)
    }

    fn judge(&self, message: Message) -> Option<NamespaceNews> {
        let Some((name, old, new)) = call::change_of_owner(&message) else {
            let sender = message.header().sender().map(|sender| sender.as_str().to_owned())?;
            return (sender != self.own).then_some(NamespaceNews::Said(message));
        };
        if name.starts_with(':') {
            return new.is_empty().then_some(NamespaceNews::Gone { owner: name });
        }
        if !is_below(self.prefix, &name) {
            return None;
        }
        if new.is_empty() {
            return (old != self.own).then_some(NamespaceNews::Left { name, owner: old });
        }
        (new != self.own).then_some(NamespaceNews::Came { name, owner: new })
    }
}

fn is_below(prefix: &str, name: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_below_another_by_whole_elements() {
        assert!(is_below("a.b", "a.b.c"));
        for name in ["a.b", "a.bc", "a.bc.d", ":1.5", "x.a.b.c"] {
            assert!(!is_below("a.b", name), "{name}");
        }
    }
}
