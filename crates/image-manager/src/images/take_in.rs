//! How images come to be here: an id for each, a record, a folder of its name, an object.

use super::objects::ImageObject;
use super::record::{Record, Shown, Stage, UploadPlace, hex};
use super::{Answer, Images};
use crate::dbus::object_path;
use crate::drop_folder::folder::{Stamp, random};
use crate::drop_folder::tame;
use crate::events;
use crate::hand_over::{Event, HandOver, Origin};
use crate::image_source::ImageSource;
use crate::installers::{Installers, calls};
use crate::unpacker::{Failure, Progress, Taken, unwritten};
use crate::view::Interface;
use dbus_api::software::refusal::Refusal;
use dbus_api::software::{Stage as ImageStage, parse_apply_time};
use image_check::{Rejection, Verification};
use image_format::{Purpose, VersionId};
use service_runtime::tasks;
use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use update_state::{ApplyTime, RequestedActivation};
use zbus::{ObjectPath, OwnedFd};

/// How often another id is tried.
const ID_TRIES: u32 = 16;
/// Longest path of an object that an image is for, bytes: it is kept in the image's record, which has a longest size.
const LONGEST_TARGET: usize = 4_096;
/// Longest wait for the object mapper, which may be absent or hang.
const MAPPER_LIMIT: Duration = Duration::from_millis(500);
/// The same while a caller waits for us.
const SHORT_MAPPER_LIMIT: Duration = Duration::from_millis(50);

/// An image as a client or an installer hands it over.
#[derive(Debug)]
pub struct StartUpdate {
    /// The image.
    pub image: OwnedFd,
    /// When it is to be applied, as the bus says it.
    pub apply_time: String,
    /// Path of the object that it is for; empty where it is for whatever fits.
    pub target: String,
    /// Bus name of the installer that hands it on.
    pub installer: Option<String>,
    /// The image of ours whose object was called.
    pub replaces: Option<VersionId>,
}

/// The same, of which everything was looked at but its bytes.
#[derive(Debug)]
pub struct Judged {
    apply: ApplyTime,
    target: String,
    installer: Option<String>,
    /// The image of ours whose object was called, and the purpose that it has.
    pub replaces: Option<(VersionId, Option<Purpose>)>,
    source: ImageSource,
    length: Option<u64>,
    progress: Arc<Progress>,
}

/// An image that was accepted, and is to be unpacked.
#[derive(Debug)]
pub struct Accepted {
    /// Its id.
    pub id: VersionId,
    /// Where its bytes come from.
    pub source: ImageSource,
    /// How many they are, where that is known.
    pub length: Option<u64>,
    /// Told while it is unpacked.
    pub progress: Arc<Progress>,
}

/// An image that was dropped, unpacked, and is about to get an id.
#[derive(Debug)]
pub struct Named {
    id: VersionId,
    /// The object mapper knows an object of this id after all.
    is_taken: bool,
    taken: Taken,
    /// The dropped file.
    pub file: DroppedFile,
    tries: u32,
}

/// The dropped file that an image came from.
#[derive(Debug, Clone)]
pub struct DroppedFile {
    /// Its name.
    pub name: OsString,
    /// How it stood when it had been read.
    pub stamp: Stamp,
}

/// What has become of a dropped image that was to get an id.
#[derive(Debug)]
pub enum Naming {
    /// Another id is tried.
    GoesOn,
    /// It has its id and its folder; now its file may go, then it is to be published.
    Done(VersionId, Box<Record>),
    /// It could not get its folder.
    Failed(Failure),
}

