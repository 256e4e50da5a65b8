//! Who is believed besides root and the own user: installers, for images that image-manager's settings give their bus names.

use crate::screen::Screen;
use dbus_api::software::announcement::{Interfaces, Properties, text};
use dbus_api::software::{COMPATIBLE, IMAGE_MANAGER, VERSION, requests};
use image_format::Purpose;
use installer_trust::{Grants, Tables};
use serde::Deserialize;
use service_config::SourceFile;
use std::path::Path;
use zbus::Connection;

/// Of these settings, what matters here.
#[derive(Debug, Default, Deserialize)]
struct Settings {
    installers: Option<Tables>,
}

/// What image-manager's settings below a root give bus names. A file that is broken is told of and left out, as there.
pub(crate) fn grants(root: &Path, screen: &mut Screen<'_>) -> Grants {
    let files = match service_config::load_files(root, "image-manager") {
        Ok(files) => files,
        Err(error) => {
            let error = anyhow::Error::new(error);
            screen.say(&format!("software-tool: image-manager's settings are left out: {error:#}"));
            return Grants::default();
        }
    };
    let judge = |files: &[SourceFile]| {
        let settings = service_config::merge::<Settings>(files)?.fragment;
        Ok::<_, anyhow::Error>(settings.installers.unwrap_or_default().grants()?)
    };
    let mut good = Vec::new();
    let mut latest = Grants::default();
    for file in files {
        let path = file.path.display().to_string();
        good.push(file);
        match judge(&good) {
            Ok(grants) => latest = grants,
            Err(error) => {
                screen.say(&format!("software-tool: a file of settings is left out: {path}: {error:#}"));
                good.pop();
            }
        }
    }
    latest
}

/// What an image is, as image-manager says.
#[derive(Debug)]
pub(crate) struct About {
    purpose: Purpose,
    compatible: Vec<String>,
}

impl About {
    /// Of an image's object; nothing before it was taken in.
    pub(crate) fn of(interfaces: &Interfaces) -> Option<Self> {
        Self::read(interfaces.get(VERSION)?, interfaces.get(COMPATIBLE))
    }

    /// The same, asked for.
    pub(crate) async fn ask(connection: &Connection, path: &str) -> Option<Self> {
        let version = requests::properties(connection, IMAGE_MANAGER, path, VERSION).await.ok()?;
        let compatible = requests::properties(connection, IMAGE_MANAGER, path, COMPATIBLE).await.ok()?;
        Self::read(&version, Some(&compatible))
    }

    fn read(version: &Properties, compatible: Option<&Properties>) -> Option<Self> {
        let purpose = Purpose::parse(&text(version, "Purpose")?).ok()?;
        let names =
            compatible.and_then(|properties| properties.get("Names")?.try_clone().ok()?.try_into().ok());
        Some(Self { purpose, compatible: names.unwrap_or_default() })
    }

    /// Whether the owner of these bus names is believed for it.
    pub(crate) fn is_given<'a>(&self, mut names: impl Iterator<Item = &'a str>, grants: &Grants) -> bool {
        names.any(|name| grants.cover(name, self.purpose, &self.compatible))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Face;

    const DRIVES: &str = "xyz.openbmc_project.Software.Drives";

    #[test]
    fn settings_of_image_manager_say_who_is_believed_and_a_broken_file_is_told_of() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("etc/vivianite/image-manager.d");
        std::fs::create_dir_all(&folder).unwrap();
        let table =
            |name: &str, purpose: &str| format!("[installers.\"{name}\"]\npurposes = [\"{purpose}\"]\n");
        for (name, content) in [
            ("10-others.toml", "linger-s = 1\nno-such-key = true\n".to_owned()),
            ("20-drives.toml", table(DRIVES, "Other")),
            ("30-no-toml.toml", "= =".to_owned()),
            ("40-no-purpose.toml", table("a.b", "Toaster")),
            ("50-supplies.toml", table("a.c", "PSU")),
        ] {
            std::fs::write(folder.join(name), content).unwrap();
        }
        let mut told = Vec::new();
        let mut screen =
            Screen { output: Box::new(Vec::new()), errors: Box::new(&mut told), face: Face::Lines };
        let grants = grants(root.path(), &mut screen);
        drop(screen);
        let told = String::from_utf8(told).unwrap();
        assert_eq!(told.lines().count(), 2, "{told}");
        assert!(told.contains("30-no-toml.toml") && told.contains("40-no-purpose.toml"), "{told}");
        let drive = About { purpose: Purpose::Other, compatible: Vec::new() };
        for (names, expected) in
            [(vec!["a.b", DRIVES], true), (vec!["a.b"], false), (vec!["a.c"], false), (vec![], false)]
        {
            assert_eq!(drive.is_given(names.iter().copied(), &grants), expected, "{names:?}");
        }
    }
}
