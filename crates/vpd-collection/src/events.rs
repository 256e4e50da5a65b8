//! What the machine's event log hears of: everything that is wrong now, by EEPROM and cause.

use dbus_api::inventory;
use dbus_api::logging::{Severity, callout_priority, data_key, message_id};
use dbus_api::vpd::collection::{FruState, FruStatus, InventoryAnswer, Outcome, Redundant, Report, Status};
use event_log::{Event, Pair};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of an EEPROM beside its status.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The inventory object to look at, relative to the root.
    pub object: Option<String>,
    /// It says what system this is.
    pub is_system: bool,
    /// The host runs and does not do without it.
    pub is_needed: bool,
    /// What is wrong with its slot is a line.
    pub is_line: bool,
    /// What is wrong with its slot.
    pub slot: Option<String>,
}

/// What is wrong now, of each EEPROM that has been dealt with; of the others, what was said before still stands.
#[derive(Debug, Default)]
pub struct Wrongs {
    frus: BTreeMap<String, Known>,
    /// EEPROMs that were not dealt with yet.
    undealt: BTreeSet<String>,
    /// The system was chosen without its EEPROM, since a writer held that.
    is_locked: bool,
}

/// What is known of one EEPROM.
#[derive(Debug)]
struct Known {
    events: Vec<Event>,
    extent: Extent,
}

/// How much of what may be wrong is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    All,
    /// What became of it, but not what it holds.
    WithoutContents,
    /// It was left as it was, by a service that was not there when it was read.
    Nothing,
}

/// Causes that speak of what became of an EEPROM, and not of what it holds.
const OF_STATE: [&str; 5] = ["failed", "overdue", "absent", "missing", "slot"];

impl Wrongs {
    /// Nothing is known yet but whether the system was chosen without its EEPROM, since a writer held that.
    pub fn new(is_locked: bool) -> Self {
        Self { is_locked, ..Self::default() }
    }

    /// Whether it is not known if this is still wrong.
    pub fn is_unknown(&self, pair: &Pair) -> bool {
        match self.frus.get(&pair.subject).map(|known| known.extent) {
            None => self.undealt.contains(&pair.subject),
            Some(Extent::All) => false,
            Some(Extent::WithoutContents) => !OF_STATE.contains(&pair.cause.as_str()),
            Some(Extent::Nothing) => true,
        }
    }

    /// Takes a new status, and gives all that is wrong.
    pub fn update(&mut self, status: &Status, facts: impl Fn(&str) -> Facts) -> Vec<Event> {
        for fru in &status.frus {
            if is_dealt_with(fru.state) {
                let known = Known { events: of_fru(fru, &facts(&fru.key)), extent: extent_of(fru) };
                self.frus.insert(fru.key.clone(), known);
            }
        }
        self.frus.retain(|key, _| status.frus.iter().any(|fru| fru.key == *key));
        let keys = status.frus.iter().map(|fru| &fru.key);
        self.undealt.clear();
        self.undealt.extend(keys.filter(|key| !self.frus.contains_key(*key)).cloned());
        let is_told = status.frus.iter().any(|fru| facts(&fru.key).is_system);
        let of_frus = self.frus.values().flat_map(|known| &known.events).cloned();
        of_frus.chain(of_selection(status, is_told, self.is_locked)).collect()
    }
}

fn is_dealt_with(state: FruState) -> bool {
    use FruState::{Absent, Collected, Failed, Kept, Overdue};
    matches!(state, Collected | Absent | Failed | Overdue | Kept)
}

fn extent_of(fru: &FruStatus) -> Extent {
    match fru.state {
        FruState::Kept if fru.report.key.is_empty() => Extent::Nothing,
        FruState::Failed if fru.report.key.is_empty() => Extent::WithoutContents,
        // Its last report may be of an earlier reading.
        FruState::Overdue => Extent::WithoutContents,
        _ => Extent::All,
    }
}

