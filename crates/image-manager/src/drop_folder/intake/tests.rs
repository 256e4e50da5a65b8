use super::*;

const SETTLE: Duration = Duration::from_secs(3);
const SPACE_RETRY: Duration = Duration::from_secs(5);
const NAME: &str = "image.tar";
const NONE: [Effect; 0] = [];

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn name() -> OsString {
    NAME.into()
}

fn identity(inode: u64) -> Identity {
    Identity { device: 1, inode }
}

fn found(size: u64, has_writer: Option<bool>) -> Result<Found, NotTaken> {
    Ok(Found { stamp: Stamp { identity: identity(1), size, modified: 0 }, has_writer })
}

fn look(why: Why) -> Effect {
    Effect::Look(name(), why)
}

/// A folder that is watched.
fn watched() -> Intake {
    let mut intake = Intake::new(SETTLE, SPACE_RETRY, 2);
    assert_eq!(intake.step(Event::Watched { is_watched: true }, seconds(0)), [Effect::List]);
    intake
}

/// A file was written, and looked at.
fn write(intake: &mut Intake, size: u64, has_writer: Option<bool>, now: u64) {
    assert_eq!(intake.step(Event::Written(name()), seconds(now)), [look(Why::Written)]);
    assert_eq!(intake.step(Event::Looked(name(), Why::Written, found(size, has_writer)), seconds(now)), NONE);
}

fn again(intake: &mut Intake, why: Why, found: Result<Found, NotTaken>, now: u64) {
    assert_eq!(intake.step(Event::Tick, seconds(now)), [look(why)]);
    assert_eq!(intake.step(Event::Looked(name(), why, found), seconds(now)), NONE);
}

/// One file that is being taken in.
fn intake() -> Intake {
    let mut intake = watched();
    write(&mut intake, 5, Some(false), 0);
    assert_eq!(intake.next(), Some(name()));
    intake
}

fn end(intake: &mut Intake, ending: Ending, now: u64) -> Verdict {
    intake.ended(NAME.as_ref(), ending, seconds(now))
}

#[test]
fn an_early_end_counts_only_after_a_rest() {
    let mut intake = intake();
    assert_eq!(end(&mut intake, Ending::Early { size: 5 }, 1), Verdict::Again);
    assert_eq!((intake.wake_at(), intake.step(Event::Tick, seconds(3))), (seconds(4), vec![]));
    again(&mut intake, Why::Rested, found(5, Some(false)), 4);
    assert_eq!(intake.next(), Some(name()));
    assert_eq!(end(&mut intake, Ending::Early { size: 5 }, 5), Verdict::Final);
    assert_eq!((intake.wake_at(), intake.next()), (seconds(30), None));
}

#[test]
fn a_file_that_grows_or_is_written_rests_longer() {
    let mut intake = intake();
    end(&mut intake, Ending::Early { size: 5 }, 1);
    again(&mut intake, Why::Rested, found(6, None), 4);
    assert_eq!(intake.wake_at(), seconds(7));
    write(&mut intake, 6, None, 6);
    assert_eq!(intake.wake_at(), seconds(9));
    again(&mut intake, Why::Rested, found(6, None), 9);
    intake.next();
    write(&mut intake, 7, None, 9);
    assert_eq!(end(&mut intake, Ending::Early { size: 7 }, 10), Verdict::Again, "written meanwhile");
}

#[test]
fn a_resting_file_that_goes_is_forgotten() {
    let mut intake = intake();
    end(&mut intake, Ending::Early { size: 5 }, 1);
    again(&mut intake, Why::Rested, Err(NotTaken::Gone), 4);
    assert_eq!((intake.wake_at(), intake.next()), (seconds(30), None));
}

/// Its bytes would be lost, and its writer would see no error.
#[test]
fn a_file_that_a_program_still_writes_is_waited_for() {
    for is_early in [false, true] {
        let mut intake = watched();
        if is_early {
            write(&mut intake, 5, None, 0);
            intake.next();
            assert_eq!(end(&mut intake, Ending::HasWriter, 0), Verdict::Again);
        } else {
            // One of two writers has closed it.
            write(&mut intake, 5, Some(true), 0);
        }
        assert_eq!((intake.next(), intake.wake_at()), (None, seconds(2)));
        again(&mut intake, Why::Again, found(5, Some(true)), 2);
        assert_eq!(intake.wake_at(), seconds(6), "less and less often");
        write(&mut intake, 9, Some(false), 3);
        assert_eq!(intake.next(), Some(name()));
    }
}

