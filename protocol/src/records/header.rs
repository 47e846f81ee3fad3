//! The header of a batch, byte by byte.
//!
//! ```text
//!  0 base offset i64            | not in the CRC: the leader assigns them
//!  8 batch length i32           | bytes behind this field
//! 12 partition leader epoch i32 |
//! 16 magic i8 = 2               |
//! 17 CRC-32C u32                of everything from byte 21 to the end of the batch
//! 21 attributes i16
//! 23 last offset delta i32
//! 27 base timestamp i64         record timestamps are relative to it; the delete horizon where attributes say so
//! 35 max timestamp i64
//! 43 producer id i64
//! 51 producer epoch i16
//! 53 base sequence i32
//! 57 records count i32
//! 61 records                                                             all big-endian
//! ```

use super::crc::{crc32c, crc32c_moved};
use super::{Attributes, NO_SEQUENCE, TimestampType};

/// Where each field starts, in bytes from the start of the batch.
pub mod layout {
    /// `i64`.
    pub const BASE_OFFSET: usize = 0;
    /// `i32`, counts the bytes behind itself.
    pub const BATCH_LENGTH: usize = 8;
    /// `i32`.
    pub const PARTITION_LEADER_EPOCH: usize = 12;
    /// `i8`; at the same place in all versions of the format.
    pub const MAGIC: usize = 16;
    /// `u32`.
    pub const CRC: usize = 17;
    /// `i16`, the first byte that the CRC covers.
    pub const ATTRIBUTES: usize = 21;
    /// `i32`.
    pub const LAST_OFFSET_DELTA: usize = 23;
    /// `i64`.
    pub const BASE_TIMESTAMP: usize = 27;
    /// `i64`.
    pub const MAX_TIMESTAMP: usize = 35;
    /// `i64`.
    pub const PRODUCER_ID: usize = 43;
    /// `i16`.
    pub const PRODUCER_EPOCH: usize = 51;
    /// `i32`.
    pub const BASE_SEQUENCE: usize = 53;
    /// `i32`.
    pub const RECORDS_COUNT: usize = 57;
    /// The records.
    pub const RECORDS: usize = 61;
    /// Bytes that the batch length does not count: the base offset and itself.
    pub const LOG_OVERHEAD: usize = 12;
}

/// Bytes of a batch's header.
pub const HEADER_BYTES: usize = layout::RECORDS;
/// The magic of the format that this module knows.
pub(super) const MAGIC: i8 = 2;
/// The least that a v2 batch's length field can hold.
pub(super) const BATCH_LENGTH_MIN: i32 = (HEADER_BYTES - layout::LOG_OVERHEAD) as i32;
/// Header bytes that the CRC covers.
const CRC_HEADER_BYTES: usize = HEADER_BYTES - layout::ATTRIBUTES;

/// A batch's header, field by field. Whatever 61 bytes hold can be read into it and is written back as it was; what
/// the values mean is for [`super::BatchView::parse`] and [`super::validate()`] to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record (before compaction).
    pub base_offset: i64,
    /// Bytes behind the length field: the batch's size less 12.
    pub batch_length: i32,
    /// Epoch of the leader that took the batch.
    pub partition_leader_epoch: i32,
    /// Version of the format, 2.
    pub magic: i8,
    /// CRC-32C of all from the attributes to the end.
    pub crc: u32,
    /// Compression, timestamp type and flags.
    pub attributes: Attributes,
    /// Last offset, relative to the base offset. Compaction keeps it even where it drops the last record.
    pub last_offset_delta: i32,
    /// What record timestamps are relative to, in milliseconds since 1970; the delete horizon if the batch has one.
    pub base_timestamp: i64,
    /// The latest timestamp of the records, or when the batch was appended; milliseconds since 1970.
    pub max_timestamp: i64,
    /// The producer, or -1.
    pub producer_id: i64,
    /// The producer's epoch, or -1.
    pub producer_epoch: i16,
    /// The sequence of the first record, or -1.
    pub base_sequence: i32,
    /// Records in the batch.
    pub records_count: i32,
}

