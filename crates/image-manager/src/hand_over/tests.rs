use super::*;

const LIMITS: Limits = Limits {
    hold: Duration::from_millis(500),
    claim: Duration::from_secs(30),
    ready: Duration::from_secs(300),
    begin: Duration::from_secs(10),
    linger: Duration::from_secs(30),
    kept: Duration::from_secs(600),
    unclaimed: Duration::from_secs(3_600),
};
const NONE: [Effect; 0] = [];

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn claimed_by(owner: &str, state: Activation) -> Event {
    Event::Claimed(vec![Claim { owner: owner.to_owned(), state: Some(state) }])
}

fn claimed(state: Activation) -> Event {
    claimed_by(":1.7", state)
}

fn answer(is_accepted: bool) -> Event {
    answer_of(":1.7", is_accepted)
}

fn answer_of(owner: &str, is_accepted: bool) -> Event {
    Event::Answered { owner: owner.to_owned(), is_accepted }
}

fn offered_as(origin: Origin, apply: ApplyTime) -> HandOver {
    let mut image = HandOver::new(origin, apply, LIMITS);
    image.step(Event::Replied, ms(0));
    image.step(Event::TakenIn, ms(0));
    assert_eq!(image.step(Event::Tick, ms(500)), [Effect::Offer]);
    image
}

fn offered(apply: ApplyTime) -> HandOver {
    offered_as(Origin::Client, apply)
}

fn restored(origin: Origin, was_begun: bool) -> HandOver {
    HandOver::restored(origin, ApplyTime::Immediate, was_begun, LIMITS)
}

/// Claimed by an installer that is ready, at 600 ms.
fn ready(apply: ApplyTime) -> HandOver {
    let mut image = offered(apply);
    assert_eq!(image.step(claimed(Activation::Ready), ms(600)), [Effect::Yield]);
    image
}

#[test]
fn nothing_is_final_before_a_caller_could_listen() {
    for (event, state, effect) in [
        (Event::TakenIn, Activation::Ready, Effect::Offer),
        (Event::NotTakenIn, Activation::Invalid, Effect::Refuse),
    ] {
        let mut image = HandOver::new(Origin::Client, ApplyTime::Immediate, LIMITS);
        assert_eq!((image.step(event, ms(9_000)), image.wake_at()), (vec![], None), "the reply is not out");
        image.step(Event::Replied, ms(9_000));
        assert_eq!((image.step(Event::Tick, ms(9_499)), image.wake_at()), (vec![], Some(ms(9_500))));
        assert_eq!(image.activation(), Activation::NotReady);
        assert_eq!(image.step(Event::Tick, ms(9_500)), [effect]);
        assert_eq!(image.activation(), state);
    }
}

#[test]
fn an_installer_is_told_once_when_it_is_ready() {
    let mut image = offered(ApplyTime::OnReset);
    assert_eq!(image.step(claimed(Activation::NotReady), ms(600)), [Effect::Yield]);
    assert_eq!(image.to_begin(ms(600)), None);
    image.step(claimed(Activation::Ready), ms(700));
    assert_eq!(image.to_begin(ms(700)), Some(":1.7"));
    image.step(Event::Begin, ms(700));
    assert_eq!(image.to_begin(ms(700)), None, "while the call is under way");
    assert_eq!(image.step(answer(true), ms(800)), NONE);
    assert_eq!(image.to_begin(ms(9_000)), None);
    assert!(image.is_under_way());
    assert_eq!(image.step(claimed(Activation::Activating), ms(900)), NONE);
    assert_eq!(image.step(claimed(Activation::Active), ms(1_000)), [Effect::Ended(Activation::Active)]);
    assert!(!image.is_under_way());
    assert_eq!(image.step(Event::Tick, ms(31_000)), [Effect::Remove]);
    assert_eq!(image.step(Event::Tick, ms(99_000)), NONE);
}

