//! The choice of openpower-vpd-parser, for a machine that changed over and cannot read its system EEPROM yet.
//!
//! Upstream keeps its choice as a link to the chosen system's JSON file, which is named after type and variant. A system
//! that was imported from that file has the same name.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use system_index::SystemName;

/// Upstream's link, relative to the root.
const LINK: &str = "var/lib/vpd/vpd_inventory.json";

/// The system that upstream chose last; `None` when upstream was never here. Errors: what is wrong with its choice.
///
/// The link is read and not followed: the file that it names is of no interest and mostly gone.
pub(crate) fn recall(root: &Path) -> Result<Option<SystemName>, String> {
    let target = match fs::read_link(root.join(LINK)) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("openpower-vpd-parser's link cannot be read: {error}")),
    };
    let stem = target.file_stem().filter(|_| target.extension() == Some(OsStr::new("json")));
    let name = stem.and_then(OsStr::to_str).and_then(|stem| stem.parse().ok());
    let name = name.filter(|name| *name != SystemName::common());
    name.map(Some).ok_or_else(|| "openpower-vpd-parser's link names no system".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// What is made of a link with this target.
    fn recalled(target: &str) -> Result<Option<SystemName>, String> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("var/lib/vpd")).unwrap();
        symlink(target, root.path().join(LINK)).unwrap();
        recall(root.path())
    }

    #[test]
    fn the_name_of_the_linked_file_is_the_system() {
        for target in [
            "/usr/share/vpd/50001001_v2.json",
            "50001001_v2.json",
            "../../../../usr/share/vpd/50001001_v2.json",
        ] {
            assert_eq!(recalled(target).unwrap().unwrap().as_str(), "50001001_v2", "{target}");
        }
    }

    #[test]
    fn a_link_that_names_no_system_is_refused_and_not_quoted() {
        let long = format!("/{}.json", "a".repeat(65));
        for target in [
            "/",
            "..",
            "/usr/share/vpd/",
            "50001001",
            "a.JSON",
            ".json",
            "a\n<3>b.json",
            "-a.json",
            "common.json",
            &long,
        ] {
            assert_eq!(
                recalled(target).unwrap_err(),
                "openpower-vpd-parser's link names no system",
                "{target}"
            );
        }
    }

    #[test]
    fn a_file_in_the_place_of_the_link_is_no_choice() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(recall(root.path()), Ok(None));
        fs::create_dir_all(root.path().join("var/lib/vpd")).unwrap();
        fs::write(root.path().join(LINK), "{}").unwrap();
        assert!(recall(root.path()).unwrap_err().contains("cannot be read"));
    }
}
