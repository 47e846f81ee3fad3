//! The header of a batch, as far as a log needs it, with core's types. The layout is the protocol's.

use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use bytes::Bytes;
use grete_protocol::records::{
    self, Attributes, BatchView, EndTxnMarker, HeaderPatch, TimestampType, sequence_increment,
};

/// The length of a batch's header.
pub(super) const HEADER_BYTES: usize = records::HEADER_BYTES;

/// The fields of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchHeader {
    pub(super) base_offset: Offset,
    /// The bytes of the whole batch.
    pub(super) bytes: usize,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) attributes: Attributes,
    pub(super) last_offset_delta: i32,
    pub(super) max_timestamp: Timestamp,
    pub(super) producer: ProducerId,
    pub(super) producer_epoch: ProducerEpoch,
    pub(super) base_sequence: i32,
}

impl BatchHeader {
    /// The header at the start of `bytes`; `None` where they cannot begin a batch of format 2.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = records::BatchHeader::decode(bytes.first_chunk()?);
        let parsed = Self {
            base_offset: Offset(header.base_offset),
            bytes: header.size_bytes(),
            leader_epoch: LeaderEpoch(header.partition_leader_epoch),
            attributes: header.attributes,
            last_offset_delta: header.last_offset_delta,
            max_timestamp: Timestamp(header.max_timestamp),
            producer: ProducerId(header.producer_id),
            producer_epoch: ProducerEpoch(header.producer_epoch),
            base_sequence: header.base_sequence,
        };
        let possible = header.magic == 2
            && header.batch_length > 0
            && parsed.bytes >= HEADER_BYTES
            && parsed.last_offset_delta >= 0
            && parsed.base_offset >= Offset::ZERO
            && parsed.base_offset.0.checked_add(i64::from(parsed.last_offset_delta)).is_some();
        possible.then_some(parsed)
    }

    pub(super) fn last_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta))
    }

    /// The sequence number of the last record.
    pub(super) fn last_sequence(&self) -> i32 {
        sequence_increment(self.base_sequence.max(0), self.last_offset_delta)
    }

    /// Whether an idempotent or transactional producer sent it.
    pub(super) fn has_producer(&self) -> bool {
        self.producer >= ProducerId(0)
    }

    /// The offset after the batch.
    pub(super) fn end(&self) -> Offset {
        self.last_offset().plus(1)
    }

    pub(super) fn is_transactional(&self) -> bool {
        self.attributes.is_transactional()
    }

    pub(super) fn is_control(&self) -> bool {
        self.attributes.is_control()
    }
}

/// The marker in a control batch that ends a transaction; `None` where it is another control batch, or none.
pub(super) fn marker_in(header: &BatchHeader, batch: &[u8]) -> Option<EndTxnMarker> {
    if !header.is_control() || !header.has_producer() {
        return None;
    }
    let record = BatchView::parse(batch).ok()?.records().ok()?.next()?.ok()?;
    EndTxnMarker::from_record(record.key?, record.value?).ok()
}

/// Whether the checksum of a whole batch is right.
pub(super) fn checksum_fits(batch: &[u8]) -> bool {
    BatchView::parse(batch).is_ok_and(|view| view.crc_is_valid())
}

/// A batch with its offset and epoch set, and its time where the log stamps it: a header of its own in front of the rest.
pub(super) fn stamped(
    batch: &Bytes,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    append_time: Option<Timestamp>,
) -> [Bytes; 2] {
    let header = batch.first_chunk().expect("a batch that was parsed has a header");
    let patch = HeaderPatch {
        base_offset: base_offset.0,
        partition_leader_epoch: leader_epoch.0,
        max_timestamp: append_time.map(|time| (TimestampType::LogAppendTime, time.0)),
    };
    let header = records::BatchHeader::decode(header).patched(patch).encode();
    [Bytes::copy_from_slice(&header), batch.slice(HEADER_BYTES..)]
}
