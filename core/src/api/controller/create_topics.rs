//! CreateTopics (KIP-4, KIP-464, KIP-525).

use super::{answered, text};
use crate::api::front::{Refusal, Request};
use crate::config::Properties;
use crate::controller::{Controller, CreatedTopic, Decision, NewTopic, TopicRefusal};
use crate::ids::NodeId;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use grete_protocol::ErrorCode;
use grete_protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use grete_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult, CreateTopicsResponse,
};
use grete_protocol::wire::{Message, TopicName, Uuid};

/// Decides on a CreateTopics.
pub(super) fn decide(controller: &mut Controller, request: &Request) -> Result<Decision, Refusal> {
    let body = CreateTopicsRequest::decode(&mut request.decoder(), request.version)?;
    let topics: Vec<NewTopic> = body.topics.iter().map(new_topic).collect();
    let (records, results) = if body.timeout_ms <= 0 {
        // Kafka's controller drops what has timed out before it gets to it.
        let refusal = TopicRefusal { error: ErrorCode::RequestTimedOut, message: None };
        (Vec::new(), topics.iter().map(|_| Err(refusal.clone())).collect())
    } else {
        controller.create_topics(&topics)
    };
    // What stands twice has one result, after all others.
    let mut seen = BTreeSet::new();
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    for (topic, result) in topics.iter().zip(results) {
        let duplicate = topics.iter().filter(|other| other.name == topic.name).count() > 1;
        if seen.insert(&topic.name) {
            let answer = answer(controller, topic, result);
            if duplicate { twice.push(answer) } else { once.push(answer) }
        }
    }
    once.append(&mut twice);
    let response = CreateTopicsResponse { topics: once, ..Default::default() };
    let decided = answered(request, &response)?;
    Ok(Decision { records: if body.validate_only { Vec::new() } else { records }, decided })
}

fn new_topic(topic: &CreatableTopic<'_>) -> NewTopic {
    NewTopic {
        name: String::from(topic.name.as_str()),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: topic
            .assignments
            .iter()
            .map(|given| (given.partition_index, given.broker_ids.iter().map(|id| NodeId(id.0)).collect()))
            .collect(),
        configs: topic
            .configs
            .iter()
            .map(|config| (String::from(&*config.name), config.value.as_deref().map(String::from)))
            .collect(),
    }
}

fn answer(
    controller: &Controller,
    topic: &NewTopic,
    result: Result<CreatedTopic, TopicRefusal>,
) -> CreatableTopicResult<'static> {
    let name = TopicName::from(topic.name.clone());
    match result {
        Ok(created) => CreatableTopicResult {
            name,
            topic_id: Uuid(created.id.0),
            error_message: None,
            num_partitions: created.partitions,
            replication_factor: created.replication_factor,
            configs: Some(describe(controller, topic)),
            ..Default::default()
        },
        Err(refusal) => CreatableTopicResult {
            name,
            error_code: refusal.error.code(),
            error_message: refusal.message.map(text),
            num_partitions: -1,
            replication_factor: -1,
            configs: Some(Vec::new()),
            ..Default::default()
        },
    }
}

/// KIP-525: the whole configuration of the new topic.
fn describe(controller: &Controller, topic: &NewTopic) -> Vec<CreatableTopicConfigs<'static>> {
    let given = topic.configs.iter().filter_map(|(name, value)| Some((name.as_str().into(), value.as_deref()?.into())));
    let overrides: Properties = given.collect();
    let described = controller.appended().layers().describe_topic(Some(&overrides));
    let configs = described.into_iter().map(|one| CreatableTopicConfigs {
        // As in Kafka, what the client gave comes back as it was given.
        value: overrides.get(one.name.as_str()).map(|given| String::from(&**given)).or(one.value).map(Into::into),
        name: one.name.into(),
        read_only: one.is_read_only,
        config_source: one.source as i8,
        is_sensitive: one.is_sensitive,
        ..Default::default()
    });
    configs.collect()
}
