//! What `build` leaves behind.

use std::fs;
use std::path::Path;

use crate::image::{FIXTURES, Image, description, run};

fn build(description: &Path, output: &Path) -> (u8, String) {
    let run = run(&["build", description.to_str().unwrap(), "--output"], &[output]);
    assert_eq!(run.output, "");
    (run.status, run.errors)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_description_gives_an_image_that_is_good() {
    let folder = tempfile::tempdir().unwrap();
    for name in FIXTURES {
        let path = folder.path().join(name);
        assert_eq!(build(&description(name), &path), (0, String::new()), "{name}");
        assert_eq!(fs::read(&path).unwrap(), Image::fixture(name).bytes());
    }
    assert_eq!(names(folder.path()).len(), FIXTURES.len(), "nothing but the images");
}

#[test]
fn a_wrong_description_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (wrong, output) = (folder.path().join("wrong.toml"), folder.path().join("image"));
    fs::write(&wrong, "format = \"ipz\"\nsize = 512\n\n[[record]]\nname = \"VINIX\"\n").unwrap();
    fs::write(&output, "old").unwrap();
    let (status, errors) = build(&wrong, &output);
    assert_eq!(status, 65);
    assert!(errors.contains("wrong.toml: line 5"), "{errors}");
    assert_eq!(fs::read(&output).unwrap(), b"old");
    assert_eq!(build(&folder.path().join("absent.toml"), &output).0, 66);
    assert_eq!(names(folder.path()), ["image", "wrong.toml"]);
}

#[test]
fn a_file_is_replaced_in_one_step_and_a_link_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("image"), folder.path().join("link"));
    fs::write(&file, "old").unwrap();
    let open = fs::File::open(&file).unwrap();
    std::os::unix::fs::symlink("image", &link).unwrap();
    assert_eq!(build(&description("card"), &link).0, 0);
    assert!(link.is_symlink());
    assert_eq!(fs::read(&file).unwrap(), Image::fixture("card").bytes());
    assert_eq!(std::io::read_to_string(open).unwrap(), "old", "who had it open still has all of the old one");
    assert_eq!(names(folder.path()), ["image", "link"]);
}

#[test]
fn what_cannot_be_made_is_said_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for output in
        [folder.path().join("absent/image"), folder.path().to_owned(), Path::new("/dev/null").to_owned()]
    {
        let (status, errors) = build(&description("card"), &output);
        assert_eq!(status, 73, "{errors}");
    }
    assert!(names(folder.path()).is_empty());
}
