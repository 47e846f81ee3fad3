//! What administrators ask for: configurations and more partitions.

use super::{CallError, Client, requests};
use crate::drive::Drive;
use std::collections::BTreeMap;

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
    let request = requests::create_partitions(topic, count);
    requests::partitions_created(&client.call(drive, &request, requests::CREATE_PARTITIONS_VERSION)?)
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
    let request = requests::alter_config(topic, key, value);
    requests::config_altered(&client.call(drive, &request, requests::ALTER_CONFIGS_VERSION)?)
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
    let request = requests::describe_configs(topic);
    requests::configs_of(client.call(drive, &request, requests::DESCRIBE_CONFIGS_VERSION)?)
}
