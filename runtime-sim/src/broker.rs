//! The broker in the world: shards of the core as [`Machine`]s, and a configuration to start with.

use crate::machine::{Boot, Machine};
use grete_core::controller::Defaults;
use grete_core::effect::Effects;
use grete_core::event::Event;
use grete_core::group::{GroupSettings, GroupView};
use grete_core::ids::{NodeId, ShardId};
use grete_core::log::{LogConfig, LogEnds, LogStoreConfig, LogView};
use grete_core::node::{Listener, ListenerRole, NodeConfig};
use grete_core::shard::{Shard, ShardConfig};
use grete_core::time::{Instant, Now};
use std::collections::VecDeque;
use std::sync::Arc;

impl Machine for Shard {
    type Config = Arc<NodeConfig>;

    fn boot(config: &Self::Config, shard: ShardId, shards: u16, boot: Boot<'_>, effects: &mut Effects) -> Self {
        let config = ShardConfig { shard, shards, node: Arc::clone(config) };
        Self::boot(config, boot.seed, boot.found.clone(), boot.now, effects)
    }

    fn step(&mut self, now: Now, events: &mut VecDeque<Event>, effects: &mut Effects) {
        Self::step(self, now, events, effects);
    }

    fn next_deadline(&self) -> Option<Instant> {
        Self::next_deadline(self)
    }

    fn check_invariants(&self) {
        Self::check_invariants(self);
    }

    fn log_ends(&self) -> Vec<LogEnds> {
        Self::log_ends(self).collect()
    }

    fn logs(&self) -> Vec<LogView> {
        Self::logs(self).collect()
    }

    fn groups(&self) -> Vec<GroupView> {
        Self::groups(self).collect()
    }
}

/// Kafka's defaults for a node with `dirs` log directories, with a few partitions for offsets instead of fifty: a run
/// reads back all of them, thousands of times.
#[must_use]
pub fn node_config(dirs: u16) -> NodeConfig {
    NodeConfig {
        node_id: NodeId(1),
        rack: None,
        listeners: vec![Listener {
            name: "PLAINTEXT".into(),
            role: ListenerRole::Broker,
            host: "localhost".into(),
            advertised: None,
            port: 9092,
        }],
        log_dirs: (0..dirs).map(|dir| format!("/simulated/{dir}")).collect(),
        metadata_dir_apart: false,
        cluster_id: None,
        properties: Arc::default(),
        topic_defaults: Arc::new(LogConfig::default()),
        topics: Defaults {
            num_partitions: 1,
            replication_factor: 1,
            delete_topics: true,
            offsets_partitions: 2,
            offsets_replication_factor: None,
            offsets_segment_bytes: 100 << 20,
        },
        auto_create_topics: false,
        // What is written to make room for a journal is kept in memory here.
        logs: LogStoreConfig { journal_bytes: 64 << 10, ..LogStoreConfig::default() },
        metadata_snapshot_bytes: 20 << 20,
        groups: Arc::new(GroupSettings { initial_rebalance_delay_ms: 0, ..GroupSettings::default() }),
        request_bytes_max: 100 << 20,
        fetch_bytes_max: 55 << 20,
        connections_max: 10_000,
        connections_idle_max_ms: 600_000,
        fetch_sessions_max: 1_000,
        fetch_session_eviction_ms: 120_000,
    }
}
