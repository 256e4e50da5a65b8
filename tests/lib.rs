//! Shared parts of the tests that need several crates: fixtures, damage, private buses.
