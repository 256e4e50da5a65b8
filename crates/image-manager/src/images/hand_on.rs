//! Images that are handed on: another service takes such images by its own `StartUpdate`. It gets the archive as it came, and
//! what it shows of it is shown at the image's object here.

use super::{Answer, Images};
use crate::hand_over::{Event, Origin};
use crate::images::record::Stage;
use crate::installers::Installers;
use crate::start::CALL_LIMIT;
use crate::view::Interface;
use conversation::converse;
use dbus_api::software::{Stage as ImageStage, requests};
use image_format::VersionId;
use recipient::{Search, find};
use service_runtime::tasks;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use update_state::{Activation, ApplyTime, RequestedActivation};

mod conversation;
mod recipient;

pub use conversation::News;
pub use recipient::{NotFound, Recipient, association_of};

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
