//! Images that are handed on: another service takes such images by its own `StartUpdate`. It gets the archive as it came, and
//! what it shows of it is shown at the image's object here.

use super::{Answer, Images};
use crate::hand_over::{Event, Origin};
use crate::images::record::Stage;
use crate::installers::Installers;
use crate::settings::Settings;
use crate::start::CALL_LIMIT;
use crate::view::Interface;
use anyhow::Context as _;
use dbus_api::call::{self, CallError};
use dbus_api::object_mapper;
use dbus_api::software::announcement::{Announcement, Said, everything_rule, managed_objects};
use dbus_api::software::{
    ACTIVATION, ACTIVATION_PROGRESS, BIOS_UPDATEABLE, BMC_UPDATEABLE, NAMESPACE, Stage as ImageStage, UPDATE,
    requests,
};
use dbus_api::standard::error;
use image_follower::{End, Follower, look};
use image_format::{Purpose, VersionId};
use peer::{Namespace, NamespaceNews, is_privileged};
use service_runtime::bus::{self, Accepts};
use service_runtime::tasks;
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use update_state::{Activation, ApplyTime, RequestedActivation};
use zbus::{Connection, Message};

/// Longest wait for the answer to `StartUpdate`: some install all of an image before they answer.
const REPLY_LIMIT: Duration = Duration::from_secs(600);
/// Longest wait for the object mapper, as a client waits meanwhile.
const MAPPER_LIMIT: Duration = Duration::from_secs(2);
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

/// A service that takes images of some purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Its bus name.
    pub name: String,
    /// Unique name of its connection.
    pub owner: String,
    /// The object that takes them.
    pub object: String,
}

/// Why no service was found that an image is handed on to.
#[derive(Debug, PartialEq, Eq)]
pub enum NotFound {
    /// There is none.
    None,
    /// There are these, and clients choose none then.
    Several(Vec<String>),
    /// There are these, and none of them may install the image.
    NotBelieved(Vec<String>),
    /// The object mapper did not answer in time.
    NoAnswer,
}

impl NotFound {
    /// What is said of it; nothing where there is none, as on most machines.
    fn reason(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Several(names) => Some(format!("several services take such images: {}", names.join(", "))),
            Self::NotBelieved(names) => {
                let names = names.join(", ");
                Some(format!("{names} takes such images, and may not install this one"))
            }
            Self::NoAnswer => {
                let limit = MAPPER_LIMIT.as_secs();
                Some(format!("the object mapper did not say within {limit} s who takes such images"))
            }
        }
    }
}

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

/// A conversation about an image with the service that it is handed on to; it ends with this.
#[derive(Debug)]
pub struct Handing {
    recipient: Recipient,
    /// The image's object there, once the service has it.
    object: Option<String>,
    /// A client wants it activated.
    wishes: mpsc::UnboundedSender<()>,
    wished: Option<mpsc::UnboundedReceiver<()>>,
    conversation: Option<AbortHandle>,
    why_lost: String,
}

impl Handing {
    fn new(recipient: Recipient) -> Self {
        let (wishes, wished) = mpsc::unbounded_channel();
        Self {
            recipient,
            object: None,
            wishes,
            wished: Some(wished),
            conversation: None,
            why_lost: String::new(),
        }
    }

    /// The service's bus name.
    pub fn name(&self) -> &str {
        &self.recipient.name
    }
}

impl Drop for Handing {
    fn drop(&mut self) {
        if let Some(conversation) = &self.conversation {
            conversation.abort();
        }
    }
}

/// Where the object mapper says who takes images of a purpose; nothing for purposes that are of no such service.
pub fn association_of(purpose: Purpose) -> Option<&'static str> {
    match purpose {
        Purpose::Bmc | Purpose::System => Some(BMC_UPDATEABLE),
        Purpose::Host => Some(BIOS_UPDATEABLE),
        _ => None,
    }
}

/// Which service is looked for.
#[derive(Debug, Clone)]
struct Search {
    /// Unique names of our connections.
    own: Vec<String>,
    settings: Arc<Settings>,
    purpose: Purpose,
    compatible: Vec<String>,
}

/// The one that may be believed, of services with whether they may. Those that may not do not count, or any user could make
/// them several.
fn choose(services: Vec<(Recipient, bool)>) -> Result<Recipient, NotFound> {
    let names = |services: Vec<Recipient>| services.into_iter().map(|service| service.name).collect();
    let (believed, others): (Vec<_>, Vec<_>) =
        services.into_iter().partition(|(_, is_believed)| *is_believed);
    let mut believed: Vec<_> = believed.into_iter().map(|(service, _)| service).collect();
    match (believed.pop(), others.is_empty()) {
        (Some(service), _) if believed.is_empty() => Ok(service),
        (Some(service), _) => {
            believed.push(service);
            Err(NotFound::Several(names(believed)))
        }
        (None, true) => Err(NotFound::None),
        (None, false) => {
            Err(NotFound::NotBelieved(names(others.into_iter().map(|(service, _)| service).collect())))
        }
    }
}

