//! What the inventory says by itself.

use crate::codes::Plan;
use dbus_api::inventory::{located, manager};
use peer::Peer;
use zbus::{Connection, Message};

/// The inventory, followed.
pub struct Signals(Peer);

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
        let records = [located::ENCLOSURE_RECORD, located::SYSTEM_RECORD];
        let mut rules = records.map(located::changed_rule).into_iter().collect::<zbus::Result<Vec<_>>>()?;
        // New objects come in crowds.
        rules.push(located::added_rule()?);
        Ok(Self(Peer::follow(connection, manager::BUS_NAME, rules).await?))
    }

    /// Whether the inventory is there, as far as is known.
    pub fn is_here(&self) -> bool {
        self.0.owner().is_some()
    }

    /// Waits for news; dropping the future loses none.
    ///
    /// Errors: the bus went away.
    pub async fn next(&mut self, plan: &Plan) -> anyhow::Result<News> {
        Ok(match self.0.next().await? {
            peer::News::Came => News::Came,
            peer::News::Went => News::Went,
            peer::News::Said(signal) if is_news(&signal, plan) => News::Changed,
            peer::News::Said(_) => News::Nothing,
        })
    }
}

fn is_news(signal: &Message, plan: &Plan) -> bool {
    if let Some(path) = located::changed(signal) {
        return plan.is_source(&path);
    }
    // Our own location codes come back as news, too.
    let concerns = |(path, has_more): (String, bool)| has_more && (plan.has(&path) || plan.is_source(&path));
    // One that was too long to be read has more.
    signal.body().is_empty() || located::added(signal).is_some_and(concerns)
}
