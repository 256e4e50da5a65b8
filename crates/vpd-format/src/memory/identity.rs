//! Part number, serial number, CCIN and manufacturer of a memory module.

use core::ops::Range;

use super::detect::{BAR_CODE, BAR_CODE_START};
use super::module::Kind;
use crate::names::KeywordName;
use crate::options::PartNumbers;
use plain_text::{is_programmed, without_padding};

/// One value: its keyword, the bytes it depends on, how it comes from them.
pub(crate) struct Value {
    pub(crate) keyword: KeywordName,
    /// What it is, for reports.
    pub(crate) what: &'static str,
    /// The bytes it depends on, as far as one checksum or none may cover them.
    pub(crate) bytes: Range<usize>,
    pub(crate) from: From,
}

/// How a value comes from its bytes.
#[derive(Clone, Copy)]
pub(crate) enum From {
    /// As they are.
    Copy,
    /// Without trailing spaces and zero bytes.
    Text,
    /// Manufacturer id, most significant byte first, and the four bytes of the serial number at the end of
    /// the range, as twelve hexadecimal digits.
    SerialNumber,
    /// Part number by [`part`], if there is one.
    TablePartNumber,
    /// CCIN by [`part`], if there is one.
    TableCcin,
    /// Part number by [`part`], or `FFFFFFF`.
    UpstreamPartNumber,
    /// CCIN by [`part`], or `XXXX`.
    UpstreamCcin,
}

/// What came of a value's bytes.
pub(crate) enum Decoded {
    Value(Vec<u8>),
    /// Nothing is known of such a module.
    Unknown,
    /// The bytes were never programmed.
    NotProgrammed,
}

const FN: KeywordName = KeywordName(*b"FN");
const PN: KeywordName = KeywordName(*b"PN");
const SN: KeywordName = KeywordName(*b"SN");
const CC: KeywordName = KeywordName(*b"CC");
const DI: KeywordName = KeywordName(*b"DI");

const PART_NUMBER: usize = BAR_CODE + BAR_CODE_START.len();
const SERIAL_NUMBER: usize = PART_NUMBER + 7;
const CCIN: usize = SERIAL_NUMBER + 12;

const fn value(keyword: KeywordName, what: &'static str, bytes: Range<usize>, from: From) -> Value {
    Value { keyword, what, bytes, from }
}

static DDIMM: [Value; 5] = [
    value(FN, "part number", PART_NUMBER..SERIAL_NUMBER, From::Copy),
    value(PN, "part number", PART_NUMBER..SERIAL_NUMBER, From::Copy),
    value(SN, "serial number", SERIAL_NUMBER..CCIN, From::Copy),
    value(CC, "CCIN", CCIN..CCIN + 4, From::Copy),
    value(DI, "manufacturer id", 552..554, From::Copy),
];

static DDR4_ISDIMM: [Value; 5] = [
    value(FN, "FRU number", 0..19, From::TablePartNumber),
    value(PN, "part number", 329..349, From::Text),
    value(SN, "serial number", 320..329, From::SerialNumber),
    value(CC, "CCIN", 0..19, From::TableCcin),
    value(DI, "manufacturer id", 320..322, From::Copy),
];

/// The same as openpower-vpd-parser has it.
static DDR4_ISDIMM_UPSTREAM: [Value; 5] = [
    value(FN, "FRU number", 0..19, From::UpstreamPartNumber),
    value(PN, "part number", 0..19, From::UpstreamPartNumber),
    value(SN, "serial number", 320..329, From::SerialNumber),
    value(CC, "CCIN", 0..19, From::UpstreamCcin),
    value(DI, "manufacturer id", 320..322, From::Copy),
];

/// FN and CC name parts of machines that no table for DDR5 modules exists for.
static DDR5_ISDIMM: [Value; 3] = [
    value(PN, "part number", 521..551, From::Text),
    value(SN, "serial number", 512..521, From::SerialNumber),
    value(DI, "manufacturer id", 512..514, From::Copy),
];

/// The values of a kind of module, in the order of publication.
pub(crate) fn values(kind: Kind, part_numbers: PartNumbers) -> &'static [Value] {
    match (kind, part_numbers) {
        (Kind::Ddr4Ddimm | Kind::Ddr5Ddimm, _) => &DDIMM,
        (Kind::Ddr4Isdimm, PartNumbers::Module) => &DDR4_ISDIMM,
        (Kind::Ddr4Isdimm, PartNumbers::Upstream) => &DDR4_ISDIMM_UPSTREAM,
        (Kind::Ddr5Isdimm, _) => &DDR5_ISDIMM,
    }
}

impl Value {
    /// The value, from the bytes of its range.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Decoded {
        let of_table =
            |found: Option<&str>| found.map_or(Decoded::Unknown, |text| Decoded::Value(text.into()));
        let stored = |stored: &[u8], value: &dyn Fn() -> Vec<u8>| {
            if is_programmed(stored) { Decoded::Value(value()) } else { Decoded::NotProgrammed }
        };
        match self.from {
            From::Copy => stored(bytes, &|| bytes.to_vec()),
            From::Text => stored(without_padding(bytes), &|| without_padding(bytes).to_vec()),
            From::SerialNumber => {
                let [low, high, .., a, b, c, d] = bytes else { return Decoded::Unknown };
                stored(&[*a, *b, *c, *d], &|| digits([*high, *low, *a, *b, *c, *d]))
            }
            From::TablePartNumber => of_table(part(bytes).map(|part| part.2)),
            From::TableCcin => of_table(part(bytes).map(|part| part.3)),
            From::UpstreamPartNumber => of_table(Some(part(bytes).map_or("FFFFFFF", |part| part.2))),
            From::UpstreamCcin => of_table(Some(part(bytes).map_or("XXXX", |part| part.3))),
        }
    }
}

/// Upper-case hexadecimal digits.
fn digits(bytes: [u8; 6]) -> Vec<u8> {
    let digits = |byte: u8| [byte.wrapping_shr(4), byte & 0x0f].map(hexadecimal);
    bytes.into_iter().flat_map(digits).collect()
}

fn hexadecimal(nibble: u8) -> u8 {
    b"0123456789ABCDEF".get(usize::from(nibble)).copied().unwrap_or(b'?')
}

/// Organisation (bytes 4, 5, 6 and the low nibble of 12), cycle time (byte 18), part number, CCIN.
type Part = (u32, u8, &'static str, &'static str);

/// Source: openpower-vpd-parser, DDR4 industry standard modules of POWER systems.
static PARTS: [Part; 10] = [
    (0x842_1000, 6, "78P4191", "324D"),
    (0x842_1008, 6, "78P4192", "324E"),
    (0x852_9000, 6, "78P4197", "324E"),
    (0x852_9008, 6, "78P4198", "324F"),
    (0x852_9928, 6, "78P4199", "325A"),
    (0x852_9b28, 6, "78P4200", "324C"),
    (0x863_1928, 6, "78P6925", "32BC"),
    (0x852_9000, 5, "78P7317", "331A"),
    (0x852_9008, 5, "78P7318", "331F"),
    (0x863_1008, 5, "78P6815", "32BB"),
];

/// The part that a DDR4 industry standard module is, by its first 19 bytes.
fn part(bytes: &[u8]) -> Option<&'static Part> {
    let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or_default());
    let key = u32::from_be_bytes([0, byte(4) as u8, byte(5) as u8, byte(6) as u8]).wrapping_shl(4)
        | byte(12) & 0x0f;
    let cycle_time = byte(18) as u8;
    PARTS.iter().find(|part| (part.0, part.1) == (key, cycle_time))
}
