//! The power goes at every step, in every state that a page can be left in, and again during the repair of that.

mod world;

use test_random::Numbers;
use vpd_transaction::{ChipEnd, Direction, Failure, Journal, carry_out, recover};
use world::{Case, Mode, World, cases, takes};

/// What the chips hold in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Old,
    New,
}

/// What all chips of a world hold; panics if they differ, or one is neither old nor new, in any byte.
fn held(case: &Case, world: &World, how: &str) -> Held {
    let of = |chip: usize| match &world.cells[chip] {
        cells if *cells == case.old[chip] => Held::Old,
        cells if *cells == case.new[chip] => Held::New,
        cells => {
            panic!("{} {how}: chip {chip} is neither: {}", case.name, world::differences(case, chip, cells))
        }
    };
    let first = of(0);
    for chip in 1..world.cells.len() {
        assert_eq!(of(chip), first, "{} {how}: chip {chip} differs from the first", case.name);
    }
    first
}

/// Recovers as the programs do: the journal that is on disk, until it can go.
fn recover_from(world: &mut World) -> Vec<ChipEnd<&'static str>> {
    let Some(mut journal) = world.journal() else { return Vec::new() };
    let ends = recover(&mut journal, world);
    if !world.is_off() && !ends.iter().any(ChipEnd::is_pending) {
        world.saved = None;
    }
    ends
}

/// Cuts the recovery at every step too, then lets it come to its end.
fn cut_again_everywhere(case: &Case, left: &World, how: &str, random: &mut Numbers, count: &mut u64) -> Held {
    let mut whole = left.restarted();
    recover_from(&mut whole);
    let steps = whole.steps();
    let end = held(case, &whole, how);
    for step in 0..steps {
        for mode in Mode::ALL {
            if !takes(random, 2) {
                continue;
            }
            let mut cut = left.restarted();
            cut.cut_at(step, mode);
            recover_from(&mut cut);
            assert!(cut.is_off());
            let mut last = cut.restarted();
            let ends = recover_from(&mut last);
            assert_eq!(last.saved, None, "{how}");
            assert!(
                ends.iter().all(|end| matches!(end, ChipEnd::Old | ChipEnd::New)),
                "{} {how}, {step} {mode:?}: {ends:?} {:x?}",
                case.name,
                cut.cells
            );
            held(case, &last, &format!("{how}, cut again at step {step} {mode:?}"));
            *count += 1;
        }
    }
    *count += 1;
    end
}

#[test]
fn each_chip_has_its_old_or_its_new_vpd_wherever_the_power_goes() {
    let (mut count, mut random) = (0, Numbers::new(15));
    for case in cases() {
        let mut whole = World::new(&case);
        carry_out(&mut case.journal.clone(), &mut whole).unwrap();
        assert_eq!(held(&case, &whole, "without a cut"), Held::New);
        let steps = whole.steps();
        assert!(steps > 1, "{}", case.name);
        for step in 0..steps {
            for mode in Mode::ALL {
                let how = format!("cut at step {step} {mode:?}");
                let mut cut = World::new(&case);
                cut.cut_at(step, mode);
                carry_out(&mut case.journal.clone(), &mut cut).unwrap_err();
                let was_begun = cut.saved.is_some();
                let end = cut_again_everywhere(&case, &cut, &how, &mut random, &mut count);
                assert_eq!(end == Held::New, was_begun, "{how}: what is in the journal is finished");
            }
        }
        // All is written, the journal is still there: as often as it comes back.
        let mut late = whole.restarted();
        for _ in 0..2 {
            late.saved.clone_from(&whole.saved);
            recover_from(&mut late);
            assert_eq!(held(&case, &late, "a journal that comes back"), Held::New);
        }
    }
    println!("{count} ways for the power to go");
}

