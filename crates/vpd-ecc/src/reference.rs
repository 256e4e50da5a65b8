//! A second implementation, bit by bit and with row masks instead of columns, to compare the first with.

/// Which word bits each check bit covers, check bit 6 first; the mask's top bit stands for word bit 0.
const ROWS: [u32; 7] =
    [0x07ff_80c0, 0xff00_a0b4, 0x3907_546a, 0x4a19_4a19, 0x546a_3907, 0xa0b4_ff00, 0x80c0_07ff];

pub(crate) fn bit(bytes: &[u8], position: usize) -> bool {
    bytes[position / 8] & (1 << (7 - position % 8)) != 0
}

/// Positions in gather order, by sorting them on their residue.
pub(crate) fn order(bits: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..bits).collect();
    all.sort_by_key(|position| position % 11);
    all
}

pub(crate) fn words(data: &[u8]) -> Vec<u32> {
    let mut padded = data.to_vec();
    padded.resize(data.len().div_ceil(4) * 4, 0);
    let order = order(padded.len() * 8);
    order
        .chunks(32)
        .map(|chunk| chunk.iter().fold(0, |word, position| word << 1 | u32::from(bit(&padded, *position))))
        .collect()
}

pub(crate) fn check_byte(word: u32) -> u8 {
    ROWS.iter().fold(0, |byte, row| byte << 1 | u8::from((word & row).count_ones().is_multiple_of(2)))
}

/// Check bytes before they are scattered.
pub(crate) fn check_bytes(data: &[u8]) -> Vec<u8> {
    words(data).into_iter().map(check_byte).collect()
}

pub(crate) fn create(data: &[u8]) -> Vec<u8> {
    let checks = check_bytes(data);
    let mut code = vec![0; checks.len()];
    for (index, position) in order(checks.len() * 8).into_iter().enumerate() {
        if bit(&checks, index) {
            code[position / 8] |= 1 << (7 - position % 8);
        }
    }
    code
}

/// Code 0, 90 or 91 with the repaired data and code, found by trying every single-bit repair of each word.
pub(crate) fn correct(data: &[u8], code: &[u8]) -> (i32, Vec<u8>, Vec<u8>) {
    let (mut data_out, mut code_out) = (data.to_vec(), code.to_vec());
    let (data_order, code_order) = (order(data.len().div_ceil(4) * 32), order(code.len() * 8));
    let mut result = 0;
    for (index, word) in words(data).into_iter().enumerate() {
        let stored = (0..8).fold(0, |byte, b| byte << 1 | u8::from(bit(code, code_order[8 * index + b])));
        if stored == check_byte(word) {
            continue;
        }
        result = 91;
        if let Some(b) = (0..32).find(|b| check_byte(word ^ (1 << (31 - b))) == stored) {
            let position = data_order[32 * index + b];
            if position >= data.len() * 8 {
                return (90, data.to_vec(), code.to_vec());
            }
            data_out[position / 8] ^= 1 << (7 - position % 8);
        } else if let Some(b) = (0..8).find(|b| check_byte(word) == stored ^ (1 << (7 - b))) {
            let position = code_order[8 * index + b];
            code_out[position / 8] ^= 1 << (7 - position % 8);
        } else {
            return (90, data.to_vec(), code.to_vec());
        }
    }
    (result, data_out, code_out)
}
