//! The object that takes images for the BMC. Clients find it by an association, and call it under a bus name that they know.
//!
//! It has a connection of its own: the object mapper keeps one bus name for each connection, and would list every object of a
//! connection with two names twice. Where upstream's service is installed, the name is its: it asks for the name once, ends
//! when it does not get it, and would be started again for ever. We ask again whenever the name is free.

use crate::dbus::{Commands, Updater};
use crate::settings::SoftwareManager;
use crate::start::CALL_LIMIT;
use crate::view;
use anyhow::Context as _;
use dbus_api::call;
use dbus_api::software::faces::{self, Association, Source, Values as _};
use dbus_api::software::refusal::Refusal;
use dbus_api::software::root::{Lists, Root};
use dbus_api::software::signals::Objects;
use dbus_api::software::{
    ASSOCIATIONS, BMC_OBJECT, SOFTWARE_MANAGER, SOFTWARE_VERSION, START_UPDATE, UPDATE, UPDATEABLE,
};
use service_runtime::Exit;
use service_runtime::bus::{self, Accepts};
use std::convert::Infallible;
use std::future::pending;
use std::path::{Path, PathBuf};
use tokio::task::JoinHandle;
use zbus::{Connection, Message, MessageStream, ObjectPath};

/// One call takes a descriptor.
const ACCEPTS: Accepts = Accepts { descriptors: &[(UPDATE, START_UPDATE)], ..Accepts::SHORT };
/// Where units lie, the first that counts first.
const UNIT_FOLDERS: [&str; 4] =
    ["etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];
/// What a unit leads to that was masked.
const MASK: &str = "/dev/null";

/// The connection that has the object, if there is one.
#[derive(Debug, Default)]
pub struct BmcTarget {
    unique_name: Option<String>,
    owning: Option<JoinHandle<anyhow::Result<Infallible>>>,
}

impl BmcTarget {
    /// Offers the object, unless the settings or another service say otherwise; the name is taken meanwhile.
    ///
    /// Errors: the bus cannot be reached.
    pub async fn start(wish: SoftwareManager, root: &Path, commands: Commands) -> anyhow::Result<Self> {
        if wish == SoftwareManager::Off {
            return Ok(Self::default());
        }
        if let Some(unit) = installed_unit(root).filter(|_| wish == SoftwareManager::Auto) {
            log::info!("{SOFTWARE_MANAGER} is left to {}", unit.display());
            return Ok(Self::default());
        }
        let (connection, _) = bus::connect_as_service(CALL_LIMIT, &ACCEPTS).await?;
        serve(&connection, commands).await?;
        let unique_name = connection.unique_name().map(ToString::to_string);
        Ok(Self { unique_name, owning: Some(tokio::spawn(own(connection))) })
    }

    /// Unique name of the connection.
    pub fn unique_name(&self) -> Option<String> {
        self.unique_name.clone()
    }

    /// Waits until the connection is lost. Dropping the future loses nothing.
    pub async fn lost(&mut self) -> anyhow::Error {
        let Some(owning) = &mut self.owning else { return pending().await };
        let error = match owning.await {
            Ok(Ok(never)) => match never {},
            Ok(Err(error)) => error,
            Err(error) => error.into(),
        };
        self.owning = None;
        error.context(format!("the connection of {SOFTWARE_MANAGER}"))
    }
}

/// All objects before the name: the object mapper looks at them once the name has come.
async fn serve(connection: &Connection, commands: Commands) -> zbus::Result<()> {
    let object = ObjectPath::from_static_str(BMC_OBJECT)?;
    Root::serve(connection, Shown).await?;
    faces::add::<faces::Associations, _>(connection, &object, Shown).await?;
    faces::add::<faces::Update, _>(connection, &object, Updater::from(commands)).await
}

/// Takes the name, as soon as no other connection has it, and waits until ours is lost.
async fn own(connection: Connection) -> anyhow::Result<Infallible> {
    let following =
        MessageStream::for_match_rule(call::owner_rule(SOFTWARE_MANAGER)?, &connection, None).await;
    let mut changes = following.context("cannot be followed").context(Exit::PeerUnavailable)?;
    while let Err(error) = bus::own(&connection, SOFTWARE_MANAGER).await {
        if error.downcast_ref() != Some(&Exit::Configuration) {
            return Err(error);
        }
        let cause = error.root_cause().to_string();
        log::warn!("clients that hand images to {SOFTWARE_MANAGER} do not reach this service: {cause}");
        // What was said during the question comes first: no change is missed.
        while !is_freed(&bus::next(&mut changes).await?) {}
    }
    log::info!("images for the BMC are taken at {BMC_OBJECT} of {SOFTWARE_MANAGER}");
    // No other connection may take the name from us, so that it is the end of the stream alone that is waited for.
    loop {
        bus::next(&mut changes).await?;
    }
}

/// Whether a change says that the name has no owner any more.
fn is_freed(change: &Message) -> bool {
    call::change_of_owner(change).is_some_and(|(name, _, new)| name == SOFTWARE_MANAGER && new.is_empty())
}

/// What the objects show.
#[derive(Debug, Clone, Copy)]
struct Shown;

impl Source<faces::Associations> for Shown {
    fn values(&self, _property: &'static str) -> faces::Associations {
        // With itself: no version or path may be there, or installers would take it for an image.
        let association = Association {
            forward: UPDATEABLE.to_owned(),
            reverse: SOFTWARE_VERSION.to_owned(),
            endpoint: BMC_OBJECT.to_owned(),
        };
        faces::Associations { associations: [association].into() }
    }
}

impl Lists for Shown {
    async fn objects(&self) -> Result<Objects, Refusal> {
        let shown = [(ASSOCIATIONS, self.values("").properties()), (UPDATE, view::update().properties())];
        Ok([(ObjectPath::from_static_str_unchecked(BMC_OBJECT).into(), shown.into())].into())
    }
}

/// The unit of upstream's service, if there is one that can be started.
fn installed_unit(root: &Path) -> Option<PathBuf> {
    let units = UNIT_FOLDERS.map(|folder| root.join(folder).join(format!("{SOFTWARE_MANAGER}.service")));
    // A link counts wherever it leads: it is meant for another root than ours.
    let unit = units.into_iter().find(|unit| unit.symlink_metadata().is_ok())?;
    let is_masked = unit.read_link().is_ok_and(|to| to == Path::new(MASK));
    (!is_masked).then_some(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_name_is_left_to_a_unit_that_is_installed_anywhere() {
        for folder in UNIT_FOLDERS {
            let root = tempfile::tempdir().unwrap();
            assert_eq!(installed_unit(root.path()), None);
            let folder = root.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("xyz.openbmc_project.Software.Version.service"), "").unwrap();
            assert_eq!(installed_unit(root.path()), None, "another unit");
            let unit = folder.join("xyz.openbmc_project.Software.Manager.service");
            symlink("/usr/lib/systemd/system/phosphor-software-manager.service", &unit).unwrap();
            assert_eq!(installed_unit(root.path()), Some(unit));
        }
    }

    #[test]
    fn a_unit_that_is_masked_keeps_no_name() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["etc/systemd/system", "usr/lib/systemd/system"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let name = "xyz.openbmc_project.Software.Manager.service";
        fs::write(root.path().join("usr/lib/systemd/system").join(name), "").unwrap();
        symlink("/dev/null", root.path().join("etc/systemd/system").join(name)).unwrap();
        assert_eq!(installed_unit(root.path()), None);
    }
}
