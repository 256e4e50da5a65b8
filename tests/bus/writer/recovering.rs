//! A write that was cut off is settled by `vpd-writer --recover` and by the daemon, and keeps its EEPROM from being written
//! until then.
//!
//! The kernel cuts it off: the writer may make files no longer than to the place of the write's last page, and is killed
//! when it begins to write there. A file has no write cycle that ruins the page, so that is done by hand.

use super::administration::{call, chip, describe, i2c_chip, image, inventory, own, value, writer};
use super::bed::error_of;
use crate::collection::bed::Bed;
use anyhow::Context as _;
use house_tests::fixture;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::path::Path;
use std::process::Command;
use test_bus::Daemon;

/// Where the VPD begin in the file: behind all that the writer may have to write elsewhere.
const OFFSET: usize = (1 << 24) - (1 << 16);
const PAGE: usize = 64;
pub const OLD: &str = "YVIV00000101";
pub const NEW: &str = "YVIV00000999";

/// Puts an image where the VPD of an EEPROM begin.
fn put(path: &Path, vpd: &[u8]) -> anyhow::Result<()> {
    let mut bytes = vec![0xff; OFFSET];
    bytes.extend(vpd);
    Ok(std::fs::write(path, bytes)?)
}

fn vpd(path: &Path) -> anyhow::Result<Vec<u8>> {
    Ok(std::fs::read(path)?.split_off(OFFSET))
}

/// The card is read once.
pub fn collected() -> anyhow::Result<Option<Bed>> {
    let Some(mut bed) = Bed::new(&[("card", "")])? else { return Ok(None) };
    let size = fixture("card").len();
    describe(&bed, "card", &format!("offset = {OFFSET}\nsize = {size}\npage-size = {PAGE}\n"))?;
    put(&bed.image("card"), &fixture("card"))?;
    bed.machine.start_inventory()?;
    bed.start_peers(&["event-log"])?;
    bed.listen()?;
    bed.collect()?;
    Ok(Some(bed))
}

fn new() -> anyhow::Result<Vec<u8>> {
    image("card", &[(OLD, NEW)])
}

/// Where the last page of the write begins, and the first byte that differs there.
fn last_page() -> anyhow::Result<(usize, usize)> {
    let (old, new) = (fixture("card"), new()?);
    let differs = (0..old.len()).filter(|at| old[*at] != new[*at]);
    let last = differs.clone().max().context("nothing differs")? / PAGE * PAGE;
    let mut in_last = differs.clone().filter(|at| *at >= last);
    anyhow::ensure!(differs.clone().any(|at| at < last), "the write is of one page only");
    Ok((last, in_last.next().context("nothing differs")?))
}

/// Begins to write, and is cut off before the last page.
pub fn cut(bed: &Bed, mut service: Daemon) -> anyhow::Result<()> {
    let most = u64::try_from(OFFSET + last_page()?.1)?;
    let pid = Pid::from_raw(service.pid().try_into()?).context("a service has a process")?;
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: Some(most), maximum: Some(most) })?;
    prlimit(Some(pid), Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    call(bed, "UpdateKeyword", &("file:card", value("SN", NEW.as_bytes()))).expect_err("it was killed");
    let status = service.stop()?;
    anyhow::ensure!(!status.success(), "it was to be killed in the write: {status}");
    Ok(())
}

/// Ruins the page that was to be written next, as a cycle that is cut does.
fn ruin_next_page(path: &Path) -> anyhow::Result<()> {
    let (page, _) = last_page()?;
    let mut bytes = vpd(path)?;
    bytes[page..page + PAGE].fill(0xff);
    put(path, &bytes)
}

fn journal(bed: &Bed) -> std::path::PathBuf {
    bed.machine.folder().join("vpd-writer.state/journals/file:card.journal")
}

fn pending(bed: &Bed) -> anyhow::Result<Vec<(String, String)>> {
    Ok(own(bed, "Pending", &())?.body().deserialize()?)
}

/// Waits until nothing is pending.
pub fn await_settled(bed: &Bed) -> anyhow::Result<()> {
    let asked = std::time::Instant::now();
    while !pending(bed)?.is_empty() {
        anyhow::ensure!(asked.elapsed() < test_bus::LIMIT, "it stays {:?}", pending(bed)?);
    }
    Ok(())
}

fn run_once(bed: &Bed, option: &str) -> anyhow::Result<test_bus::Finished> {
    let mut command: Command = bed.machine.command("vpd-writer")?;
    test_bus::run(command.arg(option))
}

