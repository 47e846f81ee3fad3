//! What a shard is started with.

use crate::ids::ShardId;
use crate::node::NodeConfig;
use alloc::sync::Arc;

/// The configuration of one shard.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Which one it is.
    pub shard: ShardId,
    /// The number of shards of the node.
    pub shards: u16,
    /// The node's configuration.
    pub node: Arc<NodeConfig>,
}
