//! The records of a group coordinator: what each means. [`codec`](super::codec) has their bytes.

use super::member::{Member, Roster};
use super::names::{GenerationId, GroupId, InstanceId, MemberId, ProtocolName, TopicName};
use super::state::Group;
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// A record: a key with its newest value, or with none (a tombstone).
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// `OffsetCommit`.
    Offset {
        /// The group.
        group: GroupId,
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionIndex,
        /// The offset; none where it was deleted or has expired.
        value: Option<CommittedOffset>,
    },
    /// `GroupMetadata`.
    Group {
        /// The group.
        group: GroupId,
        /// Its newest generation; none where it was deleted.
        value: Option<Arc<GroupMetadata>>,
    },
}

/// The position of a group in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the record before it; -1 where the client did not say.
    pub leader_epoch: LeaderEpoch,
    /// What the client stored with it.
    pub metadata: Arc<str>,
    /// When it was committed.
    pub commit_timestamp: Timestamp,
    /// When it expires, where the client said so (OffsetCommit v2 to v4).
    pub expire_timestamp: Option<Timestamp>,
    /// The topic's id when it was committed; zero in records that do not have it. An offset of an older topic of the same
    /// name is none.
    pub topic_id: TopicId,
}

/// A generation of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// What its members use it for; none where it has had no members.
    pub protocol_type: Option<Arc<str>>,
    /// The generation.
    pub generation: GenerationId,
    /// The strategy of the generation; none where it has no members.
    pub protocol_name: Option<ProtocolName>,
    /// The member that made the assignment.
    pub leader: Option<MemberId>,
    /// When the group came into its state; -1 in old records.
    pub current_state_timestamp: Timestamp,
    /// The members with their assignments.
    pub members: Vec<MemberRecord>,
}

/// A member of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRecord {
    /// Its id.
    pub member: MemberId,
    /// Its instance id, of a static member.
    pub instance: Option<InstanceId>,
    /// The name that its client gave itself.
    pub client_id: Arc<str>,
    /// The address of its client.
    pub client_host: Arc<str>,
    /// How long a rebalance waits for it.
    pub rebalance_timeout_ms: i32,
    /// How long it may stay silent.
    pub session_timeout_ms: i32,
    /// Its metadata for the strategy of the generation.
    pub subscription: Bytes,
    /// What the leader assigned to it.
    pub assignment: Bytes,
}

impl GroupMetadata {
    /// A generation without members.
    #[must_use]
    pub const fn empty(generation: GenerationId, protocol_type: Option<Arc<str>>, now: Timestamp) -> Self {
        Self {
            protocol_type,
            generation,
            protocol_name: None,
            leader: None,
            current_state_timestamp: now,
            members: Vec::new(),
        }
    }

    /// The current generation of `group`, whose members are assigned what `assignment` says.
    #[must_use]
    pub fn of(
        group: &Group,
        roster: &Roster,
        protocol: &ProtocolName,
        assignment: impl Fn(&MemberId) -> Bytes,
    ) -> Self {
        let members = roster.iter().map(|(id, member)| MemberRecord::of(id, member, protocol, assignment(id)));
        Self {
            protocol_type: group.protocol_type.clone(),
            generation: group.generation,
            protocol_name: Some(protocol.clone()),
            leader: roster.leader().cloned(),
            current_state_timestamp: group.since,
            members: members.collect(),
        }
    }
}

impl MemberRecord {
    fn of(id: &MemberId, member: &Member, protocol: &ProtocolName, assignment: Bytes) -> Self {
        Self {
            member: id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            subscription: member.metadata(protocol),
            assignment,
        }
    }
}
