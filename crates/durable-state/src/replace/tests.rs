use super::*;
use crate::simulation::{Fate, every_cut};
use crate::{RealDisk, StateFolder};
use std::fs;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_replaced_file_is_the_old_or_the_new_wherever_it_is_cut() {
    let ways = every_cut(
        |folder| fs::write(folder.join("name"), "the old bytes").unwrap(),
        |folder, disk| replace(disk, &folder.join("name"), b"the new bytes").is_ok(),
        |folder, cut, was_answered| {
            let text = fs::read_to_string(folder.join("name")).unwrap();
            assert!(["the old bytes", "the new bytes"].contains(&&*text), "{cut:?}: {text}");
            assert!(!was_answered || text == "the new bytes", "{cut:?}: an answered change is gone");
            StateFolder::at(folder).open().unwrap();
            assert_eq!(names(folder), ["name"], "{cut:?}: the draft stays");
        },
    );
    // Four steps and the end, and twelve tears of the one that writes; each with three fates.
    assert_eq!(ways, 51);
}

#[test]
fn without_a_flush_a_kill_leaves_the_old_or_the_new_and_a_loss_of_power_may_leave_neither() {
    let torn = std::cell::Cell::new(0);
    every_cut(
        |folder| fs::write(folder.join("name"), "old").unwrap(),
        |folder, disk| replace_unflushed(disk, &folder.join("name"), b"new").is_ok(),
        |folder, cut, _| {
            let text = fs::read_to_string(folder.join("name")).unwrap();
            let is_whole = ["old", "new"].contains(&&*text);
            assert!(is_whole || cut.fate == Fate::NamesOnly, "{cut:?}: {text}");
            torn.set(torn.get() + usize::from(!is_whole));
        },
    );
    assert!(torn.get() > 0, "the simulated disk loses nothing");
}

#[test]
fn a_link_leads_to_the_old_or_the_new_wherever_it_is_cut() {
    every_cut(
        |folder| {
            std::os::unix::fs::symlink("old", folder.join("link")).unwrap();
            std::os::unix::fs::symlink("left over", folder.join(".link.draft")).unwrap();
        },
        |folder, disk| replace_link(disk, &folder.join("link"), Path::new("new")).is_ok(),
        |folder, cut, was_answered| {
            let target = fs::read_link(folder.join("link")).unwrap();
            let is_new = target == Path::new("new");
            assert!(is_new || target == Path::new("old"), "{cut:?}: {target:?}");
            assert!(is_new || !was_answered || cut.fate == Fate::PowerLost, "{cut:?}");
        },
    );
}

#[test]
fn a_folder_that_was_made_is_there_with_its_parents_after_a_loss_of_power() {
    let ways = every_cut(
        |_| {},
        |folder, disk| create_folder(disk, &folder.join("a/b/c")).is_ok(),
        |folder, cut, was_answered| {
            assert!(!was_answered || folder.join("a/b/c").is_dir(), "{cut:?}");
            create_folder(&RealDisk, &folder.join("a/b/c")).unwrap();
        },
    );
    assert_eq!(ways, 24, "the name that was there, three made and made durable, and the end");
}

/// Performs so many steps and no more, as a run that is killed.
struct Killed<'a, D>(&'a D, std::cell::Cell<usize>);

impl<D: Disk> Disk for Killed<'_, D> {
    fn perform(&self, step: &Step) -> io::Result<()> {
        let left = self.1.get().checked_sub(1).ok_or(io::ErrorKind::Other)?;
        self.1.set(left);
        self.0.perform(step)
    }
}

#[test]
fn a_folder_that_a_killed_run_made_is_durable_once_another_has_opened_it() {
    for steps in 0..7 {
        every_cut(
            |_| {},
            |folder, disk| {
                let path = folder.join("a/b/c");
                let _ = create_folder(&Killed(disk, steps.into()), &path);
                StateFolder::on(&path, disk).open().is_ok()
            },
            |folder, cut, was_answered| {
                assert!(!was_answered || folder.join("a/b/c").is_dir(), "{steps} {cut:?}");
            },
        );
    }
}

#[test]
fn a_folder_of_one_relative_name_is_made_durable_in_the_current_one() {
    struct Told(std::cell::RefCell<Vec<Step>>);
    impl Disk for Told {
        fn perform(&self, step: &Step) -> io::Result<()> {
            self.0.borrow_mut().push(step.clone());
            Ok(())
        }
    }
    let told = Told(Vec::new().into());
    create_folder(&told, Path::new("no-such-folder")).unwrap();
    let expected = [Step::CreateFolder("no-such-folder".into()), Step::SyncFolder(".".into())];
    assert_eq!(*told.0.borrow(), expected);
}

