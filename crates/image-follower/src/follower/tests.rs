use super::*;
use zbus::{OwnedVariant, Variant};

const PATH: &str = "/xyz/openbmc_project/software/2ead990b";
const OURS: &str = ":1.2";
const THEIRS: &str = ":1.3";

fn text_of(property: &str, text: &str) -> Properties {
    let variant = OwnedVariant::try_from(Variant::from(text.to_owned())).unwrap();
    [(property.to_owned(), variant)].into()
}

fn state(word: &str) -> Properties {
    text_of("Activation", &format!("{ACTIVATION}.Activations.{word}"))
}

fn progress(percent: u8) -> Properties {
    [("Progress".to_owned(), OwnedVariant::try_from(Variant::from(percent)).unwrap())].into()
}

fn changed(interface: &str, properties: Properties) -> Said {
    Said::Changed { interface: interface.to_owned(), properties }
}

fn added(interface: &str, properties: Properties) -> Said {
    Said::Added([(interface.to_owned(), properties)].into())
}

fn removed(interface: &str) -> Said {
    Said::Removed(vec![interface.to_owned()])
}

/// One that has been handed over.
fn handed_over(apply: ApplyTime) -> Follower {
    let mut follower = Follower::new(PATH, apply, Some(OURS.to_owned()));
    let interfaces =
        [(ACTIVATION.to_owned(), state("NotReady")), (IMAGE.to_owned(), text_of("Stage", "queued"))];
    follower.found(OURS, &interfaces.into());
    follower
}

fn doing(follower: &Follower) -> (String, Option<u8>) {
    let doing = follower.doing();
    (doing.what, doing.percent)
}

#[test]
fn an_image_is_followed_from_hand_over_to_installation() {
    let mut follower = handed_over(ApplyTime::Immediate);
    assert_eq!(doing(&follower), ("queued".to_owned(), None));
    follower.hear(OURS, &changed(IMAGE, text_of("Stage", "unpacking")));
    follower.hear(OURS, &changed(IMAGE, progress(40)));
    assert_eq!(doing(&follower), ("unpacking".to_owned(), Some(40)));
    follower.hear(OURS, &changed(IMAGE, text_of("Stage", "waiting for an installer")));
    follower.hear(OURS, &changed(ACTIVATION, state("Ready")));
    assert_eq!(doing(&follower), ("waiting for an installer".to_owned(), None));
    assert_eq!(follower.end(), None);
    follower.hear(THEIRS, &added(ACTIVATION, state("Ready")));
    follower.hear(OURS, &removed(ACTIVATION));
    assert_eq!(doing(&follower), ("ready".to_owned(), None));
    follower.hear(THEIRS, &changed(ACTIVATION, state("Activating")));
    follower.hear(THEIRS, &added(ACTIVATION_PROGRESS, progress(10)));
    follower.hear(THEIRS, &changed(ACTIVATION_PROGRESS, progress(70)));
    assert_eq!(doing(&follower), ("activating".to_owned(), Some(70)));
    follower.hear(THEIRS, &changed(ACTIVATION, state("Active")));
    follower.hear(THEIRS, &Said::Removed(vec![ACTIVATION.to_owned(), ACTIVATION_PROGRESS.to_owned()]));
    follower.hear(OURS, &removed(IMAGE));
    assert_eq!(follower.end(), Some(End::State(Activation::Active)));
}

#[test]
fn a_refusal_has_its_reason() {
    let mut follower = handed_over(ApplyTime::Immediate);
    follower.hear(OURS, &changed(IMAGE, text_of("Reason", "there is no MANIFEST")));
    assert_eq!(follower.end(), None);
    follower.hear(OURS, &changed(ACTIVATION, state("Invalid")));
    assert_eq!(follower.end(), Some(End::State(Activation::Invalid)));
    assert_eq!(follower.reason(), "there is no MANIFEST");
}

#[test]
fn ready_is_an_end_only_for_who_wants_no_more() {
    for (apply, end) in [
        (ApplyTime::OnActivationRequest, Some(End::State(Activation::Ready))),
        (ApplyTime::Immediate, None),
        (ApplyTime::OnReset, None),
    ] {
        let mut follower = handed_over(apply);
        follower.hear(OURS, &changed(ACTIVATION, state("Ready")));
        assert_eq!(follower.end(), end, "{apply}");
    }
}

