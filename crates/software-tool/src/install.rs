//! `software-tool install`: an image handed over as a descriptor, and followed.

use crate::arguments::Install;
use crate::catalogue::{id_of, taker};
use crate::exit::{Exit, Failure};
use crate::follow::{Image, Report, catch_up, follow};
use crate::link::{self, Link};
use crate::screen::Screen;
use crate::trust;
use anyhow::Context as _;
use dbus_api::call;
use dbus_api::software::{IMAGE_MANAGER, requests};
use image_follower::{Follower, look};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

pub(crate) async fn run(arguments: &Install, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let file = open(arguments)?;
    let connection = link::connect().await?;
    let grants = trust::grants(&arguments.settings.root, screen);
    let (service, object) = taker(&connection, arguments.target.as_deref(), &grants, screen).await?;
    let mut link = Link::listen(&connection, grants).await?;
    let image =
        requests::start_update(&connection, &service, &object, file.as_fd(), arguments.apply.time()).await;
    // The service has a descriptor of its own; with ours gone, a pipe's writer learns when that one is closed.
    drop(file);
    let path = image.map_err(|error| Failure::call(&service, &error))?;
    let foreign = || format!("{service} answers with {}, which is no image", path.as_str());
    let id = id_of(path.as_str()).ok_or_else(|| Failure::say(Exit::Internal, foreign()))?;
    if arguments.no_wait {
        return hand_over(arguments, id, &service, screen);
    }
    let owner = call::owner(&connection, &service).await;
    let owner = owner.map_err(|error| Failure::new(Exit::Absent, error))?;
    // Whoever took the image may tell of it.
    link.believe(&owner);
    let image_manager = call::owner(&connection, IMAGE_MANAGER).await.ok();
    let mut follower = Follower::new(path.as_str(), arguments.apply.time(), image_manager);
    look(&connection, &mut follower, &service, &owner).await;
    catch_up(&mut link, &mut follower).await?;
    let image = Image { id, service: &service };
    follow(&mut link, follower, &image, &arguments.following, screen).await
}

fn hand_over(arguments: &Install, id: &str, service: &str, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    if arguments.following.json {
        Report { id, service, result: None, version: None, reason: None }.print(screen)?;
    } else {
        screen.print(&format!("{id} is handed over to {service}\n"))?;
    }
    Ok(Exit::Done)
}

fn open(arguments: &Install) -> Result<OwnedFd, Failure> {
    let name = arguments.file.display();
    let opened = if arguments.file.as_os_str() == "-" {
        io::stdin().as_fd().try_clone_to_owned()
    } else {
        File::open(&arguments.file).map(OwnedFd::from)
    };
    opened.with_context(|| format!("cannot read {name}")).map_err(|cause| Failure::new(Exit::NoInput, cause))
}