#[test]
fn an_installer_that_refuses_is_told_again_for_a_while() {
    let mut image = ready(ApplyTime::Immediate);
    image.step(Event::Begin, ms(600));
    assert_eq!(image.step(answer(false), ms(700)), NONE);
    assert_eq!((image.to_begin(ms(800)), image.wake_at()), (None, Some(ms(1_700))));
    assert_eq!(image.to_begin(ms(1_700)), Some(":1.7"));
    image.step(Event::Begin, ms(1_700));
    assert_eq!(image.step(answer(false), ms(10_600)), [Effect::NotBegun]);
    assert_eq!(image.to_begin(ms(20_000)), None);
    assert!(!image.is_under_way(), "the next image for the same place need not wait for it");
    image.step(claimed(Activation::Activating), ms(30_000));
    assert!(image.is_under_way(), "a client has told it");
}

#[test]
fn without_a_request_an_installer_is_left_alone() {
    let mut image = ready(ApplyTime::OnActivationRequest);
    assert_eq!(image.to_begin(ms(600)), None);
    image.step(Event::Requested, ms(600));
    assert_eq!(image.to_begin(ms(600)), Some(":1.7"));
}

#[test]
fn without_an_installer_it_ends() {
    let mut image = offered(ApplyTime::Immediate);
    assert_eq!((image.step(Event::Tick, ms(30_499)), image.wake_at()), (vec![], Some(ms(30_500))));
    assert_eq!(image.step(Event::Tick, ms(30_500)), [Effect::Unclaimed]);
    assert_eq!(image.activation(), Activation::Invalid);
    assert_eq!(image.step(Event::Tick, ms(60_500)), [Effect::Remove]);
}

#[test]
fn a_dropped_image_without_an_installer_is_reported_and_kept_for_a_while() {
    let mut image = HandOver::dropped(LIMITS, ms(0));
    assert_eq!((image.step(Event::Tick, ms(29_999)), image.wake_at()), (vec![], Some(ms(30_000))));
    assert_eq!(image.step(Event::Tick, ms(30_000)), [Effect::Unclaimed]);
    assert_eq!(image.wake_at(), Some(ms(3_600_000)));
    let mut late = image.clone();
    assert_eq!(late.step(claimed(Activation::Ready), ms(40_000)), [Effect::Yield]);
    assert_eq!(late.step(Event::Tick, ms(9_000_000)), NONE);
    assert_eq!(image.step(Event::Tick, ms(3_600_000)), [Effect::Remove]);
    let mut restored = restored(Origin::Dropped, false).reported();
    restored.step(Event::OthersKnown, ms(0));
    assert_eq!(restored.step(Event::Tick, ms(30_000)), NONE, "it was said before the restart");
}

#[test]
fn a_dropped_image_takes_room_for_a_while_after_its_end() {
    for (state, effect) in [
        (Activation::Active, Effect::Ended(Activation::Active)),
        (Activation::Failed, Effect::Failed),
        (Activation::Invalid, Effect::Declined),
    ] {
        let mut image = HandOver::dropped(LIMITS, ms(0));
        image.step(claimed(Activation::Ready), ms(100));
        image.step(claimed(Activation::Activating), ms(200));
        assert_eq!(image.step(claimed(state), ms(1_000)), [effect]);
        assert_eq!(image.step(Event::Tick, ms(600_999)), NONE, "{state}");
        assert_eq!(image.wake_at(), Some(ms(601_000)), "{state}");
        assert_eq!(image.step(Event::Tick, ms(601_000)), [Effect::Remove], "{state}");
    }
}

#[test]
fn an_installer_that_dies_leaves_the_image_to_the_next() {
    let mut image = ready(ApplyTime::Immediate);
    image.step(Event::Begin, ms(600));
    image.step(answer(true), ms(600));
    assert_eq!(image.step(Event::Claimed(Vec::new()), ms(700)), [Effect::Resume]);
    assert_eq!(image.activation(), Activation::Ready);
    assert_eq!(image.wake_at(), Some(ms(30_700)), "the time to be claimed begins anew");
    assert_eq!(image.step(claimed(Activation::Ready), ms(800)), [Effect::Yield]);
    assert_eq!(image.to_begin(ms(800)), None, "the second is not told to begin");
}

