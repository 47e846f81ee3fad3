//! What tests ask of a broker, one function each, in one version of the protocol.

use super::{CallError, Client, requests};
use crate::drive::Drive;
use crate::history::TopicPartition;
use bytes::{Bytes, BytesMut};
use grete_protocol::records::{BatchView, batches};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    BrokerId, FetchRequest, GroupId, InitProducerIdRequest, OffsetCommitRequest, OffsetFetchRequest, ProduceRequest,
    ProduceResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions,
    TimestampType,
};
use std::collections::BTreeMap;

/// The version of Produce in which [`produce`] speaks: the last one that names topics.
pub const PRODUCE_VERSION: i16 = 12;

/// The records of a batch that a client takes.
const BATCH_RECORDS_MAX: i32 = 1 << 20;

const FETCH_VERSION: i16 = 12;
pub(super) const OFFSET_COMMIT_VERSION: i16 = 9;
const INIT_PRODUCER_ID_VERSION: i16 = 4;

/// Who produces, where that is told: what makes a producer idempotent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Its id; -1 for a producer that is not idempotent.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// The sequence number of the next record.
    pub sequence: i32,
}

impl Producer {
    /// A producer that is not idempotent.
    pub const NONE: Self = Self { id: -1, epoch: -1, sequence: -1 };
}

/// What a partition holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Offsets and values.
    pub records: Vec<(i64, Bytes)>,
    /// The high watermark.
    pub high_watermark: i64,
    /// Where the log starts.
    pub log_start: i64,
}

/// A topic, as Metadata shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicShown {
    /// Its id.
    pub id: u128,
    /// Its number of partitions.
    pub partitions: usize,
}

/// One batch of records without keys, uncompressed, stamped `timestamp`.
#[must_use]
pub fn batch(values: &[Bytes], timestamp: i64, producer: Producer) -> Bytes {
    let record = |(at, value): (usize, &Bytes)| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        timestamp_type: TimestampType::Creation,
        offset: at as i64,
        // The encoder begins a new batch where the sequence does not follow the offset.
        sequence: producer.sequence + at as i32,
        timestamp,
        key: None,
        value: Some(value.clone()),
        headers: Default::default(),
    };
    let records: Vec<Record> = values.iter().enumerate().map(record).collect();
    let mut bytes = BytesMut::with_capacity(super::ENCODED_BYTES_FIRST);
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).expect("records that this client makes are valid");
    bytes.freeze()
}

