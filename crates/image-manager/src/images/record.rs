//! What is known of an image across restarts of the service.

use crate::drop_folder::folder::Identity;
use crate::hand_over::Origin;
use durable_state::{Document, LoadError, StateFolder};
use image_format::{MemberName, NameLimits, Purpose, VersionId};
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use update_state::ApplyTime;

/// A record. Its file is `<id>.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Record {
    /// How far the image is.
    pub stage: Stage,
    /// The image's folder.
    #[serde(default)]
    pub folder: Option<Place>,
    /// The file that it was dropped as.
    #[serde(default)]
    pub upload: Option<UploadPlace>,
    /// When it is to be applied; only of images that came by `StartUpdate`.
    #[serde(default)]
    pub apply_time: Option<String>,
    /// Path of the object that it is for; empty where no installer named one.
    #[serde(default)]
    pub target: String,
    /// Bus name of the installer that has handed it on, which alone may claim it.
    #[serde(default)]
    pub installer: Option<String>,
    /// An installer was told to begin, or has begun.
    #[serde(default, alias = "was-asked")]
    pub was_begun: bool,
    /// It was dropped, and an event has said that no installer has claimed it.
    #[serde(default)]
    pub is_reported: bool,
    /// What its signatures came to.
    #[serde(default)]
    pub verification: Verified,
    /// Fingerprint of the machine's key that vouches for it.
    #[serde(default)]
    pub signer: Option<String>,
    /// What the manifest says.
    #[serde(default)]
    pub image: Shown,
    /// The files.
    #[serde(default, rename = "file")]
    pub files: Vec<FileRecord>,
}

/// How far an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It is being unpacked.
    TakingIn,
    /// It is, or is about to be, published.
    Published,
    /// Another service may have it, and another run cannot know what becomes of it there.
    HandedOn,
    /// It was installed, or given up: it is to be removed.
    Closed,
}

/// What its signatures came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verified {
    /// They are right.
    Signed,
    /// They are not, and it was not required.
    Unsigned,
    /// They were not checked.
    #[default]
    Unchecked,
}

/// A folder or file on disk. Both numbers as signed ones, since TOML has no others of 64 bits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Device number.
    pub device: i64,
    /// Inode number.
    pub inode: i64,
}

/// The dropped file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadPlace {
    /// Its name, as bytes in hexadecimal.
    pub name: String,
    /// Its length, bytes.
    pub size: u64,
    /// Which file.
    pub place: Place,
}

/// What the bus shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Shown {
    /// The bare word of the purpose.
    pub purpose: String,
    /// The version.
    pub version: String,
    /// The extended version.
    pub extended_version: String,
    /// What it is compatible with.
    pub compatible: Vec<String>,
}

/// One unpacked file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its name below the folder.
    #[serde(deserialize_with = "member_name")]
    pub name: String,
    /// Its length, bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal, for programs that open it.
    pub sha256: String,
    /// When the kernel last saw it changed, ns since 1970.
    pub changed: i64,
}

impl From<Identity> for Place {
    fn from(identity: Identity) -> Self {
        Self { device: identity.device.cast_signed(), inode: identity.inode.cast_signed() }
    }
}

impl From<&Place> for Identity {
    fn from(place: &Place) -> Self {
        Self { device: place.device.cast_unsigned(), inode: place.inode.cast_unsigned() }
    }
}

impl Shown {
    /// The purpose.
    pub fn purpose(&self) -> Purpose {
        Purpose::from_word(&self.purpose).unwrap_or(Purpose::Unknown)
    }
}

impl Document for Record {
    const FORMAT: u32 = 1;
    /// What settings allow comes below it, see [`Records::open`].
    const LONGEST: u64 = u64::MAX;
}

impl Record {
    /// Of an image that came by `StartUpdate` and is about to be unpacked.
    pub fn taking_in(apply: ApplyTime) -> Self {
        Self { apply_time: Some(apply.word().to_owned()), ..Self::dropped() }
    }

    /// Of an image that was dropped, of which nothing is known yet.
    pub fn dropped() -> Self {
        Self {
            stage: Stage::TakingIn,
            folder: None,
            upload: None,
            apply_time: None,
            target: String::new(),
            installer: None,
            was_begun: false,
            is_reported: false,
            verification: Verified::Unchecked,
            signer: None,
            image: Shown::default(),
            files: Vec::new(),
        }
    }

    /// Of an image of which nothing is known but its folder.
    pub fn lost(folder: Place) -> Self {
        // That is not known.
        Self { stage: Stage::Closed, folder: Some(folder), was_begun: true, ..Self::dropped() }
    }

    /// When it is to be applied.
    pub fn apply_time(&self) -> Option<ApplyTime> {
        ApplyTime::from_word(self.apply_time.as_deref()?)
    }

