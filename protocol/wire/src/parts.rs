//! What an encoder leaves: parts to be sent one after the other.

use alloc::vec::Vec;
use bytes::Bytes;

/// One contiguous piece of encoded bytes.
pub type Part = Bytes;

/// Encoded bytes in pieces, none of them empty, to be written in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts(Vec<Part>);

impl Parts {
    /// The length of all pieces together, in bytes: what the four bytes in front of a frame say.
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pieces.
    pub fn as_slice(&self) -> &[Part] {
        &self.0
    }

    /// The pieces, as a list of one's own.
    pub fn into_vec(self) -> Vec<Part> {
        self.0
    }

    /// A copy of everything in one piece, for small messages and tests.
    pub fn to_contiguous(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        for part in &self.0 {
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

impl FromIterator<Part> for Parts {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        Self(parts.into_iter().filter(|part| !part.is_empty()).collect())
    }
}

impl IntoIterator for Parts {
    type Item = Part;
    type IntoIter = alloc::vec::IntoIter<Part>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
