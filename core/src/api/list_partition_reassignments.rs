//! ListPartitionReassignments (KIP-455): the partitions whose replicas are being moved.

use super::Begun;
use super::front::{Front, Next, Request, encode};
use crate::ids::{NodeId, PartitionIndex};
use crate::metadata::TopicImage;
use alloc::vec::Vec;
use grete_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsRequest;
use grete_protocol::messages::list_partition_reassignments_response::{
    ListPartitionReassignmentsResponse, OngoingPartitionReassignment, OngoingTopicReassignment,
};
use grete_protocol::wire::{BrokerId, Message, TopicName};

/// Answers a ListPartitionReassignments.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Begun {
    let body = ListPartitionReassignmentsRequest::decode(&mut request.decoder(), request.version)?;
    let topics: Vec<OngoingTopicReassignment<'_>> = match &body.topics {
        None => front.image.topics.values().filter_map(|topic| ongoing(topic, None)).collect(),
        Some(topics) => topics
            .iter()
            .filter_map(|asked| {
                let topic = front.image.topic_by_name(asked.name.as_str())?;
                ongoing(topic, Some(&asked.partition_indexes))
            })
            .collect(),
    };
    let response = ListPartitionReassignmentsResponse { error_message: None, topics, ..Default::default() };
    Ok((super::Gather::Answered, Next::Answer(encode(&request, &response)?)))
}

fn ongoing<'i>(topic: &'i TopicImage, only: Option<&[i32]>) -> Option<OngoingTopicReassignment<'i>> {
    let is_asked = |index: &PartitionIndex| only.is_none_or(|only| only.contains(&index.0));
    let brokers = |ids: &[NodeId]| -> Vec<BrokerId> { ids.iter().map(|id| BrokerId(id.0)).collect() };
    let moving = topic.partitions.iter().filter(|(index, partition)| {
        is_asked(index) && !(partition.adding.is_empty() && partition.removing.is_empty())
    });
    let partitions: Vec<_> = moving
        .map(|(index, partition)| OngoingPartitionReassignment {
            partition_index: index.0,
            replicas: brokers(&partition.replicas),
            adding_replicas: brokers(&partition.adding),
            removing_replicas: brokers(&partition.removing),
            ..Default::default()
        })
        .collect();
    let name = TopicName::from(&*topic.name);
    (!partitions.is_empty()).then(|| OngoingTopicReassignment { name, partitions, ..Default::default() })
}
