//! DescribeProducers: the producers that partitions remember (KIP-664).

use super::front::{Front, Next, Refusal, Request, encode};
use super::per_partition::{Asked, PerPartition, existing};
use crate::ids::{PartitionIndex, TopicPartition};
use crate::replica::{self, ProducerDescription};
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
pub(crate) struct Gather(PerPartition<Vec<ProducerDescription>>);

/// Begins a DescribeProducers.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Result<(super::Gather, Next), Refusal> {
    let body = DescribeProducersRequest::decode(&mut request.decoder(), request.version)?;
    let ask = |name: &str, index: i32| -> Asked<TopicPartition> {
        let (_, of) = existing(front, name, index)?;
        Ok((of, of))
    };
    let topics = body.topics.iter().map(|topic| {
        let name = topic.name.as_str();
        let partitions = topic.partition_indexes.iter().map(|&index| (PartitionIndex(index), ask(name, index)));
        (String::from(name), partitions.collect())
    });
    let topics: Vec<_> = topics.collect();
    let mut gather = Gather(PerPartition::deal(front, request.clone(), topics, replica::Call::Producers));
    let next = gather.next()?;
    Ok((super::Gather::DescribeProducers(gather), next))
}

impl Gather {
    /// Takes the answer of a shard.
    pub(crate) fn reply(&mut self, part: u32, reply: replica::Reply) -> Result<Next, Refusal> {
        let replica::Reply::Producers(results) = reply else {
            unreachable!("producers are answered by producers, not by {reply:?}")
        };
        self.0.fill(part, results);
        self.next()
    }

    fn next(&mut self) -> Result<Next, Refusal> {
        let Some(results) = self.0.take() else { return Ok(Next::Wait) };
        let topics = results.into_iter().map(|(name, partitions)| TopicResponse {
            name: TopicName::from(name),
            partitions: partitions.into_iter().map(partition).collect(),
            ..Default::default()
        });
        let response = DescribeProducersResponse { topics: topics.collect(), ..Default::default() };
        Ok(Next::Answer(encode(self.0.request(), &response)?))
    }
}

fn partition(
    (index, result): (PartitionIndex, Result<Vec<ProducerDescription>, ErrorCode>),
) -> PartitionResponse<'static> {
    let mut response = PartitionResponse { partition_index: index.0, ..Default::default() };
    match result {
        Ok(producers) => response.active_producers = producers.into_iter().map(producer).collect(),
        Err(error) => response.error_code = error.code(),
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
