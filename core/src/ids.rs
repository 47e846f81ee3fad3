//! Numbers and names with a meaning, each a type of its own.

use alloc::sync::Arc;
use core::cmp::Ordering;
use core::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

number! {
    /// The position of a record in its partition's log. Ends (`log_end`, `high_watermark`, ...) are exclusive.
    Offset(i64)
}
number! {
    /// Counts the leaders of a partition; a record keeps the epoch of the leader that appended it.
    LeaderEpoch(i32)
}
number! {
    /// The number of a partition within its topic.
    PartitionIndex(i32)
}
number! {
    /// A node of the cluster: `node.id`.
    NodeId(i32)
}
number! {
    /// Names an idempotent or transactional producer for the life of the cluster.
    ProducerId(i64)
}
number! {
    /// Counts the incarnations of a producer id; the newest one fences the others.
    ProducerEpoch(i16)
}
number! {
    /// A byte position within a file.
    FilePosition(u64)
}
number! {
    /// Wall-clock time in milliseconds since 1970-01-01 UTC, as Kafka's records carry it; -1 where there is none.
    Timestamp(i64)
}
number! {
    /// One of the shards of a node, counted from 0. Shard 0 also holds the controller and directory-level files.
    ShardId(u16)
}
number! {
    /// A client's connection. The runtime counts them up from 1 over the whole node and never uses one twice.
    ConnectionId(u64)
}
number! {
    /// Counts a shard's jobs.
    JobId(u64)
}
number! {
    /// One of the node's log directories, in the order of `log.dirs`.
    LogDirIndex(u16)
}
number! {
    /// One of the node's listeners, in the order of `listeners`.
    ListenerIndex(u16)
}

impl Offset {
    /// The first offset of a new log.
    pub const ZERO: Self = Self(0);

    /// The offset `count` records further on.
    #[must_use]
    pub const fn plus(self, count: i64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

/// Names one operation on a file from its [`Effect::Io`](crate::effect::Effect::Io) to its completion. Unique within a
/// shard's incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IoId {
    /// The part of the shard that asked, to which the completion goes.
    pub owner: IoOwner,
    /// Counts the operations of that owner.
    pub number: u64,
}

/// The part of a shard that asks for file operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IoOwner {
    /// The partitions' logs.
    Log,
    /// The files that belong to a directory as a whole: `meta.properties`, `quorum-state`, metadata snapshots.
    Directory,
}

/// The id that distinguishes a topic from others that had its name before or after it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TopicId(pub [u8; 16]);

impl Ord for TopicId {
    /// In the order of the bytes, compared as one number: maps by partition are what a shard looks most into.
    fn cmp(&self, other: &Self) -> Ordering {
        u128::from_be_bytes(self.0).cmp(&u128::from_be_bytes(other.0))
    }
}

impl PartialOrd for TopicId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TopicId {
    /// Not an id: what a request without one carries.
    pub const ZERO: Self = Self([0; 16]);
    /// The id of `__cluster_metadata` in every cluster: `Uuid(0, 1)` in Kafka.
    pub const CLUSTER_METADATA: Self = Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One partition of one topic. The key of everything that a shard holds by partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicId,
    /// The partition within the topic.
    pub partition: PartitionIndex,
}

impl TopicPartition {
    /// The metadata log of the cluster.
    pub const CLUSTER_METADATA: Self = Self { topic: TopicId::CLUSTER_METADATA, partition: PartitionIndex(0) };

    /// The shard that owns this partition on a node of `shards` shards: a stable hash, so that it depends on nothing
    /// else. The metadata log is shard 0's.
    #[must_use]
    pub fn shard(self, shards: u16) -> ShardId {
        assert!(shards > 0, "a node has at least one shard");
        if self.topic == TopicId::CLUSTER_METADATA {
            return ShardId(0);
        }
        let mut key = [0; 20];
        key[..16].copy_from_slice(&self.topic.0);
        key[16..].copy_from_slice(&self.partition.0.to_be_bytes());
        ShardId((xxhash_rust::xxh3::xxh3_64(&key) % u64::from(shards)) as u16)
    }
}

/// A file or a directory: a log directory and the path below it, with `/` between names; the empty path is the log
/// directory itself. Paths are made by the core from names that it has checked: never absolute, never with `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    /// The log directory.
    pub dir: LogDirIndex,
    /// The path below it.
    pub path: Arc<str>,
}

impl FileName {
    /// The file at `path` below the log directory `dir`.
    #[must_use]
    pub fn new(dir: LogDirIndex, path: &str) -> Self {
        Self { dir, path: path.into() }
    }

    /// The directory that holds this name; the log directory itself is its own.
    #[must_use]
    pub fn parent(&self) -> Self {
        let parent = self.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        Self::new(self.dir, parent)
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.dir, self.path)
    }
}

/// Names a piece of work that one shard asks of another, so that the answer finds its way: the request that it is for, and
/// which piece of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// The shard that asked.
    pub shard: ShardId,
    /// The connection that the request came by.
    pub connection: ConnectionId,
    /// Counts the requests of the connection.
    pub sequence: u64,
    /// Counts the pieces of work for the request.
    pub part: u32,
}
