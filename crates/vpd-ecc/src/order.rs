//! The order in which the bits of an area form words.
//!
//! First every eleventh bit from bit 0 on, then every eleventh from bit 1 on, and so forth. Bit 0 of a byte is
//! its most significant.

/// Distance between neighbours of a word, in bits.
const STRIDE: usize = 11;

/// How many neighbours one 64-bit window yields: the last lies 55 bits after the first, and up to seven bits
/// are lost to the first one's place in its byte.
const WINDOW_BITS: usize = 6;

/// The six bits of a window that are neighbours, the first being the most significant bit.
const NEIGHBOURS: u64 = spread(63, STRIDE, false);

/// Moves the six neighbours together: neighbour `i` needs a shift by `10 i`, and no product of another
/// neighbour and shift lands in the six most significant bits or carries into them.
const TOGETHER: u64 = spread(0, STRIDE - 1, true);

const fn spread(first: usize, distance: usize, upwards: bool) -> u64 {
    let (mut sum, mut index) = (0, 0);
    while index < WINDOW_BITS {
        let step = distance.wrapping_mul(index);
        let bit = if upwards { first.wrapping_add(step) } else { first.wrapping_sub(step) };
        sum |= 1_u64.wrapping_shl(bit as u32);
        index = index.wrapping_add(1);
    }
    sum
}

/// Walks over an area and takes its bits in gather order.
#[derive(Clone)]
pub(crate) struct Gather {
    /// Bits in each residue class; the first `longer` classes have one more.
    class_length: usize,
    longer: usize,
    class: usize,
    position: usize,
    left_in_class: usize,
}

impl Gather {
    pub(crate) const fn new(bits: usize) -> Self {
        let (class_length, longer) = (bits / STRIDE, bits % STRIDE);
        let mut gather = Self { class_length, longer, class: 0, position: 0, left_in_class: 0 };
        gather.left_in_class = gather.length_of_class();
        gather
    }

    /// Takes the next `count` bits (at most 32), the first one as the most significant.
    ///
    /// Bits past the end of `bytes` are zero.
    pub(crate) fn take(&mut self, bytes: &[u8], count: usize) -> u32 {
        let mut value = 0_u32;
        let mut missing = count;
        while missing > 0 {
            if self.left_in_class == 0 {
                if !self.enter_next_class() {
                    return value.wrapping_shl(missing as u32);
                }
                continue;
            }
            let step = missing.min(self.left_in_class).min(WINDOW_BITS);
            let unused = WINDOW_BITS.wrapping_sub(step) as u32;
            value = value.wrapping_shl(step as u32) | neighbours(bytes, self.position).wrapping_shr(unused);
            self.position = self.position.wrapping_add(step.wrapping_mul(STRIDE));
            self.left_in_class = self.left_in_class.wrapping_sub(step);
            missing = missing.wrapping_sub(step);
        }
        value
    }

    /// Returns whether there is a next class.
    const fn enter_next_class(&mut self) -> bool {
        self.class = self.class.wrapping_add(1);
        self.position = self.class;
        self.left_in_class = self.length_of_class();
        self.class < STRIDE
    }

    const fn length_of_class(&self) -> usize {
        if self.class < self.longer { self.class_length.wrapping_add(1) } else { self.class_length }
    }
}

/// Six bits in steps of [`STRIDE`] from `position` on, as the low bits of the result, first one highest.
fn neighbours(bytes: &[u8], position: usize) -> u32 {
    let window = window(bytes, position / 8).wrapping_shl((position % 8) as u32);
    let top = (window & NEIGHBOURS).wrapping_mul(TOGETHER);
    top.wrapping_shr(u64::BITS.wrapping_sub(WINDOW_BITS as u32)) as u32
}

/// Eight bytes from `start` on, first one highest, zero past the end.
fn window(bytes: &[u8], start: usize) -> u64 {
    if let Some(chunk) = bytes.get(start..).and_then(|rest| rest.first_chunk()) {
        return u64::from_be_bytes(*chunk);
    }
    let (last, length) = match bytes.last_chunk::<8>() {
        Some(chunk) => (u64::from_be_bytes(*chunk), 8),
        None => (bytes.iter().fold(0, |sum: u64, byte| sum.wrapping_shl(8) | u64::from(*byte)), bytes.len()),
    };
    // `last` holds the last `length` bytes in its low end; bring the byte at `start` to the high end.
    let left = bytes.len().saturating_sub(start);
    let up = 8_usize.saturating_sub(left.min(length)).saturating_mul(8);
    last.checked_shl(up as u32).unwrap_or(0)
}

/// All bit positions of an area in gather order.
pub(crate) fn positions(bits: usize) -> impl Iterator<Item = usize> {
    (0..STRIDE).flat_map(move |class| (class..bits).step_by(STRIDE))
}

/// Position of the bit that comes `index`-th in gather order.
pub(crate) const fn position_of(bits: usize, index: usize) -> usize {
    let (class_length, longer) = (bits / STRIDE, bits % STRIDE);
    let in_longer = longer.wrapping_mul(class_length.wrapping_add(1));
    let (first_class, rest, length) = if index < in_longer {
        (0, index, class_length.wrapping_add(1))
    } else {
        (longer, index.wrapping_sub(in_longer), class_length)
    };
    match (rest.checked_div(length), rest.checked_rem(length)) {
        (Some(class), Some(step)) => first_class.wrapping_add(class).wrapping_add(step.wrapping_mul(STRIDE)),
        // An index past the end of an area with fewer bits than the stride; there the order is the identity.
        _ => index,
    }
}

/// Inverts one bit, if it exists.
pub(crate) fn flip(bytes: &mut [u8], position: usize) {
    if let Some(byte) = bytes.get_mut(position / 8) {
        *byte ^= 0x80_u8.wrapping_shr((position % 8) as u32);
    }
}
