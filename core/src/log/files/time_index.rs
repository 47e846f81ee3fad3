//! `%020d.timeindex`: offsets by timestamp, one entry about every `index.interval.bytes` of log and one at its end.
//!
//! ```text
//! 0   i64   the largest timestamp of all records of the segment so far, in milliseconds
//! 8   i32   the offset of the first record that has it, less the segment's base offset
//! ```
//! Entries of 12 bytes, big-endian; timestamps strictly grow, offsets do not shrink.

use super::{FileError, FileErrorKind, offset_index::relative_offset};
use crate::ids::{Offset, Timestamp};

/// The size of an entry.
pub const ENTRY_BYTES: usize = 12;

/// A timestamp and where it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// No record of the segment up to `offset` has a larger one.
    pub timestamp: Timestamp,
    /// The offset.
    pub offset: Offset,
}

/// A time index: whole entries over the bytes of the file, without a copy.
#[derive(Clone, Copy, Debug)]
pub struct TimeIndex<'a> {
    entries: &'a [[u8; ENTRY_BYTES]],
    base_offset: Offset,
}

impl TimestampOffset {
    /// The entry as it is written, unless the offset lies too far from the segment's start for the format.
    #[must_use]
    pub fn encode(self, base_offset: Offset) -> Option<[u8; ENTRY_BYTES]> {
        let relative = relative_offset(self.offset, base_offset)?;
        let mut entry = [0; ENTRY_BYTES];
        let (first, second) = entry.split_at_mut(8);
        first.copy_from_slice(&self.timestamp.0.to_be_bytes());
        second.copy_from_slice(&relative.to_be_bytes());
        Some(entry)
    }

    fn decode(entry: &[u8; ENTRY_BYTES], base_offset: Offset) -> Self {
        let &[a, b, c, d, e, f, g, h, i, j, k, l] = entry;
        let relative = i32::from_be_bytes([i, j, k, l]);
        let timestamp = Timestamp(i64::from_be_bytes([a, b, c, d, e, f, g, h]));
        Self { timestamp, offset: base_offset.plus(relative.into()) }
    }
}

impl<'a> TimeIndex<'a> {
    /// The index in `bytes`, checked in all entries: whole ones, timestamps growing, offsets not shrinking and none
    /// before the base offset. (Kafka compares only the first entry with the last.) A file that fails is to be rebuilt
    /// from its log.
    pub fn decode(bytes: &'a [u8], base_offset: Offset) -> Result<Self, FileError> {
        let index = Self::trusted(bytes, base_offset);
        if index.entries.len() * ENTRY_BYTES != bytes.len() {
            let kind = FileErrorKind::PartialEntry(ENTRY_BYTES as u32);
            return Err(FileError::new(index.entries.len() * ENTRY_BYTES, kind));
        }
        let mut before: Option<TimestampOffset> = None;
        for (number, entry) in index.iter().enumerate() {
            let error = |kind| Err(FileError::new(number * ENTRY_BYTES, kind));
            if entry.offset < base_offset {
                return error(FileErrorKind::BeforeBase);
            }
            if before.is_some_and(|before| entry.timestamp <= before.timestamp) {
                return error(FileErrorKind::NotMonotonic("timestamp"));
            }
            if before.is_some_and(|before| entry.offset < before.offset) {
                return error(FileErrorKind::NotMonotonic("offset"));
            }
            before = Some(entry);
        }
        Ok(index)
    }

    /// The index in bytes that were checked or made by ourselves; a partial entry at the end is left out.
    #[must_use]
    pub fn trusted(bytes: &'a [u8], base_offset: Offset) -> Self {
        Self { entries: bytes.as_chunks().0, base_offset }
    }

    /// All entries.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = TimestampOffset> + ExactSizeIterator + 'a {
        self.entries.iter().map(move |entry| TimestampOffset::decode(entry, self.base_offset))
    }

    /// The last entry: the largest timestamp of the segment, once it is closed.
    #[must_use]
    pub fn last(self) -> Option<TimestampOffset> {
        self.iter().next_back()
    }

    /// The last entry whose timestamp is at or before `target`. A search for the first record at or after a time starts
    /// at its offset, and at the segment's start if there is none.
    #[must_use]
    pub fn lookup(self, target: Timestamp) -> Option<TimestampOffset> {
        let at = |entry: &[u8; ENTRY_BYTES]| TimestampOffset::decode(entry, self.base_offset);
        let end = self.entries.partition_point(|entry| at(entry).timestamp <= target);
        self.entries.get(end.checked_sub(1)?).map(at)
    }

    /// The bytes to keep when the log is cut at `end`: the entries whose offsets are below it.
    #[must_use]
    pub fn truncated_bytes(self, end: Offset) -> usize {
        let below = |entry: &[u8; ENTRY_BYTES]| TimestampOffset::decode(entry, self.base_offset).offset < end;
        self.entries.partition_point(below) * ENTRY_BYTES
    }
}

/// The bytes that a preallocated index has before its zeros.
#[must_use]
pub fn used_bytes(bytes: &[u8]) -> usize {
    let entries: &[[u8; ENTRY_BYTES]] = bytes.as_chunks().0;
    let unused = entries.iter().rev().take_while(|entry| **entry == [0; ENTRY_BYTES]).count();
    (entries.len() - unused) * ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn file(entries: &[(i64, i64)], base: i64) -> Vec<u8> {
        let encode = |&(timestamp, offset): &(i64, i64)| {
            TimestampOffset { timestamp: Timestamp(timestamp), offset: Offset(offset) }.encode(Offset(base)).unwrap()
        };
        entries.iter().flat_map(encode).collect()
    }

    #[test]
    fn lookup_finds_the_last_entry_at_or_before() {
        let bytes = file(&[(1000, 100), (2000, 110), (3000, 110)], 100);
        let index = TimeIndex::decode(&bytes, Offset(100)).unwrap();
        let found = |target| index.lookup(Timestamp(target)).map(|entry| entry.timestamp.0);
        assert_eq!(
            [999, 1000, 2999, 3000, i64::MAX].map(found),
            [None, Some(1000), Some(2000), Some(3000), Some(3000)]
        );
        assert_eq!(index.last().unwrap().timestamp, Timestamp(3000));
        assert_eq!([100, 110, 111].map(|end| index.truncated_bytes(Offset(end))), [0, 12, 36]);
    }

    #[test]
    fn damage_is_found() {
        let kind = |bytes: &[u8]| TimeIndex::decode(bytes, Offset(100)).unwrap_err();
        assert_eq!(kind(&[0; 13]), FileError { position: 12, kind: FileErrorKind::PartialEntry(12) });
        let same_time = file(&[(1000, 100), (1000, 101)], 100);
        assert_eq!(kind(&same_time), FileError { position: 12, kind: FileErrorKind::NotMonotonic("timestamp") });
        assert_eq!(kind(&file(&[(1000, 101), (1001, 100)], 100)).kind, FileErrorKind::NotMonotonic("offset"));
        assert_eq!(kind(&[0xff; 12]).kind, FileErrorKind::BeforeBase);
    }
}
