//! What a coordinator answers: typed, complete and independent of the version that carries it.
//!
//! [`messages`](super::messages) turns these into Kafka's response messages.

use super::names::{GenerationId, GroupId, InstanceId, MemberId, ProtocolName, TopicName};
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::ErrorCode;

/// The answer to a request, or to the part of one that is this coordinator's.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To JoinGroup.
    Join(JoinAnswer),
    /// To SyncGroup.
    Sync(SyncAnswer),
    /// To Heartbeat.
    Heartbeat(ErrorCode),
    /// To LeaveGroup.
    Leave(LeaveAnswer),
    /// To OffsetCommit.
    CommitOffsets(Vec<CommitTopic>),
    /// To OffsetFetch, for one group.
    FetchOffsets(FetchedGroup),
    /// To OffsetDelete.
    DeleteOffsets(DeleteOffsetsAnswer),
    /// To DeleteGroups, for this coordinator's groups.
    DeleteGroups(Vec<DeletedGroup>),
    /// To DescribeGroups, for this coordinator's groups.
    DescribeGroups(Vec<DescribedGroup>),
    /// To ListGroups, for this coordinator's groups.
    ListGroups(ListAnswer),
}

/// The answer to JoinGroup.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinAnswer {
    /// What went wrong.
    pub error: ErrorCode,
    /// The new generation; -1 with an error.
    pub generation: GenerationId,
    /// The type that the members agree on.
    pub protocol_type: Option<Arc<str>>,
    /// The strategy that they voted for.
    pub protocol_name: Option<ProtocolName>,
    /// The member that makes the assignment; empty with an error.
    pub leader: Arc<str>,
    /// Whether the leader keeps the assignment there is (KIP-814).
    pub skip_assignment: bool,
    /// The id of the member that is answered; empty where it has none.
    pub member: Arc<str>,
    /// To the leader: everyone.
    pub members: Vec<JoinedMember>,
}

impl JoinAnswer {
    /// Nothing but an error, to the member with an id, which may be empty.
    #[must_use]
    pub fn refused(error: ErrorCode, member: &str) -> Self {
        Self {
            error,
            generation: GenerationId(-1),
            protocol_type: None,
            protocol_name: None,
            leader: "".into(),
            skip_assignment: false,
            member: member.into(),
            members: Vec::new(),
        }
    }
}

/// A member as its leader sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct JoinedMember {
    /// Its id.
    pub member: MemberId,
    /// Its instance id, of a static member.
    pub instance: Option<InstanceId>,
    /// Its metadata for the strategy that was voted for.
    pub metadata: Bytes,
}

/// The answer to SyncGroup.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncAnswer {
    /// What went wrong.
    pub error: ErrorCode,
    /// The type that the members agree on; none with an error.
    pub protocol_type: Option<Arc<str>>,
    /// The strategy of the generation; none with an error.
    pub protocol_name: Option<ProtocolName>,
    /// What the leader assigned to the member.
    pub assignment: Bytes,
}

impl SyncAnswer {
    /// Nothing but an error.
    #[must_use]
    pub const fn refused(error: ErrorCode) -> Self {
        Self { error, protocol_type: None, protocol_name: None, assignment: Bytes::new() }
    }
}

/// The answer to LeaveGroup.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaveAnswer {
    /// What went wrong with all of it.
    pub error: ErrorCode,
    /// The members that were to leave, in the order asked.
    pub members: Vec<LeftMember>,
}

/// A member that was to leave.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftMember {
    /// Its id as it was asked for; may be empty.
    pub member: Arc<str>,
    /// Its instance id as it was asked for.
    pub instance: Option<Arc<str>>,
    /// What went wrong.
    pub error: ErrorCode,
}

/// The partitions of a topic whose offsets were committed.
#[derive(Clone, Debug, PartialEq)]
pub struct CommitTopic {
    /// The topic's name; empty where only an unknown id was given.
    pub name: TopicName,
    /// The topic's id, where the request named it by that.
    pub id: TopicId,
    /// Each partition and what went wrong with it.
    pub partitions: Vec<(PartitionIndex, ErrorCode)>,
}

/// The offsets of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchedGroup {
    /// The group.
    pub group: Arc<str>,
    /// What went wrong with all of it.
    pub error: ErrorCode,
    /// Its offsets.
    pub topics: Vec<FetchedTopic>,
}

/// The offsets of a group for a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchedTopic {
    /// The topic's name; empty where only an unknown id was given.
    pub name: TopicName,
    /// The topic's id, where it is known.
    pub id: TopicId,
    /// Its partitions.
    pub partitions: Vec<FetchedOffset>,
}

