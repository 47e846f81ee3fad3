//! The plan of a run, as data and as a text that a person can write: nodes, topics, clients, what they do, and what goes wrong.
//!
//! The seed makes a script, and the script is what runs: everything that is decided before a run stands in it. What is
//! decided during one (delays, which of the unsynced survives) is drawn by the seed that stands in it, each by its own
//! address. So a line can be taken out and the others mean what they meant.
//!
//! `docs/scripts.md` is the grammar of the text. `script.to_string()` writes it and `text.parse::<Script>()` reads it.

mod read;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use read::ScriptError;
pub use text::Told;

use crate::clock::WorldTime;
use crate::disk::{OpKind, Profile};
use crate::history::{ClientIndex, TopicPartition};
use crate::node::NodeIndex;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A duration in the words of a script: `2s`, `300ms`.
///
/// # Errors
/// Says what was expected.
pub fn duration(word: &str) -> Result<Duration, String> {
    words::Words::of(word).duration()
}

/// A moment in the words of a script: `1.25s` after the beginning.
///
/// # Errors
/// Says what was expected.
pub fn moment(word: &str) -> Result<WorldTime, String> {
    words::Words::of(word).time()
}

/// A run, before it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Addresses all draws of the run.
    pub seed: u64,
    /// The nodes, in their order.
    pub nodes: Vec<NodePlan>,
    /// Topics that are created before anything goes wrong.
    pub topics: Vec<TopicPlan>,
    /// The clients, in their order.
    pub clients: Vec<ClientPlan>,
    /// What clients do and what goes wrong, by time.
    pub acts: Vec<(WorldTime, Act)>,
    /// When all faults end, and all nodes that are down start.
    pub heal_at: WorldTime,
    /// How long after that everything must have come to rest.
    pub rest_within: Duration,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePlan {
    /// The number of its shards.
    pub shards: u16,
    /// The number of its log directories.
    pub dirs: u16,
    /// Kafka's configuration keys that differ from their defaults.
    pub properties: BTreeMap<Arc<str>, Arc<str>>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlan {
    /// Its name.
    pub name: Arc<str>,
    /// The number of its partitions.
    pub partitions: i32,
    /// Its configurations.
    pub configs: BTreeMap<Arc<str>, Arc<str>>,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPlan {
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub kind: ClientKind,
}

/// What a client is, and how it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// It sends records.
    Producer(ProducerPlan),
    /// It reads records.
    Consumer(ConsumerPlan),
    /// It manages topics and groups.
    Admin,
}

/// A producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerPlan {
    /// 0, 1 or -1.
    pub acks: i16,
    /// Whether it asks the broker to write each batch once.
    pub idempotent: bool,
    /// The requests that it has under way at once, at most.
    pub in_flight: usize,
    /// How long it waits for an answer.
    pub request_timeout: Duration,
    /// How long it tries to deliver a record.
    pub delivery_timeout: Duration,
}

/// A consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerPlan {
    /// Its group; without one it reads all partitions of its topics.
    pub group: Option<Arc<str>>,
    /// Its id as a static member (KIP-345).
    pub instance: Option<Arc<str>>,
    /// What it reads.
    pub topics: Vec<Arc<str>>,
    /// How the group's partitions are shared out.
    pub assignor: Assignor,
    /// How often it commits what the application was given before, by itself.
    pub auto_commit: Option<Duration>,
    /// How long it may be silent in its group.
    pub session_timeout: Duration,
    /// The bytes that it asks for at once.
    pub fetch_bytes: i32,
}

/// How a group shares out its partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// All is revoked at each rebalance (`range`).
    Eager,
    /// Only what moves is revoked (`cooperative-sticky`, KIP-429).
    Cooperative,
}

/// Something that happens at its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A client is asked to do something.
    Client(ClientIndex, ClientAct),
    /// Something goes wrong.
    Fault(Fault),
}

