//! What a connection's shard asks of the partitions of a shard, and what they answer.
//!
//! A call names several partitions of one shard; its answer has one result for each, in the same order.

use crate::ids::{LeaderEpoch, Offset, ProducerId, Timestamp, TopicPartition};
use crate::log::StoredBatch;
pub use crate::log::{PartitionSize, ProducerDescription};
use crate::validation::RecordErrors;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::ErrorCode;

/// A call on partitions.
#[derive(Clone, Debug)]
pub enum Call {
    /// Append records.
    Append(Vec<AppendItem>),
    /// Read records.
    Read(ReadCall),
    /// Say so once there is something new to read.
    Watch(Vec<WatchItem>),
    /// The watch is no longer wanted.
    CancelWatch,
    /// Find offsets by timestamp.
    ListOffsets(Vec<ListOffsetsItem>),
    /// Find where an epoch ends.
    EpochEnd(Vec<EpochEndItem>),
    /// Move the start of logs forward.
    DeleteRecords(Vec<DeleteRecordsItem>),
    /// Describe the producers of partitions.
    Producers(Vec<TopicPartition>),
    /// The sizes of all partitions of the shard.
    Sizes,
}

/// The answer to a call.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Every append of the call has taken effect or failed; what follows is the answer.
    Applied,
    /// To [`Call::Append`]: each append is durable or has failed.
    Appended(Vec<AppendResult>),
    /// To [`Call::Read`].
    Read(Vec<ReadResult>),
    /// To [`Call::Watch`]: something has changed.
    Woken,
    /// To [`Call::ListOffsets`].
    ListOffsets(Vec<Result<FoundOffset, ErrorCode>>),
    /// To [`Call::EpochEnd`].
    EpochEnd(Vec<Result<(LeaderEpoch, Offset), ErrorCode>>),
    /// To [`Call::DeleteRecords`]: the new log starts, durable.
    DeleteRecords(Vec<Result<Offset, ErrorCode>>),
    /// To [`Call::Producers`].
    Producers(Vec<Result<Vec<ProducerDescription>, ErrorCode>>),
    /// To [`Call::Sizes`].
    Sizes(Vec<PartitionSize>),
}

/// Records for one partition.
#[derive(Clone, Debug)]
pub struct AppendItem {
    /// Where they go.
    pub partition: TopicPartition,
    /// One record batch as the client sent it.
    pub records: Bytes,
    /// The size of the buffer that it is a slice of.
    pub backing_bytes: usize,
}

/// How an append ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendResult {
    /// The records are in the log, and durable where the topic says so.
    Done {
        /// The offset of the first record.
        base_offset: Offset,
        /// The time that the broker stamped them with; -1 where they keep the client's.
        log_append_time: Timestamp,
        /// The first offset of the log.
        log_start_offset: Offset,
    },
    /// None of the records is in the log.
    Failed {
        /// Why.
        error: ErrorCode,
        /// What to tell people.
        message: Option<Arc<str>>,
        /// The records at fault.
        record_errors: RecordErrors,
        /// The first offset of the log; -1 where it is not known.
        log_start_offset: Offset,
    },
}

/// What to read.
#[derive(Clone, Debug)]
pub struct ReadCall {
    /// The partitions, in the order in which the response is to be filled.
    pub items: Vec<ReadItem>,
    /// Whether transactions that are open or were aborted are held back.
    pub read_committed: bool,
    /// The most bytes that all of them together may return, but for a first batch that is larger.
    pub bytes_max: u32,
    /// Whether the first batch is returned though it is larger (KIP-74); not where there is no memory for it.
    pub at_least_one: bool,
}

/// What to read of one partition.
#[derive(Clone, Copy, Debug)]
pub struct ReadItem {
    /// The partition.
    pub partition: TopicPartition,
    /// The first offset to return.
    pub fetch_offset: Offset,
    /// The most bytes to return, but for a first batch that is larger. Below zero the client has none that can be meant,
    /// and the read fails, as in Kafka.
    pub bytes_max: i32,
    /// The leader epoch that the client knows; -1 where it does not say.
    pub current_leader_epoch: i32,
    /// The epoch of the last record that the client has; -1 where it does not say.
    pub last_fetched_epoch: i32,
}

/// What a partition has to say to a read.
#[derive(Clone, Debug)]
pub struct ReadResult {
    /// Why there are no records, or none.
    pub error: ErrorCode,
    /// The exclusive end of what is visible; -1 with an error.
    pub high_watermark: Offset,
    /// The exclusive end of what is decided; -1 with an error.
    pub last_stable_offset: Offset,
    /// The first offset of the log; -1 with an error.
    pub log_start_offset: Offset,
    /// Where the client's log parts from ours: the epoch and where it ends here (KIP-595).
    pub diverging: Option<(LeaderEpoch, Offset)>,
    /// The transactions among the records that were aborted: producer and first offset.
    pub aborted: Vec<(ProducerId, Offset)>,
    /// Whole record batches in the order of their offsets.
    pub batches: Vec<StoredBatch>,
}

impl ReadResult {
    /// A result that only has an error.
    #[must_use]
    pub fn failed(error: ErrorCode) -> Self {
        Self {
            error,
            high_watermark: Offset(-1),
            last_stable_offset: Offset(-1),
            log_start_offset: Offset(-1),
            diverging: None,
            aborted: Vec::new(),
            batches: Vec::new(),
        }
    }
}

/// What is awaited of a partition: that its visible end is no longer `end`.
#[derive(Clone, Copy, Debug)]
pub struct WatchItem {
    /// The partition.
    pub partition: TopicPartition,
    /// The visible end that the reader has seen.
    pub end: Offset,
}

/// An offset to find.
#[derive(Clone, Copy, Debug)]
pub struct ListOffsetsItem {
    /// The partition.
    pub partition: TopicPartition,
    /// A time in milliseconds, or one of Kafka's special ones below zero.
    pub timestamp: i64,
    /// The leader epoch that the client knows; -1 where it does not say.
    pub current_leader_epoch: i32,
    /// Whether the end is that of decided transactions.
    pub read_committed: bool,
}

/// An offset that was found; all -1 where no record is as late as the time asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// The offset.
    pub offset: Offset,
    /// The time of its record; -1 for a special offset.
    pub timestamp: Timestamp,
    /// The leader epoch of its record; -1 where there is none.
    pub leader_epoch: LeaderEpoch,
}

/// An epoch whose end is asked for.
#[derive(Clone, Copy, Debug)]
pub struct EpochEndItem {
    /// The partition.
    pub partition: TopicPartition,
    /// The leader epoch that the client knows; -1 where it does not say.
    pub current_leader_epoch: i32,
    /// The epoch asked for.
    pub leader_epoch: LeaderEpoch,
}

/// A log start to move.
#[derive(Clone, Copy, Debug)]
pub struct DeleteRecordsItem {
    /// The partition.
    pub partition: TopicPartition,
    /// The new first offset; -1 for the high watermark.
    pub offset: Offset,
}
