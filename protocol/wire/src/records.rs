//! Record batches inside of messages: bulk data that the codec passes through.

use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// Record batches as they lie on the wire, not examined.
#[derive(Clone, PartialEq, Eq)]
pub enum Records<'a> {
    /// A slice of the frame; what decoding gives. `Bytes::slice_ref` makes it outlive the borrow without a copy.
    Borrowed(&'a [u8]),
    /// Pieces to be sent one after the other; encoding them copies nothing.
    Parts(Vec<Bytes>),
}

impl Records<'_> {
    /// The length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Borrowed(data) => data.len(),
            Self::Parts(parts) => parts.iter().map(Bytes::len).sum(),
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, if they lie in one piece; always so after decoding.
    pub fn as_slice(&self) -> Option<&[u8]> {
        match self {
            Self::Borrowed(data) => Some(data),
            Self::Parts(parts) => match parts.as_slice() {
                [] => Some(&[]),
                [part] => Some(part),
                _ => None,
            },
        }
    }
}

impl Default for Records<'_> {
    fn default() -> Self {
        Self::Borrowed(&[])
    }
}

impl From<Bytes> for Records<'_> {
    fn from(bytes: Bytes) -> Self {
        Self::Parts(alloc::vec![bytes])
    }
}

impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({} bytes)", self.len())
    }
}
