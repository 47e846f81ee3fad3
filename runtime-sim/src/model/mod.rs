//! What clients have asked for and what was acknowledged to them: the naive model that a broker is checked against.
//!
//! Whatever is asked for is written down before it is sent, and what is acknowledged as soon as the client knows. So at
//! any moment the model says what must hold ([`check`]): all that was acknowledged, and of what is under way either
//! nothing or all.

mod check;

pub use check::check;

use crate::client::operations::Producer;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// All that was asked of one broker.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// By name. A topic that was deleted and created again is a new one, and stands here alone.
    pub topics: BTreeMap<String, Topic>,
    /// Committed offsets by group, topic and partition.
    pub commits: BTreeMap<(String, String, i32), Register>,
    /// All producer ids that were handed out.
    pub producer_ids: BTreeSet<i64>,
    /// All topic ids that were told.
    pub topic_ids: BTreeSet<u128>,
}

/// A topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Whether it is there.
    pub presence: Presence,
    /// Its id, once it was told.
    pub id: Option<u128>,
    /// Its partitions; as many as it was created with.
    pub partitions: Vec<Partition>,
    /// What was acknowledged need not survive a power loss, only stay whole: `durability=os`.
    pub relaxed: bool,
    /// Old segments may go by themselves.
    pub retained: bool,
}

/// Whether a topic is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Its creation is under way.
    Creating,
    /// It was created.
    There,
    /// Its deletion is under way.
    Deleting,
    /// It was deleted.
    Gone,
}

/// What was sent to a partition. No two records that are sent to it have the same value.
#[derive(Clone, Debug, Default)]
pub struct Partition {
    /// The batches, in the order sent.
    pub batches: Vec<Batch>,
    /// What consumers were shown: by offset.
    pub seen: BTreeMap<i64, Bytes>,
    /// Where the log starts, by DeleteRecords.
    pub start: Register,
}

/// A batch that was sent.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The values of its records.
    pub values: Vec<Bytes>,
    /// Its base offset, once that was acknowledged.
    pub base: Option<i64>,
    /// Who sent it.
    pub producer: Producer,
}

/// A number that is set again and again, by one client after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Register {
    /// The value that was acknowledged last.
    pub acknowledged: Option<i64>,
    /// Values that were asked for since and are not acknowledged.
    pub under_way: Vec<i64>,
}

impl Register {
    /// A value is being set.
    pub fn ask(&mut self, value: i64) {
        self.under_way.push(value);
    }

    /// The oldest value under way was acknowledged.
    pub fn acknowledge(&mut self) {
        self.acknowledged = Some(self.under_way.remove(0));
    }

    /// Whether a reader may be told this.
    #[must_use]
    pub fn allows(&self, value: Option<i64>) -> bool {
        value == self.acknowledged || value.is_some_and(|value| self.under_way.contains(&value))
    }
}

impl Topic {
    /// A topic whose creation begins.
    #[must_use]
    pub fn creating(partitions: usize) -> Self {
        Self {
            presence: Presence::Creating,
            id: None,
            partitions: vec![Partition::default(); partitions],
            relaxed: false,
            retained: false,
        }
    }
}

impl Model {
    /// A partition of a topic that was asked for.
    ///
    /// # Panics
    /// Where it was not: the workload is wrong.
    pub fn partition(&mut self, topic: &str, partition: i32) -> &mut Partition {
        &mut self.topic(topic).partitions[partition as usize]
    }

    /// A topic that was asked for.
    ///
    /// # Panics
    /// Where it was not: the workload is wrong.
    pub fn topic(&mut self, topic: &str) -> &mut Topic {
        self.topics.get_mut(topic).expect("a workload uses topics that it has created")
    }
}
