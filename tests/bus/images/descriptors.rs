//! What may be handed over to `StartUpdate`, and what is said of the rest.

use super::archives::noise;
use super::bed::{
    ACTIVATION, Bed, IMAGE, IMMEDIATE, ON_REQUEST, ON_RESET, STATES, error_name, image, image_of, memory,
};
use super::bed::{FILE_PATH, NAME};
use super::ear::Said;
use house_tests::limit_descriptors;
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

const UNAVAILABLE: &str = "xyz.openbmc_project.Common.Error.Unavailable";
const INVALID_ARGUMENT: &str = "xyz.openbmc_project.Common.Error.InvalidArgument";
const INVALID_IMAGE: &str = "xyz.openbmc_project.Software.Update.Error.InvalidImage";

#[test]
fn whatever_can_be_read_is_taken_from_its_start() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("")? else { return Ok(()) };
    let path = bed.root().join("image.tar");
    std::fs::write(&path, image("by-file"))?;
    let mut file = File::open(&path)?;
    file.seek(SeekFrom::Start(777))?;
    bed.hand_over(&file, ON_REQUEST)?;
    bed.await_image("by-file")?;
    assert_eq!(file.stream_position()?, 777, "the sender's position is its own");
    bed.hand_over(memory(&image("by-memory"))?, ON_REQUEST)?;
    bed.await_image("by-memory")?;

    let (reader, mut writer) = std::io::pipe()?;
    let content = image_of("by-pipe", &noise(300_000));
    let sending = std::thread::spawn(move || writer.write_all(&content));
    bed.hand_over(&reader, ON_REQUEST)?;
    drop(reader);
    bed.await_image("by-pipe")?;
    sending.join().unwrap()?;

    let (ours, theirs) = UnixStream::pair()?;
    let content = image_of("by-socket", &noise(300_000));
    let sending = std::thread::spawn(move || (&ours).write_all(&content));
    bed.hand_over(&theirs, ON_REQUEST)?;
    drop(theirs);
    bed.await_image("by-socket")?;
    sending.join().unwrap()?;

    // The file is gone, and the sender with it, before anything was read.
    let content = memory(&image("by-what-is-gone"))?;
    let address = bed.machine.bus().address().to_owned();
    bed.runtime.block_on(async {
        let other = zbus::connection::Builder::address(&*address).build().await?;
        let body = (zbus::Fd::from(std::os::fd::AsFd::as_fd(&content)), ON_REQUEST);
        let message = zbus::Message::method_call("/xyz/openbmc_project/software/multipart", "StartUpdate");
        let message = message.destination(NAME).interface("xyz.openbmc_project.Software.Update");
        other.send(&message.build(&body)?).await?;
        other.close().await
    })?;
    drop(content);
    bed.await_image("by-what-is-gone")?;
    Ok(())
}

#[test]
fn what_cannot_be_an_image_is_refused_at_once_and_has_no_object() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("")? else { return Ok(()) };
    let path = bed.root().join("image.tar");
    std::fs::write(&path, image("never"))?;
    let open = |flags: OFlag| OpenOptions::new().read(true).custom_flags(flags.bits()).open(&path);
    let writable = OpenOptions::new().write(true).open(&path)?;
    let (_reader, writer) = std::io::pipe()?;
    let empty = bed.root().join("empty");
    std::fs::write(&empty, "")?;
    for (what, result) in [
        ("only to be written", bed.hand_over(&writable, IMMEDIATE)),
        ("the end of a pipe that is written", bed.hand_over(&writer, IMMEDIATE)),
        ("a folder", bed.hand_over(File::open(bed.root())?, IMMEDIATE)),
        ("a path", bed.hand_over(open(OFlag::O_PATH)?, IMMEDIATE)),
        ("empty", bed.hand_over(File::open(&empty)?, IMMEDIATE)),
        ("empty memory", bed.hand_over(memory(b"")?, IMMEDIATE)),
    ] {
        assert_eq!(result.map_err(error_name), Err(INVALID_IMAGE.to_owned()), "{what}");
    }
    for apply in ["", "Immediate", "xyz.openbmc_project.Software.ApplyTime.RequestedApplyTimes.Later"] {
        let result = bed.hand_over(open(OFlag::empty())?, apply);
        assert_eq!(result.map_err(error_name), Err(INVALID_ARGUMENT.to_owned()), "{apply:?}");
    }
    assert_eq!(bed.images()?, [""; 0]);
    assert_eq!(bed.heard()?.iter().filter(|heard| heard.adds(ACTIVATION)).count(), 0);
    assert_eq!(bed.files()?, [""; 0]);
    Ok(())
}

