//! Bytes that nothing covers: there a change goes unnoticed, and no reader could help it.

/// Offsets of bytes in a fixture.
#[derive(Default)]
pub struct Uncovered {
    /// A wrong byte gives a wrong value, and the outcome is what it is without it.
    pub silent: Vec<Vec<usize>>,
    /// A wrong byte makes the image one that nothing protects, and that is said of it.
    pub unprotected: Vec<Vec<usize>>,
}

/// What nothing covers in a fixture.
pub fn of(name: &str) -> Uncovered {
    let list = |range: std::ops::Range<usize>| range.collect::<Vec<_>>();
    let (silent, unprotected) = match name {
        // The identifier comes before the part that has a checksum.
        "keyword" => (vec![list(3..19)], vec![]),
        // Lengths of keywords, of which some value swallows RV, and RV's name: without RV there is no checksum.
        "pci-keyword" => (vec![], vec![vec![30, 40, 49, 56, 66, 73, 88, 95, 114, 118, 122], list(131..133)]),
        // As above, and silent, since an image with a writable section is `unchecked` in the first place; the tag of that
        // section, which can become the end tag; its keywords up to the value of RW.
        "network-adapter" => (vec![vec![38, 48, 57, 72, 78, 79, 82], list(85..113)], vec![]),
        // The manufacturer's id, for which DDR4 has no checksum.
        "ddr4-ddimm" => (vec![list(552..554)], vec![]),
        // The manufacturer's id, serial and part number; what lies between is not looked at.
        "ddr4-isdimm" => (vec![list(320..322), list(325..349)], vec![]),
        // The manufacturer's id, serial and part number: an image with uncovered values is `unchecked` in the first place.
        "ddr5-isdimm" => (vec![list(512..514), list(517..551)], vec![]),
        // Code covers everything that is read.
        _ => (vec![], vec![]),
    };
    Uncovered { silent, unprotected }
}