/// Looks for a service that takes such images, as clients do, and that may be believed for this one.
async fn find(connection: &Connection, search: &Search) -> Result<Recipient, NotFound> {
    let found = timeout(MAPPER_LIMIT, services(connection, search)).await;
    found.unwrap_or(Err(NotFound::NoAnswer)).and_then(choose)
}

/// The services that take such images, without ourselves, and whether each may be believed.
async fn services(connection: &Connection, search: &Search) -> Result<Vec<(Recipient, bool)>, NotFound> {
    let Some(association) = association_of(search.purpose) else { return Ok(Vec::new()) };
    let ends = answered(object_mapper::endpoints(connection, association).await)?.unwrap_or_default();
    let mut services = Vec::new();
    for object in ends {
        let found = object_mapper::get_object(connection, &object, &[UPDATE]).await;
        for name in answered(found)?.unwrap_or_default().into_keys() {
            // One that has gone meanwhile is none.
            let Ok(owner) = call::owner(connection, &name).await else { continue };
            if search.own.contains(&owner) {
                continue;
            }
            let Ok(is_privileged) = is_privileged(connection, &owner).await else { continue };
            let grants = &search.settings.installers;
            let is_believed = is_privileged || grants.cover(&name, search.purpose, &search.compatible);
            services.push((Recipient { name, owner, object: object.clone() }, is_believed));
        }
    }
    Ok(services)
}

/// What the object mapper has answered; nothing where it knows none, or is not there.
fn answered<T>(answer: Result<T, CallError>) -> Result<Option<T>, NotFound> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(CallError::Refused { .. } | CallError::Absent { .. }) => Ok(None),
        Err(_) => Err(NotFound::NoAnswer),
    }
}

impl Images {
    /// A connection of ours that others may take for another service's.
    pub fn know_own(&mut self, unique_name: String) {
        self.own.push(unique_name);
    }

    /// Whether it is looked for a service to hand an image on to that was taken in just now.
    pub(super) fn looks_for_recipient(&mut self, id: &VersionId) -> bool {
        let Some(image) = self.objects.all.get_mut(id) else { return false };
        let purpose = image.record.image.purpose();
        if image.life.origin() != Origin::Client || !self.settings.handed_on.contains(&purpose) {
            image.original = None;
            return false;
        }
        let Some(search) = self.search(id) else { return false };
        let (id, connection, answers) = (id.clone(), self.objects.connection().clone(), self.answers.clone());
        tasks::spawn(async move {
            let found = find(&connection, &search).await;
            // The receiver is gone only when the service ends.
            let _ = answers.send(Answer::Recipient(id, found));
        });
        true
    }

    fn search(&self, id: &VersionId) -> Option<Search> {
        let image = &self.objects.all.get(id)?.record.image;
        let (own, settings) = (self.own.clone(), self.settings.clone());
        Some(Search { own, settings, purpose: image.purpose(), compatible: image.compatible.clone() })
    }

    /// It is known whether a service takes such images as this one.
    pub async fn found_recipient(
        &mut self,
        id: &VersionId,
        found: Result<Recipient, NotFound>,
        installers: &Installers,
        now: Duration,
    ) -> anyhow::Result<()> {
        // It may have been cancelled.
        let Some(image) = self.objects.all.get_mut(id) else { return Ok(()) };
        let event = match found {
            Ok(recipient) if image.original.is_some() => {
                image.handing = Some(Handing::new(recipient));
                Event::HandOn
            }
            Ok(Recipient { name, .. }) => {
                let why = format!("{name} takes such images, but only a file can be handed on to it");
                log::warn!("an image came by a pipe or socket id={id}: {why}");
                image.kept_back = Some(why);
                Event::TakenIn
            }
            Err(why) => {
                image.original = None;
                image.kept_back = why.reason();
                if let Some(why) = &image.kept_back {
                    log::warn!("an image is not handed on id={id}: {why}");
                }
                Event::TakenIn
            }
        };
        self.step(id, event, installers, now).await
    }