#[test]
fn a_page_that_fails_has_all_put_back_wherever_the_power_goes_meanwhile() {
    let (mut count, mut random) = (0, Numbers::new(16));
    for case in cases() {
        let writes = {
            let mut whole = World::new(&case);
            carry_out(&mut case.journal.clone(), &mut whole).unwrap();
            whole.writes
        };
        for failing in 0..writes {
            for fault in world::Fault::ALL {
                let begin = || {
                    let mut world = World::new(&case);
                    world.fail(failing, fault);
                    world
                };
                let mut whole = begin();
                let mut journal = case.journal.clone();
                let failure = carry_out(&mut journal, &mut whole).unwrap_err();
                assert!(
                    matches!(failure, Failure::PutBack(_)),
                    "{} {failing} {fault:?}: {failure:?}",
                    case.name
                );
                assert_eq!(journal.direction, Direction::Back);
                assert_eq!(held(&case, &whole, "put back"), Held::Old);
                for step in 0..whole.steps() {
                    for mode in Mode::ALL {
                        if !takes(&mut random, 4) {
                            continue;
                        }
                        let how = format!("write {failing} {fault:?}, cut at step {step} {mode:?}");
                        let mut cut = begin();
                        cut.cut_at(step, mode);
                        carry_out(&mut case.journal.clone(), &mut cut).unwrap_err();
                        let direction = cut.journal().map(|journal| journal.direction);
                        let end = cut_again_everywhere(&case, &cut, &how, &mut random, &mut count);
                        assert_eq!(end == Held::New, direction == Some(Direction::Forward), "{how}");
                    }
                }
            }
        }
    }
    println!("{count} ways for the power to go");
}

#[test]
fn a_copy_that_fails_may_be_left_out_wherever_the_power_goes_meanwhile() {
    let mut count = 0;
    for case in cases().into_iter().filter(|case| case.journal.chips.len() > 1) {
        let page = &case.journal.chips[0].pages[0];
        // It takes no write, as if it were write-protected.
        let begin = || {
            let mut world = World::new(&case);
            world.protected = Some(0);
            world
        };
        let is_copy = |chip: &vpd_transaction::ChipChange| chip.path == case.journal.chips[0].path;
        let mut whole = begin();
        let mut journal = case.journal.clone();
        let left_out = vpd_transaction::carry_out_without(&mut journal, &mut whole, is_copy).unwrap();
        assert_eq!((left_out[0].chip, left_out[0].offset, left_out.len()), (0, page.offset, 1));
        assert_eq!((&whole.cells[0], &whole.cells[1]), (&case.old[0], &case.new[1]), "{}", case.name);
        let mut refused = begin();
        let failure = vpd_transaction::carry_out_without(&mut case.journal.clone(), &mut refused, |_| false);
        assert!(matches!(failure, Err(Failure::PutBack(_))));
        for step in 0..whole.steps() {
            for mode in Mode::ALL {
                let how = format!("{}, cut at step {step} {mode:?}", case.name);
                let mut cut = begin();
                cut.cut_at(step, mode);
                let failure =
                    vpd_transaction::carry_out_without(&mut case.journal.clone(), &mut cut, is_copy);
                assert!(failure.is_err(), "{how}");
                let mut after = cut.restarted();
                if after.saved.is_some() {
                    let mut journal = after.journal().unwrap();
                    if journal.chips[0].pages.is_empty() {
                        after.absent = Some(0);
                    }
                    let ends = recover(&mut journal, &mut after);
                    assert!(!ends.iter().any(ChipEnd::is_pending), "{how}: {ends:?}");
                }
                assert_eq!(after.cells[0], case.old[0], "{how}");
                assert!([&case.old[1], &case.new[1]].contains(&&after.cells[1]), "{how}");
                count += 1;
            }
        }
    }
    println!("{count} ways for the power to go");
}

#[test]
fn a_page_that_cannot_be_put_back_leaves_the_others_old_and_the_journal_there() {
    for case in cases() {
        for (chip, change) in case.journal.chips.iter().enumerate() {
            for page in &change.pages {
                let mut world = World::new(&case);
                world.wear_out(chip, page.offset);
                let failure = carry_out(&mut case.journal.clone(), &mut world).unwrap_err();
                assert!(matches!(failure, Failure::Pending(_)), "{}: {failure:?}", case.name);
                let is_old = |world: &World| {
                    for (other, cells) in world.cells.iter().enumerate() {
                        let ruined = page.range();
                        for (at, byte) in cells.iter().enumerate() {
                            if other != chip || !ruined.contains(&(at as u64)) {
                                assert_eq!(*byte, case.old[other][at], "{} {other} {at}", case.name);
                            }
                        }
                    }
                };
                is_old(&world);
                // As often as the power goes and comes, at any step.
                let steps = {
                    let mut again = world.restarted();
                    assert!(recover_from(&mut again).iter().any(ChipEnd::is_pending));
                    is_old(&again);
                    again.steps()
                };
                for step in 0..steps {
                    let mut cut = world.restarted();
                    cut.cut_at(step, Mode::Random);
                    recover_from(&mut cut);
                    let mut again = cut.restarted();
                    assert!(recover_from(&mut again).iter().any(ChipEnd::is_pending));
                    is_old(&again);
                    // The part is exchanged for one that works, with the same bytes but for the page.
                    let mut mended = again.restarted();
                    mended.worn = None;
                    recover_from(&mut mended);
                    assert_eq!(held(&case, &mended, "mended"), Held::Old);
                }
            }
        }
    }
}

