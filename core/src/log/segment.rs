//! One segment of a log: a file of batches from a base offset on, and its indexes.

use super::header::BatchHeader;
use super::index::{OffsetEntry, SegmentIndex, TimeEntry};
use crate::ids::{Offset, Timestamp};

/// A segment.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// The offset that names its files; no batch in it begins before.
    pub(super) base: Offset,
    /// The bytes of its batches, whether they are written yet or not.
    pub(super) bytes: u64,
    /// Whether the file has been asked for.
    pub(super) created: bool,
    /// When it was begun, or found at boot: what stands in for the time of records that have none.
    pub(super) opened: Timestamp,
    /// The greatest time of its first batch: the segment is rolled by it. `None` while it is empty or not known.
    pub(super) first_timestamp: Option<Timestamp>,
    /// The greatest time in it.
    pub(super) max_timestamp: MaxTimestamp,
    pub(super) index: SegmentIndex,
    pub(super) txn_index_created: bool,
    /// The bytes since the last index entry.
    pub(super) bytes_since_entry: u32,
}

/// The greatest time in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MaxTimestamp {
    /// The segment has not been read since boot.
    Unknown,
    /// No batch has a time.
    None,
    Known {
        timestamp: Timestamp,
        /// The last offset of the batch that has it.
        last_offset: Offset,
    },
}

impl Segment {
    /// A segment without batches and without files.
    pub(super) const fn new(base: Offset, opened: Timestamp) -> Self {
        Self {
            base,
            bytes: 0,
            created: false,
            opened,
            first_timestamp: None,
            max_timestamp: MaxTimestamp::None,
            index: SegmentIndex::new(),
            txn_index_created: false,
            bytes_since_entry: 0,
        }
    }

    /// Takes up a batch at the end of the segment: its size, its time, and an index entry where it is time for one.
    pub(super) fn take_up(&mut self, header: &BatchHeader, index_interval_bytes: u32) {
        self.first_timestamp = self.first_timestamp.or((self.bytes == 0).then_some(header.max_timestamp));
        let newer = match self.max_timestamp {
            MaxTimestamp::Known { timestamp, .. } => header.max_timestamp > timestamp,
            MaxTimestamp::None => header.max_timestamp >= Timestamp(0),
            MaxTimestamp::Unknown => false,
        };
        if newer {
            self.max_timestamp =
                MaxTimestamp::Known { timestamp: header.max_timestamp, last_offset: header.last_offset() };
        }
        if self.bytes_since_entry > index_interval_bytes {
            // Batch sizes, and so positions in a segment, are bounded by `segment.bytes`, which is an `i32` in Kafka.
            let entry =
                OffsetEntry { offset: self.relative(header.last_offset()), position: self.bytes.min(MAX) as u32 };
            self.index.push(entry, self.max_time_entry());
            self.bytes_since_entry = 0;
        }
        self.bytes += header.bytes as u64;
        self.bytes_since_entry = self.bytes_since_entry.saturating_add(header.bytes as u32);
    }

    /// What stands in the time index for the greatest time.
    pub(super) fn max_time_entry(&self) -> TimeEntry {
        match self.max_timestamp {
            MaxTimestamp::Known { timestamp, last_offset } => {
                TimeEntry { timestamp: timestamp.0, offset: self.relative(last_offset) }
            }
            MaxTimestamp::None | MaxTimestamp::Unknown => TimeEntry { timestamp: -1, offset: 0 },
        }
    }

    /// Takes the greatest time from the last entry of the time index, which a closed segment has it in.
    pub(super) fn take_max_from_index(&mut self) {
        if self.max_timestamp == MaxTimestamp::Unknown {
            self.max_timestamp = match self.index.last_time() {
                Some(entry) => MaxTimestamp::Known {
                    timestamp: Timestamp(entry.timestamp),
                    last_offset: self.base.plus(i64::from(entry.offset)),
                },
                None => MaxTimestamp::None,
            };
        }
    }

    fn relative(&self, offset: Offset) -> u32 {
        (offset.0.saturating_sub(self.base.0)).clamp(0, MAX as i64) as u32
    }

    /// Whether offsets up to `last` can be told relative to the base.
    pub(super) const fn can_hold(&self, last: Offset) -> bool {
        last.0.saturating_sub(self.base.0) <= i32::MAX as i64
    }
}

/// The largest number that an index column holds in Kafka: it reads them as signed.
const MAX: u64 = i32::MAX as u64;
