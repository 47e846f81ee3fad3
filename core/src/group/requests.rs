//! The requests that a coordinator serves, in a form that does not depend on their version.
//!
//! [`messages`](super::messages) makes these of Kafka's request messages.

use super::answer::{Answer, CommitTopic, DeleteOffsetsAnswer, DeletedGroup, JoinAnswer, LeaveAnswer, ListAnswer};
use super::answer::{DescribedGroup, LeftMember, SyncAnswer};
use super::commit::{Committer, is_metadata_too_long};
use super::coordinator::{Active, Extent, GroupCoordinator, Phase};
use super::fetch_offsets::{self, AskedTopic, TopicRef};
use super::join::Joiner;
use super::leave::Leaver;
use super::list::ListFilter;
use super::names::{GenerationId, GroupId, MemberId, TopicName};
use super::records::{CommittedOffset, Record};
use super::state::Group;
use super::step::Then;
use super::sync::Syncer;
use super::topics::Topics;
use super::{delete, describe};
use crate::coordinator::Ticket;
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use crate::limits;
use crate::rng::Purpose;
use crate::time::Now;
use alloc::format;
use alloc::string::String;
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
    /// JoinGroup. Answered once the others have joined, too.
    pub fn join(&mut self, now: Now, group: &str, joiner: &Joiner<'_>) {
        let ticket = joiner.ticket;
        let refused = |error, member: &str| Answer::Join(JoinAnswer::refused(error, member));
        if group.is_empty() || is_too_long(group) {
            return self.answer(ticket, refused(ErrorCode::InvalidGroupId, joiner.member));
        }
        if joiner.names().any(is_too_long) {
            return self.answer(ticket, refused(ErrorCode::InvalidRequest, ""));
        }
        let session_timeouts = self.settings.session_timeout_min_ms..=self.settings.session_timeout_max_ms;
        if !session_timeouts.contains(&joiner.session_timeout_ms) {
            return self.answer(ticket, refused(ErrorCode::InvalidSessionTimeout, joiner.member));
        }
        let Some(active) = self.active_or(ticket, |error| refused(error, "")) else { return };
        let id = active.group_id(group);
        let recorded = active.views.appended();
        if !recorded.contains(group) {
            if !joiner.member.is_empty() {
                let answer = refused(ErrorCode::UnknownMemberId, joiner.member);
                return self.answer_when_committed(alloc::vec![(ticket, answer)]);
            }
            if recorded.groups_count() >= limits::GROUPS_MAX {
                return self.answer(ticket, refused(ErrorCode::CoordinatorNotAvailable, ""));
            }
        }
        let bytes: usize = joiner.protocols.iter().map(|(name, metadata)| name.len() + metadata.len()).sum();
        if active.members_bytes.saturating_add(bytes) > self.settings.members_bytes_max {
            return self.answer(ticket, refused(ErrorCode::GroupMaxSizeReached, ""));
        }
        let new_id = self.draw_member_id(&id, joiner);
        self.in_group(now, &id, |group, step| group.join(joiner, new_id, step));
    }

    /// SyncGroup. Answered once the leader's assignment is committed.
    pub fn sync(&mut self, now: Now, group: &str, syncer: Syncer<'_>) {
        let ticket = syncer.ticket;
        let refused = |error| Answer::Sync(SyncAnswer::refused(error));
        if group.is_empty() {
            return self.answer(ticket, refused(ErrorCode::InvalidGroupId));
        }
        let Some(active) = self.active_or(ticket, refused) else { return };
        let id = active.group_id(group);
        if !active.views.appended().contains(group) {
            return self.answer_when_committed(alloc::vec![(ticket, refused(ErrorCode::UnknownMemberId))]);
        }
        self.in_group(now, &id, |group, step| group.sync(syncer, step));
    }

    /// Heartbeat.
    pub fn heartbeat(
        &mut self,
        now: Now,
        ticket: Ticket,
        group: &str,
        member: &str,
        instance: Option<&str>,
        generation: GenerationId,
    ) {
        if group.is_empty() {
            return self.answer(ticket, Answer::Heartbeat(ErrorCode::InvalidGroupId));
        }
        // While the partition is read nobody can tell whether the member is one: its session is renewed in any case.
        let while_loading = |error| match error {
            ErrorCode::CoordinatorLoadInProgress => Answer::Heartbeat(ErrorCode::None),
            error => Answer::Heartbeat(error),
        };
        let Some(active) = self.active_or(ticket, while_loading) else { return };
        let id = active.group_id(group);
        if !active.views.appended().contains(group) {
            return self.answer_when_committed(alloc::vec![(ticket, Answer::Heartbeat(ErrorCode::UnknownMemberId))]);
        }
        self.in_group(now, &id, |group, step| {
            let error = group.heartbeat(member, instance, generation, step);
            step.answer(ticket, Answer::Heartbeat(error));
        });
    }

    /// LeaveGroup.
    pub fn leave(&mut self, now: Now, ticket: Ticket, group: &str, leavers: &[Leaver<'_>]) {
        let refused = |error| Answer::Leave(LeaveAnswer { error, members: Vec::new() });
        if group.is_empty() {
            return self.answer(ticket, refused(ErrorCode::InvalidGroupId));
        }
        let Some(active) = self.active_or(ticket, refused) else { return };
        let id = active.group_id(group);
        if !active.views.appended().contains(group) {
            let unknown = |leaver: &Leaver<'_>| LeftMember {
                member: leaver.member.into(),
                instance: leaver.instance.map(Into::into),
                error: ErrorCode::UnknownMemberId,
            };
            let members = leavers.iter().map(unknown).collect();
            let answer = Answer::Leave(LeaveAnswer { error: ErrorCode::None, members });
            return self.answer_when_committed(alloc::vec![(ticket, answer)]);
        }
        self.in_group(now, &id, |group, step| {
            let members = group.leave(leavers, step);
            step.answer(ticket, Answer::Leave(LeaveAnswer { error: ErrorCode::None, members }));
        });
    }

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
        let answer_with =
            |of_found: Vec<CommitTopic>| Answer::CommitOffsets(unknown.iter().cloned().chain(of_found).collect());
        let refused = |error| answer_with(found.iter().map(|topic| topic.answer(|_| error)).collect());
        if found.is_empty() {
            return self.answer(ticket, refused(ErrorCode::None));
        }
        if is_too_long(group) {
            return self.answer(ticket, refused(ErrorCode::InvalidGroupId));
        }
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
            return self.answer_when_committed(alloc::vec![(ticket, refused(error))]);
        }
        let room = limits::GROUP_OFFSETS_MAX.saturating_sub(recorded.offsets_count(group));
        let max = self.settings.offset_metadata_max;
        let expire_timestamp = (retention_ms >= 0).then(|| Timestamp(now.wall.0.saturating_add(retention_ms)));
        let mut records = Vec::new();
        let mut answer = Vec::new();
        for topic in &found {
            answer.push(topic.answer(|offset| {
                if is_metadata_too_long(offset.metadata, max) {
                    ErrorCode::OffsetMetadataTooLarge
                } else if records.len() >= room {
                    ErrorCode::InvalidCommitOffsetSize
                } else {
                    records.push(offset.record(&id, &topic.name, topic.id, now.wall, expire_timestamp));
                    ErrorCode::None
                }
            }));
        }
        let answers = alloc::vec![(ticket, answer_with(answer))];
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

    /// OffsetFetch for one group: what is asked, or all (`None`). With `require_stable` commits under way are waited for.
    /// With `by_id`, topics are named by their ids.
    pub fn fetch_offsets(
        &mut self,
        ticket: Ticket,
        group: &str,
        asked: Option<&[AskedTopic<'_>]>,
        by_id: bool,
        require_stable: bool,
        topics: &Topics,
    ) {
        let refused = |error| Answer::FetchOffsets(fetch_offsets::refused(group, asked, error));
        let Some(active) = self.active_or(ticket, refused) else { return };
        let recorded = if require_stable { active.views.appended() } else { active.views.committed() };
        let fetched = match asked {
            Some(asked) => fetch_offsets::some(recorded, group, asked, topics),
            None => fetch_offsets::all(recorded, group, by_id, topics),
        };
        let answer = Answer::FetchOffsets(fetched);
        if require_stable {
            self.answer_when_committed(alloc::vec![(ticket, answer)]);
        } else {
            self.answer(ticket, answer);
        }
    }

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
        let of_topic = |(topic, partitions): &(&str, Vec<PartitionIndex>), error| {
            (TopicName::from(*topic), partitions.iter().map(|partition| (*partition, error)).collect::<Vec<_>>())
        };
        let (found, unknown): (Vec<_>, Vec<_>) = asked.iter().partition(|(topic, _)| topics.id(topic).is_some());
        let mut answer: Vec<_> =
            unknown.into_iter().map(|asked| of_topic(asked, ErrorCode::UnknownTopicOrPartition)).collect();
        if found.is_empty() {
            let answer = DeleteOffsetsAnswer { error: ErrorCode::None, topics: answer };
            return self.answer(ticket, Answer::DeleteOffsets(answer));
        }
        if group.is_empty() {
            return self.answer(ticket, refused(ErrorCode::InvalidGroupId));
        }
        let Some(active) = self.active_or(ticket, refused) else { return };
        let recorded = active.views.appended();
        let Some(id) = recorded.id(group).cloned() else {
            return self.answer_when_committed(alloc::vec![(ticket, refused(ErrorCode::GroupIdNotFound))]);
        };
        let subscribed = active.with_group(&id, |group| {
            group.may_lose_offsets()?;
            Ok(found.iter().map(|(topic, _)| group.is_subscribed_to(topic)).collect::<Vec<_>>())
        });
        let subscribed = match subscribed {
            Ok(subscribed) => subscribed,
            Err(error) => return self.answer_when_committed(alloc::vec![(ticket, refused(error))]),
        };
        let mut records = Vec::new();
        for (asked, is_subscribed) in found.into_iter().zip(subscribed) {
            if is_subscribed {
                answer.push(of_topic(asked, ErrorCode::GroupSubscribedToTopic));
                continue;
            }
            answer.push(of_topic(asked, ErrorCode::None));
            let (topic, partitions) = asked;
            let there = partitions.iter().filter(|partition| recorded.offset(group, topic, **partition).is_some());
            let name = TopicName::from(*topic);
            records.extend(there.map(|partition| delete::offset_tombstone(&id, &name, *partition)));
        }
        let answer = Answer::DeleteOffsets(DeleteOffsetsAnswer { error: ErrorCode::None, topics: answer });
        let answers = alloc::vec![(ticket, answer)];
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
                        records.extend(delete::group_tombstones(recorded, id));
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
        let answers = alloc::vec![(ticket, Answer::DeleteGroups(results))];
        if records.is_empty() {
            self.answer_when_committed(answers);
        } else {
            self.append(now, None, records, Extent::Divisible, answers, Then::Nothing);
        }
    }

    /// DescribeGroups, for groups of this coordinator.
    pub fn describe_groups(&mut self, ticket: Ticket, groups: &[&str], api_version: i16) {
        let refused = |error| {
            Answer::DescribeGroups(groups.iter().map(|id| DescribedGroup::failed((*id).into(), error)).collect())
        };
        let Some(active) = self.active_or(ticket, refused) else { return };
        let committed = active.views.committed();
        let described = groups.iter().map(|id| describe::describe(committed, active.groups.get(*id), id, api_version));
        let answer = Answer::DescribeGroups(described.collect());
        self.answer(ticket, answer);
    }

    /// ListGroups, for groups of this coordinator. One that is not served any more has none.
    pub fn list_groups(&mut self, ticket: Ticket, filter: &ListFilter) {
        let refused = |error| {
            let error = if error == ErrorCode::NotCoordinator { ErrorCode::None } else { error };
            Answer::ListGroups(ListAnswer { error, groups: Vec::new() })
        };
        let Some(active) = self.active_or(ticket, refused) else { return };
        let groups = active.views.committed().groups();
        let listed = groups.filter_map(|(id, record)| filter.list(id, record, active.groups.get(id))).collect();
        self.answer(ticket, Answer::ListGroups(ListAnswer { error: ErrorCode::None, groups: listed }));
    }

    /// What a coordinator that serves knows; one that does not refuses the request.
    fn active_or(&mut self, ticket: Ticket, refused: impl FnOnce(ErrorCode) -> Answer) -> Option<&Active> {
        let error = match &self.phase {
            Phase::Active(_) => None,
            Phase::Loading(_) => Some(ErrorCode::CoordinatorLoadInProgress),
            Phase::Failed => Some(ErrorCode::NotCoordinator),
        };
        if let Some(error) = error {
            self.answer(ticket, refused(error));
        }
        match &self.phase {
            Phase::Active(active) => Some(active),
            Phase::Loading(_) | Phase::Failed => None,
        }
    }

    /// An id for a new member: its instance id or its client's name, and what makes it unique.
    fn draw_member_id(&mut self, group: &GroupId, joiner: &Joiner<'_>) -> MemberId {
        let counter = match &mut self.phase {
            Phase::Active(active) => {
                active.members_drawn += 1;
                active.members_drawn
            }
            Phase::Loading(_) | Phase::Failed => 0,
        };
        let uuid = self.seed.uuid(Purpose::MemberId, group.as_bytes(), counter);
        MemberId::from(format!("{}-{}", joiner.instance.unwrap_or(&joiner.client_id), hyphenated(uuid)))
    }
}

