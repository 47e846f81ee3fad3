//! The node of a script: small numbers, so that what happens once a day elsewhere happens in every run.

use crate::broker::node_config;
use grete_core::log::{LogConfig, LogStoreConfig};
use grete_core::node::NodeConfig;
use std::sync::Arc;

/// How a node is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeShape {
    /// The shards of its first process.
    pub shards: u16,
    /// Its log directories.
    pub dirs: u16,
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// `segment.index.bytes`.
    pub index_bytes: u64,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u64,
    /// `file.delete.delay.ms`.
    pub delete_delay_ms: u64,
    /// How long what was flushed may go unrecorded.
    pub record_ms: u64,
    /// The most bytes that a recovery may have to read again.
    pub debt_bytes: u64,
    /// The bytes of each half of a journal.
    pub journal_bytes: u64,
    /// `log.retention.check.interval.ms`.
    pub retention_check_ms: u64,
    /// The bytes of records that are kept in memory.
    pub tail_bytes: u64,
    /// The bytes of metadata between two snapshots.
    pub snapshot_bytes: u64,
    /// The partitions of the offsets topic.
    pub offsets_partitions: u64,
}

impl Default for NodeShape {
    fn default() -> Self {
        Self {
            shards: 1,
            dirs: 1,
            segment_bytes: 1 << 20,
            index_bytes: 4096,
            index_interval_bytes: 4096,
            delete_delay_ms: 60_000,
            record_ms: 1_000,
            debt_bytes: 32 << 20,
            journal_bytes: 64 << 10,
            retention_check_ms: 300_000,
            tail_bytes: 64 << 20,
            snapshot_bytes: 20 << 20,
            offsets_partitions: 2,
        }
    }
}

impl NodeShape {
    /// The numbers with the names that they have in a script.
    pub(super) fn numbers(&mut self) -> [(&'static str, &mut u64); 11] {
        [
            ("segment-bytes", &mut self.segment_bytes),
            ("index-bytes", &mut self.index_bytes),
            ("index-interval-bytes", &mut self.index_interval_bytes),
            ("delete-delay-ms", &mut self.delete_delay_ms),
            ("record-ms", &mut self.record_ms),
            ("debt-bytes", &mut self.debt_bytes),
            ("journal-bytes", &mut self.journal_bytes),
            ("retention-check-ms", &mut self.retention_check_ms),
            ("tail-bytes", &mut self.tail_bytes),
            ("snapshot-bytes", &mut self.snapshot_bytes),
            ("offsets-partitions", &mut self.offsets_partitions),
        ]
    }

    /// The configuration of such a node.
    #[must_use]
    pub fn config(&self) -> NodeConfig {
        let base = node_config(self.dirs);
        NodeConfig {
            topic_defaults: Arc::new(LogConfig {
                segment_bytes: self.segment_bytes as u32,
                segment_index_bytes: self.index_bytes as u32,
                index_interval_bytes: self.index_interval_bytes as u32,
                file_delete_delay_ms: self.delete_delay_ms as i64,
                ..LogConfig::default()
            }),
            logs: LogStoreConfig {
                record_interval_ms: self.record_ms as i64,
                recovery_debt_bytes_max: self.debt_bytes,
                journal_bytes: self.journal_bytes,
                retention_check_interval_ms: self.retention_check_ms as i64,
                tail_bytes_max: self.tail_bytes as usize,
                ..base.logs
            },
            topics: grete_core::controller::Defaults {
                offsets_partitions: self.offsets_partitions as i32,
                // What a topic may be configured with at least.
                offsets_segment_bytes: 1 << 20,
                ..base.topics
            },
            metadata_snapshot_bytes: self.snapshot_bytes,
            ..base
        }
    }
}
