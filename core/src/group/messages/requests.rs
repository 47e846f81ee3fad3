//! From request messages, whichever their version, to the coordinator's own requests.

use super::{MANY_GROUPS_FROM, TOPIC_IDS_FROM};
use crate::coordinator::RequestContext;
use crate::group::answer::{Answer, SyncAnswer};
use crate::group::commit::{Committer, OffsetToCommit, TopicToCommit};
use crate::group::fetch_offsets::{AskedTopic, TopicRef};
use crate::group::join::Joiner;
use crate::group::leave::Leaver;
use crate::group::list::ListFilter;
use crate::group::names::{GenerationId, MemberId, ProtocolName};
use crate::group::sync::Syncer;
use crate::group::{GroupCoordinator, Topics};
use crate::ids::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use crate::time::Now;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use bytes::Bytes;
use grete_protocol::ErrorCode;
use grete_protocol::messages::heartbeat_request::HeartbeatRequest;
use grete_protocol::messages::join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol};
use grete_protocol::messages::leave_group_request::LeaveGroupRequest;
use grete_protocol::messages::list_groups_request::ListGroupsRequest;
use grete_protocol::messages::offset_commit_request::{OffsetCommitRequest, OffsetCommitRequestTopic};
use grete_protocol::messages::offset_delete_request::OffsetDeleteRequest;
use grete_protocol::messages::offset_fetch_request::OffsetFetchRequest;
use grete_protocol::messages::sync_group_request::SyncGroupRequest;
use grete_protocol::wire::Uuid;

/// The only version of JoinGroup without a rebalance timeout.
const JOIN_WITHOUT_REBALANCE_TIMEOUT: i16 = 0;

/// The first version of SyncGroup in which a client has to say what it takes the group for.
const SYNC_NAMES_PROTOCOL_FROM: i16 = 5;

/// The first version of LeaveGroup for many members.
const LEAVE_MANY_FROM: i16 = 3;

impl GroupCoordinator {
    /// A JoinGroup request.
    pub fn on_join_group(&mut self, now: Now, context: &RequestContext, request: &JoinGroupRequest<'_>) {
        let rebalance_timeout_ms = if context.api_version == JOIN_WITHOUT_REBALANCE_TIMEOUT {
            request.session_timeout_ms
        } else {
            request.rebalance_timeout_ms
        };
        let joiner = Joiner {
            ticket: context.ticket,
            api_version: context.api_version,
            member: &request.member_id,
            instance: request.group_instance_id.as_deref(),
            client_id: context.client_id.clone(),
            client_host: context.client_host.clone(),
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms,
            protocol_type: &request.protocol_type,
            protocols: protocols(&request.protocols),
            reason: request.reason.as_deref().unwrap_or(""),
        };
        self.join(now, &request.group_id, &joiner);
    }

    /// A SyncGroup request.
    pub fn on_sync_group(&mut self, now: Now, context: &RequestContext, request: &SyncGroupRequest<'_>) {
        let (protocol_type, protocol_name) = (request.protocol_type.as_deref(), request.protocol_name.as_deref());
        // KIP-559
        let names_both = protocol_type.is_some() && protocol_name.is_some();
        if context.api_version >= SYNC_NAMES_PROTOCOL_FROM && !names_both {
            let answer = Answer::Sync(SyncAnswer::refused(ErrorCode::InconsistentGroupProtocol));
            self.answer(context.ticket, answer);
            return;
        }
        let assignments = request.assignments.iter();
        let syncer = Syncer {
            ticket: context.ticket,
            member: &request.member_id,
            instance: request.group_instance_id.as_deref(),
            generation: GenerationId(request.generation_id),
            protocol_type,
            protocol_name,
            assignment: assignments
                .map(|assigned| (MemberId::from(&*assigned.member_id), Bytes::copy_from_slice(&assigned.assignment)))
                .collect(),
        };
        self.sync(now, &request.group_id, syncer);
    }

    /// A Heartbeat request.
    pub fn on_heartbeat(&mut self, now: Now, context: &RequestContext, request: &HeartbeatRequest<'_>) {
        let (instance, generation) = (request.group_instance_id.as_deref(), GenerationId(request.generation_id));
        self.heartbeat(now, context.ticket, &request.group_id, &request.member_id, instance, generation);
    }

    /// A LeaveGroup request.
    pub fn on_leave_group(&mut self, now: Now, context: &RequestContext, request: &LeaveGroupRequest<'_>) {
        let leavers: Vec<_> = if context.api_version < LEAVE_MANY_FROM {
            [Leaver { member: &request.member_id, instance: None, reason: "" }].into()
        } else {
            let leavers = request.members.iter().map(|member| Leaver {
                member: &member.member_id,
                instance: member.group_instance_id.as_deref(),
                reason: member.reason.as_deref().unwrap_or(""),
            });
            leavers.collect()
        };
        self.leave(now, context.ticket, &request.group_id, &leavers);
    }

