//! What a node's shards are configured with.

use crate::group::GroupSettings;
use crate::ids::NodeId;
use crate::log::LogStoreConfig;
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
    /// The settings of logs; each shard gets its own number.
    pub logs: LogStoreConfig,
    /// The settings of groups.
    pub groups: Arc<GroupSettings>,
    /// `socket.request.max.bytes`.
    pub request_bytes_max: usize,
    /// `fetch.max.bytes`.
    pub fetch_bytes_max: usize,
    /// `max.connections`.
    pub connections_max: usize,
    /// `connections.max.idle.ms`.
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
