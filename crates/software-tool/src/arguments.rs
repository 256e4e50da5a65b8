//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use image_check::VersionFloor;
use image_format::{MinimumVersion, Purpose};
use std::path::PathBuf;
use std::time::Duration;
use update_state::ApplyTime;

/// Install, show, check and pack firmware images.
#[derive(Debug, Parser)]
#[command(name = "software-tool", version, subcommand_required = true, arg_required_else_help = false)]
#[command(
    after_help = "Exit status: 0 done, 64 wrong command line, 65 image refused or installation failed, 66 unreadable \
    file, 69 no such service or image, 70 a service failed, 73 file cannot be made, 74 result cannot be written, 75 not \
    now or not in time, 77 not allowed."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) action: Action,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Show the firmware images that services have
    List(List),
    /// Hand over an image and follow it until it is installed
    Install(Install),
    /// Have an image installed that is ready, and follow it
    Activate(Activate),
    /// Remove an image
    Delete(Delete),
    /// Print what changes about images, until interrupted
    Watch(Watch),
    /// Check image files as image-manager does, without it and its settings
    Verify(Verify),
    /// Make an image of the files in a folder
    Pack(Pack),
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Whose settings say who is believed.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// The folder that stands for /
    #[arg(long, value_name = "FOLDER", default_value = "/", hide = true)]
    pub(crate) root: PathBuf,
}

/// Arguments of `install`.
#[derive(Debug, Args)]
pub(crate) struct Install {
    /// The image; - for standard input
    pub(crate) file: PathBuf,
    /// When it is to be applied
    #[arg(long, value_enum, default_value_t = Apply::Immediate)]
    pub(crate) apply: Apply,
    /// The object that takes the image, such as the id of a power supply's firmware; the one for all images by default
    #[arg(long, value_name = "ID", value_parser = id)]
    pub(crate) target: Option<String>,
    /// Hand it over and do not wait for its end
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) following: Following,
}

/// Arguments of `activate`.
#[derive(Debug, Args)]
pub(crate) struct Activate {
    /// The image
    #[arg(value_parser = id)]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) following: Following,
}

/// How an image is followed.
#[derive(Debug, Args)]
pub(crate) struct Following {
    /// How long nothing may be heard of the image, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The image
    #[arg(value_parser = id, required_unless_present = "all")]
    pub(crate) id: Option<String>,
    /// All images that image-manager has and nobody is installing
    #[arg(long, conflicts_with = "id")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Arguments of `watch`.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Print a line of JSON for each change
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The images; - for standard input
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The key sets: a folder for each, with publickey and hashfunc
    #[arg(long, value_name = "FOLDER", default_value = "/etc/activationdata")]
    pub(crate) trust: PathBuf,
    /// The machine that images must be for, if they name one; any by default
    #[arg(long, value_name = "NAME")]
    pub(crate) machine: Option<String>,
    /// The oldest version of a purpose, or of one target, such as PSU=1.2:model=M,manufacturer=V; with a pattern, such as
    /// 'Host=2.0,*v#-*', only the number is compared that has the # for it, and where it is the same, a pre-release of it
    /// (-rc1) is older; a number that may be hexadecimal by the letters beside it is refused; may be repeated
    #[arg(long = "floor", value_name = "PURPOSE=VERSION[,PATTERN][:TARGET]", value_parser = floor)]
    pub(crate) floors: Vec<VersionFloor>,
    /// Refuse an image that does not list its payloads with their digests
    #[arg(long, conflicts_with = "unsigned")]
    pub(crate) require_payload_digests: bool,
    /// Do not look at signatures
    #[arg(long)]
    pub(crate) unsigned: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `pack`.
#[derive(Debug, Args)]
pub(crate) struct Pack {
    /// The folder whose files become payloads; its MANIFEST, if there is one, says what options do not
    pub(crate) folder: PathBuf,
    /// The image to make; a file of this name is replaced when the new one is complete
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// The private key, in PEM, of a key set that machines trust
    #[arg(long, value_name = "KEY", required_unless_present = "unsigned")]
    pub(crate) sign: Option<PathBuf>,
    /// The private key that signs the payloads, if not the same
    #[arg(long, value_name = "KEY", requires = "sign")]
    pub(crate) image_key: Option<PathBuf>,
    /// Do not sign
    #[arg(long, conflicts_with = "sign")]
    pub(crate) unsigned: bool,
    #[command(flatten)]
    pub(crate) says: Says,
    /// How the image is compressed
    #[arg(long, value_enum, default_value_t = Compress::None)]
    pub(crate) compress: Compress,
    /// Write the key set, for /etc/activationdata, that vouches for the image: a folder named as its KeyType
    #[arg(long, value_name = "FOLDER", requires = "sign")]
    pub(crate) write_trust: Option<PathBuf>,
}

/// What the image says of itself.
#[derive(Debug, Args)]
pub(crate) struct Says {
    /// What it is for: BMC, PSU, Host, System, Other
    #[arg(long, value_parser = purpose)]
    pub(crate) purpose: Option<Purpose>,
    /// Its version
    #[arg(long = "version", value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// The machine that it is for
    #[arg(long, value_name = "NAME")]
    pub(crate) machine: Option<String>,
    /// More about the version, for power supplies model=M,manufacturer=V
    #[arg(long, value_name = "TEXT")]
    pub(crate) extended_version: Option<String>,
    /// What it fits; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) compatible: Vec<String>,
    /// The key set that it was signed with; OpenBMC by default
    #[arg(long, value_name = "NAME")]
    pub(crate) key_type: Option<String>,
    /// The digest of its signatures, as OpenSSL names it; that which the key is used with by default
    #[arg(long, value_name = "NAME")]
    pub(crate) hash_type: Option<String>,
}

/// When an image is to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Apply {
    /// As soon as it is checked
    Immediate,
    /// At the next reset
    OnReset,
    /// When somebody activates it
    OnRequest,
}

