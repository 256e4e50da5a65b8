//! Building more than once, and into a root that is not empty.

use crate::folder::{Folder, answers, fru, run};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn demo() -> Folder {
    let defaults = format!("system-eeproms = [\"10-0050\"]\n{}", fru("10-0050", ""));
    let system = answers("50001001") + &fru("10-0051", "") + &fru("11-0050", "format = \"keyword\"\n");
    Folder::with(&[("vpd.d/10-a.toml", &defaults), ("systems/demo/10-demo.toml", &system)])
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    let (first, second) = (demo(), demo());
    let files = first.built();
    assert_eq!(files, second.built());
    let path = first.root().join("usr/share/vivianite/vpd/index.toml");
    let written = fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(first.built(), files, "building again changes nothing");
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written, "and touches nothing");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn what_an_earlier_configuration_wrote_goes_with_it() {
    let folder = demo();
    let old = folder.built();
    let gone = r"usr/lib/systemd/system/ipz-vpd-parser@10\x2d0051.service.d/10-vpd.conf";
    assert!(old.contains_key(gone));
    fs::remove_dir_all(folder.source().join("systems")).unwrap();
    let new = folder.built();
    assert!(new.keys().all(|path| !path.contains("demo") && !path.contains("0051")), "{new:#?}");
    assert!(!folder.root().join(Path::new(gone)).parent().unwrap().exists(), "its folder was ours too");
    assert!(new.len() < old.len());
    folder.write(
        "systems/demo/10-demo.toml",
        &fs::read_to_string(demo().source().join("systems/demo/10-demo.toml")).unwrap(),
    );
    assert_eq!(folder.built(), old);
}

#[test]
fn files_of_others_stay() {
    let folder = demo();
    let others = [
        "usr/lib/udev/rules.d/60-other.rules",
        "usr/share/vivianite/vpd/notes.toml",
        "usr/share/vivianite/vpd/systems/other/index.toml",
        "usr/lib/systemd/system/other.service.d/10-vpd.conf",
        r"usr/lib/systemd/system/ipz-vpd-parser@10\x2d0051.service.d/20-site.conf",
        "usr/lib/systemd/system/other.service",
    ];
    for path in others {
        let path = folder.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "[Unit]\n").unwrap();
    }
    folder.built();
    fs::remove_dir_all(folder.source().join("systems")).unwrap();
    let files = folder.built();
    for path in others {
        assert_eq!(files[path], "[Unit]\n");
    }
}

#[test]
fn a_file_that_is_not_ours_is_neither_replaced_nor_half_of_the_rest_written() {
    let folder = demo();
    let path = folder.root().join("usr/lib/udev/rules.d/70-vivianite-vpd.rules");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "# by hand\n").unwrap();
    let run = folder.build();
    assert_eq!(run.status, 73);
    assert!(run.errors.contains("70-vivianite-vpd.rules was not made by vpd-config"), "{}", run.errors);
    assert_eq!(folder.files().len(), 1);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    assert_eq!(folder.build().status, 73, "a link is somebody's decision");
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("/dev/null"));
}

#[test]
fn check_says_what_build_would_and_writes_nothing() {
    let folder = demo();
    let checked = run(&["check", folder.source().to_str().unwrap()]);
    assert_eq!((checked.status, checked.output.as_str()), (0, "1 systems, 3 EEPROMs, 14 files\n"));
    assert!(folder.files().is_empty());
    let built = folder.build();
    assert_eq!(built.output, checked.output);
    assert_eq!(folder.files().len(), 14);
}

#[test]
fn every_system_of_this_repository_builds() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scenarios = fs::read_dir(repository.join("tests/vm/scenarios")).unwrap();
    let sources = scenarios.map(|scenario| scenario.unwrap().path().join("configs"));
    for source in sources.filter(|source| source.is_dir()).chain([repository.join("configs")]) {
        let folder = Folder::with(&[]);
        let run = run(&["build", source.to_str().unwrap(), "--destdir", folder.root().to_str().unwrap()]);
        assert_eq!((run.status, run.errors.as_str()), (0, ""), "{}", source.display());
    }
}