#[test]
fn a_writer_whose_end_no_event_tells_is_seen_to_be_gone() {
    let mut intake = watched();
    write(&mut intake, 5, Some(true), 0);
    again(&mut intake, Why::Again, found(5, Some(false)), 2);
    assert_eq!(intake.next(), Some(name()));
}

#[test]
fn a_resting_file_that_gets_a_writer_is_waited_for() {
    let mut intake = intake();
    end(&mut intake, Ending::Early { size: 5 }, 1);
    again(&mut intake, Why::Rested, found(5, Some(true)), 4);
    assert_eq!(intake.next(), None);
    write(&mut intake, 9, Some(false), 5);
    assert_eq!(intake.next(), Some(name()));
}

#[test]
fn a_file_that_is_written_again_while_it_is_to_be_removed_is_waited_for() {
    let mut intake = intake();
    assert_eq!(end(&mut intake, Ending::Bad { is_there: true }, 1), Verdict::Final);
    let read = Stamp { identity: identity(1), size: 5, modified: 0 };
    assert_eq!(intake.step(Event::NotRemoved(name(), read), seconds(1)), NONE);
    let mut unwritten = intake.clone();
    again(&mut intake, Why::Again, found(9, Some(false)), 3);
    assert_eq!(intake.next(), Some(name()));
    // The program has written nothing: a second image of the same bytes is none.
    assert_eq!(unwritten.step(Event::Written(name()), seconds(2)), [look(Why::Written)]);
    let effects = unwritten.step(Event::Looked(name(), Why::Written, found(5, Some(false))), seconds(2));
    assert_eq!((effects, unwritten.next()), (vec![Effect::Remove(name(), read)], None));
}

#[test]
fn a_file_that_no_more_image_may_be_kept_of_stays_until_one_may() {
    let mut intake = intake();
    assert_eq!(end(&mut intake, Ending::NoPlace, 1), Verdict::Kept);
    for now in [2, 3] {
        intake.step(Event::Free(0), seconds(now));
        assert_eq!(intake.next(), Some(name()));
        assert_eq!(end(&mut intake, Ending::NoPlace, now), Verdict::Again, "said once");
    }
}

/// A program may make a file first and write it later.
#[test]
fn an_empty_file_is_no_fault_yet() {
    for has_writer in [Some(false), None] {
        let mut intake = watched();
        write(&mut intake, 0, has_writer, 0);
        assert_eq!((intake.next(), intake.step(Event::Tick, seconds(20))), (None, vec![]));
        write(&mut intake, 5, has_writer, 21);
        assert_eq!(intake.next(), Some(name()));
    }
}

#[test]
fn what_finds_no_room_is_tried_once_more_when_there_is_some() {
    let mut intake = intake();
    assert_eq!(end(&mut intake, Ending::NoRoom { needed: 100 }, 1), Verdict::Kept);
    assert_eq!(intake.wake_at(), SPACE_RETRY);
    assert_eq!(intake.step(Event::Tick, seconds(5)), [Effect::AskFree]);
    intake.step(Event::Free(99), seconds(5));
    assert_eq!((intake.next(), intake.wake_at()), (None, seconds(10)));
    assert_eq!(intake.step(Event::RoomMade, seconds(6)), [Effect::AskFree]);
    intake.step(Event::Free(100), seconds(6));
    assert_eq!(intake.next(), Some(name()));
    assert_eq!(end(&mut intake, Ending::NoRoom { needed: 100 }, 7), Verdict::Final);
    assert_eq!(intake.step(Event::Tick, seconds(12)), NONE);
}

#[test]
fn another_file_under_the_name_of_a_busy_one_is_looked_at() {
    for event in [Event::Written(name()), Event::Created(name())] {
        let mut intake = intake();
        let effects = intake.step(event, seconds(1));
        let [Effect::Look(_, why)] = effects[..] else { panic!("{effects:?}") };
        intake.step(Event::Looked(name(), why, found(5, None)), seconds(1));
        assert_eq!(end(&mut intake, Ending::Done, 2), Verdict::Final);
        assert_eq!(intake.next(), Some(name()));
    }
}

