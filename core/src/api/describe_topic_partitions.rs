//! DescribeTopicPartitions (KIP-966): topics page by page.

use super::Begun;
use super::front::{Front, Next, Request, encode};
use super::metadata::TOPIC_OPERATIONS;
use crate::config::Table;
use crate::controller::check_name;
use crate::ids::{NodeId, PartitionIndex};
use crate::metadata::{PartitionImage, TopicImage, is_internal};
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::describe_topic_partitions_request::DescribeTopicPartitionsRequest;
use grete_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponse, DescribeTopicPartitionsResponsePartition,
    DescribeTopicPartitionsResponseTopic,
};
use grete_protocol::wire::{BrokerId, Message, TopicName, Uuid};

/// Answers a DescribeTopicPartitions.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    let body = DescribeTopicPartitionsRequest::decode(&mut request.decoder(), request.version)?;
    let response = match refuse_whole(&body) {
        Some(error) => DescribeTopicPartitionsResponse {
            topics: body.topics.iter().map(|topic| failed(topic.name.as_str(), error)).collect(),
            ..Default::default()
        },
        None => page(front, &body),
    };
    Ok((super::Gather::Answered, Next::Answer(encode(&request, &response)?)))
}

/// Why nothing is described at all.
fn refuse_whole(body: &DescribeTopicPartitionsRequest<'_>) -> Option<ErrorCode> {
    if body.topics.iter().any(|topic| topic.name.as_str().is_empty()) {
        return Some(ErrorCode::UnknownServerError);
    }
    let cursor = body.cursor.as_ref()?;
    let is_listed = body.topics.is_empty() || body.topics.iter().any(|topic| topic.name == cursor.topic_name);
    (!is_listed || cursor.partition_index < 0).then_some(ErrorCode::InvalidRequest)
}

fn failed(name: &str, error: ErrorCode) -> DescribeTopicPartitionsResponseTopic<'static> {
    DescribeTopicPartitionsResponseTopic {
        error_code: error.code(),
        name: Some(TopicName::from(String::from(name))),
        ..Default::default()
    }
}

fn page<'i>(front: &'i Front<'_>, body: &DescribeTopicPartitionsRequest<'_>) -> DescribeTopicPartitionsResponse<'i> {
    let named: BTreeSet<&str> = if body.topics.is_empty() {
        front.image.names.keys().map(|name| &**name).collect()
    } else {
        body.topics.iter().map(|topic| topic.name.as_str()).collect()
    };
    let (first, first_partition) =
        body.cursor.as_ref().map_or(("", 0), |cursor| (cursor.topic_name.as_str(), cursor.partition_index));
    let mut room = (body.response_partition_limit.max(1) as usize).min(partitions_max(front));
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in named.range(first..) {
        let from = if *name == first { first_partition } else { 0 };
        let cursor = |partition_index| Cursor {
            topic_name: TopicName::from(String::from(*name)),
            partition_index,
            ..Default::default()
        };
        if room == 0 {
            response.next_cursor = Some(cursor(from));
            break;
        }
        let Some(topic) = front.image.topic_by_name(name) else {
            let error = check_name(name).err().map_or(ErrorCode::UnknownTopicOrPartition, |refusal| refusal.error);
            response.topics.push(DescribeTopicPartitionsResponseTopic {
                is_internal: is_internal(name),
                topic_authorized_operations: TOPIC_OPERATIONS,
                ..failed(name, error)
            });
            continue;
        };
        let mut left = topic.partitions.range(PartitionIndex(from)..);
        let partitions: Vec<_> = left.by_ref().take(room).map(|(index, at)| describe_partition(*index, at)).collect();
        room -= partitions.len();
        response.topics.push(describe_topic(topic, partitions));
        if let Some((next, _)) = left.next() {
            response.next_cursor = Some(cursor(next.0));
            break;
        }
    }
    response
}

/// `max.request.partition.size.limit`.
fn partitions_max(front: &Front<'_>) -> usize {
    let key = Table::Broker.find("max.request.partition.size.limit");
    let value = key.and_then(|key| front.image.layers().broker(key));
    value.and_then(|value| value.parse().ok()).unwrap_or(2000)
}

fn describe_topic(
    topic: &TopicImage,
    partitions: Vec<DescribeTopicPartitionsResponsePartition>,
) -> DescribeTopicPartitionsResponseTopic<'_> {
    DescribeTopicPartitionsResponseTopic {
        name: Some(TopicName::from(&*topic.name)),
        topic_id: Uuid(topic.id.0),
        is_internal: topic.is_internal(),
        partitions,
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..Default::default()
    }
}

fn describe_partition(index: PartitionIndex, partition: &PartitionImage) -> DescribeTopicPartitionsResponsePartition {
    let brokers = |ids: &[NodeId]| -> Vec<BrokerId> { ids.iter().map(|id| BrokerId(id.0)).collect() };
    DescribeTopicPartitionsResponsePartition {
        partition_index: index.0,
        leader_id: BrokerId(partition.leader.0),
        leader_epoch: partition.leader_epoch.0,
        replica_nodes: brokers(&partition.replicas),
        isr_nodes: brokers(&partition.isr),
        eligible_leader_replicas: Some(brokers(&partition.eligible_leader_replicas)),
        last_known_elr: Some(brokers(&partition.last_known_elr)),
        ..Default::default()
    }
}
