//! What is known of an image across restarts of the service.

use crate::upload_folder::Identity;
use image_format::{MemberName, NameLimits, Purpose, VersionId};
use serde::Deserialize;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use update_state::ApplyTime;

/// A record. Its file is `<id>.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
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
    /// An installer was told to begin.
    #[serde(default)]
    pub was_asked: bool,
    /// Its signatures were right, or nobody cared.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It is being unpacked.
    TakingIn,
    /// It is, or is about to be, published.
    Published,
    /// It was installed, or given up: it is to be removed.
    Closed,
}

/// What its signatures came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verified {
    /// They are right.
    Signed,
    /// They are not, and it was not required.
    Unsigned,
    /// Nobody looked.
    #[default]
    Unchecked,
}

/// A folder or file on disk.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// The dropped file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UploadPlace {
    /// Its name, as bytes in hexadecimal.
    pub name: String,
    /// Its length, bytes.
    pub size: u64,
    /// Which file.
    pub place: Place,
}

/// What the bus shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FileRecord {
    /// Its name below the folder.
    pub name: String,
    /// Its length, bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal, for whoever opens it.
    pub sha256: String,
    /// When the kernel last saw it changed, ns since 1970.
    pub changed: i64,
}

impl Place {
    fn to_text(&self) -> String {
        format!("{{ device = {}, inode = {} }}", self.device, self.inode)
    }
}

impl From<Identity> for Place {
    fn from(identity: Identity) -> Self {
        Self { device: identity.device, inode: identity.inode }
    }
}

impl From<&Place> for Identity {
    fn from(place: &Place) -> Self {
        Self { device: place.device, inode: place.inode }
    }
}

impl Shown {
    /// The purpose.
    pub fn purpose(&self) -> Purpose {
        Purpose::from_word(&self.purpose).unwrap_or(Purpose::Unknown)
    }
}

impl Record {
    /// Of an image that came by `StartUpdate` and is about to be unpacked.
    pub fn taking_in(apply: ApplyTime) -> Self {
        Self {
            stage: Stage::TakingIn,
            folder: None,
            upload: None,
            apply_time: Some(apply.word().to_owned()),
            was_asked: false,
            verification: Verified::Unchecked,
            signer: None,
            image: Shown::default(),
            files: Vec::new(),
        }
    }

    /// As it stands in its file. By hand, since TOML's own writer would add a twentieth to the program.
    fn to_text(&self) -> String {
        let stage = match self.stage {
            Stage::TakingIn => "taking-in",
            Stage::Published => "published",
            Stage::Closed => "closed",
        };
        let verification = match self.verification {
            Verified::Signed => "signed",
            Verified::Unsigned => "unsigned",
            Verified::Unchecked => "unchecked",
        };
        let asked = self.was_asked;
        let mut text = format!("stage = {stage:?}\nverification = {verification:?}\nwas-asked = {asked}\n");
        if let Some(signer) = &self.signer {
            text += &format!("signer = {}\n", quoted(signer));
        }
        if let Some(time) = &self.apply_time {
            text += &format!("apply-time = {}\n", quoted(time));
        }
        if let Some(place) = &self.folder {
            text += &format!("folder = {}\n", place.to_text());
        }
        if let Some(UploadPlace { name, size, place }) = &self.upload {
            text += &format!(
                "upload = {{ name = {}, size = {size}, place = {} }}\n",
                quoted(name),
                place.to_text()
            );
        }
        let image = &self.image;
        let compatible: Vec<_> = image.compatible.iter().map(|name| quoted(name)).collect();
        text += &format!("\n[image]\npurpose = {}\n", quoted(&image.purpose));
        text += &format!("version = {}\n", quoted(&image.version));
        text += &format!("extended-version = {}\n", quoted(&image.extended_version));
        text += &format!("compatible = [{}]\n", compatible.join(", "));
        for FileRecord { name, size, sha256, changed } in &self.files {
            let (name, sha256) = (quoted(name), quoted(sha256));
            text += &format!(
                "\n[[file]]\nname = {name}\nsize = {size}\nsha256 = {sha256}\nchanged = {changed}\n"
            );
        }
        text
    }

