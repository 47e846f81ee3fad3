//! What the configuration says about groups.

use crate::limits;

/// The settings of a coordinator, all of them the broker's.
#[derive(Clone, Debug)]
pub struct GroupSettings {
    /// `group.min.session.timeout.ms`.
    pub session_timeout_min_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub session_timeout_max_ms: i32,
    /// `group.max.size`, in members.
    pub members_max: usize,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: i64,
    /// `offset.metadata.max.bytes`, which Kafka counts in UTF-16 units.
    pub offset_metadata_max: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_ms: i64,
    /// `max.message.bytes` of the offsets topic: the largest batch.
    pub batch_bytes_max: usize,
    /// What all members of a node's groups may hold in memory by what they join with and are assigned, in bytes.
    pub members_bytes_max: usize,
}

impl Default for GroupSettings {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            session_timeout_min_ms: 6_000,
            session_timeout_max_ms: 1_800_000,
            members_max: i32::MAX as usize,
            initial_rebalance_delay_ms: 3_000,
            offset_metadata_max: 4_096,
            offsets_retention_ms: 7 * 24 * 60 * 60 * 1_000,
            offsets_retention_check_interval_ms: 600_000,
            batch_bytes_max: 1_048_588,
            members_bytes_max: limits::GROUP_MEMBERS_BYTES_MAX,
        }
    }
}
