//! Produce: appends of one request, answered when each is durable.
//!
//! `acks=0` wants no answer, and learns of an error by losing its connection; `acks=1` and `acks=-1` are the same on a node
//! that is the only replica: written and flushed. Source: KIP-98 (idempotence), KIP-467 (record errors), KIP-516 (topic ids).

use super::front::{Front, Next, Refusal, Request, encode};
use super::message::Call;
use super::scatter::{ByShard, Scatter};
use crate::ids::{Offset, PartitionIndex, TopicId, TopicPartition};
use crate::replica::{self, AppendItem, AppendResult};
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::produce_request::{ProduceRequest, TopicProduceData};
use grete_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use grete_protocol::wire::{Message, TopicName, Uuid};

/// Clients detect compression support by Produce 0 being advertised; the versions below this one are refused all the same.
const VERSION_MIN: i16 = 3;

/// A Produce that waits for its appends.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    request: Request,
    acks: i16,
    topics: Vec<Topic>,
    results: Scatter<AppendResult>,
}

/// A topic of the request, with the partitions that follow each other in the results.
#[derive(Clone, Debug)]
struct Topic {
    name: String,
    id: TopicId,
    partitions: Vec<PartitionIndex>,
}

/// Begins a Produce.
pub(crate) fn begin(front: &mut Front<'_>, request: Request) -> Result<(super::Gather, Next), Refusal> {
    if request.version < VERSION_MIN {
        return Err(Refusal::Close(format!("Produce version {} is no longer served", request.version)));
    }
    let frame = request.frame.clone();
    let body = ProduceRequest::decode(&mut request.decoder(), request.version)?;
    let mut gather = Gather { acks: body.acks, topics: Vec::new(), results: Scatter::new(), request: request.clone() };
    let whole = refuse_whole(&body);
    // Kafka's own tools may write to the topics that brokers keep their state in.
    let is_admin = request.client_id.as_deref() == Some("__admin_client");
    let mut asked = ByShard::new();
    for topic in &body.topic_data {
        let resolved = resolve(front, request.version, topic);
        let mut partitions = Vec::with_capacity(topic.partition_data.len());
        for data in &topic.partition_data {
            partitions.push(PartitionIndex(data.index));
            let records = data.records.as_ref().and_then(|records| records.as_slice()).unwrap_or_default();
            let refused = match &resolved {
                Err(error) => Some(*error),
                Ok(_) if whole.is_some() => whole,
                Ok(found) => refuse(front, *found, data.index, body.acks, is_admin),
            };
            match (refused, resolved) {
                (None, Ok(topic)) => {
                    let partition = TopicPartition { topic, partition: PartitionIndex(data.index) };
                    let item = AppendItem { partition, records: frame.slice_ref(records), backing_bytes: frame.len() };
                    asked.push(partition.shard(front.shards), gather.results.push_open(), item);
                }
                (Some(error), _) | (None, Err(error)) => gather.results.push_done(failed(error)),
            }
        }
        let id = resolved.unwrap_or(TopicId(topic.topic_id.0));
        gather.topics.push(Topic { name: String::from(topic.name.as_str()), id, partitions });
    }
    for (shard, (places, items)) in asked {
        let part = front.call(shard, Call::Replica(replica::Call::Append(items)));
        gather.results.asked(part, places);
    }
    let next = if gather.results.is_complete() { gather.finish()? } else { Next::Wait };
    Ok((super::Gather::Produce(gather), next))
}

impl Gather {
    /// Takes the answer of a shard.
    pub(crate) fn reply(&mut self, part: u32, reply: replica::Reply) -> Result<Next, Refusal> {
        match reply {
            replica::Reply::Applied => Ok(if self.results.applied(part) { Next::Applied } else { Next::Wait }),
            replica::Reply::Appended(results) => {
                self.results.fill(part, results);
                if self.results.is_complete() { self.finish() } else { Ok(Next::Wait) }
            }
            other => unreachable!("an append is answered by its results, not by {other:?}"),
        }
    }

