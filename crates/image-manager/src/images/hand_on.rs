//! Images that are handed on: another service takes such images by its own `StartUpdate`. It gets the archive as it came, and
//! what it shows of it is shown at the image's object here.

use super::{Answer, Images};
use crate::hand_over::{Event, Origin};
use crate::images::record::Stage;
use crate::installers::Installers;
use crate::start::CALL_LIMIT;
use crate::view::Interface;
use anyhow::Context as _;
use dbus_api::software::announcement::{Announcement, everything_rule, managed_objects};
use dbus_api::software::{BIOS_UPDATEABLE, BMC_UPDATEABLE, NAMESPACE, Stage as ImageStage, UPDATE, requests};
use dbus_api::{call, object_mapper};
use image_follower::{End, Follower, look};
use image_format::{Purpose, VersionId};
use installer_trust::Grants;
use peer::{Namespace, NamespaceNews, is_privileged};
use service_runtime::bus::{self, Accepts};
use service_runtime::tasks;
use std::collections::BTreeSet;
use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use update_state::{Activation, ApplyTime, RequestedActivation};
use zbus::Connection;

/// Longest wait for the answer to `StartUpdate`: some install all of an image before they answer.
const REPLY_LIMIT: Duration = Duration::from_secs(600);
/// Signals that may wait for us.
const SIGNALS_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);
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

/// What is heard of an image that is handed on.
#[derive(Debug)]
pub enum News {
    /// The service has it.
    HasIt,
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
    /// A client wants it activated.
    wishes: mpsc::UnboundedSender<()>,
    wished: Option<mpsc::UnboundedReceiver<()>>,
    conversation: Option<AbortHandle>,
    why_lost: String,
}

