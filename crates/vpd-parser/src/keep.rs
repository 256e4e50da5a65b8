//! What is read of a damaged image for whoever looks into it later.

use crate::collect::Collected;
use device_io::Eeprom;
use fru_publication::Fragment;
use std::time::{Duration, Instant};
use vpd_format::{ReadAt, Window};

/// Most that is kept of one image: the largest window that the format can address.
const MOST: usize = 64 * 1024;
/// Longest time for it; the slowest bus needs six seconds for so much.
const LIMIT: Duration = Duration::from_secs(10);
/// Bytes of one read.
const PIECE: usize = 4 * 1024;

/// The bytes of an image that is damaged, as far as they can be had in time; none of any other.
///
/// It comes after publication, so that nobody waits for it who wants the data.
pub(crate) fn image(collected: &Collected, fragment: &Fragment) -> Vec<u8> {
    if !collected.is_damaged() {
        return Vec::new();
    }
    match Eeprom::open(&collected.file) {
        Ok(eeprom) => read(Window::new(eeprom, fragment.offset, fragment.size), Instant::now() + LIMIT),
        Err(error) => {
            log::info!("the damaged image is not kept: {error}");
            Vec::new()
        }
    }
}

fn read<R: ReadAt>(mut source: R, until: Instant) -> Vec<u8> {
    let size = usize::try_from(source.size()).unwrap_or(usize::MAX).min(MOST);
    let mut image = Vec::new();
    while image.len() < size && Instant::now() < until {
        let mut piece = vec![0; PIECE.min(size - image.len())];
        if source.read_exact_at(image.len() as u64, &mut piece).is_err() {
            break;
        }
        image.append(&mut piece);
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use vpd_format::Bytes;

    #[test]
    fn as_much_is_kept_as_can_be_had_and_addressed() {
        let later = Instant::now() + LIMIT;
        assert_eq!(read(Bytes(&[7; 10_000]), later), vec![7; 10_000]);
        assert_eq!(read(Bytes(&[7; 100_000]), later).len(), MOST);
        assert_eq!(read(Bytes(&[7; 10_000]), Instant::now()), b"");
    }
}
