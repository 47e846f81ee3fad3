//! Cuts what a client sends into frames.
//!
//! A frame is four bytes of length, then as many bytes. A small one is handed over whole, in memory of its own, so that
//! what is kept of it pins nothing else. A larger one is announced by its first bytes; its body goes straight into memory
//! of its own, which is reserved as the core admits it, step by step.

use bytes::Bytes;
use grete_core::limits::FRAME_SMALL_BYTES_MAX;

/// The bytes in front of a frame.
const LENGTH_BYTES: usize = 4;
/// The bytes of a frame that its announcement tells: API key and version.
const HEAD_BYTES: usize = 4;

/// What the next bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Too few bytes have come.
    More,
    /// A whole frame.
    Frame(Bytes),
    /// The beginning of a large frame, or of a length that no frame has.
    Announced {
        /// The length that the client sent.
        length: i32,
        /// The API key that follows it.
        api_key: i16,
        /// The version that follows that.
        api_version: i16,
    },
    /// All that was admitted of a large frame has come, and it is not whole.
    Arrived,
}

/// What has come of a connection's frames and was not handed over.
#[derive(Debug, Default)]
pub(super) struct Frames {
    pending: Vec<u8>,
    /// The bytes of `pending` that were handed over.
    taken: usize,
    large: Option<Large>,
}

#[derive(Debug)]
struct Large {
    length: usize,
    /// What may be read of it.
    admitted: usize,
    /// Whether somebody knows that all of that has come.
    told: bool,
    body: Vec<u8>,
}