    /// Hands an image on.
    pub(super) async fn hand_on(&mut self, id: &VersionId) -> anyhow::Result<()> {
        self.objects.hide(id, &[Interface::ActivationProgress]).await?;
        let Some(search) = self.search(id) else { return Ok(()) };
        let Some(image) = self.objects.all.get_mut(id) else { return Ok(()) };
        let Some(handing) = &mut image.handing else { return Ok(()) };
        let (Some(wished), Some(original)) = (handing.wished.take(), image.original.take()) else {
            return Ok(());
        };
        // Whether the service has got it cannot be known after a crash in between, and twice is worse than not at all.
        image.record.stage = Stage::HandedOn;
        let recipient = handing.recipient.clone();
        let apply = image.record.apply_time().unwrap_or(ApplyTime::OnActivationRequest);
        let was_requested = image.view.borrow().requested == Some(RequestedActivation::Active);
        if was_requested && apply == ApplyTime::OnActivationRequest {
            // The receiver is in our hands.
            let _ = handing.wishes.send(());
        }
        let (answers, of) = (self.answers.clone(), id.clone());
        // What was unpacked is of no more use, and its loss is none then. Before the call: the service needs the room.
        self.let_folder_go(id);
        let Some(image) = self.objects.all.get_mut(id) else { return Ok(()) };
        let Some(handing) = &mut image.handing else { return Ok(()) };
        let conversation = tasks::spawn(async move {
            let tell = |news| {
                // The receiver is gone only when the service ends.
                let _ = answers.send(Answer::HandedOn(of.clone(), news));
            };
            if let Err(error) = converse(recipient, &search, original, apply, wished, tell).await {
                tell(News::Gone(format!("{error:#}")));
            }
        });
        handing.conversation = Some(conversation.abort_handle());
        let Recipient { name, object, .. } = &handing.recipient;
        log::info!("an image is handed on id={id} to={name} object={object}");
        let reason = format!("is being handed on to {name}");
        self.changes.push(super::Change::Known(id.clone(), image.facts()));
        self.objects.reason(id, reason).await?;
        self.objects.stage(id, ImageStage::HandedOn).await?;
        self.objects.activation(id).await
    }

    /// Something was heard of an image that is handed on.
    pub async fn heard_of(
        &mut self,
        id: &VersionId,
        news: News,
        installers: &Installers,
        now: Duration,
    ) -> anyhow::Result<()> {
        let Some(image) = self.objects.all.get_mut(id).filter(|image| image.life.is_handed_on()) else {
            return Ok(());
        };
        let event = match news {
            News::Progress(percent) => return self.show_installed(id, percent, now).await,
            News::GoesTo(recipient) => {
                let Some(handing) = &mut image.handing else { return Ok(()) };
                let reason = format!("is being handed on to {}", recipient.name);
                log::info!(
                    "an image is handed on anew id={id} to={} object={}",
                    recipient.name,
                    recipient.object
                );
                handing.recipient = recipient;
                return self.objects.reason(id, reason).await;
            }
            News::HasIt(object) => {
                let Some(handing) = &mut image.handing else { return Ok(()) };
                let reason = format!("{} takes such images, and has it", handing.name());
                handing.object = Some(object);
                self.objects.reason(id, reason).await?;
                Event::RecipientHasIt
            }
            News::Shows(state) => Event::RecipientShows(state),
            News::Gone(why) => {
                if let Some(handing) = &mut image.handing {
                    handing.why_lost = why;
                }
                Event::RecipientGone
            }
        };
        self.step(id, event, installers, now).await
    }

    /// Removes what was unpacked: the service unpacks the archive itself.
    fn let_folder_go(&mut self, id: &VersionId) {
        let Some(image) = self.objects.all.get_mut(id) else { return };
        let record = image.record.clone();
        image.record.folder = None;
        self.keep(id);
        if self.is_ours(id, &record) {
            self.withdraw(id);
            self.changes.push(super::Change::RoomMade);
        }
    }

    async fn show_installed(&mut self, id: &VersionId, percent: u8, now: Duration) -> anyhow::Result<()> {
        if let Some(image) = self.objects.all.get_mut(id) {
            image.quiet_since = now;
        }
        self.objects.show_new(id, Interface::ActivationProgress).await?;
        let progress = Interface::ActivationProgress;
        self.objects.change(id, progress, &["Progress"], |view| view.installed = percent).await
    }

    /// A client wants an image activated that another service has.
    pub(super) fn ask_recipient(&self, id: &VersionId) {
        if let Some(handing) = self.objects.all.get(id).and_then(|image| image.handing.as_ref()) {
            // The conversation may just have ended.
            let _ = handing.wishes.send(());
        }
    }

