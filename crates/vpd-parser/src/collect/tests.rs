use super::*;
use fru_publication::publish;
use std::io;
use std::sync::LazyLock;
use vpd_format::Bytes;

/// A chip that gives its bytes until it has given so many, and then nothing more.
struct Dying {
    image: Vec<u8>,
    left: usize,
}

impl ReadAt for Dying {
    type Error = io::Error;

    fn size(&self) -> u64 {
        self.image.len() as u64
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), io::Error> {
        self.left =
            self.left.checked_sub(buffer.len()).ok_or_else(|| io::Error::from(io::ErrorKind::TimedOut))?;
        let start = usize::try_from(offset).unwrap();
        buffer.copy_from_slice(&self.image[start..start + buffer.len()]);
        Ok(())
    }
}

const DESCRIPTION: &str = include_str!("../../../../tests/data/vpd/system-planar.toml");
const FRAGMENT: &str = "[[object]]\npath = \"/system\"\nrecords = \"all\"\n";

fn collect_dying(left: usize) -> Collected {
    static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| vpd_builder::build(DESCRIPTION).unwrap());
    read(Dying { image: IMAGE.clone(), left }, &Fragment::parse(FRAGMENT).unwrap())
}

#[test]
fn a_chip_that_dies_at_any_byte_is_unreadable_and_leaves_no_half_of_its_data() {
    let whole = collect_dying(usize::MAX);
    assert_eq!(whole.exit(), Exit::Done);
    let needed = usize::try_from(whole.bytes_read).unwrap();
    let fragment = Fragment::parse(FRAGMENT).unwrap();
    for left in 0..needed {
        let collected = collect_dying(left);
        assert_eq!(
            (collected.exit(), collected.outcome().as_str()),
            (Exit::DeviceAbsent, "unreadable"),
            "dies at {left}"
        );
        assert!(collected.reason().contains("offset"), "{}", collected.reason());
        let publication = publish(&fragment, collected.reading(), Times::default());
        let values = publication.notification.objects.iter().flat_map(|object| &object.interfaces);
        let records = values.filter(|interface| interface.name.starts_with("com.ibm.ipzvpd."));
        for (name, value) in records.flat_map(|interface| &interface.properties) {
            let is_empty =
                matches!(value, dbus_api::inventory::notification::Value::Bytes(bytes) if bytes.is_empty());
            assert!(is_empty, "dies at {left}: {name} = {value:?}");
        }
    }
    assert_eq!(collect_dying(needed).exit(), Exit::Done);
}

#[test]
fn a_window_past_the_end_of_the_chip_is_named_with_its_offset() {
    let image = vpd_builder::build(DESCRIPTION).unwrap();
    let end = image.len();
    let fragment = format!("offset = {end}\n{FRAGMENT}");
    let collected = read(Dying { image, left: usize::MAX }, &Fragment::parse(&fragment).unwrap());
    assert_eq!(collected.exit(), Exit::BadData);
    let reason = collected.reason();
    assert!(reason.contains(&format!("offset {end}, past the end of a device of {end} bytes")), "{reason}");
}

#[test]
fn a_window_hides_the_rest_of_the_chip() {
    let image = vpd_builder::build(DESCRIPTION).unwrap();
    let mut chip = vec![0x5a; 0x3_0000];
    chip.extend_from_slice(&image);
    let fragment = format!("offset = {}\nsize = {}\n{FRAGMENT}", 0x3_0000, image.len());
    let collected = read(Dying { image: chip, left: usize::MAX }, &Fragment::parse(&fragment).unwrap());
    assert_eq!((collected.exit(), collected.image_size), (Exit::Done, image.len() as u64));
}

#[test]
fn the_report_names_every_area_and_record() {
    let collected = collect_dying(usize::MAX);
    let key = EepromKey::parse("8-0050").unwrap();
    let report = report(&key, &collected, Times { started: 1, completed: 2 });
    assert_eq!(
        (report.key.as_str(), report.format.as_str(), report.outcome.as_str()),
        ("8-0050", "ipz", "ok")
    );
    let names: Vec<_> = report.records.iter().map(|record| record.name.as_str()).collect();
    assert_eq!(names[..3], ["VHDR", "VTOC", "VINI"]);
    assert!(report.records.iter().all(|record| record.outcome == "ok" && record.reason.is_empty()));
}

#[test]
fn a_fragment_says_which_numbers_identify_a_module() {
    let text = include_str!("../../../../tests/data/vpd/ddr4-isdimm.toml");
    let image = vpd_builder::build(text).unwrap();
    for (setting, number) in [
        ("", "VIV-D4-32G-2666"),
        ("part-numbers = \"module\"\n", "VIV-D4-32G-2666"),
        ("part-numbers = \"upstream\"\n", "78P4198"),
    ] {
        let fragment = format!("{setting}[[object]]\npath = \"/dimm\"\nrecords = \"all\"\n");
        let collected = read(Bytes(&image), &Fragment::parse(&fragment).unwrap());
        let Reading::Usable(vpd) = collected.reading() else { panic!() };
        let part = Keywords(vpd).find(None, vpd_format::KeywordName(*b"PN")).unwrap();
        assert_eq!(part.data, number.as_bytes(), "{setting}");
    }
}

#[test]
fn a_ccin_that_is_none_is_not_reported() {
    let key = EepromKey::parse("8-0050").unwrap();
    for (ccin, reported) in [
        ("\"7v01\"".to_owned(), "7V01"),
        ("\"7V:1\"".to_owned(), ""),
        ("\"7V01 \"".to_owned(), ""),
        ("{ fill = 0, length = 200 }".to_owned(), ""),
        (format!("\"{}\"", "A".repeat(200)), ""),
    ] {
        let description = DESCRIPTION.replace("CC = \"7V01\"", &format!("CC = {ccin}"));
        let image = vpd_builder::build(&description).unwrap();
        let collected = read(Dying { image, left: usize::MAX }, &Fragment::parse(FRAGMENT).unwrap());
        let report = report(&key, &collected, Times::default());
        assert_eq!((report.outcome.as_str(), report.ccin.as_str()), ("ok", reported), "{ccin}");
    }
}

#[test]
fn both_eeproms_stay_locked_until_the_locks_are_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["first", "second"].map(|name| folder.path().join(name));
    let writers = paths.clone().map(|path| {
        std::fs::write(&path, [0xff; 64]).unwrap();
        std::fs::File::options().write(true).open(&path).unwrap()
    });
    let (_, locks) = collect_from(&paths[0], Some(&paths[1]), &Fragment::parse(FRAGMENT).unwrap()).unwrap();
    for writer in &writers {
        assert!(matches!(writer.try_lock(), Err(std::fs::TryLockError::WouldBlock)));
    }
    drop(locks);
    for writer in &writers {
        writer.try_lock().unwrap();
    }
}