impl Handing {
    fn new(recipient: Recipient) -> Self {
        let (wishes, wished) = mpsc::unbounded_channel();
        Self { recipient, wishes, wished: Some(wished), conversation: None, why_lost: String::new() }
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

/// The one that is not ours, of the bus names of services with their owners; nothing when there are several, as clients choose
/// none then either.
fn choose(services: Vec<(String, String)>, own: &[String]) -> Option<(String, String)> {
    let mut others = services.into_iter().filter(|(_, owner)| !own.contains(owner));
    others.next().filter(|_| others.next().is_none())
}

/// Looks for a service that takes images of a purpose, as clients do, and that may be believed for this one.
async fn find(
    connection: &Connection,
    own: &[String],
    grants: &Grants,
    purpose: Purpose,
    compatible: &[String],
) -> Option<Recipient> {
    let ends = object_mapper::endpoints(connection, association_of(purpose)?).await.ok()?;
    let [object] = &*ends else { return None };
    let found = object_mapper::get_object(connection, object, &[UPDATE]).await.ok()?;
    let mut services = Vec::new();
    for name in found.into_keys() {
        let owner = call::owner(connection, &name).await.ok()?;
        services.push((name, owner));
    }
    let (name, owner) = choose(services, own)?;
    if !is_privileged(connection, &owner).await.ok()? && !grants.cover(&name, purpose, compatible) {
        log::warn!("{name} takes images of purpose {} and may not install this one", purpose.word());
        return None;
    }
    Some(Recipient { name, owner, object: object.clone() })
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
        let (id, compatible) = (id.clone(), image.record.image.compatible.clone());
        let (connection, answers) = (self.objects.connection().clone(), self.answers.clone());
        let (own, settings) = (self.own.clone(), self.settings.clone());
        tasks::spawn(async move {
            let finding = find(&connection, &own, &settings.installers, purpose, &compatible);
            // A mapper that is slow keeps a client waiting; without an answer an installer may come.
            let recipient = timeout(CALL_LIMIT, finding).await.unwrap_or(None);
            // The receiver is gone only when the service ends.
            let _ = answers.send(Answer::Recipient(id, recipient));
        });
        true
    }

    /// It is known whether a service takes such images as this one.
    pub async fn found_recipient(
        &mut self,
        id: &VersionId,
        recipient: Option<Recipient>,
        installers: &Installers,
        now: Duration,
    ) -> anyhow::Result<()> {
        // It may have been cancelled.
        let Some(image) = self.objects.all.get_mut(id) else { return Ok(()) };
        let event = match recipient {
            Some(recipient) if image.original.is_some() => {
                image.handing = Some(Handing::new(recipient));
                Event::HandOn
            }
            Some(Recipient { name, .. }) => {
                let why = format!("{name} takes such images, but only a file can be handed on to it");
                log::warn!("an image came by a pipe or socket id={id}: {why}");
                image.kept_back = Some(why);
                Event::TakenIn
            }
            None => {
                image.original = None;
                Event::TakenIn
            }
        };
        self.step(id, event, installers, now).await
    }

    /// Hands an image on.
    pub(super) async fn hand_on(&mut self, id: &VersionId) -> anyhow::Result<()> {
        self.objects.hide(id, &[Interface::ActivationProgress]).await?;
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
        let conversation = tasks::spawn(async move {
            let tell = |news| {
                // The receiver is gone only when the service ends.
                let _ = answers.send(Answer::HandedOn(of.clone(), news));
            };
            if let Err(error) = converse(recipient, original, apply, wished, tell).await {
                tell(News::Gone(format!("{error:#}")));
            }
        });
        handing.conversation = Some(conversation.abort_handle());
        let Recipient { name, object, .. } = &handing.recipient;
        log::info!("an image is handed on id={id} to={name} object={object}");
        let reason = format!("{name} takes such images, and has it");
        self.changes.push(super::Change::Known(id.clone(), image.facts()));
        self.keep(id);
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
            News::HasIt => {
                self.let_folder_go(id);
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

    /// What was unpacked is of no more use: the service unpacks the archive itself.
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
    recipient: Recipient,
    original: File,
    apply: ApplyTime,
    mut wished: mpsc::UnboundedReceiver<()>,
    tell: impl Fn(News),
) -> anyhow::Result<()> {
    let owner = &*recipient.owner;
    // Of its own, as the service may take long to answer.
    let connection = bus::connect(REPLY_LIMIT, &ACCEPTS).await.context("could not be reached")?;
    // Before the call, or what the service says meanwhile would be lost.
    let mut others = Namespace::follow(&connection, NAMESPACE, [everything_rule()?], SIGNALS_KEPT).await?;
    let before = objects_of(&connection, owner).await;
    let image = reopen(&original).context("could not be given the image")?;
    drop(original);
    let handed = requests::start_update(&connection, owner, &recipient.object, image.as_fd(), apply).await;
    let object = handed.context("refuses the image")?;
    drop(image);
    // Some services name an object that they had when they cannot make a new one.
    anyhow::ensure!(!before.contains(object.as_str()), "refuses the image, as {object} was there before");
    tell(News::HasIt);
    // That it is ready is no end: it goes on by itself then, or waits for a client.
    let mut follower = Follower::new(object.as_str(), ApplyTime::Immediate, None);
    // One that is busy says by signals how it goes on.
    let _ = timeout(CALL_LIMIT, look(&connection, &mut follower, owner, owner)).await;
    let (mut told, mut is_wished) = (Told::default(), false);
    loop {
        if told.tell_of(&follower, &tell)? {
            return Ok(());
        }
        // Not before: a service that is not ready ignores it, and does not take the same wish twice.
        if follower.activation() == Some(Activation::Ready) && std::mem::take(&mut is_wished) {
            let asked = timeout(CALL_LIMIT, requests::activate(&connection, owner, object.as_str())).await;
            if let Ok(Err(error)) = asked {
                log::warn!("{} does not begin with {object}: {error}", recipient.name);
            }
        }
        tokio::select! {
            news = others.next() => match news? {
                NamespaceNews::Said(message) => {
                    let announcement = Announcement::of(&message).filter(|said| said.sender == owner);
                    if let Some(announcement) = announcement {
                        follower.announced(&announcement);
                    }
                }
                NamespaceNews::Gone { owner: gone } if gone == owner => {
                    anyhow::bail!("is gone, and was not done with the image");
                }
                _ => {}
            },
            Some(()) = wished.recv() => is_wished = true,
        }
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

    #[test]
    fn the_one_service_that_is_not_ours_is_chosen() {
        let own = [":1.1".to_owned(), ":1.2".to_owned()];
        for (services, expected) in [
            (&[][..], None),
            (&[("a", ":1.1"), ("b", ":1.2")], None),
            (&[("a", ":1.1"), ("b", ":1.3")], Some(("b", ":1.3"))),
            (&[("a", ":1.4"), ("b", ":1.3")], None),
        ] {
            let text = |(name, owner): &(&str, &str)| ((*name).to_owned(), (*owner).to_owned());
            let services: Vec<_> = services.iter().map(text).collect();
            assert_eq!(choose(services.clone(), &own), expected.as_ref().map(text), "{services:?}");
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
