//! Checks twelve good areas as often as the argument says; `cargo xtask bench vpd` counts what one time costs.

/// Lengths of the areas of a system planar: header, table of contents, ten records.
const LENGTHS: [usize; 12] = [44, 160, 132, 48, 72, 288, 288, 288, 164, 48, 180, 232];

fn main() {
    let times: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    let areas: Vec<(Vec<u8>, Vec<u8>)> = LENGTHS.iter().map(|length| area(*length)).collect();
    for _ in 0..times {
        for (data, code) in &areas {
            assert!(matches!(vpd_ecc::check(data, code), vpd_ecc::Verdict::Ok), "the area is good");
        }
    }
}

fn area(length: usize) -> (Vec<u8>, Vec<u8>) {
    let data: Vec<u8> = (0..length).map(|index| (index * 37 + length) as u8).collect();
    let mut code = vec![0; vpd_ecc::code_length(length)];
    assert!(vpd_ecc::create(&data, &mut code).is_ok(), "the area has a code");
    (data, code)
}
