//! What the parser services share: read one EEPROM, publish its FRU, report, end.
//!
//! The life of a run: find the fragment by the EEPROM's key, open and lock the EEPROM, read what
//! the fragment needs, publish it with one `Notify`, unlock, report to the collection service. A parser
//! started on the other family's format replaces itself by its sibling. What is wrong with the
//! device or its bytes is an outcome with an exit status of its own, not a failure.
//!
//! Must not know: presence lines, power, drivers (slots' business) and location codes.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod arguments;
mod collect;
mod deliver;
mod hand_over;
mod keep;
mod redundant;
mod show;

use anyhow::Context as _;
use arguments::Arguments;
use collect::{Collected, Locks, Verdict};
use deliver::Delivery;
use fru_publication::{Fragment, WantedFormat, publish};
use service_runtime::{Exit, Invocation, clock};
use vpd_format::Format;

/// The formats that one parser service takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `ipz-vpd-parser`: records with error correcting code.
    Ipz,
    /// `keyword-vpd-parser`: keyword VPD and memory modules.
    Keyword,
}

impl Family {
    fn takes(self, format: Format) -> bool {
        (self == Self::Ipz) == (format == Format::Ipz)
    }

    fn sibling(self) -> &'static str {
        match self {
            Self::Ipz => "keyword-vpd-parser",
            Self::Keyword => "ipz-vpd-parser",
        }
    }
}

/// Runs one parser from its arguments to its exit status.
///
/// Errors: marked with the [`Exit`] that they end the process with.
pub fn start(invocation: &Invocation, family: Family) -> anyhow::Result<Exit> {
    let Some(arguments) = Arguments::parse(invocation)? else { return Ok(Exit::Done) };
    // Every error names the FRU, whatever it is about.
    run(invocation, family, &arguments).with_context(|| format!("fru={}", arguments.key))
}

fn run(invocation: &Invocation, family: Family, arguments: &Arguments) -> anyhow::Result<Exit> {
    let started = clock::wall();
    let fragment = load_fragment(arguments)?;
    if let WantedFormat::Pinned(format) = fragment.format
        && !family.takes(format)
    {
        return Err(hand_over::to(family.sibling(), invocation, format));
    }
    let (collected, locks) = collect::collect(arguments, &fragment)?;
    if let Verdict::Usable(vpd) = &collected.verdict
        && !family.takes(vpd.format)
    {
        return Err(hand_over::to(family.sibling(), invocation, vpd.format));
    }
    conclude(arguments, &fragment, &collected, locks, started)
}

fn load_fragment(arguments: &Arguments) -> anyhow::Result<Fragment> {
    let path = arguments.fragments.join(format!("{}.toml", arguments.key));
    // Looked at before it is opened: opening a FIFO would wait for whoever writes to it.
    let is_special = std::fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file());
    anyhow::ensure!(
        !is_special,
        anyhow::anyhow!("{} is no file", path.display()).context(Exit::Configuration)
    );
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))
        .context(Exit::Configuration)?;
    Fragment::parse(&text).with_context(|| path.display().to_string()).context(Exit::Configuration)
}

fn conclude(
    arguments: &Arguments,
    fragment: &Fragment,
    collected: &Collected,
    locks: Locks,
    started: i64,
) -> anyhow::Result<Exit> {
    let times = fru_publication::Times { started, completed: clock::wall() };
    if collected.is_busy() {
        return tell_busy(arguments, collected, times);
    }
    let publication = publish(fragment, collected.reading(), times);
    collect::log(&arguments.key, collected, &publication);
    let mut report = collect::report(&arguments.key, collected, times);
    report.excluded = publication.excluded.iter().map(|path| (*path).to_owned()).collect();
    if arguments.print {
        service_runtime::print(&show::publication(&report, &publication)?)?;
        return Ok(collected.exit());
    }
    let delivery = service_runtime::runtime()?.block_on(deliver::deliver(
        &publication,
        &mut report,
        locks,
        || keep::image(collected, fragment),
        clock::wall,
    ))?;
    let exit = match delivery {
        Delivery::Published => collected.exit(),
        Delivery::Refused => Exit::Configuration,
    };
    Ok(exit)
}

/// Nothing was read, so nothing is published: the inventory keeps what it shows.
fn tell_busy(
    arguments: &Arguments,
    collected: &Collected,
    times: fru_publication::Times,
) -> anyhow::Result<Exit> {
    let report = collect::report(&arguments.key, collected, times);
    log::warn!("this EEPROM is being written, so it is not read: {} fru={}", report.reason, arguments.key);
    if !arguments.print {
        service_runtime::runtime()?.block_on(deliver::report(&report))?;
    }
    Ok(collected.exit())
}
