use super::*;
use crate::order::position_of;
use test_random::Numbers;

/// Fixed, so that every run tests the same; shown by each assertion that depends on it.
const SEED: u64 = 0x5eed_0001;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn code_of(data: &[u8]) -> Vec<u8> {
    let mut code = vec![0xa5; code_length(data.len())];
    assert_eq!(create(data, &mut code), Ok(code.len()));
    code
}

const HEADER: &str =
    "84280052540456484452564402303150540e56544f43d5003700a00056092800504608000000000000000078";
const HEADER_CODE: &str = "000f17baedc4837f14fc4e";

#[test]
fn known_areas_have_their_known_code() {
    let counting: Vec<u8> = (0..44).collect();
    let vectors = [
        (hex("00000000"), "7f"),
        (hex("80000000"), "5c"),
        (hex("00000001"), "5a"),
        (hex("49424d21"), "6c"),
        (counting[..16].to_vec(), "2a6d771d"),
        (vec![0; 44], "001fffffffffffffffffff"),
        (counting, "0015602e6ea0610147c515"),
        (hex(HEADER), HEADER_CODE),
        (
            hex(
                "842c005254044c585230565a0230314c5808310004010030007150461200000000000000000000000000000000000078",
            ),
            "20085b42e54d2a8b72183860",
        ),
    ];
    for (data, expected) in vectors {
        assert_eq!(code_of(&data), hex(expected), "{data:02x?}");
        assert_eq!(reference::create(&data), hex(expected), "reference, {data:02x?}");
        assert_eq!(check(&data, &hex(expected)), Verdict::Ok, "{data:02x?}");
    }
}

#[test]
fn gathering_and_check_bytes_have_their_known_values() {
    let counting: Vec<u8> = (0..44).collect();
    let mut gather = Gather::new(352);
    let words: Vec<u8> = (0..11).flat_map(|_| gather.take::<32>(&counting).to_be_bytes()).collect();
    assert_eq!(
        words,
        hex("200549260862033903405b8a0810da44509646300012b50704b1a41805ac08e124214c0229426a190a51128b")
    );
    let checks: Vec<u8> =
        words.chunks(4).map(|word| word::check_byte(u32::from_be_bytes(word.try_into().unwrap()))).collect();
    assert_eq!(checks, hex("55104112721a6b72251005"));
}

#[test]
fn damage_of_the_header_vector_is_judged_as_known() {
    let (good, good_code) = (hex(HEADER), hex(HEADER_CODE));
    let repaired = |damage: &dyn Fn(&mut [u8])| {
        let (mut data, mut code) = (good.clone(), good_code.clone());
        damage(&mut data);
        let verdict = check(&data, &code);
        let correction = correct(&mut data, &mut code).unwrap();
        assert_eq!((&data, &code), (&good, &good_code));
        assert_eq!(verdict, Verdict::Correctable(correction));
        assert_eq!(verdict.code(), 91);
        correction.data_bits
    };
    assert_eq!(repaired(&|data| data[6] = 0), 4);
    assert_eq!(repaired(&|data| (40..51).for_each(|position| order::flip(data, position))), 11);

    let mut data = good.clone();
    order::flip(&mut data, 0);
    order::flip(&mut data, 11);
    assert_eq!(data[..2], [0x04, 0x38]);
    let (damaged, mut code) = (data.clone(), good_code.clone());
    assert_eq!(correct(&mut data, &mut code), Err(EccError::Uncorrectable { word: 0 }));
    assert_eq!((data, code), (damaged.clone(), good_code.clone()), "nothing may be changed");
    assert_eq!(check(&damaged, &good_code).code(), 90);
}

