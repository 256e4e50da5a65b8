use crate::archive::{self, Built};
use crate::compression::Encoder;
use crate::manifest::Lines;
use crate::plan::Plan;
use crate::{BuildError, Compression, Purpose};
use image_signature::PrivateKey;
use std::fmt;
use std::io::{Cursor, Read, Write};

/// The parts of an image, put together one by one.
#[must_use]
pub struct ImageBuilder<'a> {
    pub(crate) lines: Lines,
    pub(crate) payloads: Vec<Source<'a>>,
    pub(crate) keys: Option<Keys<'a>>,
    compression: Compression,
}

/// A payload that has not been read.
pub(crate) struct Source<'a> {
    pub name: String,
    pub length: u64,
    pub content: Box<dyn Read + 'a>,
}

/// Who signs.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    /// MANIFEST and public key.
    pub system: &'a PrivateKey,
    /// Payloads; its public key is in the archive.
    pub image: &'a PrivateKey,
}

impl<'a> ImageBuilder<'a> {
    /// Begins with an image without payloads, signatures and compression.
    pub fn new(purpose: Purpose, version: impl Into<String>) -> Self {
        Self {
            lines: Lines::new(purpose, version.into()),
            payloads: Vec::new(),
            keys: None,
            compression: Compression::None,
        }
    }

    /// The machine that the image is for: line `MachineName`.
    pub fn machine_name(mut self, name: impl Into<String>) -> Self {
        self.lines.machine_name = Some(name.into());
        self
    }

    /// More about the version: lines `ExtendedVersion` and `extended_version`, for upstream's programs read one each.
    pub fn extended_version(mut self, text: impl Into<String>) -> Self {
        self.lines.extended_version = Some(text.into());
        self
    }

    /// One more name of what the image fits: line `CompatibleName`.
    pub fn compatible_name(mut self, name: impl Into<String>) -> Self {
        self.lines.compatible_names.push(name.into());
        self
    }

    /// The key set that the image says it was signed with: line `KeyType`.
    pub fn key_type(mut self, name: impl Into<String>) -> Self {
        self.lines.key_type = Some(name.into());
        self
    }

    /// OpenSSL's name of the digest that all signatures are made over: line `HashType`.
    ///
    /// Without it an image that is signed has `RSA-SHA256` or `SHA256`, by the kind of the payloads' key.
    pub fn hash_type(mut self, name: impl Into<String>) -> Self {
        self.lines.hash_type = Some(name.into());
        self
    }

    /// A further line, after all others.
    pub fn line(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.lines.further.push((key.into(), value.into()));
        self
    }

    /// One more payload, at the end of those that are there.
    pub fn payload(self, name: impl Into<String>, content: impl AsRef<[u8]> + 'a) -> Self {
        let length = content.as_ref().len() as u64;
        self.payload_from(name, length, Cursor::new(content))
    }

    /// One more payload that is read while the archive is written. `length` is in bytes and must be right.
    pub fn payload_from(mut self, name: impl Into<String>, length: u64, content: impl Read + 'a) -> Self {
        self.payloads.push(Source { name: name.into(), length, content: Box::new(content) });
        self
    }

    /// Has the image signed: MANIFEST and public key by a key of the trust store, all else by the image's own.
    ///
    /// Without a key of its own the image's is the trust store's.
    pub fn sign(mut self, system: &'a PrivateKey, image: Option<&'a PrivateKey>) -> Self {
        self.keys = Some(Keys { system, image: image.unwrap_or(system) });
        self
    }

    /// How the archive is compressed.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Writes the archive.
    ///
    /// Shape: ustar, top level only, mode 0644, owner root, time 0. Payloads in their order, MANIFEST, and if it is signed
    /// the public key, the members' signatures in the order of the members, and for purpose BMC `image-full.sig`.
    ///
    /// Errors: [`BuildError`]. Those about names, lines and what an image lacks come before anything is written; after
    /// [`BuildError::Read`], [`BuildError::Length`], [`BuildError::Sign`] and [`BuildError::Write`] what was written is no
    /// image.
    pub fn write(self, out: impl Write) -> Result<Built, BuildError> {
        let compression = self.compression;
        let plan = Plan::new(self)?;
        let mut encoder = Encoder::new(compression, out).map_err(BuildError::Write)?;
        let built = archive::write(plan, &mut encoder)?;
        encoder.finish().map_err(BuildError::Write)?;
        Ok(built)
    }
}

impl fmt::Debug for ImageBuilder<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.payloads.iter().map(|payload| &payload.name).collect::<Vec<_>>();
        formatter
            .debug_struct("ImageBuilder")
            .field("lines", &self.lines)
            .field("payloads", &names)
            .field("signed", &self.keys.is_some())
            .field("compression", &self.compression)
            .finish()
    }
}
