//! Produce: appends of one request, answered when each is durable.
//!
//! `acks=0` wants no answer, and learns of an error by losing its connection; `acks=1` and `acks=-1` are the same on a node
//! that is the only replica: written and flushed. Source: KIP-98 (idempotence), KIP-467 (record errors), KIP-516 (topic ids).

use super::front::{Front, Next, Refusal, Request, encode};
use super::message::Call;
use super::scatter::{ByShard, Scatter};
use crate::ids::{Offset, PartitionIndex, TopicId, TopicPartition};
use crate::replica::{self, AppendItem, AppendResult};
use crate::validation::RecordErrors;
use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use grete_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};
use grete_protocol::records::{BatchHeader, BatchView, CompressionType, InvalidRecord, InvalidRecordKind};
use grete_protocol::wire::{Message, TopicName, Uuid};

/// Clients detect compression support by Produce 0 being advertised; the versions below this one are refused all the same.
const VERSION_MIN: i16 = 3;

/// The first version that may carry batches in Zstandard.
const ZSTD_FROM: i16 = 7;

/// A Produce that waits for its appends.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    pub(super) request: Request,
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
    let mut asked = ByShard::of(body.topic_data.iter().map(|topic| topic.partition_data.len()).sum());
    for (topic, data) in last_of_each(&body) {
        let resolved = resolve(front, request.version, topic);
        let mut partitions = Vec::with_capacity(data.len());
        for data in data {
            partitions.push(PartitionIndex(data.index));
            let records = data.records.as_ref().and_then(|records| records.as_slice()).unwrap_or_default();
            let refused = match &resolved {
                Err(error) => Some(*error),
                Ok(_) if whole.is_some() => whole,
                Ok(_) if !may_hold(request.version, records) => Some(ErrorCode::UnsupportedCompressionType),
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
        let found = resolved.ok().and_then(|id| front.image.topic(id));
        let name = found.map_or(topic.name.as_str(), |found| &*found.name);
        let id = found.map_or(TopicId(topic.topic_id.0), |found| found.id);
        gather.topics.push(Topic { name: String::from(name), id, partitions });
    }
    for (shard, (places, items)) in asked {
        let part = front.call(shard, Call::Replica(replica::Call::Append(items)));
        gather.results.asked(part, places);
    }
    let next = if gather.results.is_complete() { gather.finish()? } else { Next::Wait };
    Ok((super::Gather::Produce(gather), next))
}

/// The topics with the data of their partitions. What stands twice counts as it stands last, and a topic without
/// partitions not at all.
fn last_of_each<'b, 'm>(
    body: &'b ProduceRequest<'m>,
) -> Vec<(&'b TopicProduceData<'m>, Vec<&'b PartitionProduceData<'m>>)> {
    let mut topics: Vec<(&TopicProduceData<'m>, Vec<&PartitionProduceData<'m>>)> = Vec::new();
    let mut topic_places = BTreeMap::new();
    let mut partition_places = BTreeMap::new();
    for topic in &body.topic_data {
        for data in &topic.partition_data {
            let place = *topic_places.entry((topic.name.as_str(), topic.topic_id)).or_insert_with(|| {
                topics.push((topic, Vec::new()));
                topics.len() - 1
            });
            let Some((_, partitions)) = topics.get_mut(place) else { continue };
            let in_topic = *partition_places.entry((place, data.index)).or_insert(partitions.len());
            match partitions.get_mut(in_topic) {
                Some(earlier) => *earlier = data,
                None => partitions.push(data),
            }
        }
    }
    topics
}

impl Gather {
    /// Takes the answer of a shard.
    pub(crate) fn reply(&mut self, part: u32, reply: replica::Reply) -> Result<Next, Refusal> {
        match reply {
            replica::Reply::Applied => self.results.applied(part),
            replica::Reply::Appended(results) => self.results.fill(part, results),
            other => unreachable!("an append is answered by its results, not by {other:?}"),
        }
        if self.results.is_complete() {
            return self.finish();
        }
        // The next Produce of the connection waits for no more than this: whichever shard is the last to say so, by its answer
        // where it has refused its part.
        Ok(if self.results.has_come_to_effect() { Next::Applied } else { Next::Wait })
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
            let responses = partitions.map(|(index, result)| partition_response(&topic.name, *index, result)).collect();
            TopicProduceResponse {
                name: TopicName::from(topic.name.as_str()),
                topic_id: Uuid(topic.id.0),
                partition_responses: responses,
                ..Default::default()
            }
        });
        let response = ProduceResponse { responses: topics.collect(), ..Default::default() };
        Ok(Next::Answer(encode(&self.request, &response)?))
    }
}

fn partition_response(topic: &str, index: PartitionIndex, result: AppendResult) -> PartitionProduceResponse<'static> {
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
            error_message: match record_errors.count {
                0 => message.map(|message| Cow::Owned(String::from(&*message))),
                _ => Some(Cow::Owned(all_text(topic, index, error, &record_errors))),
            },
            record_errors: record_errors
                .first
                .iter()
                .map(|record| BatchIndexAndErrorMessage {
                    batch_index: record.index,
                    batch_index_error_message: Some(Cow::Owned(record_text(topic, index, record))),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        },
    }
}

