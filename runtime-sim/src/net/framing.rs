//! Requests out of a stream of bytes, by the rule of the contract: a frame of more than
//! [`FRAME_SMALL_BYTES_MAX`] bytes is announced, and read as far as it is admitted.

use super::pieces::Pieces;
use bytes::Bytes;
use grete_core::limits::FRAME_SMALL_BYTES_MAX;

/// What the stream brings next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Inbound {
    Frame(Bytes),
    Announced { length: i32, api_key: i16, api_version: i16 },
    Arrived,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Framing {
    buffer: Pieces,
    gate: Gate,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gate {
    #[default]
    Open,
    /// The frame at the front is announced; this much of it is admitted, and whether the shard knows that it has come.
    Announced { admitted: usize, told: bool },
}

impl Framing {
    pub(crate) fn push(&mut self, piece: Bytes) {
        self.buffer.push(piece);
    }

    pub(crate) fn admit(&mut self, bytes: usize) {
        if let Gate::Announced { admitted, told } = &mut self.gate {
            assert!(*told && bytes > 0, "a frame is admitted step by step");
            *admitted += bytes;
            *told = false;
        }
    }

    /// Whether an announced frame waits for its admission.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.gate, Gate::Announced { told: true, .. })
    }

    /// What is complete, one at a time.
    pub(crate) fn next(&mut self) -> Option<Inbound> {
        if self.waits() {
            return None;
        }
        let bytes = self.buffer.bytes();
        let length = i32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
        let frame_bytes = usize::try_from(length).ok();
        let is_small = frame_bytes.is_some_and(|bytes| bytes <= FRAME_SMALL_BYTES_MAX);
        if !is_small && self.gate == Gate::Open {
            let api_key = i16::from_be_bytes(bytes.get(4..6)?.try_into().ok()?);
            let api_version = i16::from_be_bytes(bytes.get(6..8)?.try_into().ok()?);
            self.gate = Gate::Announced { admitted: 0, told: true };
            return Some(Inbound::Announced { length, api_key, api_version });
        }
        let frame_bytes = frame_bytes?;
        if let Gate::Announced { admitted, told } = &mut self.gate {
            assert!(*admitted <= frame_bytes, "no more is admitted than the frame has");
            if *admitted < frame_bytes {
                *told = bytes.len() >= 4 + *admitted;
                return told.then_some(Inbound::Arrived);
            }
        }
        if bytes.len() < 4 + frame_bytes {
            return None;
        }
        self.gate = Gate::Open;
        Some(Inbound::Frame(self.buffer.take_frame(frame_bytes)))
    }
}

/// Takes a whole frame out of a stream of responses.
pub(super) fn take_frame(stream: &mut Pieces) -> Option<Bytes> {
    let length = i32::from_be_bytes(stream.bytes().get(..4)?.try_into().ok()?);
    let length = usize::try_from(length).expect("a broker sends lengths that are not negative");
    (stream.len() >= 4 + length).then(|| stream.take_frame(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(length: usize) -> Vec<u8> {
        let mut bytes = (length as i32).to_be_bytes().to_vec();
        bytes.extend_from_slice(&[0, 3, 0, 9]);
        bytes.resize(4 + length, 7);
        bytes
    }

    #[test]
    fn small_frames_come_whole_and_in_order() {
        let mut framing = Framing::default();
        let mut bytes = framed(FRAME_SMALL_BYTES_MAX);
        bytes.extend_from_slice(&[0, 0, 0, 0]);
        for byte in &bytes {
            assert_eq!(framing.next(), None);
            framing.push(Bytes::copy_from_slice(&[*byte]));
            if framing.buffer.len() == 4 + FRAME_SMALL_BYTES_MAX {
                let Some(Inbound::Frame(frame)) = framing.next() else { panic!("complete") };
                assert_eq!(frame.len(), FRAME_SMALL_BYTES_MAX);
            }
        }
        assert_eq!(framing.next(), Some(Inbound::Frame(Bytes::new())));
    }

    #[test]
    fn a_large_frame_waits_for_its_admission_and_so_does_what_follows() {
        let mut framing = Framing::default();
        let length = FRAME_SMALL_BYTES_MAX + 1;
        framing.push(framed(length).into());
        framing.push(framed(8).into());
        let announced = Inbound::Announced { length: length as i32, api_key: 3, api_version: 9 };
        assert_eq!(framing.next(), Some(announced));
        assert_eq!(framing.next(), None);
        framing.admit(1000);
        assert_eq!(framing.next(), Some(Inbound::Arrived));
        assert_eq!(framing.next(), None);
        framing.admit(length - 1000);
        assert!(matches!(framing.next(), Some(Inbound::Frame(frame)) if frame.len() == length));
        assert!(matches!(framing.next(), Some(Inbound::Frame(frame)) if frame.len() == 8));
        framing.push(Bytes::copy_from_slice(&(-5_i32).to_be_bytes()));
        framing.push(Bytes::from_static(&[0, 1, 0, 2]));
        assert_eq!(framing.next(), Some(Inbound::Announced { length: -5, api_key: 1, api_version: 2 }));
        framing.admit(1);
        assert_eq!(framing.next(), None, "no frame has such a length");
    }
}