    /// An OffsetCommit request.
    pub fn on_offset_commit(
        &mut self,
        now: Now,
        context: &RequestContext,
        request: &OffsetCommitRequest<'_>,
        topics: &Topics,
    ) {
        let committer = Committer {
            api_version: context.api_version,
            member: &request.member_id,
            instance: request.group_instance_id.as_deref(),
            generation: GenerationId(request.generation_id_or_member_epoch),
        };
        let by_id = context.api_version >= TOPIC_IDS_FROM;
        let to_commit: Vec<_> = request.topics.iter().map(|topic| topic_to_commit(topic, by_id)).collect();
        let retention_ms = request.retention_time_ms;
        self.commit_offsets(now, context.ticket, &request.group_id, committer, retention_ms, &to_commit, topics);
    }

    /// The part of an OffsetFetch request that asks for one group: see [`fetch_groups`].
    pub fn on_offset_fetch(&mut self, context: &RequestContext, group: &FetchGroup<'_>, topics: &Topics) {
        let (asked, by_id) = (group.asked.as_deref(), context.api_version >= TOPIC_IDS_FROM);
        self.fetch_offsets(context.ticket, group.group, asked, by_id, group.require_stable, topics);
    }

    /// An OffsetDelete request.
    pub fn on_offset_delete(
        &mut self,
        now: Now,
        context: &RequestContext,
        request: &OffsetDeleteRequest<'_>,
        topics: &Topics,
    ) {
        let asked = request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|partition| PartitionIndex(partition.partition_index));
            (&*topic.name, partitions.collect())
        });
        let asked: Vec<_> = asked.collect();
        self.delete_offsets(now, context.ticket, &request.group_id, &asked, topics);
    }

    /// A ListGroups request, as far as this coordinator goes.
    pub fn on_list_groups(&mut self, context: &RequestContext, request: &ListGroupsRequest<'_>) {
        let states = request.states_filter.iter().map(|state| &**state);
        let filter = ListFilter::new(states, request.types_filter.iter().map(|kind| &**kind));
        self.list_groups(context.ticket, &filter);
    }
}

/// What an OffsetFetch request asks for of one group.
#[derive(Clone, Debug)]
pub struct FetchGroup<'a> {
    /// The group.
    pub group: &'a str,
    /// The partitions; all where there is no list.
    pub asked: Option<Vec<AskedTopic<'a>>>,
    /// Whether commits under way are to be waited for.
    pub require_stable: bool,
}

/// What an OffsetFetch request asks for, group by group. Each may have another coordinator.
#[must_use]
pub fn fetch_groups<'a>(request: &'a OffsetFetchRequest<'_>, api_version: i16) -> Vec<FetchGroup<'a>> {
    let require_stable = request.require_stable;
    let by_id = api_version >= TOPIC_IDS_FROM;
    if api_version < MANY_GROUPS_FROM {
        let asked = request.topics.as_ref().map(|topics| {
            topics.iter().map(|topic| asked(&topic.name, Uuid::default(), &topic.partition_indexes, false)).collect()
        });
        return [FetchGroup { group: &request.group_id, asked, require_stable }].into();
    }
    let groups = request.groups.iter().map(|group| {
        let asked = group.topics.as_ref().map(|topics| {
            topics.iter().map(|topic| asked(&topic.name, topic.topic_id, &topic.partition_indexes, by_id)).collect()
        });
        FetchGroup { group: &group.group_id, asked, require_stable }
    });
    groups.collect()
}

fn asked<'a>(name: &'a str, id: Uuid, partitions: &[i32], by_id: bool) -> AskedTopic<'a> {
    AskedTopic { topic: topic(name, id, by_id), partitions: partitions.iter().copied().map(PartitionIndex).collect() }
}

const fn topic(name: &str, id: Uuid, by_id: bool) -> TopicRef<'_> {
    if by_id { TopicRef::Id(TopicId(id.0)) } else { TopicRef::Name(name) }
}

/// The strategies of a member. A name that comes twice counts once.
fn protocols(protocols: &[JoinGroupRequestProtocol<'_>]) -> Vec<(ProtocolName, Bytes)> {
    let mut names = BTreeSet::new();
    let first = protocols.iter().filter(|protocol| names.insert(&*protocol.name));
    first.map(|protocol| ((&*protocol.name).into(), Bytes::copy_from_slice(&protocol.metadata))).collect()
}

fn topic_to_commit<'a>(of_topic: &'a OffsetCommitRequestTopic<'_>, by_id: bool) -> TopicToCommit<'a> {
    let partitions = of_topic.partitions.iter().map(|partition| OffsetToCommit {
        partition: PartitionIndex(partition.partition_index),
        offset: Offset(partition.committed_offset),
        leader_epoch: LeaderEpoch(partition.committed_leader_epoch),
        metadata: partition.committed_metadata.as_deref().unwrap_or(""),
    });
    TopicToCommit { topic: topic(&of_topic.name, of_topic.topic_id, by_id), partitions: partitions.collect() }
}
