//! What a node's shards are configured with.

use crate::config::Properties;
use crate::controller::Defaults;
use crate::group::GroupSettings;
use crate::ids::{ListenerIndex, NodeId};
use crate::log::{LogConfig, LogStoreConfig};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What the controller's listener is called where nothing else is configured.
pub const CONTROLLER_LISTENER: &str = "CONTROLLER";

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

impl NodeConfig {
    /// Whose listener that is. What no listener took is a broker's.
    #[must_use]
    pub fn role_of(&self, listener: ListenerIndex) -> ListenerRole {
        self.listeners.get(usize::from(listener.0)).map_or(ListenerRole::Broker, |listener| listener.role)
    }

    /// The listeners of a role, in the order of `listeners`.
    pub fn listeners_of(&self, role: ListenerRole) -> impl Iterator<Item = &Listener> {
        self.listeners.iter().filter(move |listener| listener.role == role)
    }
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its name, such as `PLAINTEXT`.
    pub name: String,
    /// Whose it is.
    pub role: ListenerRole,
    /// The host that it listens on, as configured; empty for all addresses.
    pub host: String,
    /// What clients are told to connect to; where it is not set, the address that they have reached.
    pub advertised: Option<(String, u16)>,
    /// The port that it listens on.
    pub port: u16,
}

/// Whose a listener is: the broker's, for clients, or the controller's (`controller.listener.names`), for brokers and for
/// those who administer the cluster. Each answers APIs of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerRole {
    /// The broker's.
    Broker,
    /// The controller's.
    Controller,
}

impl Listener {
    /// Where it is reached, as far as that can be told without knowing who asks: the address that is advertised, or the one
    /// that it listens on. Where that is all of them, the machine's own.
    #[must_use]
    pub fn endpoint(&self) -> (String, u16) {
        let host = || if self.is_on_all_addresses() { "localhost" } else { &self.host };
        self.advertised.clone().unwrap_or_else(|| (host().into(), self.port))
    }

    /// Whether it listens on all addresses of the machine.
    #[must_use]
    pub fn is_on_all_addresses(&self) -> bool {
        ["", "0.0.0.0", "::", "[::]"].contains(&&*self.host)
    }
}
