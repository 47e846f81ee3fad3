//! What is asked of a broker, and what its answers say: requests and responses without a connection.
//!
//! Whoever reads an answer gets the first error code in it instead, where there is one.

use super::CallError;
use super::operations::{TopicShown, code, text, topic_name, wrong};
use crate::history::TopicPartition;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteGroupsRequest, DeleteGroupsResponse, DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, DescribeConfigsRequest, DescribeConfigsResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, GroupId, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse, OffsetFetchRequest,
    OffsetFetchResponse,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const CREATE_TOPICS_VERSION: i16 = 7;
pub(crate) const DELETE_TOPICS_VERSION: i16 = 6;
pub(crate) const CREATE_PARTITIONS_VERSION: i16 = 3;
pub(crate) const ALTER_CONFIGS_VERSION: i16 = 1;
pub(crate) const DESCRIBE_CONFIGS_VERSION: i16 = 4;
pub(crate) const DELETE_RECORDS_VERSION: i16 = 2;
pub(crate) const LIST_OFFSETS_VERSION: i16 = 7;
pub(crate) const METADATA_VERSION: i16 = 12;
pub(crate) const OFFSET_FETCH_VERSION: i16 = 9;
pub(crate) const FIND_COORDINATOR_VERSION: i16 = 4;
pub(crate) const DELETE_GROUPS_VERSION: i16 = 2;

/// How long a broker may take for what an administrator asks.
const TIMEOUT_MS: i32 = 30_000;

/// The type of a topic among resources.
const TOPIC: i8 = 2;
/// The operation that sets a key.
const SET: i8 = 0;
/// The source of a value that the topic itself was given.
const OF_THE_TOPIC: i8 = 1;

pub(crate) fn create_topic<'a>(
    topic: &str,
    partitions: i32,
    configs: impl Iterator<Item = (&'a str, &'a str)>,
) -> CreateTopicsRequest {
    let config = |(name, value)| CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)));
    let topic = CreatableTopic::default()
        .with_name(topic_name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(1)
        .with_configs(configs.map(config).collect());
    CreateTopicsRequest::default().with_timeout_ms(TIMEOUT_MS).with_topics(vec![topic])
}

pub(crate) fn topic_created(response: &CreateTopicsResponse) -> Result<(), CallError> {
    code(response.topics.first().ok_or_else(|| wrong("no topic"))?.error_code)
}

pub(crate) fn delete_topic(topic: &str) -> DeleteTopicsRequest {
    let topic = DeleteTopicState::default().with_name(Some(topic_name(topic)));
    DeleteTopicsRequest::default().with_timeout_ms(TIMEOUT_MS).with_topics(vec![topic])
}

pub(crate) fn topic_deleted(response: &DeleteTopicsResponse) -> Result<(), CallError> {
    code(response.responses.first().ok_or_else(|| wrong("no topic"))?.error_code)
}

/// A request for `count` partitions in all.
pub(crate) fn create_partitions(topic: &str, count: i32) -> CreatePartitionsRequest {
    let topic = CreatePartitionsTopic::default().with_name(topic_name(topic)).with_count(count).with_assignments(None);
    CreatePartitionsRequest::default().with_timeout_ms(TIMEOUT_MS).with_topics(vec![topic])
}

pub(crate) fn partitions_created(response: &CreatePartitionsResponse) -> Result<(), CallError> {
    code(response.results.first().ok_or_else(|| wrong("no topic"))?.error_code)
}

pub(crate) fn alter_config(topic: &str, key: &str, value: &str) -> IncrementalAlterConfigsRequest {
    let config =
        AlterableConfig::default().with_name(text(key)).with_config_operation(SET).with_value(Some(text(value)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(topic))
        .with_configs(vec![config]);
    IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
}

pub(crate) fn config_altered(response: &IncrementalAlterConfigsResponse) -> Result<(), CallError> {
    code(response.responses.first().ok_or_else(|| wrong("no topic"))?.error_code)
}

pub(crate) fn describe_configs(topic: &str) -> DescribeConfigsRequest {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(topic))
        .with_configuration_keys(None);
    DescribeConfigsRequest::default().with_resources(vec![resource])
}

