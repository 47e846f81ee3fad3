//! What administrators ask for: configurations and more partitions.

use super::operations::{code, text, topic_name, wrong};
use super::{CallError, Client};
use crate::drive::Drive;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{CreatePartitionsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest};
use std::collections::BTreeMap;

const CREATE_PARTITIONS_VERSION: i16 = 3;
const ALTER_CONFIGS_VERSION: i16 = 1;
const DESCRIBE_CONFIGS_VERSION: i16 = 4;

const TOPIC: i8 = 2;
const SET: i8 = 0;
/// The source of a value that the topic itself was given.
const OF_THE_TOPIC: i8 = 1;

/// Gives a topic more partitions: `count` in all.
///
/// # Errors
/// The topic's code, or why there is no answer.
pub fn create_partitions(
    drive: &mut impl Drive,
    client: &mut Client,
    topic: &str,
    count: i32,
) -> Result<(), CallError> {
    let topic = CreatePartitionsTopic::default().with_name(topic_name(topic)).with_count(count).with_assignments(None);
    let request = CreatePartitionsRequest::default().with_timeout_ms(30_000).with_topics(vec![topic]);
    let response = client.call(drive, &request, CREATE_PARTITIONS_VERSION)?;
    code(response.results.first().ok_or_else(|| wrong("no topic"))?.error_code)
}

/// Sets a key of a topic.
///
/// # Errors
/// The topic's code, or why there is no answer.
pub fn configure_topic(
    drive: &mut impl Drive,
    client: &mut Client,
    topic: &str,
    key: &str,
    value: &str,
) -> Result<(), CallError> {
    let config =
        AlterableConfig::default().with_name(text(key)).with_config_operation(SET).with_value(Some(text(value)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(topic))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let response = client.call(drive, &request, ALTER_CONFIGS_VERSION)?;
    code(response.responses.first().ok_or_else(|| wrong("no topic"))?.error_code)
}

/// The keys that a topic itself was given, with their values.
///
/// # Errors
/// The topic's code, or why there is no answer.
pub fn topic_configs(
    drive: &mut impl Drive,
    client: &mut Client,
    topic: &str,
) -> Result<BTreeMap<String, String>, CallError> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(topic))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
    let response = client.call(drive, &request, DESCRIBE_CONFIGS_VERSION)?;
    let result = response.results.into_iter().next().ok_or_else(|| wrong("no topic"))?;
    code(result.error_code)?;
    let own = result.configs.into_iter().filter(|config| config.config_source == OF_THE_TOPIC);
    Ok(own
        .map(|config| (config.name.to_string(), config.value.map_or(String::new(), |value| value.to_string())))
        .collect())
}
