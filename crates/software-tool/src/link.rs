//! The bus as the tool hears it: what services say of their images, who comes and goes, and whom to believe.

use crate::exit::{Exit, Failure};
use crate::trust::About;
use dbus_api::software;
use dbus_api::software::announcement::{self, Announcement};
use installer_trust::Grants;
use peer::{Namespace, NamespaceNews, is_privileged};
use service_runtime::bus::Accepts;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;
use zbus::Connection;

/// It sends images as descriptors and takes none.
const SENDS: Accepts = Accepts { sends_descriptors: true, ..Accepts::SHORT };
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
    service_runtime::bus::connect(CALL_LIMIT, &SENDS).await.map_err(|error| {
        let causes = causes(&error);
        Failure::say(
            Exit::Absent,
            format!("{causes}; this works on a BMC only, `verify` and `pack` anywhere"),
        )
    })
}

/// What has gone wrong, without the status that it has for services, which comes first.
fn causes(error: &anyhow::Error) -> String {
    error.chain().skip(1).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The signals.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) connection: Connection,
    services: Namespace,
    /// Whether the owner of a unique name may be believed, whatever it says.
    trusted: BTreeMap<String, bool>,
    /// What settings give to bus names.
    grants: Grants,
    /// These names, and who owns them.
    installers: BTreeMap<String, String>,
    /// What images are, by their objects' paths.
    images: BTreeMap<String, About>,
}

impl Link {
    /// Begins to listen.
    pub(crate) async fn listen(connection: &Connection, grants: Grants) -> Result<Self, Failure> {
        let listening = async {
            let said = announcement::everything_rule()?;
            Namespace::follow(connection, software::NAMESPACE, [said], SIGNALS_KEPT).await
        };
        let services = listening.await.map_err(|error| Failure::say(Exit::Absent, causes(&error)))?;
        // What changes while this is asked is heard after it.
        let present = Namespace::present(connection, software::NAMESPACE).await;
        let present = present.map_err(|error| Failure::new(Exit::Absent, error))?.into_iter();
        let installers = present.filter(|(name, _)| grants.knows(name)).collect();
        let (trusted, images) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { connection: connection.clone(), services, trusted, grants, installers, images })
    }

    /// Waits for what is said next. What comes from a connection that is not to be believed is passed over.
    pub(crate) async fn next(&mut self) -> Result<News, Failure> {
        loop {
            let news = self.services.next().await.map_err(broken)?;
            if let Some(news) = self.judge(news).await {
                return Ok(news);
            }
        }
    }

    /// What has come already and was not heard yet.
    pub(crate) async fn waiting(&mut self) -> Result<Option<News>, Failure> {
        while let Some(news) = self.services.waiting().await.map_err(broken)? {
            if let Some(news) = self.judge(news).await {
                return Ok(Some(news));
            }
        }
        Ok(None)
    }

    async fn judge(&mut self, news: NamespaceNews) -> Option<News> {
        Some(match news {
            NamespaceNews::Said(message) => {
                let said = Announcement::of(&message)?;
                if !self.believes(&said.sender).await && !self.may_install(&said.sender, &said.path).await {
                    return None;
                }
                News::Said(said)
            }
            NamespaceNews::Came { name, owner } => {
                if self.grants.knows(&name) {
                    self.installers.insert(name.clone(), owner.clone());
                }
                News::Came { name, owner }
            }
            NamespaceNews::Left { name, owner } => {
                self.installers.remove(&name);
                News::Left { name, owner }
            }
            NamespaceNews::Gone { owner } => News::Gone { owner },
        })
    }

    /// Any connection can send a signal; what root or our own user says counts.
    async fn believes(&mut self, owner: &str) -> bool {
        if let Some(is_trusted) = self.trusted.get(owner) {
            return *is_trusted;
        }
        // One that has left cannot be asked, and is not remembered.
        let Ok(is_trusted) = is_privileged(&self.connection, owner).await else { return false };
        self.trusted.insert(owner.to_owned(), is_trusted);
        is_trusted
    }

    /// Whether settings give an image to a bus name of this connection.
    async fn may_install(&mut self, owner: &str, path: &str) -> bool {
        let names = || self.installers.iter().filter(|(_, of)| *of == owner).map(|(name, _)| name.as_str());
        if names().next().is_none() {
            return false;
        }
        let about = match self.images.get(path) {
            Some(about) => about,
            // It may not be taken in yet.
            None => match About::ask(&self.connection, path).await {
                Some(about) => self.images.entry(path.to_owned()).or_insert(about),
                None => return false,
            },
        };
        about.is_given(names(), &self.grants)
    }

    /// Remembers that a connection may be believed.
    pub(crate) fn believe(&mut self, owner: &str) {
        self.trusted.insert(owner.to_owned(), true);
    }
}

fn broken(_cause: anyhow::Error) -> Failure {
    Failure::say(Exit::Absent, "the bus went away; the update goes on without this tool")
}