/// The keys that the topic itself was given, with their values.
pub(crate) fn configs_of(response: DescribeConfigsResponse) -> Result<BTreeMap<String, String>, CallError> {
    let result = response.results.into_iter().next().ok_or_else(|| wrong("no topic"))?;
    code(result.error_code)?;
    let own = result.configs.into_iter().filter(|config| config.config_source == OF_THE_TOPIC);
    Ok(own
        .map(|config| (config.name.to_string(), config.value.map_or(String::new(), |value| value.to_string())))
        .collect())
}

pub(crate) fn delete_records(topic: &str, partition: i32, before: i64) -> DeleteRecordsRequest {
    let asked = DeleteRecordsPartition::default().with_partition_index(partition).with_offset(before);
    let topic = DeleteRecordsTopic::default().with_name(topic_name(topic)).with_partitions(vec![asked]);
    DeleteRecordsRequest::default().with_timeout_ms(TIMEOUT_MS).with_topics(vec![topic])
}

/// Where the log starts now.
pub(crate) fn records_deleted(response: &DeleteRecordsResponse) -> Result<i64, CallError> {
    let answer = response.topics.first().and_then(|topic| topic.partitions.first());
    let answer = answer.ok_or_else(|| wrong("no partition"))?;
    code(answer.error_code)?;
    Ok(answer.low_watermark)
}

pub(crate) fn list_offsets(topic: &str, partition: i32, timestamp: i64) -> ListOffsetsRequest {
    let asked = ListOffsetsPartition::default()
        .with_partition_index(partition)
        .with_current_leader_epoch(-1)
        .with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(vec![asked]);
    ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic])
}

/// The offset; -1 where there is none for the timestamp.
pub(crate) fn listed(response: &ListOffsetsResponse) -> Result<i64, CallError> {
    let answer = response.topics.first().and_then(|topic| topic.partitions.first());
    let answer = answer.ok_or_else(|| wrong("no partition"))?;
    code(answer.error_code)?;
    Ok(answer.offset)
}

pub(crate) fn all_topics() -> MetadataRequest {
    MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false)
}

/// All topics by name, internal ones too.
pub(crate) fn topics_shown(response: MetadataResponse) -> Result<BTreeMap<String, TopicShown>, CallError> {
    let mut topics = BTreeMap::new();
    for topic in response.topics {
        code(topic.error_code)?;
        let name = topic.name.map(|name| name.0.to_string()).unwrap_or_default();
        topics.insert(name, TopicShown { id: topic.topic_id.as_u128(), partitions: topic.partitions.len() });
    }
    Ok(topics)
}

pub(crate) fn find_coordinator(group: &str) -> FindCoordinatorRequest {
    FindCoordinatorRequest::default().with_coordinator_keys(vec![text(group)])
}

/// The port of the coordinator.
pub(crate) fn coordinator_found(response: &FindCoordinatorResponse) -> Result<i32, CallError> {
    let coordinator = response.coordinators.first().ok_or_else(|| wrong("no coordinator"))?;
    code(coordinator.error_code)?;
    Ok(coordinator.port)
}

/// A question for all that a group has committed.
pub(crate) fn all_committed(group: &str) -> OffsetFetchRequest {
    let asked = OffsetFetchRequestGroup::default().with_group_id(GroupId(text(group))).with_topics(None);
    OffsetFetchRequest::default().with_groups(vec![asked.with_member_epoch(-1)])
}

pub(crate) fn offsets_of(response: &OffsetFetchResponse) -> Result<BTreeMap<TopicPartition, i64>, CallError> {
    let group = response.groups.first().ok_or_else(|| wrong("no group"))?;
    code(group.error_code)?;
    let mut offsets = BTreeMap::new();
    for topic in &group.topics {
        let name: Arc<str> = topic.name.0.as_str().into();
        for partition in &topic.partitions {
            code(partition.error_code)?;
            if partition.committed_offset >= 0 {
                let of = TopicPartition { topic: Arc::clone(&name), partition: partition.partition_index };
                offsets.insert(of, partition.committed_offset);
            }
        }
    }
    Ok(offsets)
}

pub(crate) fn delete_group(group: &str) -> DeleteGroupsRequest {
    DeleteGroupsRequest::default().with_groups_names(vec![GroupId(text(group))])
}

pub(crate) fn group_deleted(response: &DeleteGroupsResponse) -> Result<(), CallError> {
    code(response.results.first().ok_or_else(|| wrong("no group"))?.error_code)
}