#[test]
fn a_stream_without_end_and_one_that_dries_up_are_given_up() -> anyhow::Result<()> {
    let settings = "signature = \"off\"\nmax-archive-bytes = 2097152\n";
    let Some(mut bed) = Bed::new(settings)? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    let zeros = bed.hand_over(File::open("/dev/zero")?, IMMEDIATE)?;
    let nothing = bed.hand_over(File::open("/dev/null")?, IMMEDIATE)?;
    // The start of an archive, then more of the member than there may be.
    let (reader, mut writer) = std::io::pipe()?;
    std::thread::spawn(move || {
        let big = super::tar::Entry { size: Some(*b"00010000000\0"), ..super::tar::Entry::file("big", "") };
        writer.write_all(&super::tar::members(&[big]))?;
        std::io::copy(&mut std::io::repeat(7).take(64 << 20), &mut writer)
    });
    let endless = bed.hand_over(&reader, IMMEDIATE)?;
    drop(reader);
    let (reader, mut stalled) = std::io::pipe()?;
    stalled.write_all(&image("half")[..1000])?;
    let dry = bed.hand_over(&reader, IMMEDIATE)?;
    for (object, says) in [
        (&zeros, "no tar archive"),
        (&nothing, "ends before its end"),
        (&endless, "larger than 2097152 bytes"),
        (&dry, "nothing came for 1 s"),
    ] {
        bed.await_state(object, "Invalid")?;
        let reason = bed.get(NAME, object, IMAGE, "Reason");
        assert!(reason.as_ref().is_ok_and(|reason| reason.contains(says)), "{says}: {reason:?}");
    }
    assert_eq!(bed.events()?.len(), 4);
    // It goes on with the next.
    drop(stalled);
    bed.start_update(&image("next"), ON_REQUEST)?;
    bed.await_image("next")?;
    Ok(())
}

#[test]
fn a_pipe_that_trickles_keeps_no_other_image_waiting_for_long() -> anyhow::Result<()> {
    let settings = "stall-limit-s = 1\nmin-transfer-rate = 1000\ntransfer-limit-s = 3600\n";
    let Some(mut bed) = Bed::running(settings)? else { return Ok(()) };
    let (reader, mut writer) = std::io::pipe()?;
    let (_lives, is_over) = mpsc::channel::<()>();
    // Never silent for a second, and far from a thousand bytes in one.
    let trickle = std::thread::spawn(move || {
        let content = image_of("slow", &noise(300_000));
        for byte in content.chunks(1) {
            if is_over.recv_timeout(Duration::from_millis(20)) != Err(RecvTimeoutError::Timeout) {
                return Ok(());
            }
            writer.write_all(byte)?;
        }
        Ok(())
    });
    let slow = bed.hand_over(&reader, IMMEDIATE)?;
    drop(reader);
    let next = bed.start_update(&image("next"), ON_REQUEST)?;
    bed.await_state(&slow, "Invalid")?;
    let reason = bed.get(NAME, &slow, IMAGE, "Reason").unwrap();
    assert!(reason.contains("it came slower than 1000 bytes a second for 1 s"), "{reason}");
    assert_eq!(bed.await_image("next")?, next);
    // Its pipe is closed, which ends the writer.
    let ended: std::io::Result<()> = trickle.join().unwrap();
    assert_eq!(ended.map_err(|error| error.kind()), Err(std::io::ErrorKind::BrokenPipe));
    Ok(())
}

#[test]
fn a_full_queue_refuses_and_what_was_accepted_is_taken_in() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("queue = 2\nstall-limit-s = 30\n")? else { return Ok(()) };
    // Keeps the thread at work until it is dropped.
    let (reader, held) = std::io::pipe()?;
    let busy = bed.hand_over(&reader, IMMEDIATE)?;
    drop(reader);
    bed.until(|heard| {
        let at_work = heard.iter().any(|heard| heard.value(IMAGE, "Stage") == Some("unpacking"));
        at_work.then_some(())
    })?;
    let accepted = [bed.start_update(&image("one"), ON_REQUEST)?, bed.start_update(&image("two"), ON_RESET)?];
    let refused = bed.hand_over(memory(&image("three"))?, IMMEDIATE);
    assert_eq!(refused.map_err(error_name), Err(UNAVAILABLE.to_owned()));
    for object in &accepted {
        assert_eq!(bed.get(NAME, object, ACTIVATION, "Activation"), Ok(format!("{STATES}NotReady")));
        assert_eq!(bed.get(NAME, object, IMAGE, "Stage"), Ok("queued".to_owned()));
    }
    drop(held);
    bed.await_state(&busy, "Invalid")?;
    for (object, version) in accepted.iter().zip(["one", "two"]) {
        assert_eq!(bed.await_image(version)?, *object);
        let path = bed.get(NAME, object, FILE_PATH, "Path").unwrap();
        assert!(std::fs::read(format!("{path}/psu.bin")).is_ok_and(|content| content == b"firmware"));
    }
    Ok(())
}

