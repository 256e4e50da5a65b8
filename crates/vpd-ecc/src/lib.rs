//! Error correcting code of IPZ vital product data: create, check, correct.
//!
//! Every four data bytes carry one code byte. Words of 32 bits are gathered from the whole area with a stride
//! of eleven bits, so that a burst of up to eleven wrong bits hits eleven different words, each of which can
//! repair one bit and notice two.
//!
//! Must not know: records, keywords, devices. Input is hostile; nothing here panics or allocates.
//!
//! ```
//! let data = *b"IBM!";
//! let mut code = [0];
//! vpd_ecc::create(&data, &mut code).unwrap();
//! assert_eq!(code, [0x6c]);
//!
//! let mut damaged = *b"IBM\x23";
//! let correction = vpd_ecc::correct(&mut damaged, &mut code).unwrap();
//! assert_eq!((damaged, correction.data_bits), (data, 1));
//! ```
//!
//! # Provenance
//!
//! No published specification of this code is known. The directory that upstream's repository keeps for it
//! holds a stand-in whose check accepts everything and whose create always fails; the working source is not
//! public. The numbers in this crate were worked out from data alone: from pairs of records and code bytes in
//! sample images published under the Apache License 2.0, with the help of the contract in the stand-in's
//! header (seven check bits per 32-bit word, a scramble that takes a distance, the list of return codes). The
//! bits of each check byte were taken as unknown linear functions of a word, and both the distance and the bit
//! order as unknown; one image determines them all, with stride eleven and the most significant bit first as
//! the only consistent answer, and a second and third image that played no part in the fit confirm it.
//!
//! This is not a certified clean room: during that work a search result showed a few lines of a circulating
//! copy of the closed source, which was not opened and on which no number rests. How the closed library treats
//! errors in code bits and lengths that are no multiple of four cannot be known from data; what this crate does
//! there is its own choice, stated at [`check`].

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod area;
mod order;
mod word;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use area::Area;
use order::{Gather, positions};
use word::Fault;

/// Length of the code of an area, in bytes: one byte for four, rounded up.
#[must_use]
pub const fn code_length(data_length: usize) -> usize {
    data_length.div_ceil(4)
}

/// What a correction changed.
///
/// Units: bits. Many corrected bits deserve suspicion: three wrong bits in one word look like one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Correction {
    /// Bits flipped in the data.
    pub data_bits: u32,
    /// Bits flipped in the code, the spare ones not counted.
    pub ecc_bits: u32,
    /// Spare code bits set back to zero; they protect nothing.
    pub spare_bits: u32,
}

impl Correction {
    /// All bits that were changed.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        self.data_bits.saturating_add(self.ecc_bits).saturating_add(self.spare_bits)
    }

    /// Tells whether nothing had to be changed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bits() == 0
    }

    const fn count(&mut self, fault: Fault) {
        let counter = match fault {
            Fault::Data(_) => &mut self.data_bits,
            Fault::Code(_) => &mut self.ecc_bits,
            Fault::Spare => &mut self.spare_bits,
        };
        *counter = counter.saturating_add(1);
    }
}

/// Why no code could be created or no correction made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EccError {
    /// The room for the code is too small.
    #[error("the code needs {expected} bytes, there is room for {found}")]
    NotEnoughBuffer {
        /// Bytes needed.
        expected: usize,
        /// Bytes available.
        found: usize,
    },
    /// The code's length does not belong to the data's.
    #[error("{expected} bytes of code belong to the data, found {found}")]
    WrongEccSize {
        /// Bytes that belong to the data.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The data is empty or, for [`create`], no multiple of four bytes.
    #[error("{found} bytes of data cannot be protected")]
    WrongBufferSize {
        /// Bytes given.
        found: usize,
    },
    /// More damage than the code can repair.
    #[error("word {word} is damaged beyond correction")]
    Uncorrectable {
        /// Index of the first such word, in gather order.
        word: usize,
    },
}

impl EccError {
    /// The return code that the closed library's published contract has for this.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::NotEnoughBuffer { .. } => 1,
            Self::WrongEccSize { .. } => 2,
            Self::WrongBufferSize { .. } => 9,
            Self::Uncorrectable { .. } => 90,
        }
    }
}

