//! DescribeProducers: the producers that partitions remember (KIP-664).

use super::front::{Front, Next, Refusal, Request, encode};
use super::per_partition::{Asked, PerPartition, existing};
use crate::controller::{TopicRefusal, check_name};
use crate::ids::{PartitionIndex, TopicPartition};
use crate::replica::{self, ProducerDescription};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::describe_producers_request::DescribeProducersRequest;
use grete_protocol::messages::describe_producers_response::{
    DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};
use grete_protocol::wire::{Message, ProducerId, TopicName};

/// A DescribeProducers under way.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    of: PerPartition<Vec<ProducerDescription>>,
    /// The topics that are not there, by the reason to tell people.
    missing: BTreeMap<String, String>,
}

/// Begins a DescribeProducers.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Result<(super::Gather, Next), Refusal> {
    let body = DescribeProducersRequest::decode(&mut request.decoder(), request.version)?;
    let missing: BTreeMap<String, TopicRefusal> =
        body.topics.iter().filter_map(|topic| missing(front, topic.name.as_str())).collect();
    let ask = |name: &str, index: i32| -> Asked<TopicPartition> {
        if let Some(refusal) = missing.get(name) {
            return Err(refusal.error);
        }
        let (_, of) = existing(front, name, index)?;
        Ok((of, of))
    };
    let topics = body.topics.iter().map(|topic| {
        let name = topic.name.as_str();
        let partitions = topic.partition_indexes.iter().map(|&index| (PartitionIndex(index), ask(name, index)));
        (String::from(name), partitions.collect())
    });
    let topics: Vec<_> = topics.collect();
    let missing = missing.into_iter().map(|(name, refusal)| {
        let text = refusal.message.unwrap_or_else(|| refusal.error.message().into());
        (name, text)
    });
    let missing = missing.collect();
    let of = PerPartition::deal(front, request.clone(), topics, replica::Call::Producers);
    let mut gather = Gather { of, missing };
    let next = gather.next()?;
    Ok((super::Gather::DescribeProducers(gather), next))
}

impl Gather {
    /// Takes the answer of a shard.
    pub(crate) fn reply(&mut self, part: u32, reply: replica::Reply) -> Result<Next, Refusal> {
        let replica::Reply::Producers(results) = reply else {
            unreachable!("producers are answered by producers, not by {reply:?}")
        };
        self.of.fill(part, results);
        self.next()
    }

    fn next(&mut self) -> Result<Next, Refusal> {
        let Some(results) = self.of.take() else { return Ok(Next::Wait) };
        let topics = results.into_iter().map(|(name, partitions)| TopicResponse {
            partitions: partitions.into_iter().map(|at| partition(at, self.missing.get(&name))).collect(),
            name: TopicName::from(name),
            ..Default::default()
        });
        let response = DescribeProducersResponse { topics: topics.collect(), ..Default::default() };
        Ok(Next::Answer(encode(self.of.request(), &response)?))
    }
}

/// Why a topic cannot have producers: its name is none, or it is not there.
fn missing(front: &Front<'_>, name: &str) -> Option<(String, TopicRefusal)> {
    let refusal = match check_name(name) {
        Err(refusal) => refusal,
        Ok(()) if front.image.topic_by_name(name).is_some() => return None,
        Ok(()) => TopicRefusal { error: ErrorCode::UnknownTopicOrPartition, message: None },
    };
    Some((name.into(), refusal))
}

fn partition(
    (index, result): (PartitionIndex, Result<Vec<ProducerDescription>, ErrorCode>),
    missing: Option<&String>,
) -> PartitionResponse<'static> {
    let mut response = PartitionResponse { partition_index: index.0, ..Default::default() };
    match result {
        Ok(producers) => response.active_producers = producers.into_iter().map(producer).collect(),
        Err(error) => {
            response.error_code = error.code();
            response.error_message = missing.map(|text| text.clone().into());
        }
    }
    response
}

fn producer(producer: ProducerDescription) -> ProducerState {
    ProducerState {
        producer_id: ProducerId(producer.producer_id.0),
        producer_epoch: i32::from(producer.producer_epoch.0),
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_timestamp.0,
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.current_transaction_start.0,
        ..Default::default()
    }
}