/// The offset of a group for a partition.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchedOffset {
    /// The partition.
    pub partition: PartitionIndex,
    /// What went wrong.
    pub error: ErrorCode,
    /// The next offset to read; -1 where none is committed.
    pub offset: Offset,
    /// The epoch of the record before it; -1 where it was not given.
    pub leader_epoch: LeaderEpoch,
    /// What the client stored with it.
    pub metadata: Arc<str>,
}

impl FetchedOffset {
    /// No offset, for a reason or for none.
    #[must_use]
    pub fn none(partition: PartitionIndex, error: ErrorCode) -> Self {
        Self { partition, error, offset: Offset(-1), leader_epoch: LeaderEpoch(-1), metadata: "".into() }
    }
}

/// The answer to OffsetDelete.
#[derive(Clone, Debug, PartialEq)]
pub struct DeleteOffsetsAnswer {
    /// What went wrong with all of it.
    pub error: ErrorCode,
    /// Each topic with each partition and what went wrong with it.
    pub topics: Vec<(TopicName, Vec<(PartitionIndex, ErrorCode)>)>,
}

/// A group that was to be deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct DeletedGroup {
    /// The group.
    pub group: Arc<str>,
    /// What went wrong.
    pub error: ErrorCode,
    /// What went wrong, for people.
    pub message: Option<String>,
}

/// A group as DescribeGroups shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedGroup {
    /// The group.
    pub group: Arc<str>,
    /// What went wrong.
    pub error: ErrorCode,
    /// What went wrong, for people.
    pub message: Option<String>,
    /// Kafka's name of its state.
    pub state: &'static str,
    /// What its members use it for; empty where it has had none.
    pub protocol_type: Arc<str>,
    /// The strategy of its generation, where it is stable; else empty.
    pub protocol: Arc<str>,
    /// Its members.
    pub members: Vec<DescribedMember>,
}

/// A member as DescribeGroups shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct DescribedMember {
    /// Its id.
    pub member: MemberId,
    /// Its instance id, of a static member.
    pub instance: Option<InstanceId>,
    /// The name that its client gave itself.
    pub client_id: Arc<str>,
    /// The address of its client.
    pub client_host: Arc<str>,
    /// Its metadata for the strategy of the generation, where the group is stable.
    pub metadata: Bytes,
    /// What is assigned to it.
    pub assignment: Bytes,
}

/// The answer to ListGroups.
#[derive(Clone, Debug, PartialEq)]
pub struct ListAnswer {
    /// What went wrong with all of it.
    pub error: ErrorCode,
    /// The groups, by id.
    pub groups: Vec<ListedGroup>,
}

/// A group as ListGroups shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedGroup {
    /// The group.
    pub group: GroupId,
    /// What its members use it for; empty where it has had none.
    pub protocol_type: Arc<str>,
    /// Kafka's name of its state.
    pub state: &'static str,
    /// Kafka's name of its kind: `classic`.
    pub kind: &'static str,
}

impl Answer {
    /// The same answer, had the request failed as a whole with `error` after it was decided.
    #[must_use]
    pub fn failed(self, error: ErrorCode) -> Self {
        match self {
            Self::Join(_) => Self::Join(JoinAnswer::refused(error, "")),
            Self::Sync(_) => Self::Sync(SyncAnswer::refused(error)),
            Self::Heartbeat(_) => Self::Heartbeat(error),
            Self::Leave(_) => Self::Leave(LeaveAnswer { error, members: Vec::new() }),
            Self::CommitOffsets(mut topics) => {
                for (_, partition_error) in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                    // What was refused before stays refused for its own reason, as in Kafka's API layer.
                    if *partition_error == ErrorCode::None {
                        *partition_error = error;
                    }
                }
                Self::CommitOffsets(topics)
            }
            Self::FetchOffsets(mut group) => {
                group.error = error;
                for offset in group.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
                    *offset = FetchedOffset::none(offset.partition, error);
                }
                Self::FetchOffsets(group)
            }
            Self::DeleteOffsets(_) => Self::DeleteOffsets(DeleteOffsetsAnswer { error, topics: Vec::new() }),
            Self::DeleteGroups(mut groups) => {
                for group in groups.iter_mut().filter(|group| group.error == ErrorCode::None) {
                    group.error = error;
                }
                Self::DeleteGroups(groups)
            }
            Self::DescribeGroups(groups) => Self::DescribeGroups(
                groups.into_iter().map(|group| DescribedGroup::failed(group.group, error)).collect(),
            ),
            Self::ListGroups(_) => Self::ListGroups(ListAnswer { error, groups: Vec::new() }),
        }
    }
}

impl DescribedGroup {
    /// Nothing but an error.
    #[must_use]
    pub fn failed(group: Arc<str>, error: ErrorCode) -> Self {
        Self {
            group,
            error,
            message: None,
            state: "",
            protocol_type: "".into(),
            protocol: "".into(),
            members: Vec::new(),
        }
    }
}