/// Otherwise an upload that hangs could only be waited for.
#[test]
fn an_upload_that_waits_or_is_under_way_can_be_cancelled() -> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("stall-limit-s = 600\n")? else { return Ok(()) };
    let (reader, held) = std::io::pipe()?;
    let under_way = bed.hand_over(&reader, IMMEDIATE)?;
    drop(reader);
    bed.until(|heard| {
        let at_work = heard.iter().any(|heard| heard.value(IMAGE, "Stage") == Some("unpacking"));
        at_work.then_some(())
    })?;
    let [queued, next] =
        [bed.start_update(&image("queued"), ON_RESET)?, bed.start_update(&image("next"), ON_RESET)?];
    for object in [&queued, &under_way] {
        assert_eq!(bed.delete(object), Ok(()));
        // Clients follow the Activation, not the object.
        bed.await_state(object, "Invalid")?;
        let reason = bed.until(|heard| {
            let own = heard.iter().filter(|heard| heard.path == **object);
            own.filter_map(|heard| heard.value(IMAGE, "Reason")).map(str::to_owned).next_back()
        })?;
        assert_eq!(reason, "it was deleted before it was taken in");
        assert!(bed.get(NAME, object, ACTIVATION, "Activation").is_err(), "it is gone");
    }
    assert_eq!(bed.await_image("next")?, next);
    drop(held);
    bed.wait("nothing of it is left", || Ok(bed.files()?.len() == 1))?;
    assert_eq!(bed.events()?, [""; 0], "the client knows");
    Ok(())
}

#[test]
fn a_client_that_subscribes_late_sees_how_it_ended() -> anyhow::Result<()> {
    // As they are by default.
    let Some(mut bed) = Bed::new("hold-ms = 500\nlinger-s = 30\n")? else { return Ok(()) };
    bed.start_peers(&["event-log"])?;
    bed.start()?;
    for (content, state) in [(image("good"), "Ready"), (b"no image".repeat(100), "Invalid")] {
        bed.forget()?;
        let asked = std::time::Instant::now();
        let object = bed.start_update(&content, IMMEDIATE)?;
        // Nobody has read its state, so it must not have changed before the client listens.
        bed.until(|heard| {
            let is_it = |heard: &super::ear::Heard| {
                heard.path == object
                    && heard.value(ACTIVATION, "Activation") == Some(&*format!("{STATES}{state}"))
            };
            heard.iter().any(is_it).then_some(())
        })?;
        assert!(asked.elapsed().as_millis() >= 500, "{state} after {:?}", asked.elapsed());
        assert_eq!(bed.get(NAME, &object, ACTIVATION, "Activation"), Ok(format!("{STATES}{state}")));
    }
    assert!(!bed.heard()?.iter().any(|heard| matches!(&heard.said, Said::Removed(_))));
    Ok(())
}

/// Else any user who reads could have a client miss how its upload ended.
#[test]
fn a_state_that_was_read_is_held_back_for_late_clients_all_the_same() -> anyhow::Result<()> {
    // Longer than the test waits for anything.
    let Some(mut bed) = Bed::running("hold-ms = 3600000\n")? else { return Ok(()) };
    let read = bed.start_update(&image("read"), IMMEDIATE)?;
    bed.until(|heard| {
        heard.iter().any(|heard| heard.value(IMAGE, "Stage") == Some("checked")).then_some(())
    })?;
    for _ in 0..3 {
        assert_eq!(bed.get(NAME, &read, ACTIVATION, "Activation"), Ok(format!("{STATES}NotReady")));
    }
    Ok(())
}

#[test]
fn a_call_whose_descriptor_the_kernel_could_not_give_is_refused_and_the_next_one_is_taken()
-> anyhow::Result<()> {
    let Some(mut bed) = Bed::running("")? else { return Ok(()) };
    let process = bed.manager_process()?;
    let open = std::fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64;
    limit_descriptors(process, open)?;
    let refused = bed.hand_over(memory(&image("lost"))?, ON_REQUEST);
    assert_eq!(refused.map_err(error_name), Err("org.freedesktop.DBus.Error.InvalidArgs".to_owned()));
    limit_descriptors(process, 1024)?;
    assert_eq!(bed.manager_process()?, process);
    bed.hand_over(memory(&image("given"))?, ON_REQUEST)?;
    bed.await_image("given")?;
    Ok(())
}