    /// How it has come.
    pub fn origin(&self) -> Origin {
        match (&self.apply_time, &self.installer) {
            (None, _) => Origin::Dropped,
            (Some(_), None) => Origin::Client,
            (Some(_), Some(_)) => Origin::Installer,
        }
    }

    /// A file that the record knows and a folder does not hold any more, or with another length. What an installer has added, and
    /// what it has changed of owners and modes, is its own business.
    pub fn lacks(&self, folder: &Path) -> Option<&str> {
        let is_there = |file: &FileRecord| {
            fs::symlink_metadata(folder.join(&file.name))
                .is_ok_and(|found| found.is_file() && found.len() == file.size)
        };
        self.files.iter().find(|file| !is_there(file)).map(|file| file.name.as_str())
    }

    /// How many bytes its files take, at least.
    pub fn length(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// Whether a folder still holds the files that the record knows, unchanged.
    pub fn matches(&self, folder: &Path) -> bool {
        let mut found = 0;
        let mut open = vec![folder.to_owned()];
        while let Some(next) = open.pop() {
            let Ok(entries) = fs::read_dir(&next) else { return false };
            for entry in entries {
                let Ok(entry) = entry else { return false };
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open.push(entry.path());
                    continue;
                }
                found += 1;
                let path = entry.path();
                let name = path.strip_prefix(folder).ok().and_then(Path::to_str);
                let known = self.files.iter().find(|file| Some(&*file.name) == name);
                if !known.is_some_and(|known| known.is(&path)) {
                    return false;
                }
            }
        }
        found == self.files.len()
    }
}

impl FileRecord {
    /// Of a file that was just written.
    pub fn of(folder: &Path, name: &MemberName, size: u64, sha256: String) -> io::Result<Self> {
        let changed = changed(&fs::symlink_metadata(folder.join(name.as_str()))?);
        Ok(Self { name: name.to_string(), size, sha256, changed })
    }

    fn is(&self, path: &Path) -> bool {
        fs::symlink_metadata(path)
            .is_ok_and(|found| found.is_file() && found.len() == self.size && changed(&found) == self.changed)
    }
}

fn changed(found: &fs::Metadata) -> i64 {
    found.ctime().saturating_mul(1_000_000_000).saturating_add(found.ctime_nsec())
}

/// The folder of records.
#[derive(Debug, Clone)]
pub struct Records {
    folder: StateFolder,
    longest: u64,
}

impl Records {
    /// Records lie in this folder, which is made if need be; those with more than `longest` bytes are none.
    pub fn open(folder: PathBuf, longest: u64) -> io::Result<Self> {
        let folder = StateFolder::at(folder);
        folder.open()?;
        Ok(Self { folder, longest })
    }

    /// Writes a record.
    pub fn save(&self, id: &VersionId, record: &Record) -> io::Result<()> {
        self.folder.save(&name(id), record)
    }

    /// Whether there is a file for a record, be it one that cannot be read now, or of another version of this service.
    pub fn has_file(&self, id: &VersionId) -> bool {
        self.folder.file(&name(id)).exists()
    }

    /// Removes a record.
    pub fn remove(&self, id: &VersionId) {
        if let Err(error) = self.folder.remove(&name(id)) {
            log::warn!("the record of an image cannot be removed id={id}: {error}");
        }
    }

    /// All records. What is damaged is set aside; what is no record is removed, as nothing else would remove it.
    pub fn load(&self) -> io::Result<Vec<(VersionId, Record)>> {
        let mut records = Vec::new();
        for file in self.folder.names()? {
            let Some(id) = file.strip_suffix(EXTENSION).and_then(|stem| VersionId::parse(stem).ok()) else {
                self.remove_foreign(&file);
                continue;
            };
            match self.read(&file) {
                Ok(record) => records.extend(record.map(|record| (id, record))),
                Err(error) => log::warn!("an image is not known any more: {error}"),
            }
        }
        records.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Ok(records)
    }

    fn read(&self, file: &str) -> Result<Option<Record>, LoadError> {
        self.folder.load_within(file, self.longest)
    }

    fn remove_foreign(&self, file: &str) {
        log::warn!("{} is removed: it is no record", self.folder.file(file).display());
        if let Err(error) = self.folder.remove(file) {
            log::warn!("{} cannot be removed: {error}", self.folder.file(file).display());
        }
    }
}

/// Bytes in hexadecimal: a file's name may be none that TOML can hold.
pub fn hex(name: &OsStr) -> String {
    name.as_bytes().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that [`hex`] has written.
pub fn parse_hex(text: &str) -> Option<OsString> {
    let digits = text.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok());
    let digits = digits.collect::<Option<Vec<u8>>>()?;
    let bytes = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    Some(OsString::from_vec(bytes.collect::<Option<_>>()?))
}

