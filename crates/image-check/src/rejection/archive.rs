/// Why an archive is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The first bytes are those of no archive.
    #[error("this is no tar archive, nor one compressed with gzip, xz or bzip2")]
    UnknownFormat,
    /// A compression that is known and not taken.
    #[error("the compression {name} is not taken")]
    Compression {
        /// Its name.
        name: &'static str,
    },
    /// The archive or its compression is damaged.
    #[error("the archive is damaged: {reason}")]
    Damaged {
        /// What its reader says, as an [`image_format::Excerpt`].
        reason: String,
    },
    /// Much of the compressed archive gives nothing, as no compressor makes it.
    #[error("the compressed archive goes on and on without unpacking to anything")]
    Barren,
    /// A header that is neither POSIX's nor GNU's.
    #[error("a header is neither POSIX's nor GNU's")]
    Mark,
    /// A name with a NUL in it.
    #[error("the name of a member goes on after its end")]
    AfterName,
    /// A length that is no number, negative, or too large for one.
    #[error("a length is no number")]
    Size,
    /// The header's length and that of its attributes differ.
    #[error("a header and its attributes state different lengths")]
    ContradictingSize,
    /// A folder that claims to have bytes.
    #[error("a folder has content")]
    FolderWithContent,
    /// Something that an image cannot have.
    #[error("{name} is {what}")]
    Kind {
        /// The member's name, as an [`image_format::Excerpt`].
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// Attributes that are malformed, given twice, or belong to nothing.
    #[error("attributes of a member are malformed, or given twice, or without a member")]
    Attributes,
    /// Something after the end.
    #[error("the archive goes on after its end")]
    Trailing,
}