impl BatchHeader {
    /// Reads a header.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Self {
        let mut fields = Fields(bytes);
        Self {
            base_offset: i64::from_be_bytes(fields.take()),
            batch_length: i32::from_be_bytes(fields.take()),
            partition_leader_epoch: i32::from_be_bytes(fields.take()),
            magic: i8::from_be_bytes(fields.take()),
            crc: u32::from_be_bytes(fields.take()),
            attributes: Attributes(i16::from_be_bytes(fields.take())),
            last_offset_delta: i32::from_be_bytes(fields.take()),
            base_timestamp: i64::from_be_bytes(fields.take()),
            max_timestamp: i64::from_be_bytes(fields.take()),
            producer_id: i64::from_be_bytes(fields.take()),
            producer_epoch: i16::from_be_bytes(fields.take()),
            base_sequence: i32::from_be_bytes(fields.take()),
            records_count: i32::from_be_bytes(fields.take()),
        }
    }

    /// Writes the header, the CRC as it stands in it.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut rest = &mut bytes[..];
        let mut put = |field: &[u8]| {
            let (place, behind) = core::mem::take(&mut rest).split_at_mut(field.len());
            place.copy_from_slice(field);
            rest = behind;
        };
        put(&self.base_offset.to_be_bytes());
        put(&self.batch_length.to_be_bytes());
        put(&self.partition_leader_epoch.to_be_bytes());
        put(&self.magic.to_be_bytes());
        put(&self.crc.to_be_bytes());
        put(&self.attributes.0.to_be_bytes());
        put(&self.last_offset_delta.to_be_bytes());
        put(&self.base_timestamp.to_be_bytes());
        put(&self.max_timestamp.to_be_bytes());
        put(&self.producer_id.to_be_bytes());
        put(&self.producer_epoch.to_be_bytes());
        put(&self.base_sequence.to_be_bytes());
        put(&self.records_count.to_be_bytes());
        bytes
    }

    /// Bytes of the whole batch as the length field tells; 0 where that is negative beyond sense.
    pub fn size_bytes(&self) -> usize {
        usize::try_from(i64::from(self.batch_length) + layout::LOG_OVERHEAD as i64).unwrap_or(0)
    }

    /// The batch's last offset.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(i64::from(self.last_offset_delta))
    }

    /// The offset behind the batch.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().wrapping_add(1)
    }

    /// The sequence of the last record, which continues at 0 behind `i32::MAX`; -1 where the batch has none.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence == NO_SEQUENCE {
            NO_SEQUENCE
        } else {
            sequence_increment(self.base_sequence, self.last_offset_delta)
        }
    }

    /// Whether an idempotent producer wrote the batch.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id > super::NO_PRODUCER_ID
    }

    /// The time from which on compaction may drop the batch's tombstones, where one is set; milliseconds since 1970.
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        self.attributes.has_delete_horizon().then_some(self.base_timestamp)
    }

    /// The timestamp of a record with this delta, in milliseconds since 1970.
    pub fn timestamp(&self, timestamp_delta: i64) -> i64 {
        match self.attributes.timestamp_type() {
            TimestampType::CreateTime => self.base_timestamp.wrapping_add(timestamp_delta),
            TimestampType::LogAppendTime => self.max_timestamp,
        }
    }

    /// The header that the same batch has after `patch`.
    ///
    /// What lies outside the CRC is simply replaced. For the timestamp the CRC is carried over: CRCs are linear, so
    /// that the difference that the header makes, moved over as many bytes as follow it, is the difference of the
    /// batch's CRC. That costs the same for all sizes, and a CRC that was wrong stays wrong.
    #[must_use]
    pub fn patched(&self, patch: HeaderPatch) -> Self {
        let mut patched =
            Self { base_offset: patch.base_offset, partition_leader_epoch: patch.partition_leader_epoch, ..*self };
        let Some((timestamp_type, max_timestamp)) = patch.max_timestamp else {
            return patched;
        };
        patched.attributes = self.attributes.with_timestamp_type(timestamp_type);
        patched.max_timestamp = max_timestamp;
        if (patched.attributes, patched.max_timestamp) != (self.attributes, self.max_timestamp) {
            let difference = self.crc_of_header() ^ patched.crc_of_header();
            let records_bytes = self.size_bytes().saturating_sub(HEADER_BYTES) as u64;
            patched.crc ^= crc32c_moved(difference, records_bytes);
        }
        patched
    }

    /// The CRC of the header's part that it covers, alone.
    fn crc_of_header(&self) -> u32 {
        let bytes = self.encode();
        let covered = bytes.last_chunk::<CRC_HEADER_BYTES>().expect("the header is longer than this");
        crc32c(covered)
    }
}

/// What an append may change in a header. See [`BatchHeader::patched`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderPatch {
    /// The offset that the leader assigns.
    pub base_offset: i64,
    /// The leader's epoch.
    pub partition_leader_epoch: i32,
    /// The batch's timestamp type and maximum timestamp, where they are to be set.
    pub max_timestamp: Option<(TimestampType, i64)>,
}