    fn finish(&mut self) -> Result<Next, Refusal> {
        let results = core::mem::replace(&mut self.results, Scatter::new()).into_results();
        if self.acks == 0 {
            return match results.iter().find_map(error_of) {
                Some(error) => Err(Refusal::Close(format!("a Produce with acks=0 failed: {error}"))),
                None => Ok(Next::Silent),
            };
        }
        let mut results = results.into_iter();
        let topics = self.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().zip(results.by_ref());
            TopicProduceResponse {
                name: TopicName::from(topic.name.as_str()),
                topic_id: Uuid(topic.id.0),
                partition_responses: partitions.map(|(index, result)| partition_response(*index, result)).collect(),
                ..Default::default()
            }
        });
        let response = ProduceResponse { responses: topics.collect(), ..Default::default() };
        Ok(Next::Answer(encode(&self.request, &response)?))
    }
}

fn partition_response(index: PartitionIndex, result: AppendResult) -> PartitionProduceResponse<'static> {
    match result {
        AppendResult::Done { base_offset, log_append_time, log_start_offset } => PartitionProduceResponse {
            index: index.0,
            base_offset: base_offset.0,
            log_append_time_ms: log_append_time.0,
            log_start_offset: log_start_offset.0,
            ..Default::default()
        },
        AppendResult::Failed { error, message, record_errors, log_start_offset } => PartitionProduceResponse {
            index: index.0,
            error_code: error.code(),
            base_offset: -1,
            log_append_time_ms: -1,
            log_start_offset: log_start_offset.0,
            error_message: message.map(|message| Cow::Owned(String::from(&*message))),
            record_errors: record_errors
                .into_iter()
                .map(|(batch_index, message)| BatchIndexAndErrorMessage {
                    batch_index,
                    batch_index_error_message: message.map(Cow::Owned),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        },
    }
}

fn error_of(result: &AppendResult) -> Option<ErrorCode> {
    match result {
        AppendResult::Done { .. } => None,
        AppendResult::Failed { error, .. } => Some(*error),
    }
}

fn failed(error: ErrorCode) -> AppendResult {
    AppendResult::Failed { error, message: None, record_errors: Vec::new(), log_start_offset: Offset(-1) }
}

/// The topic that the client means.
fn resolve(front: &Front<'_>, version: i16, topic: &TopicProduceData<'_>) -> Result<TopicId, ErrorCode> {
    if version >= 13 {
        let id = TopicId(topic.topic_id.0);
        return front.image.topic(id).map(|_| id).ok_or(ErrorCode::UnknownTopicId);
    }
    let found = front.image.topic_by_name(topic.name.as_str());
    found.map(|topic| topic.id).ok_or(ErrorCode::UnknownTopicOrPartition)
}

/// Why no record of the whole request is taken.
fn refuse_whole(body: &ProduceRequest<'_>) -> Option<ErrorCode> {
    if body.transactional_id.is_some() {
        // Transactions are not served yet; this is the error that every client takes as final.
        return Some(ErrorCode::TransactionalIdAuthorizationFailed);
    }
    (!matches!(body.acks, -1..=1)).then_some(ErrorCode::InvalidRequiredAcks)
}

/// Why no record is taken for a partition of a topic that exists.
fn refuse(front: &Front<'_>, topic: TopicId, index: i32, acks: i16, is_admin: bool) -> Option<ErrorCode> {
    let topic = front.image.topic(topic)?;
    let Some(partition) = topic.partitions.get(&PartitionIndex(index)) else {
        return Some(ErrorCode::UnknownTopicOrPartition);
    };
    if topic.is_internal() && !is_admin {
        return Some(ErrorCode::InvalidTopicException);
    }
    let in_sync_min = topic.config.min_insync_replicas;
    (acks == -1 && (partition.isr.len() as u32) < in_sync_min).then_some(ErrorCode::NotEnoughReplicas)
}
