//! The part of the model that reads and shows: the parser, and the inventory.

use super::super::*;
use super::Dice;
use super::machine::{Faults, KEY, Machine, Notice, Run};
use dbus_api::vpd::collection::{InventoryAnswer, Outcome, Report};

impl Machine {
    pub(super) fn parser_goes_on(&mut self, dice: &mut Dice) {
        let Some(mut run) = self.run.take() else { return };
        if self.faults == Faults::Parsers && dice.one_in(12) {
            self.end_run("failed", "signal", 11, "failed");
            return;
        }
        let Some(read) = run.read else {
            if self.is_locked && run.report.is_none() {
                run.report = Some(Report {
                    key: KEY.to_owned(),
                    outcome: Outcome::Busy,
                    started: run.started,
                    finished: self.wall(),
                    invocation: run.invocation.to_string(),
                    ..Report::default()
                });
            }
            if let Some(report) = run.report.clone() {
                self.parser_reports(run, report, dice);
                return;
            }
            run.read = Some(self.part.filter(|_| !self.is_silent));
            self.run = Some(run);
            return;
        };
        let Some(report) = run.report.clone() else {
            let is_reached = self.is_inventory_here;
            if is_reached {
                self.notices.push_back(read.map_or(Notice::Silence, Notice::Values));
            }
            let report = Report {
                key: KEY.to_owned(),
                outcome: match read {
                    Some(part) if self.is_blank(part) => Outcome::Blank,
                    Some(_) => Outcome::Ok,
                    None => Outcome::Unreadable,
                },
                format: "ipz".to_owned(),
                ccin: read.map(|part| part.to_string()).unwrap_or_default(),
                reason: read.map(|part| part.to_string()).unwrap_or_default(),
                inventory: if is_reached { InventoryAnswer::Published } else { InventoryAnswer::Unreachable },
                started: run.started,
                finished: self.wall(),
                invocation: run.invocation.to_string(),
                ..Report::default()
            };
            run.report = Some(report);
            self.run = Some(run);
            return;
        };
        self.parser_reports(run, report, dice);
    }

    /// It reports only when the inventory has answered.
    fn parser_reports(&mut self, mut run: Run, report: Report, dice: &mut Dice) {
        if self.notices.iter().any(|notice| !matches!(notice, Notice::Tidy(..))) {
            self.run = Some(run);
        } else if !run.is_reported && !self.reports.contains(&report) {
            if self.faults == Faults::Parsers && dice.one_in(8) {
                run.is_reported = true;
            } else {
                self.reports.push_back(report);
            }
            self.run = Some(run);
        } else if !run.is_reported {
            self.run = Some(run);
        } else if report.inventory == "unreachable" || report.outcome == Outcome::Busy {
            self.end_run("failed", "exit-code", 75, "failed");
        } else {
            self.end_run("active", "success", 0, "done");
        }
    }

    fn end_run(&mut self, active: &'static str, result: &'static str, status: i32, job: &str) {
        (self.run, self.active, self.result, self.status) = (None, active, result, status);
        self.end_job(job);
    }

    /// The collection reads what is shown before it says what is emptied, so that values which a parser sends meanwhile may
    /// come before it. The other way round there is nothing that could hold values up.
    pub(super) fn inventory_works(&mut self, dice: &mut Dice) {
        let is_tidy = |notice: &Notice| matches!(notice, Notice::Tidy(..));
        let values = self.notices.iter().position(|notice| !is_tidy(notice));
        let first = values.filter(|_| dice.one_in(2)).unwrap_or_default();
        self.inventory_takes(first);
    }

    pub(super) fn inventory_takes(&mut self, position: usize) {
        let Some(notice) = self.notices.remove(position) else { return };
        let is_taken = self.is_inventory_here;
        if is_taken {
            match &notice {
                Notice::Values(part) => {
                    self.leftover |= self.shown != Some(*part);
                    self.shown = Some(*part);
                    self.is_spoiled = false;
                    self.echoes.push_back(Told::There);
                }
                Notice::Silence => {
                    self.leftover |= self.shown.is_some();
                    self.shown = None;
                    // It is there as far as the parser can tell.
                    self.echoes.push_back(Told::There);
                }
                Notice::Tidy(_, None) => {
                    (self.shown, self.leftover) = (None, false);
                    self.echoes.push_back(Told::Gone);
                }
                Notice::Tidy(_, Some(report)) => {
                    let shown = self.shown.map(|part| part.to_string()).unwrap_or_default();
                    self.leftover &= shown != report.reason;
                    self.is_spoiled |= self.shown.is_some() && shown != report.reason;
                }
            }
        }
        self.log.push(format!("{} inventory {notice:?} {is_taken}", self.seconds));
        match notice {
            // A parser that was not answered says so.
            Notice::Values(_) | Notice::Silence if !is_taken => {
                if let Some(report) = self.run.as_mut().and_then(|run| run.report.as_mut()) {
                    report.inventory = InventoryAnswer::Unreachable;
                }
            }
            Notice::Values(_) | Notice::Silence => {}
            Notice::Tidy(ticket, _) => {
                let result = if is_taken { Ok(()) } else { Err("away".to_owned()) };
                self.tidied.push_back(Event::Tidied(ticket, result));
            }
        }
    }
}
