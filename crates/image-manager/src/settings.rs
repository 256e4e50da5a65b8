//! Settings of this service: `image-manager.d/*.toml`.

use crate::hand_over::Limits as Lives;
use crate::image_source::Patience;
use crate::images::hand_on;
use anyhow::{Context as _, bail, ensure};
use image_check::{Limits, MinimumFree, VersionFloor};
use image_format::{ManifestLimits, MinimumVersion, NameLimits, Purpose};
use installer_trust::{Grants, Tables};
use nix::unistd::Group;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long it is tried to tell an installer to begin.
const BEGIN: Duration = Duration::from_secs(10);
/// Longest time that counts, seconds: ten years. Clocks cannot add what is much longer.
const NEVER_S: u64 = 315_360_000;

/// The file form; everything optional.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fragment {
    upload_directory: Option<PathBuf>,
    trust_directory: Option<PathBuf>,
    os_release: Option<PathBuf>,
    group: Option<String>,
    signature: Option<Policy>,
    require_machine_name: Option<bool>,
    require_payload_digests: Option<bool>,
    allow_unknown_purpose: Option<bool>,
    ignore_purposes: Option<Vec<String>>,
    version_floors: Option<Vec<Floor>>,
    settle_ms: Option<u64>,
    queue: Option<usize>,
    max_images: Option<usize>,
    image_ttl_s: Option<u64>,
    ignore_foreign_packages: Option<bool>,
    multipart: Option<Multipart>,
    multipart_object: Option<String>,
    software_manager: Option<SoftwareManager>,
    hand_on: Option<Vec<String>>,
    claim_timeout_s: Option<u64>,
    ready_timeout_s: Option<u64>,
    linger_s: Option<u64>,
    kept_s: Option<u64>,
    unclaimed_s: Option<u64>,
    installers: Option<Tables>,
    keep_alive_s: Option<u64>,
    hold_ms: Option<u64>,
    stall_limit_s: Option<u64>,
    transfer_limit_s: Option<u64>,
    min_transfer_rate: Option<u64>,
    space_retry_s: Option<u64>,
    max_archive_bytes: Option<u64>,
    max_extracted_bytes: Option<u64>,
    max_member_bytes: Option<u64>,
    max_members: Option<usize>,
    max_name_bytes: Option<usize>,
    max_depth: Option<usize>,
    max_manifest_bytes: Option<usize>,
    max_manifest_line: Option<usize>,
    max_manifest_lines: Option<usize>,
    max_ratio: Option<u64>,
    max_dictionary_bytes: Option<u64>,
    min_free_bytes: Option<u64>,
    min_free_divisor: Option<u64>,
}

/// Whether signatures are required.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Always.
    Required,
    /// While the machine is in field mode, or does not say that it is not.
    FieldMode,
    /// Never; they are not checked.
    Off,
}

/// Whether the multipart marker is shown.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Multipart {
    /// While no other service shows one.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// Whether images for the BMC are taken under the bus name that clients know for that.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum SoftwareManager {
    /// Where no unit of that name is installed.
    Auto,
    /// Unless another service has the name.
    On,
    /// Never.
    Off,
}

/// Checked as it is read, so that what is wrong with it is told with its line.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "FloorTable")]
struct Floor(VersionFloor);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FloorTable {
    purpose: String,
    target: Option<String>,
    minimum: String,
    pattern: Option<String>,
}

impl TryFrom<FloorTable> for Floor {
    type Error = String;

    fn try_from(table: FloorTable) -> Result<Self, String> {
        let purpose = purpose(&table.purpose).map_err(|error| format!("version-floors: {error:#}"))?;
        let minimum = MinimumVersion::new(&table.minimum, table.pattern.as_deref());
        let minimum = minimum.map_err(|error| format!("version-floors: {error}"))?;
        let target = table.target.map(|target| target.trim().to_owned());
        Ok(Self(VersionFloor { purpose, target, minimum }))
    }
}

