//! What an image of a folder is made of: payloads, and what its MANIFEST shall say.

use crate::arguments::Pack;
use crate::exit::{Exit, Failure};
use anyhow::Context as _;
use image_builder::ImageBuilder;
use image_format::{DigestAlgorithm, Manifest, ManifestLimits, PayloadDigest, Purpose, names};
use image_signature::{DigestValue, Digester};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _};
use std::path::Path;

/// The key set that images are signed with where nobody says another.
pub(crate) const KEY_TYPE: &str = "OpenBMC";

/// Keys of lines that the options stand for; others are taken over as they are.
const KNOWN: [&str; 9] = [
    "purpose",
    "version",
    "ExtendedVersion",
    "extended_version",
    "MachineName",
    "CompatibleName",
    "KeyType",
    "HashType",
    PayloadDigest::KEY,
];

/// The image's parts, without signatures, and the name of its key set.
pub(crate) fn parts(arguments: &Pack) -> Result<(ImageBuilder<'static>, String), Failure> {
    let folder = &arguments.folder;
    let (said, further) = manifest(folder)?;
    let missing = |option: &str, key: &str| {
        let sentence = format!("{option} is missing, and {} has no MANIFEST with {key}", folder.display());
        Failure::say(Exit::Usage, sentence)
    };
    let says = &arguments.says;
    let bad = |error: anyhow::Error| Failure::new(Exit::BadImage, error.context("MANIFEST"));
    let purpose = match (&says.purpose, &said) {
        (Some(purpose), _) => *purpose,
        (None, Some(said)) => Purpose::parse(&said.purpose).map_err(|error| bad(error.into()))?,
        (None, None) => return Err(missing("--purpose", "purpose")),
    };
    let version = says.version.clone().or_else(|| Some(said.as_ref()?.version.clone()));
    let version = version.ok_or_else(|| missing("--version", "version"))?;
    let or = |option: &Option<String>, said: Option<String>| option.clone().or(said);
    let said_extended =
        said.as_ref().map(|said| said.extended_version.clone()).filter(|text| !text.is_empty());
    let key_type = or(&says.key_type, said.as_ref().and_then(|said| said.key_type.clone()));
    let key_type = key_type.map_or_else(|| KEY_TYPE.to_owned(), |key_type| key_type.trim().to_owned());
    let compatible = match (&says.compatible[..], &said) {
        ([], Some(said)) => said.compatible_names.clone(),
        (names, _) => names.to_vec(),
    };
    let mut builder = ImageBuilder::new(purpose, version);
    let machine = or(&says.machine, said.as_ref().and_then(|said| said.machine_name.clone()));
    if let Some(machine) = machine {
        builder = builder.machine_name(machine);
    }
    if let Some(extended) = or(&says.extended_version, said_extended) {
        builder = builder.extended_version(extended);
    }
    if let Some(hash) = or(&says.hash_type, said.as_ref().and_then(|said| said.hash_type.clone())) {
        builder = builder.hash_type(hash);
    }
    if arguments.sign.is_some() {
        builder = builder.key_type(key_type.clone());
    }
    builder = compatible.into_iter().fold(builder, ImageBuilder::compatible_name);
    builder = further.into_iter().fold(builder, |builder, (key, value)| builder.line(key, value));
    Ok((payloads(folder, &arguments.output, builder)?, key_type))
}

/// What the folder's MANIFEST says, and its lines that no option stands for.
#[expect(clippy::type_complexity, reason = "two things of one file, used once")]
fn manifest(folder: &Path) -> Result<(Option<Manifest>, Vec<(String, String)>), Failure> {
    let path = folder.join(names::MANIFEST);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((None, Vec::new())),
        Err(error) => return Err(unreadable(error, &path)),
    };
    let manifest = Manifest::parse(text.as_bytes(), &ManifestLimits::default())
        .with_context(|| path.display().to_string())
        .map_err(|cause| Failure::new(Exit::BadImage, cause))?;
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let further = lines.filter(|(key, _)| !KNOWN.contains(key));
    Ok((Some(manifest), further.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()))
}

/// Adds the folder's files, in the order of their names, but for the image that is to be replaced, if it lies there.
fn payloads(
    folder: &Path,
    output: &Path,
    mut builder: ImageBuilder<'static>,
) -> Result<ImageBuilder<'static>, Failure> {
    let output = fs::canonicalize(output).ok();
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = entries.map_err(|error| unreadable(error, folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            let sentence = format!("{} has a name that no image can have: rename it", path.display());
            return Err(Failure::say(Exit::BadImage, sentence));
        };
        let is_output = output.is_some() && fs::canonicalize(&path).ok() == output;
        if name == names::MANIFEST || is_output {
            continue;
        }
        let metadata = fs::metadata(&path).map_err(|error| unreadable(error, &path))?;
        if !metadata.is_file() {
            let sentence =
                format!("{} is no regular file: an image has files only, take it away", path.display());
            return Err(Failure::say(Exit::BadImage, sentence));
        }
        let mut file = File::open(&path).map_err(|error| unreadable(error, &path))?;
        let sha256 = digest(&mut file).map_err(|error| unreadable(error, &path))?;
        // Signatures alone do not say that payloads belong together.
        builder = builder.line(PayloadDigest::KEY, PayloadDigest::value(&sha256.to_string(), &name));
        builder = builder.payload_from(name, metadata.len(), file);
    }
    Ok(builder)
}

/// SHA-256 of a file, which is left at its start.
fn digest(file: &mut File) -> io::Result<DigestValue> {
    let mut digester = Digester::new(DigestAlgorithm::Sha256);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => digester.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    file.rewind()?;
    Ok(digester.finish())
}

/// A file that cannot be read.
pub(crate) fn unreadable(error: std::io::Error, path: &Path) -> Failure {
    Failure::new(Exit::NoInput, anyhow::Error::new(error).context(format!("cannot read {}", path.display())))
}
