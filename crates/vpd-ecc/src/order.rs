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
pub(crate) struct Gather {
    /// Bits in each residue class; the first `longer` classes have one more.
    class_length: usize,
    longer: usize,
    class: usize,
    position: usize,
    left_in_class: usize,
    /// Bits gathered and not taken yet, in the low end, first one highest.
    gathered: u64,
    gathered_bits: u32,
}

impl Gather {
    /// Begins to walk over so many bits.
    pub(crate) const fn new(bits: usize) -> Self {
        let (class_length, longer) = (bits / STRIDE, bits % STRIDE);
        let mut gather = Self {
            class_length,
            longer,
            class: 0,
            position: 0,
            left_in_class: 0,
            gathered: 0,
            gathered_bits: 0,
        };
        gather.enter(0);
        gather
    }

    /// Takes the next `COUNT` bits (at most 32) of the area, the first one as the most significant.
    ///
    /// Bits past the end of `bytes` are zero.
    #[inline(always)]
    pub(crate) fn take<const COUNT: u32>(&mut self, bytes: &[u8]) -> u32 {
        while self.gathered_bits < COUNT {
            self.gather(bytes);
        }
        self.gathered_bits = self.gathered_bits.wrapping_sub(COUNT);
        let mask = 1_u64.wrapping_shl(COUNT).wrapping_sub(1);
        (self.gathered.wrapping_shr(self.gathered_bits) & mask) as u32
    }

    #[inline(always)]
    fn gather(&mut self, bytes: &[u8]) {
        let bits = neighbours(bytes, self.position);
        if self.left_in_class > WINDOW_BITS {
            self.left_in_class = self.left_in_class.wrapping_sub(WINDOW_BITS);
            self.position = self.position.wrapping_add(WINDOW_BITS.wrapping_mul(STRIDE));
            self.keep(bits, WINDOW_BITS as u32);
        } else {
            let unused = WINDOW_BITS.wrapping_sub(self.left_in_class) as u32;
            self.keep(bits.wrapping_shr(unused), self.left_in_class as u32);
            self.enter(self.class.wrapping_add(1));
        }
    }

    #[inline(always)]
    const fn keep(&mut self, bits: u64, count: u32) {
        self.gathered = self.gathered.wrapping_shl(count) | bits;
        self.gathered_bits = self.gathered_bits.wrapping_add(count);
    }

    /// Enters a class. What follows the last one reads as zero bits without end.
    const fn enter(&mut self, class: usize) {
        self.class = class;
        self.position = class;
        self.left_in_class = if class >= STRIDE {
            self.position = usize::MAX;
            WINDOW_BITS
        } else if class < self.longer {
            self.class_length.wrapping_add(1)
        } else {
            self.class_length
        };
    }
}

/// Six bits in steps of [`STRIDE`] from `position` on, as the low bits of the result, first one highest.
#[inline(always)]
fn neighbours(bytes: &[u8], position: usize) -> u64 {
    let window = window(bytes, position / 8).wrapping_shl((position % 8) as u32);
    let top = (window & NEIGHBOURS).wrapping_mul(TOGETHER);
    top.wrapping_shr(u64::BITS.wrapping_sub(WINDOW_BITS as u32))
}

/// Eight bytes from `start` on, first one highest, zero past the end.
#[inline(always)]
fn window(bytes: &[u8], start: usize) -> u64 {
    match bytes.get(start..start.saturating_add(8)).and_then(|chunk| chunk.first_chunk()) {
        Some(chunk) => u64::from_be_bytes(*chunk),
        None => last_window(bytes, start),
    }
}

/// As [`window`], where fewer than eight bytes are left.
#[inline(never)]
fn last_window(bytes: &[u8], start: usize) -> u64 {
    let (last, length) = match bytes.last_chunk::<8>() {
        Some(chunk) => (u64::from_be_bytes(*chunk), 8),
        None => (bytes.iter().fold(0, |sum: u64, byte| sum.wrapping_shl(8) | u64::from(*byte)), bytes.len()),
    };
    // `last` holds the last `length` bytes in its low end; bring the byte at `start` to the high end.
    let left = bytes.len().saturating_sub(start).min(length);
    last.checked_shl(64_u32.saturating_sub((left as u32).saturating_mul(8))).unwrap_or(0)
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
