//! Names of members that every image has, or some have.

/// What the image says of itself.
pub const MANIFEST: &str = "MANIFEST";
/// The key by which payloads are checked, in PEM.
pub const PUBLIC_KEY: &str = "publickey";
/// What a signature's name has behind the name of what it signs.
pub const SIGNATURE_EXTENSION: &str = ".sig";
/// The signature over all signatures of [`FULL_IMAGE_PARTS`]; it has no member of its own that it signs.
pub const FULL_IMAGE_SIGNATURE: &str = "image-full.sig";
/// The signatures that [`FULL_IMAGE_SIGNATURE`] covers, in the order in which they are put together.
pub const FULL_IMAGE_PARTS: [&str; 8] = [
    "image-bmc.sig",
    "image-hostfw.sig",
    "image-kernel.sig",
    "image-rofs.sig",
    "image-rwfs.sig",
    "image-u-boot.sig",
    "MANIFEST.sig",
    "publickey.sig",
];