#[test]
fn an_installer_that_leaves_after_its_end_leaves_no_image_to_another() {
    use Activation::{Active, Failed, Invalid, Staged};
    for (state, at_once, at_leave) in [
        (Active, Some(Effect::Ended(Active)), None),
        (Staged, None, Some(Effect::Ended(Staged))),
        (Failed, Some(Effect::Failed), Some(Effect::Ended(Failed))),
        (Invalid, Some(Effect::Declined), Some(Effect::Ended(Invalid))),
    ] {
        let mut image = ready(ApplyTime::Immediate);
        let effects = |effect: Option<Effect>| Vec::from_iter(effect);
        assert_eq!(image.step(claimed(state), ms(700)), effects(at_once), "{state:?}");
        assert_eq!(image.step(Event::Claimed(Vec::new()), ms(800)), effects(at_leave), "{state:?}");
        assert!(!image.is_under_way(), "{state:?}");
        assert_eq!(image.step(Event::Tick, ms(30_800)), [Effect::Remove], "{state:?}");
    }
}

#[test]
fn an_installed_image_ends_even_when_its_installer_goes_at_once() {
    let mut image = offered(ApplyTime::Immediate);
    let ended = [Effect::Yield, Effect::Ended(Activation::Active)];
    assert_eq!(image.step(claimed(Activation::Active), ms(600)), ended);
    assert_eq!(image.step(Event::Claimed(Vec::new()), ms(700)), NONE);
    assert_eq!(image.step(Event::Tick, ms(30_700)), [Effect::Remove]);
}

#[test]
fn an_installer_that_refuses_and_begins_nevertheless_is_not_told_again() {
    let mut image = ready(ApplyTime::Immediate);
    image.step(Event::Begin, ms(600));
    image.step(answer(false), ms(700));
    assert_eq!(image.step(claimed(Activation::Activating), ms(800)), NONE);
    assert_eq!((image.wake_at(), image.to_begin(ms(9_000))), (None, None));
    assert!(image.is_under_way());
}

#[test]
fn no_image_is_removed_under_an_installer_that_is_at_work() {
    let mut given_up = offered(ApplyTime::Immediate);
    assert_eq!(given_up.step(Event::Tick, ms(30_500)), [Effect::Unclaimed]);
    let mut installed = offered(ApplyTime::Immediate);
    installed.step(claimed(Activation::Active), ms(30_000));
    for mut image in [given_up, installed] {
        assert_eq!(image.step(claimed(Activation::Activating), ms(30_600)), NONE);
        assert_eq!((image.step(Event::Tick, ms(90_000)), image.wake_at()), (vec![], None));
        assert_eq!(image.step(claimed(Activation::Active), ms(90_001)), [Effect::Remove]);
    }
}

#[test]
fn an_image_that_its_installer_refuses_is_another_s_for_a_while() {
    let refused = || {
        let mut image = ready(ApplyTime::Immediate);
        assert_eq!(image.step(claimed(Activation::Invalid), ms(700)), [Effect::Declined]);
        assert_eq!((image.step(Event::Tick, ms(30_699)), image.wake_at()), (vec![], Some(ms(30_700))));
        image
    };
    assert_eq!(refused().step(Event::Tick, ms(30_700)), [Effect::Remove]);
    let mut image = refused();
    assert_eq!(image.step(claimed_by(":1.9", Activation::Ready), ms(30_699)), [Effect::Retried]);
    assert_eq!(image.step(Event::Tick, ms(99_000)), NONE);
    assert_eq!(image.to_begin(ms(99_000)), Some(":1.9"), "no installer was told yet");
}

#[test]
fn an_image_that_an_installer_has_handed_on_ends_when_it_finds_it_unfit() {
    let mut image = offered_as(Origin::Installer, ApplyTime::Immediate);
    image.step(claimed(Activation::NotReady), ms(600));
    assert_eq!(image.step(claimed(Activation::Invalid), ms(700)), [Effect::Unfit]);
    assert_eq!(image.activation(), Activation::Invalid);
    assert_eq!(image.step(Event::Tick, ms(30_700)), [Effect::Remove]);
}

