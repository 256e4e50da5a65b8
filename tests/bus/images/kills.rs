//! The service is killed at each of the calls by which it changes something, one run for each, and comes back.
//!
//! `strace` does the killing, as a call begins, so that every order in which things are written is tried.

use super::bed::{ACTIVATION, Bed, IMAGE, NAME, ON_REQUEST, STATES, image, is_soak};
use super::ear::Heard;
use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::{Child, Command, Stdio};

/// The calls that change files, or tell the bus. strace counts each by itself, and in each thread by itself.
const CALLS: [&str; 12] = [
    "mkdir",
    "mkdirat",
    "write",
    "sendmsg",
    "rename",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "fsync",
    "fchmod",
    "fchown",
];
/// Those that are tried when not all are.
const SAMPLE: [(&str, usize); 7] = [
    ("mkdirat", 1),
    ("write", 2),
    ("fsync", 1),
    ("rename", 1),
    ("renameat2", 1),
    ("unlinkat", 1),
    ("sendmsg", 9),
];
/// More than there are of any.
const MOST: usize = 200;

/// Whether this can be tried; says so when not, and under `CI=true` it must be.
#[expect(clippy::print_stdout, reason = "the test harness shows it")]
fn can_trace() -> bool {
    let found = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok();
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    if !found && !in_ci {
        println!("SKIPPED kills: there is no strace here (Debian package strace)");
    }
    found || in_ci
}

