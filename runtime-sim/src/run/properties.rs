//! The configuration of a node of a run, from Kafka's keys.

use super::Unrunnable;
use crate::actor::wire::FIRST_PORT;
use crate::broker::node_config;
use crate::script::NodePlan;
use grete_core::ids::NodeId;
use grete_core::log::LogConfig;
use grete_core::node::NodeConfig;
use std::sync::Arc;

/// Sets what a key stands for.
type Set = fn(&mut Parts, i64);

/// What keys are set in.
struct Parts {
    config: NodeConfig,
    topics: LogConfig,
    groups: grete_core::group::GroupSettings,
}

/// The keys that a plan may set, each with the least and the largest value that it takes. Those that begin with `grete.sim.`
/// are constants of ours that no configuration file can set.
const KEYS: &[(&str, i64, i64, Set)] = &[
    ("log.segment.bytes", 256, 1 << 31, |parts, value| {
        parts.topics.segment_bytes = value.min(i64::from(i32::MAX)) as u32
    }),
    ("log.roll.ms", 1, i64::MAX, |parts, value| parts.topics.segment_ms = value),
    ("log.roll.jitter.ms", 0, i64::MAX, |parts, value| parts.topics.segment_jitter_ms = value),
    ("log.index.size.max.bytes", 16, 1 << 30, |parts, value| parts.topics.segment_index_bytes = value as u32),
    ("log.index.interval.bytes", 0, 1 << 30, |parts, value| parts.topics.index_interval_bytes = value as u32),
    ("log.retention.ms", -1, i64::MAX, |parts, value| parts.topics.retention_ms = value),
    ("log.retention.bytes", -1, i64::MAX, |parts, value| parts.topics.retention_bytes = value),
    ("log.segment.delete.delay.ms", 0, i64::MAX, |parts, value| parts.topics.file_delete_delay_ms = value),
    ("log.flush.interval.messages", 1, i64::MAX, |parts, value| parts.topics.flush_messages = value),
    ("log.flush.interval.ms", 0, i64::MAX, |parts, value| parts.topics.flush_ms = value),
    ("message.max.bytes", 0, 1 << 30, |parts, value| parts.topics.max_message_bytes = value as u32),
    ("log.retention.check.interval.ms", 1, i64::MAX, |parts, value| {
        parts.config.logs.retention_check_interval_ms = value
    }),
    ("producer.id.expiration.ms", 1, i64::MAX, |parts, value| parts.config.logs.producer_id_expiration_ms = value),
    ("offsets.topic.num.partitions", 1, 50, |parts, value| parts.config.topics.offsets_partitions = value as i32),
    ("offsets.topic.segment.bytes", 1 << 20, 1 << 30, |parts, value| {
        parts.config.topics.offsets_segment_bytes = value as u32 as _;
    }),
    ("metadata.log.max.record.bytes.between.snapshots", 1, i64::MAX, |parts, value| {
        parts.config.metadata_snapshot_bytes = value as u64;
    }),
    ("group.min.session.timeout.ms", 1, i32::MAX as i64, |parts, value| {
        parts.groups.session_timeout_min_ms = value as i32
    }),
    ("group.max.session.timeout.ms", 1, i32::MAX as i64, |parts, value| {
        parts.groups.session_timeout_max_ms = value as i32
    }),
    ("group.initial.rebalance.delay.ms", 0, i32::MAX as i64, |parts, value| {
        parts.groups.initial_rebalance_delay_ms = value
    }),
    ("group.max.size", 1, i32::MAX as i64, |parts, value| parts.groups.members_max = value as usize),
    ("offsets.retention.minutes", 1, 1 << 31, |parts, value| parts.groups.offsets_retention_ms = value * 60_000),
    ("offsets.retention.check.interval.ms", 1, i64::MAX, |parts, value| {
        parts.groups.offsets_retention_check_interval_ms = value;
    }),
    ("socket.request.max.bytes", 1 << 10, 1 << 30, |parts, value| parts.config.request_bytes_max = value as usize),
    ("fetch.max.bytes", 1 << 10, 1 << 30, |parts, value| parts.config.fetch_bytes_max = value as usize),
    ("max.connections", 1, 1 << 20, |parts, value| parts.config.connections_max = value as usize),
    ("connections.max.idle.ms", -1, i64::MAX, |parts, value| parts.config.connections_idle_max_ms = value),
    ("max.incremental.fetch.session.cache.slots", 0, 1 << 20, |parts, value| {
        parts.config.fetch_sessions_max = value as usize;
    }),
    ("grete.sim.fetch.session.eviction.ms", 0, i64::MAX, |parts, value| {
        parts.config.fetch_session_eviction_ms = value as u64;
    }),
    ("grete.sim.tail.bytes", 0, 1 << 30, |parts, value| parts.config.logs.tail_bytes_max = value as usize),
    ("grete.sim.recovery.debt.bytes", 1, i64::MAX, |parts, value| {
        parts.config.logs.recovery_debt_bytes_max = value as u64;
    }),
    ("grete.sim.record.interval.ms", 1, i64::MAX, |parts, value| parts.config.logs.record_interval_ms = value),
    ("grete.sim.journal.bytes", 0, 1 << 30, |parts, value| parts.config.logs.journal_bytes = value as u64),
];

/// The names of the keys that a plan may set.
pub fn keys() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(name, ..)| *name)
}

/// The configuration of the node with that number.
///
/// # Errors
/// Which key is not known, or which value is none of its.
pub(super) fn config_of(number: usize, plan: &NodePlan) -> Result<NodeConfig, Unrunnable> {
    let mut config = node_config(plan.dirs);
    config.node_id = NodeId(number as i32 + 1);
    for listener in &mut config.listeners {
        listener.port = FIRST_PORT + number as u16;
    }
    let (topics, groups) = ((*config.topic_defaults).clone(), (*config.groups).clone());
    let mut parts = Parts { config, topics, groups };
    for (key, value) in &plan.properties {
        let Some((_, least, largest, set)) = KEYS.iter().find(|(name, ..)| *name == &**key) else {
            return Err(Unrunnable(format!("n{number}: no plan can set {key}")));
        };
        let given = value.parse().ok().filter(|given| (least..=largest).contains(&given));
        let given =
            given.ok_or_else(|| Unrunnable(format!("n{number}: {key} takes {least} to {largest}, not {value}")));
        set(&mut parts, given?);
    }
    let Parts { config, topics, groups } = parts;
    let shown = plan.properties.iter().filter(|(key, _)| !key.starts_with("grete.sim."));
    let properties = shown.map(|(key, value)| (Arc::clone(key), Arc::clone(value))).collect();
    Ok(NodeConfig {
        properties: Arc::new(properties),
        topic_defaults: Arc::new(topics),
        groups: Arc::new(groups),
        ..config
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(key: &str, value: &str) -> NodePlan {
        NodePlan { shards: 1, dirs: 1, properties: [(key.into(), value.into())].into() }
    }

    #[test]
    fn a_key_is_set_and_what_is_no_key_or_value_is_refused() {
        let config = config_of(2, &plan("log.segment.bytes", "1024")).unwrap();
        assert_eq!(
            (config.topic_defaults.segment_bytes, config.node_id, config.listeners[0].port),
            (1024, NodeId(3), 9094)
        );
        assert!(config_of(0, &plan("log.segment.byte", "1024")).is_err());
        assert!(config_of(0, &plan("log.segment.bytes", "many")).is_err());
        assert!(config_of(0, &plan("group.max.size", "0")).is_err());
    }
}
