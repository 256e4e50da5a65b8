//! The code of one 32-bit word: seven check bits of odd-weight columns.

/// Contribution of each data bit to the check byte, first gathered bit first.
///
/// All columns are different and have three bits set. So one wrong bit gives a column or a single bit, and two
/// give an even number of bits, which is neither.
const COLUMNS: [u8; 32] = [
    0x23, 0x2c, 0x32, 0x34, 0x38, 0x64, 0x68, 0x70, 0x43, 0x45, 0x46, 0x4a, 0x4c, 0x52, 0x54, 0x58, //
    0x62, 0x1a, 0x26, 0x16, 0x0e, 0x13, 0x0b, 0x07, 0x61, 0x51, 0x31, 0x29, 0x19, 0x25, 0x15, 0x0d,
];

/// Check byte of the word of all zero bits; its most significant bit is spare and always zero.
const ZERO_WORD: u8 = 0x7f;

/// Contributions of whole bytes of a word: one KiB, so that a word costs four look-ups.
static CONTRIBUTIONS: [[u8; 256]; 4] = contributions();

/// Meaning of each syndrome, see [`SPARE`] and [`BEYOND`].
static SYNDROMES: [u8; 256] = syndromes();

/// In [`SYNDROMES`]: below it is the wrong data bit, from it on the wrong bit of the check byte.
const SPARE: u8 = 32;
/// In [`SYNDROMES`]: not one wrong bit.
const BEYOND: u8 = 0xff;

/// The one wrong bit of a word and its check byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// This data bit, 0 being the first gathered.
    Data(u8),
    /// This bit of the check byte, 1 to 7, counted from the most significant one.
    Code(u8),
    /// The spare bit of the check byte, its most significant one.
    Spare,
}

/// More than one bit of a word is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Beyond;

/// Check byte that belongs to a word.
pub(crate) fn check_byte(word: u32) -> u8 {
    let [first, second, third, fourth] = &CONTRIBUTIONS;
    let [a, b, c, d] = word.to_be_bytes();
    ZERO_WORD ^ look_up(first, a) ^ look_up(second, b) ^ look_up(third, c) ^ look_up(fourth, d)
}

/// Compares a word with the low eight bits of `stored`.
pub(crate) fn fault(word: u32, stored: u32) -> Result<Option<Fault>, Beyond> {
    let syndrome = check_byte(word) ^ (stored & 0xff) as u8;
    if syndrome == 0 {
        return Ok(None);
    }
    match look_up(&SYNDROMES, syndrome) {
        BEYOND => Err(Beyond),
        SPARE => Ok(Some(Fault::Spare)),
        bit if bit < SPARE => Ok(Some(Fault::Data(bit))),
        bit => Ok(Some(Fault::Code(bit.wrapping_sub(SPARE)))),
    }
}

fn look_up(table: &[u8; 256], index: u8) -> u8 {
    table.get(usize::from(index)).copied().unwrap_or(BEYOND)
}

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "computed by the compiler")]
const fn contributions() -> [[u8; 256]; 4] {
    let mut tables = [[0; 256]; 4];
    let mut byte = 0;
    while byte < 4 {
        let mut value = 0;
        while value < 256 {
            let mut bit = 0;
            while bit < 8 {
                if value & (0x80 >> bit) != 0 {
                    tables[byte][value] ^= COLUMNS[8 * byte + bit];
                }
                bit += 1;
            }
            value += 1;
        }
        byte += 1;
    }
    tables
}

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "computed by the compiler")]
const fn syndromes() -> [u8; 256] {
    let mut table = [BEYOND; 256];
    let mut bit = 0;
    while bit < 32 {
        table[COLUMNS[bit] as usize] = bit as u8;
        bit += 1;
    }
    let mut bit = 0;
    while bit < 8 {
        table[0x80 >> bit] = SPARE + bit as u8;
        bit += 1;
    }
    table
}
