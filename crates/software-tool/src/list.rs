//! `software-tool list`: the images of all services.

use crate::arguments::List;
use crate::catalogue::{Catalogue, Entry};
use crate::exit::{Exit, Failure};
use crate::link;
use crate::screen::Screen;
use crate::table::Table;
use crate::trust;
use dbus_api::software::NAMESPACE;

pub(crate) async fn run(arguments: &List, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let connection = link::connect().await?;
    let grants = trust::grants(&arguments.settings.root, screen);
    let catalogue = Catalogue::ask(&connection, &grants, screen).await?;
    if catalogue.services.is_empty() {
        let absent = "no service of firmware is on the bus: is image-manager.service running?";
        return Err(Failure::say(Exit::Absent, absent));
    }
    let entries = catalogue.entries();
    if arguments.json {
        let text =
            serde_json::to_string_pretty(&entries).map_err(|error| Failure::new(Exit::Internal, error))?;
        screen.print(&(text + "\n"))?;
    } else if entries.is_empty() {
        screen.say("there are no images");
    } else {
        screen.print(&table(entries))?;
    }
    Ok(Exit::Done)
}

fn table(entries: Vec<Entry>) -> String {
    let mut table = Table::new([
        "ID",
        "PURPOSE",
        "VERSION",
        "EXTENDED",
        "ACTIVATION",
        "PROGRESS",
        "STAGE",
        "SERVICE",
        "REASON",
    ]);
    for entry in entries {
        let services = entry.services.iter().map(|name| short(name));
        table.row([
            entry.id,
            entry.purpose.unwrap_or_default(),
            entry.version.unwrap_or_default(),
            entry.extended_version.unwrap_or_default(),
            entry.activation.unwrap_or_default().to_owned(),
            entry.progress.map(|percent| format!("{percent} %")).unwrap_or_default(),
            entry.stage.unwrap_or_default(),
            services.collect::<Vec<_>>().join(","),
            entry.reason.unwrap_or_default(),
        ]);
    }
    table.text()
}

/// A service's name without what all begin with; a table has no room for it.
fn short(name: &str) -> &str {
    let common = NAMESPACE.rfind('.').map_or("", |dot| &NAMESPACE[..=dot]);
    name.strip_prefix(common).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_services_are_shown_without_what_all_begin_with() {
        assert_eq!(short("xyz.openbmc_project.Software.Version"), "Software.Version");
        assert_eq!(short(":1.5"), ":1.5");
    }
}