impl Active {
    /// The id of a group, without a copy where it is known.
    fn group_id(&self, group: &str) -> GroupId {
        self.views.appended().id(group).cloned().unwrap_or_else(|| group.into())
    }

    /// Looks at a group as its members see it.
    fn with_group<T>(&self, id: &GroupId, look: impl FnOnce(&Group) -> T) -> T {
        match self.groups.get(id) {
            Some(group) => look(group),
            None => look(&Group::from_record(self.views.appended().metadata(id).map(|metadata| &**metadata))),
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

/// A topic of a commit that is there.
struct FoundTopic<'a> {
    name: TopicName,
    id: TopicId,
    asked: &'a TopicToCommit<'a>,
}

impl FoundTopic<'_> {
    /// What is answered for it, partition by partition.
    fn answer(&self, error: impl FnMut(&OffsetToCommit<'_>) -> ErrorCode) -> CommitTopic {
        self.asked.answer(self.name.clone(), error)
    }
}

impl TopicToCommit<'_> {
    fn answer(&self, name: TopicName, mut error: impl FnMut(&OffsetToCommit<'_>) -> ErrorCode) -> CommitTopic {
        let partitions = self.partitions.iter().map(|offset| (offset.partition, error(offset)));
        CommitTopic { name, id: self.topic.id(), partitions: partitions.collect() }
    }
}

/// The topics that are there, and the answers for those that are not.
fn resolve<'a>(to_commit: &'a [TopicToCommit<'a>], topics: &Topics) -> (Vec<FoundTopic<'a>>, Vec<CommitTopic>) {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for asked in to_commit {
        match asked.topic.resolve(topics) {
            Ok((name, id)) => found.push(FoundTopic { name, id, asked }),
            Err(error) => unknown.push(asked.answer(asked.topic.name(), |_| error)),
        }
    }
    (found, unknown)
}

/// Whether a name is longer than a record can hold.
fn is_too_long(name: &str) -> bool {
    name.len() > limits::GROUP_NAME_BYTES_MAX
}

fn deleted(group: &str, error: ErrorCode) -> DeletedGroup {
    let message: Option<String> = match error {
        ErrorCode::GroupIdNotFound => Some(format!("Group {group} not found.")),
        ErrorCode::NonEmptyGroup => Some(format!("Group {group} is not empty.")),
        _ => None,
    };
    DeletedGroup { group: group.into(), error, message }
}

/// A UUID as text, as RFC 9562 writes it.
fn hyphenated(uuid: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_javas() {
        let uuid = [0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3, 0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x0f];
        assert_eq!(hyphenated(uuid), "123e4567-e89b-12d3-a456-42661417400f");
    }
}
