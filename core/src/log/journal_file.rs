//! `grete-journal-<age>-<shard>-<half>`: what commit rounds made durable whose logs are not synced yet. This file is Grete's own.
//!
//! ```text
//! frames, each at a multiple of 4,096 bytes:
//! +0  u32      length of the body
//! +4  u32      CRC-32C of the body
//! +8  body:
//!     i32        the epoch since which only Grete has written to the directory, as `quorum-state` has it
//!     u64        generation: counts the uses of both halves, from 1
//!     u32        the number of the frame within its generation, from 0
//!     u32        number of entries, each of 48 bytes:
//!     16 bytes     topic id
//!     i32          partition
//!     i64          base offset of a segment of that log
//!     u64          position in that segment's file
//!     i64          the offset behind the last record
//!     u32          length of the bytes that belong there
//!     the bytes of all entries, one behind the other
//! ```
//! Big-endian. A file begins with frame 0 of its generation; what does not go on with the next frame of the same generation was
//! never made durable, or is left from an earlier use.

use super::files::array_at;
use crate::ids::{FilePosition, LeaderEpoch, Offset, PartitionIndex, TopicId, TopicPartition};
use crate::limits::{LOG_JOURNAL_FRAME_BYTES, LOG_JOURNAL_ROUND_BYTES_MAX};
use alloc::vec::Vec;
use bytes::Bytes;

/// The bytes of a frame before its body.
const PREFIX_BYTES: usize = 8;
/// The bytes of a body before its entries.
const HEAD_BYTES: usize = 20;
/// The bytes of an entry without what belongs to it.
const ENTRY_BYTES: usize = 48;

/// What belongs at a place of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JournalEntry {
    pub(super) partition: TopicPartition,
    /// The base of the segment.
    pub(super) segment: Offset,
    pub(super) position: FilePosition,
    /// The offset behind the last record.
    pub(super) end: Offset,
    /// The bytes, in pieces.
    pub(super) parts: Vec<Bytes>,
}

/// A frame's place among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FramePlace {
    pub(super) generation: u64,
    pub(super) index: u32,
}

/// A frame that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) since: LeaderEpoch,
    pub(super) place: FramePlace,
    pub(super) entries: Vec<JournalEntry>,
}

/// What a file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) frames: Vec<Frame>,
    /// Whether more bytes may bring more frames.
    pub(super) wants_more: bool,
}

impl JournalEntry {
    /// The number of its bytes.
    pub(super) fn bytes(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }
}

/// How many bytes a frame with these entries takes in its file.
pub(super) fn frame_bytes(entries: usize, bytes: usize) -> u64 {
    ((PREFIX_BYTES + HEAD_BYTES + entries * ENTRY_BYTES + bytes) as u64).next_multiple_of(LOG_JOURNAL_FRAME_BYTES)
}

/// A frame, in pieces that are to be written one behind the other.
pub(super) fn encode(since: LeaderEpoch, place: FramePlace, entries: &[JournalEntry]) -> Vec<Bytes> {
    let mut head = Vec::with_capacity(PREFIX_BYTES + HEAD_BYTES + entries.len() * ENTRY_BYTES);
    head.extend_from_slice(&[0; PREFIX_BYTES]);
    head.extend_from_slice(&since.0.to_be_bytes());
    head.extend_from_slice(&place.generation.to_be_bytes());
    head.extend_from_slice(&place.index.to_be_bytes());
    head.extend_from_slice(&(entries.len() as u32).to_be_bytes());
    for entry in entries {
        head.extend_from_slice(&entry.partition.topic.0);
        head.extend_from_slice(&entry.partition.partition.0.to_be_bytes());
        head.extend_from_slice(&entry.segment.0.to_be_bytes());
        head.extend_from_slice(&entry.position.0.to_be_bytes());
        head.extend_from_slice(&entry.end.0.to_be_bytes());
        head.extend_from_slice(&(entry.bytes() as u32).to_be_bytes());
    }
    let parts = || entries.iter().flat_map(|entry| &entry.parts);
    let length = head.len() - PREFIX_BYTES + parts().map(Bytes::len).sum::<usize>();
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(head.get(PREFIX_BYTES..).unwrap_or_default());
    parts().for_each(|part| digest.update(part));
    let crc = digest.finalize() as u32;
    head.splice(..PREFIX_BYTES, (length as u32).to_be_bytes().into_iter().chain(crc.to_be_bytes()));
    core::iter::once(Bytes::from(head)).chain(parts().cloned()).collect()
}

/// Reads the frames at the start of a file of which these are the first bytes; `length` is that of the whole file.
pub(super) fn decode(bytes: &Bytes, length: u64) -> Read {
    let mut frames: Vec<Frame> = Vec::new();
    let mut at = 0;
    loop {
        let Some(body_length) = array_at(bytes, at).map(u32::from_be_bytes) else {
            return Read { frames, wants_more: ((at + PREFIX_BYTES) as u64) < length };
        };
        let body_length = body_length as usize;
        if !(HEAD_BYTES..=BODY_BYTES_MAX).contains(&body_length) {
            return Read { frames, wants_more: false };
        }
        let start = at + PREFIX_BYTES;
        let Some(body) = bytes.get(start..start + body_length) else {
            return Read { frames, wants_more: (start + body_length) as u64 <= length };
        };
        let crc = array_at(bytes, at + 4).map_or(0, u32::from_be_bytes);
        let body = bytes.slice_ref(body);
        let next = (super::files::crc32c(&body) == crc).then(|| decode_body(&body)).flatten();
        let follows = |frame: &Frame| match frames.last().map(|last| last.place) {
            Some(last) => frame.place == FramePlace { index: last.index + 1, ..last },
            None => frame.place.index == 0,
        };
        let Some(frame) = next.filter(follows) else { return Read { frames, wants_more: false } };
        frames.push(frame);
        at = (start + body_length).next_multiple_of(LOG_JOURNAL_FRAME_BYTES as usize);
    }
}

