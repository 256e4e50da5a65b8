//! What must be so when all is calm.

use super::super::{Effect, Verb};
use super::machine::{Machine, Wish};
use crate::collection::Power;
use dbus_api::vpd::collection::FruStatus;

impl Machine {
    /// A part that is asked again, as it was silent, may be gone: by then the inventory shows nothing of it.
    pub(super) fn check_silence(&mut self, effect: &Effect) {
        let Effect::Start(_, unit, Verb::Restart) = effect else { return };
        let status = self.status();
        let was_silent = status.report.outcome == "unreadable" && status.report.inventory == "published";
        let is_retry = status.reason.ends_with("to be tried again");
        if !unit.starts_with("vpd-slot@") && was_silent && is_retry && self.shown.is_none() && self.leftover {
            self.misdeeds.push("it is asked again while the inventory shows what it was".to_owned());
        }
    }

    fn status(&self) -> FruStatus {
        self.collection.statuses().remove(0)
    }

    /// Whether the part that is in is not the one that was read, or what follows its reading was not done.
    pub fn is_unread(&self) -> bool {
        let status = self.status();
        let Some(part) = self.slot.inserted else { return false };
        let outcome = if self.is_blank(part) { "blank" } else { "ok" };
        status.state != "collected" || status.report.outcome != outcome
    }

    /// What is not as it should be.
    pub fn lies(&self) -> Vec<String> {
        let status = self.status();
        let mut lies = self.misdeeds.clone();
        let mut must = |holds: bool, what: &str| {
            if !holds {
                lies.push(format!("{what}; state {} {:?}", status.state, status.reason));
            }
        };
        must(self.readies == 1, "ready is said once");
        must(status.report.outcome != "busy", "no report is of a reading that there was not");
        must(self.calls.is_empty(), "each call for another reading is answered");
        must(
            matches!(&*status.state, "absent" | "collected" | "failed" | "overdue" | "kept"),
            "it is not stuck in between",
        );
        must(self.collection.slots.values().all(|slot| slot.is_idle()), "its slot is not stuck");
        must(status.state != "absent" || status.report.key.is_empty(), "no report outlives its part");
        if self.place.is_power_off_only && self.slot.power != Power::Off {
            if let Some(kept) = self.slot.kept {
                must((self.shown, self.leftover) == kept, "what the inventory showed is kept");
            }
            return lies;
        }
        must(status.state != "kept", "nothing is kept that can be read");
        let is_shown = self.shown.is_some();
        let is_read = matches!(&*status.state, "collected" | "failed");
        must(status.state != "absent" || !is_shown, "the inventory shows a part that is not there");
        let is_certain = self.slot.is_certain;
        match (self.wish, self.slot.inserted) {
            (_, None) => must(!is_read || !is_certain, "it is not there"),
            (Wish::Out, Some(_)) => must(!is_read, "it was taken out"),
            (Wish::In, Some(_)) => must(status.state != "absent" || !is_certain, "it is there"),
            (Wish::Either, Some(_)) => {}
        }
        if let (Some(part), "collected", "ok") = (self.part, &*status.state, &*status.report.outcome) {
            must(status.report.reason == part.to_string(), "the report is of the part that is there");
            must(self.shown == Some(part), "the inventory shows the part that is there");
            must(!self.leftover, "nothing of an earlier part is left");
            must(!self.is_spoiled, "nothing of the part that is there was emptied");
            let is_followed = self.slot.followed == Some(part.to_string());
            must(is_followed || !self.place.has_slot, "what follows its reading is done for it");
        }
        lies
    }
}
