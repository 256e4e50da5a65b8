use super::*;
use dbus_api::software::activation;
use std::collections::HashMap;
use zbus::{OwnedVariant, Variant};

pub const OBJECT: &str = "12345678";
pub const DRIVES: &str = "xyz.openbmc_project.Software.NVMe";
const NOW: Duration = Duration::ZERO;

pub fn properties(state: Activation) -> Properties {
    let value = OwnedVariant::try_from(Variant::from(activation(state))).unwrap();
    HashMap::from([("Activation".to_owned(), value)])
}

fn said(sender: &str, said: Said) -> Event<u32> {
    said_at(sender, said, 0)
}

fn said_at(sender: &str, said: Said, came: u32) -> Event<u32> {
    Event::Said(Announcement { sender: sender.to_owned(), path: format!("{ROOT}/{OBJECT}"), said }, came)
}

pub fn added(state: Activation) -> Said {
    Said::Added(HashMap::from([(ACTIVATION.to_owned(), properties(state))]))
}

pub fn changed(state: Activation) -> Said {
    Said::Changed { interface: ACTIVATION.to_owned(), properties: properties(state) }
}

pub fn removed(interface: &str) -> Said {
    Said::Removed(vec![interface.to_owned()])
}

fn user(owner: &str, is_root: bool) -> Event<u32> {
    Event::User { owner: owner.to_owned(), is_root }
}

fn came(name: &str, owner: &str) -> Event<u32> {
    Event::Came { name: name.to_owned(), owner: owner.to_owned() }
}

pub fn drive(compatible: &str) -> Facts {
    Facts { purpose: Some(Purpose::Other), compatible: vec![compatible.to_owned()], installer: None }
}

/// One image, and settings that give drives to one bus name.
pub fn installers() -> Installers<u32> {
    #[derive(serde::Deserialize)]
    struct Settings {
        installers: installer_trust::Tables,
    }
    let text = format!("[installers.\"{DRIVES}\"]\npurposes = [\"Other\"]\ncompatible = [\"a.Drive\"]");
    let settings: Settings = toml::from_str(&text).unwrap();
    let mut installers = Installers::new(settings.installers.grants().unwrap(), NOW);
    installers.add(OBJECT, drive("a.Drive"));
    installers
}

/// Some of whose connections are known to be root's.
fn with_root(owners: &[&str]) -> Installers<u32> {
    let mut installers = installers();
    for owner in owners {
        installers.users.insert((*owner).to_owned(), User::Root);
    }
    installers
}

fn claims(installers: &Installers<u32>) -> Vec<(String, Option<Activation>)> {
    installers.claims(OBJECT).into_iter().map(|claim| (claim.owner, claim.state)).collect()
}

fn changes(effects: &[Effect]) -> bool {
    effects.contains(&Effect::Changed(OBJECT.to_owned()))
}

fn answer(state: Activation, came: u32) -> Option<(Objects, u32)> {
    let path = zbus::OwnedObjectPath::try_from(format!("{ROOT}/{OBJECT}")).unwrap();
    let interfaces = HashMap::from([(ACTIVATION.to_owned(), properties(state))]);
    Some((HashMap::from([(path, interfaces)]), came))
}

#[test]
fn what_was_said_behind_an_answer_is_newer_though_it_was_heard_before() {
    use Activation::{Activating, Active};
    for (said_now, came_at, expected) in [
        (changed(Active), 9, Some(Active)),
        (changed(Active), 3, Some(Activating)),
        (added(Active), 9, Some(Active)),
        (removed(ACTIVATION), 9, None),
        (removed(ACTIVATION), 3, Some(Activating)),
    ] {
        let mut installers = with_root(&[":1.1"]);
        assert!(installers.step(came("a.b", ":1.1"), NOW).contains(&Effect::Scan(":1.1".to_owned())));
        let what = format!("{said_now:?} at {came_at}");
        installers.step(said_at(":1.1", said_now, came_at), NOW);
        installers.step(Event::Scanned(":1.1".to_owned(), answer(Activating, 5)), NOW);
        let state = claims(&installers).first().and_then(|(_, state)| *state);
        assert_eq!(state, expected, "{what}");
        assert!(installers.scans.is_empty());
    }
}

