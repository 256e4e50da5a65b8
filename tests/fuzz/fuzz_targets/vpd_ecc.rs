//! Checking, correcting and creating agree with each other on any bytes.
//!
//! Input: one byte that says how much of the rest is data (the remainder is code), the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vpd_ecc::Verdict;

fuzz_target!(|input: &[u8]| {
    let Some((&share, rest)) = input.split_first() else { return };
    let (data, code) = rest.split_at(rest.len() * usize::from(share) / 255);
    hostile(data, code);
    sound(rest);
});

/// Whatever was read: a correction is made exactly when the check promises it, and leads to agreement.
fn hostile(data: &[u8], code: &[u8]) {
    let verdict = vpd_ecc::check(data, code);
    let (mut new_data, mut new_code) = (data.to_vec(), code.to_vec());
    match (verdict, vpd_ecc::correct(&mut new_data, &mut new_code)) {
        (Verdict::Ok, Ok(correction)) => assert!(correction.is_empty()),
        (Verdict::Correctable(promised), Ok(made)) => {
            assert_eq!(promised, made);
            assert_eq!(vpd_ecc::check(&new_data, &new_code), Verdict::Ok);
            let changed: u32 = [(data, &new_data), (code, &new_code)]
                .iter()
                .flat_map(|(old, new)| old.iter().zip(new.iter()))
                .map(|(old, new)| (old ^ new).count_ones())
                .sum();
            assert_eq!(changed, made.bits());
            return;
        }
        (Verdict::Rejected(promised), Err(error)) => assert_eq!(promised, error),
        (verdict, result) => panic!("check says {verdict:?}, correct says {result:?}"),
    }
    assert_eq!((data, code), (&*new_data, &*new_code), "nothing was to be changed");
}

/// A created code agrees with its data, and survives any one wrong bit.
fn sound(data: &[u8]) {
    let mut code = vec![0xff; vpd_ecc::code_length(data.len())];
    let Ok(length) = vpd_ecc::create(data, &mut code) else { return };
    assert_eq!(length, code.len());
    assert_eq!(vpd_ecc::check(data, &code), Verdict::Ok);
    let mut damaged = data.to_vec();
    let position = usize::from(data[0]) * 8 % (damaged.len() * 8);
    damaged[position / 8] ^= 1 << (position % 8);
    let correction = vpd_ecc::correct(&mut damaged, &mut code).expect("one wrong bit can be corrected");
    assert_eq!((correction.data_bits, &*damaged), (1, data));
}
