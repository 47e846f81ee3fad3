//! Stopping in order: everything flushed, indexes complete, and the flushed ends recorded, so that nothing is scanned at the
//! next start and Apache Kafka can start on the directory.

use super::log::{Home, Log, Phase};
use super::outcome::{LogEvent, Unavailable};
use super::store::LogStore;
use crate::ids::{LogDirIndex, Offset, PartitionIndex, TopicPartition};
use crate::time::Now;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// How far a store is with stopping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Closing {
    #[default]
    No,
    /// Logs are being flushed and recorded.
    Begun,
    Closed,
}

/// What Kafka's checkpoint files of a directory say of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointEntry {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition within it.
    pub partition: PartitionIndex,
    /// For `recovery-point-offset-checkpoint`: all records before it are flushed.
    pub recovery_point: Offset,
    /// For `log-start-offset-checkpoint`: the log's start, where it is not the base of the first segment's file.
    pub log_start: Option<Offset>,
    /// For `replication-offset-checkpoint`.
    pub high_watermark: Offset,
}

impl LogStore {
    /// Makes everything durable and every file complete. [`LogEvent::Closed`] says when it is done; nothing is to be
    /// appended from now on.
    pub fn shutdown(&mut self, now: Now) {
        if self.closing != Closing::No {
            return;
        }
        self.closing = Closing::Begun;
        for (partition, log) in &mut self.logs {
            if log.phase != Phase::Open || log.disk.home == Home::Absent {
                continue;
            }
            let active = log.segments.last_mut().expect("an open log has an active segment");
            let is_there = active.created || active.bytes > 0;
            let touched = is_there && (active.index.has_unwritten() || !active.index.offsets_created);
            if touched {
                log.close_active_index();
                self.stepped.insert(*partition);
            }
            let dir = &mut self.dirs[usize::from(log.dir.0)];
            if log.flushed_end > log.log_start || log.log_end > log.log_start {
                log.snapshot_producers();
            }
            if !log.disk.snapshots.is_empty() {
                self.stepped.insert(*partition);
            }
            let touched = touched || !log.disk.snapshots.is_empty();
            if touched || log.epochs_dirty || log.flushed_end < log.log_end || log.unrecorded_bytes > 0 {
                dir.dirty.insert(*partition);
                dir.ends.note(*partition, now.instant);
            }
        }
        for dir in &mut self.dirs {
            dir.ends.hurry();
        }
    }

    /// Reports that all is closed, once it is.
    pub(super) fn finish_closing(&mut self) {
        if self.closing != Closing::Begun {
            return;
        }
        let settled = self.dirs.iter().all(|dir| {
            dir.offline || dir.boot.is_done() && dir.round.is_none() && dir.dirty.is_empty() && dir.ends.is_settled()
        });
        let complete = |log: &Log| {
            log.phase != Phase::Open || log.disk.closed.is_empty() && log.disk.pending.is_empty() && !log.epochs_dirty
        };
        if settled && self.logs.values().all(complete) && self.recoveries.is_idle() {
            self.closing = Closing::Closed;
            self.events.push_back(LogEvent::Closed);
        }
    }

    /// What Kafka's checkpoint files of a directory say of this shard's logs in it. `None` where the directory has failed.
    #[must_use]
    pub fn checkpoint_entries(&self, dir: LogDirIndex) -> Option<Vec<CheckpointEntry>> {
        if self.dirs.get(usize::from(dir.0)).is_none_or(|dir| dir.offline) {
            return None;
        }
        let logs = self.logs.values().filter(|log| log.dir == dir && log.phase == Phase::Open);
        // The metadata log has its snapshots instead.
        let logs = logs.filter(|log| log.disk.home == Home::Made && log.partition != TopicPartition::CLUSTER_METADATA);
        let entries = logs.map(|log| CheckpointEntry {
            topic: log.topic.clone(),
            partition: log.partition.partition,
            recovery_point: log.flushed_end,
            log_start: Some(log.log_start).filter(|start| !log.files_say_start(*start)),
            high_watermark: log.high_watermark,
        });
        Some(entries.collect())
    }

    /// Goes by other settings from now on.
    ///
    /// # Errors
    /// Where there is no such log.
    pub fn configure(
        &mut self,
        partition: TopicPartition,
        config: Arc<super::config::LogConfig>,
    ) -> Result<(), Unavailable> {
        let log = self.logs.get_mut(&partition).ok_or(Unavailable::Unknown)?;
        log.config = config;
        if log.log_end > log.flushed_end {
            // What was appended under `durability=os` may have to be flushed now.
            let dir = log.dir;
            self.dir_mut(dir).dirty.insert(partition);
        }
        Ok(())
    }
}

impl Log {
    /// Whether the log's start can be told from its files: it is 0, or the base of a segment whose file is there.
    fn files_say_start(&self, start: Offset) -> bool {
        let first = self.segments.first().filter(|first| first.created);
        start == Offset::ZERO || first.is_some_and(|first| first.base == start)
    }
}
