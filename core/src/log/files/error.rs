//! What can be wrong with a file.

/// Where a file is not what it should be, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {position}: {kind}")]
pub struct FileError {
    /// The byte of the file at which decoding stopped: the start of the line, entry or field that is wrong.
    pub position: u64,
    /// What is wrong with it.
    pub kind: FileErrorKind,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileErrorKind {
    /// The file ends within a value.
    #[error("the file ends before {0}")]
    Truncated(&'static str),
    /// Bytes follow where the file should end.
    #[error("bytes follow the end")]
    Trailing,
    /// A version that is not known here.
    #[error("version {0} is unknown")]
    Version(i64),
    /// The checksum does not match the bytes that it covers.
    #[error("the checksum is {stored:08x} and should be {computed:08x}")]
    Checksum {
        /// What the file says.
        stored: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// The file announces another number of entries than follow.
    #[error("{announced} entries are announced and {found} follow")]
    Count {
        /// What the file says.
        announced: i64,
        /// How many there are.
        found: u64,
    },
    /// The text is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The text is not of the expected shape.
    #[error("{0} is expected")]
    Expected(&'static str),
    /// A value outside of what it may be.
    #[error("the value of {0} is not possible")]
    Value(&'static str),
    /// A value that the file must have is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The size is not a multiple of an entry's.
    #[error("the size is not a multiple of {0} bytes")]
    PartialEntry(u32),
    /// An entry that is not above the one before it.
    #[error("the {0} does not grow")]
    NotMonotonic(&'static str),
    /// An entry below the base offset of its segment.
    #[error("an offset lies before the segment's base offset")]
    BeforeBase,
    /// The file is larger than any that may be written.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
}

impl FileError {
    pub(crate) fn new(position: usize, kind: FileErrorKind) -> Self {
        Self { position: position as u64, kind }
    }
}