#[test]
fn the_answer_of_a_connection_that_has_left_counts_no_more() {
    let mut installers = with_root(&[":1.1"]);
    installers.step(came("a.b", ":1.1"), NOW);
    installers.step(Event::Gone(":1.1".to_owned()), NOW);
    let effects = installers.step(Event::Scanned(":1.1".to_owned(), answer(Activation::Ready, 5)), NOW);
    assert_eq!((effects, claims(&installers)), (vec![], vec![]));
}

/// It may be at work: fault of an installer that was forgotten while it wrote.
#[test]
fn an_installer_that_was_believed_is_so_until_it_is_gone_whatever_names_it_gives_up() {
    let handed_on = Facts { installer: Some(DRIVES.to_owned()), ..drive("a.Drive") };
    for (facts, is_root) in [(drive("a.Drive"), false), (handed_on.clone(), false), (handed_on, true)] {
        for taken_over in [false, true] {
            let mut installers = installers();
            installers.add(OBJECT, facts.clone());
            installers.step(came(DRIVES, ":1.6"), NOW);
            installers.step(said(":1.6", added(Activation::Activating)), NOW);
            installers.step(user(":1.6", is_root), NOW);
            let freed = Event::NameFreed { name: DRIVES.to_owned() };
            installers.step(if taken_over { came(DRIVES, ":1.7") } else { freed }, NOW);
            assert!(installers.is_busy(OBJECT, ""), "{facts:?} {is_root} {taken_over}");
            installers.step(said(":1.6", changed(Activation::Active)), NOW);
            assert_eq!(claims(&installers), [(":1.6".to_owned(), Some(Activation::Active))]);
            assert!(changes(&installers.step(Event::Gone(":1.6".to_owned()), NOW)));
            installers.step(said(":1.6", added(Activation::Activating)), NOW);
            assert_eq!(claims(&installers), []);
        }
    }
}

#[test]
fn a_connection_that_gives_up_a_name_is_not_gone() {
    let mut installers = with_root(&[":1.1"]);
    installers.step(came("a.b", ":1.1"), NOW);
    installers.step(said(":1.1", added(Activation::Activating)), NOW);
    installers.step(Event::NameFreed { name: "a.b".to_owned() }, NOW);
    assert!(installers.is_busy(OBJECT, ""));
    let effects = installers.step(Event::Gone(":1.1".to_owned()), NOW);
    assert!(changes(&effects) && !installers.is_busy(OBJECT, ""));
}

#[test]
fn many_strangers_do_not_keep_a_believed_installer_out() {
    let mut installers = with_root(&[":1.1"]);
    for stranger in 0..100 {
        installers.step(said(&format!(":2.{stranger}"), added(Activation::Activating)), NOW);
    }
    assert_eq!(installers.activations[OBJECT].len(), OWNERS);
    assert!(changes(&installers.step(said(":1.1", added(Activation::Ready)), NOW)));
    assert_eq!(claims(&installers), [(":1.1".to_owned(), Some(Activation::Ready))]);
    for stranger in 0..OWNERS {
        installers.step(user(&format!(":2.{stranger}"), false), NOW);
    }
    assert_eq!(installers.activations[OBJECT].len(), 1, "those that are not believed leave space for others");
}

#[test]
fn an_installer_counts_once_it_is_known_to_be_roots() {
    let mut installers = installers();
    let effects = installers.step(said(":1.1", added(Activation::Ready)), NOW);
    assert!(effects.contains(&Effect::AskUser(":1.1".to_owned())));
    assert_eq!(claims(&installers), []);
    assert!(
        !installers.step(said(":1.1", changed(Activation::Ready)), NOW).iter().any(is_question),
        "asked once"
    );
    assert!(changes(&installers.step(user(":1.1", true), NOW)));
    assert_eq!(claims(&installers), [(":1.1".to_owned(), Some(Activation::Ready))]);
    installers.step(said(":1.1", changed(Activation::Activating)), NOW);
    assert!(installers.is_busy(OBJECT, ":1.2") && !installers.is_busy(OBJECT, ":1.1"));
}

fn is_question(effect: &Effect) -> bool {
    matches!(effect, Effect::AskUser(_))
}