#[test]
fn a_chip_that_falls_silent_and_reads_as_erased_is_pending_and_recovered_when_it_answers() {
    for case in cases() {
        let mut whole = World::new(&case);
        carry_out(&mut case.journal.clone(), &mut whole).unwrap();
        for after in 1..whole.writes {
            let mut world = World::new(&case);
            world.silent_after = Some(after);
            match carry_out(&mut case.journal.clone(), &mut world).unwrap_err() {
                Failure::Pending(_) => {}
                failure => panic!("{}, silent after {after} writes: {failure:?}", case.name),
            }
            let mut answers = world.restarted();
            recover_from(&mut answers);
            assert_eq!(answers.saved, None, "{}, silent after {after} writes", case.name);
            held(&case, &answers, &format!("silent after {after} writes"));
        }
    }
}

#[test]
fn another_part_is_never_touched_and_keeps_no_other_chip_from_being_recovered() {
    let mut count = 0;
    for case in cases() {
        let mut whole = World::new(&case);
        carry_out(&mut case.journal.clone(), &mut whole).unwrap();
        for step in 0..whole.steps() {
            for mode in Mode::ALL {
                for (what, others) in &case.others {
                    for chip in 0..case.old.len() {
                        let mut cut = World::new(&case);
                        cut.cut_at(step, mode);
                        carry_out(&mut case.journal.clone(), &mut cut).unwrap_err();
                        let Some(journal) = cut.journal() else { continue };
                        let mut swapped = cut.restarted();
                        swapped.cells[chip].clone_from(&others[chip]);
                        let ends = recover(&mut journal.clone(), &mut swapped);
                        let how =
                            format!("{}: {what} in place of chip {chip}, step {step} {mode:?}", case.name);
                        assert!(matches!(ends[chip], ChipEnd::Other(_)), "{how}: {:?}", ends[chip]);
                        assert_eq!(swapped.cells[chip], others[chip], "{how}");
                        for other in (0..case.old.len()).filter(|other| *other != chip) {
                            assert_eq!(ends[other], ChipEnd::New, "{how}");
                            assert_eq!(swapped.cells[other], case.new[other], "{how}");
                        }
                        count += 1;
                    }
                }
            }
        }
    }
    println!("{count} exchanges of parts");
}

#[test]
fn a_chip_that_is_away_is_recovered_when_it_comes_back_and_the_others_at_once() {
    for case in cases() {
        let mut whole = World::new(&case);
        carry_out(&mut case.journal.clone(), &mut whole).unwrap();
        for step in 0..whole.steps() {
            for chip in 0..case.old.len() {
                let mut cut = World::new(&case);
                cut.cut_at(step, Mode::Random);
                carry_out(&mut case.journal.clone(), &mut cut).unwrap_err();
                if cut.saved.is_none() {
                    continue;
                }
                let mut away = cut.restarted();
                away.absent = Some(chip);
                let ends = recover_from(&mut away);
                assert_eq!(ends[chip], ChipEnd::Absent);
                assert!(away.saved.is_some(), "the journal waits for the chip");
                for other in (0..case.old.len()).filter(|other| *other != chip) {
                    assert_eq!(away.cells[other], case.new[other]);
                }
                let mut back = away.restarted();
                back.absent = None;
                recover_from(&mut back);
                assert_eq!(held(&case, &back, "back again"), Held::New);
            }
        }
    }
}

#[test]
fn a_full_disk_changes_nothing_and_keeps_a_page_that_failed_pending() {
    for case in cases() {
        let mut world = World::new(&case);
        world.is_full = true;
        let failure = carry_out(&mut case.journal.clone(), &mut world).unwrap_err();
        assert!(matches!(failure, Failure::NotBegun(_)));
        assert_eq!(held(&case, &world, "a full disk"), Held::Old);
        let mut world = World::new(&case);
        world.fail(0, world::Fault::Ruined);
        world.is_full_after_first = true;
        let failure = carry_out(&mut case.journal.clone(), &mut world).unwrap_err();
        assert!(matches!(failure, Failure::Pending(_)), "{failure:?}");
        let mut later = world.restarted();
        recover_from(&mut later);
        assert_eq!(held(&case, &later, "room again"), Held::New);
    }
}

#[test]
fn what_is_kept_of_a_journal_is_what_was_saved() {
    for case in cases() {
        let text = case.journal.to_text();
        assert_eq!(Journal::parse(text.iter().map(String::as_str)), Ok(case.journal));
    }
}
