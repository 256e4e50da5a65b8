//! The conversation with a service that gets an image: it is called, and followed until it is done with the image.

use super::recipient::{Recipient, Search, find};
use crate::start::CALL_LIMIT;
use anyhow::Context as _;
use dbus_api::call;
use dbus_api::software::announcement::{Announcement, Said, everything_rule, managed_objects};
use dbus_api::software::{ACTIVATION, ACTIVATION_PROGRESS, NAMESPACE, requests};
use dbus_api::standard::error;
use image_follower::{End, Follower, look};
use peer::{Namespace, NamespaceNews};
use service_runtime::bus::{self, Accepts};
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::pin::pin;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use update_state::{Activation, ApplyTime};
use zbus::{Connection, Message};

/// Longest wait for the answer to `StartUpdate`: some install all of an image before they answer.
const REPLY_LIMIT: Duration = Duration::from_secs(600);
/// Signals that may wait for us.
const SIGNALS_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);
/// Signals of the service that are put aside while it is called.
const PUT_ASIDE: usize = 256;
/// New objects of the service that are remembered while it is called.
const NEW_OBJECTS: usize = 16;
const TIMEOUT: &str = "org.freedesktop.DBus.Error.Timeout";
const TIMED_OUT: &str = "org.freedesktop.DBus.Error.TimedOut";
/// An image is sent as a descriptor.
const ACCEPTS: Accepts = Accepts { sends_descriptors: true, ..Accepts::SHORT };

/// What is heard of an image that is handed on.
#[derive(Debug)]
pub enum News {
    /// The service is gone, and it is handed on to this one.
    GoesTo(Recipient),
    /// The service has it, as this object.
    HasIt(String),
    /// It shows this state of it.
    Shows(Activation),
    /// So much of it is installed, percent.
    Progress(u8),
    /// The service has refused it, is gone, or has taken its object away; why, as far as is known.
    Gone(String),
}

/// Hands an image on, and tells what is heard of it until the service is done with it.
///
/// Errors: the service has refused it or lost it; the text goes on after the service's name.
pub(super) async fn converse(
    mut recipient: Recipient,
    search: &Search,
    original: File,
    apply: ApplyTime,
    mut wished: mpsc::UnboundedReceiver<()>,
    tell: impl Fn(News),
) -> anyhow::Result<()> {
    // Of its own, as the service may take long to answer.
    let connection = bus::connect(REPLY_LIMIT, &ACCEPTS).await.context("could not be reached")?;
    // Before the call, or what the service says meanwhile would be lost.
    let mut ear = Ear::follow(&connection, &recipient.owner).await?;
    let mut handed = hand_over(&connection, &mut ear, &recipient, &original, apply).await?;
    if handed.is_none() {
        let found = ear.during(find(&connection, search)).await?;
        recipient = found.ok().context("is gone, and has not got the image")?;
        tell(News::GoesTo(recipient.clone()));
        ear.turn_to(&recipient.owner);
        handed = hand_over(&connection, &mut ear, &recipient, &original, apply).await?;
    }
    let object = handed.context("is gone, and has not got the image")?;
    drop(original);
    tell(News::HasIt(object.clone()));
    let owner = &*recipient.owner;
    // That it is ready is no end: it goes on by itself then, or waits for a client.
    let mut follower = Follower::new(&*object, ApplyTime::Immediate, None);
    // One that is busy says by signals how it goes on.
    let _ = ear.during(timeout(CALL_LIMIT, look(&connection, &mut follower, owner, owner))).await?;
    let (mut told, mut is_wished) = (Told::default(), false);
    loop {
        if told.tell_of(&follower, &tell)? {
            return Ok(());
        }
        // Not before: a service that is not ready ignores it, and does not take the same wish twice.
        if follower.activation() == Some(Activation::Ready) && std::mem::take(&mut is_wished) {
            let asked = timeout(CALL_LIMIT, requests::activate(&connection, owner, &object));
            if let Ok(Err(error)) = ear.during(asked).await? {
                log::warn!("{} does not begin with {object}: {error}", recipient.name);
            }
        }
        tokio::select! {
            heard = ear.next() => match heard? {
                Heard::Said(announcement) => {
                    follower.announced(&announcement);
                }
                Heard::Gone => anyhow::bail!("is gone, and was not done with the image"),
            },
            Some(()) = wished.recv() => is_wished = true,
        }
    }
}

