//! Requests about one group: JoinGroup, SyncGroup, Heartbeat, LeaveGroup, OffsetCommit, OffsetDelete.

use super::{GroupCall, Piece, partition_of};
use crate::api::Begun;
use crate::api::front::{Front, Next, Refusal, Request, decoder, encode};
use crate::api::message::Call;
use crate::coordinator::RequestContext;
use crate::group::answer::{CommitTopic, DeleteOffsetsAnswer, JoinAnswer, LeaveAnswer, SyncAnswer};
use crate::group::messages::responses;
use crate::group::{Answer, GroupCoordinator, Topics};
use crate::ids::{PartitionIndex, TopicId};
use crate::time::Now;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::messages::heartbeat_request::HeartbeatRequest;
use grete_protocol::messages::join_group_request::JoinGroupRequest;
use grete_protocol::messages::leave_group_request::LeaveGroupRequest;
use grete_protocol::messages::offset_commit_request::{OffsetCommitRequest, OffsetCommitRequestTopic};
use grete_protocol::messages::offset_delete_request::OffsetDeleteRequest;
use grete_protocol::messages::sync_group_request::SyncGroupRequest;
use grete_protocol::wire::{GroupId, Message};
use grete_protocol::{ApiKey, ErrorCode};

/// A request that its coordinator has.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    request: Request,
}

/// Begins a request about one group.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    let group = group_of(&request)?;
    let Some(partition) = partition_of(front.image, &group) else {
        let answer = refused(&request, ErrorCode::NotCoordinator);
        return Ok((crate::api::Gather::Answered, answer_with(&request, &answer)?));
    };
    let call = GroupCall::new(front, partition, &request, Piece::Whole);
    front.call(partition.shard(front.shards), Call::Group(Box::new(call)));
    // It may wait for as long as a rebalance takes, and holds no frame while it does.
    let gather = Gather { request: request.without_frame() };
    Ok((crate::api::Gather::Group(super::Gather::One(gather)), Next::Wait))
}

impl Gather {
    pub(crate) const fn holds_frame(&self) -> bool {
        self.request.holds_frame()
    }

    pub(super) fn reply(&mut self, answer: Answer) -> Result<Next, Refusal> {
        answer_with(&self.request, &answer)
    }
}

fn group_of(request: &Request) -> Result<String, Refusal> {
    let (body, version) = (request.body(), request.version);
    Ok(match request.api {
        ApiKey::JoinGroup => name(JoinGroupRequest::decode(&mut decoder(body), version)?.group_id),
        ApiKey::SyncGroup => name(SyncGroupRequest::decode(&mut decoder(body), version)?.group_id),
        ApiKey::Heartbeat => name(HeartbeatRequest::decode(&mut decoder(body), version)?.group_id),
        ApiKey::LeaveGroup => name(LeaveGroupRequest::decode(&mut decoder(body), version)?.group_id),
        ApiKey::OffsetCommit => name(OffsetCommitRequest::decode(&mut decoder(body), version)?.group_id),
        ApiKey::OffsetDelete => name(OffsetDeleteRequest::decode(&mut decoder(body), version)?.group_id),
        other => return Err(not_one(other)),
    })
}

fn name(group: GroupId<'_>) -> String {
    group.0.into_owned()
}

pub(super) fn hand_over(
    call: &GroupCall,
    coordinator: &mut GroupCoordinator,
    now: Now,
    context: &RequestContext,
    topics: &Topics,
) -> Result<(), Refusal> {
    let (body, version) = (call.request.body(), call.request.version);
    match call.request.api {
        ApiKey::JoinGroup => {
            coordinator.on_join_group(now, context, &JoinGroupRequest::decode(&mut decoder(body), version)?)
        }
        ApiKey::SyncGroup => {
            coordinator.on_sync_group(now, context, &SyncGroupRequest::decode(&mut decoder(body), version)?)
        }
        ApiKey::Heartbeat => {
            coordinator.on_heartbeat(now, context, &HeartbeatRequest::decode(&mut decoder(body), version)?)
        }
        ApiKey::LeaveGroup => {
            coordinator.on_leave_group(now, context, &LeaveGroupRequest::decode(&mut decoder(body), version)?)
        }
        ApiKey::OffsetCommit => {
            coordinator.on_offset_commit(
                now,
                context,
                &OffsetCommitRequest::decode(&mut decoder(body), version)?,
                topics,
            );
        }
        ApiKey::OffsetDelete => {
            coordinator.on_offset_delete(
                now,
                context,
                &OffsetDeleteRequest::decode(&mut decoder(body), version)?,
                topics,
            );
        }
        other => return Err(not_one(other)),
    }
    Ok(())
}

/// What is answered where the group has no coordinator here.
pub(super) fn refused(request: &Request, error: ErrorCode) -> Answer {
    match request.api {
        ApiKey::JoinGroup => {
            let body = JoinGroupRequest::decode(&mut request.decoder(), request.version);
            Answer::Join(JoinAnswer::refused(error, body.as_ref().map_or("", |body| &body.member_id)))
        }
        ApiKey::SyncGroup => Answer::Sync(SyncAnswer::refused(error)),
        ApiKey::LeaveGroup => Answer::Leave(LeaveAnswer { error, members: Vec::new() }),
        ApiKey::OffsetCommit => {
            let body = OffsetCommitRequest::decode(&mut request.decoder(), request.version);
            Answer::CommitOffsets(body.map(|body| commits_refused(&body, error)).unwrap_or_default())
        }
        ApiKey::OffsetDelete => Answer::DeleteOffsets(DeleteOffsetsAnswer { error, topics: Vec::new() }),
        _ => Answer::Heartbeat(error),
    }
}

fn commits_refused(body: &OffsetCommitRequest<'_>, error: ErrorCode) -> Vec<CommitTopic> {
    let topic = |topic: &OffsetCommitRequestTopic<'_>| CommitTopic {
        name: topic.name.as_str().into(),
        id: TopicId(topic.topic_id.0),
        partitions: topic.partitions.iter().map(|at| (PartitionIndex(at.partition_index), error)).collect(),
    };
    body.topics.iter().map(topic).collect()
}

fn answer_with(request: &Request, answer: &Answer) -> Result<Next, Refusal> {
    let parts = match answer {
        Answer::Join(answer) => encode(request, &responses::join_group(answer, request.version)),
        Answer::Sync(answer) => encode(request, &responses::sync_group(answer)),
        Answer::Heartbeat(error) => encode(request, &responses::heartbeat(*error)),
        Answer::Leave(answer) => encode(request, &responses::leave_group(answer, request.version)),
        Answer::CommitOffsets(topics) => encode(request, &responses::offset_commit(topics)),
        Answer::DeleteOffsets(answer) => encode(request, &responses::offset_delete(answer)),
        Answer::FetchOffsets(_) | Answer::DeleteGroups(_) | Answer::DescribeGroups(_) | Answer::ListGroups(_) => {
            return Err(not_one(request.api));
        }
    };
    Ok(Next::Answer(parts?))
}

fn not_one(api: ApiKey) -> Refusal {
    Refusal::Close(format!("{api} is not about one group"))
}
