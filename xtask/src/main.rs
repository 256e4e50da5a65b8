//! All automation of the workspace; `cargo xtask help` lists it.

fn main() {}