impl Frames {
    /// Adds bytes that have come. A large frame that was admitted takes its bytes through [`body`](Self::body) instead.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.pending.drain(..self.taken);
            self.taken = 0;
        }
        self.pending.extend_from_slice(bytes);
    }

    /// Takes the next frame or announcement.
    pub(super) fn cut(&mut self) -> Cut {
        if let Some(large) = &mut self.large {
            if large.body.len() < large.admitted || large.told {
                return Cut::More;
            }
            if large.body.len() < large.length {
                large.told = true;
                return Cut::Arrived;
            }
            let frame = std::mem::take(&mut large.body).into();
            self.large = None;
            return Cut::Frame(frame);
        }
        let rest = &self.pending[self.taken..];
        let Some((length, body)) = rest.split_first_chunk::<LENGTH_BYTES>() else { return self.wait() };
        let length = i32::from_be_bytes(*length);
        match usize::try_from(length) {
            Ok(length) if length <= FRAME_SMALL_BYTES_MAX => {
                let Some(frame) = body.get(..length) else { return self.wait() };
                let frame = Bytes::copy_from_slice(frame);
                self.taken += LENGTH_BYTES + length;
                Cut::Frame(frame)
            }
            large => {
                let Some(&[k0, k1, v0, v1]) = body.first_chunk::<HEAD_BYTES>() else { return self.wait() };
                self.taken += LENGTH_BYTES;
                self.large = Some(Large { length: large.unwrap_or(0), admitted: 0, told: true, body: Vec::new() });
                Cut::Announced {
                    length,
                    api_key: i16::from_be_bytes([k0, k1]),
                    api_version: i16::from_be_bytes([v0, v1]),
                }
            }
        }
    }

    /// Lets so many bytes more of the large frame that was announced be read, and reserves memory for them.
    pub(super) fn admit(&mut self, bytes: usize) {
        let Some(large) = &mut self.large else { return };
        large.admitted = (large.admitted + bytes).min(large.length);
        large.told = false;
        if large.body.capacity() < large.admitted {
            // Grown by halves at least, so that a giant is not moved once for each step; what is reserved and not written to
            // is no memory yet.
            let capacity = large.admitted.max(large.body.len() + large.body.len() / 2).min(large.length);
            large.body.reserve_exact(capacity - large.body.len());
        }
        let rest = &self.pending[self.taken..];
        let here = rest.len().min(large.admitted - large.body.len());
        large.body.extend_from_slice(&rest[..here]);
        self.taken += here;
    }

    /// Whether a large frame was announced and nothing more of it is admitted: nothing more may be read.
    pub(super) fn is_waiting(&self) -> bool {
        self.large.as_ref().is_some_and(|large| large.body.len() == large.admitted)
    }

    /// The bytes of the large frame that was announced, if there is one, that have not come.
    pub(super) fn lacks(&self) -> Option<usize> {
        let large = self.large.as_ref()?;
        let here = large.body.len() + self.pending.len() - self.taken;
        Some(large.length.saturating_sub(here))
    }

    /// The memory of the large frame that is being read, and the bytes that may still come into it.
    pub(super) fn body(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        let large = self.large.as_mut()?;
        let lacks = large.admitted - large.body.len();
        Some((&mut large.body, lacks))
    }

    fn wait(&mut self) -> Cut {
        // An idle connection holds no buffer.
        if self.taken == self.pending.len() {
            self.pending = Vec::new();
            self.taken = 0;
        }
        Cut::More
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: usize) -> Vec<u8> {
        let mut bytes = (length as u32).to_be_bytes().to_vec();
        bytes.extend((0..length).map(|at| at as u8));
        bytes
    }

    #[test]
    fn small_frames_come_whole_however_they_are_split() {
        let mut all = frame(5);
        all.extend(frame(0));
        all.extend(frame(FRAME_SMALL_BYTES_MAX));
        for step in [1, 3, 4096, all.len()] {
            let mut frames = Frames::default();
            let mut lengths = Vec::new();
            for bytes in all.chunks(step) {
                frames.push(bytes);
                while let Cut::Frame(frame) = frames.cut() {
                    lengths.push(frame.len());
                }
            }
            assert_eq!(lengths, [5, 0, FRAME_SMALL_BYTES_MAX], "in steps of {step}");
            assert_eq!(frames.pending.capacity(), 0, "an idle connection holds nothing");
        }
    }

    #[test]
    fn a_large_frame_is_announced_and_waits() {
        let all = frame(FRAME_SMALL_BYTES_MAX + 1);
        let mut frames = Frames::default();
        frames.push(&all[..7]);
        assert_eq!(frames.cut(), Cut::More, "the version is not there");
        frames.push(&all[7..100]);
        let announced =
            Cut::Announced { length: FRAME_SMALL_BYTES_MAX as i32 + 1, api_key: 0x0001, api_version: 0x0203 };
        assert_eq!(frames.cut(), announced);
        assert!(frames.is_waiting());
        assert_eq!(frames.cut(), Cut::More);
        frames.admit(FRAME_SMALL_BYTES_MAX + 1);
        assert!(!frames.is_waiting());
        let (body, lacks) = frames.body().expect("it is admitted");
        assert_eq!(lacks, all.len() - 100);
        body.extend_from_slice(&all[100..]);
        assert_eq!(frames.cut(), Cut::Frame(Bytes::copy_from_slice(&all[4..])));
        frames.push(&frame(1));
        assert!(matches!(frames.cut(), Cut::Frame(_)), "the next frame follows");
    }

    #[test]
    fn a_large_frame_is_read_no_further_than_it_is_admitted() {
        let all = frame(100_000);
        let mut frames = Frames::default();
        frames.push(&all[..60_000]);
        assert!(matches!(frames.cut(), Cut::Announced { length: 100_000, .. }));
        frames.admit(50_000);
        assert!(frames.is_waiting(), "all of that is there");
        assert_eq!(frames.cut(), Cut::Arrived);
        assert_eq!(frames.cut(), Cut::More, "it is told once");
        assert_eq!(frames.body().map(|(body, lacks)| (body.len(), lacks)), Some((50_000, 0)));
        frames.admit(20_000);
        assert!(!frames.is_waiting());
        assert_eq!(frames.cut(), Cut::More);
        let (body, lacks) = frames.body().expect("it is being read");
        assert_eq!((body.len(), lacks), (59_996, 10_004), "what had been read beyond the first step");
        assert!(body.capacity() < 100_000, "no memory for what is not admitted");
        body.extend_from_slice(&all[60_000..60_000 + 10_004]);
        assert_eq!(frames.cut(), Cut::Arrived);
        frames.admit(30_000);
        let (body, lacks) = frames.body().expect("it is being read");
        body.extend_from_slice(&all[70_004..70_004 + lacks]);
        assert_eq!(frames.cut(), Cut::Frame(Bytes::copy_from_slice(&all[4..])));
    }

    #[test]
    fn a_negative_length_is_announced() {
        let mut frames = Frames::default();
        frames.push(&[0xff; 8]);
        assert_eq!(frames.cut(), Cut::Announced { length: -1, api_key: -1, api_version: -1 });
    }
}
