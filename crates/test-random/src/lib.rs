//! Numbers for tests that look random and are the same in every run.
//!
//! A test has a fixed seed of its own and shows it, so that what fails can be repeated.
#![deny(missing_docs)]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

/// A small generator (xorshift).
#[derive(Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The numbers of a seed, which the test harness shows when the test fails.
    #[expect(clippy::print_stdout, reason = "the test harness shows it")]
    pub fn new(seed: u64) -> Self {
        println!("seed {seed:#x}");
        Self::silent(seed)
    }

    /// The same for a test that shows the seed itself, since it has many.
    pub fn silent(seed: u64) -> Self {
        // Seeds that follow each other would begin alike.
        let mut numbers = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            numbers.next();
        }
        numbers
    }

    /// A number below a limit; 0 below 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or_default().checked_rem(limit).unwrap_or_default()
    }

    /// Whether one of so many equal chances has come.
    pub fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        let [.., byte] = self.next().to_le_bytes();
        byte
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length.saturating_add(8));
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_every_time_and_another_gives_others() {
        let bytes = |seed| Numbers::new(seed).bytes(100);
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1)[..8], bytes(2)[..8]);
        assert_eq!(bytes(0).len(), 100);
    }

    #[test]
    fn numbers_are_below_their_limit_and_all_of_them_come() {
        let mut numbers = Numbers::new(7);
        let mut seen = [0; 6];
        for _ in 0..600 {
            seen[numbers.below(6)] += 1;
        }
        assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
        assert_eq!(numbers.below(0), 0);
    }
}
