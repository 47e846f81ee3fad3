//! `%020d.snapshot`: what all records before the offset in the name say about their producers.
//!
//! ```text
//! 0     i16   version: 1
//! 2     u32   CRC-32C of everything that follows
//! 6     i32   number of entries, each of 46 bytes:
//! +0    i64     producer id
//! +8    i16     producer epoch
//! +10   i32     last sequence, or -1
//! +14   i64     last offset, or -1
//! +22   i32     the last batch's last offset less its first
//! +26   i64     timestamp
//! +34   i32     coordinator epoch, or -1
//! +38   i64     first offset of the open transaction, or -1
//! ```
//! Big-endian. Of each producer only the last batch is kept.

use super::{FileError, FileErrorKind, array_at, crc32c};
use crate::ids::{Offset, ProducerEpoch, ProducerId, Timestamp};
use alloc::vec::Vec;

const VERSION: i16 = 1;
const CRC_POSITION: usize = 2;
const COUNT_POSITION: usize = 6;
const ENTRIES_POSITION: usize = 10;
const ENTRY_BYTES: usize = 46;

/// What a snapshot keeps of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerEntry {
    /// The producer.
    pub producer: ProducerId,
    /// Its newest epoch, -1 if none.
    pub epoch: ProducerEpoch,
    /// The sequence number of its last record, -1 if that is not known (as after a transaction's marker).
    pub last_sequence: i32,
    /// The offset of that record, -1 if not known.
    pub last_offset: Offset,
    /// How far the first record of its batch lies before it.
    pub offset_delta: i32,
    /// The largest timestamp of its last batch, or the one of its last marker.
    pub timestamp: Timestamp,
    /// The epoch of the transaction coordinator that wrote the last marker, -1 if there was none.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins, if it has one.
    pub current_txn_first_offset: Option<Offset>,
}

/// The entries in the file's order.
pub fn decode(bytes: &[u8]) -> Result<Vec<ProducerEntry>, FileError> {
    let truncated = |position, what| FileError::new(position, FileErrorKind::Truncated(what));
    let version = i16::from_be_bytes(array_at(bytes, 0).ok_or(truncated(0, "its version"))?);
    if version != VERSION {
        return Err(FileError::new(0, FileErrorKind::Version(version.into())));
    }
    let stored = u32::from_be_bytes(array_at(bytes, CRC_POSITION).ok_or(truncated(CRC_POSITION, "its checksum"))?);
    let computed = crc32c(bytes.get(COUNT_POSITION..).unwrap_or_default());
    if stored != computed {
        return Err(FileError::new(CRC_POSITION, FileErrorKind::Checksum { stored, computed }));
    }
    let count = array_at(bytes, COUNT_POSITION).ok_or(truncated(COUNT_POSITION, "its number of entries"))?;
    let announced = i32::from_be_bytes(count);
    let (entries, partial) = bytes.get(ENTRIES_POSITION..).unwrap_or_default().as_chunks::<ENTRY_BYTES>();
    let found = entries.len() as u64;
    if u64::try_from(announced) != Ok(found) {
        let kind = FileErrorKind::Count { announced: announced.into(), found };
        return Err(FileError::new(COUNT_POSITION, kind));
    }
    if !partial.is_empty() {
        return Err(FileError::new(bytes.len() - partial.len(), FileErrorKind::Trailing));
    }
    Ok(entries.iter().map(ProducerEntry::decode).collect())
}

/// The file with these entries.
///
/// # Panics
/// If there are more than 2^31 - 1.
#[must_use]
pub fn encode(entries: impl ExactSizeIterator<Item = ProducerEntry>) -> Vec<u8> {
    assert!(entries.len() <= i32::MAX as usize, "the entries of a snapshot are counted in 31 bits");
    let mut body = Vec::with_capacity(4 + entries.len() * ENTRY_BYTES);
    body.extend_from_slice(&(entries.len() as i32).to_be_bytes());
    entries.for_each(|entry| entry.encode(&mut body));
    let mut bytes = Vec::with_capacity(COUNT_POSITION + body.len());
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&crc32c(&body).to_be_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

impl ProducerEntry {
    fn decode(entry: &[u8; ENTRY_BYTES]) -> Self {
        let long = |position| array_at(entry, position).map_or(-1, i64::from_be_bytes);
        let int = |position| array_at(entry, position).map_or(-1, i32::from_be_bytes);
        let first_offset = long(38);
        Self {
            producer: ProducerId(long(0)),
            epoch: ProducerEpoch(array_at(entry, 8).map_or(-1, i16::from_be_bytes)),
            last_sequence: int(10),
            last_offset: Offset(long(14)),
            offset_delta: int(22),
            timestamp: Timestamp(long(26)),
            coordinator_epoch: int(34),
            current_txn_first_offset: (first_offset >= 0).then_some(Offset(first_offset)),
        }
    }

    fn encode(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.producer.0.to_be_bytes());
        bytes.extend_from_slice(&self.epoch.0.to_be_bytes());
        bytes.extend_from_slice(&self.last_sequence.to_be_bytes());
        bytes.extend_from_slice(&self.last_offset.0.to_be_bytes());
        bytes.extend_from_slice(&self.offset_delta.to_be_bytes());
        bytes.extend_from_slice(&self.timestamp.0.to_be_bytes());
        bytes.extend_from_slice(&self.coordinator_epoch.to_be_bytes());
        bytes.extend_from_slice(&self.current_txn_first_offset.map_or(-1, |offset| offset.0).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(producer: i64, first_offset: Option<i64>) -> ProducerEntry {
        ProducerEntry {
            producer: ProducerId(producer),
            epoch: ProducerEpoch(3),
            last_sequence: 17,
            last_offset: Offset(1204),
            offset_delta: 4,
            timestamp: Timestamp(1_700_000_000_000),
            coordinator_epoch: -1,
            current_txn_first_offset: first_offset.map(Offset),
        }
    }

    #[test]
    fn round_trip() {
        let entries = [entry(1, None), entry(2, Some(0))];
        let bytes = encode(entries.into_iter());
        assert_eq!(bytes.len(), ENTRIES_POSITION + 2 * ENTRY_BYTES);
        assert_eq!(decode(&bytes).unwrap(), entries);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = encode([entry(1, None)].into_iter());
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&damaged).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn counts_must_match_even_under_a_good_checksum() {
        let mut body = Vec::from(5_i32.to_be_bytes());
        entry(1, None).encode(&mut body);
        let bytes = [&VERSION.to_be_bytes()[..], &crc32c(&body).to_be_bytes(), &body].concat();
        let kind = FileErrorKind::Count { announced: 5, found: 1 };
        assert_eq!(decode(&bytes), Err(FileError { position: 6, kind }));
    }
}
