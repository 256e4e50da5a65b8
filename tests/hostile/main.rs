//! Damaged and lying images, as far as that can be enumerated: repaired or reported, never believed.
//!
//! What is damaged is every fixture; what reads it is any `Subject`, so that broken readers can prove that their
//! faults are noticed. `VIVIANITE_SOAK=1` tries every value of every byte instead of a sample.

mod damage;
mod judgement;
mod subject;
mod tables;
mod uncovered;
mod watched;

/// Everything is tried, however long it takes.
fn is_soak() -> bool {
    std::env::var_os("VIVIANITE_SOAK").is_some_and(|value| value == "1")
}

const FIXTURES: [&str; 9] = [
    "system-planar",
    "card",
    "keyword",
    "pci-keyword",
    "network-adapter",
    "ddr4-ddimm",
    "ddr5-ddimm",
    "ddr4-isdimm",
    "ddr5-isdimm",
];
