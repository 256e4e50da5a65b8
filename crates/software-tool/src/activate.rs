//! `software-tool activate`: an image that is ready is installed.

use crate::arguments::Activate;
use crate::catalogue::{Catalogue, Service, no_such};
use crate::exit::{Exit, Failure};
use crate::follow::{Image, Report, catch_up, follow};
use crate::link::{self, Link};
use crate::screen::Screen;
use crate::trust;
use dbus_api::software::{ACTIVATION, IMAGE_MANAGER, ROOT, requests};
use image_follower::Follower;
use update_state::{Activation, ApplyTime};

pub(crate) async fn run(arguments: &Activate, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let id = &arguments.id;
    let path = format!("{ROOT}/{id}");
    let connection = link::connect().await?;
    let grants = trust::grants(&arguments.settings.root, screen);
    let mut link = Link::listen(&connection, grants.clone()).await?;
    let catalogue = Catalogue::ask(&connection, &grants, screen).await?;
    let having = catalogue.having(&path, ACTIVATION);
    let Some(Service { name, owner, .. }) = having.first() else {
        return Err(Failure::say(Exit::Absent, nobody(&catalogue, id, &path)));
    };
    let ours = catalogue.services.iter().find(|service| service.name == IMAGE_MANAGER);
    let mut follower = Follower::new(&*path, ApplyTime::Immediate, ours.map(|service| service.owner.clone()));
    for service in &catalogue.services {
        if let Some(interfaces) = service.objects.get(&path) {
            follower.found(&service.owner, interfaces);
        }
    }
    link.believe(owner);
    catch_up(&mut link, &mut follower).await?;
    let image = Image { id, service: name };
    if follower.activation() == Some(Activation::Active) {
        if arguments.following.json {
            let result = Some(Activation::Active.word());
            Report { id, service: name, result, version: None, reason: None }.print(screen)?;
        } else {
            screen.print(&format!("{id} is active already\n"))?;
        }
        return Ok(Exit::Done);
    }
    if follower.activation() == Some(Activation::Invalid) {
        let reason = format!("{id} is refused: {}", follower.reason());
        return Err(Failure::say(Exit::BadImage, reason));
    }
    follower.disregard_state();
    requests::activate(&connection, name, &path).await.map_err(|error| Failure::call(name, &error))?;
    follow(&mut link, follower, &image, &arguments.following, screen).await
}

fn nobody(catalogue: &Catalogue, id: &str, path: &str) -> String {
    if catalogue.has(path) {
        format!("no service that installs {id} is on the bus: start the one for its purpose, then try again")
    } else {
        no_such(id)
    }
}
