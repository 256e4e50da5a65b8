//! Location codes as the inventory shows them, kept in memory, so that a look-up waits for nothing.

use crate::refusal::{Cause, Refusal};
use dbus_api::inventory::ROOT;
use dbus_api::inventory::codes::Change;
use location_code::Unexpanded;
use std::collections::BTreeMap;
use system_index::Locations;

/// What is known of the inventory's codes.
#[derive(Debug, Default)]
pub struct Codes {
    /// Codes by paths relative to the root; nothing before the inventory has answered.
    shown: Option<BTreeMap<String, String>>,
    /// Changes since the inventory was asked.
    since: Vec<Change>,
    /// It is being asked.
    is_asked: bool,
    /// It is to be asked once more.
    again: bool,
}

impl Codes {
    /// The inventory has come, or another one; whether it is to be asked now.
    pub fn came(&mut self) -> bool {
        self.ask()
    }

    /// The inventory is away: what it showed may not be so any more.
    pub fn went(&mut self) {
        self.shown = None;
        self.since.clear();
    }

    /// A signal of the inventory; whether it is to be asked now.
    pub fn said(&mut self, change: Change) -> bool {
        match change {
            Change::Nothing => false,
            Change::Anything => self.ask(),
            Change::Code(..) if self.is_asked => {
                self.since.push(change);
                false
            }
            Change::Code(path, code) => {
                if let Some(shown) = &mut self.shown {
                    apply(shown, path, code);
                }
                false
            }
        }
    }

    fn ask(&mut self) -> bool {
        self.again = self.is_asked;
        if self.is_asked {
            return false;
        }
        self.since.clear();
        self.is_asked = true;
        true
    }

    /// The inventory has answered, or not; whether it is to be asked again now. What it said since is newer than its answer.
    pub fn answered(&mut self, answer: Option<BTreeMap<String, String>>) -> bool {
        self.is_asked = false;
        if let Some(mut shown) = answer {
            for change in self.since.drain(..) {
                if let Change::Code(path, code) = change {
                    apply(&mut shown, path, code);
                }
            }
            self.shown = Some(shown);
        }
        std::mem::take(&mut self.again) && self.ask()
    }

    /// Whether the inventory has answered.
    pub fn is_known(&self) -> bool {
        self.shown.is_some()
    }

    /// The code that the inventory shows at the first object with a code that is not expanded.
    ///
    /// Errors: [`Cause::InvalidArgument`] for a code that no object of the system has, [`Cause::Unavailable`] while the inventory
    /// shows none of them.
    pub fn expanded(&self, locations: &Locations, code: &Unexpanded) -> Result<String, Refusal> {
        let shown = self.shown()?;
        let found = having(locations, code)?.into_iter().find_map(|path| shown.get(path));
        found.cloned().ok_or_else(|| {
            Cause::Unavailable.because(format!("no object with code {code} is in the inventory"))
        })
    }

    /// All objects of the system with a code that is not expanded, whether they are in the inventory or not.
    ///
    /// Errors: [`Cause::InvalidArgument`] when there is none.
    pub fn by_unexpanded(&self, locations: &Locations, code: &Unexpanded) -> Result<Vec<String>, Refusal> {
        Ok(having(locations, code)?.into_iter().map(full).collect())
    }

    /// All objects of the inventory that show a code; there may be none.
    ///
    /// Errors: [`Cause::Unavailable`] while the inventory has not answered.
    pub fn by_expanded(&self, code: &str) -> Result<Vec<String>, Refusal> {
        let shown = self.shown()?;
        Ok(shown.iter().filter(|(_, shown)| *shown == code).map(|(path, _)| full(path)).collect())
    }

    fn shown(&self) -> Result<&BTreeMap<String, String>, Refusal> {
        let unknown = || Cause::Unavailable.because("the inventory is not there, or has not answered yet");
        self.shown.as_ref().ok_or_else(unknown)
    }
}

/// The objects of the system with a code.
fn having<'a>(locations: &'a Locations, code: &Unexpanded) -> Result<Vec<&'a str>, Refusal> {
    let text = code.to_string();
    let objects: Vec<_> = locations.with_code(&text).map(|object| &*object.path).collect();
    if objects.is_empty() {
        let text = format!("no object of this system has location code {text}");
        return Err(Cause::InvalidArgument.because(text));
    }
    Ok(objects)
}

