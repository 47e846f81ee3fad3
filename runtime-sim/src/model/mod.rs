//! What clients have asked for and what was acknowledged to them: the naive model that a broker is checked against.
//!
//! Whatever is asked for is written down before it is sent, and what is acknowledged as soon as the client knows. So at
//! any moment the model says what must hold ([`check`]): all that was acknowledged, and of what is under way either
//! nothing or all.

mod check;

pub use check::check;

use crate::client::groups::Member;
use crate::client::operations::Producer;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// All that was asked of one broker.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// By name. A topic that was deleted and created again is a new one, and stands here alone.
    pub topics: BTreeMap<String, Topic>,
    /// Committed offsets by group, topic and partition.
    pub commits: BTreeMap<(String, String, i32), Register<i64>>,
    /// All producer ids that were handed out.
    pub producer_ids: BTreeSet<i64>,
    /// All topic ids that were told.
    pub topic_ids: BTreeSet<u128>,
    /// Groups with their only member.
    pub members: BTreeMap<String, Membership>,
    /// Groups that were deleted and not used since.
    pub deleted_groups: BTreeSet<String>,
    /// Whether disks have failed: the operator was told of that.
    pub disks_failed: bool,
}

/// What is known of the only member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// It is joining or leaving.
    UnderWay,
    /// It has its assignment.
    Joined(Member),
    /// It has left.
    Left(Member),
}

/// A topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Whether it is there.
    pub presence: Presence,
    /// Its id, once it was told.
    pub id: Option<u128>,
    /// Its partitions; as many as were ever asked for.
    pub partitions: Vec<Partition>,
    /// The number of its partitions.
    pub count: Register<i64>,
    /// What was configured for it.
    pub configs: BTreeMap<String, Register<String>>,
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
    pub start: Register<i64>,
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

/// A value that is set again and again, by one client after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register<T> {
    /// The value that was acknowledged last.
    pub acknowledged: Option<T>,
    /// Values that were asked for since and are not acknowledged.
    pub under_way: Vec<T>,
    /// Whether it was asked for no value since.
    pub removing: bool,
}

impl<T> Default for Register<T> {
    fn default() -> Self {
        Self { acknowledged: None, under_way: Vec::new(), removing: false }
    }
}

impl<T: PartialEq> Register<T> {
    /// A value is being set.
    pub fn ask(&mut self, value: T) {
        self.under_way.push(value);
    }

    /// The value that was asked for last was acknowledged. What was asked for before it and never answered was either
    /// done before it or not at all.
    pub fn acknowledge(&mut self) {
        self.acknowledged = self.under_way.pop();
        self.under_way.clear();
        self.removing = false;
    }

    /// The value is being removed.
    pub fn ask_removal(&mut self) {
        self.removing = true;
    }

    /// That was acknowledged.
    pub fn acknowledge_removal(&mut self) {
        *self = Self::default();
    }

    /// Whether a reader may be told this.
    #[must_use]
    pub fn allows(&self, value: Option<&T>) -> bool {
        let removed = self.removing && value.is_none();
        removed || value == self.acknowledged.as_ref() || value.is_some_and(|value| self.under_way.contains(value))
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
            count: Register { acknowledged: Some(partitions as i64), under_way: Vec::new(), removing: false },
            configs: BTreeMap::new(),
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

    /// The power was gone: what relaxed topics have lost of what was acknowledged need not come back. `end` says where
    /// a partition ends now.
    pub fn forget_lost(&mut self, topic: &str, partition: i32, end: i64) {
        let partition = self.partition(topic, partition);
        partition.seen.retain(|offset, _| *offset < end);
        for batch in &mut partition.batches {
            if batch.base.is_some_and(|base| base >= end) {
                batch.base = None;
            }
        }
    }

    /// A topic that was asked for.
    ///
    /// # Panics
    /// Where it was not: the workload is wrong.
    pub fn topic(&mut self, topic: &str) -> &mut Topic {
        self.topics.get_mut(topic).expect("a workload uses topics that it has created")
    }
}