/// Otherwise failed images would fill the folder, outside every limit.
#[test]
fn a_failed_image_may_be_tried_again_for_a_while_and_goes_then() {
    let mut image = ready(ApplyTime::Immediate);
    image.step(Event::Begin, ms(600));
    image.step(answer(true), ms(600));
    image.step(claimed(Activation::Activating), ms(700));
    assert_eq!(image.is_evictable_since(), None);
    assert_eq!(image.step(claimed(Activation::Failed), ms(1_000)), [Effect::Failed]);
    assert_eq!(image.step(claimed(Activation::Failed), ms(2_000)), NONE, "said once");
    assert_eq!((image.is_evictable_since(), image.wake_at()), (Some(ms(1_000)), Some(ms(601_000))));
    let mut again = image.clone();
    assert_eq!(again.step(claimed(Activation::Activating), ms(600_000)), [Effect::Retried]);
    assert_eq!((again.is_evictable_since(), again.step(Event::Tick, ms(999_000))), (None, vec![]));
    assert_eq!(again.step(claimed(Activation::Failed), ms(999_000)), [Effect::Failed]);
    assert_eq!(image.step(Event::Tick, ms(601_000)), [Effect::Remove]);
}

#[test]
fn a_client_that_was_quicker_than_we_has_told_the_installer() {
    let mut image = ready(ApplyTime::Immediate);
    assert!(image.waits_for_its_turn());
    for state in [Activation::Activating, Activation::Failed, Activation::Ready] {
        image.step(claimed(state), ms(700));
        assert!(!image.waits_for_its_turn(), "{state:?}");
    }
    assert_eq!(image.to_begin(ms(800)), None, "what a client has begun is not begun again");
    assert!(!image.is_under_way(), "nor does another image wait for it");
}

#[test]
fn an_installer_that_does_not_become_ready_is_not_waited_for_for_ever() {
    let mut image = offered(ApplyTime::Immediate);
    let unknown = Event::Claimed(vec![Claim { owner: ":1.7".to_owned(), state: None }]);
    assert_eq!(image.step(unknown, ms(1_000)), [Effect::Yield]);
    image.step(claimed(Activation::NotReady), ms(2_000));
    assert_eq!((image.step(Event::Tick, ms(200_000)), image.wake_at()), (vec![], Some(ms(301_000))));
    assert_eq!(image.step(Event::Tick, ms(301_000)), [Effect::Stuck]);
    assert_eq!(image.step(Event::Tick, ms(331_000)), [Effect::Remove]);
    let mut image = offered(ApplyTime::Immediate);
    image.step(claimed(Activation::NotReady), ms(1_000));
    assert_eq!(image.step(claimed(Activation::Ready), ms(300_999)), NONE);
    assert_eq!(image.step(Event::Tick, ms(900_000)), NONE, "one that is ready may wait for its turn");
}

#[test]
fn a_client_that_asks_anew_is_heard_after_an_installer_died() {
    let mut image = ready(ApplyTime::Immediate);
    image.step(Event::Begin, ms(600));
    image.step(answer(true), ms(600));
    image.step(Event::Claimed(Vec::new()), ms(700));
    image.step(Event::Requested, ms(700));
    image.step(claimed(Activation::Ready), ms(800));
    assert_eq!(image.to_begin(ms(800)), Some(":1.7"));
}

#[test]
fn an_installer_that_takes_the_place_of_one_that_is_being_told_is_not_told() {
    let mut image = ready(ApplyTime::Immediate);
    image.step(Event::Begin, ms(600));
    image.step(claimed_by(":1.9", Activation::Ready), ms(700));
    assert_eq!(image.step(answer(false), ms(800)), NONE, "the answer was the first one's");
    assert_eq!(image.to_begin(ms(5_000)), None);
    assert!(!image.is_under_way());
}

#[test]
fn of_several_installers_the_one_that_was_told_counts_to_its_end() {
    use Activation::{Active, Failed, Invalid, Ready, Staging};
    for (one, other, is_told, expected) in [
        (Active, Ready, true, ":1.1"),
        (Failed, Ready, true, ":1.1"),
        (Ready, Staging, true, ":1.9"),
        (Active, Ready, false, ":1.1"),
        (Invalid, Ready, false, ":1.9"),
    ] {
        let mut image = offered(ApplyTime::OnActivationRequest);
        image.begun = if is_told { Begun::By(":1.1".to_owned()) } else { Begun::No };
        let claim = |owner: &str, state| Claim { owner: owner.to_owned(), state: Some(state) };
        image.claims = vec![claim(":1.1", one), claim(":1.9", other)];
        assert_eq!(image.claim().unwrap().owner, expected, "{one:?} {other:?} {is_told}");
    }
}