/// A Produce request of one batch.
#[must_use]
pub fn produce_request(topic: &str, partition: i32, batch: Bytes, acks: i16) -> ProduceRequest {
    let partition = PartitionProduceData::default().with_index(partition).with_records(Some(batch));
    let topic = TopicProduceData::default().with_name(topic_name(topic)).with_partition_data(vec![partition]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(30_000).with_topic_data(vec![topic])
}

/// The base offset that a Produce response of one partition tells.
///
/// # Errors
/// The code that it has instead.
pub fn produced(response: &ProduceResponse) -> Result<i64, CallError> {
    let partition = response.responses.first().and_then(|topic| topic.partition_responses.first());
    let partition = partition.ok_or_else(|| wrong("no partition"))?;
    code(partition.error_code)?;
    Ok(partition.base_offset)
}

/// Produces one batch and waits for its base offset.
///
/// # Errors
/// Why there is none.
pub fn produce(
    drive: &mut impl Drive,
    client: &mut Client,
    topic: &str,
    partition: i32,
    batch: Bytes,
) -> Result<i64, CallError> {
    let request = produce_request(topic, partition, batch, -1);
    produced(&client.call(drive, &request, PRODUCE_VERSION)?)
}

/// Fetches what there is from `offset` on, without waiting for more.
///
/// # Errors
/// The partition's code, or why there is no answer.
pub fn fetch(
    drive: &mut impl Drive,
    client: &mut Client,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<Fetched, CallError> {
    let read = fetch_records(drive, client, topic, partition, offset)?;
    let records = read.records.into_iter().map(|record| (record.offset, record.value.unwrap_or_default()));
    Ok(Fetched { records: records.collect(), high_watermark: read.high_watermark, log_start: read.log_start })
}

/// What a Fetch of one partition brings, with all that stands in its records.
pub(super) struct Read {
    pub(super) records: Vec<Record>,
    /// The bytes of their batches.
    pub(super) bytes: u64,
    pub(super) high_watermark: i64,
    pub(super) log_start: i64,
}

/// As [`fetch`].
pub(super) fn fetch_records(
    drive: &mut impl Drive,
    client: &mut Client,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<Read, CallError> {
    let asked = FetchPartition::default()
        .with_partition(partition)
        .with_current_leader_epoch(-1)
        .with_fetch_offset(offset)
        .with_last_fetched_epoch(-1)
        .with_log_start_offset(-1)
        .with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(topic_name(topic)).with_partitions(vec![asked]);
    let request = FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(0)
        .with_min_bytes(0)
        .with_max_bytes(16 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    let response = client.call(drive, &request, FETCH_VERSION)?;
    code(response.error_code)?;
    let data = response.responses.first().and_then(|topic| topic.partitions.first());
    let data = data.ok_or_else(|| wrong("no partition"))?;
    code(data.error_code)?;
    let mut bytes = data.records.clone().unwrap_or_default();
    let length = bytes.len() as u64;
    // The crate reserves as many records as a batch says that it has, and a batch may say anything.
    let too_many = |batch: BatchView<'_>| batch.header().records_count > BATCH_RECORDS_MAX;
    if batches(&bytes).any(|batch| batch.is_ok_and(too_many)) {
        return Err(wrong("a batch of more records than anybody wrote"));
    }
    let sets = RecordBatchDecoder::decode_all(&mut bytes).map_err(|error| wrong(&error.to_string()))?;
    let all = sets.into_iter().flat_map(|set| set.records);
    // A batch is sent whole, from its first record on.
    let records = all.filter(|record| record.offset >= offset).collect();
    Ok(Read { records, bytes: length, high_watermark: data.high_watermark, log_start: data.log_start_offset })
}

/// Fetches all that a partition holds.
///
/// # Errors
/// As [`fetch`].
pub fn fetch_all(
    drive: &mut impl Drive,
    client: &mut Client,
    topic: &str,
    partition: i32,
) -> Result<Fetched, CallError> {
    let start = list_offset(drive, client, topic, partition, -2)?;
    let mut all = fetch(drive, client, topic, partition, start)?;
    while let Some((last, _)) = all.records.last()
        && last + 1 < all.high_watermark
    {
        let next = fetch(drive, client, topic, partition, last + 1)?;
        if next.records.is_empty() {
            return Err(wrong("nothing to fetch below the high watermark"));
        }
        all.high_watermark = next.high_watermark;
        all.records.extend(next.records);
    }
    Ok(all)
}

/// The offset for a timestamp; -1 for the end of the log, -2 for its start.
///
/// # Errors
/// The partition's code, or why there is no answer.
pub fn list_offset(
    drive: &mut impl Drive,
    client: &mut Client,
    topic: &str,
    partition: i32,
    timestamp: i64,
) -> Result<i64, CallError> {
    let request = requests::list_offsets(topic, partition, timestamp);
    requests::listed(&client.call(drive, &request, requests::LIST_OFFSETS_VERSION)?)
}

/// Creates a topic and tells its id.
///
/// # Errors
/// The topic's code, or why there is no answer.
pub fn create_topic(
    drive: &mut impl Drive,
    client: &mut Client,
    topic: &str,
    partitions: i32,
    configs: &[(&str, &str)],
) -> Result<u128, CallError> {
    let request = requests::create_topic(topic, partitions, configs.iter().copied());
    let response = client.call(drive, &request, requests::CREATE_TOPICS_VERSION)?;
    let answer = response.topics.first().ok_or_else(|| wrong("no topic"))?;
    code(answer.error_code)?;
    Ok(answer.topic_id.as_u128())
}

/// Deletes a topic.
///
/// # Errors
/// The topic's code, or why there is no answer.
pub fn delete_topic(drive: &mut impl Drive, client: &mut Client, topic: &str) -> Result<(), CallError> {
    let response = client.call(drive, &requests::delete_topic(topic), requests::DELETE_TOPICS_VERSION)?;
    requests::topic_deleted(&response)
}

/// Deletes the records before an offset and tells where the log starts now.
///
/// # Errors
/// The partition's code, or why there is no answer.
pub fn delete_records(
    drive: &mut impl Drive,
    client: &mut Client,
    topic: &str,
    partition: i32,
    before: i64,
) -> Result<i64, CallError> {
    let request = requests::delete_records(topic, partition, before);
    requests::records_deleted(&client.call(drive, &request, requests::DELETE_RECORDS_VERSION)?)
}

/// All topics by name, internal ones too.
///
/// # Errors
/// Why there is no answer.
pub fn topics(drive: &mut impl Drive, client: &mut Client) -> Result<BTreeMap<String, TopicShown>, CallError> {
    let response = client.call(drive, &requests::all_topics(), requests::METADATA_VERSION)?;
    requests::topics_shown(response)
}

/// Commits an offset for a group without members.
///
/// # Errors
/// The partition's code, or why there is no answer.
pub fn commit(
    drive: &mut impl Drive,
    client: &mut Client,
    group: &str,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<(), CallError> {
    let response = client.call(drive, &commit_request(group, topic, partition, offset), OFFSET_COMMIT_VERSION)?;
    let answer = response.topics.first().and_then(|topic| topic.partitions.first());
    code(answer.ok_or_else(|| wrong("no partition"))?.error_code)
}

/// As [`commit`], without waiting for the answer, which nobody takes.
pub fn send_commit(drive: &mut impl Drive, client: &mut Client, group: &str, topic: &str, partition: i32, offset: i64) {
    client.send_only(drive, &commit_request(group, topic, partition, offset), OFFSET_COMMIT_VERSION);
}

pub(super) fn commit_request(group: &str, topic: &str, partition: i32, offset: i64) -> OffsetCommitRequest {
    let asked = OffsetCommitRequestPartition::default()
        .with_partition_index(partition)
        .with_committed_offset(offset)
        .with_committed_leader_epoch(-1);
    let topic = OffsetCommitRequestTopic::default().with_name(topic_name(topic)).with_partitions(vec![asked]);
    OffsetCommitRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![topic])
}

/// The offset that a group has committed; `None` where it has none.
///
/// # Errors
/// The code of the group or partition, or why there is no answer.
pub fn committed(
    drive: &mut impl Drive,
    client: &mut Client,
    group: &str,
    topic: &str,
    partition: i32,
) -> Result<Option<i64>, CallError> {
    let topic =
        OffsetFetchRequestTopics::default().with_name(topic_name(topic)).with_partition_indexes(vec![partition]);
    let asked = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(text(group)))
        .with_member_epoch(-1)
        .with_topics(Some(vec![topic]));
    let request = OffsetFetchRequest::default().with_groups(vec![asked]);
    let response = client.call(drive, &request, requests::OFFSET_FETCH_VERSION)?;
    let group = response.groups.first().ok_or_else(|| wrong("no group"))?;
    code(group.error_code)?;
    let answer = group.topics.first().and_then(|topic| topic.partitions.first());
    let answer = answer.ok_or_else(|| wrong("no partition"))?;
    code(answer.error_code)?;
    Ok((answer.committed_offset >= 0).then_some(answer.committed_offset))
}

/// All offsets that a group has committed.
///
/// # Errors
/// The code of the group or a partition, or why there is no answer.
pub fn all_committed(
    drive: &mut impl Drive,
    client: &mut Client,
    group: &str,
) -> Result<BTreeMap<TopicPartition, i64>, CallError> {
    find_coordinator(drive, client, group)?;
    let response = client.call(drive, &requests::all_committed(group), requests::OFFSET_FETCH_VERSION)?;
    requests::offsets_of(&response)
}

/// Asks for the coordinator of a group, and so for the offsets topic where there is none.
///
/// # Errors
/// Why there is no answer. That there is no coordinator yet is none.
pub fn find_coordinator(drive: &mut impl Drive, client: &mut Client, group: &str) -> Result<(), CallError> {
    client.call(drive, &requests::find_coordinator(group), requests::FIND_COORDINATOR_VERSION).map(drop)
}

/// Asks for a producer id.
///
/// # Errors
/// The code, or why there is no answer.
pub fn init_producer(drive: &mut impl Drive, client: &mut Client) -> Result<Producer, CallError> {
    let request = InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(60_000);
    let response = client.call(drive, &request, INIT_PRODUCER_ID_VERSION)?;
    code(response.error_code)?;
    Ok(Producer { id: response.producer_id.0, epoch: response.producer_epoch, sequence: 0 })
}

pub(crate) fn code(code: i16) -> Result<(), CallError> {
    if code == 0 { Ok(()) } else { Err(CallError::Code(code)) }
}

pub(crate) fn wrong(what: &str) -> CallError {
    CallError::Wrong(what.to_owned())
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
