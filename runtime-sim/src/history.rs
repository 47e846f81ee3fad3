//! What the clients of a run did and what came of it: all that the checkers of histories know.
//!
//! Invariants:
//! 1. An operation stands here from the moment at which its client decides on it, before a byte of it is sent.
//! 2. It ends at most once. One that never ends may have taken effect at any moment after it began, or never.
//! 3. Operations of one client begin in the order in which they stand here.
//! 4. No two records that are sent in a run have the same [`Value`].

use crate::clock::WorldTime;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names a client of a run: its place in the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientIndex(pub usize);

/// Names an operation: its place in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub usize);

/// What tells a record from all others of its run; the first eight bytes of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub u64);

impl Value {
    /// That of a record which holds `bytes`; one that no client of the run has sent has the value of none.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes.first_chunk().map_or(u64::MAX, |head| u64::from_be_bytes(*head)))
    }
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
}

/// What a client did.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Who did it.
    pub client: ClientIndex,
    /// When it was decided on.
    pub began: WorldTime,
    /// When the client knew what came of it.
    pub ended: Option<WorldTime>,
    /// What it was.
    pub what: What,
    /// What came of it.
    pub outcome: Outcome,
}

/// What an operation was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// One batch of records was sent, once or, by retries, several times.
    Produce {
        /// Where to.
        to: TopicPartition,
        /// Its records, in their order.
        values: Vec<Value>,
        /// Whether the broker is asked to write it once, however often it is sent.
        idempotent: bool,
        /// 0, 1 or -1.
        acks: i16,
    },
    /// A member of a group, or a consumer that chose its partitions itself, asked for records.
    Poll,
    /// A member of a group was given partitions: from now on it has exactly these.
    Assign {
        /// The group.
        group: Arc<str>,
        /// The generation that this belongs to.
        generation: i32,
        /// Who it is in the group.
        member: Arc<str>,
        /// All of its partitions.
        partitions: Vec<TopicPartition>,
    },
    /// A member gave partitions up, of its own will or because it learnt that they are not its own.
    Revoke {
        /// The group.
        group: Arc<str>,
        /// The partitions.
        partitions: Vec<TopicPartition>,
    },
    /// Offsets were committed.
    Commit {
        /// The group.
        group: Arc<str>,
        /// The generation in whose name; -1 outside of any.
        generation: i32,
        /// The offset of the next record to be read, for each partition.
        offsets: BTreeMap<TopicPartition, i64>,
    },
    /// The committed offsets of a group were asked for.
    Committed {
        /// The group.
        group: Arc<str>,
        /// Of which partitions; of all where there are none.
        partitions: Vec<TopicPartition>,
    },
    /// The offset that belongs to a timestamp was asked for: -1 for the end, -2 for the start.
    ListOffsets {
        /// Of which partition.
        of: TopicPartition,
        /// The timestamp, in milliseconds, or one of the special ones.
        timestamp: i64,
    },
    /// A topic was created.
    CreateTopic {
        /// Its name.
        topic: Arc<str>,
        /// With how many partitions.
        partitions: i32,
        /// Configured with.
        configs: BTreeMap<Arc<str>, Arc<str>>,
    },
    /// A topic was deleted.
    DeleteTopic {
        /// Its name.
        topic: Arc<str>,
    },
    /// A topic got more partitions.
    CreatePartitions {
        /// Its name.
        topic: Arc<str>,
        /// How many it is to have.
        count: i32,
    },
    /// A configuration of a topic was set.
    AlterConfig {
        /// The topic.
        topic: Arc<str>,
        /// The key.
        key: Arc<str>,
        /// The value.
        value: Arc<str>,
    },
    /// The configurations of a topic were asked for.
    DescribeConfigs {
        /// The topic.
        topic: Arc<str>,
    },
    /// All records before an offset were deleted.
    DeleteRecords {
        /// Of which partition.
        of: TopicPartition,
        /// The first that stays.
        before: i64,
    },
    /// The topics of the cluster were asked for.
    ListTopics,
    /// A group was deleted.
    DeleteGroup {
        /// The group.
        group: Arc<str>,
    },
}

/// What came of an operation, as its client knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has not ended.
    UnderWay,
    /// It took effect.
    Done(Answer),
    /// It did not take effect and never will: Kafka's error code.
    Failed(i16),
    /// Nobody knows: no answer, or one that does not say.
    Unknown,
}

/// What a broker told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing beyond that it was done.
    Nothing,
    /// A batch lies at this offset; -1 where that is not known (acks=0, or a duplicate whose offset is forgotten).
    Produced {
        /// The offset of its first record.
        base: i64,
    },
    /// Records, in the order in which the application got them.
    Polled(Vec<Polled>),
    /// Offsets: of a partition, or of a group. A partition without one has none.
    Offsets(BTreeMap<TopicPartition, i64>),
    /// Topics with their ids and numbers of partitions.
    Topics(BTreeMap<Arc<str>, (u128, i32)>),
    /// Configurations.
    Configs(BTreeMap<Arc<str>, Arc<str>>),
}

/// Records of one partition that one poll gave to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polled {
    /// The partition.
    pub from: TopicPartition,
    /// Where the consumer stood before: the offset that it asked for.
    pub position: i64,
    /// Whether the consumer stands there by its own reading, and not because it was told to (assigned, sought, reset).
    pub continues: bool,
    /// Offsets and values, as they came.
    pub records: Vec<(i64, Value)>,
    /// The high watermark that came with them.
    pub high_watermark: i64,
    /// The log start offset that came with them.
    pub log_start: i64,
}

/// How many operations are looked through for what happened of late.
const LATE_OPERATIONS: usize = 1_000;

/// All operations of a run.
#[derive(Clone, Debug, Default)]
pub struct History {
    operations: Vec<Operation>,
    acknowledged: usize,
}

impl History {
    /// An operation begins.
    pub fn begin(&mut self, client: ClientIndex, now: WorldTime, what: What) -> OperationId {
        let id = OperationId(self.operations.len());
        self.operations.push(Operation { client, began: now, ended: None, what, outcome: Outcome::UnderWay });
        id
    }

    /// An operation ends.
    ///
    /// # Panics
    /// Where it has ended before: the client is wrong.
    pub fn end(&mut self, id: OperationId, now: WorldTime, outcome: Outcome) {
        let operation = &mut self.operations[id.0];
        assert!(operation.ended.is_none(), "an operation ends once");
        self.acknowledged += usize::from(matches!(outcome, Outcome::Done(_)));
        operation.ended = Some(now);
        operation.outcome = outcome;
    }

    /// Begins and ends an operation that takes no time: what a client decides or learns by itself.
    pub fn note(&mut self, client: ClientIndex, now: WorldTime, what: What) {
        let id = self.begin(client, now, what);
        self.end(id, now, Outcome::Done(Answer::Nothing));
    }

    /// All operations, in the order in which they began.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// An offset at which something was acknowledged in a partition, of late.
    #[must_use]
    pub fn acknowledged_in(&self, of: &TopicPartition) -> Option<i64> {
        self.operations.iter().rev().take(LATE_OPERATIONS).find_map(|operation| {
            match (&operation.what, &operation.outcome) {
                (What::Produce { to, .. }, Outcome::Done(Answer::Produced { base })) if to == of && *base >= 0 => {
                    Some(*base)
                }
                _ => None,
            }
        })
    }

    /// The operations that took effect.
    #[must_use]
    pub const fn acknowledged(&self) -> usize {
        self.acknowledged
    }
}