#[test]
fn a_write_that_was_cut_off_is_finished_before_anything_reads() -> anyhow::Result<()> {
    for is_ruined in [false, true] {
        let Some(bed) = collected()? else { return Ok(()) };
        cut(&bed, bed.machine.start("vpd-writer")?)?;
        let torn = vpd(&bed.image("card"))?;
        assert!(journal(&bed).exists() && torn != fixture("card") && torn != new()?);
        if is_ruined {
            ruin_next_page(&bed.image("card"))?;
        }
        let run = run_once(&bed, "--recover")?;
        assert_eq!(run.status, Some(0), "{run:?}");
        assert!(run.log.contains("the interrupted write was finished fru=file:card"), "{run:?}");
        assert_eq!(vpd(&bed.image("card"))?, new()?);
        assert!(!journal(&bed).exists());
        let run = run_once(&bed, "--recover")?;
        assert_eq!((run.status, vpd(&bed.image("card"))?), (Some(0), new()?), "{run:?}");
        bed.read_again("card")?;
        assert_eq!(inventory(&bed, "card", "SN")?.as_deref(), Some(NEW));
    }
    Ok(())
}

#[test]
fn a_write_that_was_cut_off_is_finished_by_the_daemon_and_then_shown() -> anyhow::Result<()> {
    let Some(bed) = collected()? else { return Ok(()) };
    cut(&bed, bed.machine.start("vpd-writer")?)?;
    ruin_next_page(&bed.image("card"))?;
    let before = bed.status("card")?.report.started;
    let _service = bed.machine.start("vpd-writer")?;
    await_settled(&bed)?;
    assert_eq!(vpd(&bed.image("card"))?, new()?);
    assert!(!journal(&bed).exists());
    // What the caller never heard of is shown.
    bed.await_status("card", |status| status.state == "collected" && status.report.started > before)?;
    assert_eq!(inventory(&bed, "card", "SN")?.as_deref(), Some(NEW));
    call(&bed, "UpdateKeyword", &("file:card", value("SN", b"YVIV00000777")))?;
    assert_eq!(inventory(&bed, "card", "SN")?.as_deref(), Some("YVIV00000777"));
    Ok(())
}

#[test]
fn an_eeprom_that_cannot_be_settled_is_pending_and_is_not_written_until_it_comes_back() -> anyhow::Result<()>
{
    let Some(bed) = collected()? else { return Ok(()) };
    cut(&bed, bed.machine.start("vpd-writer")?)?;
    let (path, away) = (bed.image("card"), bed.machine.root().join("away"));
    std::fs::rename(&path, &away)?;
    assert_eq!(run_once(&bed, "--recover")?.status, Some(0), "what is away keeps no boot from going on");
    let _service = bed.machine.start("vpd-writer")?;
    let write = ("file:card", value("SN", b"YVIV00000777"));
    assert_eq!(error_of(call(&bed, "UpdateKeyword", &write))?, super::UNAVAILABLE);
    assert_eq!(pending(&bed)?, [("file:card".to_owned(), "file:card is absent".to_owned())]);
    std::fs::rename(&away, &path)?;
    // The collection says that it is there.
    bed.machine.run(async |connection| {
        let key = ["file:card".to_owned()];
        Ok(dbus_api::vpd::collection::recollect(&connection, &key).await?)
    })?;
    await_settled(&bed)?;
    assert_eq!(vpd(&path)?, new()?);
    call(&bed, "UpdateKeyword", &write)?;
    assert_eq!(chip(&bed, "card", "SN")?, "YVIV00000777");
    Ok(())
}

#[test]
fn another_part_is_left_as_it_is_and_told_once_and_may_be_written() -> anyhow::Result<()> {
    let Some(mut bed) = collected()? else { return Ok(()) };
    cut(&bed, bed.machine.start("vpd-writer")?)?;
    let other = image("card", &[(OLD, "QQQQ00000005")])?;
    put(&bed.image("card"), &other)?;
    let _service = bed.machine.start("vpd-writer")?;
    await_settled(&bed)?;
    assert_eq!(vpd(&bed.image("card"))?, other);
    assert!(bed.machine.folder().join("vpd-writer.state/rejected/file:card.rejected").exists());
    let event = bed.await_events(1)?[0].clone();
    assert!(event.contains("another part is there now") && event.contains("Level.Warning"), "{event}");
    call(&bed, "UpdateKeyword", &("file:card", value("SN", b"YVIV00000777")))?;
    assert_eq!(inventory(&bed, "card", "SN")?.as_deref(), Some("YVIV00000777"));
    Ok(())
}

#[test]
fn the_redundant_eeprom_is_whole_when_the_first_is_cut_off_and_both_are_finished() -> anyhow::Result<()> {
    let Some(bed) = collected()? else { return Ok(()) };
    describe(&bed, "card", "redundant = \"9-0050\"\n")?;
    let redundant = i2c_chip(&bed, "9-0050")?;
    put(&redundant, &fixture("card"))?;
    let Some(service) = writer(&bed)? else { return Ok(()) };
    // The redundant one is written first, and is cut off first.
    cut(&bed, service)?;
    assert_eq!(vpd(&bed.image("card"))?, fixture("card"));
    ruin_next_page(&redundant)?;
    let Some(_service) = writer(&bed)? else { return Ok(()) };
    await_settled(&bed)?;
    assert_eq!((vpd(&bed.image("card"))?, vpd(&redundant)?), (new()?, new()?));
    Ok(())
}