/// What the service goes by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where images are dropped, and unpacked.
    pub upload_folder: PathBuf,
    /// The key sets.
    pub trust_folder: PathBuf,
    /// What says which machine this is.
    pub os_release: PathBuf,
    /// Whose group may read unpacked images.
    pub group: Option<u32>,
    /// Whether signatures are required.
    pub policy: Policy,
    /// See [`image_check::Rules`].
    pub require_machine_name: bool,
    /// See [`image_check::Rules`].
    pub require_payload_digests: bool,
    /// See [`image_check::Rules`].
    pub allow_unknown_purpose: bool,
    /// See [`image_check::Rules`].
    pub ignored_purposes: Vec<Purpose>,
    /// See [`image_check::Rules`].
    pub floors: Vec<VersionFloor>,
    /// How long a file must rest before its early end counts.
    pub settle: Duration,
    /// How many images wait to be taken in.
    pub queue: usize,
    /// How many images may take room at once.
    pub max_images: usize,
    /// How long an image is kept that no client has activated.
    pub time_to_live: Option<Duration>,
    /// Whether dropped packages for other services are left alone.
    pub ignore_foreign: bool,
    /// Whether the multipart marker is shown.
    pub multipart: Multipart,
    /// The object that takes updates.
    pub multipart_object: String,
    /// Whether images for the BMC are taken under the bus name that clients know for that.
    pub software_manager: SoftwareManager,
    /// Images of these purposes are handed on to a service that takes such images itself.
    pub handed_on: Vec<Purpose>,
    /// How long each part of an image's life may take.
    pub lives: Lives,
    /// Which installers are believed though they are not root's, and for what.
    pub installers: Grants,
    /// How often it is said of an image that waits that it is not forgotten.
    pub keep_alive: Duration,
    /// How long a pipe is read from.
    pub patience: Patience,
    /// How often it is looked whether there is room again.
    pub space_retry: Duration,
    /// Limits of an archive.
    pub limits: Limits,
    /// Limits of names.
    pub names: NameLimits,
    /// Limits of manifests.
    pub manifest: ManifestLimits,
}

impl Settings {
    /// Longest record of an image within the limits, bytes: every character of a text may have to be escaped.
    pub fn longest_record(&self) -> u64 {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let file = number(self.names.bytes).saturating_mul(6).saturating_add(256);
        let files = number(self.limits.members).saturating_mul(file);
        number(self.manifest.bytes).saturating_mul(6).saturating_add(files).saturating_add(64 * 1024)
    }
}

impl Fragment {
    /// Checks, and fills in defaults. Default paths lie below `root`.
    ///
    /// Errors: names the key.
    pub fn settings(&self, root: &Path) -> anyhow::Result<Settings> {
        let below = |given: &Option<PathBuf>, default: &str| {
            given.clone().unwrap_or_else(|| root.join(default.trim_start_matches('/')))
        };
        let seconds =
            |given: Option<u64>, default| Duration::from_secs(given.unwrap_or(default).min(NEVER_S));
        let settings = Settings {
            // Without a slash at its end, behind which a link would be followed.
            upload_folder: below(&self.upload_directory, "/tmp/images").components().collect(),
            trust_folder: below(&self.trust_directory, "/etc/activationdata"),
            os_release: below(&self.os_release, "/etc/os-release"),
            group: self.group(),
            policy: self.signature.unwrap_or(Policy::Required),
            require_machine_name: self.require_machine_name.unwrap_or(false),
            require_payload_digests: self.require_payload_digests.unwrap_or(false),
            allow_unknown_purpose: self.allow_unknown_purpose.unwrap_or(false),
            ignored_purposes: self.ignored_purposes()?,
            floors: self.version_floors.iter().flatten().map(|floor| floor.0.clone()).collect(),
            settle: Duration::from_millis(self.settle_ms.unwrap_or(3_000).min(NEVER_S)),
            queue: self.queue.unwrap_or(8).max(1),
            max_images: self.max_images.unwrap_or(8).max(1),
            time_to_live: self
                .image_ttl_s
                .filter(|limit| *limit > 0)
                .map(|limit| seconds(Some(limit), limit)),
            ignore_foreign: self.ignore_foreign_packages.unwrap_or(true),
            multipart: self.multipart.unwrap_or(Multipart::Auto),
            multipart_object: self.multipart_object()?,
            handed_on: self.handed_on()?,
            software_manager: self.software_manager.unwrap_or(SoftwareManager::Auto),
            lives: Lives {
                hold: Duration::from_millis(self.hold_ms.unwrap_or(500).min(NEVER_S)),
                claim: seconds(self.claim_timeout_s, 30),
                ready: seconds(self.ready_timeout_s, 300),
                begin: BEGIN,
                linger: seconds(self.linger_s, 30),
                kept: seconds(self.kept_s, 600),
                unclaimed: seconds(self.unclaimed_s, 3_600),
            },
            installers: self.installers.clone().unwrap_or_default().grants()?,
            keep_alive: seconds(self.keep_alive_s, 45).max(Duration::from_secs(1)),
            patience: Patience {
                stall: seconds(self.stall_limit_s, 30),
                whole: seconds(self.transfer_limit_s, 600),
                rate: self.min_transfer_rate.unwrap_or(1024),
            },
            space_retry: seconds(self.space_retry_s, 5).max(Duration::from_secs(1)),
            limits: self.limits(),
            names: self.names(),
            manifest: self.manifest(),
        };
        if !settings.upload_folder.is_absolute() {
            bail!("upload-directory: {} is no absolute path", settings.upload_folder.display());
        }
        Ok(settings)
    }

