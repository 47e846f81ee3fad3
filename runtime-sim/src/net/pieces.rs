//! A stream of bytes that comes in pieces and is taken in other ones.
//!
//! Most pieces are taken as they came, and then nothing is copied.

use bytes::{Buf, Bytes, BytesMut};

/// Bytes that have come and are not taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    /// All of them, where they came in one piece; else that is empty.
    whole: Bytes,
    joined: BytesMut,
}

impl Pieces {
    /// A piece has come.
    pub(super) fn push(&mut self, piece: Bytes) {
        if self.is_empty() {
            self.whole = piece;
            return;
        }
        if !self.whole.is_empty() {
            self.joined.extend_from_slice(&self.whole);
            self.whole = Bytes::new();
        }
        self.joined.extend_from_slice(&piece);
    }

    /// What is there.
    pub(super) fn bytes(&self) -> &[u8] {
        if self.whole.is_empty() { &self.joined } else { &self.whole }
    }

    /// How much is there.
    pub(super) fn len(&self) -> usize {
        self.bytes().len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a length field of four bytes, and so many bytes behind it, which are all there.
    pub(super) fn take_frame(&mut self, length: usize) -> Bytes {
        if self.whole.is_empty() {
            self.joined.advance(4);
            return self.joined.split_to(length).freeze();
        }
        self.whole.advance(4);
        self.whole.split_to(length)
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_taken_however_it_is_cut() {
        let stream = b"\0\0\0\x03abc\0\0\0\0\0\0\0\x02de";
        for first in 0..stream.len() {
            for second in first..stream.len() {
                let mut pieces = Pieces::default();
                let mut taken: Vec<Bytes> = Vec::new();
                for piece in [&stream[..first], &stream[first..second], &stream[second..]] {
                    pieces.push(Bytes::copy_from_slice(piece));
                    while let Some(length) = pieces.bytes().get(3).copied().map(usize::from)
                        && pieces.len() >= 4 + length
                    {
                        taken.push(pieces.take_frame(length));
                    }
                }
                assert_eq!(taken, [&b"abc"[..], b"", b"de"], "cut at {first} and {second}");
                assert_eq!(pieces.len(), 0);
            }
        }
    }
}
