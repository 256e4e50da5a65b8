//! One EEPROM through the real parsers into the real inventory.

use anyhow::Context as _;
use dbus_api::inventory::{ASSET, ITEM, ITEM_DIMM, PROGRESS, progress_status};
use dbus_api::vpd::collection::{self, Report};
use house_tests::{Machine, fixture};
use std::path::Path;
use std::time::{Duration, Instant};
use test_bus::Finished;

const KEY: &str = "10-0050";
const FRU: &str = "/system/chassis/card0";
const VINI: &str = "com.ibm.ipzvpd.VINI";
const FRAGMENT: &str = r#"
[common."xyz.openbmc_project.Inventory.Decorator.Asset"]
PartNumber = { record = "VINI", keyword = "PN" }
SerialNumber = { record = "VINI", keyword = "SN" }
[[object]]
path = "/system/chassis/card0"
records = "all"
[object.interfaces."xyz.openbmc_project.Inventory.Item"]
PrettyName = "Card 0"
[[object]]
path = "/system/chassis/card0/part"
[object.interfaces."xyz.openbmc_project.Inventory.Item.Connector"]
"#;

struct Run<'a> {
    machine: &'a Machine,
}

impl Run<'_> {
    fn of(&self, parser: &str, image: &[u8]) -> anyhow::Result<test_bus::Finished> {
        self.machine.parse(parser, &self.machine.image("eeprom.bin", image)?, KEY)
    }

    fn property(&self, interface: &str, property: &str) -> anyhow::Result<Option<String>> {
        self.machine.property(FRU, interface, property)
    }
}

/// The value of a keyword in a fixture, as `Machine::property` shows it.
fn keyword(image: &[u8], name: &str) -> String {
    use vpd_format::{Bytes, Content, ReadOptions, read};
    let vpd = read(&mut Bytes(image), &ReadOptions::default()).unwrap();
    let name = name.parse().unwrap();
    let data = match &vpd.content {
        Content::Ipz(image) => {
            image.record(vpd_format::RecordName::VINI).unwrap().keyword(name).unwrap().data
        }
        Content::Keyword(image) => image.keyword(name).unwrap().data,
        Content::Memory(module) => module.keyword(name).unwrap().data,
    };
    data.escape_ascii().to_string()
}

/// An IPZ image with bits of one record turned over: more than its code can put right.
fn with_ruined_record(mut image: Vec<u8>, record: &[u8; 4]) -> Vec<u8> {
    let toc_entry = image.windows(4).position(|window| window == record).unwrap();
    let offset = u16::from_le_bytes([image[toc_entry + 6], image[toc_entry + 7]]);
    for byte in &mut image[usize::from(offset) + 8..][..16] {
        *byte = !*byte;
    }
    image
}

#[test]
fn every_format_reaches_the_inventory_whichever_parser_is_started() -> anyhow::Result<()> {
    for name in [
        "card",
        "system-planar",
        "keyword",
        "pci-keyword",
        "network-adapter",
        "ddr4-ddimm",
        "ddr5-ddimm",
        "ddr4-isdimm",
    ] {
        let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
        machine.fragment(KEY, FRAGMENT)?;
        let image = fixture(name);
        for parser in ["ipz-vpd-parser", "keyword-vpd-parser"] {
            let run = Run { machine: &machine };
            let finished = run.of(parser, &image)?;
            assert_eq!(finished.status, Some(0), "{name} by {parser}: {}", finished.log);
            assert!(finished.output.contains("\"inventory\":\"published\""), "{name}: {}", finished.output);
            let serial = keyword(&image, "SN");
            assert_eq!(run.property(VINI, "SN")?, Some(serial.clone()), "{name}");
            assert_eq!(run.property(ASSET, "SerialNumber")?, Some(serial.trim_end().to_owned()), "{name}");
            assert_eq!(run.property(ITEM, "Present")?.as_deref(), Some("Bool(true)"));
            assert_eq!(run.property(ITEM, "PrettyName")?.as_deref(), Some("Card 0"));
            assert_eq!(run.property(PROGRESS, "Status")?.as_deref(), Some(progress_status::COMPLETED));
            let part = format!("{FRU}/part");
            assert!(machine.properties(&part, "xyz.openbmc_project.Inventory.Item.Connector")?.is_some());
            assert_eq!(run.property(ITEM_DIMM, "MemorySizeInKB")?.is_some(), name.starts_with("ddr"));
        }
    }
    Ok(())
}