#[test]
fn what_was_overwritten_while_it_was_taken_in_is_not_wrong_yet() {
    for (is_there, verdict) in [(true, Verdict::Again), (false, Verdict::Final)] {
        let mut intake = intake();
        write(&mut intake, 5, None, 1);
        assert_eq!(end(&mut intake, Ending::Bad { is_there }, 2), verdict);
        assert_eq!(intake.next(), Some(name()));
        assert_eq!(end(&mut intake, Ending::Bad { is_there }, 3), Verdict::Final);
    }
}

#[test]
fn a_close_that_is_heard_of_late_does_not_have_a_file_taken_in_twice() {
    for (is_there, next) in [(false, None), (true, Some(name()))] {
        let mut intake = intake();
        write(&mut intake, 5, None, 1);
        assert!(intake.was_written(NAME.as_ref()));
        assert_eq!(end(&mut intake, Ending::Taken { is_there }, 2), Verdict::Final);
        assert_eq!(intake.next(), next);
    }
}

#[test]
fn what_is_left_alone_stays_so_until_it_is_another_file() {
    let mut intake = intake();
    end(&mut intake, Ending::LeftAlone(identity(1)), 1);
    for (inode, next) in [(1, None), (2, Some(name()))] {
        assert_eq!(intake.step(Event::Listed(vec![name()]), seconds(2)), [look(Why::Listed)]);
        let stamp = Stamp { identity: identity(inode), size: 5, modified: 0 };
        let found = Ok(Found { stamp, has_writer: None });
        intake.step(Event::Looked(name(), Why::Listed, found), seconds(2));
        assert_eq!(intake.next(), next);
    }
}

#[test]
fn what_is_too_much_is_found_again_later() {
    let mut intake = watched();
    for file in ["a", "b", "c"] {
        intake.step(Event::Written(file.into()), seconds(0));
        intake.step(Event::Looked(file.into(), Why::Written, found(5, None)), seconds(0));
    }
    assert_eq!((intake.queued(), intake.go_on()), (2, vec![]), "not while there is something to do");
    intake.next();
    intake.next();
    assert_eq!(intake.go_on(), [Effect::List]);
    assert_eq!(intake.go_on(), NONE);
}

#[test]
fn a_file_that_comes_by_a_link_is_taken_once_it_has_no_other_name() {
    let mut intake = watched();
    assert_eq!(intake.step(Event::Created(name()), seconds(0)), [look(Why::Created)]);
    intake.step(Event::Looked(name(), Why::Created, Err(NotTaken::MoreNames)), seconds(0));
    again(&mut intake, Why::Again, Err(NotTaken::MoreNames), 2);
    again(&mut intake, Why::Again, found(5, None), 6);
    assert_eq!(intake.next(), Some(name()));
}

#[test]
fn a_new_file_is_not_looked_at_before_its_writer_has_closed_it() {
    let mut intake = watched();
    intake.step(Event::Created(name()), seconds(0));
    intake.step(Event::Looked(name(), Why::Created, found(0, None)), seconds(0));
    intake.step(Event::Opened(name()), seconds(0));
    assert_eq!((intake.step(Event::Tick, seconds(9)), intake.next()), (vec![], None));
}

#[test]
fn the_folder_is_watched_again_when_it_is_gone_or_another() {
    let mut intake = watched();
    assert_eq!(intake.step(Event::FolderGone, seconds(1)), [Effect::Watch]);
    assert_eq!(intake.step(Event::Watched { is_watched: false }, seconds(1)), NONE);
    assert_eq!((intake.wake_at(), intake.step(Event::Tick, seconds(3))), (seconds(3), vec![Effect::Watch]));
    assert_eq!(intake.step(Event::Watched { is_watched: true }, seconds(3)), [Effect::List]);
    assert_eq!(intake.wake_at(), seconds(33));
    assert_eq!(intake.step(Event::PathChanged, seconds(4)), [Effect::CheckPath]);
    assert_eq!(intake.step(Event::PathLeads { is_same: true }, seconds(4)), NONE);
    assert_eq!(intake.step(Event::Tick, seconds(34)), [Effect::CheckPath]);
    assert_eq!(intake.step(Event::PathLeads { is_same: false }, seconds(34)), [Effect::Watch]);
}

#[test]
fn hidden_and_partial_files_are_none_of_ours() {
    let mut intake = watched();
    for file in [".image", "image.part"] {
        assert_eq!(intake.step(Event::Written(file.into()), seconds(0)), NONE);
        assert_eq!(intake.step(Event::Created(file.into()), seconds(0)), NONE);
    }
}