/// Calls the service, and gives the image's object there; nothing when the service was gone before.
///
/// One that does not answer in time may have the image nevertheless: a new object of its own is the image's then.
/// Errors: the service has refused the image, lost it, or not said what has become of it.
async fn hand_over(
    connection: &Connection,
    ear: &mut Ear,
    recipient: &Recipient,
    original: &File,
    apply: ApplyTime,
) -> anyhow::Result<Option<String>> {
    let owner = &*recipient.owner;
    let before = ear.during(objects_of(connection, owner)).await?;
    let image = reopen(original).context("could not be given the image")?;
    let since = Instant::now();
    let asked = requests::start_update(connection, owner, &recipient.object, image.as_fd(), apply);
    let error = match ear.during(asked).await? {
        Ok(object) => {
            // Some services name an object that they had when they cannot make a new one.
            let is_new = !before.contains(object.as_str());
            anyhow::ensure!(is_new, "refuses the image, as {object} was there before");
            return Ok(Some(object.as_str().to_owned()));
        }
        Err(error) => error,
    };
    let why = Unanswered::of(&error);
    if why == Unanswered::Refused {
        return Err(error).context("refuses the image");
    }
    let has_owner = ear.during(is_there(connection, owner)).await?;
    match why {
        Unanswered::NotThere if !has_owner => Ok(None),
        Unanswered::Late => {
            if let Some(object) = ear.new_object(&before) {
                log::warn!("{} has not answered, and is followed by its new object {object}", recipient.name);
                return Ok(Some(object));
            }
            anyhow::ensure!(has_owner, "is gone, and was not done with the image");
            anyhow::bail!("did not answer within {} s", since.elapsed().as_secs());
        }
        _ => Err(error).context("refuses the image"),
    }
}

/// Why a call got no answer, or another than the one that was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unanswered {
    /// The bus knows no such connection; the call got to none.
    NotThere,
    /// The service may have done what it was asked for.
    Late,
    /// The service has refused.
    Refused,
}

impl Unanswered {
    fn of(error: &zbus::Error) -> Self {
        use zbus::DBusError as _;
        let name = match error {
            zbus::Error::InputOutput(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                return Self::Late;
            }
            zbus::Error::FDO(error) => error.name().to_string(),
            zbus::Error::MethodError(name, ..) => name.to_string(),
            _ => return Self::Refused,
        };
        match &*name {
            error::SERVICE_UNKNOWN | error::NAME_HAS_NO_OWNER => Self::NotThere,
            error::NO_REPLY | TIMEOUT | TIMED_OUT => Self::Late,
            _ => Self::Refused,
        }
    }
}

/// Whether a connection is there; so it is taken to be where the bus does not say.
async fn is_there(connection: &Connection, owner: &str) -> bool {
    timeout(CALL_LIMIT, call::has_owner(connection, owner)).await.is_ok_and(|asked| asked.unwrap_or(true))
}

/// What the service says that has the image. All signals are read, also while it is called: any connection may send so many
/// that no answer would come behind them.
#[derive(Debug)]
struct Ear {
    all: Namespace,
    owner: String,
    /// What was heard while the service was called; of more than may be kept the last.
    aside: VecDeque<Message>,
    /// Objects that came meanwhile and show an Activation.
    came: BTreeSet<String>,
    is_gone: bool,
}

/// What was heard.
#[derive(Debug)]
enum Heard {
    Said(Announcement),
    /// The service is gone.
    Gone,
}

impl Ear {
    async fn follow(connection: &Connection, owner: &str) -> anyhow::Result<Self> {
        let all = Namespace::follow(connection, NAMESPACE, [everything_rule()?], SIGNALS_KEPT).await?;
        let (aside, came) = (VecDeque::new(), BTreeSet::new());
        Ok(Self { all, owner: owner.to_owned(), aside, came, is_gone: false })
    }

    /// Listens to another service from now on.
    fn turn_to(&mut self, owner: &str) {
        owner.clone_into(&mut self.owner);
        self.aside.clear();
        self.came.clear();
        self.is_gone = false;
    }

    /// Waits for what the service says next. Dropping the future loses nothing.
    async fn next(&mut self) -> anyhow::Result<Heard> {
        loop {
            let message = match self.aside.pop_front() {
                Some(message) => message,
                None if self.is_gone => return Ok(Heard::Gone),
                None => match self.all.next().await? {
                    NamespaceNews::Said(message) => message,
                    NamespaceNews::Gone { owner } if owner == self.owner => return Ok(Heard::Gone),
                    _ => continue,
                },
            };
            if let Some(announcement) = self.announcement(&message) {
                return Ok(Heard::Said(announcement));
            }
        }
    }

