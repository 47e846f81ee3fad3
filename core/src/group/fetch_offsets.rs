//! OffsetFetch: the offsets of a group, as committed.
//!
//! What is asked to be stable (`require_stable`, KIP-447) is answered from what is appended, once that is committed:
//! a commit that is under way is waited for.

use super::answer::{FetchedGroup, FetchedOffset, FetchedTopic};
use super::names::TopicName;
use super::records::CommittedOffset;
use super::replay::Recorded;
use super::topics::Topics;
use crate::ids::{PartitionIndex, TopicId};
use alloc::vec::Vec;
use grete_protocol::ErrorCode;

/// The partitions that are asked for, of one topic.
#[derive(Clone, Debug)]
pub struct AskedTopic<'a> {
    /// The topic, by its name or by its id.
    pub topic: TopicRef<'a>,
    /// The partitions.
    pub partitions: Vec<PartitionIndex>,
}

/// A topic as a request names it.
#[derive(Clone, Copy, Debug)]
pub enum TopicRef<'a> {
    /// By its name.
    Name(&'a str),
    /// By its id (OffsetCommit and OffsetFetch from version 10 on).
    Id(TopicId),
}

impl<'a> TopicRef<'a> {
    /// The topic's name and id, where there is such a topic.
    ///
    /// # Errors
    /// `UNKNOWN_TOPIC_OR_PARTITION` or `UNKNOWN_TOPIC_ID`.
    pub(super) fn resolve(self, topics: &Topics) -> Result<(TopicName, TopicId), ErrorCode> {
        match self {
            Self::Name(name) => {
                let id = topics.id(name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
                Ok((name.into(), id))
            }
            Self::Id(id) => {
                let name = topics.name(id).ok_or(ErrorCode::UnknownTopicId)?;
                Ok((name.clone(), id))
            }
        }
    }

    /// The topic's name as far as the request has it.
    pub(super) fn name(self) -> TopicName {
        match self {
            Self::Name(name) => name.into(),
            Self::Id(_) => "".into(),
        }
    }

    /// The topic's id as far as the request has it.
    pub(super) const fn id(self) -> TopicId {
        match self {
            Self::Name(_) => TopicId::ZERO,
            Self::Id(id) => id,
        }
    }
}

/// The offsets of a group for what is asked. A group that is not there has none; a topic that is not there may well
/// have some, unless it is asked for by an id that nothing has.
#[must_use]
pub fn some(recorded: &Recorded, group: &str, asked: &[AskedTopic<'_>], topics: &Topics) -> FetchedGroup {
    let fetched = asked.iter().map(|asked| {
        let (name, id, error) = match asked.topic {
            TopicRef::Name(name) => (name.into(), topics.id(name).unwrap_or(TopicId::ZERO), ErrorCode::None),
            TopicRef::Id(id) => match topics.name(id) {
                Some(name) => (name.clone(), id, ErrorCode::None),
                None => (TopicName::from(""), id, ErrorCode::UnknownTopicId),
            },
        };
        let offset = |partition: &PartitionIndex| {
            let committed = if recorded.contains(group) { recorded.offset(group, &name, *partition) } else { None };
            match committed {
                Some(offset) if error == ErrorCode::None && is_of(offset, id) => fetched(*partition, offset),
                Some(_) | None => FetchedOffset::none(*partition, error),
            }
        };
        let partitions = asked.partitions.iter().map(offset).collect();
        FetchedTopic { name, id, partitions }
    });
    let mut fetched: Vec<FetchedTopic> = fetched.collect();
    // As in Kafka, what cannot be found comes last.
    fetched.sort_by_key(|topic| topic.name.is_empty());
    FetchedGroup { group: group.into(), error: ErrorCode::None, topics: fetched }
}

/// An error for a group, and for each partition that was asked for.
#[must_use]
pub fn refused(group: &str, asked: Option<&[AskedTopic<'_>]>, error: ErrorCode) -> FetchedGroup {
    let topics = asked.unwrap_or_default().iter().map(|asked| FetchedTopic {
        name: asked.topic.name(),
        id: asked.topic.id(),
        partitions: asked.partitions.iter().map(|partition| FetchedOffset::none(*partition, error)).collect(),
    });
    FetchedGroup { group: group.into(), error, topics: topics.collect() }
}

/// All offsets of a group. With `by_id`, topics that are not there any more are left out: they have no id.
#[must_use]
pub fn all(recorded: &Recorded, group: &str, by_id: bool, topics: &Topics) -> FetchedGroup {
    let offsets = if recorded.contains(group) { recorded.offsets(group) } else { None };
    let fetched = offsets.into_iter().flatten().filter_map(|(name, partitions)| {
        let id = topics.id(name);
        if by_id && id.is_none() {
            return None;
        }
        let id = id.unwrap_or(TopicId::ZERO);
        let of_topic = partitions.iter().filter(|(_, offset)| is_of(offset, id));
        let partitions: Vec<_> = of_topic.map(|(partition, offset)| fetched(*partition, offset)).collect();
        (!partitions.is_empty()).then(|| FetchedTopic { name: name.clone(), id, partitions })
    });
    FetchedGroup { group: group.into(), error: ErrorCode::None, topics: fetched.collect() }
}

/// Whether an offset was committed for this topic and not for an older one of its name, as far as is known of both.
fn is_of(offset: &CommittedOffset, topic: TopicId) -> bool {
    offset.topic_id == topic || offset.topic_id == TopicId::ZERO || topic == TopicId::ZERO
}

fn fetched(partition: PartitionIndex, committed: &CommittedOffset) -> FetchedOffset {
    FetchedOffset {
        partition,
        error: ErrorCode::None,
        offset: committed.offset,
        leader_epoch: committed.leader_epoch,
        metadata: committed.metadata.clone(),
    }
}
