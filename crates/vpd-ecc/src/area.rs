//! Sizes and bit positions of one area and its code.

use crate::order::position_of;
use crate::{EccError, code_length};

/// An area whose lengths fit each other.
#[derive(Clone, Copy)]
pub(crate) struct Area {
    data_length: usize,
    code_length: usize,
}

impl Area {
    pub(crate) const fn new(data_length: usize, found: usize) -> Result<Self, EccError> {
        // Bit positions must fit a `usize`, also on 32-bit machines.
        if data_length == 0 || data_length > usize::MAX >> 4 {
            return Err(EccError::WrongBufferSize { found: data_length });
        }
        let expected = code_length(data_length);
        if found != expected {
            return Err(EccError::WrongEccSize { expected, found });
        }
        Ok(Self { data_length, code_length: expected })
    }

    /// Bits of the data, including what pads it to whole words.
    pub(crate) const fn data_bits(self) -> usize {
        self.code_length.saturating_mul(32)
    }

    pub(crate) const fn code_bits(self) -> usize {
        self.code_length.saturating_mul(8)
    }

    /// Place in gather order of one bit of a word.
    pub(crate) const fn bit_index(self, word: usize, bit: u8) -> usize {
        word.saturating_mul(32).saturating_add(bit as usize)
    }

    /// Position in the area of one bit of a word.
    pub(crate) fn data_position(self, word: usize, bit: u8) -> usize {
        position_of(self.data_bits(), self.bit_index(word, bit))
    }

    /// Position in the code of one bit of a check byte, bit 0 being its most significant.
    pub(crate) fn code_position(self, word: usize, bit: u8) -> usize {
        position_of(self.code_bits(), word.saturating_mul(8).saturating_add(usize::from(bit)))
    }

    /// Tells whether a bit position lies past the data.
    pub(crate) const fn is_padding(self, position: usize) -> bool {
        position >= self.data_length.saturating_mul(8)
    }
}
