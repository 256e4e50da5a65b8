//! The object that takes images for whatever they are, and its marker.

use crate::dbus::{Commands, Updater};
use crate::view;
use dbus_api::software;
use dbus_api::software::faces::{self, Values as _};
use dbus_api::software::signals::{self, Interfaces, Properties};
use zbus::{Connection, ObjectPath};

/// Puts the object on the bus, without the marker.
pub async fn serve(connection: &Connection, path: &str, commands: Commands) -> zbus::Result<()> {
    faces::add::<faces::Update, _>(connection, &ObjectPath::try_from(path)?, Updater::from(commands)).await
}

/// Puts the marker on the object, without a signal.
pub async fn mark(connection: &Connection, path: &str) -> zbus::Result<()> {
    faces::add::<faces::MultipartUpdate, _>(connection, &ObjectPath::try_from(path)?, ()).await
}

/// Shows the marker, or takes it away, and signals that.
pub async fn show(connection: &Connection, path: &str, is_shown: bool) -> zbus::Result<()> {
    let object = ObjectPath::try_from(path)?;
    if is_shown {
        mark(connection, path).await?;
        let told = [(software::MULTIPART_UPDATE, Properties::new())].into();
        return signals::added(connection, &object, &told).await;
    }
    log::info!("MultipartUpdate is offered by another service; ours at {path} is withdrawn");
    faces::remove(connection, &object, software::MULTIPART_UPDATE).await?;
    signals::removed(connection, &object, &[software::MULTIPART_UPDATE]).await
}

/// What the object shows.
pub fn interfaces(is_marked: bool) -> Interfaces {
    let mut interfaces = Interfaces::from([(software::UPDATE, view::update().properties())]);
    if is_marked {
        interfaces.insert(software::MULTIPART_UPDATE, Properties::new());
    }
    interfaces
}