fn full(path: &str) -> String {
    format!("{ROOT}{path}")
}

fn apply(shown: &mut BTreeMap<String, String>, path: String, code: Option<String>) {
    match code {
        Some(code) => drop(shown.insert(path, code)),
        None => drop(shown.remove(&path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locations() -> Locations {
        let text = "[[object]]\npath = \"/system/a\"\ncode = \"Ufcs-P0\"\n[[object]]\npath = \"/system/b\"\n\
                    code = \"Ufcs-P0\"\n[[object]]\npath = \"/system/c\"\ncode = \"Ufcs-P1\"\n";
        Locations::parse(text).unwrap()
    }

    fn code(text: &str) -> Unexpanded {
        Unexpanded::parse(text).unwrap()
    }

    fn answer(rows: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
        Some(rows.iter().map(|(path, code)| ((*path).to_owned(), (*code).to_owned())).collect())
    }

    fn change(path: &str, code: Option<&str>) -> Change {
        Change::Code(path.to_owned(), code.map(str::to_owned))
    }

    #[test]
    fn codes_are_looked_up_both_ways() {
        let mut codes = Codes::default();
        assert!(codes.came());
        assert!(!codes.answered(answer(&[("/system/b", "U1-P0"), ("/other", "U1-P0")])));
        let locations = locations();
        assert_eq!(codes.expanded(&locations, &code("Ufcs-P0")).unwrap(), "U1-P0");
        let both = ["/xyz/openbmc_project/inventory/system/a", "/xyz/openbmc_project/inventory/system/b"];
        assert_eq!(codes.by_unexpanded(&locations, &code("Ufcs-P0")).unwrap(), both);
        let shown = ["/xyz/openbmc_project/inventory/other", "/xyz/openbmc_project/inventory/system/b"];
        assert_eq!(codes.by_expanded("U1-P0").unwrap(), shown);
        assert_eq!(codes.by_expanded("U1-P9").unwrap(), [""; 0]);
    }

    #[test]
    fn what_cannot_be_looked_up_is_told_apart() {
        let (mut codes, locations) = (Codes::default(), locations());
        let cause = |found: Result<Vec<String>, Refusal>| found.unwrap_err().cause;
        let expanded = |codes: &Codes, text| codes.expanded(&locations, &code(text)).unwrap_err().cause;
        assert_eq!(expanded(&codes, "Ufcs-P0"), Cause::Unavailable);
        assert_eq!(cause(codes.by_expanded("U1-P0")), Cause::Unavailable);
        assert_eq!(cause(codes.by_unexpanded(&locations, &code("Ufcs-P9"))), Cause::InvalidArgument);
        assert!(codes.by_unexpanded(&locations, &code("Ufcs-P0")).is_ok(), "the system says that");
        codes.came();
        codes.answered(answer(&[]));
        assert_eq!(expanded(&codes, "Ufcs-P9"), Cause::InvalidArgument);
        assert_eq!(expanded(&codes, "Ufcs-P0"), Cause::Unavailable);
    }

    #[test]
    fn what_the_inventory_says_while_it_is_asked_counts_after_its_answer() {
        let mut codes = Codes::default();
        codes.came();
        assert!(!codes.said(change("/system/a", Some("U2"))));
        assert!(!codes.said(change("/system/b", None)));
        codes.answered(answer(&[("/system/a", "U1"), ("/system/b", "U1"), ("/system/c", "U1")]));
        assert_eq!(codes.by_expanded("U1").unwrap().len(), 1);
        assert_eq!(codes.by_expanded("U2").unwrap().len(), 1);
        codes.said(change("/system/c", Some("U2")));
        assert_eq!(codes.by_expanded("U2").unwrap().len(), 2);
    }

    #[test]
    fn what_a_signal_does_not_tell_is_asked_once_more() {
        let mut codes = Codes::default();
        assert!(codes.came());
        assert!(!codes.said(Change::Anything) && !codes.came());
        assert!(codes.answered(answer(&[])));
        assert!(!codes.answered(answer(&[])));
        assert!(codes.said(Change::Anything));
        codes.went();
        assert!(!codes.is_known());
    }
}