/// A drive updater that was taken over must not claim an image of the BMC.
#[test]
fn an_installer_that_is_not_roots_is_believed_for_what_its_name_is_given_and_refused_with_one_line() {
    let bmc = Facts { purpose: Some(Purpose::Bmc), ..drive("a.Drive") };
    let handed_on = Facts { installer: Some(DRIVES.to_owned()), ..drive("a.Drive") };
    let for_another = Facts { installer: Some("a.b".to_owned()), ..drive("a.Drive") };
    for (facts, name, is_believed) in [
        (drive("a.Drive"), DRIVES, true),
        (drive("another.Drive"), DRIVES, false),
        (bmc, DRIVES, false),
        (drive("a.Drive"), "a.b", false),
        (handed_on, DRIVES, true),
        (for_another, DRIVES, false),
    ] {
        let what = format!("{facts:?} {name}");
        let mut installers = installers();
        installers.add(OBJECT, facts);
        installers.step(came(name, ":1.6"), NOW);
        let mut effects = installers.step(said(":1.6", added(Activation::Ready)), NOW);
        effects.extend(installers.step(user(":1.6", false), NOW));
        for state in [Activation::Activating, Activation::Active] {
            effects.extend(installers.step(said(":1.6", added(state)), NOW));
        }
        assert_eq!(claims(&installers).len(), usize::from(is_believed), "{what}");
        let refused = effects.iter().filter(|effect| matches!(effect, Effect::NotBelieved { .. })).count();
        assert_eq!(refused, usize::from(!is_believed), "{what}");
        assert!(!installers.is_busy(OBJECT, ""), "{what}");
    }
}

#[test]
fn an_image_that_an_installer_has_handed_on_is_claimed_by_the_owner_of_that_name_alone() {
    let mut installers = with_root(&[":1.1", ":1.2", ":1.3"]);
    installers.add(OBJECT, Facts { installer: Some(DRIVES.to_owned()), ..drive("a.Drive") });
    installers.step(came(DRIVES, ":1.1"), NOW);
    installers.step(said(":1.1", added(Activation::NotReady)), NOW);
    installers.step(said(":1.2", added(Activation::Ready)), NOW);
    assert_eq!(claims(&installers), [(":1.1".to_owned(), Some(Activation::NotReady))]);
    installers.step(Event::Gone(":1.1".to_owned()), NOW);
    assert_eq!(claims(&installers), []);
    // It comes back after a death, with objects before its name.
    installers.step(said(":1.3", added(Activation::Ready)), NOW);
    installers.step(came(DRIVES, ":1.3"), NOW);
    installers.step(Event::Scanned(":1.3".to_owned(), answer(Activation::Ready, 5)), NOW);
    assert_eq!(claims(&installers), [(":1.3".to_owned(), Some(Activation::Ready))]);
}

#[test]
fn an_installer_that_is_not_roots_speaks_of_what_it_is_given_and_not_of_what_others_have_handed_on() {
    let handed_on = |name: &str| Facts { installer: Some(name.to_owned()), ..drive("a.Drive") };
    let unknown = Facts { purpose: None, ..handed_on(DRIVES) };
    for (facts, name, may) in [
        (drive("a.Drive"), DRIVES, true),
        (drive("another.Drive"), DRIVES, false),
        (drive("a.Drive"), "a.b", false),
        (handed_on(DRIVES), DRIVES, true),
        (unknown, DRIVES, true),
        (handed_on("a.b"), DRIVES, false),
        // It has the name of one of root's that is gone.
        (handed_on("a.b"), "a.b", false),
    ] {
        let mut installers = installers();
        installers.step(came(name, ":1.6"), NOW);
        assert_eq!(installers.may_speak_of(":1.6", &facts), may, "{facts:?} {name}");
    }
}

#[test]
fn an_installer_that_dies_is_not_said_to_have_shown_what_it_may_not() {
    let mut installers = with_root(&[":1.1"]);
    installers.add(OBJECT, Facts { installer: Some(DRIVES.to_owned()), ..drive("a.Drive") });
    installers.step(came(DRIVES, ":1.1"), NOW);
    installers.step(said(":1.1", added(Activation::Activating)), NOW);
    // The bus takes the names of a connection before it says that the connection is gone.
    let mut effects = installers.step(Event::NameFreed { name: DRIVES.to_owned() }, NOW);
    effects.extend(installers.step(Event::Gone(":1.1".to_owned()), NOW));
    assert!(effects.iter().all(|effect| *effect == Effect::Changed(OBJECT.to_owned())), "{effects:?}");
    assert_eq!(claims(&installers), []);
}

