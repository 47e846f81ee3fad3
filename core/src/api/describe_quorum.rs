//! DescribeQuorum (KIP-595, KIP-836, KIP-853): who keeps the metadata log. A single node is its leader and only voter.

use super::Begun;
use super::front::{Front, Next, Request, encode};
use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::describe_quorum_request::DescribeQuorumRequest;
use grete_protocol::messages::describe_quorum_response::{
    DescribeQuorumResponse, Listener, Node, PartitionData, ReplicaState, TopicData,
};
use grete_protocol::wire::{BrokerId, Message, TopicName, Uuid};

/// The first version that has messages of errors, directories of replicas and where the nodes are (KIP-853).
const NODES_AND_DIRECTORIES: i16 = 2;
const TOPIC: &str = "__cluster_metadata";

/// Answers a DescribeQuorum.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    let body = DescribeQuorumRequest::decode(&mut request.decoder(), request.version)?;
    let is_right = matches!(&body.topics[..], [topic] if topic.topic_name.as_str() == TOPIC
        && matches!(&topic.partitions[..], [partition] if partition.partition_index == 0));
    let topics = body.topics.iter().map(|topic| TopicData {
        topic_name: TopicName::from(topic.topic_name.as_str()),
        partitions: topic
            .partitions
            .iter()
            .map(
                |partition| {
                    if is_right { describe(front, request.version) } else { unknown(partition.partition_index) }
                },
            )
            .collect(),
        ..Default::default()
    });
    let mut response = DescribeQuorumResponse { topics: topics.collect(), ..Default::default() };
    if request.version >= NODES_AND_DIRECTORIES {
        response.error_message = Some("".into());
        response.nodes = if is_right { nodes(front) } else { Vec::new() };
    }
    Ok((super::Gather::Answered, Next::Answer(encode(&request, &response)?)))
}

fn unknown(partition_index: i32) -> PartitionData<'static> {
    PartitionData {
        partition_index,
        error_code: ErrorCode::UnknownTopicOrPartition.code(),
        error_message: Some(ErrorCode::UnknownTopicOrPartition.message().into()),
        ..Default::default()
    }
}

fn describe(front: &Front<'_>, version: i16) -> PartitionData<'static> {
    let image = front.image;
    let leader = image.controller;
    let directory = if version >= NODES_AND_DIRECTORIES { image.controller_directory } else { Default::default() };
    let state = ReplicaState {
        replica_id: BrokerId(leader.0),
        replica_directory_id: Uuid(directory),
        log_end_offset: image.end.0,
        // The leader has just seen itself.
        last_fetch_timestamp: front.now.wall.0,
        last_caught_up_timestamp: front.now.wall.0,
        ..Default::default()
    };
    PartitionData {
        error_message: Some("".into()),
        leader_id: BrokerId(leader.0),
        leader_epoch: image.epoch,
        high_watermark: image.end.0,
        current_voters: vec![state],
        ..Default::default()
    }
}

fn nodes<'i>(front: &'i Front<'_>) -> Vec<Node<'i>> {
    let (name, host, port) = front.controller_endpoint();
    let listener = Listener { name: Cow::Borrowed(name), host, port, ..Default::default() };
    vec![Node { node_id: BrokerId(front.image.controller.0), listeners: vec![listener], ..Default::default() }]
}
