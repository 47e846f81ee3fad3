//! What a member of a group asks for.

use super::operations::{OFFSET_COMMIT_VERSION, code, commit_request, text, topic_name, wrong};
use super::{CallError, Client};
use crate::drive::Drive;
use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, GroupId, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest,
    OffsetDeleteRequest, SyncGroupRequest,
};

const JOIN_VERSION: i16 = 9;
const SYNC_VERSION: i16 = 5;
const HEARTBEAT_VERSION: i16 = 4;
const LEAVE_VERSION: i16 = 5;
const DELETE_GROUPS_VERSION: i16 = 2;
const DESCRIBE_GROUPS_VERSION: i16 = 5;
const OFFSET_DELETE_VERSION: i16 = 0;
const MEMBER_ID_REQUIRED: i16 = 79;
/// As long as Kafka allows by default: a run that is about something else sees no session end.
const SESSION_TIMEOUT_MS: i32 = 1_800_000;

/// A member with its generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// The generation in which it has its assignment.
    pub generation: i32,
}

/// Joins a group as its only member, again where it is one, and takes its assignment.
///
/// # Errors
/// The first code that says no, or why there is no answer.
pub fn join(
    drive: &mut impl Drive,
    client: &mut Client,
    group: &str,
    member: Option<&Member>,
) -> Result<Member, CallError> {
    let mut id = member.map_or(String::new(), |member| member.id.clone());
    let joined = loop {
        let protocol = JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(Bytes::new());
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_session_timeout_ms(SESSION_TIMEOUT_MS)
            .with_rebalance_timeout_ms(60_000)
            .with_member_id(text(&id))
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol]);
        let response = client.call(drive, &request, JOIN_VERSION)?;
        if response.error_code == MEMBER_ID_REQUIRED && id.is_empty() {
            id = response.member_id.to_string();
            continue;
        }
        code(response.error_code)?;
        break response;
    };
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(joined.member_id.clone())
        .with_assignment(Bytes::from_static(b"all of it"));
    let request = SyncGroupRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_protocol_type(Some(text("consumer")))
        .with_protocol_name(Some(text("range")))
        .with_assignments(vec![assignment]);
    let response = client.call(drive, &request, SYNC_VERSION)?;
    code(response.error_code)?;
    match &response.assignment[..] {
        b"all of it" => Ok(Member { id: joined.member_id.to_string(), generation: joined.generation_id }),
        other => Err(wrong(&format!("an assignment that nobody made: {}", other.escape_ascii()))),
    }
}

/// Gives a sign of life.
///
/// # Errors
/// The code that says no, or why there is no answer.
pub fn heartbeat(drive: &mut impl Drive, client: &mut Client, group: &str, member: &Member) -> Result<(), CallError> {
    let request = HeartbeatRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_generation_id(member.generation)
        .with_member_id(text(&member.id));
    code(client.call(drive, &request, HEARTBEAT_VERSION)?.error_code)
}

/// Leaves the group.
///
/// # Errors
/// The code that says no, or why there is no answer.
pub fn leave(drive: &mut impl Drive, client: &mut Client, group: &str, member: &Member) -> Result<(), CallError> {
    let identity = MemberIdentity::default().with_member_id(text(&member.id));
    let request = LeaveGroupRequest::default().with_group_id(GroupId(text(group))).with_members(vec![identity]);
    let response = client.call(drive, &request, LEAVE_VERSION)?;
    code(response.error_code)?;
    code(response.members.first().ok_or_else(|| wrong("no member"))?.error_code)
}

/// Commits an offset, by a member or, where there is none, from outside.
///
/// # Errors
/// The partition's code, or why there is no answer.
pub fn commit(
    drive: &mut impl Drive,
    client: &mut Client,
    group: &str,
    member: Option<&Member>,
    (topic, partition): (&str, i32),
    offset: i64,
) -> Result<(), CallError> {
    let request = commit_request(group, topic, partition, offset)
        .with_generation_id_or_member_epoch(member.map_or(-1, |member| member.generation))
        .with_member_id(text(member.map_or("", |member| &member.id)));
    let response = client.call(drive, &request, OFFSET_COMMIT_VERSION)?;
    let answer = response.topics.first().and_then(|topic| topic.partitions.first());
    code(answer.ok_or_else(|| wrong("no partition"))?.error_code)
}

/// Deletes a group that has no members.
///
/// # Errors
/// The group's code, or why there is no answer.
pub fn delete(drive: &mut impl Drive, client: &mut Client, group: &str) -> Result<(), CallError> {
    let request = DeleteGroupsRequest::default().with_groups_names(vec![GroupId(text(group))]);
    let response = client.call(drive, &request, DELETE_GROUPS_VERSION)?;
    code(response.results.first().ok_or_else(|| wrong("no group"))?.error_code)
}

/// Deletes the offset that a group has committed.
///
/// # Errors
/// The group's code or the partition's, or why there is no answer.
pub fn delete_offset(
    drive: &mut impl Drive,
    client: &mut Client,
    group: &str,
    topic: &str,
    partition: i32,
) -> Result<(), CallError> {
    let partition = OffsetDeleteRequestPartition::default().with_partition_index(partition);
    let topic = OffsetDeleteRequestTopic::default().with_name(topic_name(topic)).with_partitions(vec![partition]);
    let request = OffsetDeleteRequest::default().with_group_id(GroupId(text(group))).with_topics(vec![topic]);
    let response = client.call(drive, &request, OFFSET_DELETE_VERSION)?;
    code(response.error_code)?;
    let answer = response.topics.first().and_then(|topic| topic.partitions.first());
    code(answer.ok_or_else(|| wrong("no partition"))?.error_code)
}

/// The state of a group; `Dead` where there is none.
///
/// # Errors
/// The group's code, or why there is no answer.
pub fn state(drive: &mut impl Drive, client: &mut Client, group: &str) -> Result<String, CallError> {
    let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text(group))]);
    let response = client.call(drive, &request, DESCRIBE_GROUPS_VERSION)?;
    let group = response.groups.first().ok_or_else(|| wrong("no group"))?;
    code(group.error_code)?;
    Ok(group.group_state.to_string())
}