/// What Kafka says of the records that a batch is refused for (KIP-467): clients show it to people, who search for it.
fn all_text(topic: &str, index: PartitionIndex, error: ErrorCode, records: &RecordErrors) -> String {
    if error == ErrorCode::InvalidTimestamp {
        return "One or more records have been rejected due to invalid timestamp".into();
    }
    let shown = records.first.iter().take(3).map(|record| {
        let text = record_text(topic, index, record);
        format!("RecordError(batchIndex={}, message='{text}')", record.index)
    });
    let shown: Vec<String> = shown.collect();
    format!(
        "One or more records have been rejected due to {} record errors in total, and only showing the first three \
         errors at most: [{}]",
        records.count,
        shown.join(", ")
    )
}

/// What Kafka says of one of them.
fn record_text(topic: &str, index: PartitionIndex, record: &InvalidRecord) -> String {
    match record.kind {
        InvalidRecordKind::NoKey => {
            format!("Compacted topic cannot accept message without key in topic partition {topic}-{}", index.0)
        }
        InvalidRecordKind::Timestamp { timestamp, earliest, latest } => format!(
            "Timestamp {timestamp} of message with offset {} is out of range. The timestamp should be within \
             [{earliest}, {latest}]",
            record.index
        ),
        kind @ InvalidRecordKind::LogAppendTime => format!("{kind}"),
    }
}

fn error_of(result: &AppendResult) -> Option<ErrorCode> {
    match result {
        AppendResult::Done { .. } => None,
        AppendResult::Failed { error, .. } => Some(*error),
    }
}

fn failed(error: ErrorCode) -> AppendResult {
    AppendResult::Failed { error, message: None, record_errors: RecordErrors::default(), log_start_offset: Offset(-1) }
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
    let mut batches = body.topic_data.iter().flat_map(|topic| &topic.partition_data).filter_map(header);
    if body.transactional_id.is_some() || batches.any(|header| header.attributes.is_transactional()) {
        // Transactions are not served yet; this is the error that every client takes as final, and Kafka's for a batch
        // of a transaction that nobody names.
        return Some(ErrorCode::TransactionalIdAuthorizationFailed);
    }
    (!matches!(body.acks, -1..=1)).then_some(ErrorCode::InvalidRequiredAcks)
}

/// The header of a partition's batch, where it is one.
fn header(data: &PartitionProduceData<'_>) -> Option<BatchHeader> {
    let records = data.records.as_ref()?.as_slice()?;
    let batch = BatchView::parse(records).ok()?;
    Some(*batch.header())
}

/// Whether a version may carry the batch: consumers of its time cannot read Zstandard (KIP-110).
fn may_hold(version: i16, records: &[u8]) -> bool {
    let is_zstd = |batch: BatchView<'_>| batch.header().attributes.compression_type() == Some(CompressionType::Zstd);
    version >= ZSTD_FROM || !BatchView::parse(records).is_ok_and(is_zstd)
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn topic(name: &'static str, indexes: &[i32]) -> TopicProduceData<'static> {
        let data = |index: &i32| PartitionProduceData { index: *index, ..Default::default() };
        let partition_data = indexes.iter().map(data).collect();
        TopicProduceData { name: TopicName::from(name), partition_data, ..Default::default() }
    }

    #[test]
    fn what_stands_twice_counts_as_it_stands_last() {
        let topic_data = vec![topic("a", &[0, 1, 0]), topic("empty", &[]), topic("b", &[0]), topic("a", &[1, 2])];
        let body = ProduceRequest { topic_data, ..Default::default() };
        let found = last_of_each(&body);
        let indexes = |data: &[&PartitionProduceData<'_>]| data.iter().map(|data| data.index).collect::<Vec<_>>();
        let names: Vec<_> = found.iter().map(|(topic, data)| (topic.name.as_str(), indexes(data))).collect();
        assert_eq!(names, [("a", vec![0, 1, 2]), ("b", vec![0])]);
        let of_a = &found[0].1;
        assert!(core::ptr::eq(of_a[0], &body.topic_data[0].partition_data[2]));
        assert!(core::ptr::eq(of_a[1], &body.topic_data[3].partition_data[0]));
    }

    #[test]
    fn records_at_fault_are_told_in_kafkas_words() {
        let record = |index, kind| InvalidRecord { index, kind };
        let first: Vec<_> = (0..4).map(|index| record(index, InvalidRecordKind::NoKey)).collect();
        let text = all_text("t", PartitionIndex(7), ErrorCode::InvalidRecord, &RecordErrors { first, count: 200 });
        let each = |index: i32| {
            let message = "Compacted topic cannot accept message without key in topic partition t-7";
            format!("RecordError(batchIndex={index}, message='{message}')")
        };
        let shown = [0, 1, 2].map(each).join(", ");
        let begin = "One or more records have been rejected due to 200 record errors in total, and only showing the \
                     first three errors at most: ";
        assert_eq!(text, format!("{begin}[{shown}]"));
        let late = record(3, InvalidRecordKind::Timestamp { timestamp: 9, earliest: 1, latest: 5 });
        assert_eq!(
            record_text("t", PartitionIndex(7), &late),
            "Timestamp 9 of message with offset 3 is out of range. The timestamp should be within [1, 5]"
        );
    }
}