#[test]
fn an_image_that_must_wait_for_another_wakes_the_service_no_more() {
    let mut image = ready(ApplyTime::Immediate);
    image.step(Event::Begin, ms(600));
    image.step(answer(false), ms(700));
    assert_eq!(image.to_begin(ms(1_700)), Some(":1.7"));
    image.step(Event::NotItsTurn, ms(1_700));
    assert_eq!(image.wake_at(), None);
    assert_eq!(image.to_begin(ms(9_000)), Some(":1.7"), "when its turn has come");
}

#[test]
fn an_image_whose_files_are_gone_is_invalid_also_for_its_installer() {
    let mut image = ready(ApplyTime::Immediate);
    assert_eq!(image.step(Event::FilesLost, ms(700)), NONE);
    assert_eq!((image.activation(), image.to_begin(ms(700))), (Activation::Invalid, None));
    assert_eq!(image.step(Event::Tick, ms(30_700)), [Effect::Remove]);
}

#[test]
fn an_upload_can_be_cancelled_until_it_was_taken_in() {
    let mut image = HandOver::new(Origin::Client, ApplyTime::Immediate, LIMITS);
    assert!(image.can_be_cancelled());
    assert_eq!(image.step(Event::Cancelled, ms(1)), [Effect::Remove]);
    assert_eq!(image.activation(), Activation::Invalid);
    let mut image = offered(ApplyTime::Immediate);
    assert_eq!(image.step(Event::Cancelled, ms(600)), NONE);
    assert_eq!(image.activation(), Activation::Ready);
}

#[test]
fn an_image_of_an_earlier_run_that_was_told_for_nothing_keeps_no_other_waiting() {
    let mut image = restored(Origin::Client, true);
    assert_eq!(image.step(claimed(Activation::Ready), ms(1)), [Effect::Yield]);
    image.step(claimed(Activation::Ready), ms(2));
    assert_eq!((image.to_begin(ms(3)), image.is_under_way()), (None, false));
    image.step(claimed(Activation::Activating), ms(4));
    assert!(image.is_under_way());
}

/// It may be busy with its flash, and answer late who it is.
#[test]
fn after_a_restart_an_image_is_not_taken_from_an_installer_that_is_silent() {
    for origin in [Origin::Dropped, Origin::Client] {
        let mut image = restored(origin, true);
        assert_eq!((image.step(Event::Tick, ms(9_000_000)), image.wake_at()), (vec![], None));
        let mut known = image.clone();
        assert_eq!(image.step(claimed(Activation::Activating), ms(9_000_000)), [Effect::Yield]);
        assert_eq!(known.step(Event::OthersKnown, ms(9_000_000)), NONE);
        assert_eq!(known.step(Event::Tick, ms(9_030_000)), [Effect::Unclaimed]);
    }
}

#[test]
fn an_installer_that_never_begins_keeps_an_image_for_a_while_only() {
    let mut image = ready(ApplyTime::Immediate);
    image.step(Event::Begin, ms(600));
    assert_eq!(image.step(answer(false), ms(10_600)), [Effect::NotBegun]);
    assert_eq!((image.is_evictable_since(), image.wake_at()), (Some(ms(10_600)), Some(ms(610_600))));
    let mut asked = image.clone();
    asked.step(Event::Requested, ms(20_000));
    assert_eq!(asked.to_begin(ms(20_000)), Some(":1.7"));
    assert_eq!(image.step(Event::Tick, ms(610_600)), [Effect::Remove]);
}

#[test]
fn the_answer_of_an_installer_that_is_gone_is_none_of_its_successor() {
    let mut image = ready(ApplyTime::Immediate);
    image.step(Event::Begin, ms(600));
    image.step(Event::Claimed(Vec::new()), ms(700));
    image.step(Event::Requested, ms(700));
    image.step(claimed_by(":1.9", Activation::Ready), ms(700));
    image.step(Event::Begin, ms(700));
    image.step(answer(false), ms(800));
    assert_eq!((image.to_begin(ms(9_000)), image.wake_at()), (None, None), "its own call is under way");
    image.step(answer_of(":1.9", false), ms(900));
    assert_eq!(image.to_begin(ms(1_900)), Some(":1.9"));
}