    /// Whether another service has the image and waits, as we do, for a client that wants it activated.
    pub(super) fn can_be_recalled(&self, id: &VersionId) -> bool {
        let Some(image) = self.objects.all.get(id) else { return false };
        let is_left_to_client = image.record.apply_time() == Some(ApplyTime::OnActivationRequest)
            && image.view.borrow().requested != Some(RequestedActivation::Active);
        let has_it = image.handing.as_ref().is_some_and(|handing| handing.object.is_some());
        image.life.is_handed_on()
            && image.life.activation() == Activation::Ready
            && is_left_to_client
            && has_it
    }

    /// Asks the service that has the image to delete it, and listens to it no more.
    pub(super) fn recall(&mut self, id: &VersionId) {
        let Some(image) = self.objects.all.get_mut(id) else { return };
        let Some(handing) = image.handing.take() else { return };
        let Some(object) = handing.object.clone() else { return };
        let Recipient { name, owner, .. } = handing.recipient.clone();
        let connection = self.objects.connection().clone();
        // Its answer changes nothing here.
        tasks::spawn(async move {
            if let Ok(Err(error)) = timeout(CALL_LIMIT, requests::delete(&connection, &owner, &object)).await
            {
                log::warn!("{name} does not delete {object}: {error}");
            }
        });
    }

    /// Shows our state as it has followed that of the service which has the image. That service has told the event log itself.
    pub(super) async fn mirror(
        &mut self,
        id: &VersionId,
        ours: Activation,
        theirs: Activation,
        service: &str,
    ) -> anyhow::Result<()> {
        if ours.is_final() {
            log::info!("{service} is done with the image, which is {theirs} id={id}");
            self.close(id);
            self.objects.hide(id, &[Interface::ActivationProgress]).await?;
            let (stage, reason) = match theirs {
                Activation::Active => (ImageStage::Done, String::new()),
                Activation::Invalid => {
                    (ImageStage::Refused, format!("{service} says that the image is invalid"))
                }
                _ => {
                    let reason = format!("{service} has failed to install the image; its log may say why");
                    (ImageStage::Failed, reason)
                }
            };
            self.objects.reason(id, reason).await?;
            self.objects.stage(id, stage).await?;
        }
        self.objects
            .change(id, Interface::Activation, &["Activation"], |view| view.activation = Some(ours))
            .await
    }

    /// Why an image is lost that was handed on.
    pub(super) fn why_lost(&self, id: &VersionId) -> String {
        let handing = self.objects.all.get(id).and_then(|image| image.handing.as_ref());
        handing.map(|handing| format!("{} {}", handing.name(), handing.why_lost)).unwrap_or_default()
    }
}

/// Hands an image on, and tells what is heard of it until the service is done with it.
///
/// Errors: the service has refused it or lost it; the text goes on after the service's name.
async fn converse(
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
    fn images_for_the_bmc_and_the_host_alone_are_handed_on() {
        for purpose in Purpose::ALL {
            let expected = match purpose.word() {
                "BMC" | "System" => Some("/xyz/openbmc_project/software/bmc/updateable"),
                "Host" => Some("/xyz/openbmc_project/software/bios/updateable"),
                _ => None,
            };
            assert_eq!(association_of(purpose), expected, "{purpose:?}");
        }
    }

    fn service(name: &str) -> Recipient {
        Recipient { name: name.to_owned(), owner: ":1.3".to_owned(), object: "/a".to_owned() }
    }

    #[test]
    fn the_one_service_that_may_be_believed_is_chosen() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (services, expected) in [
            (&[][..], Err(NotFound::None)),
            (&[("a", true)], Ok(service("a"))),
            (&[("a", false), ("b", true), ("c", false)], Ok(service("b"))),
            (&[("a", true), ("b", true), ("c", false)], Err(NotFound::Several(names(&["a", "b"])))),
            (&[("a", false)], Err(NotFound::NotBelieved(names(&["a"])))),
        ] {
            let found = services.iter().map(|(name, is_believed)| (service(name), *is_believed)).collect();
            assert_eq!(choose(found), expected, "{services:?}");
        }
    }

    #[test]
    fn why_no_service_was_found_is_said_unless_there_is_none() {
        assert_eq!(NotFound::None.reason(), None);
        for (why, says) in [
            (
                NotFound::Several(vec!["a".to_owned(), "b".to_owned()]),
                "several services take such images: a, b",
            ),
            (
                NotFound::NotBelieved(vec!["a".to_owned()]),
                "a takes such images, and may not install this one",
            ),
            (NotFound::NoAnswer, "the object mapper did not say within 2 s who takes such images"),
        ] {
            assert_eq!(why.reason().as_deref(), Some(says));
        }
    }

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
