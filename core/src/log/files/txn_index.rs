//! `%020d.txnindex`: the aborted transactions whose markers lie in the segment. Absent if there are none.
//!
//! ```text
//! 0    i16   version: 0
//! 2    i64   producer id
//! 10   i64   the offset of the transaction's first record in this partition
//! 18   i64   the offset of its abort marker
//! 26   i64   the last stable offset when the marker was appended
//! ```
//! Entries of 34 bytes, big-endian, in the order of their markers.

use super::{FileError, FileErrorKind, array_at};
use crate::ids::{Offset, ProducerId};

/// The size of an entry.
pub const ENTRY_BYTES: usize = 34;

const VERSION: i16 = 0;

/// A transaction that was aborted. Consumers that read committed records skip its producer's records between the two
/// offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTxn {
    /// Whose transaction it was.
    pub producer: ProducerId,
    /// Its first record in this partition.
    pub first_offset: Offset,
    /// Its abort marker.
    pub last_offset: Offset,
    /// The last stable offset once the marker was appended: nothing that a later entry covers starts below it.
    pub last_stable_offset: Offset,
}

/// A transaction index: whole entries over the bytes of the file, without a copy.
#[derive(Clone, Copy, Debug)]
pub struct TxnIndex<'a> {
    entries: &'a [[u8; ENTRY_BYTES]],
}

impl AbortedTxn {
    /// The entry as it is written.
    #[must_use]
    pub fn encode(self) -> [u8; ENTRY_BYTES] {
        let mut entry = [0; ENTRY_BYTES];
        let numbers = [self.producer.0, self.first_offset.0, self.last_offset.0, self.last_stable_offset.0];
        let (version, rest) = entry.split_at_mut(2);
        version.copy_from_slice(&VERSION.to_be_bytes());
        for (to, number) in rest.chunks_exact_mut(8).zip(numbers) {
            to.copy_from_slice(&number.to_be_bytes());
        }
        entry
    }

    fn decode(entry: &[u8; ENTRY_BYTES]) -> Self {
        let number = |position| array_at(entry, position).map_or(-1, i64::from_be_bytes);
        Self {
            producer: ProducerId(number(2)),
            first_offset: Offset(number(10)),
            last_offset: Offset(number(18)),
            last_stable_offset: Offset(number(26)),
        }
    }
}

impl<'a> TxnIndex<'a> {
    /// The index in `bytes`, checked in all entries: whole ones, of a known version, none before the base offset, the
    /// markers in order. A file that fails is to be rebuilt from its log.
    pub fn decode(bytes: &'a [u8], base_offset: Offset) -> Result<Self, FileError> {
        let index = Self::trusted(bytes);
        let mut before = None;
        for (number, entry) in index.entries.iter().enumerate() {
            let error = |kind| Err(FileError::new(number * ENTRY_BYTES, kind));
            let version = i16::from_be_bytes(array_at(entry, 0).unwrap_or_default());
            if version != VERSION {
                return error(FileErrorKind::Version(version.into()));
            }
            let txn = AbortedTxn::decode(entry);
            if txn.last_offset < base_offset {
                return error(FileErrorKind::BeforeBase);
            }
            if txn.first_offset > txn.last_offset || txn.first_offset < Offset::ZERO || txn.producer.0 < 0 {
                return error(FileErrorKind::Value("an aborted transaction"));
            }
            if before.is_some_and(|before| txn.last_offset <= before) {
                return error(FileErrorKind::NotMonotonic("offset"));
            }
            before = Some(txn.last_offset);
        }
        if index.entries.len() * ENTRY_BYTES != bytes.len() {
            let kind = FileErrorKind::PartialEntry(ENTRY_BYTES as u32);
            return Err(FileError::new(index.entries.len() * ENTRY_BYTES, kind));
        }
        Ok(index)
    }

    /// The index in bytes that were checked or made by ourselves; a partial entry at the end is left out.
    #[must_use]
    pub fn trusted(bytes: &'a [u8]) -> Self {
        Self { entries: bytes.as_chunks().0 }
    }

