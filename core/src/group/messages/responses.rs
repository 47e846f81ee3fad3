//! From a coordinator's answers to response messages, for a version. They borrow from the answers.

use super::{MANY_GROUPS_FROM, group_id, text, topic_name, uuid};
use crate::group::answer::{
    CommitTopic, DeleteOffsetsAnswer, DeletedGroup, DescribedGroup, FetchedGroup, FetchedOffset, JoinAnswer,
    LeaveAnswer, ListAnswer, SyncAnswer,
};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::delete_groups_response::{DeletableGroupResult, DeleteGroupsResponse};
use grete_protocol::messages::describe_groups_response::{
    DescribeGroupsResponse, DescribedGroup as GroupMessage, DescribedGroupMember,
};
use grete_protocol::messages::heartbeat_response::HeartbeatResponse;
use grete_protocol::messages::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};
use grete_protocol::messages::leave_group_response::{LeaveGroupResponse, MemberResponse};
use grete_protocol::messages::list_groups_response::{ListGroupsResponse, ListedGroup};
use grete_protocol::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use grete_protocol::messages::offset_delete_response::{
    OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use grete_protocol::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use grete_protocol::messages::sync_group_response::SyncGroupResponse;

/// The first version of JoinGroup whose answer may name no strategy.
const JOIN_NULL_PROTOCOL_FROM: i16 = 7;

/// The first version of LeaveGroup whose answer tells members apart.
const LEAVE_MANY_FROM: i16 = 3;

/// The first version of OffsetFetch whose answer has an error for a whole group.
const FETCH_GROUP_ERROR_FROM: i16 = 2;

/// What may be done to a group, as bits by Kafka's numbers of operations: read, delete, describe, describe and alter its
/// configuration.
pub const GROUP_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

/// A JoinGroup response.
#[must_use]
pub fn join_group(answer: &JoinAnswer, api_version: i16) -> JoinGroupResponse<'_> {
    let members = answer.members.iter().map(|member| JoinGroupResponseMember {
        member_id: text(&member.member),
        group_instance_id: member.instance.as_deref().map(text),
        metadata: Cow::Borrowed(&member.metadata),
        ..JoinGroupResponseMember::default()
    });
    // As in Kafka, a strategy without a name and none at all look alike: empty before there was null, null since then.
    let no_protocol = if api_version < JOIN_NULL_PROTOCOL_FROM { Some(text("")) } else { None };
    let protocol = answer.protocol_name.as_deref().filter(|name| !name.is_empty());
    JoinGroupResponse {
        error_code: answer.error.code(),
        generation_id: answer.generation.0,
        protocol_type: answer.protocol_type.as_deref().map(text),
        protocol_name: protocol.map(text).or(no_protocol),
        leader: text(&answer.leader),
        skip_assignment: answer.skip_assignment,
        member_id: text(&answer.member),
        members: members.collect(),
        ..JoinGroupResponse::default()
    }
}

/// A SyncGroup response.
#[must_use]
pub fn sync_group(answer: &SyncAnswer) -> SyncGroupResponse<'_> {
    SyncGroupResponse {
        error_code: answer.error.code(),
        protocol_type: answer.protocol_type.as_deref().map(text),
        protocol_name: answer.protocol_name.as_deref().map(text),
        assignment: Cow::Borrowed(&answer.assignment),
        ..SyncGroupResponse::default()
    }
}

/// A Heartbeat response.
#[must_use]
pub fn heartbeat(error: ErrorCode) -> HeartbeatResponse {
    HeartbeatResponse { error_code: error.code(), ..HeartbeatResponse::default() }
}

/// A LeaveGroup response. Up to version 2 the error of the only member is that of the request.
#[must_use]
pub fn leave_group(answer: &LeaveAnswer, api_version: i16) -> LeaveGroupResponse<'_> {
    if api_version < LEAVE_MANY_FROM {
        let of_member = answer.members.first().map_or(ErrorCode::None, |member| member.error);
        let error = if answer.error.is_error() { answer.error } else { of_member };
        return LeaveGroupResponse { error_code: error.code(), ..LeaveGroupResponse::default() };
    }
    let members = answer.members.iter().map(|member| MemberResponse {
        member_id: text(&member.member),
        group_instance_id: member.instance.as_deref().map(text),
        error_code: member.error.code(),
        ..MemberResponse::default()
    });
    LeaveGroupResponse { error_code: answer.error.code(), members: members.collect(), ..LeaveGroupResponse::default() }
}

/// An OffsetCommit response.
#[must_use]
pub fn offset_commit(topics: &[CommitTopic]) -> OffsetCommitResponse<'_> {
    let topics = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|(partition, error)| OffsetCommitResponsePartition {
            partition_index: partition.0,
            error_code: error.code(),
            ..OffsetCommitResponsePartition::default()
        });
        OffsetCommitResponseTopic {
            name: topic_name(&topic.name),
            topic_id: uuid(topic.id),
            partitions: partitions.collect(),
            ..OffsetCommitResponseTopic::default()
        }
    });
    OffsetCommitResponse { topics: topics.collect(), ..OffsetCommitResponse::default() }
}