#[test]
fn a_state_of_an_earlier_try_is_no_end() {
    let mut follower = Follower::new(PATH, ApplyTime::Immediate, None);
    follower.found(THEIRS, &[(ACTIVATION.to_owned(), state("Failed"))].into());
    follower.disregard_state();
    assert_eq!(follower.end(), None);
    follower.hear(THEIRS, &changed(ACTIVATION_PROGRESS, progress(0)));
    assert_eq!(follower.end(), None);
    follower.hear(THEIRS, &changed(ACTIVATION, state("Failed")));
    assert_eq!(follower.end(), Some(End::State(Activation::Failed)), "it failed once more");
}

#[test]
fn a_new_state_of_one_service_does_not_make_an_old_one_of_another_count() {
    let mut follower = Follower::new(PATH, ApplyTime::Immediate, Some(OURS.to_owned()));
    follower.found(OURS, &[(ACTIVATION.to_owned(), state("Ready"))].into());
    follower.found(THEIRS, &[(ACTIVATION.to_owned(), state("Failed"))].into());
    follower.disregard_state();
    follower.hear(OURS, &changed(ACTIVATION, state("Ready")));
    assert_eq!(follower.end(), None);
    follower.hear(THEIRS, &changed(ACTIVATION, state("Activating")));
    follower.hear(THEIRS, &changed(ACTIVATION, state("Active")));
    assert_eq!(follower.end(), Some(End::State(Activation::Active)));
}

#[test]
fn a_service_that_is_known_by_a_change_alone_stays_when_it_withdraws_something_else() {
    let mut follower = Follower::new(PATH, ApplyTime::Immediate, None);
    follower.hear(THEIRS, &changed(ACTIVATION, state("Activating")));
    follower.hear(THEIRS, &removed(ACTIVATION_PROGRESS));
    assert_eq!((follower.activation(), follower.end()), (Some(Activation::Activating), None));
    follower.hear(THEIRS, &removed(ACTIVATION));
    assert_eq!(follower.end(), Some(End::Removed));
}

#[test]
fn an_installer_that_never_begins_does_not_hide_that_image_manager_has_given_up() {
    let mut follower = handed_over(ApplyTime::Immediate);
    follower.hear(THEIRS, &added(ACTIVATION, state("NotReady")));
    follower.hear(OURS, &removed(ACTIVATION));
    assert_eq!(follower.end(), None);
    follower.hear(OURS, &changed(IMAGE, text_of("Reason", "its installer does not begin")));
    follower.hear(OURS, &added(ACTIVATION, state("Invalid")));
    assert_eq!(follower.end(), Some(End::State(Activation::Invalid)));
    assert_eq!(follower.reason(), "its installer does not begin");
}

#[test]
fn an_end_of_an_earlier_try_does_not_hide_a_new_one_of_another_service() {
    let mut follower = handed_over(ApplyTime::Immediate);
    follower.hear(THEIRS, &added(ACTIVATION, state("Failed")));
    follower.disregard_state();
    follower.hear(OURS, &changed(ACTIVATION, state("Invalid")));
    assert_eq!(follower.end(), Some(End::State(Activation::Invalid)));
}

#[test]
fn a_service_that_is_known_by_a_change_alone_ends_nothing_by_withdrawing_that() {
    let mut follower = Follower::new(PATH, ApplyTime::Immediate, None);
    follower.hear(THEIRS, &changed(ACTIVATION_PROGRESS, progress(3)));
    follower.hear(THEIRS, &removed(ACTIVATION_PROGRESS));
    assert_eq!(follower.end(), None);
    follower.hear(THEIRS, &removed(ACTIVATION));
    assert_eq!(follower.end(), Some(End::Removed));
    // In the other order, and with a state that it told.
    let mut follower = Follower::new(PATH, ApplyTime::Immediate, None);
    follower.hear(THEIRS, &changed(ACTIVATION_PROGRESS, progress(3)));
    follower.hear(THEIRS, &changed(ACTIVATION, state("Activating")));
    follower.hear(THEIRS, &removed(ACTIVATION));
    assert_eq!(follower.end(), None);
    follower.hear(THEIRS, &removed(ACTIVATION_PROGRESS));
    assert_eq!(follower.end(), Some(End::Removed));
}