impl Apply {
    pub(crate) const fn time(self) -> ApplyTime {
        match self {
            Self::Immediate => ApplyTime::Immediate,
            Self::OnReset => ApplyTime::OnReset,
            Self::OnRequest => ApplyTime::OnActivationRequest,
        }
    }
}

/// How an image is compressed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Compress {
    /// Not at all
    None,
    /// By gzip
    Gzip,
    /// By xz
    Xz,
    /// By bzip2
    Bzip2,
}

/// An object's name below the software root; its whole path will do.
fn id(text: &str) -> Result<String, String> {
    let name = text.strip_prefix(dbus_api::software::ROOT).map_or(text, |rest| rest.trim_start_matches('/'));
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let complaint = "an id has letters, digits and _ only; `software-tool list` shows those that there are";
    if is_name { Ok(name.to_owned()) } else { Err(complaint.to_owned()) }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let count = text.parse::<u32>().ok().filter(|count| *count > 0);
    count
        .map(|count| Duration::from_secs(count.into()))
        .ok_or_else(|| "a number of seconds, at least 1".to_owned())
}

fn purpose(text: &str) -> Result<Purpose, String> {
    let known = Purpose::ALL.into_iter().find(|purpose| purpose.word().eq_ignore_ascii_case(text));
    known.ok_or_else(|| format!("one of {}", Purpose::ALL.map(Purpose::word).join(", ")))
}

fn floor(text: &str) -> Result<VersionFloor, String> {
    let (word, rest) = text.split_once('=').ok_or("PURPOSE=VERSION[,PATTERN][:TARGET]")?;
    let (rest, target) = match rest.split_once(':') {
        Some((rest, target)) => (rest, Some(target.trim().to_owned())),
        None => (rest, None),
    };
    let (minimum, pattern) = match rest.split_once(',') {
        Some((minimum, pattern)) => (minimum, Some(pattern)),
        None => (rest, None),
    };
    if minimum.is_empty() || target.as_ref().is_some_and(String::is_empty) {
        return Err("the version or the target is empty".to_owned());
    }
    let minimum = MinimumVersion::new(minimum, pattern).map_err(|error| error.to_string())?;
    Ok(VersionFloor { purpose: purpose(word)?, target, minimum })
}
