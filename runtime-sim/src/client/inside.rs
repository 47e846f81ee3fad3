//! What a broker tells of its inside: whole logs with their producers, the quorum's epoch, the members of groups.

use super::operations::{code, fetch_records, list_offset, text, topic_name, wrong};
use super::{CallError, Client};
use crate::checker::{Known, LogAtRest};
use crate::drive::Drive;
use crate::history::Value;
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeProducersRequest, DescribeQuorumRequest, GroupId};
use kafka_protocol::records::TimestampType;
use std::collections::{BTreeMap, BTreeSet};

const DESCRIBE_PRODUCERS_VERSION: i16 = 0;
const DESCRIBE_QUORUM_VERSION: i16 = 1;
const DESCRIBE_GROUPS_VERSION: i16 = 5;
/// The topic of the metadata log.
const METADATA: &str = "__cluster_metadata";

/// Reads a log from its start to its end, and what the broker knows of its producers.
///
/// # Errors
/// The partition's code, or why there is no answer.
pub fn log(drive: &mut impl Drive, client: &mut Client, topic: &str, partition: i32) -> Result<LogAtRest, CallError> {
    let start = list_offset(drive, client, topic, partition, -2)?;
    let end = list_offset(drive, client, topic, partition, -1)?;
    let mut log = LogAtRest { start, end, ..LogAtRest::default() };
    let mut next = start;
    loop {
        let read = fetch_records(drive, client, topic, partition, next)?;
        log.bytes += read.bytes;
        for record in read.records {
            next = record.offset + 1;
            log.records.push((record.offset, Value::of(&record.value.unwrap_or_default())));
            let is_own = record.timestamp_type == TimestampType::Creation;
            log.times.push(is_own.then_some(record.timestamp));
            if record.producer_id >= 0 && record.sequence >= 0 {
                let known = Known { epoch: record.producer_epoch.into(), sequence: record.sequence };
                log.folded.insert(record.producer_id, known);
            }
        }
        if log.records.is_empty() || next >= read.high_watermark {
            break;
        }
        if read.bytes == 0 {
            return Err(wrong("nothing to fetch below the high watermark"));
        }
    }
    log.producers = producers(drive, client, topic, partition)?;
    Ok(log)
}

/// What a partition knows of its producers.
fn producers(
    drive: &mut impl Drive,
    client: &mut Client,
    topic: &str,
    partition: i32,
) -> Result<BTreeMap<i64, Known>, CallError> {
    let topic = TopicRequest::default().with_name(topic_name(topic)).with_partition_indexes(vec![partition]);
    let request = DescribeProducersRequest::default().with_topics(vec![topic]);
    let response = client.call(drive, &request, DESCRIBE_PRODUCERS_VERSION)?;
    let answer = response.topics.into_iter().next().and_then(|topic| topic.partitions.into_iter().next());
    let answer = answer.ok_or_else(|| wrong("no partition"))?;
    code(answer.error_code)?;
    let known = |of: &kafka_protocol::messages::describe_producers_response::ProducerState| {
        (of.producer_id.0, Known { epoch: of.producer_epoch, sequence: of.last_sequence })
    };
    Ok(answer.active_producers.iter().map(known).collect())
}

/// The epoch of the quorum's leader.
///
/// # Errors
/// The code, or why there is no answer.
pub fn quorum_epoch(drive: &mut impl Drive, client: &mut Client) -> Result<i32, CallError> {
    let topic =
        TopicData::default().with_topic_name(topic_name(METADATA)).with_partitions(vec![PartitionData::default()]);
    let request = DescribeQuorumRequest::default().with_topics(vec![topic]);
    let response = client.call(drive, &request, DESCRIBE_QUORUM_VERSION)?;
    code(response.error_code)?;
    let answer = response.topics.first().and_then(|topic| topic.partitions.first());
    let answer = answer.ok_or_else(|| wrong("no partition"))?;
    code(answer.error_code)?;
    Ok(answer.leader_epoch)
}

/// The members of a group by their ids, where it is stable.
///
/// # Errors
/// The group's code, or why there is no answer.
pub fn stable_members(
    drive: &mut impl Drive,
    client: &mut Client,
    group: &str,
) -> Result<Option<BTreeSet<String>>, CallError> {
    let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text(group))]);
    let response = client.call(drive, &request, DESCRIBE_GROUPS_VERSION)?;
    let answer = response.groups.first().ok_or_else(|| wrong("no group"))?;
    code(answer.error_code)?;
    let members = answer.members.iter().map(|member| member.member_id.to_string()).collect();
    Ok((&*answer.group_state == "Stable").then_some(members))
}