#[test]
fn an_image_that_is_removed_ends_and_a_service_that_dies_may_come_back() {
    let mut follower = handed_over(ApplyTime::Immediate);
    assert!(follower.left(OURS));
    assert_eq!((follower.end(), doing(&follower).0), (None, "waiting for news".to_owned()));
    follower.owned_by(IMAGE_MANAGER, ":1.9");
    follower.hear(":1.9", &added(ACTIVATION, state("Ready")));
    assert_eq!(follower.activation(), Some(Activation::Ready));
    follower.hear(":1.9", &removed(ACTIVATION));
    assert_eq!(follower.end(), Some(End::Removed));
}

#[test]
fn what_an_installer_takes_over_is_not_removed() {
    let mut follower = handed_over(ApplyTime::Immediate);
    follower.hear(THEIRS, &added(ACTIVATION, state("Ready")));
    follower.hear(OURS, &Said::Removed(vec![ACTIVATION.to_owned(), IMAGE.to_owned()]));
    assert_eq!(follower.end(), None);
    assert_eq!(follower.activation(), Some(Activation::Ready));
}

/// All ways to merge two sequences that keep the order of each.
fn merged(ours: &[Heard], theirs: &[Heard]) -> Vec<Vec<Heard>> {
    let (Some((our_first, our_rest)), Some((their_first, their_rest))) =
        (ours.split_first(), theirs.split_first())
    else {
        return vec![[ours, theirs].concat()];
    };
    let begun = |first: &Heard, rest: Vec<Vec<Heard>>| {
        rest.into_iter().map(|rest| [vec![*first], rest].concat()).collect::<Vec<_>>()
    };
    [begun(our_first, merged(our_rest, theirs)), begun(their_first, merged(ours, their_rest))].concat()
}

/// Who says what.
type Heard = (&'static str, fn() -> Said);

#[test]
fn however_what_both_say_is_mixed_the_image_ends_as_its_installer_says() {
    // The installer's claim comes before image-manager withdraws; what follows may come in any order.
    let ours: [Heard; 3] = [
        (OURS, || changed(IMAGE, text_of("Stage", "with its installer"))),
        (OURS, || removed(ACTIVATION)),
        (OURS, || removed(IMAGE)),
    ];
    let ends: [(Heard, Activation); 3] = [
        ((THEIRS, || changed(ACTIVATION, state("Active"))), Activation::Active),
        ((THEIRS, || changed(ACTIVATION, state("Staged"))), Activation::Staged),
        ((THEIRS, || changed(ACTIVATION, state("Failed"))), Activation::Failed),
    ];
    let mut orders = 0;
    for (last, expected) in ends {
        let theirs: [Heard; 5] = [
            (THEIRS, || changed(ACTIVATION, state("Activating"))),
            (THEIRS, || added(ACTIVATION_PROGRESS, progress(1))),
            last,
            (THEIRS, || removed(ACTIVATION_PROGRESS)),
            (THEIRS, || removed(ACTIVATION)),
        ];
        for order in merged(&ours, &theirs) {
            let mut follower = handed_over(ApplyTime::Immediate);
            follower.hear(OURS, &changed(ACTIVATION, state("Ready")));
            follower.hear(THEIRS, &added(ACTIVATION, state("Ready")));
            for (owner, said) in order {
                follower.hear(owner, &said());
            }
            assert_eq!(follower.end(), Some(End::State(expected)));
            orders += 1;
        }
    }
    assert_eq!(orders, 3 * 56);
}

#[test]
fn what_is_said_of_another_object_is_not_taken() {
    let mut follower = handed_over(ApplyTime::Immediate);
    let announcement = |path: &str| Announcement {
        sender: OURS.to_owned(),
        path: path.to_owned(),
        said: changed(ACTIVATION, state("Invalid")),
    };
    assert!(!follower.announced(&announcement("/xyz/openbmc_project/software/2ead990c")));
    assert_eq!(follower.end(), None);
    assert!(follower.announced(&announcement(PATH)));
    assert_eq!(follower.end(), Some(End::State(Activation::Invalid)));
}
