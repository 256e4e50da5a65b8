//! `vpd-writer --restore`: before the parsers read EEPROMs, has those of which keywords are kept a second time and their backups
//! say the same. So a planar that was replaced by one that was never programmed shows the machine's identity from its first
//! reading on.

use crate::job::{Mend, MendJob, Partner};
use crate::known::{Eeprom, Known};
use crate::recover::STATE;
use crate::settings::Locked;
use crate::work::Stores;
use crate::work::backup::Kept;
use crate::work::mend::{self, Settled};
use anyhow::Context as _;
use dbus_api::inventory::records;
use durable_state::RealDisk;
use fru_publication::EepromKey;
use lexopt::Arg;
use service_runtime::bus::Accepts;
use service_runtime::{Exit, Invocation, bus, folders};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;
use system_index::Backup;
use vpd_format::RecordName;
use zbus::Connection;

/// The option that has the program run once, for this.
pub(crate) const OPTION: &str = "--restore";
/// Longest wait for the bus, and for what the inventory has kept.
const CALL_LIMIT: Duration = Duration::from_secs(10);

const HELP: &str = "Usage: vpd-writer --restore [-v] [--root DIR]\n\n\
    Has each EEPROM of which keywords are kept a second time, and its backup, say the same: what was\n\
    set in one of the two is set in the other. Where both were set, nothing is written.\n\n  \
    --root DIR         take DIR for /\n  \
    -v, --verbose      log debug lines too\n  \
    -h, --help         this text\n  \
    -V, --version      the version\n\n\
    Exit status: 0 done, also when an EEPROM cannot be read or written, 64 usage, 70 internal,\n\
    78 configuration.\n";

/// Settles each backup of the chosen system.
///
/// Errors: marked with the [`Exit`] that they end the process with.
pub fn start(invocation: Invocation) -> anyhow::Result<Exit> {
    let mut root = service_runtime::root();
    let goes_on = invocation.parse(HELP, |argument, values| {
        match argument {
            Arg::Long("restore") => {}
            Arg::Long("root") => root = values.value()?.into(),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if !goes_on {
        return Ok(Exit::Done);
    }
    let known = Known::load(&root)?;
    let state: PathBuf = folders::state().unwrap_or_else(|| root.join(STATE));
    // What is written here is read by its parser afterwards.
    let stores = Stores::at(&state, None, RealDisk);
    stores.open().with_context(|| format!("cannot use {}", state.display()))?;
    for key in known.backed_up() {
        if let Err(refusal) = settle(&known, &key, &stores) {
            log::error!("EEPROM and backup were not compared: {refusal} fru={key}");
        }
    }
    Ok(Exit::Done)
}

fn settle(known: &Known, key: &EepromKey, stores: &Stores) -> Result<(), crate::refusal::Refusal> {
    let Eeprom { key, chips, fragment, power_off_only, partner, .. } = known.eeprom(key.as_str())?;
    let is_state = partner.as_ref().is_some_and(|partner| partner.other.is_none());
    if let Some(partner) = partner.as_ref().filter(|_| is_state && !stores.backups.has(&key)) {
        let object = fragment.object.first().map(|object| object.path.as_str()).unwrap_or_default();
        adopt(&key, object, &partner.map, stores);
    }
    if power_off_only || partner.as_ref().is_some_and(Partner::is_power_off_only) {
        // Whether the chassis has power is not known here. The service compares them when it has none.
        log::info!("compared with its backup when the chassis is off fru={key}");
        return Ok(());
    }
    let (locked, types) = (Locked::default(), Vec::new());
    let job = MendJob { key, chips, fragment, power_off_only, partner, locked, types, what: Mend::Settle };
    let (settled, done) = mend::perform(&job, stores);
    log(&job.key, &settled);
    done
}

/// The first start takes over what openpower-vpd-parser has kept: it is in the inventory's own files, and shown until a parser
/// publishes the EEPROM anew.
fn adopt(key: &EepromKey, object: &str, map: &Backup, stores: &Stores) {
    let asked = service_runtime::runtime().and_then(|runtime| {
        runtime.block_on(async {
            let connection = bus::connect(CALL_LIMIT, &Accepts::SHORT).await?;
            kept_by_inventory(&connection, object, map).await
        })
    });
    let kept = match asked {
        Ok(kept) => kept,
        Err(error) => {
            log::warn!("what the inventory has kept is not taken over as backup: {error:#} fru={key}");
            return;
        }
    };
    match stores.backups.save(key, &kept) {
        Ok(()) => log::info!("took over what the inventory has kept keywords={} fru={key}", kept.count()),
        Err(error) => log::error!("the backup cannot be written: {error} fru={key}"),
    }
}

/// The values that the inventory shows, as far as they are of the right length.
async fn kept_by_inventory(connection: &Connection, object: &str, map: &Backup) -> anyhow::Result<Kept> {
    let mut kept = Kept::default();
    let records: BTreeSet<RecordName> = map.keywords.iter().map(|keyword| keyword.record).collect();
    for record in records {
        let Some(shown) = records::shown(connection, object, &record.to_string()).await? else { continue };
        for keyword in map.keywords.iter().filter(|keyword| keyword.record == record) {
            let property = records::property_of(&keyword.keyword.to_string()).into_owned();
            if let Some(bytes) = shown.get(&property).filter(|bytes| bytes.len() == keyword.default.len()) {
                kept.set(record, keyword.keyword, bytes);
            }
        }
    }
    Ok(kept)
}

fn log(key: &EepromKey, settled: &Settled) {
    let changed = settled.outcome.written.changed;
    if changed > 0 {
        log::warn!("EEPROM and backup differed, and say the same now bytes={changed} fru={key}");
    }
    for (name, ..) in &settled.conflicts {
        log::error!("{name} is set differently in EEPROM and backup; the EEPROM's counts fru={key}");
    }
    for name in &settled.not_set {
        log::warn!("{name} was set neither in EEPROM nor in backup fru={key}");
    }
}
