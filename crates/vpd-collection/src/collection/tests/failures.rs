//! Runs of parsers that end without a report.

use super::*;

/// The run that is started next ends like this.
fn ends(play: &mut Play, state: UnitState) {
    let ticket = play.starts(Verb::Start);
    play.event(Event::JobQueued(ticket, "/job/1".to_owned()));
    play.job_ends("/job/1", if state.active == ActiveState::Failed { "failed" } else { "done" });
    let ticket = play.inspects();
    play.event(Event::Inspected(ticket, Ok(state)));
}

#[test]
fn a_failure_that_is_not_the_parts_is_named() {
    for (state, words) in [
        (unit_state("failed", "run", "exit-code", 78), "exit status 78"),
        (unit_state("failed", "run", "core-dump", 6), "signal 6"),
        (unit_state("failed", "run", "signal", 11), "signal 11"),
        (unit_state("failed", "run", "timeout", 15), "result is timeout"),
        (unit_state("inactive", "", "success", 0), "conditions do not hold"),
    ] {
        let mut play = Play::with_device();
        ends(&mut play, state);
        assert_eq!(play.status().state, "failed");
        assert!(play.status().reason.contains(words), "{}", play.status().reason);
        assert!(play.ready());
    }
}

#[test]
fn a_parser_that_was_killed_is_run_again_and_given_up_on_when_that_goes_on() {
    for (word, words) in [("signal", "signal 9"), ("oom-kill", "result is oom-kill")] {
        let mut play = Play::with_device();
        for (seconds, is_last) in [(0, false), (1, false), (3, true)] {
            play.at(seconds);
            ends(&mut play, unit_state("failed", "run", word, 9));
            assert!(play.status().reason.contains(words), "{}", play.status().reason);
            assert_eq!(play.status().state == "failed", is_last);
        }
    }
    let mut play = Play::with_device();
    ends(&mut play, unit_state("failed", "run", "signal", 9));
    play.at(1);
    play.run(Verb::Start, report("ok", 1_000_000));
    play.tidied();
    assert_eq!((&*play.status().state, play.status().attempts), ("collected", 2));
}
