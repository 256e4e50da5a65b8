//! Settings, the bus, and the wiring of the service's parts.

use crate::bmc_target::BmcTarget;
use crate::dbus::Commands;
use crate::drop_folder::DropFolder;
use crate::drop_folder::folder::Folder;
use crate::drop_folder::intake::Intake;
use crate::images::Images;
use crate::images::record::Records;
use crate::installers::asking::Asking;
use crate::installers::calls::{self, OtherServices};
use crate::installers::{Installers, Marker};
use crate::service::{Channels, Service};
use crate::settings::{Fragment, Multipart, Policy, Settings};
use crate::unpacking::Unpacking;
use crate::{NAME, multipart};
use anyhow::Context as _;
use dbus_api::software;
use dbus_api::software::faces;
use dbus_api::software::root::Root;
use event_log::EventLog;
use service_config::{Merged, SourceFile};
use service_runtime::bus::Accepts;
use service_runtime::daemon::{self, Start};
use service_runtime::{Exit, bus, folders};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use zbus::{Connection, ObjectPath};

/// Of the calls, two take a descriptor.
const ACCEPTS: Accepts = Accepts {
    descriptors: &[(software::UPDATE, software::START_UPDATE), (software::INTAKE, software::START_UPDATE)],
    ..Accepts::SHORT
};
/// Longest wait for any other program.
pub const CALL_LIMIT: Duration = Duration::from_secs(5);
/// Longest wait for the object mapper before the name is taken.
const MARKER_LIMIT: Duration = Duration::from_millis(200);

/// Takes in images until told to stop.
pub async fn start(start: Start) -> anyhow::Result<()> {
    let (merged, settings) = load(&start)?;
    if start.print_config {
        return service_runtime::print(&merged.describe());
    }
    let settings = Arc::new(settings);
    let (connection, _) = bus::connect_as_service(CALL_LIMIT, &ACCEPTS).await?;
    // Two services must not share a folder: one would sweep away what the other unpacks.
    bus::refuse_second(&connection, software::IMAGE_MANAGER).await?;
    let folder = open_folder(&settings)?;
    folder.sweep().with_context(|| format!("cannot clean up {}", settings.upload_folder.display()))?;
    let kept = runtime_folder(&start);
    // In a folder of their own: what is no record there is removed.
    let records = Records::open(kept.join("images"), settings.longest_record());
    let records = records.context("cannot keep records")?;
    if settings.policy == Policy::Off {
        log::warn!("signatures are not checked: signature = \"off\"");
    }
    let (commands, given) = Commands::new(&connection);
    let (unpacking, heard) = Unpacking::start(&connection, &settings).context("cannot start a thread")?;
    let intake = Intake::new(settings.settle, settings.space_retry, settings.queue);
    let (path, ignores_foreign) = (settings.upload_folder.clone(), settings.ignore_foreign);
    let drop_folder = DropFolder::new(path, ignores_foreign, folder, intake);
    let folder = Arc::clone(drop_folder.folder());
    let (images, image_answers) =
        Images::new(&connection, commands.clone(), records, folder, Arc::clone(&settings));
    let (asking, answers) = Asking::new(&connection, &settings);
    let installers = Installers::new(settings.installers.clone(), Duration::ZERO);
    // Not on a disk: what is told late is about images that do not outlive the boot either, and the service must start
    // on a disk that is full.
    let events = EventLog::start(&connection, Some(kept), event_log::Limits::default());
    let mut channels = Channels {
        commands: given,
        unpacking: heard,
        images: image_answers,
        answers,
        others: OtherServices::listen(&connection).await?,
        bmc_target: BmcTarget::default(),
    };
    let began = Instant::now();
    let mut service =
        Service { settings, connection, drop_folder, unpacking, images, installers, asking, events, began };
    let restored = service.restore().await?;
    serve(&mut service, commands.clone()).await?;
    service.announce(&restored).await?;
    channels.bmc_target = BmcTarget::start(service.settings.software_manager, &start.root, commands).await?;
    // What is handed on must not come back by it.
    channels.bmc_target.unique_name().into_iter().for_each(|name| service.images.know_own(name));
    start.lifecycle.ready();
    service.run(start.lifecycle, channels).await
}

/// Objects first, name last.
async fn serve(service: &mut Service, commands: Commands) -> anyhow::Result<()> {
    let connection = &service.connection;
    let root = ObjectPath::try_from(software::ROOT)?;
    Root::serve(connection, commands.clone()).await?;
    faces::add::<faces::DeleteAll, _>(connection, &root, commands.clone()).await?;
    faces::add::<faces::Intake, _>(connection, &root, commands.clone()).await?;
    let path = &service.settings.multipart_object;
    multipart::serve(connection, path, commands).await?;
    let is_marked = match service.settings.multipart {
        Multipart::On => true,
        Multipart::Off => false,
        // Known before a client can ask, unless the mapper takes its time.
        Multipart::Auto => !is_marked_elsewhere(connection).await,
    };
    if is_marked {
        // Without a signal: a client that asks once we have our name finds it beside what it belongs to.
        multipart::mark(connection, path).await?;
    }
    if service.settings.multipart == Multipart::Auto {
        service.installers.set_marker(Marker::Auto { is_shown: is_marked });
    }
    daemon::serve(connection, NAME, software::IMAGE_MANAGER).await
}

async fn is_marked_elsewhere(connection: &Connection) -> bool {
    let asked = calls::multipart_elsewhere(connection, software::IMAGE_MANAGER);
    tokio::time::timeout(MARKER_LIMIT, asked).await.unwrap_or(false)
}

/// Errors: marked [`Exit::Configuration`] when it is no folder of ours alone, which no restart changes.
fn open_folder(settings: &Settings) -> anyhow::Result<Folder> {
    let path = &settings.upload_folder;
    Folder::open(path).map_err(|error| {
        let is_lasting =
            matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied);
        let error = anyhow::Error::new(error).context(format!("cannot use {}", path.display()));
        if is_lasting { error.context(Exit::Configuration) } else { error }
    })
}

/// A broken file must not keep a machine from being updated: it is reported and left out.
fn load(start: &Start) -> anyhow::Result<(Merged<Fragment>, Settings)> {
    let files = service_config::load_files(&start.root, NAME).context(Exit::Configuration)?;
    let mut good: Vec<SourceFile> = Vec::new();
    let judge = |files: &[SourceFile]| {
        let merged = service_config::merge::<Fragment>(files)?;
        let settings = merged.fragment.settings(&start.root)?;
        Ok::<_, anyhow::Error>((merged, settings))
    };
    let mut latest = judge(&good).context(Exit::Configuration)?;
    for file in files {
        let path = file.path.clone();
        good.push(file);
        match judge(&good) {
            Ok(judged) => latest = judged,
            Err(error) => {
                log::error!("a file of settings is left out: {}: {error:#}", path.display());
                good.pop();
            }
        }
    }
    Ok(latest)
}

/// Where is kept what outlives a restart, and no boot: what PID 1 made for us, else below the root.
fn runtime_folder(start: &Start) -> PathBuf {
    folders::runtime().unwrap_or_else(|| start.root.join("run/vivianite").join(NAME))
}