/// What a check found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Data and code agree.
    Ok,
    /// They do not, and this would make them agree.
    Correctable(Correction),
    /// They do not, or cannot belong together.
    Rejected(EccError),
}

impl Verdict {
    /// The return code that the closed library's published contract has for this: 0 agreed, 91 correctable,
    /// 90 not correctable, 2 and 9 wrong lengths.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Ok => 0,
            Self::Correctable(_) => 91,
            Self::Rejected(error) => error.code(),
        }
    }
}

/// Computes the code of `data` into the first [`code_length`] bytes of `code` and returns their number.
///
/// Errors: [`EccError::WrongBufferSize`] when `data` is empty or no multiple of four bytes,
/// [`EccError::NotEnoughBuffer`] when `code` is too short; `code` is untouched then.
pub fn create(data: &[u8], code: &mut [u8]) -> Result<usize, EccError> {
    if data.is_empty() || !data.len().is_multiple_of(4) {
        return Err(EccError::WrongBufferSize { found: data.len() });
    }
    let expected = code_length(data.len());
    let found = code.len();
    let Some(code) = code.get_mut(..expected) else {
        return Err(EccError::NotEnoughBuffer { expected, found });
    };
    code.fill(0);
    let area = Area::new(data.len(), expected)?;
    let mut words = Gather::new(area.data_bits());
    let mut targets = positions(area.code_bits());
    for _ in 0..expected {
        let check = word::check_byte(words.take::<32>(data));
        for bit in (0..8).rev() {
            let target = targets.next().unwrap_or(0);
            if check.wrapping_shr(bit) & 1 == 1 {
                order::flip(code, target);
            }
        }
    }
    Ok(expected)
}

/// Compares data and code without changing either.
///
/// Data whose length is no multiple of four bytes is checked as if zero bytes followed; an error that would
/// lie in those is not correctable. An error in code bits alone, even in a spare bit, is correctable. Lengths
/// are judged first, the data's before the code's. A blank area is no special case here: all zero is not
/// correctable, all ones looks correctable, so test for blank images first.
#[must_use]
pub fn check(data: &[u8], code: &[u8]) -> Verdict {
    match survey(data, code) {
        Ok(correction) if correction.is_empty() => Verdict::Ok,
        Ok(correction) => Verdict::Correctable(correction),
        Err(error) => Verdict::Rejected(error),
    }
}

/// Repairs data and code in place and says what was changed.
///
/// Errors: as [`Verdict::Rejected`] of [`check`]; nothing is changed then.
pub fn correct(data: &mut [u8], code: &mut [u8]) -> Result<Correction, EccError> {
    let correction = survey(data, code)?;
    if correction.is_empty() {
        return Ok(correction);
    }
    let area = Area::new(data.len(), code.len())?;
    let (mut words, mut checks) = (Gather::new(area.data_bits()), Gather::new(area.code_bits()));
    for index in 0..code.len() {
        // Repairing one word cannot disturb another: they share no bits.
        match word::fault(words.take::<32>(data), checks.take::<8>(code)) {
            Ok(Some(Fault::Data(bit))) => order::flip(data, area.data_position(index, bit)),
            Ok(Some(Fault::Code(bit))) => order::flip(code, area.code_position(index, bit)),
            Ok(Some(Fault::Spare)) => order::flip(code, area.code_position(index, 0)),
            Ok(None) | Err(_) => {}
        }
    }
    Ok(correction)
}

/// Goes over all words: the corrections that are due, or the first word that has none.
fn survey(data: &[u8], code: &[u8]) -> Result<Correction, EccError> {
    let area = Area::new(data.len(), code.len())?;
    let (mut words, mut checks) = (Gather::new(area.data_bits()), Gather::new(area.code_bits()));
    let mut correction = Correction::default();
    for index in 0..code.len() {
        let fault = word::fault(words.take::<32>(data), checks.take::<8>(code))
            .map_err(|_| EccError::Uncorrectable { word: index })?;
        let Some(fault) = fault else { continue };
        if matches!(fault, Fault::Data(bit) if area.is_padding(area.data_position(index, bit))) {
            return Err(EccError::Uncorrectable { word: index });
        }
        correction.count(fault);
    }
    Ok(correction)
}