#[test]
fn bad_weather_has_an_exit_status_a_named_reason_and_leaves_no_old_values() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    let run = Run { machine: &machine };
    let card = fixture("card");
    let ruined_header = {
        let mut image = card.clone();
        image[17..21].copy_from_slice(b"\0\xff\0\xff");
        image[23] = !image[23];
        image
    };
    let short = card[..54].to_vec();
    let pinned = format!("format = \"ipz\"\n{FRAGMENT}");
    for (what, fragment, image, status, reason) in [
        ("blank", FRAGMENT, vec![0xff; 256], 65, "blank"),
        ("zeroes", FRAGMENT, vec![0; 8192], 65, "blank"),
        ("empty", FRAGMENT, Vec::new(), 65, "needs"),
        ("garbage", FRAGMENT, vec![0x55; 256], 65, "unknown format"),
        ("wrong format pinned", &pinned, fixture("keyword"), 65, "the image is keyword, expected ipz"),
        ("header beyond correction", &pinned, ruined_header, 65, "VHDR"),
        ("truncated", &pinned, short, 65, "needs 55 bytes"),
    ] {
        machine.fragment(KEY, FRAGMENT)?;
        assert_eq!(run.of("ipz-vpd-parser", &card)?.status, Some(0));
        assert_ne!(run.property(VINI, "SN")?.as_deref(), Some(""), "{what}");
        machine.fragment(KEY, fragment)?;
        let finished = run.of("ipz-vpd-parser", &image)?;
        assert_eq!(finished.status, Some(status), "{what}: {}", finished.log);
        let line = finished.log.lines().find(|line| line.starts_with("<3>")).context(what)?;
        assert!(line.contains(reason) && line.contains("fru=10-0050"), "{what}: {line}");
        assert_eq!(finished.log.lines().filter(|line| line.starts_with("<3>")).count(), 1, "{what}");
        assert_eq!(run.property(VINI, "SN")?.as_deref(), Some(""), "{what}");
        assert_eq!(run.property(ASSET, "SerialNumber")?.as_deref(), Some(""), "{what}");
        assert_eq!(run.property(ITEM, "Present")?.as_deref(), Some("Bool(true)"), "{what}");
        assert_eq!(run.property(PROGRESS, "Status")?.as_deref(), Some(progress_status::FAILED), "{what}");
    }
    Ok(())
}

#[test]
fn an_absent_eeprom_is_absent_in_the_inventory() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    let run = Run { machine: &machine };
    machine.fragment(KEY, FRAGMENT)?;
    assert_eq!(run.of("ipz-vpd-parser", &fixture("card"))?.status, Some(0));
    let finished = machine.parse("ipz-vpd-parser", Path::new("/nonexistent/10-0050/eeprom"), KEY)?;
    assert_eq!(finished.status, Some(69), "{}", finished.log);
    assert!(finished.output.contains("\"outcome\":\"absent\""));
    assert_eq!(run.property(ITEM, "Present")?.as_deref(), Some("Bool(false)"));
    assert_eq!(run.property(VINI, "SN")?.as_deref(), Some(""));
    assert_eq!(run.property(ITEM, "PrettyName")?.as_deref(), Some("Card 0"));
    Ok(())
}

#[test]
fn a_device_that_gives_fewer_bytes_than_it_has_is_unreadable_not_misread() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    machine.fragment(KEY, FRAGMENT)?;
    // sysfs claims 4096 bytes for every attribute and ends after a few.
    let attribute = Path::new("/sys/kernel/mm/transparent_hugepage/enabled");
    let attribute = if attribute.exists() { attribute } else { Path::new("/sys/kernel/uevent_seqnum") };
    if !attribute.exists() {
        return Ok(());
    }
    let finished = machine.parse("ipz-vpd-parser", attribute, KEY)?;
    assert_eq!(finished.status, Some(69), "{}", finished.log);
    assert!(
        finished.log.contains("does not answer") && finished.log.contains("offset 0"),
        "{}",
        finished.log
    );
    Ok(())
}

