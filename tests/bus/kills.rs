//! Each service is killed at random moments, again and again, while a client works: what it was answered holds after each
//! restart, and what it was not answered holds as a whole or not at all.

mod collection;
mod images;
mod inventory;
mod location_codes;

use crate::images::bed::is_soak;
use anyhow::Context as _;
use house_tests::Machine;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use test_bus::{Daemon, LIMIT};
use test_random::Numbers;

/// Kills of each service.
const KILLS: usize = 20;
/// The same in `soak`.
const MANY_KILLS: usize = 200;
/// Answers that a client has had when the service is killed, at most.
const ANSWERS: usize = 12;
/// A service among its peers, with a client.
trait Subject {
    const NAME: &'static str;
    /// How much later than an answer it is killed, at most: as long as what follows from a call takes.
    const LATER: Duration;

    fn machine(&self) -> &Machine;

    fn command(&self) -> anyhow::Result<Command> {
        self.machine().command(Self::NAME)
    }

    /// Finds all as it was answered; the service is ready.
    fn check(&mut self) -> anyhow::Result<()>;

    /// Works until the service is no more, and gives the error by which that shows.
    fn work(&mut self, numbers: &mut Numbers, progress: &Progress) -> anyhow::Result<String>;
}

/// By this a client tells how far it is.
struct Progress(Sender<()>);

impl Progress {
    /// One more answer has come. Whether the service lives still, as far as is known.
    fn answered(&self) -> bool {
        self.0.send(()).is_ok()
    }
}

/// Starts the service and kills it, until it is enough.
#[expect(clippy::print_stdout, reason = "the test harness shows it")]
fn kill_at_random<S: Subject>(subject: &mut S, seed: u64) -> anyhow::Result<()> {
    let mut numbers = Numbers::new(seed);
    let kills = if is_soak() { MANY_KILLS } else { KILLS };
    // It is built before that.
    subject.command()?;
    let began = Instant::now();
    let first = start(subject)?;
    // As long as a start takes here.
    let longest = began.elapsed();
    subject.check()?;
    drop(first);
    let mut while_starting = 0;
    for kill in 0..kills {
        let told = || format!("{}: seed {seed:#x}, kill {kill}", S::NAME);
        let early = numbers.one_in(2).then(|| fraction(longest, &mut numbers));
        let Some(service) = start_until(subject, early).with_context(told)? else {
            while_starting += 1;
            continue;
        };
        subject.check().with_context(told)?;
        let (answers, later) = (numbers.below(ANSWERS), fraction(S::LATER, &mut numbers));
        work(subject, service, &mut numbers, (answers, later)).with_context(told)?;
    }
    let _service = start(subject)?;
    subject.check().context("in the end")?;
    println!("{}: {kills} kills, {while_starting} of them at the start, {:?}", S::NAME, began.elapsed());
    Ok(())
}

fn fraction(whole: Duration, numbers: &mut Numbers) -> Duration {
    const PARTS: u32 = 1000;
    whole * u32::try_from(numbers.below(PARTS as usize)).unwrap_or_default() / PARTS
}

fn start<S: Subject>(subject: &S) -> anyhow::Result<Daemon> {
    Daemon::spawn_ready(S::NAME, &mut subject.command()?, subject.machine().folder(), LIMIT)
}

/// Starts the service; it is killed if it is not ready at the moment, if there is one.
fn start_until<S: Subject>(subject: &S, moment: Option<Duration>) -> anyhow::Result<Option<Daemon>> {
    match moment {
        None => start(subject).map(Some),
        Some(moment) => {
            Daemon::spawn_or_kill(S::NAME, &mut subject.command()?, subject.machine().folder(), moment)
        }
    }
}

/// Lets the client work until the service is killed: after so many answers, and so much later.
fn work<S: Subject>(
    subject: &mut S,
    mut service: Daemon,
    numbers: &mut Numbers,
    (answers, later): (usize, Duration),
) -> anyhow::Result<()> {
    let (sender, heard) = channel();
    thread::scope(|scope| {
        let killing = scope.spawn(move || kill_after(&mut service, &heard, answers, later));
        // The sender goes with the work.
        let ended = {
            let progress = Progress(sender);
            subject.work(numbers, &progress)?
        };
        let killed = killing.join().map_err(|_| anyhow::anyhow!("the thread panicked"))?;
        killed.context(ended)
    })
}

fn kill_after(
    service: &mut Daemon,
    heard: &Receiver<()>,
    answers: usize,
    later: Duration,
) -> anyhow::Result<()> {
    for _ in 0..answers {
        heard.recv_timeout(LIMIT).context("it was not killed and answers no more")?;
    }
    let reached = Instant::now();
    while let Some(left) = later.checked_sub(reached.elapsed()) {
        // Answers go on.
        let more = heard.recv_timeout(left);
        anyhow::ensure!(more != Err(RecvTimeoutError::Disconnected), "it was not killed and answers no more");
    }
    service.kill()
}
