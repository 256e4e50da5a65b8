//! The twin and the instruments, checked against each other on a private bus.

use super::*;
use crate::rings::{self, Outcome};
use crate::step::find_program;
use test_bus::PrivateBus;

fn workbench() -> Option<(Workbench, PrivateBus)> {
    let header = Path::new("/usr/include/systemd/sd-bus.h").exists();
    let programs = ["gcc", "dbus-daemon", "dbus-monitor", "valgrind", "strace"];
    if !header || programs.iter().any(|name| find_program(name).is_none()) {
        let reason = format!("not all of sd-bus.h, {} are here", programs.join(", "));
        rings::account("bench", &Outcome::Skipped(reason)).unwrap();
        return None;
    }
    let bench = Workbench::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("bench")).unwrap();
    let bus = PrivateBus::start(bench.folder.path()).unwrap();
    Some((bench, bus))
}

#[test]
fn the_twin_sends_what_it_is_given_for_every_type() {
    let Some((bench, bus)) = workbench() else { return };
    let objects = payload::tests::sample();
    let twin = bench.twin(&objects, bus.address()).unwrap();
    let body = bench.body_of(&twin).unwrap();
    assert_eq!(payload::decode(&body).unwrap(), objects);
    // Nobody owns the inventory's name on this bus, which is the twin's own status for a failed call.
    assert_eq!(twin.step().capture().unwrap().status.code(), Some(75));
}

#[test]
fn a_twin_of_a_subject_is_byte_for_byte_its_equal() {
    let Some((bench, bus)) = workbench() else { return };
    let subject = bench.twin(&payload::tests::sample(), bus.address()).unwrap();
    bench.twin_of(&subject).unwrap();
}

#[test]
fn a_payload_that_is_cut_short_is_refused() {
    let Some((bench, bus)) = workbench() else { return };
    let twin = bench.twin(&payload::tests::sample(), bus.address()).unwrap();
    let file = bench.folder.path().join("payload.bin");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 3]).unwrap();
    assert_eq!(twin.step().capture().unwrap().status.code(), Some(65));
}

#[test]
fn the_instruments_agree_with_what_a_program_does() {
    let Some((bench, bus)) = workbench() else { return };
    let input = bench.folder.path().join("input");
    fs::write(&input, [7_u8; 3000]).unwrap();
    let subject = Subject {
        program: find_program("md5sum").unwrap(),
        arguments: vec![input.clone().into_os_string()],
        address: bus.address().to_owned(),
        input: Some(input),
    };
    let cost = bench.meter.measure(&subject).unwrap();
    assert_eq!((cost.bytes_read, cost.status), (Some(3000), 0));
    assert!((50_000..50_000_000).contains(&cost.instructions), "{cost:?}");
    assert!((100..20_000).contains(&cost.peak_kib), "{cost:?}");
}
