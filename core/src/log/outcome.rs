//! What a [`LogStore`](super::LogStore) answers and reports.

use crate::ids::{
    LeaderEpoch, LogDirIndex, Offset, PartitionIndex, ProducerEpoch, ProducerId, Timestamp, TopicPartition,
};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// Who hands records to a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A client: the sequence numbers of idempotent producers are checked.
    Client,
    /// A coordinator or the controller of this node: its records carry no sequence numbers.
    Coordinator,
}

/// Where records went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendInfo {
    /// The offset of the first record.
    pub first_offset: Offset,
    /// The offset of the last record. The append is acknowledged when the durable end is beyond it.
    pub last_offset: Offset,
    /// The time that the log stamped the records with; -1 where they keep the producer's.
    pub log_append_time: Timestamp,
    /// The first offset of the log.
    pub log_start_offset: Offset,
    /// Whether the log had these records already: nothing was appended, and the offsets are those of the first time.
    pub duplicate: bool,
}

/// Why records were not appended. Nothing of them is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// The partition's log cannot be used.
    Unavailable(Unavailable),
    /// The records are not whole batches of format 2, which the caller should have found.
    Malformed,
    /// The records of one append are larger than a segment may be.
    LargerThanSegment {
        /// The bytes of the records.
        bytes: u64,
        /// The most that a segment holds.
        segment_bytes: u32,
    },
    /// No offset is left for them.
    OffsetsExhausted,
    /// A producer's sequence number is not the next one.
    OutOfOrderSequence {
        /// The producer.
        producer: ProducerId,
        /// The sequence number that came.
        found: i32,
        /// The one that would have been next; -1 where the producer is not known.
        expected: i32,
    },
    /// A newer incarnation of the producer is known.
    InvalidProducerEpoch {
        /// The producer.
        producer: ProducerId,
        /// The epoch that came.
        found: ProducerEpoch,
        /// The newest one.
        current: ProducerEpoch,
    },
    /// A marker of a transaction came from a coordinator that another has replaced.
    CoordinatorFenced,
    /// Transactional and other records of one producer are mixed.
    InvalidTransactionState,
}

/// Why a log cannot be used at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// No log of this partition has been opened.
    Unknown,
    /// It is being recovered.
    Opening,
    /// Its directory has failed.
    Offline,
    /// It was damaged below its flushed end, and is set aside.
    Damaged,
}

/// What to read from a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The first offset wanted; the answer may begin with a batch that contains it.
    pub offset: Offset,
    /// Only batches that begin below this offset are returned: the high watermark or the last stable offset.
    pub end: Offset,
    /// The most bytes to return.
    pub bytes_max: u32,
    /// Whether a first batch larger than `bytes_max` is returned all the same.
    pub at_least_one: bool,
}

/// How a read goes on.
#[derive(Clone, Debug)]
pub enum ReadOutcome {
    /// It is done.
    Ready(Records),
    /// It waits for the disk; [`LogEvent::Read`] brings the result.
    Pending(ReadTicket),
    /// It cannot be done.
    Failed(ReadError),
}

/// Names a read until its result comes. Unique within a shard's incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadTicket(pub u64);

/// Whole batches in the order of their offsets, without a gap that the log does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// The batches.
    pub batches: Vec<StoredBatch>,
}

impl Records {
    /// The number of bytes of all batches.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.batches.iter().map(StoredBatch::len).sum()
    }
}

/// A batch as it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// The 61 bytes of the header as the log has them, and the rest as the producer sent it.
    pub parts: [Bytes; 2],
}

impl StoredBatch {
    /// The number of bytes of the batch.
    #[expect(clippy::len_without_is_empty, reason = "a batch has a header")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts[0].len() + self.parts[1].len()
    }
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The partition's log cannot be used.
    Unavailable(Unavailable),
    /// The offset is before the log's start or beyond the end given.
    OutOfRange {
        /// The first offset of the log.
        log_start: Offset,
        /// The offset that the next record will get.
        log_end: Offset,
    },
    /// The disk could not read.
    Failed,
    /// What the disk gave is not what was written.
    Damaged {
        /// The first offset that cannot be read.
        offset: Offset,
    },
}

/// A record found by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampOffset {
    /// Its offset.
    pub offset: Offset,
    /// Its time.
    pub timestamp: Timestamp,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
}

/// What to look for by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampQuery {
    /// The first record whose time is at least this.
    First(Timestamp),
    /// The first of the records with the greatest time.
    Max,
}

/// How a search by time goes on.
#[derive(Clone, Debug)]
pub enum LookupOutcome {
    /// It is done; `None` where no record fits.
    Ready(Option<TimestampOffset>),
    /// It waits for the disk; [`LogEvent::Lookup`] brings the result.
    Pending(ReadTicket),
    /// It cannot be done.
    Failed(ReadError),
}

/// A producer that a partition remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerDescription {
    /// Its id.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// The sequence of its last record; -1 where it has none.
    pub last_sequence: i32,
    /// The time of its last batch.
    pub last_timestamp: Timestamp,
    /// The epoch of the coordinator that wrote its last marker; -1 where there is none.
    pub coordinator_epoch: i32,
    /// Where its open transaction begins; -1 where it has none.
    pub current_transaction_start: Offset,
}

/// The bytes of a partition on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionSize {
    /// The partition.
    pub partition: TopicPartition,
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number.
    pub index: PartitionIndex,
    /// The log directory that holds it.
    pub dir: LogDirIndex,
    /// The bytes of its segments.
    pub size_bytes: u64,
}

/// Something that happened to a log, in order.
#[derive(Clone, Debug)]
pub enum LogEvent {
    /// A log that was being recovered can be used from now on.
    Opened {
        /// The partition.
        partition: TopicPartition,
    },
    /// The end that counts for acknowledgements has moved.
    Flushed {
        /// The partition.
        partition: TopicPartition,
        /// All records before it are durable as the topic's `durability` wants them.
        durable_end: Offset,
    },
    /// A read that waited for the disk has ended.
    Read {
        /// The read.
        ticket: ReadTicket,
        /// The partition.
        partition: TopicPartition,
        /// What it brought.
        result: Result<Records, ReadError>,
    },
    /// A search by time that waited for the disk has ended.
    Lookup {
        /// The search.
        ticket: ReadTicket,
        /// The partition.
        partition: TopicPartition,
        /// What it found.
        result: Result<Option<TimestampOffset>, ReadError>,
    },
    /// The first offset has moved by a call to `delete_records`, durably.
    RecordsDeleted {
        /// The partition.
        partition: TopicPartition,
        /// The first offset from now on.
        log_start: Offset,
    },
    /// A log directory has failed. Nothing that is not yet durable in it will be.
    DirOffline {
        /// The directory.
        dir: LogDirIndex,
        /// Why.
        reason: String,
    },
    /// A log is damaged below what is known to have been flushed. It is set aside and nothing in it was changed.
    Damaged {
        /// The partition.
        partition: TopicPartition,
        /// What is wrong.
        reason: String,
    },
    /// All logs are flushed and closed: `shutdown` is done.
    Closed,
}