#[test]
fn every_single_wrong_bit_is_repaired() {
    let mut numbers = Numbers::new(SEED);
    for length in [1, 2, 3, 4, 5, 8, 12, 44, 47, 48, 132, 160, 257] {
        let data = numbers.bytes(length);
        let code = reference::create(&data);
        for position in 0..length * 8 {
            let (mut damaged, mut damaged_code) = (data.clone(), code.clone());
            order::flip(&mut damaged, position);
            let expected = Correction { data_bits: 1, ..Correction::default() };
            assert_eq!(correct(&mut damaged, &mut damaged_code), Ok(expected), "{length} {position}");
            assert_eq!((&damaged, &damaged_code), (&data, &code), "{length} {position}");
        }
        for position in 0..code.len() * 8 {
            let (mut damaged, mut damaged_code) = (data.clone(), code.clone());
            order::flip(&mut damaged_code, position);
            let correction = correct(&mut damaged, &mut damaged_code).unwrap();
            assert_eq!((correction.bits(), correction.data_bits), (1, 0), "{length} {position}");
            assert_eq!((&damaged, &damaged_code), (&data, &code), "{length} {position}");
        }
    }
}

#[test]
fn every_double_error_in_one_word_is_noticed() {
    let data = Numbers::new(SEED).bytes(44);
    let code = code_of(&data);
    let area = Area::new(44, 11).unwrap();
    for word in 0..11 {
        for (first, second) in (0..40_u8).flat_map(|second| (0..second).map(move |first| (first, second))) {
            let (mut damaged, mut damaged_code) = (data.clone(), code.clone());
            for bit in [first, second] {
                match bit.checked_sub(32) {
                    None => order::flip(&mut damaged, area.data_position(word, bit)),
                    Some(bit) => order::flip(&mut damaged_code, area.code_position(word, bit)),
                }
            }
            assert_eq!(
                check(&damaged, &damaged_code),
                Verdict::Rejected(EccError::Uncorrectable { word }),
                "{first} {second}"
            );
        }
    }
}

#[test]
fn every_burst_of_up_to_eleven_bits_is_repaired() {
    let mut numbers = Numbers::new(SEED);
    for length in [44, 48, 132, 160] {
        let data = numbers.bytes(length);
        let code = code_of(&data);
        for burst in 1..=11 {
            for start in 0..=length * 8 - burst {
                let (mut damaged, mut damaged_code) = (data.clone(), code.clone());
                (start..start + burst).for_each(|position| order::flip(&mut damaged, position));
                let correction = correct(&mut damaged, &mut damaged_code).unwrap();
                assert_eq!(correction.data_bits as usize, burst, "{length} {start} {burst}");
                assert_eq!(damaged, data, "{length} {start} {burst}");
            }
        }
    }
}

#[test]
fn bursts_of_twelve_and_thirteen_bits_are_never_miscorrected() {
    for length in [44, 48, 132, 160] {
        let data = Numbers::new(SEED).bytes(length);
        let code = code_of(&data);
        for (burst, start) in [12, 13].into_iter().flat_map(|b| (0..=length * 8 - b).map(move |s| (b, s))) {
            let (mut damaged, mut damaged_code) = (data.clone(), code.clone());
            (start..start + burst).for_each(|position| order::flip(&mut damaged, position));
            match correct(&mut damaged, &mut damaged_code) {
                Ok(_) => assert_eq!(damaged, data, "{length} {start} {burst}"),
                Err(error) => assert_eq!(error.code(), 90),
            }
        }
    }
}

#[test]
fn spare_bits_are_counted_apart() {
    let (mut data, good_code) = (hex(HEADER), hex(HEADER_CODE));
    for position in 0..11 {
        let mut code = good_code.clone();
        order::flip(&mut code, position);
        let expected = Correction { spare_bits: 1, ..Correction::default() };
        assert_eq!(correct(&mut data, &mut code), Ok(expected), "{position}");
        assert_eq!(code, good_code, "{position}");
    }
    let mut code = good_code.clone();
    order::flip(&mut code, 11);
    assert_eq!(correct(&mut data, &mut code), Ok(Correction { ecc_bits: 1, ..Correction::default() }));
}