#[test]
fn a_claim_may_come_before_it_is_known_what_the_image_is_for() {
    let mut installers = installers();
    installers.add(OBJECT, Facts::default());
    installers.step(came(DRIVES, ":1.6"), NOW);
    installers.step(said(":1.6", added(Activation::NotReady)), NOW);
    installers.step(user(":1.6", false), NOW);
    assert_eq!(claims(&installers), []);
    installers.add(OBJECT, drive("a.Drive"));
    assert_eq!(claims(&installers), [(":1.6".to_owned(), Some(Activation::NotReady))]);
}

#[test]
fn objects_that_are_not_ours_are_not_kept() {
    let mut installers = installers();
    for number in 0..100 {
        let path = format!("{ROOT}/other{number}");
        let announcement = Announcement { sender: ":1.1".to_owned(), path, said: added(Activation::Ready) };
        assert_eq!(installers.step(Event::Said(announcement, 0), NOW), []);
    }
    assert_eq!(installers.step(said(":1.1", removed(ACTIVATION)), NOW), []);
    assert!(installers.activations.is_empty() && installers.users.is_empty());
}

/// Each such question makes the object mapper look at the whole tree.
#[test]
fn a_service_that_is_silent_costs_no_question_about_the_marker() {
    let mut installers = installers();
    installers.set_marker(Marker::Auto { is_shown: true });
    assert_eq!(installers.step(came("a.b", ":1.1"), NOW), [Effect::Scan(":1.1".to_owned())]);
    assert_eq!(installers.step(Event::Scanned(":1.1".to_owned(), None), NOW), []);
    let path = zbus::OwnedObjectPath::try_from("/any").unwrap();
    let objects = HashMap::from([(path, HashMap::from([(MULTIPART_UPDATE.to_owned(), HashMap::new())]))]);
    installers.step(came("a.b", ":1.1"), NOW);
    let effects = installers.step(Event::Scanned(":1.1".to_owned(), Some((objects, 1))), NOW);
    assert_eq!(effects, [Effect::AskMarker]);
}

#[test]
fn the_marker_is_shown_while_no_other_service_shows_it() {
    let mut installers = installers();
    installers.set_marker(Marker::Auto { is_shown: true });
    let marker = |is_elsewhere| Event::<u32>::Marker { is_elsewhere };
    assert_eq!(installers.step(marker(false), NOW), []);
    assert_eq!(installers.step(said(":1.1", removed(MULTIPART_UPDATE)), NOW), [Effect::AskMarker]);
    assert_eq!(installers.step(marker(true), NOW), [Effect::ShowMarker(false)]);
    assert!(!installers.shows_marker());
    assert_eq!(installers.step(Event::Gone(":1.9".to_owned()), NOW), [Effect::AskMarker]);
    assert_eq!(installers.step(marker(false), NOW), [Effect::ShowMarker(true)]);
    installers.set_marker(Marker::Fixed);
    assert_eq!(installers.step(marker(true), NOW), []);
}

/// Otherwise a name whose connection answers nothing would refuse every `Delete` after a restart.
#[test]
fn a_silent_service_is_waited_for_only_for_images_that_an_installer_has_begun_with() {
    let mut installers = installers();
    assert!(!installers.have_answered(false, NOW), "it is not known yet who is there");
    let present = vec![("a.b".to_owned(), ":1.1".to_owned()), ("a.c".to_owned(), ":1.2".to_owned())];
    let scans = installers.step(Event::Present(present), NOW);
    assert_eq!(scans, [Effect::Scan(":1.1".to_owned()), Effect::Scan(":1.2".to_owned())]);
    installers.step(Event::Scanned(":1.1".to_owned(), None), NOW);
    assert_eq!((installers.have_answered(false, NOW), installers.wake_at(NOW)), (false, Some(ANSWER_LIMIT)));
    assert_eq!(installers.wake_at(ANSWER_LIMIT), None, "it is not waited for twice");
    assert!(installers.have_answered(false, ANSWER_LIMIT) && !installers.have_answered(true, ANSWER_LIMIT));
    installers.step(Event::Scanned(":1.2".to_owned(), None), NOW);
    assert!(installers.have_answered(true, NOW));
    assert_eq!(installers.wake_at(NOW), None);
}
