//! DeleteRecords: moves the start of logs forward; answered once that is durable.

use super::front::{Front, Next, Refusal, Request, encode};
use super::per_partition::{Asked, PerPartition, existing};
use crate::ids::{Offset, PartitionIndex};
use crate::replica::{self, DeleteRecordsItem};
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest};
use grete_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use grete_protocol::wire::{Message, TopicName};

/// A DeleteRecords under way.
#[derive(Clone, Debug)]
pub(crate) struct Gather(PerPartition<Offset>);

/// Begins a DeleteRecords.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Result<(super::Gather, Next), Refusal> {
    let body = DeleteRecordsRequest::decode(&mut request.decoder(), request.version)?;
    let ask = |name: &str, partition: &DeleteRecordsPartition| -> Asked<DeleteRecordsItem> {
        let (topic, of) = existing(front, name, partition.partition_index)?;
        if topic.is_internal() {
            return Err(ErrorCode::InvalidTopicException);
        }
        // Kafka refuses to cut what only compaction may shorten.
        if !topic.config.cleanup.delete {
            return Err(ErrorCode::PolicyViolation);
        }
        Ok((of, DeleteRecordsItem { partition: of, offset: Offset(partition.offset) }))
    };
    let topics = body.topics.iter().map(|topic| {
        let name = topic.name.as_str();
        let partitions = topic.partitions.iter().map(|at| (PartitionIndex(at.partition_index), ask(name, at)));
        (String::from(name), partitions.collect())
    });
    let topics: Vec<_> = topics.collect();
    let mut gather = Gather(PerPartition::deal(front, request.clone(), topics, replica::Call::DeleteRecords));
    let next = gather.next()?;
    Ok((super::Gather::DeleteRecords(gather), next))
}

impl Gather {
    /// Takes the answer of a shard.
    pub(crate) fn reply(&mut self, part: u32, reply: replica::Reply) -> Result<Next, Refusal> {
        let replica::Reply::DeleteRecords(results) = reply else {
            unreachable!("deletions are answered by log starts, not by {reply:?}")
        };
        self.0.fill(part, results);
        self.next()
    }

    fn next(&mut self) -> Result<Next, Refusal> {
        let Some(results) = self.0.take() else { return Ok(Next::Wait) };
        let topics = results.into_iter().map(|(name, partitions)| DeleteRecordsTopicResult {
            name: TopicName::from(name),
            partitions: partitions.into_iter().map(partition).collect(),
            ..Default::default()
        });
        let response = DeleteRecordsResponse { topics: topics.collect(), ..Default::default() };
        Ok(Next::Answer(encode(self.0.request(), &response)?))
    }
}

fn partition((index, result): (PartitionIndex, Result<Offset, ErrorCode>)) -> DeleteRecordsPartitionResult {
    let (low_watermark, error) = match result {
        Ok(start) => (start.0, ErrorCode::None),
        Err(error) => (-1, error),
    };
    DeleteRecordsPartitionResult {
        partition_index: index.0,
        low_watermark,
        error_code: error.code(),
        ..Default::default()
    }
}
