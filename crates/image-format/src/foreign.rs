//! Packages that are none of ours, by their first bytes.

/// Bytes of a file that it takes to tell.
pub const FOREIGN_MAGIC: usize = 16;

/// PLDM firmware update packages begin with one of these (DMTF DSP0267 1.0 to 1.3, PackageHeaderIdentifier).
const PLDM: [[u8; FOREIGN_MAGIC]; 4] = [
    [0xf0, 0x18, 0x87, 0x8c, 0xcb, 0x7d, 0x49, 0x43, 0x98, 0x00, 0xa0, 0x2f, 0x05, 0x9a, 0xca, 0x02],
    [0x12, 0x44, 0xd2, 0x64, 0x8d, 0x7d, 0x47, 0x18, 0xa0, 0x30, 0xfc, 0x8a, 0x56, 0x58, 0x7d, 0x5a],
    [0x31, 0x19, 0xce, 0x2f, 0xe8, 0x0a, 0x4a, 0x99, 0xaf, 0x6d, 0x46, 0xf8, 0xb1, 0x21, 0xf6, 0xbf],
    [0x7b, 0x29, 0x1c, 0x99, 0x6d, 0xb6, 0x42, 0x08, 0x80, 0x1b, 0x02, 0x02, 0x6e, 0x46, 0x3c, 0x78],
];

/// What a file is that begins so, if it is a package for another service; in words.
pub fn foreign_package(first: &[u8]) -> Option<&'static str> {
    PLDM.iter().any(|magic| first.starts_with(magic)).then_some("a PLDM firmware update package")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pldm_package_is_told_from_archives_and_short_files() {
        for magic in PLDM {
            assert!(foreign_package(&[&magic[..], b"more"].concat()).is_some());
            assert_eq!(foreign_package(&magic[..15]), None);
        }
        for other in [&b""[..], b"MANIFEST", &[0x1f, 0x8b], &[0; 64]] {
            assert_eq!(foreign_package(other), None);
        }
    }
}
