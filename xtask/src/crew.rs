//! Work that is done by two at once.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many machines or fuzzers run at once. Half of a boot is waiting, so two keep two cores busy; more would only be
/// slower.
pub const AT_ONCE: usize = 2;

/// Works on every item, so many at once; they are begun in their order, which is the order of the results too.
pub fn work<T: Sync, R: Send>(at_once: usize, items: &[T], one: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return done };
            done.push((index, one(item)));
        }
    };
    let mut results = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            results.extend(worker.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        }
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn two_work_at_once_and_results_keep_the_order_of_the_items() {
        // Either of a pair waits for the other, so this ends only if two are at work.
        let pair = Barrier::new(2);
        let doubled = work(2, &[1, 2, 3, 4], |number| {
            pair.wait();
            number * 2
        });
        assert_eq!(doubled, [2, 4, 6, 8]);
    }
}
