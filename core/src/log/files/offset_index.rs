//! `%020d.index`: file positions of batches by offset, one entry about every `index.interval.bytes` of log.
//!
//! ```text
//! 0   i32   the batch's last offset, less the segment's base offset
//! 4   i32   the position of the batch's first byte in the .log file
//! ```
//! Entries of 8 bytes, big-endian, both columns strictly growing. A live file of Kafka's is preallocated and has zeros
//! after its last entry, until it is closed.

use super::{FileError, FileErrorKind, array_at};
use crate::ids::{FilePosition, Offset};

/// The size of an entry.
pub const ENTRY_BYTES: usize = 8;

/// Where a batch lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetPosition {
    /// The last offset of the batch.
    pub offset: Offset,
    /// The position of its first byte in the segment's log file.
    pub position: FilePosition,
}

/// An offset index: whole entries over the bytes of the file, without a copy.
#[derive(Clone, Copy, Debug)]
pub struct OffsetIndex<'a> {
    entries: &'a [[u8; ENTRY_BYTES]],
    base_offset: Offset,
}

impl OffsetPosition {
    /// The entry as it is written, unless offset or position lie too far from the segment's start for the format: then
    /// the segment must have been rolled before.
    #[must_use]
    pub fn encode(self, base_offset: Offset) -> Option<[u8; ENTRY_BYTES]> {
        let relative = relative_offset(self.offset, base_offset)?;
        let position = i32::try_from(self.position.0).ok()?;
        let mut entry = [0; ENTRY_BYTES];
        let (first, second) = entry.split_at_mut(4);
        first.copy_from_slice(&relative.to_be_bytes());
        second.copy_from_slice(&position.to_be_bytes());
        Some(entry)
    }

    fn decode(entry: &[u8; ENTRY_BYTES], base_offset: Offset) -> Self {
        let &[a, b, c, d, e, f, g, h] = entry;
        let relative = i32::from_be_bytes([a, b, c, d]);
        let position = u32::from_be_bytes([e, f, g, h]);
        Self { offset: base_offset.plus(relative.into()), position: FilePosition(position.into()) }
    }
}