impl Images {
    /// Accepts an image, and shows its object.
    pub async fn accept(
        &mut self,
        request: Judged,
        now: Duration,
    ) -> anyhow::Result<Result<Accepted, Refusal>> {
        let apply = request.apply;
        let Some(id) = self.new_id().await? else {
            return Ok(Err(Refusal::Unavailable("no id is free, says the object mapper".to_owned())));
        };
        let mut record = Record::taking_in(apply);
        record.target.clone_from(&request.target);
        record.installer.clone_from(&request.installer);
        if let Err(error) = self.records.save(&id, &record) {
            return Ok(Err(Refusal::Internal(format!("cannot keep a record: {error}"))));
        }
        let life = HandOver::new(record.origin(), apply, self.limits());
        let mut image = ImageObject::new(id.clone(), record, life, now);
        let may_be_handed_on = image.life.origin() == Origin::Client && !self.settings.handed_on.is_empty();
        image.original = request.source.original().filter(|_| may_be_handed_on);
        image.expected = request.replaces.and_then(|(_, purpose)| purpose);
        image.view.send_modify(|view| {
            view.requested = Some(RequestedActivation::None);
            view.apply_time = Some(apply);
            view.stage = ImageStage::Queued;
        });
        let by = request.installer.as_ref().map(|name| format!(" installer={name}")).unwrap_or_default();
        log::info!("StartUpdate: an image is queued id={id} apply={apply}{by}");
        self.insert(image);
        // It can be cancelled from now on.
        self.objects.put(&id, &[Interface::Delete]).await?;
        self.objects.show(&id, &[Interface::Activation, Interface::Image]).await?;
        let Judged { source, length, progress, .. } = request;
        Ok(Ok(Accepted { id, source, length, progress }))
    }

    /// Looks at everything but the bytes.
    pub fn judge(&self, request: StartUpdate) -> Result<Judged, Refusal> {
        let unknown = |name, value: &str| Refusal::InvalidArgument { name, value: value.to_owned() };
        let StartUpdate { image, apply_time, mut target, installer, replaces } = request;
        let apply = parse_apply_time(&apply_time).ok_or_else(|| unknown("ApplyTime", &apply_time))?;
        if target.len() > LONGEST_TARGET {
            return Err(unknown("Target", &format!("a path of {} bytes", target.len())));
        }
        if !target.is_empty() && ObjectPath::try_from(&*target).is_err() {
            return Err(unknown("Target", &target));
        }
        let replaces = match replaces {
            Some(id) => {
                let replaced = self.get(&id).ok_or_else(|| Refusal::Unknown(id.to_string()))?;
                target.clone_from(&replaced.record.target);
                let purpose = replaced.facts().purpose;
                Some((id, purpose))
            }
            None => None,
        };
        let stop: Arc<AtomicBool> = Arc::default();
        let source = ImageSource::descriptor(image.into(), self.settings.patience, Arc::clone(&stop));
        let (source, length) = source.map_err(|error| Refusal::InvalidImage(error.to_string()))?;
        let progress = Arc::new(Progress::with_stop(stop));
        Ok(Judged { apply, target, installer, replaces, source, length, progress })
    }

