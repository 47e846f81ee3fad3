//! Kafka's APIs: one file for each, and [`TABLE`], which says where each one is.
//!
//! A request begins on the shard that owns its connection ([`begin`]). What it needs of other shards it asks for by
//! [`Call`](message::Call)s; the answers come back to its [`Gather`], which answers the client once it has them all.

mod api_versions;
pub(crate) mod controller;
mod delete_records;
mod describe_cluster;
mod describe_configs;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod elect_leaders;
mod fetch;
mod find_coordinator;
pub mod front;
pub mod group;
mod list_config_resources;
mod list_offsets;
mod list_partition_reassignments;
pub mod message;
mod metadata;
mod offset_for_leader_epoch;
mod per_partition;
mod produce;
mod scatter;
mod table;

pub use table::{Api, On, Operation, Resource, TABLE};

use crate::node::ListenerRole;
use alloc::format;
use alloc::string::String;
use bytes::Bytes;
use front::{Front, Next, Refusal, Request};
use grete_protocol::ApiKey;
use message::Reply;

/// How a request begins.
pub(crate) type Begun = Result<(Gather, Next), Refusal>;

/// A request that waits for something.
#[derive(Clone, Debug)]
pub(crate) enum Gather {
    /// It waits for nothing: it was answered when it began.
    Answered,
    Controller(controller::Gather),
    DeleteRecords(delete_records::Gather),
    DescribeLogDirs(describe_log_dirs::Gather),
    DescribeProducers(describe_producers::Gather),
    Fetch(fetch::Gather),
    FindCoordinator(find_coordinator::Gather),
    Group(group::Gather),
    ListOffsets(list_offsets::Gather),
    Metadata(metadata::Gather),
    OffsetForLeaderEpoch(offset_for_leader_epoch::Gather),
    Produce(produce::Gather),
}

/// Reads the header of a frame that has come in by a listener of this role, and finds its API.
///
/// # Errors
/// Why the connection is to be closed: as in Kafka, a request that cannot be told from noise gets no answer.
pub(crate) fn parse(frame: Bytes, role: ListenerRole) -> Result<Request, String> {
    let header = grete_protocol::frame::RequestHeader::decode(&frame).map_err(|error| format!("{error}"))?;
    let api = table::find(header.api, role).ok_or_else(|| not_served(header.api, role))?;
    let is_served = api.versions.contains(header.version);
    // Only ApiVersions answers a version that is not served, so that clients can find one that is.
    if !is_served && api.key != ApiKey::ApiVersions {
        return Err(format!("{} version {} is not served", header.api, header.version));
    }
    Ok(Request {
        api: header.api,
        version: header.version,
        correlation_id: header.correlation_id,
        client_id: header.client_id.as_deref().map(Into::into),
        body_at: header.length,
        frame: frame.clone(),
    })
}

/// Begins a request.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    let role = front.role();
    let api = table::find(request.api, role).ok_or_else(|| Refusal::Close(not_served(request.api, role)))?;
    (api.begin)(front, request)
}

fn not_served(api: ApiKey, role: ListenerRole) -> String {
    match role {
        ListenerRole::Broker => format!("{api} is not served"),
        ListenerRole::Controller => format!("{api} is not served on the controller's listener"),
    }
}

/// Whether nobody but the client learns of a request: where the client is gone, it need not begin.
pub(crate) fn only_reads(request: &Request) -> bool {
    match request.api {
        ApiKey::ApiVersions
        | ApiKey::DescribeCluster
        | ApiKey::DescribeConfigs
        | ApiKey::DescribeGroups
        | ApiKey::DescribeLogDirs
        | ApiKey::DescribeProducers
        | ApiKey::DescribeQuorum
        | ApiKey::DescribeTopicPartitions
        | ApiKey::Fetch
        | ApiKey::ListConfigResources
        | ApiKey::ListGroups
        | ApiKey::ListOffsets
        | ApiKey::ListPartitionReassignments
        | ApiKey::OffsetFetch
        | ApiKey::OffsetForLeaderEpoch => true,
        ApiKey::Metadata => metadata::only_reads(request),
        _ => false,
    }
}