#[test]
fn one_ruined_record_is_cleared_and_named_and_the_others_are_published() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    let run = Run { machine: &machine };
    machine.fragment(KEY, FRAGMENT)?;
    let planar = fixture("system-planar");
    assert_eq!(run.of("ipz-vpd-parser", &planar)?.status, Some(0));
    assert_ne!(run.property("com.ibm.ipzvpd.VSYS", "SE")?.as_deref(), Some(""));
    let finished = run.of("ipz-vpd-parser", &with_ruined_record(planar.clone(), b"VSYS"))?;
    assert_eq!(finished.status, Some(65), "{}", finished.log);
    let line = finished.log.lines().find(|line| line.starts_with("<3>")).context("no error line")?;
    for part in ["VSYS", "offset", "fru=10-0050"] {
        assert!(line.contains(part), "{line}");
    }
    assert_eq!(run.property("com.ibm.ipzvpd.VSYS", "SE")?.as_deref(), Some(""));
    assert_eq!(run.property(VINI, "SN")?, Some(keyword(&planar, "SN")));
    assert_eq!(run.property(PROGRESS, "Status")?.as_deref(), Some(progress_status::FAILED));
    Ok(())
}

#[test]
fn a_turned_bit_is_put_right_and_told() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    let run = Run { machine: &machine };
    machine.fragment(KEY, FRAGMENT)?;
    let card = fixture("card");
    let serial = card.windows(2).position(|window| window == b"SN").context("no SN")? + 3;
    let mut image = card.clone();
    image[serial] ^= 0x10;
    let finished = run.of("ipz-vpd-parser", &image)?;
    assert_eq!(finished.status, Some(0), "{}", finished.log);
    assert!(finished.output.contains("\"outcome\":\"recovered\""), "{}", finished.output);
    assert!(finished.log.contains("corrected by its code fru=10-0050 record=VINI"), "{}", finished.log);
    assert_eq!(run.property(VINI, "SN")?, Some(keyword(&card, "SN")));
    Ok(())
}

#[test]
fn without_an_inventory_or_a_bus_the_run_is_worth_a_retry_and_reports_all_the_same() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    machine.fragment(KEY, FRAGMENT)?;
    let finished = Run { machine: &machine }.of("ipz-vpd-parser", &fixture("card"))?;
    assert_eq!(finished.status, Some(75), "{}", finished.log);
    assert!(finished.output.contains("\"inventory\":\"unreachable\""), "{}", finished.output);
    assert!(finished.output.contains("\"outcome\":\"ok\""), "{}", finished.output);
    Ok(())
}

#[test]
fn one_value_that_the_inventory_refuses_does_not_sink_the_other_objects() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    let wrong = "[[object]]\npath = \"/system/a_wrong\"\n\
                 [object.interfaces.\"xyz.openbmc_project.Inventory.Item\"]\nPrettyName = 5\n";
    machine.fragment(KEY, &format!("{FRAGMENT}{wrong}"))?;
    let run = Run { machine: &machine };
    let card = fixture("card");
    let finished = run.of("ipz-vpd-parser", &card)?;
    assert_eq!(finished.status, Some(78), "{}", finished.log);
    assert!(finished.log.contains("object=/system/a_wrong"), "{}", finished.log);
    assert!(finished.output.contains("\"inventory\":\"partly\""), "{}", finished.output);
    assert_eq!(run.property(VINI, "SN")?, Some(keyword(&card, "SN")));
    Ok(())
}