/// What a client is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAct {
    /// A producer sends one batch.
    Send {
        /// Where to.
        to: TopicPartition,
        /// The number of records.
        records: u32,
        /// The bytes of each.
        bytes: u32,
    },
    /// A consumer commits where it stands.
    Commit,
    /// A consumer goes elsewhere: to this offset, or to the start (-2) or end (-1).
    Seek {
        /// In which partition.
        of: TopicPartition,
        /// Where to.
        offset: i64,
    },
    /// A consumer does not poll for a while; it goes on with its heartbeats.
    Idle(Duration),
    /// A consumer leaves its group and closes.
    Leave,
    /// A consumer that has left begins anew.
    Join,
    /// The process of a client is gone without a word, and begins anew after a while.
    Crash(Duration),
    /// An administrator creates a topic.
    CreateTopic(TopicPlan),
    /// An administrator deletes a topic.
    DeleteTopic(Arc<str>),
    /// An administrator gives a topic more partitions.
    CreatePartitions {
        /// The topic.
        topic: Arc<str>,
        /// How many it is to have.
        count: i32,
    },
    /// An administrator configures a topic.
    AlterConfig {
        /// The topic.
        topic: Arc<str>,
        /// The key.
        key: Arc<str>,
        /// The value.
        value: Arc<str>,
    },
    /// An administrator asks for the configurations of a topic.
    DescribeConfigs(Arc<str>),
    /// An administrator deletes the older part of what a partition held when it was asked, in quarters of it.
    DeleteRecords {
        /// The partition.
        of: TopicPartition,
        /// How much.
        quarters: u8,
    },
    /// An administrator asks for an offset by its timestamp.
    ListOffsets {
        /// The partition.
        of: TopicPartition,
        /// The timestamp in milliseconds, -1 for the end, -2 for the start.
        timestamp: i64,
    },
    /// An administrator asks for all topics.
    ListTopics,
    /// An administrator asks what a group has committed.
    Committed(Arc<str>),
    /// An administrator deletes a group.
    DeleteGroup(Arc<str>),
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A process ends, and starts again after a while.
    End {
        /// Whose.
        node: NodeIndex,
        /// In which way.
        how: End,
        /// When it starts again.
        restart_after: Duration,
    },
    /// A process ends when its disks have had this many operations of a kind from now on.
    EndAt {
        /// Whose.
        node: NodeIndex,
        /// In which way.
        how: End,
        /// The kind of operation.
        op: OpKind,
        /// On paths that contain this.
        path: Arc<str>,
        /// The how manieth, from 1.
        nth: u64,
        /// When it starts again.
        restart_after: Duration,
    },
    /// A process does not run for a while; its disks and connections go on.
    Pause {
        /// Whose.
        node: NodeIndex,
        /// How long.
        time: Duration,
    },
    /// The operations on a log directory go wrong for a while.
    Disk {
        /// Whose.
        node: NodeIndex,
        /// Which of its log directories.
        dir: u16,
        /// Which operations; all where it is empty.
        ops: Vec<OpKind>,
        /// On paths that contain this.
        path: Arc<str>,
        /// What happens to them.
        what: crate::disk::Fault,
        /// How often, out of a million.
        per_million: u32,
        /// How long.
        time: Duration,
    },
    /// A wall clock jumps.
    Clock {
        /// Whose.
        node: NodeIndex,
        /// How far, in milliseconds; back where it is negative.
        millis: i64,
    },
    /// A monotonic clock runs faster or slower from now on.
    Drift {
        /// Whose.
        node: NodeIndex,
        /// What it gains, in millionths.
        per_million: i32,
    },
    /// What is sent between a client and a node goes wrong.
    Network {
        /// Which client; all where there is none.
        client: Option<ClientIndex>,
        /// Which node.
        node: NodeIndex,
        /// What happens.
        what: NetworkFault,
        /// How long; a reset takes no time.
        time: Duration,
    },
}

/// In which way a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is asked to stop.
    Stop,
    /// It is killed.
    Kill,
    /// Its power is gone: what survives of the unsynced has this shape.
    PowerLoss(Profile),
}

/// What goes wrong with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkFault {
    /// Connections break.
    Reset,
    /// Nothing arrives, either way: it comes when the fault ends.
    Cut,
    /// Nothing that the client sends arrives.
    CutToNode,
    /// Nothing that the node sends arrives.
    CutToClient,
    /// Everything takes this much longer.
    Slow(Duration),
    /// The client takes nothing from its connections.
    NotReading,
}
