//! Folders that systemd has made for the service.

use std::path::PathBuf;

/// What outlives a reboot: the first folder of `StateDirectory=`; nothing outside systemd or without that line.
pub fn state() -> Option<PathBuf> {
    first("STATE_DIRECTORY")
}

/// What is gone with the next boot: the first folder of `RuntimeDirectory=`; nothing outside systemd or without that line.
pub fn runtime() -> Option<PathBuf> {
    first("RUNTIME_DIRECTORY")
}

fn first(variable: &str) -> Option<PathBuf> {
    first_of(&std::env::var_os(variable)?)
}

/// systemd joins several by colons, and a path of its own making has none.
fn first_of(value: &std::ffi::OsStr) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    let path = value.as_bytes().split(|byte| *byte == b':').next().filter(|path| !path.is_empty())?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn the_first_of_several_folders_counts() {
        for (value, folder) in [
            ("/var/lib/vivianite/a", Some("/var/lib/vivianite/a")),
            ("/var/lib/a:/var/lib/b", Some("/var/lib/a")),
            ("", None),
        ] {
            assert_eq!(first_of(OsStr::new(value)), folder.map(PathBuf::from), "{value}");
        }
    }
}