    /// When it is to be applied.
    pub fn apply_time(&self) -> Option<ApplyTime> {
        ApplyTime::from_word(self.apply_time.as_deref()?)
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

/// A text as a TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            other if other.is_control() => quoted += &format!("\\u{:04X}", u32::from(other)),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

fn changed(found: &fs::Metadata) -> i64 {
    found.ctime().saturating_mul(1_000_000_000).saturating_add(found.ctime_nsec())
}

/// The folder of records.
#[derive(Debug, Clone)]
pub struct Records {
    folder: PathBuf,
    longest: u64,
}

impl Records {
    /// Records lie in this folder, which is made if need be; those with more than `longest` bytes are none.
    pub fn open(folder: PathBuf, longest: u64) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, longest })
    }

    /// Writes a record.
    pub fn save(&self, id: &VersionId, record: &Record) -> io::Result<()> {
        service_runtime::durable::replace(&self.path(id), &record.to_text())
    }

    /// Removes a record.
    pub fn remove(&self, id: &VersionId) {
        if let Err(error) = fs::remove_file(self.path(id))
            && error.kind() != io::ErrorKind::NotFound
        {
            log::warn!("a record cannot be removed: {}: {error}", self.path(id).display());
        }
    }

    /// All records; what cannot be read is removed, as nobody would ever remove it.
    pub fn load(&self) -> io::Result<Vec<(VersionId, Record)>> {
        let mut records = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let id = path.file_stem().and_then(|stem| VersionId::parse(stem.to_str()?).ok());
            let is_record = path.extension().is_some_and(|extension| extension == "toml");
            match (id.filter(|_| is_record), read(&path, self.longest)) {
                (Some(id), Ok(record)) => records.push((id, record)),
                (_, read) => {
                    let reason =
                        read.err().map_or_else(|| "it is no record".to_owned(), |error| error.to_string());
                    log::warn!("{} is removed: {reason}", path.display());
                    if let Err(error) = fs::remove_file(&path) {
                        log::warn!("{} cannot be removed: {error}", path.display());
                    }
                }
            }
        }
        records.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(records)
    }

    fn path(&self, id: &VersionId) -> PathBuf {
        self.folder.join(format!("{id}.toml"))
    }
}

fn read(path: &Path, longest: u64) -> io::Result<Record> {
    if fs::symlink_metadata(path)?.len() > longest {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let record: Record = toml::from_str(&fs::read_to_string(path)?).map_err(io::Error::other)?;
    let names = NameLimits { bytes: usize::MAX, depth: usize::MAX };
    for file in &record.files {
        MemberName::parse(file.name.as_bytes(), &names).map_err(io::Error::other)?;
    }
    Ok(record)
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
    fn a_record_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("MANIFEST"), "abc").unwrap();
        let records = Records::open(folder.path().join("records"), 1 << 20).unwrap();
        let (id, mut record) = (VersionId::of("v1"), record(folder.path()));
        record.folder = Some(Place { device: 1, inode: u64::from(u32::MAX) });
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
        for name in ["be0e872f.toml", "be0e872f.new", "other.toml"] {
            fs::write(folder.path().join("records").join(name), "stage = 1").unwrap();
        }
        // One that is none and cannot be removed like one is no reason to know of no other.
        fs::create_dir(folder.path().join("records/67363d95.toml")).unwrap();
        fs::write(folder.path().join("MANIFEST"), "abc").unwrap();
        let (id, record) = (VersionId::of("v1"), record(folder.path()));
        records.save(&id, &record).unwrap();
        assert_eq!(records.load().unwrap(), [(id, record)]);
        assert_eq!(fs::read_dir(folder.path().join("records")).unwrap().count(), 2);
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
