use super::*;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs;

fn append_at(path: &Path, offset: u64) -> io::Result<()> {
    RealDisk.perform(&Step::Append { path: path.to_owned(), offset, bytes: b"x".to_vec() })
}

#[test]
fn a_file_that_was_removed_while_it_was_written_is_not_answered_as_durable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let file = append(&path, 0, b"x").unwrap();
    flush(&file).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(flush(&file).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_file_that_went_between_two_appends_is_not_begun_in_its_middle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    append_at(&path, 0).unwrap();
    append_at(&path, 1).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(append_at(&path, 2).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(!path.exists());
    RealDisk.perform(&Step::Truncate { path: path.clone(), length: 0 }).unwrap();
    append_at(&path, 0).unwrap();
}

#[test]
fn the_first_bytes_of_a_file_make_its_name_durable_though_it_was_there() {
    // Nothing tells a flush from none but that it fails: a file that can be written, in a folder that cannot be flushed.
    let refused = append(Path::new("/proc/self/comm"), 0, b"x").unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn nothing_but_a_regular_file_is_written_to_and_none_makes_it_wait() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("elsewhere"), "kept").unwrap();
    mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
    mkfifo(&at("read pipe"), Mode::S_IRWXU).unwrap();
    let _reader = open_for_reading(&at("read pipe"));
    symlink("elsewhere", at("link")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    for name in ["pipe", "read pipe", "link", "folder"] {
        for step in [
            Step::Append { path: at(name), offset: 0, bytes: b"new".to_vec() },
            Step::Write { path: at(name), bytes: b"new".to_vec() },
            Step::Truncate { path: at(name), length: 0 },
        ] {
            let refused = RealDisk.perform(&step).unwrap_err().to_string();
            assert!(refused.contains("it is no regular file"), "{refused}");
        }
    }
    assert_eq!(fs::read(at("elsewhere")).unwrap(), b"kept");
}

fn open_for_reading(pipe: &Path) -> File {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().read(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits()).open(pipe).unwrap()
}
