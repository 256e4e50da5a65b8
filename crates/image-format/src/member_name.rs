use crate::names;
use plain_text::is_hidden;
use std::borrow::Borrow;
use std::fmt;

/// The name of a member of an archive, safe to be made below a folder.
///
/// Shape: one or more components with `/` between them, none of them empty, `.` or `..`, or with a blank at an end; UTF-8
/// without hidden characters ([`plain_text::is_hidden`]) and backslashes. Or `.`, the root, for a folder. Two names are equal if they are the same file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberName(String);

/// What a name may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameLimits {
    /// Longest name as the archive has it, bytes.
    pub bytes: usize,
    /// Most components.
    pub depth: usize,
}

impl Default for NameLimits {
    fn default() -> Self {
        Self { bytes: 255, depth: 3 }
    }
}

/// Why a name is refused. Who asked has the name, and shows it with its bytes escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It has no bytes.
    #[error("the name is empty")]
    Empty,
    /// It is longer than the limit.
    #[error("the name has {bytes} bytes, more than {limit}")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// It has more components than the limit.
    #[error("the name has more than {limit} components")]
    TooDeep {
        /// How many it may have.
        limit: usize,
    },
    /// It is not UTF-8.
    #[error("the name is not UTF-8")]
    NotUtf8,
    /// It begins with `/`.
    #[error("the name is absolute")]
    Absolute,
    /// It has a component `..`.
    #[error("the name has .. in it")]
    Parent,
    /// It has two `/` side by side, or one at the end.
    #[error("the name has an empty component")]
    EmptyComponent,
    /// It has a backslash in it.
    #[error("the name has a backslash in it")]
    Backslash,
    /// It has a NUL or another control character in it.
    #[error("the name has a control character in it")]
    Control,
    /// It has a character in it that cannot be seen, or changes the order of others.
    #[error(
        "the name has the character U+{:04X} in it, which cannot be seen or changes the order of others",
        u32::from(*.character)
    )]
    Hidden {
        /// The character.
        character: char,
    },
    /// It has a component that begins or ends with a blank, which is not seen.
    #[error("the name has a component that begins or ends with a blank")]
    Blank,
    /// It is `.`, which no file can be.
    #[error("the name is that of the root folder")]
    Root,
}

const ROOT: &str = ".";

impl MemberName {
    /// Reads the name of a file. Components `.` are left out, which archives of a folder begin with.
    ///
    /// Errors: [`NameError`].
    pub fn parse(name: &[u8], limits: &NameLimits) -> Result<Self, NameError> {
        let name = Self::read(name, limits)?;
        if name.is_root() { Err(NameError::Root) } else { Ok(name) }
    }

    /// Reads the name of a folder, which may have a `/` at its end, and may be the root.
    ///
    /// Errors: [`NameError`].
    pub fn parse_folder(name: &[u8], limits: &NameLimits) -> Result<Self, NameError> {
        // Of "/" alone nothing would be left that says that it is absolute.
        let bare = name.strip_suffix(b"/").filter(|bare| !bare.is_empty());
        Self::read(bare.unwrap_or(name), limits)
    }

    /// The name of the MANIFEST.
    pub fn manifest() -> Self {
        Self(names::MANIFEST.to_owned())
    }

    /// The name of the archive's public key.
    pub fn public_key() -> Self {
        Self(names::PUBLIC_KEY.to_owned())
    }

    /// The name of the signature over all signatures.
    pub fn full_image_signature() -> Self {
        Self(names::FULL_IMAGE_SIGNATURE.to_owned())
    }

    /// The text; `.` for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the folder into which all others are unpacked.
    pub fn is_root(&self) -> bool {
        self.0 == ROOT
    }

    /// How many components it has; none for the root.
    pub fn depth(&self) -> usize {
        if self.is_root() { 0 } else { self.0.split('/').count() }
    }

    /// The folder that it is in. None at the top, whose folder is the root, and for the root.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(folder, _)| Self(folder.to_owned()))
    }

    /// The name without what upper and lower case make of it, to find two that some would take for the same.
    pub fn folded(&self) -> String {
        // By way of upper case, since that is where final and other sigmas, for one, become the same.
        self.0.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
    }

    /// Whether it is a signature's.
    pub fn is_signature(&self) -> bool {
        self.0.ends_with(names::SIGNATURE_EXTENSION)
    }

    /// The name that a signature of this member has.
    pub fn signature(&self) -> Self {
        Self(format!("{}{}", self.0, names::SIGNATURE_EXTENSION))
    }

    /// The member that this one would be the signature of. None for `.sig` and the like, where that is no name.
    pub fn signed(&self) -> Option<Self> {
        let signed = self.0.strip_suffix(names::SIGNATURE_EXTENSION)?;
        let last = signed.rsplit('/').next().unwrap_or_default();
        (!matches!(last, "" | "." | "..")).then(|| Self(signed.to_owned()))
    }

    /// Whether it lies below a folder of that name, at any depth.
    pub(crate) fn is_below(&self, folder: &str) -> bool {
        self.0.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }

    fn read(name: &[u8], limits: &NameLimits) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > limits.bytes {
            return Err(NameError::TooLong { bytes: name.len(), limit: limits.bytes });
        }
        let name = std::str::from_utf8(name).map_err(|_| NameError::NotUtf8)?;
        if name.starts_with('/') {
            return Err(NameError::Absolute);
        }
        if let Some(character) = name.chars().find(|character| is_hidden(*character)) {
            return Err(match character.is_control() {
                true => NameError::Control,
                false => NameError::Hidden { character },
            });
        }
        if name.contains('\\') {
            return Err(NameError::Backslash);
        }
        Self::join(name, limits.depth)
    }

    fn join(name: &str, depth: usize) -> Result<Self, NameError> {
        let mut components = Vec::new();
        for component in name.split('/') {
            match component {
                "" => return Err(NameError::EmptyComponent),
                ".." => return Err(NameError::Parent),
                "." => {}
                _ if component.trim() != component => return Err(NameError::Blank),
                _ if components.len() >= depth => return Err(NameError::TooDeep { limit: depth }),
                _ => components.push(component),
            }
        }
        Ok(Self(if components.is_empty() { ROOT.to_owned() } else { components.join("/") }))
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// So that sets of names can be asked for a known one.
impl Borrow<str> for MemberName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests;
