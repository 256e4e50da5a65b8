//! `software-tool pack`: an image of the files in a folder.

use crate::arguments::{Compress, Pack};
use crate::exit::{Exit, Failure};
use crate::parts::{parts, unreadable};
use crate::screen::{Screen, one_line};
use crate::verify::check;
use anyhow::Context as _;
use durable_state::Draft;
use image_builder::{BuildError, Built, Compression};
use image_check::{DigestChoice, JudgeError, KeySet, Rejection, Rules, SignaturePolicy, TrustStore};
use image_format::{Manifest, ManifestLimits};
use image_signature::{DigestAlgorithm, PrivateKey};
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// Bytes that are written at once.
const PIECE: usize = 128 * 1024;

pub(crate) fn run(arguments: &Pack, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let sign = arguments.sign.as_deref().map(key).transpose()?;
    let image_key = arguments.image_key.as_deref().map(key).transpose()?;
    let (mut builder, key_type) = parts(arguments)?;
    if let Some(sign) = &sign {
        builder = builder.sign(sign, image_key.as_ref());
    }
    let builder = builder.compression(match arguments.compress {
        Compress::None => Compression::None,
        Compress::Gzip => Compression::Gzip,
        Compress::Xz => Compression::Xz,
        Compress::Bzip2 => Compression::Bzip2,
    });
    let output = arguments.output.display().to_string();
    let cannot = |error: std::io::Error| {
        Failure::new(Exit::CannotCreate, anyhow::Error::new(error).context(format!("cannot make {output}")))
    };
    let mut draft = Draft::begin(&arguments.output).map_err(cannot)?;
    let mut writer = BufWriter::with_capacity(PIECE, draft.file());
    let built = builder.write(&mut writer).map_err(|error| {
        let exit = match &error {
            BuildError::Read { .. } | BuildError::Length { .. } => Exit::NoInput,
            BuildError::Write(_) => Exit::CannotCreate,
            _ => Exit::BadImage,
        };
        Failure::new(exit, anyhow::Error::new(error).context(format!("cannot make {output}")))
    })?;
    writer.flush().map_err(cannot)?;
    drop(writer);
    accept(&draft, &built, sign.as_ref(), &key_type)
        .with_context(|| format!("{output} is not made: image-manager would refuse it"))
        .map_err(|cause| Failure::new(Exit::BadImage, cause))?;
    draft.put_in_place().map_err(cannot)?;
    screen.print(&format!("{}: {} members\n", one_line(&output), built.members.len()))?;
    if let (Some(folder), Some(sign)) = (&arguments.write_trust, &sign) {
        let folder = folder.join(&key_type);
        write_trust(&folder, sign, &built)
            .with_context(|| format!("cannot make {}", folder.display()))
            .map_err(|cause| Failure::new(Exit::CannotCreate, cause))?;
        let folder = folder.display().to_string();
        screen.print(&format!("{}: key set of {}\n", one_line(&folder), sign.public().describe()))?;
    }
    Ok(Exit::Done)
}

fn key(path: &Path) -> Result<PrivateKey, Failure> {
    let text = fs::read(path).map_err(|error| unreadable(error, path))?;
    PrivateKey::from_pem(&text)
        .with_context(|| format!("{} is no key that can sign", path.display()))
        .map_err(|cause| Failure::new(Exit::NoInput, cause))
}

/// Takes the image in as a machine would that trusts its key.
fn accept(draft: &Draft, built: &Built, sign: Option<&PrivateKey>, key_type: &str) -> anyhow::Result<()> {
    let mut rules = Rules { any_machine: true, digests: DigestChoice::All, ..Rules::default() };
    match sign {
        Some(sign) => {
            let digest = DigestAlgorithm::parse(&hash_type(built)?)?;
            let set = KeySet { name: key_type.to_owned(), key: sign.public().clone(), digest };
            rules.trust = TrustStore::of(vec![set]);
        }
        None => rules.signature = SignaturePolicy::Off,
    }
    let file = draft.read()?;
    let length = file.metadata()?.len();
    check(file, Some(length), &rules).map_err(|rejection| anyhow::Error::msg(reason(&rejection)))?;
    Ok(())
}

/// Why an image would be refused, and the option with which it would not, where there is one. As a text, since a rejection
/// has its causes in its own words, and would be printed with them once more.
fn reason(rejection: &Rejection) -> String {
    match rejection {
        Rejection::Unsuitable(JudgeError::Supply(_)) => {
            format!("{rejection}, or give --extended-version model=MODEL,manufacturer=MAKER")
        }
        other => other.to_string(),
    }
}

fn hash_type(built: &Built) -> anyhow::Result<String> {
    let manifest = Manifest::parse(built.manifest.as_bytes(), &ManifestLimits::default())?;
    manifest.hash_type.context("the image has no HashType")
}

/// Writes what a machine must have to take the image.
fn write_trust(folder: &Path, sign: &PrivateKey, built: &Built) -> anyhow::Result<()> {
    let digest = hash_type(built)?;
    fs::create_dir_all(folder)?;
    for (name, text) in [("publickey", sign.public_key_pem()), ("hashfunc", &format!("HashType={digest}\n"))]
    {
        let mut draft = Draft::begin(&folder.join(name))?;
        draft.file().write_all(text.as_bytes())?;
        draft.put_in_place()?;
    }
    Ok(())
}
