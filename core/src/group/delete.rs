//! DeleteGroups, OffsetDelete, and what goes with a topic.

use super::answer::{Answer, DeleteOffsetsAnswer, DeletedGroup};
use super::coordinator::{Extent, GroupCoordinator};
use super::names::{GroupId, TopicName};
use super::records::Record;
use super::replay::Recorded;
use super::state::{Group, State};
use super::step::Then;
use super::topics::Topics;
use crate::coordinator::Ticket;
use crate::ids::PartitionIndex;
use crate::time::Now;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;

/// Partitions of a topic.
type OfTopic<'a> = (&'a str, Vec<PartitionIndex>);

/// Partitions of a topic, and what went wrong with each.
type Deleted = (TopicName, Vec<(PartitionIndex, ErrorCode)>);

impl GroupCoordinator {
    /// OffsetDelete.
    pub fn delete_offsets(
        &mut self,
        now: Now,
        ticket: Ticket,
        group: &str,
        asked: &[(&str, Vec<PartitionIndex>)],
        topics: &Topics,
    ) {
        let refused = |error| Answer::DeleteOffsets(DeleteOffsetsAnswer { error, topics: Vec::new() });
        let (found, mut answer) = resolve(asked, topics);
        // What is wrong with the group counts for more than partitions that are not there.
        if group.is_empty() {
            return self.answer(ticket, refused(ErrorCode::InvalidGroupId));
        }
        let Some(active) = self.active_or(ticket, refused) else { return };
        let recorded = active.views.appended();
        let Some(id) = recorded.id(group).cloned() else {
            return self.answer_when_committed(vec![(ticket, refused(ErrorCode::GroupIdNotFound))]);
        };
        let subscribed = active.with_group(&id, |group| {
            group.may_lose_offsets()?;
            Ok(found.iter().map(|(topic, _)| group.is_subscribed_to(topic)).collect::<Vec<_>>())
        });
        let subscribed = match subscribed {
            Ok(subscribed) => subscribed,
            Err(error) => return self.answer_when_committed(vec![(ticket, refused(error))]),
        };
        let mut records = Vec::new();
        for ((topic, partitions), is_subscribed) in found.into_iter().zip(subscribed) {
            let name = TopicName::from(topic);
            let error = if is_subscribed { ErrorCode::GroupSubscribedToTopic } else { ErrorCode::None };
            if !is_subscribed {
                let there = partitions.iter().filter(|partition| recorded.offset(group, topic, **partition).is_some());
                records.extend(there.map(|partition| offset_tombstone(&id, &name, *partition)));
            }
            let partitions = partitions.into_iter().map(|partition| (partition, error));
            match answer.iter_mut().find(|(other, _)| *other == name) {
                Some((_, entry)) => entry.extend(partitions),
                None => answer.push((name, partitions.collect())),
            }
        }
        let answer = Answer::DeleteOffsets(DeleteOffsetsAnswer { error: ErrorCode::None, topics: answer });
        let answers = vec![(ticket, answer)];
        if records.is_empty() {
            self.answer_when_committed(answers);
        } else {
            self.append(now, Some(id), records, Extent::Divisible, answers, Then::Nothing);
        }
    }

    /// DeleteGroups, for groups of this coordinator.
    pub fn delete_groups(&mut self, now: Now, ticket: Ticket, groups: &[&str]) {
        let refused = |error| Answer::DeleteGroups(groups.iter().map(|group| deleted(group, error)).collect());
        let Some(active) = self.active_or(ticket, refused) else { return };
        let mut records = Vec::new();
        let mut gone: Vec<GroupId> = Vec::new();
        let mut results: Vec<DeletedGroup> = Vec::new();
        for group in groups {
            if results.iter().any(|result| &*result.group == *group) {
                continue;
            }
            let recorded = active.views.appended();
            let error = match recorded.id(group) {
                None => ErrorCode::GroupIdNotFound,
                Some(id) => match active.with_group(id, Group::may_be_deleted) {
                    Err(error) => error,
                    Ok(()) => {
                        records.extend(group_tombstones(recorded, id));
                        gone.push(id.clone());
                        ErrorCode::None
                    }
                },
            };
            results.push(deleted(group, error));
        }
        for id in &gone {
            self.forget(id);
        }
        let answers = vec![(ticket, Answer::DeleteGroups(results))];
        if records.is_empty() {
            self.answer_when_committed(answers);
        } else {
            self.append(now, None, records, Extent::Divisible, answers, Then::Nothing);
        }
    }
}

/// What is there of what is to be deleted, and the answers for what is not.
fn resolve<'a>(asked: &[OfTopic<'a>], topics: &Topics) -> (Vec<OfTopic<'a>>, Vec<Deleted>) {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for (topic, partitions) in asked {
        let is_there = |partition: &PartitionIndex| topics.has_partition(topic, *partition);
        let (there, absent): (Vec<_>, Vec<_>) = partitions.iter().copied().partition(is_there);
        if !absent.is_empty() {
            let absent = absent.into_iter().map(|partition| (partition, ErrorCode::UnknownTopicOrPartition));
            unknown.push((TopicName::from(*topic), absent.collect()));
        }
        if !there.is_empty() {
            found.push((*topic, there));
        }
    }
    (found, unknown)
}

fn deleted(group: &str, error: ErrorCode) -> DeletedGroup {
    let message: Option<String> = match error {
        ErrorCode::GroupIdNotFound => Some(format!("Group {group} not found.")),
        ErrorCode::NonEmptyGroup => Some(format!("Group {group} is not empty.")),
        _ => None,
    };
    DeletedGroup { group: group.into(), error, message }
}

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
pub fn topic_tombstones(recorded: &Recorded, gone: &BTreeSet<Arc<str>>) -> Vec<Record> {
    let mut records = Vec::new();
    for (id, topics) in recorded.all_offsets() {
        for (topic, partitions) in topics.iter().filter(|(topic, _)| gone.contains(&***topic)) {
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
