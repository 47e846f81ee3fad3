//! The settings of a log and of a shard's logs, typed. Their names, defaults and texts stand in the configuration tables.

use crate::ids::ShardId;

/// The settings of one topic's logs. One value is shared by all partitions of the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment is closed before it would grow beyond this.
    pub segment_bytes: u32,
    /// `segment.ms`: a segment is closed when its first record is older than this.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: up to this much is taken off `segment.ms`, so that segments do not all close at once.
    pub segment_jitter_ms: i64,
    /// `segment.index.bytes`: a segment is closed when its offset index holds this much.
    pub segment_index_bytes: u32,
    /// `index.interval.bytes`: an index entry is made after this many bytes of records.
    pub index_interval_bytes: u32,
    /// `retention.ms`: closed segments whose newest record is older are deleted; negative for never.
    pub retention_ms: i64,
    /// `retention.bytes`: the oldest closed segments are deleted while the log is larger; negative for never.
    pub retention_bytes: i64,
    /// `file.delete.delay.ms`: how long the file of a deleted segment is kept under another name.
    pub file_delete_delay_ms: i64,
    /// `flush.messages`: a log is flushed at the latest after this many records. It only adds flushes.
    pub flush_messages: i64,
    /// `flush.ms`: a log is flushed at the latest after this time. It only adds flushes.
    pub flush_ms: i64,
    /// `durability`: which end of the log counts for an acknowledgement.
    pub durability: Durability,
    /// `max.message.bytes`: the largest batch that is taken.
    pub max_message_bytes: u32,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how much older than the broker's clock a record may be.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how much newer than the broker's clock a record may be.
    pub timestamp_after_max_ms: i64,
    /// `compression.type`.
    pub compression: TopicCompression,
    /// `cleanup.policy`.
    pub cleanup: CleanupPolicy,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
}

impl Default for LogConfig {
    /// Kafka's defaults, and flushed acknowledgements.
    fn default() -> Self {
        const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1000;
        Self {
            segment_bytes: 1 << 30,
            segment_ms: WEEK_MS,
            segment_jitter_ms: 0,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            retention_ms: WEEK_MS,
            retention_bytes: -1,
            file_delete_delay_ms: 60_000,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            durability: Durability::Flushed,
            max_message_bytes: 1_048_588,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            compression: TopicCompression::Producer,
            cleanup: CleanupPolicy { delete: true, compact: false },
            min_insync_replicas: 1,
        }
    }
}

/// Which end of a log counts for an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What a commit round has made durable.
    Flushed,
    /// What has been handed to the operating system.
    Os,
}

/// Whose time a log's records carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's, when it appended them.
    LogAppendTime,
}

/// How the records of a topic are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicCompression {
    /// As the producer compressed them.
    Producer,
    /// Not at all.
    None,
    /// By gzip at a level.
    Gzip(i32),
    /// By snappy.
    Snappy,
    /// By lz4 at a level.
    Lz4(i32),
    /// By zstd at a level.
    Zstd(i32),
}

/// What becomes of old records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// They are deleted by time and size.
    pub delete: bool,
    /// Only the newest record of each key is kept.
    pub compact: bool,
}

/// The settings of all logs of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStoreConfig {
    /// The shard that owns the logs.
    pub shard: ShardId,
    /// The number of shards of the node.
    pub shards: u16,
    /// The most bytes of records that are kept in memory for readers at the tail, over all logs.
    pub tail_bytes_max: usize,
    /// The most bytes that a recovery after a crash may have to read again for each log directory.
    pub recovery_debt_bytes_max: u64,
    /// The bytes of each half of the journal of a log directory: a multiple of 4,096. With 0 there is none.
    pub journal_bytes: u64,
    /// How long what was flushed may go unrecorded in the flushed-ends file.
    pub record_interval_ms: i64,
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval_ms: i64,
    /// `producer.id.expiration.ms`: a producer that has been silent for so long is forgotten.
    pub producer_id_expiration_ms: i64,
}

impl Default for LogStoreConfig {
    fn default() -> Self {
        Self {
            shard: ShardId(0),
            shards: 1,
            tail_bytes_max: 64 << 20,
            recovery_debt_bytes_max: 32 << 20,
            journal_bytes: 4 << 20,
            record_interval_ms: 1_000,
            retention_check_interval_ms: 300_000,
            producer_id_expiration_ms: 86_400_000,
        }
    }
}