/// No system was recognised. Where the system EEPROM is one of the EEPROMs, what is wrong with it is said with it; that a writer
/// held it is not.
fn of_selection(status: &Status, is_told: bool, is_locked: bool) -> Option<Event> {
    let mut severity = Severity::Critical;
    let (id, text) = match &*status.selection {
        "unknown-system-type" => (message_id::UNKNOWN_SYSTEM_TYPE, "the image does not know this system"),
        "last-choice" | "no-choice" if is_locked => {
            if status.selection == "last-choice" {
                severity = Severity::Warning;
            }
            (
                message_id::INVALID_EEPROM_PATH,
                "what system this is could not be read, as it was being written",
            )
        }
        "last-choice" | "no-choice" if !is_told && !status.selection_reason.is_empty() => {
            (message_id::INVALID_EEPROM_PATH, "what system this is could not be read")
        }
        _ => return None,
    };
    let event = Event::new("system", status.selection.clone(), id, severity);
    let text = format!("{text}: {}; {} is used", status.selection_reason, status.system);
    Some(event.with(data_key::DESCRIPTION, text))
}

/// Everything that is wrong with one EEPROM.
fn of_fru(fru: &FruStatus, facts: &Facts) -> Vec<Event> {
    let mut events = Vec::new();
    let mut add = |cause: &str, id: &'static str, severity: Severity, text: String| {
        let mut event = Event::new(fru.key.clone(), cause, id, severity);
        event = event.with(data_key::DESCRIPTION, format!("EEPROM {}: {text}", fru.key));
        if let Some(object) = &facts.object {
            event = event
                .with(data_key::CALLOUT_INVENTORY_PATH, format!("{}{object}", inventory::ROOT))
                .with(data_key::CALLOUT_PRIORITY, callout_priority::HIGH);
        }
        events.push(event);
    };
    match fru.state {
        // What was wrong when it could be read has not cleared while it cannot.
        FruState::Collected | FruState::Kept => of_report(&fru.report, facts, &mut add),
        FruState::Failed => {
            let is_refused =
                matches!(fru.report.inventory, InventoryAnswer::Refused | InventoryAnswer::Partly);
            let id = if is_refused { message_id::DBUS_FAILURE } else { message_id::FIRMWARE_ERROR };
            add("failed", id, Severity::Error, fru.reason.clone());
        }
        FruState::Overdue => {
            add("overdue", message_id::FIRMWARE_ERROR, Severity::Warning, fru.reason.clone())
        }
        FruState::Absent if facts.is_system => {
            add("absent", message_id::INVALID_EEPROM_PATH, Severity::Critical, "it is not there".to_owned());
        }
        FruState::Absent if facts.is_needed => {
            let text = "the host runs without this part, which it needs".to_owned();
            add("missing", message_id::REQUIRED_FRU_MISSING, Severity::Warning, text);
        }
        _ => {}
    }
    if let Some(reason) = &facts.slot {
        let id = if facts.is_line { message_id::GPIO_ERROR } else { message_id::FIRMWARE_ERROR };
        add("slot", id, Severity::Warning, reason.clone());
    }
    events
}

