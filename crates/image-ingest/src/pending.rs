//! What earlier blocks say of the entry that comes next: GNU long names, pax attributes.

use crate::header::Header;
use image_check::ArchiveError;
use image_format::Excerpt;
use tar::PaxExtensions;

/// Attributes that wait for their entry.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    long_name: Option<Vec<u8>>,
    has_long_link: bool,
    attributes: Option<Attributes>,
}

#[derive(Debug, Default)]
struct Attributes {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Pending {
    /// Whether something waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.long_name.is_none() && !self.has_long_link && self.attributes.is_none()
    }

    /// A GNU long name.
    pub(crate) fn long_name(&mut self, content: &[u8]) -> Result<(), ArchiveError> {
        let name = content.strip_suffix(b"\0").unwrap_or(content);
        keep(&mut self.long_name, name.to_vec())
    }

    /// A GNU long link.
    pub(crate) fn long_link(&mut self) -> Result<(), ArchiveError> {
        if std::mem::replace(&mut self.has_long_link, true) {
            return Err(ArchiveError::Attributes);
        }
        Ok(())
    }

    /// pax attributes of the next entry.
    pub(crate) fn extended(&mut self, content: &[u8]) -> Result<(), ArchiveError> {
        keep(&mut self.attributes, Attributes::parse(content)?)
    }

    /// pax attributes of all that follows: nothing in them may matter here.
    pub(crate) fn global(content: &[u8]) -> Result<(), ArchiveError> {
        let attributes = Attributes::parse(content)?;
        if attributes.path.is_some() || attributes.size.is_some() {
            return Err(ArchiveError::Attributes);
        }
        Ok(())
    }

    /// The name that counts for the entry that has come. Forgets what waited.
    pub(crate) fn resolve(&mut self, header: &Header) -> Result<Vec<u8>, ArchiveError> {
        let Self { long_name, attributes, .. } = std::mem::take(self);
        let Attributes { path, size } = attributes.unwrap_or_default();
        // A size of a member that may be taken always fits into the header; two that differ make two archives of one.
        if size.is_some_and(|size| size != header.size) {
            return Err(ArchiveError::ContradictingSize);
        }
        match (long_name, path) {
            (Some(_), Some(_)) => Err(ArchiveError::Attributes),
            (Some(name), None) | (None, Some(name)) => Ok(name),
            (None, None) => Ok(header.name.clone()),
        }
    }
}

impl Attributes {
    fn parse(content: &[u8]) -> Result<Self, ArchiveError> {
        // The parser stops at an empty line, and nothing may hide behind one.
        let body = content.strip_suffix(b"\n").ok_or(ArchiveError::Attributes)?;
        if body.split(|byte| *byte == b'\n').any(<[u8]>::is_empty) {
            return Err(ArchiveError::Attributes);
        }
        let (mut found, mut sparse, mut sparse_name) = (Self::default(), false, None);
        for attribute in PaxExtensions::new(content) {
            let attribute = attribute.map_err(|_| ArchiveError::Attributes)?;
            let value = attribute.value_bytes();
            match attribute.key_bytes() {
                b"path" => keep(&mut found.path, value.to_vec())?,
                b"size" => {
                    let text = std::str::from_utf8(value).ok();
                    let digits = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                    let size = digits.and_then(|digits| digits.parse().ok());
                    keep(&mut found.size, size.ok_or(ArchiveError::Size)?)?;
                }
                b"GNU.sparse.name" => (sparse, sparse_name) = (true, Some(value.to_vec())),
                key if key.starts_with(b"GNU.sparse.") => sparse = true,
                _ => {}
            }
        }
        if sparse {
            let name = sparse_name.or(found.path).unwrap_or_else(|| b"a member".to_vec());
            let name = Excerpt::of(&name).to_string();
            return Err(ArchiveError::Kind { name, what: "a sparse file" });
        }
        Ok(found)
    }
}

fn keep<T>(slot: &mut Option<T>, value: T) -> Result<(), ArchiveError> {
    if slot.replace(value).is_some() {
        return Err(ArchiveError::Attributes);
    }
    Ok(())
}
