//! `test-attacks`; see the library.

fn main() -> anyhow::Result<()> {
    test_attacks::main()
}