impl Gather {
    /// Takes the answer to a piece of work.
    pub(crate) fn reply(&mut self, front: &mut Front<'_>, part: u32, reply: Reply) -> Result<Next, Refusal> {
        match (self, reply) {
            (Self::Fetch(gather), reply) => gather.reply(front, part, reply),
            (Self::Metadata(gather), reply) => gather.reply(front, reply),
            (Self::FindCoordinator(gather), reply) => gather.reply(front, reply),
            (Self::Controller(gather), Reply::Controller(reply)) => gather.reply(reply),
            (Self::Group(gather), Reply::Group(answer)) => gather.reply(front, part, *answer),
            (Self::DeleteRecords(gather), Reply::Replica(reply)) => gather.reply(part, reply),
            (Self::DescribeLogDirs(gather), reply) => gather.reply(front, reply),
            (Self::DescribeProducers(gather), Reply::Replica(reply)) => gather.reply(part, reply),
            (Self::ListOffsets(gather), Reply::Replica(reply)) => gather.reply(part, reply),
            (Self::OffsetForLeaderEpoch(gather), Reply::Replica(reply)) => gather.reply(part, reply),
            (Self::Produce(gather), Reply::Replica(reply)) => gather.reply(part, reply),
            (gather, reply) => unreachable!("{gather:?} did not ask for {reply:?}"),
        }
    }

    /// The deadline that the request set has come.
    pub(crate) fn due(&mut self, front: &mut Front<'_>) -> Result<Next, Refusal> {
        match self {
            Self::Fetch(gather) => gather.due(front),
            Self::Answered
            | Self::Controller(_)
            | Self::DeleteRecords(_)
            | Self::DescribeLogDirs(_)
            | Self::DescribeProducers(_)
            | Self::FindCoordinator(_)
            | Self::Group(_)
            | Self::ListOffsets(_)
            | Self::Metadata(_)
            | Self::OffsetForLeaderEpoch(_)
            | Self::Produce(_) => Ok(Next::Wait),
        }
    }

    /// Whether it holds the request's frame, which is charged as long.
    pub(crate) fn holds_frame(&self) -> bool {
        match self {
            Self::Answered => false,
            // What is asked of many partitions keeps the header only.
            Self::DeleteRecords(_)
            | Self::DescribeProducers(_)
            | Self::ListOffsets(_)
            | Self::OffsetForLeaderEpoch(_) => false,
            Self::Controller(gather) => gather.holds_frame(),
            Self::DescribeLogDirs(gather) => gather.request.holds_frame(),
            Self::Fetch(gather) => gather.request.holds_frame(),
            Self::FindCoordinator(gather) => gather.request.holds_frame(),
            Self::Group(gather) => gather.holds_frame(),
            Self::Metadata(gather) => gather.request.holds_frame(),
            Self::Produce(gather) => gather.request.holds_frame(),
        }
    }

    /// The room for its answer that it holds, in bytes.
    pub(crate) const fn granted(&self) -> usize {
        match self {
            Self::Fetch(gather) => gather.granted(),
            _ => 0,
        }
    }

    /// Asserts that who may wait for what other clients do holds no frame.
    pub(crate) fn check_invariants(&self) {
        match self {
            Self::Fetch(gather) => gather.check_invariants(),
            Self::Group(group::Gather::One(gather)) => {
                assert!(!gather.holds_frame(), "a member that waits for its group holds no frame");
            }
            _ => {}
        }
    }

    /// The client is gone: what only waits for it need not.
    pub(crate) fn cancel(&mut self, front: &mut Front<'_>) {
        if let Self::Fetch(gather) = self {
            gather.cancel(front);
        }
    }
}