#[test]
fn phosphors_inventory_takes_every_value_that_a_parser_sends() -> anyhow::Result<()> {
    for name in ["card", "ddr4-ddimm", "ddr5-ddimm", "keyword"] {
        let Some(machine) = Machine::bare()? else { return Ok(()) };
        let _peers = machine.start_peers(&["phosphor-inventory"])?;
        let more = "[[object]]\npath = \"/system/core\"\n\
                    [object.interfaces.\"xyz.openbmc_project.Inventory.Item.Cpu\"]\nCoreCount = 8\n\
                    [object.interfaces.\"xyz.openbmc_project.Inventory.Decorator.Slot\"]\nSlotNumber = 8\n";
        machine.fragment(KEY, &format!("{FRAGMENT}{more}"))?;
        for image in [fixture(name), vec![0xff; 512]] {
            let finished = Run { machine: &machine }.of("ipz-vpd-parser", &image)?;
            assert!(finished.output.contains("\"inventory\":\"published\""), "{name}: {}", finished.log);
        }
    }
    Ok(())
}

#[test]
fn calls_that_phosphors_inventory_drops_cost_seconds_and_are_named() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    let _peers = machine.start_peers(&["phosphor-inventory"])?;
    let item = "xyz.openbmc_project.Inventory.Item";
    let wrong: String = (0..20)
        .map(|number| {
            format!("[[object]]\npath = \"/system/a_wrong{number}\"\n[object.interfaces.\"{item}\"]\nPrettyName = 5\n")
        })
        .collect();
    machine.fragment(KEY, &format!("{FRAGMENT}{wrong}"))?;
    let began = Instant::now();
    let run = Run { machine: &machine };
    let finished = run.of("ipz-vpd-parser", &fixture("card"))?;
    // Once it is known to drop calls, none is waited for.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(finished.status, Some(78), "{}", finished.log);
    for part in ["object=/system/a_wrong0: the manager dropped the call", "object=/system/a_wrong19"] {
        assert!(finished.log.contains(part), "{}", finished.log);
    }
    for part in ["\"inventory\":\"partly\"", "not in the inventory: /system/a_wrong0 ", "dropped the call"] {
        assert!(finished.output.contains(part), "{}", finished.output);
    }
    assert_eq!(run.property(VINI, "SN")?, Some(keyword(&fixture("card"), "SN")));
    Ok(())
}

#[test]
fn an_inventory_that_is_slow_is_waited_for_and_drops_nothing() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    // Longer than it takes until a parser asks whether its call was dropped.
    let _peers = machine.start_peers(&["phosphor-inventory slow 6500"])?;
    machine.fragment(KEY, FRAGMENT)?;
    let finished = Run { machine: &machine }.of("ipz-vpd-parser", &fixture("card"))?;
    assert_eq!(finished.status, Some(0), "{}", finished.log);
    let calls: String = machine.command_peers("Calls", &"phosphor-inventory")?.body().deserialize()?;
    let empty = calls.lines().filter(|line| line.ends_with("Notify @a{oa{sa{sv}}} {}")).count();
    assert_eq!((calls.lines().count(), empty), (2, 1), "{calls}");
    Ok(())
}

#[test]
fn an_eeprom_stays_locked_until_the_inventory_has_answered() -> anyhow::Result<()> {
    let Some(machine) = Machine::bare()? else { return Ok(()) };
    let _peers = machine.start_peers(&["phosphor-inventory slow 4000"])?;
    machine.fragment(KEY, FRAGMENT)?;
    let image = machine.image("eeprom.bin", &fixture("card"))?;
    let writer = std::fs::File::options().write(true).open(&image)?;
    let mut command = machine.parser_command("ipz-vpd-parser", &image, KEY)?;
    let parser = std::thread::spawn(move || test_bus::run(&mut command));
    let calls = || -> anyhow::Result<String> {
        Ok(machine.command_peers("Calls", &"phosphor-inventory")?.body().deserialize()?)
    };
    let began = Instant::now();
    while !calls()?.contains(".Notify ") {
        anyhow::ensure!(began.elapsed() < test_bus::LIMIT, "no Notify came: {}", calls()?);
    }
    // A write now would be followed by the values that were read before it.
    assert!(matches!(writer.try_lock(), Err(std::fs::TryLockError::WouldBlock)), "Notify is unanswered");
    let finished = parser.join().expect("no panic")?;
    assert_eq!(finished.status, Some(0), "{}", finished.log);
    writer.try_lock().context("the parser has ended")?;
    Ok(())
}

