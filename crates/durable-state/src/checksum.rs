/// FNV-1a, 64 bits.
///
/// Each byte's turn is reversible, so that two texts of one length which differ within one byte never have the same sum.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    add(BEGINNING, bytes)
}

/// The sum of nothing.
pub(crate) const BEGINNING: u64 = 0xcbf2_9ce4_8422_2325;

/// The sum of a text that goes on.
pub(crate) fn add(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// As it stands in a file: 16 hexadecimal digits.
pub(crate) fn in_words(bytes: &[u8]) -> String {
    format!("{:016x}", checksum(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_the_files_that_are_there() {
        assert_eq!(checksum(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(in_words(b"a"), "af63dc4c8601ec8c");
        assert_eq!(in_words(b"foobar"), "85944171f73967e8");
    }
}
