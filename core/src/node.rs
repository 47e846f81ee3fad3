//! What a node's shards are configured with.

use crate::config::Properties;
use crate::controller::Defaults;
use crate::group::GroupSettings;
use crate::ids::NodeId;
use crate::log::{LogConfig, LogStoreConfig};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The configuration of a node, the same for all of its shards.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// `node.id`.
    pub node_id: NodeId,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// The listeners, in the order of `listeners`.
    pub listeners: Vec<Listener>,
    /// The paths of the directories: that of the metadata log, then the others in the order of `log.dirs`.
    pub log_dirs: Vec<String>,
    /// Whether the first directory is for the metadata log alone: `metadata.log.dir` is none of `log.dirs`.
    pub metadata_dir_apart: bool,
    /// `cluster.id` of a new cluster; drawn where it is not set.
    pub cluster_id: Option<String>,
    /// The keys that are set, with their values.
    pub properties: Arc<Properties>,
    /// What that says of topics.
    pub topic_defaults: Arc<LogConfig>,
    /// What the configuration says of new topics.
    pub topics: Defaults,
    /// `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// The settings of logs; each shard gets its own number.
    pub logs: LogStoreConfig,
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub metadata_snapshot_bytes: u64,
    /// The settings of groups.
    pub groups: Arc<GroupSettings>,
    /// `socket.request.max.bytes`.
    pub request_bytes_max: usize,
    /// `fetch.max.bytes`.
    pub fetch_bytes_max: usize,
    /// `max.connections`.
    pub connections_max: usize,
    /// `connections.max.idle.ms`; below zero connections may be idle for ever.
    pub connections_idle_max_ms: i64,
    /// `max.incremental.fetch.session.cache.slots`.
    pub fetch_sessions_max: usize,
    /// `min.incremental.fetch.session.eviction.ms`.
    pub fetch_session_eviction_ms: u64,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, such as `PLAINTEXT`.
    pub name: String,
    /// What clients are told to connect to; where it is not set, the address that they have reached.
    pub advertised: Option<(String, u16)>,
    /// The port that it listens on.
    pub port: u16,
}