    /// An unknown group is logged and ignored: root's is used.
    fn group(&self) -> Option<u32> {
        let name = self.group.as_ref()?;
        match Group::from_name(name) {
            Ok(Some(group)) => Some(group.gid.as_raw()),
            Ok(None) => {
                log::error!("group: there is no group {name}, and root's is used");
                None
            }
            Err(error) => {
                log::error!("group: {name} cannot be looked up, and root's is used: {error}");
                None
            }
        }
    }

    fn ignored_purposes(&self) -> anyhow::Result<Vec<Purpose>> {
        let words = self.ignore_purposes.iter().flatten();
        words.map(|word| purpose(word).context("ignore-purposes")).collect()
    }

    fn handed_on(&self) -> anyhow::Result<Vec<Purpose>> {
        let Some(words) = &self.hand_on else {
            return Ok(vec![Purpose::Bmc, Purpose::System, Purpose::Host]);
        };
        let purposes = words.iter().map(|word| {
            let purpose = purpose(word)?;
            ensure!(
                hand_on::association_of(purpose).is_some(),
                "images of purpose {word} are for no such service"
            );
            Ok(purpose)
        });
        purposes.collect::<anyhow::Result<_>>().context("hand-on")
    }

    fn multipart_object(&self) -> anyhow::Result<String> {
        let default = || format!("{}/multipart", dbus_api::software::ROOT);
        let path = self.multipart_object.clone().unwrap_or_else(default);
        let name = path.strip_prefix(dbus_api::software::ROOT).and_then(|rest| rest.strip_prefix('/'));
        let is_name = |name: &&str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if name.filter(is_name).is_none() {
            bail!("multipart-object: {path} is not one level below {}", dbus_api::software::ROOT);
        }
        Ok(path)
    }

    fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            archive: self.max_archive_bytes.unwrap_or(default.archive),
            extracted: self.max_extracted_bytes.unwrap_or(default.extracted),
            member: self.max_member_bytes.unwrap_or(default.member),
            members: self.max_members.unwrap_or(default.members),
            ratio: self.max_ratio.unwrap_or(default.ratio),
            dictionary: self.max_dictionary_bytes.unwrap_or(default.dictionary),
            free: MinimumFree {
                bytes: self.min_free_bytes.unwrap_or(default.free.bytes),
                divisor: self.min_free_divisor.unwrap_or(default.free.divisor),
            },
        }
    }

    fn names(&self) -> NameLimits {
        let default = NameLimits::default();
        NameLimits {
            bytes: self.max_name_bytes.unwrap_or(default.bytes),
            depth: self.max_depth.unwrap_or(default.depth),
        }
    }

    fn manifest(&self) -> ManifestLimits {
        let default = ManifestLimits::default();
        ManifestLimits {
            bytes: self.max_manifest_bytes.unwrap_or(default.bytes),
            line: self.max_manifest_line.unwrap_or(default.line),
            lines: self.max_manifest_lines.unwrap_or(default.lines),
        }
    }
}