    /// An id that no object has, as far as can be known while a caller waits.
    async fn new_id(&self) -> anyhow::Result<Option<VersionId>> {
        for _ in 0..ID_TRIES {
            let id = VersionId::of_salt(random()?);
            let is_free = !self.is_known(&id) && !self.folder.join(id.as_str()).exists();
            let path = object_path(&id);
            let asked = calls::is_taken(self.objects.connection(), &path);
            let asked = tokio::time::timeout(SHORT_MAPPER_LIMIT, asked);
            if is_free && !asked.await.unwrap_or(false) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Whether there is an image of this id.
    pub fn is_known(&self, id: &VersionId) -> bool {
        self.objects.all.contains_key(id)
    }

    /// An image that was handed over was unpacked, or not.
    pub async fn unpacked(
        &mut self,
        id: &VersionId,
        result: Result<Taken, Failure>,
        installers: &Installers,
        now: Duration,
    ) -> anyhow::Result<()> {
        if !self.is_known(id) {
            // It was cancelled meanwhile.
            if let Ok(taken) = result {
                self.discard(taken.draft);
            }
            return Ok(());
        }
        let result = result.and_then(|taken| self.admit(taken));
        let settled = result.and_then(|taken| self.settle_update(id, taken, installers));
        let path = self.folder.join(id.as_str()).display().to_string();
        match settled {
            Ok(record) => {
                let signer = record.signer.clone().unwrap_or_default();
                self.objects
                    .change(id, Interface::Image, &["Stage", "Progress", "Signer"], |view| {
                        view.stage = ImageStage::Checked;
                        view.progress = 100;
                        view.signer = signer;
                    })
                    .await?;
                let Some(image) = self.objects.all.get_mut(id) else { return Ok(()) };
                image.record = record;
                image.show_record(path);
                tell_taken(image, None);
                if self.looks_for_recipient(id) {
                    return Ok(());
                }
                self.step(id, Event::TakenIn, installers, now).await
            }
            Err(failure) => {
                log::error!("an image is not taken in id={id}: {failure}");
                let Some(image) = self.objects.all.get_mut(id) else { return Ok(()) };
                image.failure = events::of(&failure, &path)
                    .or_else(|| events::unfit(&failure, id.as_str(), object_path(id).as_str()));
                image.original = None;
                image.view.send_modify(|view| view.reason = failure.to_string());
                self.step(id, Event::NotTakenIn, installers, now).await
            }
        }
    }

    /// Refuses what was taken in without signatures when field mode was enabled meanwhile.
    pub fn admit(&mut self, taken: Taken) -> Result<Taken, Failure> {
        match taken.image.verification {
            Verification::Unsigned(fault) if self.is_enforcing => {
                self.discard(taken.draft);
                Err(Failure::Rejected(fault.into()))
            }
            _ => Ok(taken),
        }
    }

    fn settle_update(
        &mut self,
        id: &VersionId,
        taken: Taken,
        installers: &Installers,
    ) -> Result<Record, Failure> {
        let Some(image) = self.objects.all.get(id) else { return Err(Rejection::Interrupted.into()) };
        let mut record = record_of(&taken, None);
        record.apply_time.clone_from(&image.record.apply_time);
        record.target.clone_from(&image.record.target);
        record.installer.clone_from(&image.record.installer);
        if let Err(failure) = judge_fit(image, &taken, installers) {
            self.discard(taken.draft);
            return Err(failure);
        }
        tell_faults(id, &taken);
        match self.settle(id, &taken.draft, &mut record) {
            Ok(()) => {
                if self.may_be_handed_on(&record) {
                    // A run that is killed before that is decided has lost what could be handed on.
                    record.stage = Stage::TakingIn;
                }
                self.write(id, &record);
                Ok(record)
            }
            Err(error) => {
                self.discard(taken.draft);
                Err(Failure::Rejected(unwritten(&self.folder, error)))
            }
        }
    }

    /// Whether it is looked for another service that takes the image, before an installer may claim it.
    fn may_be_handed_on(&self, record: &Record) -> bool {
        record.origin() == Origin::Client && self.settings.handed_on.contains(&record.image.purpose())
    }

    /// A dropped image was unpacked: looks for an id that no object has.
    pub fn find_id(&self, taken: Taken, file: DroppedFile) {
        self.try_id(taken, file, 0);
    }

    fn try_id(&self, taken: Taken, file: DroppedFile, tries: u32) {
        let (connection, answers) = (self.objects.connection().clone(), self.answers.clone());
        let salt = random().unwrap_or_default();
        let id = VersionId::salted(&taken.image.manifest.version, salt);
        tasks::spawn(async move {
            let path = object_path(&id);
            let asked = tokio::time::timeout(MAPPER_LIMIT, calls::is_taken(&connection, &path)).await;
            let is_taken = asked.unwrap_or(false);
            let named = Named { id, is_taken, taken, file, tries: tries.saturating_add(1) };
            // The receiver is gone only when the service ends.
            let _ = answers.send(Answer::Named(Box::new(named)));
        });
    }

    /// Gives a dropped image its id, and its folder that name.
    pub fn name(&mut self, named: Named) -> Naming {
        let Named { id, is_taken, taken, file, tries } = named;
        let mut record = record_of(&taken, Some(&file));
        tell_faults(&id, &taken);
        let result = if is_taken || self.is_known(&id) {
            Err(io::ErrorKind::AlreadyExists.into())
        } else {
            self.settle(&id, &taken.draft, &mut record)
        };
        match result {
            Ok(()) => Naming::Done(id, Box::new(record)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < ID_TRIES => {
                self.try_id(taken, file, tries);
                Naming::GoesOn
            }
            Err(error) => {
                self.discard(taken.draft);
                Naming::Failed(Failure::Rejected(unwritten(&self.folder, error)))
            }
        }
    }

    /// Publishes a dropped image, whose file is gone.
    pub async fn publish(
        &mut self,
        id: VersionId,
        mut record: Record,
        name: &OsStr,
        now: Duration,
    ) -> anyhow::Result<()> {
        // From here on a file of its name is another.
        record.upload = None;
        self.write(&id, &record);
        let life = HandOver::dropped(self.limits(), now);
        let image = ImageObject::new(id.clone(), record, life, now);
        image.show_record(self.folder.join(id.as_str()).display().to_string());
        image.view.send_modify(|view| {
            view.stage = ImageStage::Waiting;
            view.progress = 100;
        });
        tell_taken(&image, Some(name));
        let announced = image.announced();
        self.insert(image);
        self.objects.show(&id, &announced).await
    }

    /// Puts an unpacked folder where it belongs.
    ///
    /// The record comes first, or no record would say after a kill whose the folder is; it still says that the image is being
    /// taken in, or one that never got its name would be thought published.
    fn settle(&self, id: &VersionId, draft: &str, record: &mut Record) -> io::Result<()> {
        record.stage = Stage::TakingIn;
        // There may be room in the drop folder though there is none where records lie.
        self.records.save(id, record).map_err(|error| io::Error::other(format!("no record: {error}")))?;
        self.folder.publish(draft, id).inspect_err(|_| self.records.remove(id))?;
        record.stage = Stage::Published;
        Ok(())
    }

    /// Removes a folder that has no object any more, off the bus's task.
    pub(super) fn discard(&mut self, name: String) {
        let folder = Arc::clone(&self.folder);
        self.discards.retain(|discard| !discard.is_finished());
        self.discards.push(tokio::task::spawn_blocking(move || folder.discard(&name)));
    }
}

/// Whether an image is one that it may be: for the object that it was handed to, and its installer's to install.
fn judge_fit(image: &ImageObject, taken: &Taken, installers: &Installers) -> Result<(), Failure> {
    let purpose = taken.image.purpose;
    if let Some(expected) = image.expected.filter(|expected| *expected != purpose) {
        let (expected, purpose) = (expected.word(), purpose.word());
        let reason =
            format!("its purpose is {purpose}, and the object that it was handed to takes {expected}");
        return Err(Failure::Unfit(reason));
    }
    let Some(name) = &image.record.installer else { return Ok(()) };
    if !installers.may_install(name, purpose, &taken.image.manifest.compatible_names) {
        let purpose = purpose.word();
        return Err(Failure::Unfit(format!(
            "{name}, which has handed it on, may not install images of purpose {purpose} with these compatible names"
        )));
    }
    Ok(())
}

/// What is to be known of an image after a restart.
fn record_of(taken: &Taken, file: Option<&DroppedFile>) -> Record {
    let (manifest, purpose) = (&taken.image.manifest, taken.image.purpose);
    Record {
        stage: Stage::Published,
        folder: Some(taken.identity.into()),
        upload: file.map(|file| UploadPlace {
            name: hex(&file.name),
            size: file.stamp.size,
            place: file.stamp.identity.into(),
        }),
        verification: taken.verified(),
        signer: taken.signer.clone(),
        image: Shown {
            purpose: purpose.word().to_owned(),
            version: manifest.version.clone(),
            extended_version: manifest.extended_version.clone(),
            compatible: manifest.compatible_names.clone(),
        },
        files: taken.files.clone(),
        ..Record::dropped()
    }
}

/// Says what is to be known of an image that is taken nevertheless.
fn tell_faults(id: &VersionId, taken: &Taken) {
    if let Verification::Unsigned(fault) = &taken.image.verification {
        log::warn!("an image is taken in though it is not signed as it should be id={id}: {fault}");
    }
    for remark in &taken.image.remarks {
        log::warn!("an image is accepted with a remark id={id}: {remark}");
    }
}

/// What the log says of an image that was taken in.
fn tell_taken(image: &ImageObject, name: Option<&OsStr>) {
    let shown = &image.record.image;
    let from = name.map(|name| format!(" upload={}", tame(&name.to_string_lossy()))).unwrap_or_default();
    log::info!(
        "an image was taken in id={} purpose={} version={} signatures={:?}{from}",
        image.id,
        shown.purpose,
        shown.version,
        image.record.verification,
    );
}