#[test]
fn a_folder_that_is_there_is_enough_where_nothing_can_be_flushed() {
    struct Refusing(io::ErrorKind);
    impl Disk for Refusing {
        fn perform(&self, _: &Step) -> io::Result<()> {
            Err(self.0.into())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for (kind, is_fine) in [
        (io::ErrorKind::ReadOnlyFilesystem, true),
        (io::ErrorKind::PermissionDenied, true),
        (io::ErrorKind::InvalidInput, true),
        (io::ErrorKind::StorageFull, false),
    ] {
        assert_eq!(create_folder(&Refusing(kind), folder.path()).is_ok(), is_fine, "{kind}");
        assert!(create_folder(&Refusing(kind), &folder.path().join("missing")).is_err(), "{kind}");
    }
}

#[test]
fn a_removed_file_stays_away() {
    every_cut(
        |folder| fs::write(folder.join("name"), "x").unwrap(),
        |folder, disk| remove(disk, &folder.join("name")).is_ok(),
        |folder, cut, was_answered| {
            assert!(!was_answered || !folder.join("name").exists(), "{cut:?}");
            remove(&RealDisk, &folder.join("name")).unwrap();
        },
    );
}

#[test]
fn two_files_never_have_one_draft() {
    let draft = |name: &str| places(Path::new(name)).unwrap().1;
    let names = ["/s/spi12.0", "/s/spi12.1", "/s/spi12", "/s/.spi12"];
    let drafts: std::collections::BTreeSet<_> = names.into_iter().map(draft).collect();
    assert_eq!(drafts.len(), names.len());
    assert!(drafts.iter().all(|draft| is_draft(draft.file_name().unwrap())));
}

#[test]
fn a_disk_that_refuses_leaves_the_old_file_and_no_draft() {
    struct Full;
    impl Disk for Full {
        fn perform(&self, step: &Step) -> io::Result<()> {
            RealDisk.perform(step)?;
            match step {
                Step::SyncFile(_) => Err(io::ErrorKind::StorageFull.into()),
                _ => Ok(()),
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("name"), "old").unwrap();
    let error = replace(&Full, &folder.path().join("name"), b"new").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(names(folder.path()), ["name"]);
    assert_eq!(fs::read(folder.path().join("name")).unwrap(), b"old");
}

#[test]
fn a_link_in_the_place_of_a_draft_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("elsewhere"), "kept").unwrap();
    std::os::unix::fs::symlink("elsewhere", folder.path().join(".name.draft")).unwrap();
    assert!(replace(&RealDisk, &folder.path().join("name"), b"new").is_err());
    assert_eq!(fs::read(folder.path().join("elsewhere")).unwrap(), b"kept");
    replace(&RealDisk, &folder.path().join("name"), b"new").unwrap();
}

#[test]
fn only_drafts_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    for name in [".a.draft", ".b", "c.draft", "d"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    sweep(&RealDisk, folder.path()).unwrap();
    assert_eq!(names(folder.path()), [".b", "c.draft", "d"]);
}

#[test]
fn a_long_text_is_the_old_or_the_new_wherever_a_kill_cuts_it() {
    let (old, new) = ("o".repeat(10), "n".repeat(200_000));
    let sealed =
        |text: String| Sealed::new(move |out: &mut dyn io::Write| out.write_all(text.as_bytes())).unwrap();
    let ways = every_cut(
        |folder| replace_sealed(&RealDisk, &folder.join("name"), &sealed(old.clone())).unwrap(),
        |folder, disk| replace_sealed(disk, &folder.join("name"), &sealed(new.clone())).is_ok(),
        |folder, cut, was_answered| {
            let found = std::fs::read(folder.join("name")).unwrap();
            let found = crate::unseal(&found);
            let is_whole = found == Some(&new) || found == Some(&old) && !was_answered;
            // Nothing waits for the disk: after a loss of power it may say anything, but it is not believed.
            let is_lost = cut.fate != Fate::Killed && (found.is_none() || found == Some(&old));
            assert!(is_whole || is_lost, "{cut:?}: {:?}", found.map(str::len));
        },
    );
    assert!(ways > 100, "{ways}");
}