/// An OffsetFetch response, for what each group's coordinator answered. Up to version 7 there is one group.
#[must_use]
pub fn offset_fetch(groups: &[FetchedGroup], api_version: i16) -> OffsetFetchResponse<'_> {
    if api_version >= MANY_GROUPS_FROM {
        let groups = groups.iter().map(fetched_group).collect();
        return OffsetFetchResponse { groups, ..OffsetFetchResponse::default() };
    }
    let Some(group) = groups.first() else { return OffsetFetchResponse::default() };
    // Version 1 has no place for the error but with each partition.
    let shows_topics = !group.error.is_error() || api_version < FETCH_GROUP_ERROR_FROM;
    let topics = group.topics.iter().filter(|_| shows_topics).map(|topic| {
        let partitions = topic.partitions.iter().map(|offset| OffsetFetchResponsePartition {
            partition_index: offset.partition.0,
            committed_offset: offset.offset.0,
            committed_leader_epoch: offset.leader_epoch.0,
            metadata: Some(text(&offset.metadata)),
            error_code: offset.error.code(),
            ..OffsetFetchResponsePartition::default()
        });
        OffsetFetchResponseTopic {
            name: topic_name(&topic.name),
            partitions: partitions.collect(),
            ..OffsetFetchResponseTopic::default()
        }
    });
    OffsetFetchResponse { topics: topics.collect(), error_code: group.error.code(), ..OffsetFetchResponse::default() }
}

fn fetched_group(group: &FetchedGroup) -> OffsetFetchResponseGroup<'_> {
    let topics = group.topics.iter().filter(|_| !group.error.is_error()).map(|topic| OffsetFetchResponseTopics {
        name: topic_name(&topic.name),
        topic_id: uuid(topic.id),
        partitions: topic.partitions.iter().map(fetched_offset).collect(),
        ..OffsetFetchResponseTopics::default()
    });
    OffsetFetchResponseGroup {
        group_id: group_id(&group.group),
        topics: topics.collect(),
        error_code: group.error.code(),
        ..OffsetFetchResponseGroup::default()
    }
}

fn fetched_offset(offset: &FetchedOffset) -> OffsetFetchResponsePartitions<'_> {
    OffsetFetchResponsePartitions {
        partition_index: offset.partition.0,
        committed_offset: offset.offset.0,
        committed_leader_epoch: offset.leader_epoch.0,
        metadata: Some(text(&offset.metadata)),
        error_code: offset.error.code(),
        ..OffsetFetchResponsePartitions::default()
    }
}

/// An OffsetDelete response.
#[must_use]
pub fn offset_delete(answer: &DeleteOffsetsAnswer) -> OffsetDeleteResponse<'_> {
    let topics = answer.topics.iter().map(|(name, partitions)| {
        let partitions = partitions.iter().map(|(partition, error)| OffsetDeleteResponsePartition {
            partition_index: partition.0,
            error_code: error.code(),
        });
        OffsetDeleteResponseTopic { name: topic_name(name), partitions: partitions.collect() }
    });
    OffsetDeleteResponse {
        error_code: answer.error.code(),
        topics: topics.collect(),
        ..OffsetDeleteResponse::default()
    }
}

/// A DeleteGroups response, for what each group's coordinator answered.
#[must_use]
pub fn delete_groups(groups: &[DeletedGroup]) -> DeleteGroupsResponse<'_> {
    let results = groups.iter().map(|group| DeletableGroupResult {
        group_id: group_id(&group.group),
        error_code: group.error.code(),
        error_message: group.message.as_deref().map(text),
        ..DeletableGroupResult::default()
    });
    DeleteGroupsResponse { results: results.collect(), ..DeleteGroupsResponse::default() }
}

/// A DescribeGroups response, for what each group's coordinator answered. The operations are those that the client may
/// carry out on each group, where it asked for them (from version 3 on): without an authorizer, [`GROUP_OPERATIONS`].
#[must_use]
pub fn describe_groups(groups: &[DescribedGroup], operations: Option<i32>) -> DescribeGroupsResponse<'_> {
    let groups = groups.iter().map(|group| {
        let described = GroupMessage {
            error_code: group.error.code(),
            error_message: group.message.as_deref().map(text),
            group_id: group_id(&group.group),
            group_state: text(group.state),
            protocol_type: text(&group.protocol_type),
            protocol_data: text(&group.protocol),
            members: described_members(group),
            ..GroupMessage::default()
        };
        match operations {
            Some(authorized_operations) if !group.error.is_error() => {
                GroupMessage { authorized_operations, ..described }
            }
            Some(_) | None => described,
        }
    });
    DescribeGroupsResponse { groups: groups.collect(), ..DescribeGroupsResponse::default() }
}

fn described_members(group: &DescribedGroup) -> Vec<DescribedGroupMember<'_>> {
    let members = group.members.iter().map(|member| DescribedGroupMember {
        member_id: text(&member.member),
        group_instance_id: member.instance.as_deref().map(text),
        client_id: text(&member.client_id),
        client_host: text(&member.client_host),
        member_metadata: Cow::Borrowed(&member.metadata),
        member_assignment: Cow::Borrowed(&member.assignment),
        ..DescribedGroupMember::default()
    });
    members.collect()
}

/// A ListGroups response, for what all coordinators answered. An error of any is that of the request.
#[must_use]
pub fn list_groups(answers: &[ListAnswer]) -> ListGroupsResponse<'_> {
    if let Some(failed) = answers.iter().find(|answer| answer.error.is_error()) {
        return ListGroupsResponse { error_code: failed.error.code(), ..ListGroupsResponse::default() };
    }
    let groups = answers.iter().flat_map(|answer| &answer.groups).map(|group| ListedGroup {
        group_id: group_id(&group.group),
        protocol_type: text(&group.protocol_type),
        group_state: text(group.state),
        group_type: text(group.kind),
        ..ListedGroup::default()
    });
    ListGroupsResponse { groups: groups.collect(), ..ListGroupsResponse::default() }
}
