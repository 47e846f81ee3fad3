//! What logs look like from outside: for those who look at a node, as tools and checkers do, and change nothing.

use super::log::Log;
use super::outcome::{ProducerDescription, Unavailable};
use super::store::LogStore;
use crate::ids::{LogDirIndex, Offset, TopicPartition};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The ends of a log. All but the start are exclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEnds {
    /// The partition.
    pub partition: TopicPartition,
    /// The topic's name.
    pub topic: Arc<str>,
    /// Why it cannot be used, where it cannot. Its offsets say nothing then.
    pub unavailable: Option<Unavailable>,
    /// The first offset.
    pub log_start: Offset,
    /// What is visible: the end that counts for acknowledgements.
    pub durable_end: Offset,
    /// The end of what commit rounds have made durable.
    pub flushed_end: Offset,
    /// The offset that the next record will get.
    pub log_end: Offset,
}

/// A log with what it consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogView {
    /// Its ends.
    pub ends: LogEnds,
    /// The log directory that holds it.
    pub dir: LogDirIndex,
    /// The base offset of each segment with the bytes of its batches.
    pub segments: Vec<(Offset, u64)>,
    /// The producers that it remembers.
    pub producers: Vec<ProducerDescription>,
}

impl LogStore {
    /// The ends of all logs, by partition.
    pub fn ends(&self) -> impl Iterator<Item = LogEnds> {
        self.logs.values().map(Log::ends)
    }

    /// All logs, by partition.
    pub fn views(&self) -> impl Iterator<Item = LogView> {
        self.logs.values().map(|log| LogView {
            ends: log.ends(),
            dir: log.dir,
            segments: log.segments.iter().map(|segment| (segment.base, segment.bytes)).collect(),
            producers: self.producers(log.partition).unwrap_or_default(),
        })
    }
}

impl Log {
    fn ends(&self) -> LogEnds {
        LogEnds {
            partition: self.partition,
            topic: self.topic.clone(),
            unavailable: self.usable().err(),
            log_start: self.log_start,
            durable_end: self.durable_end,
            flushed_end: self.flushed_end,
            log_end: self.log_end,
        }
    }
}
