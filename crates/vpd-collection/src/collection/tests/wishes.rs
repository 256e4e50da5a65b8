//! What follows a wish, and that it is said when nothing does.

use super::*;
use dbus_api::vpd::collection::Follows;

fn judged(play: &Play, wish: Wish) -> Result<Follows, Refusal> {
    let judged = play.collection.judge(wish, &[KEY.to_owned()]);
    judged.map(|followed| followed.into_iter().map(|(_, follows)| follows).next().unwrap())
}

#[test]
fn what_follows_a_wish_is_said_and_an_absent_part_without_a_slot_is_no_silent_success() {
    let absent = || Err(Refusal::Unavailable(format!("{KEY}: it is absent")));
    let mut play = Play::new();
    assert_eq!(judged(&play, Wish::Recollect), Ok(Follows::UnderWay));
    play.event(Event::Inventory(Presence::Here));
    play.event(Event::Settled);
    play.looks(Sight::Absent);
    play.tidied();
    assert!(play.ready() || play.ready());
    for wish in [Wish::Recollect, Wish::Remove] {
        assert_eq!(judged(&play, wish), absent());
        assert!(matches!(
            play.collection.judge(wish, &[]),
            Err(Refusal::Unavailable(_) | Refusal::NoneNamed)
        ));
    }
    play.see(Sight::Present);
    play.starts(Verb::Start);
    // The run that is under way may have begun before the wish.
    assert_eq!(judged(&play, Wish::Recollect), Ok(Follows::Reading));
    assert_eq!(judged(&play, Wish::Remove), Ok(Follows::Leaving));
    play.remove();
    assert_eq!(judged(&play, Wish::Remove), absent());
    // Its device is there still.
    assert_eq!(judged(&play, Wish::Recollect), Ok(Follows::Reading));
    let unknown = ["11-0050".to_owned()];
    assert_eq!(play.collection.judge(Wish::Remove, &unknown), Err(Refusal::Unknown("11-0050".to_owned())));
}

#[test]
fn of_a_slot_it_is_said_what_is_done_there() {
    let play = Play::with_part_in_slot();
    assert_eq!(judged(&play, Wish::Recollect), Ok(Follows::Preparing));
    assert_eq!(judged(&play, Wish::Remove), Ok(Follows::Removing));
}

#[test]
fn without_a_key_what_is_passed_over_is_named() {
    let plans = [Plan::new(KEY, UNIT), Plan { power_off_only: true, ..Plan::new("11-0050", "b.service") }];
    let collection = Collection::new(limits(), plans);
    let expected = [(KEY.to_owned(), Follows::UnderWay), ("11-0050".to_owned(), Follows::ChassisOn)];
    assert_eq!(collection.judge(Wish::Recollect, &[]), Ok(expected.to_vec()));
}