fn of_report(report: &Report, facts: &Facts, add: &mut impl FnMut(&str, &'static str, Severity, String)) {
    let severity = if facts.is_system { Severity::Error } else { Severity::Warning };
    match report.outcome {
        Outcome::Blank if facts.is_system => {
            add("blank", message_id::BLANK_SYSTEM_VPD, severity, "it is blank".to_owned());
        }
        Outcome::Blank => add("blank", message_id::INVALID_VPD, severity, "it is blank".to_owned()),
        Outcome::Unreadable | Outcome::Absent => {
            let severity = if facts.is_system { Severity::Critical } else { Severity::Warning };
            let text = format!("it does not answer: {}", report.reason);
            add("unreadable", message_id::INVALID_EEPROM_PATH, severity, text);
        }
        Outcome::Bad if report.format.is_empty() => {
            let text = format!("nothing of it is usable: {}", report.reason);
            add("unusable", message_id::INVALID_VPD, severity, text);
        }
        Outcome::Bad => add(
            "parts",
            message_id::VPD_PARSE_ERROR,
            severity,
            format!("parts of it are bad: {}", bad(report)),
        ),
        _ => {}
    }
    let corrected: Vec<String> = report
        .records
        .iter()
        .filter(|record| record.recovered_bits > 0)
        .map(|record| format!("{} ({} bits)", record.name, record.recovered_bits))
        .collect();
    if !corrected.is_empty() {
        let text = format!("corrected by its code: {}", corrected.join(", "));
        add("corrected", message_id::ECC_CHECK_FAILED, Severity::Informational, text);
    }
    match report.redundant {
        Redundant::Used => {
            let text = "it could not be used, so its redundant EEPROM was".to_owned();
            add("redundant-used", message_id::FIRMWARE_ERROR, Severity::Warning, text);
        }
        Redundant::Differs => {
            let text = "its redundant EEPROM says something else".to_owned();
            add("redundant-differs", message_id::MISMATCH, Severity::Warning, text);
        }
        Redundant::Unusable => {
            let text = "its redundant EEPROM could not be used".to_owned();
            add("redundant-unusable", message_id::INVALID_VPD, Severity::Warning, text);
        }
        _ => {}
    }
}

/// The bad records with why, or, for formats without records, why.
fn bad(report: &Report) -> String {
    let bad: Vec<String> = report
        .records
        .iter()
        .filter(|record| record.outcome == Outcome::Bad)
        .map(|record| format!("{} ({})", record.name, record.reason))
        .collect();
    if bad.is_empty() { report.reason.clone() } else { bad.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dbus_api::vpd::collection::RecordReport;

    fn fru(state: &str, outcome: &str) -> FruStatus {
        let report = Report {
            key: "8-0050".to_owned(),
            outcome: Outcome::parse(outcome).unwrap(),
            ..Report::default()
        };
        FruStatus {
            key: "8-0050".to_owned(),
            state: FruState::parse(state).unwrap(),
            reason: "why".to_owned(),
            report,
            ..FruStatus::default()
        }
    }

    fn said(frus: Vec<FruStatus>, facts: &Facts) -> Vec<String> {
        let status = Status { selection: "matched".to_owned(), frus, ..Status::default() };
        let events = Wrongs::default().update(&status, |_| facts.clone());
        let short = |event: &Event| {
            format!("{} {} {:?}", event.pair.cause, event.id.rsplit('.').next().unwrap(), event.severity)
        };
        events.iter().map(short).collect()
    }

    #[test]
    fn what_is_in_order_is_no_event() {
        for (state, outcome) in
            [("collected", "ok"), ("collected", "unchecked"), ("absent", ""), ("kept", "")]
        {
            assert!(said(vec![fru(state, outcome)], &Facts::default()).is_empty(), "{state} {outcome}");
        }
    }

    #[test]
    fn each_thing_that_is_wrong_has_its_entry() {
        let system = Facts { is_system: true, ..Facts::default() };
        let with_format = |mut fru: FruStatus| {
            fru.report.format = "ipz".to_owned();
            fru
        };
        for (fru, facts, expected) in [
            (fru("collected", "blank"), Facts::default(), "blank InvalidVPD Warning"),
            (fru("collected", "blank"), system.clone(), "blank BlankSystemVPD Error"),
            (fru("collected", "bad"), Facts::default(), "unusable InvalidVPD Warning"),
            (with_format(fru("collected", "bad")), Facts::default(), "parts VPDParseError Warning"),
            (fru("collected", "unreadable"), Facts::default(), "unreadable InvalidEepromPath Warning"),
            (fru("collected", "unreadable"), system.clone(), "unreadable InvalidEepromPath Critical"),
            (fru("absent", ""), system.clone(), "absent InvalidEepromPath Critical"),
            (
                fru("absent", ""),
                Facts { is_needed: true, ..Facts::default() },
                "missing RequiredFRUMissing Warning",
            ),
            (fru("failed", ""), Facts::default(), "failed FirmwareError Error"),
            (fru("overdue", ""), Facts::default(), "overdue FirmwareError Warning"),
            (
                fru("absent", ""),
                Facts { slot: Some("why".to_owned()), is_line: true, ..Facts::default() },
                "slot GPIOError Warning",
            ),
            (
                fru("absent", ""),
                Facts { slot: Some("why".to_owned()), ..Facts::default() },
                "slot FirmwareError Warning",
            ),
        ] {
            assert_eq!(said(vec![fru], &facts), [expected]);
        }
        for (word, expected) in [
            ("used", Some("redundant-used FirmwareError Warning")),
            ("differs", Some("redundant-differs Mismatch Warning")),
            ("unusable", Some("redundant-unusable InvalidVPD Warning")),
            ("equal", None),
        ] {
            let mut fru = fru("collected", "ok");
            fru.report.redundant = Redundant::parse(word).unwrap();
            assert_eq!(said(vec![fru], &Facts::default()).first().map(String::as_str), expected);
        }
    }

    #[test]
    fn an_entry_names_the_object_and_what_is_wrong_with_it() {
        let mut fru = fru("collected", "bad");
        fru.report.format = "ipz".to_owned();
        let record = |name: &str, outcome: &str, bits| RecordReport {
            name: name.to_owned(),
            outcome: Outcome::parse(outcome).unwrap(),
            recovered_bits: bits,
            reason: "its code".to_owned(),
        };
        fru.report.records =
            vec![record("VINI", "ok", 0), record("VSYS", "bad", 0), record("UTIL", "recovered", 3)];
        let facts = Facts { object: Some("/system/card".to_owned()), ..Facts::default() };
        let status = Status { selection: "matched".to_owned(), frus: vec![fru], ..Status::default() };
        let events = Wrongs::default().update(&status, |_| facts.clone());
        let data = |index: usize, key: &str| events[index].data.get(key).cloned().unwrap_or_default();
        assert_eq!(data(0, data_key::DESCRIPTION), "EEPROM 8-0050: parts of it are bad: VSYS (its code)");
        assert_eq!(data(0, data_key::CALLOUT_INVENTORY_PATH), "/xyz/openbmc_project/inventory/system/card");
        assert_eq!(data(1, data_key::DESCRIPTION), "EEPROM 8-0050: corrected by its code: UTIL (3 bits)");
    }

    #[test]
    fn what_is_wrong_with_a_slot_is_said_beside_what_is_wrong_with_its_part() {
        let facts = Facts { slot: Some("its line is stuck".to_owned()), is_line: true, ..Facts::default() };
        let status =
            Status { selection: "matched".to_owned(), frus: vec![fru("failed", "")], ..Status::default() };
        let events = Wrongs::default().update(&status, |_| facts.clone());
        let texts: Vec<&str> = events.iter().map(|event| &*event.data[data_key::DESCRIPTION]).collect();
        assert_eq!(texts, ["EEPROM 8-0050: why", "EEPROM 8-0050: its line is stuck"]);
    }

    #[test]
    fn what_was_wrong_before_the_chassis_came_on_has_not_cleared_while_it_is_kept() {
        assert_eq!(said(vec![fru("kept", "blank")], &Facts::default()), ["blank InvalidVPD Warning"]);
    }

    #[test]
    fn while_an_eeprom_is_read_again_nothing_is_taken_back() {
        let mut wrongs = Wrongs::default();
        let mut update = |state: &str, outcome: &str| {
            let status = Status {
                selection: "matched".to_owned(),
                frus: vec![fru(state, outcome)],
                ..Status::default()
            };
            wrongs.update(&status, |_| Facts::default()).len()
        };
        assert_eq!(update("collected", "blank"), 1);
        assert_eq!(update("queued", ""), 1);
        assert_eq!(update("collected", "ok"), 0);
    }

    #[test]
    fn after_a_restart_nothing_is_taken_back_that_was_not_looked_at() {
        let is_unknown = |state: &str, key: &str, cause: &str| {
            let mut fru = fru(state, "");
            fru.report.key = key.to_owned();
            let status = Status { selection: "matched".to_owned(), frus: vec![fru], ..Status::default() };
            let mut wrongs = Wrongs::default();
            wrongs.update(&status, |_| Facts::default());
            wrongs.is_unknown(&Pair { subject: "8-0050".to_owned(), cause: cause.to_owned() })
        };
        assert!(is_unknown("kept", "", "blank"));
        assert!(is_unknown("kept", "", "failed"));
        assert!(is_unknown("failed", "", "blank"));
        assert!(is_unknown("queued", "", "failed"));
        assert!(!is_unknown("failed", "", "overdue"));
        assert!(!is_unknown("kept", "8-0050", "blank"));
        assert!(!is_unknown("collected", "8-0050", "blank"));
        assert!(!is_unknown("absent", "", "blank"));
        // Of an EEPROM that there is not, nothing is wrong.
        assert!(!Wrongs::default().is_unknown(&Pair { subject: "x".to_owned(), cause: "blank".to_owned() }));
    }

    #[test]
    fn a_system_that_nobody_knows_is_one_entry() {
        let of = |selection: &str, frus: Vec<FruStatus>, is_system: bool| {
            let status = Status {
                selection: selection.to_owned(),
                selection_reason: "why".to_owned(),
                frus,
                ..Status::default()
            };
            let facts = Facts { is_system, ..Facts::default() };
            Wrongs::default().update(&status, |_| facts.clone()).len()
        };
        assert_eq!(of("unknown-system-type", vec![], false), 1);
        assert_eq!(of("no-choice", vec![], false), 1);
        // Its own EEPROM says it.
        assert_eq!(of("last-choice", vec![fru("absent", "")], true), 1);
        assert_eq!(of("matched", vec![], false), 0);
    }

    #[test]
    fn a_system_that_was_chosen_while_its_eeprom_was_written_is_an_entry_though_it_can_be_read_by_now() {
        for (is_locked, selection, expected) in [
            (true, "last-choice", vec![Severity::Warning]),
            (true, "no-choice", vec![Severity::Critical]),
            (true, "matched", vec![]),
            (false, "last-choice", vec![]),
        ] {
            let status = Status {
                selection: selection.to_owned(),
                selection_reason: "8-0050: it is locked by a writer".to_owned(),
                frus: vec![fru("collected", "ok")],
                ..Status::default()
            };
            let facts = Facts { is_system: true, ..Facts::default() };
            let events = Wrongs::new(is_locked).update(&status, |_| facts.clone());
            let severities: Vec<Severity> = events.iter().map(|event| event.severity).collect();
            assert_eq!(severities, expected, "{selection}");
            for event in events {
                assert!(event.data[data_key::DESCRIPTION].contains("locked by a writer"));
            }
        }
    }

    #[test]
    fn what_was_wrong_with_an_eeprom_has_not_cleared_while_it_is_written() {
        let mut wrongs = Wrongs::default();
        let mut overdue = fru("overdue", "blank");
        overdue.reason = "the EEPROM is being written".to_owned();
        let status = Status { frus: vec![overdue], ..Status::default() };
        let events = wrongs.update(&status, |_| Facts::default());
        assert_eq!(events.iter().map(|event| event.severity).collect::<Vec<_>>(), [Severity::Warning]);
        assert!(wrongs.is_unknown(&Pair { subject: "8-0050".to_owned(), cause: "blank".to_owned() }));
    }
}