#[test]
fn a_restart_tells_no_installer_twice() {
    for (was_begun, told) in [(true, None), (false, Some(":1.7"))] {
        let mut image = restored(Origin::Client, was_begun);
        assert_eq!(image.step(claimed(Activation::Ready), ms(1)), [Effect::Yield]);
        assert_eq!(image.to_begin(ms(1)), told);
    }
}

/// Handed on at 500 ms.
fn handed_on(apply: ApplyTime) -> HandOver {
    let mut image = HandOver::new(Origin::Client, apply, LIMITS);
    image.step(Event::Replied, ms(0));
    assert_eq!(image.step(Event::HandOn, ms(0)), NONE, "a client may not listen yet");
    assert!(!image.is_handed_on());
    assert_eq!(image.step(Event::Tick, ms(500)), [Effect::HandOn]);
    assert_eq!(image.activation(), Activation::Ready);
    image
}

fn mirrored(ours: Activation, theirs: Activation) -> Effect {
    Effect::Mirrored { ours, theirs }
}

#[test]
fn an_image_that_was_handed_on_comes_to_the_end_that_the_service_shows() {
    let mut image = handed_on(ApplyTime::Immediate);
    image.step(Event::RecipientHasIt, ms(600));
    assert_eq!(image.step(Event::RecipientShows(Activation::NotReady), ms(600)), NONE);
    let begun = mirrored(Activation::Activating, Activation::Activating);
    assert_eq!(image.step(Event::RecipientShows(Activation::Activating), ms(700)), [begun]);
    assert!(image.is_under_way());
    assert_eq!(image.step(claimed(Activation::Ready), ms(700)), NONE, "no installer is to have it too");
    let done = mirrored(Activation::Active, Activation::Active);
    assert_eq!(image.step(Event::RecipientShows(Activation::Active), ms(800)), [done]);
    assert!(!image.is_handed_on());
    assert_eq!(image.step(Event::RecipientGone, ms(900)), NONE, "it was done with it");
    assert_eq!(image.step(Event::Tick, ms(30_800)), [Effect::Remove]);
}

#[test]
fn an_image_whose_service_is_lost_is_invalid_or_has_failed() {
    for (shown, state) in [
        (None, Activation::Invalid),
        (Some(Activation::NotReady), Activation::Invalid),
        (Some(Activation::Activating), Activation::Failed),
        (Some(Activation::Staging), Activation::Failed),
    ] {
        let mut image = handed_on(ApplyTime::Immediate);
        shown.map(|shown| image.step(Event::RecipientShows(shown), ms(600)));
        assert_eq!(image.step(Event::RecipientGone, ms(700)), [Effect::RecipientLost]);
        assert_eq!(image.activation(), state, "{shown:?}");
        assert_eq!(image.step(Event::Tick, ms(30_700)), [Effect::Remove]);
    }
}

#[test]
fn a_service_that_has_an_image_and_is_never_ready_is_not_waited_for_without_end() {
    let mut image = handed_on(ApplyTime::Immediate);
    assert_eq!(image.wake_at(), None, "how long it is asked is not decided here");
    image.step(Event::RecipientHasIt, ms(1_000));
    assert_eq!((image.step(Event::Tick, ms(300_999)), image.wake_at()), (vec![], Some(ms(301_000))));
    assert_eq!(image.step(Event::Tick, ms(301_000)), [Effect::Stuck]);
    assert_eq!(image.activation(), Activation::Invalid);
    let mut image = handed_on(ApplyTime::OnActivationRequest);
    image.step(Event::RecipientHasIt, ms(1_000));
    image.step(Event::RecipientShows(Activation::Ready), ms(2_000));
    assert_eq!((image.step(Event::Tick, ms(999_000)), image.wake_at()), (vec![], None), "a client may come");
    assert_eq!(image.step(Event::Requested, ms(999_000)), [Effect::AskRecipient]);
}
