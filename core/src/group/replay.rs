//! The fold of a coordinator's records: groups and their offsets, as the log alone tells them.
//!
//! Invariants:
//! 1. Any record may follow any other: compaction leaves tombstones of what is not there, offsets of groups without a
//!    record, records of groups that were deleted before.
//! 2. A group is here from its first record on until its tombstone, also where it has nothing but offsets.
//! 3. The tombstone of a group leaves its offsets: each offset has a tombstone of its own.

use super::names::{GroupId, TopicName};
use super::records::{CommittedOffset, GroupMetadata, Record};
use crate::coordinator::Replay;
use crate::ids::PartitionIndex;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::sync::Arc;
use core::ops::Bound;

/// The offsets of a group.
pub type GroupOffsets = BTreeMap<TopicName, BTreeMap<PartitionIndex, CommittedOffset>>;

/// All groups of a coordinator, as recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    groups: BTreeMap<GroupId, Option<Arc<GroupMetadata>>>,
    offsets: BTreeMap<GroupId, GroupOffsets>,
}

impl Recorded {
    /// Whether there is a group.
    #[must_use]
    pub fn contains(&self, group: &str) -> bool {
        self.groups.contains_key(group)
    }

    /// The newest record of a group; none where there is no group, or one that has only committed offsets.
    #[must_use]
    pub fn metadata(&self, group: &str) -> Option<&Arc<GroupMetadata>> {
        self.groups.get(group)?.as_ref()
    }

    /// The id of a group, as it is held here.
    #[must_use]
    pub fn id(&self, group: &str) -> Option<&GroupId> {
        self.groups.get_key_value(group).map(|(id, _)| id)
    }

    /// All groups, by id.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupId, Option<&GroupMetadata>)> {
        self.groups.iter().map(|(id, metadata)| (id, metadata.as_deref()))
    }

    /// The groups after `from`, by id.
    pub fn groups_from(&self, from: Bound<GroupId>) -> impl Iterator<Item = (&GroupId, Option<&GroupMetadata>)> {
        self.groups.range((from, Bound::Unbounded)).map(|(id, metadata)| (id, metadata.as_deref()))
    }

    /// The number of groups.
    #[must_use]
    pub fn groups_count(&self) -> usize {
        self.groups.len()
    }

    /// The offsets of a group.
    #[must_use]
    pub fn offsets(&self, group: &str) -> Option<&GroupOffsets> {
        self.offsets.get(group)
    }

    /// The groups that have offsets, with these.
    pub fn all_offsets(&self) -> impl Iterator<Item = (&GroupId, &GroupOffsets)> {
        self.offsets.iter()
    }

    /// The offset of a group for a partition.
    #[must_use]
    pub fn offset(&self, group: &str, topic: &str, partition: PartitionIndex) -> Option<&CommittedOffset> {
        self.offsets.get(group)?.get(topic)?.get(&partition)
    }

    /// The number of offsets of a group.
    #[must_use]
    pub fn offsets_count(&self, group: &str) -> usize {
        self.offsets.get(group).map_or(0, |topics| topics.values().map(BTreeMap::len).sum())
    }

    fn commit(&mut self, group: &GroupId, topic: &TopicName, partition: PartitionIndex, offset: CommittedOffset) {
        self.groups.entry(group.clone()).or_default();
        let topics = self.offsets.entry(group.clone()).or_default();
        topics.entry(topic.clone()).or_default().insert(partition, offset);
    }

    fn forget_offset(&mut self, group: &GroupId, topic: &TopicName, partition: PartitionIndex) {
        let Entry::Occupied(mut topics) = self.offsets.entry(group.clone()) else { return };
        let Entry::Occupied(mut partitions) = topics.get_mut().entry(topic.clone()) else { return };
        partitions.get_mut().remove(&partition);
        if partitions.get().is_empty() {
            partitions.remove();
        }
        if topics.get().is_empty() {
            topics.remove();
        }
    }
}

impl Replay for Recorded {
    type Record = Record;

    fn replay(&mut self, record: &Record) {
        match record {
            Record::Offset { group, topic, partition, value: Some(offset) } => {
                self.commit(group, topic, *partition, offset.clone());
            }
            Record::Offset { group, topic, partition, value: None } => self.forget_offset(group, topic, *partition),
            Record::Group { group, value: Some(metadata) } => {
                self.groups.insert(group.clone(), Some(metadata.clone()));
            }
            Record::Group { group, value: None } => {
                self.groups.remove(group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LeaderEpoch, Offset, Timestamp};

    fn offset(partition: i32, offset: Option<i64>) -> Record {
        let value = offset.map(|offset| CommittedOffset {
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(-1),
            metadata: "".into(),
            commit_timestamp: Timestamp(5),
            expire_timestamp: None,
            topic_id: crate::ids::TopicId::ZERO,
        });
        Record::Offset { group: "g".into(), topic: "t".into(), partition: PartitionIndex(partition), value }
    }

    fn group(generation: Option<i32>) -> Record {
        let value = generation.map(|generation| {
            Arc::new(GroupMetadata::empty(super::super::names::GenerationId(generation), None, Timestamp(1)))
        });
        Record::Group { group: "g".into(), value }
    }

    #[test]
    fn a_group_begins_with_its_first_record_and_ends_with_its_tombstone() {
        let mut recorded = Recorded::default();
        recorded.replay(&offset(0, Some(7)));
        assert!(recorded.contains("g"));
        assert_eq!(recorded.metadata("g"), None);
        recorded.replay(&group(Some(3)));
        assert_eq!(recorded.metadata("g").map(|metadata| metadata.generation.0), Some(3));
        recorded.replay(&offset(0, None));
        assert_eq!(recorded.offsets("g"), None);
        assert!(recorded.contains("g"), "without offsets it is still there");
        recorded.replay(&group(None));
        assert_eq!(recorded, Recorded::default());
    }

    #[test]
    fn tombstones_of_what_is_not_there_do_nothing_and_offsets_outlive_their_group() {
        let mut recorded = Recorded::default();
        recorded.replay(&group(None));
        recorded.replay(&offset(4, None));
        assert_eq!(recorded, Recorded::default());
        recorded.replay(&offset(4, Some(1)));
        recorded.replay(&offset(5, Some(2)));
        recorded.replay(&group(None));
        assert!(!recorded.contains("g"));
        assert_eq!(recorded.offset("g", "t", PartitionIndex(4)).map(|offset| offset.offset), Some(Offset(1)));
        recorded.replay(&offset(4, None));
        assert_eq!(recorded.offsets_count("g"), 1);
    }
}
