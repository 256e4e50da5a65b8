//! Descriptions of keyword VPD and the bytes they stand for.

use super::image::Tag;
use super::{CHECKSUM_TAG, END_TAG, IDENTIFIER_TAG, WRITABLE_TAG, checksum};
use crate::error::VpdError;
use crate::names::KeywordName;

/// How the keyword section ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// 0x79, checksum, 0x78.
    Checksum,
    /// 0x78 alone; only after tag 0x90.
    Plain,
}

/// A keyword VPD image to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageDescription {
    /// Size of the image in bytes.
    pub size: usize,
    /// Value of the bytes after the end tag.
    pub fill: u8,
    /// The identifier string.
    pub identifier: Vec<u8>,
    /// Kind of keyword section.
    pub tag: Tag,
    /// How the section ends.
    pub ending: Ending,
    /// The keywords in order. After tag 0x90 the first byte of keyword RV is replaced by the checksum.
    pub keywords: Vec<(KeywordName, Vec<u8>)>,
    /// The keywords of a writable section in order, RW included; only after tag 0x90 with a plain ending.
    pub writable: Option<Vec<(KeywordName, Vec<u8>)>>,
}

impl ImageDescription {
    /// Makes the image.
    ///
    /// Errors: [`VpdError::DoesNotFit`]; [`VpdError::EmptySection`] without keywords;
    /// [`VpdError::UnexpectedByte`] for a plain ending after tag 0x84, and for a writable section after anything but a plain
    /// ending.
    pub fn encode(&self) -> Result<Vec<u8>, VpdError> {
        let mut image = vec![IDENTIFIER_TAG];
        image.extend(length_field("the identifier", self.identifier.len())?);
        image.extend(&self.identifier);
        let section = encode_section(&self.keywords)?;
        let is_pci = self.tag == Tag::ReadOnly && self.ending == Ending::Plain;
        if self.writable.is_some() && !is_pci {
            let (what, offset) = ("keyword section end", image.len() as u32);
            return Err(VpdError::UnexpectedByte {
                what,
                offset,
                expected: CHECKSUM_TAG,
                found: WRITABLE_TAG,
            });
        }
        if self.tag == Tag::Vendor && self.ending == Ending::Plain {
            let (what, offset) = ("keyword section end", image.len() as u32);
            return Err(VpdError::UnexpectedByte { what, offset, expected: CHECKSUM_TAG, found: END_TAG });
        }
        image.push(self.tag.byte());
        image.extend(length_field("the keywords", section.len())?);
        image.extend(&section);
        if self.ending == Ending::Checksum {
            image.extend([CHECKSUM_TAG, 0]);
        }
        if let Some(writable) = &self.writable {
            let section = encode_section(writable)?;
            image.push(WRITABLE_TAG);
            image.extend(length_field("the writable keywords", section.len())?);
            image.extend(&section);
        }
        image.push(END_TAG);
        checksum::refresh(&mut image)?;
        if image.len() > self.size {
            let (limit, found) = (self.size as u64, image.len() as u64);
            return Err(VpdError::DoesNotFit { what: "the image", limit, found });
        }
        image.resize(self.size, self.fill);
        Ok(image)
    }
}

fn encode_section(keywords: &[(KeywordName, Vec<u8>)]) -> Result<Vec<u8>, VpdError> {
    let mut section = Vec::new();
    for (name, value) in keywords {
        let length = u8::try_from(value.len()).map_err(|_| VpdError::DoesNotFit {
            what: "the value of a keyword",
            limit: u64::from(u8::MAX),
            found: value.len() as u64,
        })?;
        section.extend(name.0);
        section.push(length);
        section.extend(value);
    }
    Ok(section)
}

fn length_field(what: &'static str, length: usize) -> Result<[u8; 2], VpdError> {
    let limit = u64::from(u16::MAX);
    let length =
        u16::try_from(length).map_err(|_| VpdError::DoesNotFit { what, limit, found: length as u64 })?;
    Ok(length.to_le_bytes())
}
