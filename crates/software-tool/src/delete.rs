//! `software-tool delete`: images are removed.

use crate::arguments::Delete;
use crate::catalogue::{Catalogue, no_such};
use crate::exit::{Exit, Failure};
use crate::link;
use crate::screen::Screen;
use crate::trust;
use dbus_api::software::{DELETE, IMAGE_MANAGER, ROOT, requests};

pub(crate) async fn run(arguments: &Delete, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let connection = link::connect().await?;
    let Some(id) = &arguments.id else {
        let removed = requests::delete_all(&connection, IMAGE_MANAGER).await;
        removed.map_err(|error| Failure::call(IMAGE_MANAGER, &error))?;
        screen.print("all images that nobody is installing are removed\n")?;
        return Ok(Exit::Done);
    };
    let path = format!("{ROOT}/{id}");
    let grants = trust::grants(&arguments.settings.root, screen);
    let catalogue = Catalogue::ask(&connection, &grants, screen).await?;
    // Whoever has the files comes first: installers let go of an image when it goes.
    let mut having = catalogue.having(&path, DELETE);
    having.reverse();
    if having.is_empty() {
        let cannot = || format!("{id} cannot be removed: none of its services offers it");
        let sentence = if catalogue.has(&path) { cannot() } else { no_such(id) };
        return Err(Failure::say(Exit::Absent, sentence));
    }
    let mut is_removed = false;
    for service in having {
        match requests::delete(&connection, &service.name, &path).await {
            Ok(()) => is_removed = true,
            Err(error) => {
                let failure = Failure::call(&service.name, &error);
                // It may have gone with what another service has removed.
                if !(is_removed && failure.exit == Exit::Absent) {
                    return Err(failure);
                }
            }
        }
    }
    screen.print(&format!("{id} is removed\n"))?;
    Ok(Exit::Done)
}
