//! Why bytes are not a message, and where in the message that showed.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// Bytes that are not the message they were taken for.
///
/// One pointer wide, so that results of the many small reads stay cheap. The path is collected while the error
/// unwinds: decoding that succeeds pays nothing for it.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Detail>);

#[derive(Clone, PartialEq, Eq)]
struct Detail {
    kind: DecodeErrorKind,
    message: Option<(&'static str, i16)>,
    /// Innermost step first.
    path: Vec<PathStep>,
}

/// One step of the way from the message to the field that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathStep {
    /// The field's name.
    pub field: &'static str,
    /// Which element, if the field is an array and the fault lies in one of its elements.
    pub index: Option<usize>,
}

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// The frame, or the tagged field being read, ends before the value does.
    #[error("{needed} bytes are needed, {remaining} remain")]
    Truncated {
        /// Bytes that the value takes.
        needed: usize,
        /// Bytes that were left.
        remaining: usize,
    },
    /// An array claims more elements than the remaining bytes can hold.
    #[error("{count} elements of at least {size_min} bytes cannot lie in the {remaining} bytes that remain")]
    CountTooLarge {
        /// The number of elements announced.
        count: usize,
        /// The fewest bytes that one of them takes in this version.
        size_min: usize,
        /// Bytes that were left.
        remaining: usize,
    },
    /// A string longer than Kafka allows.
    #[error("a string of {0} bytes is longer than 32767")]
    StringTooLong(usize),
    /// A null where this version allows none.
    #[error("null where no null is allowed")]
    NullNotAllowed,
    /// A varint is larger than its type.
    #[error("a varint is larger than its type")]
    VarintOverflow,
    /// A tag repeats, or is smaller than the one before it.
    #[error("tag {tag} follows tag {previous}")]
    TagOrder {
        /// The offending tag.
        tag: u32,
        /// The tag before it.
        previous: u32,
    },
    /// A tagged field is longer than its value.
    #[error("{0} bytes of a tagged field are left over")]
    TagNotConsumed(usize),
    /// Bytes follow the message.
    #[error("{0} bytes follow the message")]
    TrailingBytes(usize),
    /// The message has no such version.
    #[error("the message has no version {0}")]
    UnknownVersion(i16),
    /// No message or record type has this key.
    #[error("no message has the key {0}")]
    UnknownKey(i16),
    /// The frame around a metadata record has a version other than 1.
    #[error("the record frame has the unknown version {0}")]
    UnknownFrameVersion(u32),
    /// The arrays of a frame have more elements together than whoever reads it takes.
    #[error("an array of {count} elements, where {left} more are taken")]
    TooManyElements {
        /// The elements of the array.
        count: usize,
        /// How many more were taken.
        left: usize,
    },
    /// Decoding would reserve more memory than a frame of this length may cost.
    #[error("{needed} bytes of memory are needed, {left} are left of the frame's budget")]
    OverBudget {
        /// What the array would reserve.
        needed: usize,
        /// What was left.
        left: usize,
    },
}

impl DecodeError {
    /// An error of `kind` that no field is known for.
    #[cold]
    pub fn new(kind: DecodeErrorKind) -> Self {
        Self(Box::new(Detail { kind, message: None, path: Vec::new() }))
    }

    /// An error of `kind` in the field `name`; the empty name stands for "the element itself".
    #[cold]
    pub(crate) fn at(kind: DecodeErrorKind, name: &'static str) -> Self {
        let mut error = Self::new(kind);
        if !name.is_empty() {
            error.0.path.push(PathStep { field: name, index: None });
        }
        error
    }

    /// Adds the step that encloses those collected so far.
    #[cold]
    pub(crate) fn within(mut self, field: &'static str, index: Option<usize>) -> Self {
        self.0.path.push(PathStep { field, index });
        self
    }

    /// Names the message; the outermost one wins.
    #[cold]
    pub(crate) fn in_message(mut self, name: &'static str, version: i16) -> Self {
        self.0.message = Some((name, version));
        self
    }

    /// What is wrong.
    pub fn kind(&self) -> DecodeErrorKind {
        self.0.kind
    }

    /// Name and version of the message being decoded, where one was.
    pub fn message(&self) -> Option<(&'static str, i16)> {
        self.0.message
    }

    /// The way to the field, outermost step first.
    pub fn path(&self) -> impl Iterator<Item = PathStep> + '_ {
        self.0.path.iter().rev().copied()
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, version)) = self.0.message {
            write!(f, "{name} v{version}: ")?;
        }
        for (depth, step) in self.path().enumerate() {
            f.write_str(if depth == 0 { "" } else { "." })?;
            f.write_str(step.field)?;
            if let Some(index) = step.index {
                write!(f, "[{index}]")?;
            }
        }
        write!(f, "{}{}", if self.0.path.is_empty() { "" } else { ": " }, self.0.kind)
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecodeError({self})")
    }
}

impl core::error::Error for DecodeError {}