/// The service, which ends at this call.
fn start_until(bed: &Bed, (call, number): (&str, usize)) -> anyhow::Result<Child> {
    let mut command = bed.machine.bus().client("strace");
    let inject = format!("inject={call}:signal=KILL:when={number}");
    command.args(["-f", "-qqq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
    command.arg(test_bus::built("image-manager")?).arg("--root").arg(bed.root());
    Ok(command.stderr(Stdio::null()).spawn()?)
}

/// Waits until the service has ended, or something is so.
fn ends_before(
    bed: &Bed,
    service: &mut Child,
    mut is_so: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<bool> {
    let mut has_ended = false;
    bed.wait("it ends, or is done", || {
        has_ended = service.try_wait()?.is_some();
        // Its name goes with it.
        Ok(has_ended || is_so().unwrap_or(false))
    })?;
    Ok(has_ended)
}

/// Ends what outlived its run: strace would leave it to itself.
fn end(bed: &Bed, mut service: Child) -> anyhow::Result<()> {
    let bus = ["org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"];
    let pid: u32 = bed.call(bus, "GetConnectionUnixProcessID", &NAME)?.body().deserialize()?;
    kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL)?;
    service.wait().context("it does not end")?;
    Ok(())
}

fn records(bed: &Bed) -> anyhow::Result<usize> {
    Ok(std::fs::read_dir(bed.root().join("run/vivianite/image-manager/images"))?.count())
}

/// Tries a sample of calls; in `soak` all of them, until one is not made so often. `try_one` says that it was not made.
#[expect(clippy::print_stdout, reason = "the test harness shows it")]
fn each(mut try_one: impl FnMut((&str, usize)) -> anyhow::Result<bool>) -> anyhow::Result<()> {
    if !is_soak() {
        println!("sample: {SAMPLE:?}");
        for place in SAMPLE {
            try_one(place).with_context(|| format!("killed at {place:?}"))?;
        }
        return Ok(());
    }
    for call in CALLS {
        let mut number = 1;
        while !try_one((call, number)).with_context(|| format!("killed at {call}, {number}"))? {
            number += 1;
            anyhow::ensure!(number < MOST, "{call} is called more than {MOST} times");
        }
        println!("{call}: {} times", number - 1);
    }
    Ok(())
}

#[test]
fn a_dropped_image_is_there_once_wherever_the_service_is_killed() -> anyhow::Result<()> {
    if !can_trace() {
        return Ok(());
    }
    each(|place| {
        let Some(mut bed) = Bed::new("")? else { return Ok(true) };
        std::fs::create_dir_all(bed.folder())?;
        bed.drop_file("image.tar", &image("killed"))?;
        let mut service = start_until(&bed, place)?;
        let is_published = || Ok(bed.images()?.len() == 1 && bed.files()?.len() == 1);
        let was_killed = ends_before(&bed, &mut service, is_published)?;
        if !was_killed {
            end(&bed, service)?;
        }
        bed.start()?;
        bed.wait("it is there once, and nothing else is", || {
            Ok(bed.images()?.len() == 1 && bed.files()?.len() == 1 && records(&bed)? == 1)
        })
        .with_context(|| format!("{:?} {:?}", bed.images(), bed.files()))?;
        let object = bed.images()?.remove(0);
        assert!(object.ends_with(&*bed.files()?.remove(0)), "{place:?}");
        // Not before it is known that nobody installs it.
        bed.wait("it can be deleted", || Ok(bed.delete(&object).is_ok()))?;
        bed.wait("nothing is left", || Ok(bed.files()?.is_empty() && records(&bed)? == 0))?;
        Ok(!was_killed)
    })
}

#[test]
fn an_image_that_was_handed_over_is_ready_or_lost_with_a_reason_wherever_the_service_is_killed()
-> anyhow::Result<()> {
    if !can_trace() {
        return Ok(());
    }
    each(|place| {
        let Some(mut bed) = Bed::new("")? else { return Ok(true) };
        let mut service = start_until(&bed, place)?;
        let mut was_killed = ends_before(&bed, &mut service, || Ok(bed.objects().is_ok()))?;
        let mut object = None;
        if !was_killed {
            object = bed.start_update(&image("killed"), ON_REQUEST).ok();
            let is_ready = || Ok(bed.images()?.len() == 1 && bed.files()?.iter().any(|name| name.len() == 8));
            was_killed = ends_before(&bed, &mut service, is_ready)?;
            if !was_killed {
                end(&bed, service)?;
            }
        }
        bed.forget()?;
        bed.start()?;
        let ready = format!("{STATES}Ready");
        let is_ready = |heard: &Heard| heard.value(ACTIVATION, "Activation") == Some(&ready);
        let is_lost = |heard: &Heard| {
            heard.value(IMAGE, "Reason").is_some_and(|reason| reason.contains("the service ended"))
        };
        // Who has been given an object learns what became of it; one that is lost goes a second later.
        if let Some(object) = &object {
            let is_told = |heard: &Heard| heard.path == *object && (is_ready(heard) || is_lost(heard));
            bed.until(|heard| heard.iter().any(is_told).then_some(()))
                .with_context(|| format!("{place:?}: {object:?}"))?;
        }
        let images = bed.images()?;
        assert!(images.len() <= 1, "{place:?}: {images:?}");
        bed.wait("only what is Ready stays", || {
            let (images, files) = (bed.images()?, bed.files()?);
            let is_ready =
                |path: &String| bed.get(NAME, path, ACTIVATION, "Activation") == Ok(format!("{STATES}Ready"));
            Ok(images.iter().all(is_ready) && files.len() == images.len() && records(&bed)? == images.len())
        })
        .with_context(|| format!("{:?} {:?}", bed.images(), bed.files()))?;
        let stays = bed.images()?;
        let told: Vec<_> = bed.heard()?.iter().filter(|heard| is_ready(heard) || is_lost(heard)).collect();
        assert!(
            !told.iter().any(|&heard| is_ready(heard)) || !told.iter().any(|&heard| is_lost(heard)),
            "{told:?}"
        );
        assert!(stays.is_empty() || told.iter().any(|&heard| is_ready(heard)), "{place:?}: {told:?}");
        Ok(!was_killed)
    })
}

#[test]
fn a_loss_is_told_wherever_the_service_that_comes_back_is_killed_before_it_has_told() -> anyhow::Result<()> {
    /// Messages before the announcement that are tried when not all are.
    const SAMPLE: [usize; 3] = [7, 9, 11];
    if !can_trace() {
        return Ok(());
    }
    let is_lost = |heard: &Heard| {
        heard.value(IMAGE, "Reason").is_some_and(|reason| reason.contains("the service ended"))
    };
    let numbers = if is_soak() { (1..MOST).collect() } else { SAMPLE.to_vec() };
    for number in numbers {
        let place = ("sendmsg", number);
        let Some(mut bed) = Bed::new("")? else { return Ok(()) };
        bed.start()?;
        // Nothing comes of it, so that it is being taken in.
        let (reader, _writer) = std::io::pipe()?;
        let object = bed.hand_over(reader, ON_REQUEST)?;
        bed.kill()?;
        bed.forget()?;
        let mut service = start_until(&bed, place)?;
        let is_shown = || Ok(bed.images()?.contains(&object));
        if !ends_before(&bed, &mut service, is_shown)? {
            end(&bed, service)?;
            anyhow::ensure!(is_soak(), "it was not killed at {place:?}");
            break;
        }
        bed.start()?;
        bed.until(|heard| heard.iter().any(|heard| heard.path == object && is_lost(heard)).then_some(()))
            .with_context(|| format!("killed at {place:?}"))?;
        bed.wait("the next run has nothing to tell any more", || Ok(records(&bed)? == 0))?;
    }
    Ok(())
}
