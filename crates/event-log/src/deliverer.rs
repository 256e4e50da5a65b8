use crate::Event;
use dbus_api::call::CallError;
use dbus_api::logging;
use peer::{BackOff, News, Peer, persist};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::AbortHandle;
use zbus::Connection;

/// What the deliverer tells its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// It can take an event: the logging service is there, and no call to it is outstanding.
    Free,
    /// The logging service has come, or another process has taken its place.
    Another,
    /// The event that it took was sent. From here on it counts as delivered.
    Sent,
    /// The logging service has it, under this path if it said so.
    Delivered(Option<String>),
    /// The logging service does not have it, for this reason.
    Failed(String),
    /// The logging service has refused it, with this reason.
    Refused(String),
}

/// The notices of a deliverer. Each event gives at most two, and one more says that the next may come; each logging service
/// gives one.
#[derive(Debug)]
pub struct Notices(UnboundedReceiver<Notice>);

impl Notices {
    /// Waits for the next; dropping the future loses none.
    pub async fn next(&mut self) -> Notice {
        match self.0.recv().await {
            Some(notice) => notice,
            // The bus went away, which is for the owner to notice.
            None => std::future::pending().await,
        }
    }
}

/// The task that talks to the logging service: one call at a time, and nobody waits for it.
///
/// It takes an event after [`Notice::Free`]. The logging service may be absent (its name is awaited), slow or silent: a
/// call that was sent is left to come back, however long that takes, for a second one could make a second entry. When the
/// logging service answers with an error, the event was refused, and the next may come at once. When it loses its name before
/// it has answered, or is not reached, the event has failed; the next [`Notice::Free`] comes after a wait that grows from
/// failure to failure, or with another logging service.
#[derive(Debug)]
pub struct Deliverer {
    events: mpsc::Sender<Event>,
    task: AbortHandle,
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        // It may wait for an answer that never comes.
        self.task.abort();
    }
}

impl Deliverer {
    /// Starts the task, which ends when this is dropped. Needs a tokio runtime around it.
    pub fn start(connection: &Connection, back_off: BackOff) -> (Self, Notices) {
        let (events, received) = mpsc::channel(1);
        let (notices, given) = mpsc::unbounded_channel();
        let connection = connection.clone();
        let task = tokio::spawn(async move {
            // A bus that answers too late must not end this for good: the service goes on, and so must its events.
            let logging = persist(back_off, || Peer::follow(&connection, logging::BUS_NAME, [])).await;
            let task = Task { connection, notices, back_off, logging };
            if let Err(error) = task.run(received).await {
                log::warn!("events cannot be delivered any more: {error:#}");
            }
        });
        (Self { events, task: task.abort_handle() }, Notices(given))
    }

    /// Hands an event over; to be called once after each [`Notice::Free`]. Gives it back when it was not free.
    pub fn deliver(&self, event: Event) -> Result<(), Box<Event>> {
        self.events.try_send(event).map_err(|error| Box::new(error.into_inner()))
    }
}

struct Task {
    connection: Connection,
    notices: UnboundedSender<Notice>,
    back_off: BackOff,
    logging: Peer,
}

/// How an attempt ended that was begun.
enum Ending {
    Answered(Result<zbus::Message, CallError>),
    /// The name has another owner, or none.
    Deserted,
}

impl Task {
    async fn run(mut self, mut events: mpsc::Receiver<Event>) -> anyhow::Result<()> {
        loop {
            while self.logging.owner().is_none() {
                self.news().await?;
            }
            self.tell(Notice::Free);
            let event = loop {
                tokio::select! {
                    event = events.recv() => match event {
                        Some(event) => break event,
                        None => return Ok(()),
                    },
                    news = self.news() => news?,
                }
            };
            match self.attempt(&event).await? {
                Ok(entry) => {
                    self.back_off.succeeded();
                    self.tell(Notice::Delivered(entry));
                }
                // Its logging service is there for others; when this one is sent again is its owner's matter.
                Err(notice @ Notice::Refused(_)) => {
                    self.back_off.succeeded();
                    self.tell(notice);
                }
                Err(notice) => {
                    self.tell(notice);
                    self.wait().await?;
                }
            }
        }
    }

    /// Sends an event and waits for what comes of it.
    async fn attempt(&mut self, event: &Event) -> anyhow::Result<Result<Option<String>, Notice>> {
        let Some(owner) = self.logging.owner() else {
            return Ok(Err(Notice::Failed("there is no logging service".to_owned())));
        };
        let begun =
            logging::begin_create(&self.connection, owner, &event.id, event.severity, &event.data).await;
        let mut outstanding = match begun {
            Ok(outstanding) => outstanding,
            Err(error) => return Ok(Err(Notice::Failed(error.to_string()))),
        };
        self.tell(Notice::Sent);
        let ending = tokio::select! {
            // An answer that is there counts, even when the name went right after it.
            biased;
            answer = outstanding.answer() => Ending::Answered(answer),
            news = self.news() => news.map(|()| Ending::Deserted)?,
        };
        Ok(match ending {
            Ending::Answered(Ok(answer)) => {
                Ok(logging::created(&answer).map(|entry| entry.as_str().to_owned()))
            }
            Ending::Answered(Err(error @ CallError::Refused { .. })) => {
                Err(Notice::Refused(error.to_string()))
            }
            Ending::Answered(Err(error)) => Err(Notice::Failed(error.to_string())),
            Ending::Deserted => {
                Err(Notice::Failed("the logging service went away before it answered".to_owned()))
            }
        })
    }

    /// Waits before the next attempt; another logging service is worth one at once.
    async fn wait(&mut self) -> anyhow::Result<()> {
        let waited = tokio::time::sleep(self.back_off.failed());
        tokio::pin!(waited);
        loop {
            tokio::select! {
                () = &mut waited => return Ok(()),
                news = self.news() => {
                    news?;
                    if self.logging.owner().is_some() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Waits until the logging service comes, goes or is another.
    async fn news(&mut self) -> anyhow::Result<()> {
        if let News::Came = self.logging.next().await? {
            self.tell(Notice::Another);
        }
        Ok(())
    }

    fn tell(&self, notice: Notice) {
        // Nobody listens at the owner's end.
        let _ = self.notices.send(notice);
    }
}
