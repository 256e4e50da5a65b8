//! `software-tool verify`: images checked as image-manager does, without it.

use crate::arguments::Verify;
use crate::exit::{Exit, Failure};
use crate::parts::unreadable;
use crate::screen::{Screen, one_line};
use crate::table::Table;
use image_check::{
    DigestChoice, Image, Nowhere, Rejection, Rules, SignaturePolicy, TrustStore, Verification,
};
use image_ingest::{Incoming, ingest};
use serde::Serialize;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What is told of one file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Report {
    file: String,
    /// Whether it would be taken.
    accepted: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Why nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    image: Option<Described>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Described {
    purpose: &'static str,
    version: String,
    extended_version: String,
    machine: Option<String>,
    compatible: Vec<String>,
    /// The key set that vouches for it; none where nobody looked.
    key_set: Option<String>,
    /// What somebody should know of it nevertheless.
    remarks: Vec<String>,
    members: Vec<Member>,
}

#[derive(Debug, Serialize)]
struct Member {
    name: String,
    size: u64,
    sha256: String,
}

pub(crate) fn run(arguments: &Verify, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    let rules = rules(arguments, screen);
    let (mut reports, mut exit) = (Vec::new(), Exit::Done);
    for path in &arguments.files {
        let (report, end) = report(path, &rules);
        // A file that nobody could read may be worse than one that is refused.
        exit = std::cmp::max_by_key(exit, end, |end| end.status());
        if let Some(error) = &report.error {
            screen.say(&format!("software-tool: {error}"));
        } else if !arguments.json {
            screen.print(&report.text())?;
        }
        reports.push(report);
    }
    if arguments.json {
        let text =
            serde_json::to_string_pretty(&reports).map_err(|error| Failure::new(Exit::Internal, error))?;
        screen.print(&(text + "\n"))?;
    }
    Ok(exit)
}

fn rules(arguments: &Verify, screen: &mut Screen<'_>) -> Rules {
    let mut rules = Rules::default();
    rules.machine.clone_from(&arguments.machine);
    rules.any_machine = arguments.machine.is_none();
    rules.digests = DigestChoice::All;
    rules.floors.clone_from(&arguments.floors);
    rules.require_payload_digests = arguments.require_payload_digests;
    if arguments.unsigned {
        rules.signature = SignaturePolicy::Off;
        return rules;
    }
    let (trust, problems) = TrustStore::load(&arguments.trust);
    for problem in problems {
        screen.say(&format!("software-tool: a key set is passed over: {problem}"));
    }
    rules.trust = trust;
    rules
}

/// What is told of a file, and the end that it alone would lead to.
fn report(path: &Path, rules: &Rules) -> (Report, Exit) {
    let file = path.display().to_string();
    let mut report = Report { file, accepted: false, reason: None, error: None, image: None };
    let exit = match check_file(path, rules) {
        Ok(image) => {
            (report.accepted, report.image) = (true, Some(describe(image)));
            Exit::Done
        }
        Err(Rejection::Source(error)) => {
            let Failure { exit, cause } = unreadable(error, path);
            report.error = Some(format!("{cause:#}"));
            exit
        }
        Err(rejection) => {
            report.reason = Some(rejection.to_string());
            Exit::BadImage
        }
    };
    (report, exit)
}

fn check_file(path: &Path, rules: &Rules) -> Result<Image, Rejection> {
    if path.as_os_str() == "-" {
        return check(io::stdin().lock(), None, rules);
    }
    let file = File::open(path).map_err(Rejection::Source)?;
    let metadata = file.metadata().map_err(Rejection::Source)?;
    check(file, metadata.is_file().then_some(metadata.len()), rules)
}

/// Checks an image by its bytes; nothing of it is kept.
pub(crate) fn check(source: impl Read, length: Option<u64>, rules: &Rules) -> Result<Image, Rejection> {
    ingest(Incoming { source, length }, &mut Nowhere, rules, &())
}

fn describe(image: Image) -> Described {
    let members = image.members.into_iter().map(|member| Member {
        name: member.name.to_string(),
        size: member.size,
        sha256: member.sha256.to_string(),
    });
    Described {
        purpose: image.purpose.word(),
        version: image.manifest.version,
        extended_version: image.manifest.extended_version,
        machine: image.manifest.machine_name,
        compatible: image.manifest.compatible_names,
        key_set: match image.verification {
            Verification::Signed { key_set } => Some(key_set),
            Verification::Unsigned(_) | Verification::Unchecked => None,
        },
        remarks: image.remarks.iter().map(ToString::to_string).collect(),
        members: members.collect(),
    }
}

impl Report {
    fn text(&self) -> String {
        let file = one_line(&self.file);
        let Some(image) = &self.image else {
            return format!("{file}: refused: {}\n", one_line(self.reason.as_deref().unwrap_or_default()));
        };
        let vouched = match &image.key_set {
            Some(name) => format!("signed, key set {} vouches for it", one_line(name)),
            None => "signatures were not looked at".to_owned(),
        };
        let mut text = format!("{file}: {} {}, {vouched}\n", image.purpose, one_line(&image.version));
        for (what, values) in [
            ("extended version", vec![&image.extended_version]),
            ("machine", image.machine.iter().collect()),
            ("compatible", image.compatible.iter().collect()),
            ("remark", image.remarks.iter().collect()),
        ] {
            for value in values.into_iter().filter(|value| !value.is_empty()) {
                text.push_str(&format!("  {what}: {}\n", one_line(value)));
            }
        }
        let mut table = Table::new(["MEMBER", "SIZE", "SHA-256"]);
        for member in &image.members {
            table.row([member.name.clone(), member.size.to_string(), member.sha256.clone()]);
        }
        text + &table.text()
    }
}