    /// All entries.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = AbortedTxn> + ExactSizeIterator + 'a {
        self.entries.iter().map(AbortedTxn::decode)
    }

    /// The transactions that concern a read of `[fetch_offset, upper_bound)`: those whose records or marker lie there.
    /// It stops by itself where nothing can follow in this index.
    pub fn overlapping(self, fetch_offset: Offset, upper_bound: Offset) -> impl Iterator<Item = AbortedTxn> + 'a {
        self.covering_prefix(upper_bound)
            .filter(move |txn| txn.last_offset >= fetch_offset && txn.first_offset < upper_bound)
    }

    /// Whether the indexes of later segments have nothing to say about a read up to `upper_bound`: an entry here was
    /// made when all transactions below that were already decided.
    #[must_use]
    pub fn is_final_for(self, upper_bound: Offset) -> bool {
        self.iter().any(|txn| txn.last_stable_offset >= upper_bound)
    }

    /// The bytes to keep when the log is cut at `end`: the entries whose markers lie below it.
    #[must_use]
    pub fn truncated_bytes(self, end: Offset) -> usize {
        self.entries.partition_point(|entry| AbortedTxn::decode(entry).last_offset < end) * ENTRY_BYTES
    }

    fn covering_prefix(self, upper_bound: Offset) -> impl Iterator<Item = AbortedTxn> + 'a {
        let mut ended = false;
        self.iter().take_while(move |txn| {
            let take = !ended;
            // The entry that ends the search still counts.
            ended |= txn.last_stable_offset >= upper_bound;
            take
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn txn(producer: i64, first: i64, last: i64, stable: i64) -> AbortedTxn {
        AbortedTxn {
            producer: ProducerId(producer),
            first_offset: Offset(first),
            last_offset: Offset(last),
            last_stable_offset: Offset(stable),
        }
    }

    fn file(entries: &[AbortedTxn]) -> Vec<u8> {
        entries.iter().flat_map(|entry| entry.encode()).collect()
    }

    #[test]
    fn overlap_and_its_end() {
        let entries = [txn(1, 100, 110, 105), txn(2, 105, 120, 121), txn(3, 130, 140, 141)];
        let bytes = file(&entries);
        let index = TxnIndex::decode(&bytes, Offset(100)).unwrap();
        let producers =
            |from, to| index.overlapping(Offset(from), Offset(to)).map(|t| t.producer.0).collect::<Vec<_>>();
        assert_eq!(producers(0, 1000), [1, 2, 3]);
        assert_eq!(producers(111, 121), [2]);
        assert_eq!(producers(110, 104), [1]);
        assert_eq!(producers(141, 1000), [0_i64; 0]);
        assert_eq!(producers(140, 141), [3]);
        assert!(index.is_final_for(Offset(141)));
        assert!(!index.is_final_for(Offset(142)));
        assert_eq!([110, 111, 1000].map(|end| index.truncated_bytes(Offset(end))), [0, 34, 102]);
    }

    #[test]
    fn damage_is_found() {
        let error = |bytes: &[u8]| TxnIndex::decode(bytes, Offset(100)).unwrap_err();
        let bytes = file(&[txn(1, 100, 110, 105), txn(2, 105, 120, 121)]);
        assert_eq!(error(&bytes[..67]), FileError { position: 34, kind: FileErrorKind::PartialEntry(34) });
        assert_eq!(error(&file(&[txn(1, 90, 99, 100)])).kind, FileErrorKind::BeforeBase);
        assert_eq!(error(&file(&[txn(1, 120, 119, 100)])).kind, FileErrorKind::Value("an aborted transaction"));
        let twice = file(&[txn(1, 100, 110, 105), txn(1, 100, 110, 105)]);
        assert_eq!(error(&twice), FileError { position: 34, kind: FileErrorKind::NotMonotonic("offset") });
        assert_eq!(error(&[1; 34]).kind, FileErrorKind::Version(0x0101));
    }
}