#[test]
fn an_interface_that_the_inventory_does_not_know_is_passed_over() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    let extra = "[object.interfaces.\"xyz.example.Unknown\"]\nName = \"x\"\n";
    machine.fragment(KEY, &format!("{FRAGMENT}{extra}"))?;
    assert_eq!(Run { machine: &machine }.of("ipz-vpd-parser", &fixture("card"))?.status, Some(0));
    Ok(())
}

#[test]
fn configuration_errors_name_the_file_and_nothing_is_published() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    let run = Run { machine: &machine };
    for (text, reason) in
        [("[[object]]\npath = \"x\"", "not an inventory path"), ("formt = 1", "unknown field")]
    {
        machine.fragment(KEY, text)?;
        let finished = run.of("ipz-vpd-parser", &fixture("card"))?;
        assert_eq!(finished.status, Some(78));
        assert!(finished.log.contains(reason) && finished.log.contains("10-0050.toml"), "{}", finished.log);
    }
    assert_eq!(machine.properties(FRU, ITEM)?, None);
    Ok(())
}

/// Stands in for the collection service: keeps the reports and images that it is given.
struct Collection(tokio::sync::mpsc::UnboundedSender<(Report, Vec<u8>)>);

#[zbus::interface(name = "io.vivianite.Vpd.Collection1")]
impl Collection {
    fn report(&self, report: Report, image: Vec<u8>) -> zbus::fdo::Result<()> {
        self.0.send((report, image)).map_err(|error| zbus::fdo::Error::Failed(error.to_string()))
    }
}

/// What a parser reports of an image, with what it hands over of it, and how it ended.
fn reported(machine: &Machine, image: &[u8]) -> anyhow::Result<(Report, Vec<u8>, Finished)> {
    machine.fragment(KEY, FRAGMENT)?;
    let image = machine.image("eeprom.bin", image)?;
    let (sender, mut reports) = tokio::sync::mpsc::unbounded_channel();
    let (ready, is_ready) = std::sync::mpsc::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let address = machine.bus().address().to_owned();
    let service = std::thread::spawn(move || -> anyhow::Result<()> {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
            let builder = zbus::connection::Builder::address(address.as_str());
            let builder = builder.serve_at(collection::PATH, Collection(sender)).name(collection::BUS_NAME);
            let _connection = builder.build().await?;
            ready.send(())?;
            // Ends when the other end is dropped.
            let _ = stopped.await;
            Ok(())
        })
    });
    is_ready.recv().context("the collection service did not start")?;
    let finished = machine.parse("ipz-vpd-parser", &image, KEY)?;
    drop(stop);
    service.join().expect("no panic")?;
    let (report, image) = reports.try_recv()?;
    Ok((report, image, finished))
}

#[test]
fn the_collection_service_gets_the_report_and_standard_output_does_not() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    let (report, image, finished) = reported(&machine, &fixture("card"))?;
    assert_eq!(finished.status, Some(0), "{}", finished.log);
    assert_eq!(finished.output, "");
    assert_eq!(
        (report.key.as_str(), report.outcome.as_str(), report.inventory.as_str()),
        (KEY, "ok", "published")
    );
    assert!(report.started > 0 && report.finished >= report.started);
    assert_eq!(report.records.len(), 3);
    assert_eq!((report.ccin.as_str(), report.redundant.as_str()), ("7V11", ""));
    assert!(image.is_empty(), "nobody wants to see what is in order");
    Ok(())
}

#[test]
fn a_damaged_image_goes_with_the_report_and_a_blank_one_does_not() -> anyhow::Result<()> {
    let Some(machine) = Machine::with_inventory()? else { return Ok(()) };
    let mut damaged = fixture("card");
    damaged[140..148].fill(0);
    let (report, image, _) = reported(&machine, &damaged)?;
    assert_eq!((report.outcome.as_str(), report.inventory.as_str()), ("bad", "published"));
    assert_eq!(image, damaged);
    let (report, image, _) = reported(&machine, &vec![0xff; 512])?;
    assert_eq!(report.outcome, "blank");
    assert!(image.is_empty());
    Ok(())
}
