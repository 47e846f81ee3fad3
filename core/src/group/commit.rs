//! OffsetCommit: who may commit, and what becomes of each partition.
//!
//! Invariants:
//! 1. Members commit in their current generation only, and not while its assignment is being made: what another member
//!    may own by now is not overwritten.
//! 2. Without a generation (-1) offsets are committed to groups without members only: by those who assign partitions to
//!    themselves, and by administrators.

use super::answer::{Answer, CommitTopic};
use super::coordinator::{Extent, GroupCoordinator};
use super::fetch_offsets::TopicRef;
use super::names::{GenerationId, GroupId, TopicName};
use super::records::{CommittedOffset, Record};
use super::requests::is_too_long;
use super::state::{Group, State};
use super::step::Then;
use super::topics::Topics;
use crate::coordinator::Ticket;
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use crate::limits;
use crate::time::Now;
use alloc::vec;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;

/// The offsets that a request commits for one topic.
#[derive(Clone, Debug)]
pub struct TopicToCommit<'a> {
    /// The topic.
    pub topic: TopicRef<'a>,
    /// The partitions.
    pub partitions: Vec<OffsetToCommit<'a>>,
}

/// The offset that a request commits for one partition.
#[derive(Clone, Copy, Debug)]
pub struct OffsetToCommit<'a> {
    /// The partition.
    pub partition: PartitionIndex,
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the record before it; -1 where it is not known.
    pub leader_epoch: LeaderEpoch,
    /// What to store with it.
    pub metadata: &'a str,
}

impl GroupCoordinator {
    /// OffsetCommit. `retention_ms` is the client's own wish (versions 2 to 4), -1 without.
    #[expect(clippy::too_many_arguments, reason = "what a commit consists of")]
    pub fn commit_offsets(
        &mut self,
        now: Now,
        ticket: Ticket,
        group: &str,
        committer: Committer<'_>,
        retention_ms: i64,
        to_commit: &[TopicToCommit<'_>],
        topics: &Topics,
    ) {
        // What is not there is refused before anyone looks at the group.
        let (found, unknown) = resolve(to_commit, topics);
        let refused = |error| {
            Answer::CommitOffsets(merge(unknown.clone(), found.iter().map(|topic| topic.answer(|_| error)).collect()))
        };
        if found.is_empty() {
            return self.answer(ticket, refused(ErrorCode::None));
        }
        if is_too_long(group) {
            return self.answer(ticket, refused(ErrorCode::InvalidGroupId));
        }
        let max = self.settings.offset_metadata_max;
        let Some(active) = self.active_or(ticket, refused) else { return };
        let id = active.group_id(group);
        let recorded = active.views.appended();
        let is_new = !recorded.contains(group);
        let allowed = if is_new {
            committer.may_create().and_then(|()| {
                let room = recorded.groups_count() < limits::GROUPS_MAX;
                if room { Ok(()) } else { Err(ErrorCode::CoordinatorNotAvailable) }
            })
        } else {
            active.with_group(&id, |group| committer.may_commit(group))
        };
        if let Err(error) = allowed {
            return self.answer_when_committed(vec![(ticket, refused(error))]);
        }
        let room = limits::GROUP_OFFSETS_MAX.saturating_sub(recorded.offsets_count(group));
        let expire_timestamp = (retention_ms >= 0).then(|| Timestamp(now.wall.0.saturating_add(retention_ms)));
        let mut records = Vec::new();
        let mut answer = Vec::new();
        let mut added = 0;
        for topic in &found {
            answer.push(topic.answer(|offset| {
                let is_known = recorded.offset(group, &topic.name, offset.partition).is_some();
                if is_metadata_too_long(offset.metadata, max) {
                    ErrorCode::OffsetMetadataTooLarge
                } else if !is_known && added >= room {
                    ErrorCode::InvalidCommitOffsetSize
                } else {
                    added += usize::from(!is_known);
                    records.push(offset.record(&id, &topic.name, topic.id, now.wall, expire_timestamp));
                    ErrorCode::None
                }
            }));
        }
        let answers = vec![(ticket, Answer::CommitOffsets(merge(unknown, answer)))];
        if !is_new && !committer.member.is_empty() {
            // A commit is a sign of life, too.
            self.in_group(now, &id, |group, step| group.keep_alive_by_commit(committer.member, step));
        }
        if records.is_empty() {
            self.answer_when_committed(answers);
        } else {
            self.append(now, Some(id), records, Extent::Atomic, answers, Then::Nothing);
        }
    }
}

/// The newest version that has no error of its own for a group that is not there.
const ILLEGAL_GENERATION_UNTIL: i16 = 8;

/// Who commits, whichever version it came in.
#[derive(Clone, Copy, Debug)]
pub struct Committer<'a> {
    /// The version of the request.
    pub api_version: i16,
    /// The member's id; empty where there is none.
    pub member: &'a str,
    /// The instance id of a static member.
    pub instance: Option<&'a str>,
    /// The member's generation; -1 where there is none.
    pub generation: GenerationId,
}

