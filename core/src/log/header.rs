//! The header of a stored batch: what a log needs to know of records, and the fields that it sets.
//!
//! A batch of format 2 begins with 61 bytes (big-endian): base offset 0..8, length of what follows 8..12, leader epoch
//! 12..16, magic 16, CRC-32C of all that follows it 17..21, attributes 21..23, last offset delta 23..27, base timestamp
//! 27..35, max timestamp 35..43, producer id 43..51, producer epoch 51..53, base sequence 53..57, record count 57..61.
//! Offset and epoch lie before the checksum, so that a log sets them without touching the rest.

use super::checksum::crc32c;
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use bytes::Bytes;

/// The length of a batch's header.
pub(super) const HEADER_BYTES: usize = 61;

/// The bytes of a batch that its length field does not count: the base offset and the length itself.
const UNCOUNTED_BYTES: usize = 12;

const ATTRIBUTE_LOG_APPEND_TIME: i16 = 0x08;
const ATTRIBUTE_TRANSACTIONAL: i16 = 0x10;
const ATTRIBUTE_CONTROL: i16 = 0x20;

/// The fields of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchHeader {
    pub(super) base_offset: Offset,
    /// The bytes of the whole batch.
    pub(super) bytes: usize,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) attributes: i16,
    pub(super) last_offset_delta: i32,
    pub(super) max_timestamp: Timestamp,
    pub(super) producer: ProducerId,
    pub(super) producer_epoch: ProducerEpoch,
    pub(super) base_sequence: i32,
}

impl BatchHeader {
    /// The header at the start of `bytes`; `None` where they cannot begin a batch of format 2.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let counted = usize::try_from(i32::from_be_bytes(field(header, 8)?)).ok()?;
        let parsed = Self {
            base_offset: Offset(i64::from_be_bytes(field(header, 0)?)),
            bytes: counted.checked_add(UNCOUNTED_BYTES)?,
            leader_epoch: LeaderEpoch(i32::from_be_bytes(field(header, 12)?)),
            attributes: i16::from_be_bytes(field(header, 21)?),
            last_offset_delta: i32::from_be_bytes(field(header, 23)?),
            max_timestamp: Timestamp(i64::from_be_bytes(field(header, 35)?)),
            producer: ProducerId(i64::from_be_bytes(field(header, 43)?)),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(field(header, 51)?)),
            base_sequence: i32::from_be_bytes(field(header, 53)?),
        };
        let magic = *header.get(16)?;
        let possible = magic == 2
            && parsed.bytes >= HEADER_BYTES
            && parsed.last_offset_delta >= 0
            && parsed.base_offset >= Offset::ZERO
            && parsed.base_offset.0.checked_add(i64::from(parsed.last_offset_delta)).is_some();
        possible.then_some(parsed)
    }

    pub(super) fn last_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta))
    }

    /// The offset after the batch.
    pub(super) fn end(&self) -> Offset {
        self.last_offset().plus(1)
    }

    pub(super) fn is_transactional(&self) -> bool {
        self.attributes & ATTRIBUTE_TRANSACTIONAL != 0
    }

    pub(super) fn is_control(&self) -> bool {
        self.attributes & ATTRIBUTE_CONTROL != 0
    }
}

/// Whether the checksum of a whole batch is right.
pub(super) fn checksum_fits(batch: &[u8]) -> bool {
    let (Some(stored), Some(covered)) = (batch.get(17..21), batch.get(21..)) else { return false };
    stored == crc32c(covered).to_be_bytes()
}

/// A batch with its offset and epoch set, and its time where the log stamps it: a header of its own in front of the rest.
pub(super) fn stamped(
    batch: &Bytes,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    append_time: Option<Timestamp>,
) -> [Bytes; 2] {
    let rest = batch.slice(HEADER_BYTES..);
    let mut header = [0; HEADER_BYTES];
    header.copy_from_slice(&batch[..HEADER_BYTES]);
    header[0..8].copy_from_slice(&base_offset.0.to_be_bytes());
    header[12..16].copy_from_slice(&leader_epoch.0.to_be_bytes());
    if let Some(time) = append_time {
        let attributes = i16::from_be_bytes([header[21], header[22]]) | ATTRIBUTE_LOG_APPEND_TIME;
        header[21..23].copy_from_slice(&attributes.to_be_bytes());
        header[35..43].copy_from_slice(&time.0.to_be_bytes());
        let crc = super::checksum::crc32c_of_parts(&header[21..], &rest);
        header[17..21].copy_from_slice(&crc.to_be_bytes());
    }
    [Bytes::copy_from_slice(&header), rest]
}

fn field<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> Option<[u8; N]> {
    header.get(at..at + N)?.try_into().ok()
}