const EXTENSION: &str = ".toml";

fn name(id: &VersionId) -> String {
    format!("{id}{EXTENSION}")
}

/// A name that a member of an image can have: it is looked for below the image's folder.
fn member_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let limits = NameLimits { bytes: usize::MAX, depth: usize::MAX };
    MemberName::parse(name.as_bytes(), &limits).map_err(serde::de::Error::custom)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(folder: &Path) -> Record {
        let name = MemberName::parse(b"MANIFEST", &NameLimits::default()).unwrap();
        let file = FileRecord::of(folder, &name, 3, "00".to_owned()).unwrap();
        Record { files: vec![file], ..Record::taking_in(ApplyTime::OnReset) }
    }

    #[test]
    fn a_record_of_the_version_before_is_read() {
        let text = "stage = \"published\"\nwas-asked = true\nverification = \"signed\"\n";
        let record: Record = toml::from_str(text).unwrap();
        assert!(record.was_begun && record.target.is_empty() && record.installer.is_none());
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("MANIFEST"), "abc").unwrap();
        let records = Records::open(folder.path().join("records"), 1 << 20).unwrap();
        let (id, mut record) = (VersionId::of("v1"), record(folder.path()));
        record.folder = Some(Place { device: 1, inode: i64::MIN });
        record.upload =
            Some(UploadPlace { name: "ff".to_owned(), size: 9, place: Place { device: 2, inode: 3 } });
        record.signer = Some("abcd".to_owned());
        record.image = Shown {
            purpose: "PSU".to_owned(),
            version: "a \"quoted\" \\ größe\t\u{7f}\u{1}\n".to_owned(),
            extended_version: "[image]\n".to_owned(),
            compatible: vec!["one, two".to_owned(), String::new()],
        };
        records.save(&id, &record).unwrap();
        assert_eq!(records.load().unwrap(), [(id.clone(), record)]);
        records.remove(&id);
        assert_eq!(records.load().unwrap(), []);
    }

    #[test]
    fn what_is_no_record_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(folder.path().join("records"), 1 << 20).unwrap();
        for name in ["be0e872f.toml", ".be0e872f.toml.draft", "be0e872f.new", "other.toml"] {
            fs::write(folder.path().join("records").join(name), "stage = 1").unwrap();
        }
        // One that is none and cannot be removed like one is no reason to know of no other.
        fs::create_dir(folder.path().join("records/67363d95.toml")).unwrap();
        fs::write(folder.path().join("MANIFEST"), "abc").unwrap();
        let (id, record) = (VersionId::of("v1"), record(folder.path()));
        records.save(&id, &record).unwrap();
        let records = Records::open(folder.path().join("records"), 1 << 20).unwrap();
        assert_eq!(records.load().unwrap(), [(id, record)]);
        // Two are set aside, to be looked into.
        assert_eq!(fs::read_dir(folder.path().join("records")).unwrap().count(), 3);
    }

    #[test]
    fn a_record_with_a_flipped_bit_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("MANIFEST"), "abc").unwrap();
        let records = Records::open(folder.path().join("records"), 1 << 20).unwrap();
        let mut record = record(folder.path());
        record.image.version = "1.0".to_owned();
        records.save(&VersionId::of("v1"), &record).unwrap();
        let file = records.folder.file(&name(&VersionId::of("v1")));
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("version = \"1.0\"", "version = \"9.0\"")).unwrap();
        assert_eq!(records.load().unwrap(), []);
    }

    #[test]
    fn a_record_names_no_file_that_an_image_cannot_have() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("MANIFEST"), "abc").unwrap();
        let records = Records::open(folder.path().join("records"), 1 << 20).unwrap();
        let mut record = record(folder.path());
        record.files[0].name = "../MANIFEST".to_owned();
        records.save(&VersionId::of("v1"), &record).unwrap();
        assert_eq!(records.load().unwrap(), []);
    }

    #[test]
    fn a_changed_folder_is_not_the_one_of_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("MANIFEST");
        fs::write(&file, "abc").unwrap();
        let record = record(folder.path());
        assert!(record.matches(folder.path()));
        fs::write(folder.path().join("more"), "").unwrap();
        assert!(!record.matches(folder.path()));
        fs::remove_file(folder.path().join("more")).unwrap();
        assert!(record.matches(folder.path()));
        fs::write(&file, "abd").unwrap();
        let now = record.files[0].changed;
        assert!(!record.matches(folder.path()) || changed(&fs::metadata(&file).unwrap()) == now);
        fs::remove_file(&file).unwrap();
        assert!(!record.matches(folder.path()));
    }
}
