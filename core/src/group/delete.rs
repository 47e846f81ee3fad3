//! DeleteGroups, OffsetDelete, and what goes with a topic.

use super::names::{GroupId, TopicName};
use super::records::Record;
use super::replay::Recorded;
use super::state::{Group, State};
use crate::ids::PartitionIndex;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;

/// The tombstones of a group and of all its offsets, the group's last: until then it is there to be deleted again.
#[must_use]
pub fn group_tombstones(recorded: &Recorded, id: &GroupId) -> Vec<Record> {
    let mut records = Vec::new();
    for (topic, partitions) in recorded.offsets(id).into_iter().flatten() {
        records.extend(partitions.keys().map(|partition| offset_tombstone(id, topic, *partition)));
    }
    records.push(Record::Group { group: id.clone(), value: None });
    records
}

/// The tombstones of all offsets for topics that are gone.
#[must_use]
pub fn topic_tombstones(recorded: &Recorded, gone: &BTreeSet<TopicName>) -> Vec<Record> {
    let mut records = Vec::new();
    for (id, topics) in recorded.all_offsets() {
        for (topic, partitions) in topics.iter().filter(|(topic, _)| gone.contains(*topic)) {
            records.extend(partitions.keys().map(|partition| offset_tombstone(id, topic, *partition)));
        }
    }
    records
}

/// The tombstone of an offset.
#[must_use]
pub fn offset_tombstone(group: &GroupId, topic: &TopicName, partition: PartitionIndex) -> Record {
    Record::Offset { group: group.clone(), topic: topic.clone(), partition, value: None }
}

impl Group {
    /// Whether the group may be deleted.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP`.
    pub(super) const fn may_be_deleted(&self) -> Result<(), ErrorCode> {
        match self.state {
            State::Empty => Ok(()),
            State::PreparingRebalance(_) | State::CompletingRebalance(_) | State::Stable(_) => {
                Err(ErrorCode::NonEmptyGroup)
            }
        }
    }

    /// Whether any offsets of the group may be deleted: with members only where one can tell what they read.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP`.
    pub(super) fn may_lose_offsets(&self) -> Result<(), ErrorCode> {
        if self.is_consumer() { Ok(()) } else { self.may_be_deleted() }
    }
}