impl<'a> OffsetIndex<'a> {
    /// The index in `bytes`, checked in all entries: whole ones, both columns growing, none before the base offset.
    /// (Kafka looks only at the last one.) A file that fails is to be rebuilt from its log.
    pub fn decode(bytes: &'a [u8], base_offset: Offset) -> Result<Self, FileError> {
        let index = Self::trusted(bytes, base_offset);
        if index.entries.len() * ENTRY_BYTES != bytes.len() {
            let kind = FileErrorKind::PartialEntry(ENTRY_BYTES as u32);
            return Err(FileError::new(index.entries.len() * ENTRY_BYTES, kind));
        }
        let mut before: Option<OffsetPosition> = None;
        for (number, entry) in index.iter().enumerate() {
            let error = |kind| Err(FileError::new(number * ENTRY_BYTES, kind));
            if entry.offset < base_offset {
                return error(FileErrorKind::BeforeBase);
            }
            if entry.position.0 > i32::MAX as u64 {
                return error(FileErrorKind::Value("a file position"));
            }
            if before.is_some_and(|before| entry.offset <= before.offset) {
                return error(FileErrorKind::NotMonotonic("offset"));
            }
            if before.is_some_and(|before| entry.position <= before.position) {
                return error(FileErrorKind::NotMonotonic("position"));
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
    pub fn iter(self) -> impl DoubleEndedIterator<Item = OffsetPosition> + ExactSizeIterator + 'a {
        self.entries.iter().map(move |entry| OffsetPosition::decode(entry, self.base_offset))
    }

    /// The last entry.
    #[must_use]
    pub fn last(self) -> Option<OffsetPosition> {
        self.iter().next_back()
    }

    /// The last entry at or before `target`. The log is read from its position on, and from the start if there is none.
    #[must_use]
    pub fn lookup(self, target: Offset) -> Option<OffsetPosition> {
        let at = |entry: &[u8; ENTRY_BYTES]| OffsetPosition::decode(entry, self.base_offset);
        let end = self.entries.partition_point(|entry| at(entry).offset <= target);
        self.entries.get(end.checked_sub(1)?).map(at)
    }

    /// The bytes to keep when the log is cut at `end`: the entries whose offsets are below it.
    #[must_use]
    pub fn truncated_bytes(self, end: Offset) -> usize {
        let below = |entry: &[u8; ENTRY_BYTES]| OffsetPosition::decode(entry, self.base_offset).offset < end;
        self.entries.partition_point(below) * ENTRY_BYTES
    }
}

/// An offset as segments' indexes keep it: above the base offset, in 31 bits.
pub(super) fn relative_offset(offset: Offset, base_offset: Offset) -> Option<i32> {
    let relative = i32::try_from(offset.0.checked_sub(base_offset.0)?).ok()?;
    (relative >= 0).then_some(relative)
}

/// The number of whole entries that a preallocated index has before its zeros. Only the first entry of an index may be
/// all zeros.
#[must_use]
pub fn used_bytes(bytes: &[u8]) -> usize {
    let entries: &[[u8; ENTRY_BYTES]] = bytes.as_chunks().0;
    let unused = entries.iter().rev().take_while(|entry| **entry == [0; ENTRY_BYTES]).count();
    // A single batch of one record at the segment's start may have given the zeros of the first entry; without it,
    // lookups start at the same place.
    (entries.len() - unused) * ENTRY_BYTES
}

/// The entry with this number, for a reader that fetches an index piece by piece.
#[must_use]
pub fn entry_at(bytes: &[u8], number: usize, base_offset: Offset) -> Option<OffsetPosition> {
    let entry = array_at(bytes, number.checked_mul(ENTRY_BYTES)?)?;
    Some(OffsetPosition::decode(&entry, base_offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn file(entries: &[(i64, u64)], base: i64) -> Vec<u8> {
        let encode = |&(offset, position): &(i64, u64)| {
            OffsetPosition { offset: Offset(offset), position: FilePosition(position) }.encode(Offset(base)).unwrap()
        };
        entries.iter().flat_map(encode).collect()
    }

    #[test]
    fn lookup_finds_the_last_entry_at_or_before() {
        let bytes = file(&[(100, 0), (110, 4096), (130, 9000)], 100);
        let index = OffsetIndex::decode(&bytes, Offset(100)).unwrap();
        let found = |target| index.lookup(Offset(target)).map(|entry| entry.position.0);
        assert_eq!(found(99), None);
        assert_eq!(found(100), Some(0));
        assert_eq!(found(129), Some(4096));
        assert_eq!(found(130), Some(9000));
        assert_eq!(found(i64::MAX), Some(9000));
        assert_eq!(index.last().unwrap().offset, Offset(130));
        assert_eq!(OffsetIndex::decode(&[], Offset(100)).unwrap().lookup(Offset(5)), None);
    }

    #[test]
    fn truncation_keeps_what_lies_below() {
        let bytes = file(&[(100, 0), (110, 4096), (130, 9000)], 100);
        let index = OffsetIndex::decode(&bytes, Offset(100)).unwrap();
        assert_eq!([100, 101, 110, 111, 200].map(|end| index.truncated_bytes(Offset(end))), [0, 8, 8, 16, 24]);
    }

    #[test]
    fn damage_is_found() {
        let kind = |bytes: &[u8]| OffsetIndex::decode(bytes, Offset(100)).unwrap_err();
        let bytes = file(&[(105, 10), (110, 4096)], 100);
        assert_eq!(kind(&bytes[..15]), FileError { position: 8, kind: FileErrorKind::PartialEntry(8) });
        assert_eq!(
            kind(&file(&[(105, 10), (105, 11)], 100)),
            FileError { position: 8, kind: FileErrorKind::NotMonotonic("offset") }
        );
        assert_eq!(kind(&file(&[(105, 10), (106, 10)], 100)).kind, FileErrorKind::NotMonotonic("position"));
        assert_eq!(kind(&[0xff; 8]).kind, FileErrorKind::BeforeBase);
        assert_eq!(kind(&[0, 0, 0, 1, 0xff, 0, 0, 0]).kind, FileErrorKind::Value("a file position"));
        assert_eq!(kind(&[0; 16]).position, 8);
    }

    #[test]
    fn preallocated_zeros_are_not_entries() {
        let mut bytes = file(&[(100, 0), (110, 4096)], 100);
        bytes.resize(80, 0);
        assert_eq!(used_bytes(&bytes), 16);
        assert_eq!(used_bytes(&[0; 40]), 0);
        assert_eq!(entry_at(&bytes, 1, Offset(100)).unwrap().offset, Offset(110));
        assert_eq!(entry_at(&bytes, 10, Offset(100)), None);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let entry = |offset, position| OffsetPosition { offset: Offset(offset), position: FilePosition(position) };
        assert_eq!(entry(5, 0).encode(Offset(6)), None);
        assert_eq!(entry(1 << 31, 0).encode(Offset(0)), None);
        assert_eq!(entry(0, 1 << 31).encode(Offset(0)), None);
        assert!(entry(i64::MAX, 0).encode(Offset(i64::MAX)).is_some());
        assert_eq!(entry(i64::MAX, 0).encode(Offset(-1)), None);
    }
}