/// A purpose by its bare word or by its full name.
fn purpose(word: &str) -> anyhow::Result<Purpose> {
    let by_word = Purpose::ALL.into_iter().find(|purpose| purpose.word() == word);
    match by_word {
        Some(purpose) => Ok(purpose),
        None => Ok(Purpose::parse(word)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> anyhow::Result<Settings> {
        toml::from_str::<Fragment>(text)?.settings(Path::new("/"))
    }

    #[test]
    fn signatures_are_required_unless_somebody_says_otherwise() {
        assert_eq!(settings("").unwrap().policy, Policy::Required);
        assert_eq!(settings("signature = \"field-mode\"").unwrap().policy, Policy::FieldMode);
        assert!(settings("signature = \"no\"").is_err());
    }

    #[test]
    fn a_pipe_must_come_at_some_speed_unless_the_floor_is_zero() {
        assert_eq!(settings("").unwrap().patience.rate, 1024);
        assert_eq!(settings("min-transfer-rate = 0").unwrap().patience.rate, 0);
    }

    #[test]
    fn a_group_that_is_not_there_takes_no_other_setting_with_it() {
        let text = "group = \"no-such-group-here\"\n[[version-floors]]\npurpose = \"BMC\"\nminimum = \"1\"";
        let settings = settings(text).unwrap();
        assert_eq!((settings.group, settings.floors.len()), (None, 1));
    }

    #[test]
    fn a_floor_that_is_none_is_told_with_file_and_line() {
        for (floor, reason) in [
            ("minimum = \"1\"\npattern = \"v*\"", "the pattern \"v*\" has no #"),
            ("minimum = \"1\"\npattern = \"#.#\"", "the pattern \"#.#\" has # more than once"),
            ("minimum = \"x1\"\npattern = \"v#\"", "the pattern \"v#\" does not fit it"),
            ("minimum = \"latest\"", "has no number in it"),
            (&format!("minimum = \"{}\"", "1".repeat(257)), "has 257 bytes, more than 256"),
            ("minimum = \"1\"\npatern = \"v#\"", "unknown field `patern`"),
        ] {
            let text = format!("queue = 2\n\n[[version-floors]]\npurpose = \"BMC\"\n{floor}\n");
            let path = PathBuf::from("/etc/90-floor.toml");
            let error = service_config::merge::<Fragment>(&[service_config::SourceFile { path, text }]);
            let error = error.unwrap_err().to_string();
            let is_placed = ["line 3", "line 6"].iter().any(|line| error.contains(line));
            assert!(is_placed && error.contains("/etc/90-floor.toml") && error.contains(reason), "{error}");
        }
        let text = "[[version-floors]]\npurpose = \"Host\"\nminimum = \"2.0\"\npattern = \"*v#?*\"\n";
        let floors = settings(text).unwrap().floors;
        let [VersionFloor { purpose: Purpose::Host, target: None, minimum }] = &floors[..] else {
            panic!("{floors:?}");
        };
        assert!(minimum.judge("OP9-v2.0.10-2.22").is_ok() && minimum.judge("OP9_v1.19_1.90").is_err());
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_key() {
        for (text, key) in [
            ("multipart-object = \"/xyz/openbmc_project/software/a/b\"", "multipart-object"),
            ("multipart-object = \"/elsewhere\"", "multipart-object"),
            ("upload-directory = \"tmp\"", "upload-directory"),
            ("ignore-purposes = [\"Toaster\"]", "ignore-purposes"),
            ("hand-on = [\"Toaster\"]", "hand-on"),
            ("hand-on = [\"PSU\"]", "hand-on"),
            ("[[version-floors]]\npurpose = \"Toaster\"\nminimum = \"1\"", "version-floors"),
        ] {
            let error = format!("{:#}", settings(text).unwrap_err());
            assert!(error.contains(key), "{error}");
        }
        let full =
            "ignore-purposes = [\"BMC\", \"xyz.openbmc_project.Software.Version.VersionPurpose.Host\"]";
        assert_eq!(settings(full).unwrap().ignored_purposes, [Purpose::Bmc, Purpose::Host]);
        assert_eq!(settings("hand-on = []").unwrap().handed_on, []);
    }
}
