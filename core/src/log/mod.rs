//! The logs of a shard's partitions: records in segments on disk, and what makes them durable.
//!
//! [`LogStore`] owns every log of one shard. It appends, reads, rolls, deletes and recovers, in Kafka's files, by file
//! operations that it asks for as effects and whose completions it is handed. It knows nothing of replicas: the high
//! watermark is a number that it is told.
//!
//! # The ends of a log
//! `log_start <= high_watermark <= durable_end <= log_end`, where `durable_end` is the flushed end, or the written end
//! where the topic's `durability` is `os`; the flushed end is never beyond the written one.
//!
//! # Invariants
//! 1. Offsets in a log only grow, and each batch begins where the one before it ended or later.
//! 2. The flushed end moves only when a commit round ends. A round covers what was appended before it began; at most one
//!    is in flight for each log directory; and it ends when every write, sync and new name that it covers is complete.
//! 3. A failed write, sync or change of names takes the directory offline, at once and for good. Nothing that was in
//!    flight is acknowledged, and nothing is tried again.
//! 4. The flushed-ends file never says more than what a completed round covered, and the bytes behind its positions, that
//!    a recovery would read again, are bounded for each directory.
//! 5. Below a recorded flushed end an invalid batch, a short or a missing segment is damage: the log is set aside and
//!    nothing in its directory is changed. Above it, the log ends before the first invalid batch, and the rest is cut.
//! 6. A segment's file is removed only after the new start of the log is durable in the flushed-ends file.
//! 7. What is read from disk is CRC-checked before it leaves.
//!
//! Absent here: replicas, clients, topics as metadata, and any clock.

mod append;
mod config;
mod delete;
mod dir;
mod ends;
mod ends_file;
pub mod epochs;
pub mod files;
mod header;
mod index;
mod io;
mod journal;
mod journal_file;
#[expect(clippy::module_inception, reason = "the log of one partition is the noun")]
mod log;
mod names;
mod outcome;
mod producer;
mod queries;
mod read;
mod recovery;
mod removal;
mod replace;
mod retention;
mod round;
mod search;
mod segment;
mod shutdown;
mod store;
mod tail;
#[cfg(test)]
mod tests;
mod view;

pub use append::Appending;
pub use config::{CleanupPolicy, Durability, LogConfig, LogStoreConfig, TimestampType, TopicCompression};
pub use names::is_journal;
pub(crate) use names::parse_flushed_ends as flushed_ends_shard;
pub use outcome::{
    AppendError, AppendInfo, AppendOrigin, LogEvent, LookupOutcome, PartitionSize, ProducerDescription, ReadError,
    ReadOutcome, ReadRequest, ReadTicket, Records, StoredBatch, TimestampOffset, TimestampQuery, Unavailable,
};
pub use queries::LogBounds;
pub(crate) use replace::{Replace, Replaced, SUFFIX as REPLACE_SUFFIX};
pub use shutdown::CheckpointEntry;
pub use store::{LogState, LogStore};
pub use view::{LogEnds, LogView};
