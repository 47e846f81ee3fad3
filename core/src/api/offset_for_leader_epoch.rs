//! OffsetForLeaderEpoch: where an epoch ends in the log (KIP-101, KIP-320).

use super::front::{Front, Next, Refusal, Request, encode};
use super::per_partition::{Asked, PerPartition, existing};
use crate::ids::{LeaderEpoch, Offset, PartitionIndex};
use crate::replica::{self, EpochEndItem};
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition,
};
use grete_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use grete_protocol::wire::{Message, TopicName};

/// An OffsetForLeaderEpoch under way.
#[derive(Clone, Debug)]
pub(crate) struct Gather(PerPartition<(LeaderEpoch, Offset)>);

/// Begins an OffsetForLeaderEpoch.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Result<(super::Gather, Next), Refusal> {
    let body = OffsetForLeaderEpochRequest::decode(&mut request.decoder(), request.version)?;
    let ask = |name: &str, partition: &OffsetForLeaderPartition| -> Asked<EpochEndItem> {
        let (_, of) = existing(front, name, partition.partition)?;
        let item = EpochEndItem {
            partition: of,
            current_leader_epoch: partition.current_leader_epoch,
            leader_epoch: LeaderEpoch(partition.leader_epoch),
        };
        Ok((of, item))
    };
    let topics = body.topics.iter().map(|topic| {
        let name = topic.topic.as_str();
        let partitions = topic.partitions.iter().map(|at| (PartitionIndex(at.partition), ask(name, at)));
        (String::from(name), partitions.collect())
    });
    let topics: Vec<_> = topics.collect();
    let mut gather = Gather(PerPartition::deal(front, request.clone(), topics, replica::Call::EpochEnd));
    let next = gather.next()?;
    Ok((super::Gather::OffsetForLeaderEpoch(gather), next))
}

impl Gather {
    /// Takes the answer of a shard.
    pub(crate) fn reply(&mut self, part: u32, reply: replica::Reply) -> Result<Next, Refusal> {
        let replica::Reply::EpochEnd(results) = reply else {
            unreachable!("epochs are answered by epochs, not by {reply:?}")
        };
        self.0.fill(part, results);
        self.next()
    }

    fn next(&mut self) -> Result<Next, Refusal> {
        let Some(results) = self.0.take() else { return Ok(Next::Wait) };
        let topics = results.into_iter().map(|(name, partitions)| OffsetForLeaderTopicResult {
            topic: TopicName::from(name),
            partitions: partitions.into_iter().map(partition).collect(),
            ..Default::default()
        });
        let response = OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() };
        Ok(Next::Answer(encode(self.0.request(), &response)?))
    }
}

fn partition((index, result): (PartitionIndex, Result<(LeaderEpoch, Offset), ErrorCode>)) -> EpochEndOffset {
    let mut response = EpochEndOffset { partition: index.0, ..Default::default() };
    match result {
        Ok((epoch, end)) => {
            response.leader_epoch = epoch.0;
            response.end_offset = end.0;
        }
        Err(error) => response.error_code = error.code(),
    }
    response
}