/// `sequence` and `increment` further; behind `i32::MAX` follows 0. Neither may be negative.
pub fn sequence_increment(sequence: i32, increment: i32) -> i32 {
    match sequence.checked_add(increment) {
        Some(sum) => sum,
        None => sequence.wrapping_add(increment) & i32::MAX,
    }
}

/// `sequence` and `decrement` back; before 0 comes `i32::MAX`. Neither may be negative.
pub fn sequence_decrement(sequence: i32, decrement: i32) -> i32 {
    if sequence < decrement { sequence.wrapping_sub(decrement) & i32::MAX } else { sequence.wrapping_sub(decrement) }
}

/// Takes one field after the other; the sum of the sizes is checked by the types of the header.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk::<N>().expect("the fields are 61 bytes together");
        self.0 = rest;
        *field
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn header() -> BatchHeader {
        let mut bytes = [0_u8; HEADER_BYTES];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = index as u8;
        }
        BatchHeader::decode(&bytes)
    }

    #[test]
    fn each_field_lies_where_the_layout_says() {
        let header = header();
        assert_eq!(header.base_offset, 0x0001_0203_0405_0607);
        assert_eq!(header.batch_length.to_be_bytes()[0], layout::BATCH_LENGTH as u8);
        assert_eq!(header.partition_leader_epoch.to_be_bytes()[0], layout::PARTITION_LEADER_EPOCH as u8);
        assert_eq!(header.magic, layout::MAGIC as i8);
        assert_eq!(header.crc.to_be_bytes()[0], layout::CRC as u8);
        assert_eq!(header.attributes.0.to_be_bytes()[0], layout::ATTRIBUTES as u8);
        assert_eq!(header.last_offset_delta.to_be_bytes()[0], layout::LAST_OFFSET_DELTA as u8);
        assert_eq!(header.base_timestamp.to_be_bytes()[0], layout::BASE_TIMESTAMP as u8);
        assert_eq!(header.max_timestamp.to_be_bytes()[0], layout::MAX_TIMESTAMP as u8);
        assert_eq!(header.producer_id.to_be_bytes()[0], layout::PRODUCER_ID as u8);
        assert_eq!(header.producer_epoch.to_be_bytes()[0], layout::PRODUCER_EPOCH as u8);
        assert_eq!(header.base_sequence.to_be_bytes()[0], layout::BASE_SEQUENCE as u8);
        assert_eq!(header.records_count.to_be_bytes()[0], layout::RECORDS_COUNT as u8);
        assert_eq!(BatchHeader::decode(&header.encode()), header);
    }

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(sequence_increment(i32::MAX, 1), 0);
        assert_eq!(sequence_increment(i32::MAX - 1, 1), i32::MAX);
        assert_eq!(sequence_increment(i32::MAX - 2, 10), 7);
        assert_eq!(sequence_decrement(0, 1), i32::MAX);
        assert_eq!(sequence_decrement(7, 10), i32::MAX - 2);
        assert_eq!(sequence_decrement(10, 7), 3);
    }

    #[test]
    fn sizes_and_offsets_of_nonsense_do_not_panic() {
        let nonsense = BatchHeader {
            base_offset: i64::MAX,
            batch_length: i32::MIN,
            last_offset_delta: i32::MAX,
            base_sequence: i32::MIN,
            ..header()
        };
        assert_eq!(nonsense.size_bytes(), 0);
        assert!(nonsense.next_offset() < 0);
        nonsense.last_sequence();
        nonsense.timestamp(i64::MIN);
    }

    #[test]
    fn a_carried_crc_is_the_crc_computed_afresh() {
        for records_bytes in [0_usize, 1, 7, 255, 4096, 1_000_003] {
            let records: Vec<u8> = (0..records_bytes).map(|index| (index * 31) as u8).collect();
            let crc = |header: &BatchHeader| {
                let mut covered = header.encode()[layout::ATTRIBUTES..].to_vec();
                covered.extend_from_slice(&records);
                crc32c(&covered)
            };
            let mut before = BatchHeader { batch_length: (records_bytes + HEADER_BYTES - 12) as i32, ..header() };
            before.crc = crc(&before);
            let patch = HeaderPatch {
                base_offset: 17,
                partition_leader_epoch: 3,
                max_timestamp: Some((TimestampType::LogAppendTime, 1_700_000_000_000)),
            };
            let after = before.patched(patch);
            assert_eq!(after.crc, crc(&after));
            assert_ne!(after.crc, before.crc);
            assert_eq!((after.base_offset, after.partition_leader_epoch), (17, 3));
            let wrong = BatchHeader { crc: before.crc ^ 1, ..before }.patched(patch);
            assert_ne!(wrong.crc, crc(&wrong), "a wrong CRC stays wrong");
        }
    }
}