#[test]
fn a_second_implementation_agrees_on_random_areas() {
    let mut numbers = Numbers::new(SEED);
    for round in 0..1500 {
        let exponent = numbers.below(12);
        let length = (4 + numbers.below(4 << exponent)).min(8192);
        let data = numbers.bytes(length);
        let code = reference::create(&data);
        if length.is_multiple_of(4) {
            assert_eq!(code_of(&data), code, "seed {SEED:x} round {round} length {length}");
        }
        let (mut damaged, mut damaged_code) = (data, code);
        for _ in 0..[0, 1, 2, 6][round % 4] {
            let position = numbers.below((length + damaged_code.len()) * 8);
            match position.checked_sub(length * 8) {
                None => order::flip(&mut damaged, position),
                Some(position) => order::flip(&mut damaged_code, position),
            }
        }
        let expected = reference::correct(&damaged, &damaged_code);
        let verdict = check(&damaged, &damaged_code);
        let _ = correct(&mut damaged, &mut damaged_code);
        assert_eq!(
            (verdict.code(), damaged, damaged_code),
            expected,
            "seed {SEED:x} round {round} length {length}"
        );
    }
}

#[test]
fn closed_form_and_walk_give_the_same_order() {
    for bits in (8..700).chain([8 * 8192]) {
        let expected = reference::order(bits);
        assert!(positions(bits).eq(expected.iter().copied()), "{bits}");
        assert!((0..bits).map(|index| position_of(bits, index)).eq(expected), "{bits}");
    }
}

#[test]
fn lengths_that_do_not_fit_are_refused_and_nothing_is_written() {
    let mut code = [0x55; 8];
    for (length, room, expected) in [
        (0, 8, EccError::WrongBufferSize { found: 0 }),
        (3, 8, EccError::WrongBufferSize { found: 3 }),
        (33, 8, EccError::WrongBufferSize { found: 33 }),
        (32, 7, EccError::NotEnoughBuffer { expected: 8, found: 7 }),
    ] {
        assert_eq!(create(&[1; 64][..length], &mut code[..room]), Err(expected));
        assert_eq!(code, [0x55; 8]);
    }
    for (length, found, expected) in [
        (0, 0, EccError::WrongBufferSize { found: 0 }),
        (0, 1, EccError::WrongBufferSize { found: 0 }),
        (4, 0, EccError::WrongEccSize { expected: 1, found: 0 }),
        (4, 2, EccError::WrongEccSize { expected: 1, found: 2 }),
        (5, 1, EccError::WrongEccSize { expected: 2, found: 1 }),
        (44, 12, EccError::WrongEccSize { expected: 11, found: 12 }),
    ] {
        assert_eq!(check(&[1; 64][..length], &[0; 64][..found]), Verdict::Rejected(expected));
        assert_eq!(correct(&mut [1; 64][..length], &mut [0; 64][..found]), Err(expected));
    }
}

#[test]
fn an_error_that_would_lie_in_the_padding_is_not_correctable() {
    // Six bytes are checked as eight; a code made for a set bit in byte six or seven contradicts the padding.
    for position in 48..64 {
        let mut padded = [7, 1, 8, 2, 9, 3, 0, 0];
        order::flip(&mut padded, position);
        let mut code = code_of(&padded);
        let (mut data, before) = ([7, 1, 8, 2, 9, 3], code.clone());
        assert_eq!(correct(&mut data, &mut code).unwrap_err().code(), 90, "{position}");
        assert_eq!((data, code), ([7, 1, 8, 2, 9, 3], before));
    }
}

#[test]
fn blank_areas_look_as_documented() {
    assert_eq!(check(&[0; 44], &[0; 11]).code(), 90);
    let Verdict::Correctable(correction) = check(&[0xff; 44], &[0xff; 11]) else { panic!() };
    assert_eq!(correction, Correction { spare_bits: 11, ..Correction::default() });
}

#[test]
fn return_codes_are_those_of_the_published_contract() {
    let codes = [
        Verdict::Ok.code(),
        EccError::NotEnoughBuffer { expected: 1, found: 0 }.code(),
        EccError::WrongEccSize { expected: 1, found: 0 }.code(),
        EccError::WrongBufferSize { found: 0 }.code(),
        EccError::Uncorrectable { word: 0 }.code(),
        Verdict::Correctable(Correction::default()).code(),
    ];
    assert_eq!(codes, [0, 1, 2, 9, 90, 91]);
}
