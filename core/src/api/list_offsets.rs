//! ListOffsets: the offset of a time, or one of the special ones below zero.
//!
//! -1 is the end (of decided transactions, for read_committed), -2 the start, -3 the record with the largest timestamp
//! (KIP-734), -4 the earliest local offset (KIP-405, which without tiering is the start), -5 the end of what is tiered
//! (KIP-1005, which without tiering is nothing), -6 the earliest that is still to be tiered (KIP-1023).

use super::front::{Front, Next, Refusal, Request, encode};
use super::per_partition::{Asked, PerPartition, existing};
use crate::ids::PartitionIndex;
use crate::replica::{self, FoundOffset, ListOffsetsItem};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest};
use grete_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use grete_protocol::wire::{Message, TopicName};

/// The first version whose answers have leader epochs.
const LEADER_EPOCH_FROM: i16 = 4;

/// A ListOffsets under way.
#[derive(Clone, Debug)]
pub(crate) struct Gather(PerPartition<FoundOffset>);

/// Begins a ListOffsets.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Result<(super::Gather, Next), Refusal> {
    let body = ListOffsetsRequest::decode(&mut request.decoder(), request.version)?;
    let mut named: BTreeMap<(&str, i32), u32> = BTreeMap::new();
    for topic in &body.topics {
        for partition in &topic.partitions {
            *named.entry((topic.name.as_str(), partition.partition_index)).or_default() += 1;
        }
    }
    let read_committed = body.isolation_level == 1;
    let ask = |name: &str, partition: &ListOffsetsPartition| -> Asked<ListOffsetsItem> {
        if !matches!(body.isolation_level, 0..=1) {
            return Err(ErrorCode::UnknownServerError);
        }
        if named.get(&(name, partition.partition_index)).is_some_and(|times| *times > 1) {
            return Err(ErrorCode::InvalidRequest);
        }
        if !is_time(request.version, partition.timestamp) {
            return Err(ErrorCode::UnsupportedVersion);
        }
        let (_, of) = existing(front, name, partition.partition_index)?;
        let item = ListOffsetsItem {
            partition: of,
            timestamp: partition.timestamp,
            current_leader_epoch: partition.current_leader_epoch,
            read_committed,
        };
        Ok((of, item))
    };
    // What stands twice is answered once, and a topic without partitions not at all.
    let mut seen = BTreeSet::new();
    let topics = body.topics.iter().map(|topic| {
        let name = topic.name.as_str();
        let once = topic.partitions.iter().filter(|at| seen.insert((name, at.partition_index)));
        let partitions: Vec<_> = once.map(|at| (PartitionIndex(at.partition_index), ask(name, at))).collect();
        (String::from(name), partitions)
    });
    let topics: Vec<_> = topics.filter(|(_, partitions)| !partitions.is_empty()).collect();
    let mut gather = Gather(PerPartition::deal(front, request.clone(), topics, replica::Call::ListOffsets));
    let next = gather.next()?;
    Ok((super::Gather::ListOffsets(gather), next))
}

impl Gather {
    /// Takes the answer of a shard.
    pub(crate) fn reply(&mut self, part: u32, reply: replica::Reply) -> Result<Next, Refusal> {
        let replica::Reply::ListOffsets(results) = reply else {
            unreachable!("offsets are answered by offsets, not by {reply:?}")
        };
        self.0.fill(part, results);
        self.next()
    }

    fn next(&mut self) -> Result<Next, Refusal> {
        let Some(results) = self.0.take() else { return Ok(Next::Wait) };
        let version = self.0.request().version;
        let topics = results.into_iter().map(|(name, partitions)| ListOffsetsTopicResponse {
            name: TopicName::from(name),
            partitions: partitions.into_iter().map(|at| partition(version, at)).collect(),
            ..Default::default()
        });
        let response = ListOffsetsResponse { topics: topics.collect(), ..Default::default() };
        Ok(Next::Answer(encode(self.0.request(), &response)?))
    }
}

/// Whether a version knows a time: a real one, or one of the special ones that it has already.
fn is_time(version: i16, timestamp: i64) -> bool {
    match timestamp {
        -2.. => true,
        -3 => version >= 7,
        -4 => version >= 8,
        -5 => version >= 9,
        -6 => version >= 11,
        ..-6 => false,
    }
}

fn partition(
    version: i16,
    (index, result): (PartitionIndex, Result<FoundOffset, ErrorCode>),
) -> ListOffsetsPartitionResponse {
    let mut response = ListOffsetsPartitionResponse { partition_index: index.0, ..Default::default() };
    match result {
        Ok(found) => {
            response.timestamp = found.timestamp.0;
            response.offset = found.offset.0;
            if version >= LEADER_EPOCH_FROM {
                response.leader_epoch = found.leader_epoch.0;
            }
        }
        Err(error) => response.error_code = error.code(),
    }
    response
}

#[cfg(test)]
mod tests {
    use super::is_time;

    #[test]
    fn each_special_time_has_a_first_version() {
        let first = |time| (1..=11).find(|version| is_time(*version, time));
        assert_eq!([0, -1, -2, -3, -4, -5, -6, -7].map(first), [1, 1, 1, 7, 8, 9, 11, 0].map(|v| (v > 0).then_some(v)));
    }
}
