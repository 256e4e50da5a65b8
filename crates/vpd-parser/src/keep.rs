//! What is read of a damaged image for whoever looks into it later.

use crate::collect::Collected;
use device_io::{Eeprom, EepromError, LOCK_RETRY};
use fru_publication::Fragment;
use std::time::{Duration, Instant};
use vpd_format::{ReadAt, Window};

/// Most that is kept of one image: the largest window that the format can address.
const MOST: usize = 64 * 1024;
/// Longest time for it; the slowest bus needs six seconds for so much.
const LIMIT: Duration = Duration::from_secs(10);
/// Bytes of one read: the slowest bus needs 0.4 s for so many, and that is the longest that a writer waits for it.
const PIECE: usize = 4 * 1024;
/// Pause between two reads, longer than a writer that waits takes to look again.
const PAUSE: Duration = LOCK_RETRY.saturating_mul(2);

/// The bytes of an image that is damaged, as far as they can be had in time and before a writer comes; none of any other.
///
/// It comes after publication, so that no reader of the data waits for it. The EEPROM is locked for one piece at a time, so
/// that vpd-writer can repair it meanwhile. A write that is over before the next piece is not noticed; then what is kept has both.
pub(crate) fn image(collected: &Collected, fragment: &Fragment) -> Vec<u8> {
    if !collected.is_damaged() {
        return Vec::new();
    }
    let open = || -> Result<_, EepromError> {
        let eeprom = Eeprom::open_within(&collected.file, Duration::ZERO)?;
        Ok(Window::new(eeprom, fragment.offset, fragment.size))
    };
    let image = read(open, std::thread::sleep, Instant::now() + LIMIT);
    log::debug!("{} bytes of a damaged image are kept", image.len());
    image
}

fn read<R: ReadAt>(
    open: impl Fn() -> Result<R, EepromError>,
    pause: impl Fn(Duration),
    until: Instant,
) -> Vec<u8> {
    let mut image = Vec::new();
    while Instant::now() < until {
        if !image.is_empty() {
            pause(PAUSE);
        }
        let mut source = match open() {
            Ok(source) => source,
            Err(error) => {
                log::info!("of the damaged image {} bytes are kept: {error}", image.len());
                break;
            }
        };
        let size = usize::try_from(source.size()).unwrap_or(usize::MAX).min(MOST);
        let mut piece = vec![0; PIECE.min(size.saturating_sub(image.len()))];
        if piece.is_empty() || source.read_exact_at(image.len() as u64, &mut piece).is_err() {
            break;
        }
        image.append(&mut piece);
        if image.len() >= size {
            break;
        }
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::fs::File;
    use vpd_format::Bytes;

    #[test]
    fn as_much_is_kept_as_can_be_had_and_addressed() {
        let later = Instant::now() + LIMIT;
        let kept = |size: usize, until| {
            let bytes = vec![7; size];
            read(|| Ok(Bytes(&bytes)), |_| {}, until)
        };
        assert_eq!(kept(10_000, later), vec![7; 10_000]);
        assert_eq!(kept(100_000, later).len(), MOST);
        assert_eq!(kept(10_000, Instant::now()), b"");
        assert_eq!(kept(0, later), b"");
    }

    #[test]
    fn between_two_pieces_a_writer_can_lock_and_nothing_is_read_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eeprom");
        std::fs::write(&path, [7; 5 * PIECE]).unwrap();
        let writer = File::options().write(true).open(&path).unwrap();
        let pauses = Cell::new(0);
        let pause = |_| {
            pauses.set(pauses.get() + 1);
            if pauses.get() == 2 {
                writer.try_lock().unwrap();
            }
        };
        let open = || Eeprom::open_within(&path, Duration::ZERO);
        assert_eq!(read(open, pause, Instant::now() + LIMIT), [7; 2 * PIECE]);
        writer.unlock().unwrap();
        assert_eq!(read(open, |_| {}, Instant::now() + LIMIT).len(), 5 * PIECE);
    }
}
