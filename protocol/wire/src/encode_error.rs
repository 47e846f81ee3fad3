//! Why a message cannot be written.

/// A message that the wire format, or its version, cannot express. The fault is the writer's, never the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} v{version}: {field}: {kind}")]
pub struct EncodeError {
    /// What is wrong.
    pub kind: EncodeErrorKind,
    /// The message being written.
    pub message: &'static str,
    /// The version asked for.
    pub version: i16,
    /// The first field that failed, in whichever struct of the message; empty if the whole message did.
    pub field: &'static str,
}

/// What is wrong with a message or one of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeErrorKind {
    /// The message has no such version.
    #[error("the message has no such version")]
    UnknownVersion,
    /// The field has a value that matters, and this version has no such field.
    #[error("this version has no such field, and its value is not the default")]
    UnsupportedField,
    /// Tagged fields in a version that is not flexible.
    #[error("this version has no tagged fields")]
    UnsupportedTags,
    /// A null where this version allows none.
    #[error("null where no null is allowed")]
    NullNotAllowed,
    /// A string, byte string, array or tagged field is longer than its length field can say.
    #[error("the length {0} is too large")]
    TooLong(usize),
    /// An unknown tag that is one of the message's own, or not in ascending order.
    #[error("the unknown tag {0} is known or out of order")]
    TagOrder(u32),
}