    /// Waits for something, and puts aside what is heard meanwhile.
    async fn during<T>(&mut self, awaited: impl Future<Output = T>) -> anyhow::Result<T> {
        let mut awaited = pin!(awaited);
        loop {
            let news = tokio::select! {
                biased;
                done = &mut awaited => return Ok(done),
                news = self.all.next() => news?,
            };
            match news {
                NamespaceNews::Said(message) => self.put_aside(message),
                NamespaceNews::Gone { owner } if owner == self.owner => self.is_gone = true,
                _ => {}
            }
        }
    }

    fn announcement(&self, message: &Message) -> Option<Announcement> {
        let is_its = message.header().sender().is_some_and(|sender| sender.as_str() == self.owner);
        is_its.then(|| Announcement::of(message)).flatten()
    }

    fn put_aside(&mut self, message: Message) {
        let Some(announcement) = self.announcement(&message) else { return };
        match announcement.said {
            Said::Added(interfaces)
                if interfaces.contains_key(ACTIVATION) && self.came.len() < NEW_OBJECTS =>
            {
                self.came.insert(announcement.path);
            }
            Said::Changed { interface, .. }
                if interface != ACTIVATION && interface != ACTIVATION_PROGRESS =>
            {
                return;
            }
            _ => {}
        }
        if self.aside.len() >= PUT_ASIDE {
            self.aside.pop_front();
        }
        // As it came: read, it takes many times the memory.
        self.aside.push_back(message);
    }

    /// The one object that has come; none when there are several, as it is not known then which is the image's.
    fn new_object(&self, before: &BTreeSet<String>) -> Option<String> {
        let mut new = self.came.iter().filter(|path| !before.contains(*path));
        new.next().filter(|_| new.next().is_none()).cloned()
    }
}

/// What was told last of what is followed.
#[derive(Debug, Default)]
struct Told {
    state: Option<Activation>,
    percent: Option<u8>,
}

impl Told {
    /// Tells what is new; whether it has come to its end.
    ///
    /// Errors: the object is gone, or shows no state any more.
    fn tell_of(&mut self, follower: &Follower, tell: &impl Fn(News)) -> anyhow::Result<bool> {
        let (state, percent) = (follower.activation(), follower.doing().percent);
        if state != self.state {
            let is_gone = state.is_none();
            anyhow::ensure!(!is_gone, "has nothing to do with the image any more, and was not done with it");
            self.state = state;
            state.into_iter().for_each(|state| tell(News::Shows(state)));
        }
        anyhow::ensure!(
            follower.end() != Some(End::Removed),
            "has removed the image, and was not done with it"
        );
        if percent != self.percent {
            self.percent = percent;
            percent.into_iter().for_each(|percent| tell(News::Progress(percent)));
        }
        Ok(state.is_some_and(Activation::is_final))
    }
}

/// The objects that a service has; none where it does not say.
async fn objects_of(connection: &Connection, owner: &str) -> BTreeSet<String> {
    let asked = timeout(CALL_LIMIT, managed_objects(connection, owner)).await;
    let objects = asked.ok().and_then(Result::ok).unwrap_or_default();
    objects.into_keys().map(|path| path.as_str().to_owned()).collect()
}

/// The same file, to be read from its start: the position of a descriptor is shared by all that have it.
fn reopen(file: &File) -> std::io::Result<File> {
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Seek as _, Write as _};

    #[test]
    fn a_call_that_was_not_answered_in_time_was_not_refused() {
        let timed_out = zbus::Error::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        assert_eq!(Unanswered::of(&timed_out), Unanswered::Late);
        for (error, expected) in [
            (zbus::fdo::Error::NoReply(String::new()), Unanswered::Late),
            (zbus::fdo::Error::Timeout(String::new()), Unanswered::Late),
            (zbus::fdo::Error::TimedOut(String::new()), Unanswered::Late),
            (zbus::fdo::Error::ServiceUnknown(String::new()), Unanswered::NotThere),
            (zbus::fdo::Error::NameHasNoOwner(String::new()), Unanswered::NotThere),
            (zbus::fdo::Error::AccessDenied(String::new()), Unanswered::Refused),
        ] {
            let error = zbus::Error::FDO(Box::new(error));
            assert_eq!(Unanswered::of(&error), expected, "{error}");
        }
    }

    #[test]
    fn what_is_handed_on_is_read_from_its_start_though_another_reads_too() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"image").unwrap();
        let mut reopened = reopen(&file).unwrap();
        let mut read = String::new();
        reopened.read_to_string(&mut read).unwrap();
        assert_eq!((read.as_str(), file.stream_position().unwrap()), ("image", 5));
        assert!(reopened.write_all(b"x").is_err(), "it is there to be read");
    }
}