impl Committer<'_> {
    /// Whether offsets may be committed to a group that is not there. It is made by that, without members.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, or `ILLEGAL_GENERATION` to clients that do not know that one here.
    pub(super) const fn may_create(&self) -> Result<(), ErrorCode> {
        if self.generation.0 < 0 {
            Ok(())
        } else if self.api_version <= ILLEGAL_GENERATION_UNTIL {
            Err(ErrorCode::IllegalGeneration)
        } else {
            Err(ErrorCode::GroupIdNotFound)
        }
    }

    /// Whether offsets may be committed to a group.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`, `REBALANCE_IN_PROGRESS`.
    pub(super) fn may_commit(&self, group: &Group) -> Result<(), ErrorCode> {
        let is_empty = matches!(group.state, State::Empty);
        if self.generation.0 < 0 && is_empty {
            return Ok(());
        }
        let is_anonymous = self.generation.0 < 0 && self.member.is_empty() && self.instance.is_none();
        if is_anonymous {
            return Err(ErrorCode::UnknownMemberId);
        }
        group.validate_member(self.member, self.instance)?;
        if self.generation != group.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        match group.state {
            // It has joined, so that it knows the generation, but not what it owns in it.
            State::CompletingRebalance(_) => Err(ErrorCode::RebalanceInProgress),
            State::Empty | State::PreparingRebalance(_) | State::Stable(_) => Ok(()),
        }
    }
}

impl OffsetToCommit<'_> {
    fn record(
        &self,
        group: &GroupId,
        topic: &TopicName,
        topic_id: TopicId,
        now: Timestamp,
        expire_timestamp: Option<Timestamp>,
    ) -> Record {
        // The only version that holds an expiry does not hold the others. What is recorded is what is known.
        let (leader_epoch, topic_id) =
            if expire_timestamp.is_some() { (LeaderEpoch(-1), TopicId::ZERO) } else { (self.leader_epoch, topic_id) };
        Record::Offset {
            group: group.clone(),
            topic: topic.clone(),
            partition: self.partition,
            value: Some(CommittedOffset {
                offset: self.offset,
                leader_epoch,
                metadata: self.metadata.into(),
                commit_timestamp: now,
                expire_timestamp,
                topic_id,
            }),
        }
    }
}

/// A topic of a commit that is there, with the partitions that are.
struct FoundTopic<'a> {
    name: TopicName,
    id: TopicId,
    asked: TopicRef<'a>,
    offsets: Vec<&'a OffsetToCommit<'a>>,
}

impl FoundTopic<'_> {
    /// What is answered for it, partition by partition.
    fn answer(&self, mut error: impl FnMut(&OffsetToCommit<'_>) -> ErrorCode) -> CommitTopic {
        let partitions = self.offsets.iter().map(|offset| (offset.partition, error(offset)));
        CommitTopic { name: self.name.clone(), id: self.asked.id(), partitions: partitions.collect() }
    }
}

/// What is there of what is to be committed, and the answers for what is not.
fn resolve<'a>(to_commit: &'a [TopicToCommit<'a>], topics: &Topics) -> (Vec<FoundTopic<'a>>, Vec<CommitTopic>) {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for of_topic in to_commit {
        let asked = of_topic.topic;
        let mut refuse = |name, partitions: Vec<(PartitionIndex, ErrorCode)>| {
            if !partitions.is_empty() {
                unknown.push(CommitTopic { name, id: asked.id(), partitions });
            }
        };
        match asked.resolve(topics) {
            Ok((name, id)) => {
                let is_there = |offset: &&'a OffsetToCommit<'a>| topics.has_partition(&name, offset.partition);
                let (offsets, absent): (Vec<&'a OffsetToCommit<'a>>, Vec<_>) =
                    of_topic.partitions.iter().partition(is_there);
                let absent = absent.iter().map(|offset| (offset.partition, ErrorCode::UnknownTopicOrPartition));
                refuse(name.clone(), absent.collect());
                if !offsets.is_empty() {
                    found.push(FoundTopic { name, id, asked, offsets });
                }
            }
            Err(error) => {
                refuse(asked.name(), of_topic.partitions.iter().map(|offset| (offset.partition, error)).collect());
            }
        }
    }
    (found, unknown)
}

/// The answers for what is not there, and behind them those for what is; a topic with both has one entry, as in Kafka.
fn merge(unknown: Vec<CommitTopic>, found: Vec<CommitTopic>) -> Vec<CommitTopic> {
    let mut all = unknown;
    let refused = all.len();
    for topic in found {
        match all[..refused].iter_mut().find(|other| (&other.name, other.id) == (&topic.name, topic.id)) {
            Some(entry) => entry.partitions.extend(topic.partitions),
            None => all.push(topic),
        }
    }
    all
}

/// Whether what a client stores with an offset is too long. Kafka counts UTF-16 units, not bytes, whatever the name
/// `offset.metadata.max.bytes` says.
#[must_use]
pub fn is_metadata_too_long(metadata: &str, max: usize) -> bool {
    metadata.len() > max && metadata.encode_utf16().take(max.saturating_add(1)).count() > max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_counted_in_utf16_units() {
        assert!(!is_metadata_too_long("abcd", 4));
        assert!(is_metadata_too_long("abcde", 4));
        assert!(!is_metadata_too_long("äöüß", 4), "eight bytes, four units");
        assert!(!is_metadata_too_long("😀😀", 4), "eight bytes, four units");
        assert!(is_metadata_too_long("😀😀x", 4));
        assert!(!is_metadata_too_long("", 0));
    }
}