/// No body is larger: entries are of a byte at least.
const BODY_BYTES_MAX: usize = HEAD_BYTES + LOG_JOURNAL_ROUND_BYTES_MAX * (ENTRY_BYTES + 1);

fn decode_body(body: &Bytes) -> Option<Frame> {
    let since = LeaderEpoch(i32::from_be_bytes(array_at(body, 0)?));
    let generation = u64::from_be_bytes(array_at(body, 4)?);
    let index = u32::from_be_bytes(array_at(body, 12)?);
    let count = u32::from_be_bytes(array_at(body, 16)?) as usize;
    let mut at = HEAD_BYTES;
    let mut data = count.checked_mul(ENTRY_BYTES)?.checked_add(HEAD_BYTES).filter(|end| *end <= body.len())?;
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let topic = TopicId(array_at(body, at)?);
        let partition = PartitionIndex(i32::from_be_bytes(array_at(body, at + 16)?));
        let segment = Offset(i64::from_be_bytes(array_at(body, at + 20)?));
        let position = FilePosition(u64::from_be_bytes(array_at(body, at + 28)?));
        let end = Offset(i64::from_be_bytes(array_at(body, at + 36)?));
        let length = u32::from_be_bytes(array_at(body, at + 44)?) as usize;
        let piece = body.get(data..data.checked_add(length)?)?;
        entries.push(JournalEntry {
            partition: TopicPartition { topic, partition },
            segment,
            position,
            end,
            parts: alloc::vec![body.slice_ref(piece)],
        });
        at += ENTRY_BYTES;
        data += length;
    }
    (data == body.len()).then_some(Frame { since, place: FramePlace { generation, index }, entries })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn entry(number: i32, bytes: &'static [u8]) -> JournalEntry {
        JournalEntry {
            partition: TopicPartition { topic: TopicId([7; 16]), partition: PartitionIndex(number) },
            segment: Offset(100),
            position: FilePosition(4000),
            end: Offset(123),
            parts: vec![Bytes::from_static(bytes)],
        }
    }

    fn place(generation: u64, index: u32) -> FramePlace {
        FramePlace { generation, index }
    }

    fn file(frames: &[(FramePlace, Vec<JournalEntry>)]) -> Bytes {
        let mut file = Vec::new();
        for (place, entries) in frames {
            let start = file.len();
            encode(LeaderEpoch(3), *place, entries).iter().for_each(|part| file.extend_from_slice(part));
            let bytes = entries.iter().map(JournalEntry::bytes).sum();
            file.resize(start + frame_bytes(entries.len(), bytes) as usize, 0);
        }
        file.into()
    }

    #[test]
    fn what_was_written_is_read_and_only_what_follows() {
        let entries = vec![entry(1, b"one"), entry(2, b"twenty-two")];
        let whole = file(&[
            (place(5, 0), entries.clone()),
            (place(5, 1), vec![entry(3, &[9; 5000])]),
            (place(4, 2), entries.clone()),
        ]);
        let read = decode(&whole, whole.len() as u64);
        let places: Vec<_> = read.frames.iter().map(|frame| frame.place).collect();
        assert_eq!((places, read.wants_more), (vec![place(5, 0), place(5, 1)], false), "another generation ends it");
        assert_eq!(read.frames[0].entries, entries);
        assert_eq!(read.frames[1].entries[0].bytes(), 5000);
        // The first piece of it alone: more is wanted until it is seen that nothing follows.
        for cut in [3, 200, 4096, 4100, 9000] {
            let read = decode(&whole.slice(..cut), whole.len() as u64);
            assert!(read.wants_more, "cut at {cut}");
            assert_eq!(read.frames.len(), usize::from(cut >= 200), "cut at {cut}");
        }
    }

    #[test]
    fn a_frame_with_any_byte_changed_ends_the_file() {
        let whole = file(&[(place(1, 0), vec![entry(1, b"one")]), (place(1, 1), vec![entry(1, b"more")])]);
        let used = 8 + HEAD_BYTES + ENTRY_BYTES + 4;
        for at in 4096..4096 + used {
            let mut changed = whole.to_vec();
            changed[at] ^= 0x10;
            let read = decode(&changed.into(), whole.len() as u64);
            assert_eq!(read.frames.len(), 1, "byte {at}");
        }
        assert_eq!(decode(&Bytes::from(vec![0; 8192]), 8192).frames, []);
        let late = file(&[(place(1, 1), vec![entry(1, b"late")])]);
        assert_eq!(decode(&late, late.len() as u64).frames, [], "a file begins with its first frame");
    }
}
